package inventory

import (
	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

const table = "stock_reservations"

// What the service does to its database, declared once: pgx runs the SQL, the
// simulator takes the lock.
var (
	// ReserveSelect finds free rows of one sku and locks them; rows that another
	// checkout holds are skipped, so two buyers never wait for each other.
	ReserveSelect = host.Statement{
		Name: "reserve_select",
		SQL: `SELECT id FROM stock_reservations WHERE sku = $1 AND status = 'available'
FOR UPDATE SKIP LOCKED LIMIT $2`,
		Table: table, Lock: pglock.RowShare,
	}
	// ReserveUpdate takes the rows found. It is the statement that hangs while a
	// CREATE INDEX holds SHARE, with its row locks in hand.
	ReserveUpdate = host.Statement{
		Name: "reserve_update",
		SQL: `UPDATE stock_reservations SET status = 'reserved', reservation_id = $1, expires_at = $2
WHERE id = ANY($3)`,
		Table: table, Lock: pglock.RowExclusive,
	}
	// AvailableSelect counts the free rows of one sku, and all of them, so that a
	// sold-out sku is told from an unknown one. No SHARE lock stops it.
	AvailableSelect = host.Statement{
		Name:  "available_select",
		SQL:   `SELECT count(*) FILTER (WHERE status = 'available'), count(*) FROM stock_reservations WHERE sku = $1`,
		Table: table, Lock: pglock.AccessShare,
	}
	// ReservationSelect locks the rows of one reservation. It and ExpiredSelect
	// wait for each other's rows, in the order of their ids, so that whoever has
	// the first row of a reservation gets all of it.
	ReservationSelect = host.Statement{
		Name: "reservation_select",
		SQL: `SELECT id, status FROM stock_reservations WHERE reservation_id = $1
ORDER BY id FOR UPDATE`,
		Table: table, Lock: pglock.RowShare,
	}
	// ExpiredSelect locks the rows of every reservation that has expired.
	ExpiredSelect = host.Statement{
		Name: "expired_select",
		SQL: `SELECT id, reservation_id FROM stock_reservations WHERE status = 'reserved' AND expires_at <= $1
ORDER BY id FOR UPDATE`,
		Table: table, Lock: pglock.RowShare,
	}
	// ConfirmUpdate sells the rows of a reservation.
	ConfirmUpdate = host.Statement{
		Name:  "confirm_update",
		SQL:   `UPDATE stock_reservations SET status = 'sold', expires_at = NULL WHERE id = ANY($1)`,
		Table: table, Lock: pglock.RowExclusive,
	}
	// ReleaseUpdate puts rows back on the shelf.
	ReleaseUpdate = host.Statement{
		Name: "release_update",
		SQL: `UPDATE stock_reservations SET status = 'available', reservation_id = NULL, expires_at = NULL
WHERE id = ANY($1)`,
		Table: table, Lock: pglock.RowExclusive,
	}
	// StockInsert puts new pieces of a sku on the shelf, as the warehouse reports them.
	StockInsert = host.Statement{
		Name:  "stock_insert",
		SQL:   `INSERT INTO stock_reservations (sku) SELECT $1 FROM generate_series(1, $2)`,
		Table: table, Lock: pglock.RowExclusive,
	}
)

// Statements are all of the service's.
func Statements() []host.Statement {
	return []host.Statement{
		ReserveSelect, ReserveUpdate, AvailableSelect, ReservationSelect, ExpiredSelect,
		ConfirmUpdate, ReleaseUpdate, StockInsert,
	}
}
