-- One row is one payment intent, and one event once it is paid.
CREATE TABLE payment_intents (
	id text PRIMARY KEY,
	idempotency_key text UNIQUE,
	client_secret text NOT NULL,
	amount_cents bigint NOT NULL CHECK (amount_cents > 0),
	currency text NOT NULL,
	reservation_id text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	paid_at timestamptz,
	event_id text UNIQUE,
	event_tries integer NOT NULL DEFAULT 0,
	event_taken boolean NOT NULL DEFAULT false,
	CHECK ((paid_at IS NULL) = (event_id IS NULL))
);

-- For the events that the shop has not taken yet.
CREATE INDEX payment_intents_unsent ON payment_intents (event_tries, paid_at, id)
	WHERE paid_at IS NOT NULL AND NOT event_taken;
