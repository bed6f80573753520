-- One row is one parcel.
CREATE TABLE shipments (
	tracking_number text PRIMARY KEY,
	idempotency_key text NOT NULL UNIQUE,
	order_id text NOT NULL,
	speed text NOT NULL CHECK (speed IN ('express', 'standard')),
	items jsonb NOT NULL,
	address jsonb NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX shipments_order ON shipments (order_id);
