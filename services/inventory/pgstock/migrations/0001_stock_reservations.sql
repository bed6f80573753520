-- One row is one piece of a sku.
CREATE TABLE stock_reservations (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sku text NOT NULL,
	status text NOT NULL DEFAULT 'available' CHECK (status IN ('available', 'reserved', 'sold')),
	reservation_id text,
	expires_at timestamptz,
	CHECK ((status = 'available') = (reservation_id IS NULL)),
	CHECK ((status = 'reserved') = (expires_at IS NOT NULL))
);

-- For a cart's rows, and for counting what is left.
CREATE INDEX stock_reservations_sku ON stock_reservations (sku, status);

-- For the rows of one reservation.
CREATE INDEX stock_reservations_reservation ON stock_reservations (reservation_id)
	WHERE reservation_id IS NOT NULL;

-- For the sweeper: only what can expire. The index of INC-2847,
-- idx_reservations_expiry, was to hold all rows, and was built while the table was
-- in use.
CREATE INDEX stock_reservations_expiry ON stock_reservations (expires_at)
	WHERE status = 'reserved';
