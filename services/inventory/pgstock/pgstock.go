// Package pgstock is the inventory database on Postgres.
package pgstock

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/pgkit"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the schema.
var Migrations = pgkit.Migrations{Set: "inventory", Files: files}

// Stock is an inventory.Stock: one row is one piece of a sku.
type Stock struct {
	db    *pgkit.DB
	clock host.Clock
	rand  host.Rand
}

// New is the stock of a database that has the schema.
func New(db *pgkit.DB, clock host.Clock, rand host.Rand) *Stock {
	return &Stock{db: db, clock: clock, rand: rand}
}

// Add puts n pieces of a sku on the shelf.
func (s *Stock) Add(ctx context.Context, sku string, n int) error {
	return s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		_, err := pgkit.Exec(ctx, c, inventory.StockInsert, sku, n)
		return err
	})
}

// Reserve takes all items or none, in one transaction: it locks rows of an item,
// skipping those that others have locked, and updates them; it is the update that
// waits while somebody holds SHARE, with the row locks in hand.
func (s *Stock) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	// The database keeps microseconds: rounded up, for a reservation is never
	// shorter than it was promised to be.
	r := inventory.Reservation{
		ID: s.rand.ID("res_"), ExpiresAt: s.clock.Now().Add(ttl + time.Microsecond - 1).Truncate(time.Microsecond),
	}
	err := s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
		for _, it := range inventory.InOrder(items) {
			ids, err := pgkit.All(ctx, c, inventory.ReserveSelect, pgx.RowTo[int64], it.SKU, it.Qty)
			if err != nil {
				return err
			}
			if len(ids) < it.Qty {
				return fmt.Errorf("sku %s: %d wanted, %d free: %w", it.SKU, it.Qty, len(ids), inventory.ErrOutOfStock)
			}
			if _, err := pgkit.Exec(ctx, c, inventory.ReserveUpdate, r.ID, r.ExpiresAt, ids); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return inventory.Reservation{}, fmt.Errorf("reserve: %w", err)
	}
	return r, nil
}

// count is how many rows of a sku are free, and how many there are.
type count struct{ free, all int }

// Available counts the free rows of a sku.
func (s *Stock) Available(ctx context.Context, sku string) (int, error) {
	var n count
	err := s.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) (err error) {
		n, _, err = pgkit.One(ctx, c, inventory.AvailableSelect, func(r pgx.CollectableRow) (n count, err error) {
			return n, r.Scan(&n.free, &n.all)
		}, sku)
		return err
	})
	if err == nil && n.all == 0 {
		err = inventory.ErrUnknownSKU
	}
	if err != nil {
		return 0, fmt.Errorf("available %s: %w", sku, err)
	}
	return n.free, nil
}

// held is a row that a reservation has taken.
type held struct {
	id     int64
	status string
}

// settle locks the rows of a reservation and updates them. found is false when it
// holds none; sold rows stay as they are.
func (s *Stock) settle(ctx context.Context, reservation string, update host.Statement) (found, sold bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
		rows, err := pgkit.All(ctx, c, inventory.ReservationSelect, func(r pgx.CollectableRow) (h held, err error) {
			return h, r.Scan(&h.id, &h.status)
		}, reservation)
		if err != nil || len(rows) == 0 {
			return err
		}
		found, sold = true, rows[0].status == "sold" // all of them or none
		if sold {
			return nil
		}
		ids := make([]int64, len(rows))
		for i, h := range rows {
			ids[i] = h.id
		}
		_, err = pgkit.Exec(ctx, c, update, ids)
		return err
	})
	return found, sold, err
}

// Confirm sells what a reservation holds.
func (s *Stock) Confirm(ctx context.Context, reservation string) error {
	found, _, err := s.settle(ctx, reservation, inventory.ConfirmUpdate)
	if err == nil && !found {
		err = inventory.ErrNoReservation
	}
	if err != nil {
		return fmt.Errorf("confirm %s: %w", reservation, err)
	}
	return nil
}

// Release puts back what a reservation holds.
func (s *Stock) Release(ctx context.Context, reservation string) error {
	_, sold, err := s.settle(ctx, reservation, inventory.ReleaseUpdate)
	if err == nil && sold {
		err = inventory.ErrSold
	}
	if err != nil {
		return fmt.Errorf("release %s: %w", reservation, err)
	}
	return nil
}

// lapsed is a row of a reservation that has expired.
type lapsed struct {
	id          int64
	reservation string
}

// Sweep puts back what the reservations hold that have expired.
func (s *Stock) Sweep(ctx context.Context) (expired []string, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {
		rows, err := pgkit.All(ctx, c, inventory.ExpiredSelect, func(r pgx.CollectableRow) (l lapsed, err error) {
			return l, r.Scan(&l.id, &l.reservation)
		}, s.clock.Now())
		if err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]int64, len(rows))
		for i, l := range rows {
			ids[i] = l.id
			expired = append(expired, l.reservation)
		}
		_, err = pgkit.Exec(ctx, c, inventory.ReleaseUpdate, ids)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	slices.Sort(expired)
	return slices.Compact(expired), nil
}
