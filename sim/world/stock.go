package world

import (
	"context"
	"fmt"
	"time"

	"tripcurve/services/host"
	"tripcurve/services/inventory"
)

// Stock is the inventory database, an inventory.Stock. Rows of one sku are alike,
// so they are counted, not kept.
type Stock struct {
	*shelf
	d *Database
}

// shelf is the rows.
type shelf struct {
	table *Table
	skus  map[string]*rows
	ids   *Stream

	reserved []*Reserved
	byID     map[string]*Reserved
	settled  int // so many of reserved, from the beginning, hold nothing that could expire
	locks    rowLocks
}

// rows are the rows of one sku by their state.
type rows struct {
	free   int // available, and nobody has them locked
	locked int // available still, but locked by a transaction
	taken  int // reserved or sold
	added  int // ever put on the shelf

	slow time.Duration // that a statement which takes them takes longer
}

// Reserved is one reservation made.
type Reserved struct {
	inventory.Reservation
	At    time.Time // committed
	items []inventory.Item
	state holding
}

// holding is what has become of a reservation.
type holding uint8

const (
	holds    holding = iota
	sold             // confirmed: it no longer expires
	returned         // its rows are back on the shelf
)

// NewStock is a stock without rows which expects so many reservations.
func NewStock(d *Database, expect int) *Stock {
	return &Stock{d: d, shelf: &shelf{
		table: d.Table(inventory.ReserveUpdate.Table), skus: make(map[string]*rows), ids: d.w.Stream("reservation ids"),
		byID: make(map[string]*Reserved, expect), locks: rowLocks{k: d.w.K},
	}}
}

// Behind is the same stock behind another pool of its database.
func (s *Stock) Behind(d *Database) *Stock { return &Stock{shelf: s.shelf, d: d} }

// Add puts n available rows of a sku on the shelf.
func (s *Stock) Add(sku string, n int) {
	r := s.skus[sku]
	if r == nil {
		r = &rows{}
		s.skus[sku] = r
	}
	r.free += n
	r.added += n
}

// Err says whether the rows add up: added = free + locked + taken, and what is taken
// is what reservations hold or have sold.
func (s *Stock) Err() error {
	held := make(map[string]int, len(s.skus))
	for _, v := range s.reserved {
		if v.state == returned {
			continue
		}
		for _, it := range v.items {
			held[it.SKU] += it.Qty
		}
	}
	for sku, r := range s.skus {
		if r.added != r.free+r.locked+r.taken || r.free < 0 || r.locked < 0 || r.taken != held[sku] {
			return fmt.Errorf("sku %s: %d rows added, %d free, %d locked, %d taken; reservations hold %d", sku, r.added, r.free, r.locked, r.taken, held[sku])
		}
	}
	return nil
}

// Slow makes every statement that takes rows of a sku take so much longer; it
// must have some.
func (s *Stock) Slow(sku string, by time.Duration) { s.skus[sku].slow = by }

// Returned says whether the stock of a reservation was put back.
func (v *Reserved) Returned() bool { return v.state == returned }

// Reserved are the reservations made, oldest first, whatever became of them.
func (s *Stock) Reserved() []*Reserved { return s.reserved }

// Reserve takes all items or none, in one transaction: it locks the rows of an
// item, skipping those that others have locked, and updates them; it is the
// update that waits while somebody holds SHARE, with the row locks in hand.
func (s *Stock) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	items = inventory.InOrder(items)
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
		if r.slow > 0 {
			if err := sleep(s.d.w.K, x.c, r.slow); err != nil {
				return inventory.Reservation{}, err
			}
		}
	}
	if err := x.commit(); err != nil {
		return inventory.Reservation{}, err
	}
	committed = true
	now := s.d.w.Now()
	made := inventory.Reservation{ID: s.ids.Rand().ID("res_"), ExpiresAt: now.Add(ttl)}
	v := &Reserved{Reservation: made, At: now, items: items}
	s.reserved = append(s.reserved, v)
	s.byID[made.ID] = v
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

// Confirm sells what a reservation holds.
func (s *Stock) Confirm(ctx context.Context, id string) error {
	v, err := s.settleOne(ctx, id, &inventory.ConfirmUpdate, sold)
	if err == nil && (v == nil || v.state == returned) {
		return fmt.Errorf("reservation %s: %w", id, inventory.ErrNoReservation)
	}
	return err
}

// Release puts back what a reservation holds.
func (s *Stock) Release(ctx context.Context, id string) error {
	v, err := s.settleOne(ctx, id, &inventory.ReleaseUpdate, returned)
	if err == nil && v != nil && v.state == sold {
		return fmt.Errorf("reservation %s: %w", id, inventory.ErrSold)
	}
	return err
}

// settleOne settles a reservation if it still holds its rows, and returns it, or
// nil when there is none.
func (s *Stock) settleOne(ctx context.Context, id string, update *host.Statement, to holding) (v *Reserved, err error) {
	_, err = s.settle(ctx, &inventory.ReservationSelect, update, to, func() []*Reserved {
		if v = s.byID[id]; v == nil {
			return nil
		}
		return []*Reserved{v}
	})
	return v, err
}

// Sweep puts back what the reservations hold that have expired.
func (s *Stock) Sweep(ctx context.Context) (expired []string, err error) {
	now := s.d.w.Now()
	swept, err := s.settle(ctx, &inventory.ExpiredSelect, &inventory.ReleaseUpdate, returned, func() (found []*Reserved) {
		for s.settled < len(s.reserved) && s.reserved[s.settled].state != holds {
			s.settled++
		}
		for _, v := range s.reserved[s.settled:] {
			if v.state == holds && !v.ExpiresAt.After(now) {
				found = append(found, v)
			}
		}
		return found
	})
	for _, v := range swept {
		expired = append(expired, v.ID)
	}
	return expired, err
}

// settle is one transaction that finds reservations, waits for their rows, and
// updates those that still hold them, which it returns.
func (s *Stock) settle(ctx context.Context, find, update *host.Statement, to holding, choose func() []*Reserved) ([]*Reserved, error) {
	x, err := s.d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer x.end()
	if err := x.exec(find, s.table); err != nil {
		return nil, err
	}
	var still []*Reserved
	for _, v := range choose() {
		unlock, err := s.locks.lock(x.c, v.ID)
		if err != nil {
			return nil, err
		}
		defer unlock()
		if v.state == holds {
			still = append(still, v)
		}
	}
	if len(still) == 0 {
		return nil, nil
	}
	if err := x.exec(update, s.table); err != nil {
		return nil, err
	}
	if err := x.commit(); err != nil {
		return nil, err
	}
	for _, v := range still {
		v.state = to
		for _, it := range v.items {
			if r := s.skus[it.SKU]; to == returned {
				r.taken -= it.Qty
				r.free += it.Qty
			}
		}
	}
	return still, nil
}
