package order

import (
	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

const (
	carts     = "carts"
	orders    = "orders"
	checkouts = "checkouts"
	// columns are those of an order as they are read.
	columns = `id, idempotency_key, cart_id, user_id, status, total_cents, reservation_id, intent_id, client_secret,
tracking_number, expires_at, items, address, payment_method, expedited`
)

// What the service does to its database, declared once.
var (
	// CartSelect reads a cart.
	CartSelect = host.Statement{
		Name:  "cart_select",
		SQL:   `SELECT user_id, items, expedited FROM carts WHERE id = $1`,
		Table: carts, Lock: pglock.AccessShare,
	}
	// CartUpsert saves a cart, as the shop does before its checkout.
	CartUpsert = host.Statement{
		Name: "cart_upsert",
		SQL: `INSERT INTO carts (id, user_id, items, expedited) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, items = excluded.items, expedited = excluded.expedited`,
		Table: carts, Lock: pglock.RowExclusive,
	}
	// OrderInsert stores an order unless its idempotency key has one. It waits for
	// an order of the same key whose transaction is under way.
	OrderInsert = host.Statement{
		Name: "order_insert",
		SQL: `INSERT INTO orders (` + columns + `)
VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, nullif($8, ''), $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (idempotency_key) DO NOTHING`,
		Table: orders, Lock: pglock.RowExclusive,
	}
	// OrderByKey reads the order of an idempotency key.
	OrderByKey = host.Statement{
		Name:  "order_by_key",
		SQL:   `SELECT ` + columns + ` FROM orders WHERE idempotency_key = $1`,
		Table: orders, Lock: pglock.AccessShare,
	}
	// OrderByIntent reads the order of a payment intent.
	OrderByIntent = host.Statement{
		Name:  "order_by_intent",
		SQL:   `SELECT ` + columns + ` FROM orders WHERE intent_id = $1`,
		Table: orders, Lock: pglock.AccessShare,
	}
	// OrderSelect reads one order.
	OrderSelect = host.Statement{
		Name:  "order_select",
		SQL:   `SELECT ` + columns + ` FROM orders WHERE id = $1`,
		Table: orders, Lock: pglock.AccessShare,
	}
	// OrderLock reads one order and locks its row: steps of one order come one
	// after the other.
	OrderLock = host.Statement{
		Name:  "order_lock",
		SQL:   `SELECT ` + columns + ` FROM orders WHERE id = $1 FOR UPDATE`,
		Table: orders, Lock: pglock.RowShare,
	}
	// OrderUpdate takes a step.
	OrderUpdate = host.Statement{
		Name: "order_update",
		SQL: `UPDATE orders SET status = $2, tracking_number = $3, reservation_id = $4, intent_id = nullif($5, ''),
client_secret = $6, expires_at = $7, updated_at = now() WHERE id = $1`,
		Table: orders, Lock: pglock.RowExclusive,
	}
	// CheckoutsShare keeps the mode of the checkouts as it is while one is accepted. It
	// is a lock on the table and not on its only row: those come first who asked first,
	// and a row that every checkout locks would be written by every checkout.
	CheckoutsShare = host.Statement{
		Name:  "checkouts_share",
		SQL:   `LOCK TABLE checkouts IN ROW SHARE MODE`,
		Table: checkouts, Lock: pglock.RowShare,
	}
	// CheckoutsLock waits for all that are being accepted.
	CheckoutsLock = host.Statement{
		Name:  "checkouts_lock",
		SQL:   `LOCK TABLE checkouts IN EXCLUSIVE MODE`,
		Table: checkouts, Lock: pglock.Exclusive,
	}
	// CheckoutsSelect reads the mode.
	CheckoutsSelect = host.Statement{
		Name:  "checkouts_select",
		SQL:   `SELECT mode, closed FROM checkouts`,
		Table: checkouts, Lock: pglock.AccessShare,
	}
	// CheckoutsUpdate sets it.
	CheckoutsUpdate = host.Statement{
		Name:  "checkouts_update",
		SQL:   `UPDATE checkouts SET mode = $1, closed = $2`,
		Table: checkouts, Lock: pglock.RowExclusive,
	}
)

// Statements are all of the service's.
func Statements() []host.Statement {
	return []host.Statement{
		CartSelect, CartUpsert, OrderInsert, OrderByKey, OrderByIntent, OrderSelect, OrderLock, OrderUpdate,
		CheckoutsShare, CheckoutsLock, CheckoutsSelect, CheckoutsUpdate,
	}
}
