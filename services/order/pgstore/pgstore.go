// Package pgstore is the order database on Postgres.
package pgstore

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/pgkit"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the schema.
var Migrations = pgkit.Migrations{Set: "orders", Files: files}

// Store is an order.Store.
type Store struct{ db *pgkit.DB }

// New is the store of a database that has the schema.
func New(db *pgkit.DB) *Store { return &Store{db: db} }

// SaveCart keeps a cart, as the shop does before its checkout.
func (s *Store) SaveCart(ctx context.Context, cart order.Cart) error {
	return s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		items := cart.Items
		if items == nil {
			items = []order.Item{} // NULL is not a list
		}
		_, err := pgkit.Exec(ctx, c, order.CartUpsert, cart.ID, cart.UserID, items, cart.Expedited)
		return err
	})
}

// Cart reads a cart.
func (s *Store) Cart(ctx context.Context, id string) (order.Cart, error) {
	var cart order.Cart
	err := s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		var found bool
		var err error
		cart, found, err = pgkit.One(ctx, c, order.CartSelect, func(r pgx.CollectableRow) (order.Cart, error) {
			cart := order.Cart{ID: id}
			return cart, r.Scan(&cart.UserID, &cart.Items, &cart.Expedited)
		}, id)
		if err == nil && !found {
			err = order.ErrNoCart
		}
		return err
	})
	if err != nil {
		return order.Cart{}, fmt.Errorf("cart %s: %w", id, err)
	}
	return cart, nil
}

// read reads an order's columns.
func read(r pgx.CollectableRow) (o order.Order, err error) {
	var key, intent *string
	var expires *time.Time
	err = r.Scan(
		&o.ID, &key, &o.CartID, &o.UserID, &o.Status, &o.TotalCents, &o.ReservationID, &intent, &o.ClientSecret,
		&o.TrackingNumber, &expires, &o.Items, &o.Address, &o.PaymentMethod, &o.Expedited,
	)
	if key != nil {
		o.Key = *key
	}
	if intent != nil {
		o.IntentID = *intent
	}
	if expires != nil {
		o.ExpiresAt = expires.UTC()
	}
	return o, err
}

// one runs a query for one order.
func one(ctx context.Context, c pgkit.Conn, st host.Statement, by string) (order.Order, error) {
	o, found, err := pgkit.One(ctx, c, st, read, by)
	if err == nil && !found {
		err = order.ErrNoOrder
	}
	return o, err
}

func (s *Store) find(ctx context.Context, st host.Statement, by string) (o order.Order, err error) {
	err = s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		o, err = one(ctx, c, st, by)
		return err
	})
	if err != nil {
		return order.Order{}, fmt.Errorf("%s %q: %w", st.Name, by, err)
	}
	return o, nil
}

// ByKey finds an order by its idempotency key.
func (s *Store) ByKey(ctx context.Context, key string) (order.Order, error) {
	return s.find(ctx, order.OrderByKey, key)
}

// ByIntent finds the order that a payment intent pays.
func (s *Store) ByIntent(ctx context.Context, intent string) (order.Order, error) {
	return s.find(ctx, order.OrderByIntent, intent)
}

// Order reads one order.
func (s *Store) Order(ctx context.Context, id string) (order.Order, error) {
	return s.find(ctx, order.OrderSelect, id)
}

// Create stores an order, or returns the one its key already has.
func (s *Store) Create(ctx context.Context, o order.Order) (order.Order, error) {
	var expires *time.Time
	if !o.ExpiresAt.IsZero() {
		expires = &o.ExpiresAt
	}
	items := o.Items
	if items == nil {
		items = []order.Item{}
	}
	stored := o
	err := s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		n, err := pgkit.Exec(
			ctx, c, order.OrderInsert,
			o.ID, o.Key, o.CartID, o.UserID, o.Status, o.TotalCents, o.ReservationID, o.IntentID, o.ClientSecret,
			o.TrackingNumber, expires, items, o.Address, o.PaymentMethod, o.Expedited,
		)
		if err == nil && n == 0 {
			stored, err = one(ctx, c, order.OrderByKey, o.Key)
		}
		return err
	})
	if err != nil {
		return order.Order{}, fmt.Errorf("create order %s: %w", o.ID, err)
	}
	return stored, nil
}

// Advance takes an order one step on, with then in the same transaction, which is
// in its context (pgkit.TxOf).
func (s *Store) Advance(ctx context.Context, id string, step order.Step, then func(context.Context, order.Order) error) (order.Order, error) {
	var o order.Order
	err := s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) (err error) {
		if o, err = one(ctx, c, order.OrderLock, id); err != nil {
			return err
		}
		taken, err := o.Take(step)
		if err != nil || !taken {
			return err
		}
		if _, err := pgkit.Exec(ctx, c, order.OrderUpdate, o.ID, o.Status, o.TrackingNumber); err != nil {
			return err
		}
		if then != nil {
			return then(ctx, o)
		}
		return nil
	})
	if err != nil {
		return order.Order{}, fmt.Errorf("advance order %s: %w", id, err)
	}
	return o, nil
}
