-- How checkouts are taken: one row. closed is an asynchronous shop that takes none
-- while what it has accepted is done.
CREATE TABLE checkouts (
	single boolean PRIMARY KEY DEFAULT true CHECK (single),
	mode text NOT NULL CHECK (mode IN ('sync', 'async')),
	closed boolean NOT NULL,
	CHECK (mode = 'async' OR NOT closed)
);
INSERT INTO checkouts (mode, closed) VALUES ('sync', false);
