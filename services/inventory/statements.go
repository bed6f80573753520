package inventory

import (
	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

// What the service does to its database, declared once: pgx runs the SQL, the
// simulator takes the lock.
var (
	// ReserveSelect finds free rows of one sku and locks them; rows that another
	// checkout holds are skipped, so two buyers never wait for each other.
	ReserveSelect = host.Statement{
		Name: "reserve_select",
		SQL: `SELECT id FROM stock_reservations WHERE sku = $1 AND status = 'available'
FOR UPDATE SKIP LOCKED LIMIT $2`,
		Table: "stock_reservations", Lock: pglock.RowShare,
	}
	// ReserveUpdate takes the rows found. It is the statement that hangs while a
	// CREATE INDEX holds SHARE, with its row locks in hand.
	ReserveUpdate = host.Statement{
		Name: "reserve_update",
		SQL: `UPDATE stock_reservations SET status = 'reserved', reservation_id = $1, expires_at = $2
WHERE id = ANY($3)`,
		Table: "stock_reservations", Lock: pglock.RowExclusive,
	}
	// AvailableSelect counts the free rows of one sku, and all of them, so that a
	// sold-out sku is told from an unknown one. No SHARE lock stops it.
	AvailableSelect = host.Statement{
		Name:  "available_select",
		SQL:   `SELECT count(*) FILTER (WHERE status = 'available'), count(*) FROM stock_reservations WHERE sku = $1`,
		Table: "stock_reservations", Lock: pglock.AccessShare,
	}
)
