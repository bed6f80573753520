// Package pgstore is the order database on Postgres.
package pgstore

import (
	"context"
	"embed"
	"errors"
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
func (s *Store) Create(ctx context.Context, o order.Order) (stored order.Order, err error) {
	err = s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		stored, _, err = create(ctx, c, o)
		return err
	})
	if err != nil {
		return order.Order{}, fmt.Errorf("create order %s: %w", o.ID, err)
	}
	return stored, nil
}

// create stores an order; made is false when its key has one, which it then reads.
func create(ctx context.Context, c pgkit.Conn, o order.Order) (stored order.Order, made bool, err error) {
	items := o.Items
	if items == nil {
		items = []order.Item{}
	}
	n, err := pgkit.Exec(
		ctx, c, order.OrderInsert,
		o.ID, o.Key, o.CartID, o.UserID, o.Status, o.TotalCents, o.ReservationID, o.IntentID, o.ClientSecret,
		o.TrackingNumber, expiry(o), items, o.Address, o.PaymentMethod, o.Expedited,
	)
	if err == nil && n == 0 {
		o, err = one(ctx, c, order.OrderByKey, o.Key)
	}
	return o, n > 0, err
}

// expiry is the reservation's; NULL while there is none.
func expiry(o order.Order) *time.Time {
	if o.ExpiresAt.IsZero() {
		return nil
	}
	return &o.ExpiresAt
}

// Accept is Create while orders are left to the queue, with then in the same
// transaction, which is in its context.
func (s *Store) Accept(ctx context.Context, o order.Order, then func(context.Context, order.Order) error) (stored order.Order, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
		// In a statement of its own: the next one then sees what was committed by
		// whoever it waited for.
		if _, err := pgkit.Exec(ctx, c, order.CheckoutsShare); err != nil {
			return err
		}
		how, err := checkouts(ctx, c)
		if err == nil {
			err = how.Accepts()
		}
		if err != nil {
			return err
		}
		var made bool
		if stored, made, err = create(ctx, c, o); err == nil && made && then != nil {
			err = then(ctx, stored)
		}
		return err
	})
	if err != nil {
		return order.Order{}, fmt.Errorf("accept order %s: %w", o.ID, err)
	}
	return stored, nil
}

// Checkouts is how checkouts are taken.
func (s *Store) Checkouts(ctx context.Context) (how order.Checkouts, err error) {
	err = s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		how, err = checkouts(ctx, c)
		return err
	})
	return how, err
}

// SetCheckouts changes that, if check has nothing against it.
func (s *Store) SetCheckouts(ctx context.Context, how order.Checkouts, check func(context.Context) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
		if _, err := pgkit.Exec(ctx, c, order.CheckoutsLock); err != nil {
			return err
		}
		if check != nil {
			if err := check(ctx); err != nil {
				return err
			}
		}
		_, err := pgkit.Exec(ctx, c, order.CheckoutsUpdate, how.Mode, how.Closed)
		return err
	})
}

func checkouts(ctx context.Context, c pgkit.Conn) (order.Checkouts, error) {
	how, found, err := pgkit.One(ctx, c, order.CheckoutsSelect, func(r pgx.CollectableRow) (how order.Checkouts, err error) {
		return how, r.Scan(&how.Mode, &how.Closed)
	})
	if err == nil && !found {
		err = errors.New("checkouts: the table has no row")
	}
	return how, err
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
		if _, err := pgkit.Exec(ctx, c, order.OrderUpdate, o.ID, o.Status, o.TrackingNumber, o.ReservationID, o.IntentID, o.ClientSecret, expiry(o)); err != nil {
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
