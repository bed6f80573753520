package world

import (
	"context"
	"fmt"
	"time"

	"tripcurve/services/inventory"
)

// Stock is the inventory database, an inventory.Stock. Rows of one sku are alike,
// so they are counted, not kept.
type Stock struct {
	d     *Database
	table *Table
	skus  map[string]*rows
	ids   *Stream

	reserved []Reserved
}

// rows are the rows of one sku by their state.
type rows struct {
	free   int // available, and nobody has them locked
	locked int // available still, but locked by a transaction
	taken  int // reserved
}

// Reserved is one reservation made.
type Reserved struct {
	ID string
	At time.Time // committed
}

// NewStock is a stock without rows.
func NewStock(d *Database) *Stock {
	return &Stock{d: d, table: d.Table(inventory.ReserveUpdate.Table), skus: make(map[string]*rows), ids: d.w.Stream("reservation ids")}
}

// Add puts n available rows of a sku on the shelf.
func (s *Stock) Add(sku string, n int) {
	r := s.skus[sku]
	if r == nil {
		r = &rows{}
		s.skus[sku] = r
	}
	r.free += n
}

// Reserved are the reservations made, oldest first.
func (s *Stock) Reserved() []Reserved { return s.reserved }

// Reserve takes all items or none, in one transaction: it locks the rows of an
// item, skipping those that others have locked, and updates them; it is the
// update that waits while somebody holds SHARE, with the row locks in hand.
func (s *Stock) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	x, err := s.d.begin(ctx)
	if err != nil {
		return inventory.Reservation{}, err
	}
	locked := 0 // items whose rows this transaction has locked
	committed := false
	defer func() {
		for _, it := range items[:locked] {
			r := s.skus[it.SKU]
			r.locked -= it.Qty
			if committed {
				r.taken += it.Qty
			} else {
				r.free += it.Qty
			}
		}
		x.end()
	}()
	for _, it := range items {
		if err := x.exec(&inventory.ReserveSelect, s.table); err != nil {
			return inventory.Reservation{}, err
		}
		r := s.skus[it.SKU]
		if r == nil {
			return inventory.Reservation{}, fmt.Errorf("sku %s: %w", it.SKU, inventory.ErrUnknownSKU)
		}
		if it.Qty > r.free {
			return inventory.Reservation{}, fmt.Errorf("sku %s: %d wanted, %d free: %w", it.SKU, it.Qty, r.free, inventory.ErrOutOfStock)
		}
		r.free -= it.Qty
		r.locked += it.Qty
		locked++
		if err := x.exec(&inventory.ReserveUpdate, s.table); err != nil {
			return inventory.Reservation{}, err
		}
	}
	if err := x.commit(); err != nil {
		return inventory.Reservation{}, err
	}
	committed = true
	now := s.d.w.Now()
	made := inventory.Reservation{ID: s.ids.Rand().ID("res_"), ExpiresAt: now.Add(ttl)}
	s.reserved = append(s.reserved, Reserved{ID: made.ID, At: now})
	return made, nil
}

// Available counts the rows of a sku that nobody has reserved; rows that a
// transaction under way has locked are still available to a reader.
func (s *Stock) Available(ctx context.Context, sku string) (int, error) {
	x, err := s.d.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer x.end()
	if err := x.exec(&inventory.AvailableSelect, s.table); err != nil {
		return 0, err
	}
	r := s.skus[sku]
	if r == nil {
		return 0, fmt.Errorf("sku %s: %w", sku, inventory.ErrUnknownSKU)
	}
	return r.free + r.locked, nil
}
