-- Carts as the shop saves them before the checkout. items is a list of
-- {"sku", "qty", "priceCents"}: it is only ever read whole.
CREATE TABLE carts (
	id text PRIMARY KEY,
	user_id text NOT NULL,
	items jsonb NOT NULL,
	expedited boolean NOT NULL
);

-- Orders, with what was bought as it was at the checkout.
CREATE TABLE orders (
	id text PRIMARY KEY,
	idempotency_key text UNIQUE,
	cart_id text NOT NULL,
	user_id text NOT NULL,
	status text NOT NULL,
	total_cents bigint NOT NULL,
	reservation_id text NOT NULL,
	intent_id text UNIQUE,
	client_secret text NOT NULL,
	tracking_number text NOT NULL,
	expires_at timestamptz,
	items jsonb NOT NULL,
	address jsonb NOT NULL,
	payment_method text NOT NULL,
	expedited boolean NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);
