// Package memstore keeps the three databases of the pipeline in memory, for
// tests and demonstrations on the wall clock. It locks no tables, so nothing
// hangs in it; the simulator's stores do that.
package memstore

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/order"
	"tripcurve/services/payment"
)

// Stock is an inventory.Stock that counts rows.
type Stock struct {
	clock  host.Clock
	rand   host.Rand
	cancel policy.Cancel
	mu     sync.Mutex
	free   map[string]int // rows nobody has reserved, by sku
	slow   map[string]time.Duration
	made   []*reservation // oldest first
}

// reservation is one made, and what has become of it.
type reservation struct {
	inventory.Reservation
	items []inventory.Item // nil when they were put back
	sold  bool
}

// NewStock holds so many free rows of each sku. A reservation whose caller has
// gone is given up.
func NewStock(clock host.Clock, rand host.Rand, rows map[string]int) *Stock {
	s := &Stock{
		clock: clock, rand: rand, cancel: policy.Propagate,
		free: make(map[string]int, len(rows)), slow: map[string]time.Duration{},
	}
	for sku, n := range rows {
		s.free[sku] = n
	}
	return s
}

// Cancel says what becomes of a reservation whose caller has gone.
func (s *Stock) Cancel(c policy.Cancel) { s.cancel = c }

// Slow makes every reservation of a sku take so much longer, with its rows in hand.
func (s *Stock) Slow(sku string, by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow[sku] = by
}

// Reserve takes all items or none.
func (s *Stock) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	if s.cancel == policy.Detach {
		at, timed := ctx.Deadline()
		ctx = context.WithoutCancel(ctx)
		if timed {
			own, cancel := s.clock.WithTimeout(ctx, at.Sub(s.clock.Now()))
			defer cancel()
			ctx = own
		}
	}
	items = inventory.InOrder(items)
	for n, i := range items {
		if err := s.take(ctx, i); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.putBack(items[:n])
			return inventory.Reservation{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := inventory.Reservation{ID: s.rand.ID("res_"), ExpiresAt: s.clock.Now().Add(ttl)}
	s.made = append(s.made, &reservation{Reservation: r, items: slices.Clone(items)})
	return r, nil
}

// take takes one item, or nothing.
func (s *Stock) take(ctx context.Context, i inventory.Item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free[i.SKU] < i.Qty {
		return inventory.ErrOutOfStock
	}
	s.free[i.SKU] -= i.Qty
	slow := s.slow[i.SKU]
	if slow == 0 {
		return nil
	}
	s.mu.Unlock()
	err := s.clock.Sleep(ctx, slow)
	s.mu.Lock()
	if err != nil {
		s.free[i.SKU] += i.Qty
	}
	return err
}

// putBack frees items. The lock is held.
func (s *Stock) putBack(items []inventory.Item) {
	for _, i := range items {
		s.free[i.SKU] += i.Qty
	}
}

// Available counts the free rows of a sku.
func (s *Stock) Available(ctx context.Context, sku string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.free[sku]
	if !ok {
		return 0, inventory.ErrUnknownSKU
	}
	return n, nil
}

// find is the reservation of that id that still holds something, or nil. The
// lock is held.
func (s *Stock) find(id string) *reservation {
	for _, r := range s.made {
		if r.ID == id && r.items != nil {
			return r
		}
	}
	return nil
}

// Confirm sells what a reservation holds.
func (s *Stock) Confirm(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(id)
	if r == nil {
		return inventory.ErrNoReservation
	}
	r.sold = true
	return nil
}

// Release puts back what a reservation holds.
func (s *Stock) Release(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(id)
	if r == nil {
		return nil
	}
	if r.sold {
		return inventory.ErrSold
	}
	s.putBack(r.items)
	r.items = nil
	return nil
}

// Sweep puts back what the reservations hold that have expired.
func (s *Stock) Sweep(ctx context.Context) (expired []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	for _, r := range s.made {
		if r.items != nil && !r.sold && !r.ExpiresAt.After(now) {
			s.putBack(r.items)
			r.items = nil
			expired = append(expired, r.ID)
		}
	}
	return expired, nil
}

// Orders is an order.Store.
type Orders struct {
	mu    sync.Mutex
	carts map[string]order.Cart
	byID  map[string]order.Order
	byKey map[string]string // id by idempotency key
	steps sync.Mutex        // of a step under way; not held by readers
	how   order.Checkouts
	door  sync.RWMutex // shared by those who are being accepted
}

// NewOrders holds the carts and no order.
func NewOrders(carts ...order.Cart) *Orders {
	s := &Orders{
		carts: map[string]order.Cart{}, byID: map[string]order.Order{}, byKey: map[string]string{},
		how: order.Checkouts{Mode: order.Sync},
	}
	for _, c := range carts {
		s.carts[c.ID] = c
	}
	return s
}

// Cart reads one cart.
func (s *Orders) Cart(ctx context.Context, id string) (order.Cart, error) {
	if err := ctx.Err(); err != nil {
		return order.Cart{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.carts[id]
	if !ok {
		return order.Cart{}, order.ErrNoCart
	}
	c.Items = slices.Clone(c.Items)
	return c, nil
}

// ByKey finds an order by its idempotency key.
func (s *Orders) ByKey(ctx context.Context, key string) (order.Order, error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.byKey[key]
	if !ok {
		return order.Order{}, order.ErrNoOrder
	}
	return s.byID[id], nil
}

// ByIntent finds an order by its payment intent.
func (s *Orders) ByIntent(ctx context.Context, intent string) (order.Order, error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.byID {
		if o.IntentID == intent && intent != "" {
			return o, nil
		}
	}
	return order.Order{}, order.ErrNoOrder
}

// Advance takes an order one step on.
func (s *Orders) Advance(ctx context.Context, id string, step order.Step, then func(context.Context, order.Order) error) (order.Order, error) {
	s.steps.Lock()
	defer s.steps.Unlock()
	o, err := s.Order(ctx, id)
	if err != nil {
		return order.Order{}, err
	}
	taken, err := o.Take(step)
	if err != nil || !taken {
		return o, err
	}
	if then != nil {
		if err := then(ctx, o); err != nil {
			return order.Order{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[id] = o
	return o, nil
}

// Create stores an order, or returns the one its key already has.
func (s *Orders) Create(ctx context.Context, o order.Order) (order.Order, error) {
	stored, _, err := s.create(ctx, o)
	return stored, err
}

// create also says whether it made the order.
func (s *Orders) create(ctx context.Context, o order.Order) (stored order.Order, made bool, err error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.byKey[o.Key]; ok {
		return s.byID[id], false, nil
	}
	s.byID[o.ID] = o
	if o.Key != "" {
		s.byKey[o.Key] = o.ID
	}
	return o, true, nil
}

// Accept stores an order whose checkout is left to the queue. Readers see it before
// then has ended.
func (s *Orders) Accept(ctx context.Context, o order.Order, then func(context.Context, order.Order) error) (order.Order, error) {
	s.door.RLock()
	defer s.door.RUnlock()
	if err := s.how.Accepts(); err != nil {
		return order.Order{}, err
	}
	stored, made, err := s.create(ctx, o)
	if err != nil || !made || then == nil {
		return stored, err
	}
	if err := then(ctx, stored); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byID, o.ID)
		delete(s.byKey, o.Key)
		return order.Order{}, err
	}
	return stored, nil
}

// Checkouts is how checkouts are taken.
func (s *Orders) Checkouts(ctx context.Context) (order.Checkouts, error) {
	s.door.RLock()
	defer s.door.RUnlock()
	return s.how, ctx.Err()
}

// SetCheckouts changes that, if check has nothing against it.
func (s *Orders) SetCheckouts(ctx context.Context, how order.Checkouts, check func(context.Context) error) error {
	s.door.Lock()
	defer s.door.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if check != nil {
		if err := check(ctx); err != nil {
			return err
		}
	}
	s.how = how
	return nil
}

// Order reads one order.
func (s *Orders) Order(ctx context.Context, id string) (order.Order, error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.byID[id]
	if !ok {
		return order.Order{}, order.ErrNoOrder
	}
	return o, nil
}

// Len is the number of orders stored.
func (s *Orders) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// Ledger is a payment.Ledger.
type Ledger struct {
	mu    sync.Mutex
	all   []*intent // oldest first
	byKey map[string]*intent
}

// intent is one and what has become of its event.
type intent struct {
	payment.Intent
	tries int
	taken bool
}

// NewLedger is empty.
func NewLedger() *Ledger { return &Ledger{byKey: map[string]*intent{}} }

// CreateIntent stores an intent, or returns the one its key already has.
func (l *Ledger) CreateIntent(ctx context.Context, in payment.Intent) (payment.Intent, error) {
	if err := ctx.Err(); err != nil {
		return payment.Intent{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byKey[in.Key]; ok {
		if !known.SameSum(in) {
			return payment.Intent{}, payment.ErrKeyReused
		}
		return known.Intent, nil
	}
	i := &intent{Intent: in}
	if in.Key != "" {
		l.byKey[in.Key] = i
	}
	l.all = append(l.all, i)
	return in, nil
}

// find is the intent of that id. The lock is held.
func (l *Ledger) find(id string) (*intent, error) {
	for _, i := range l.all {
		if i.ID == id {
			return i, nil
		}
	}
	return nil, payment.ErrNoIntent
}

// Intent reads one intent.
func (l *Ledger) Intent(ctx context.Context, id string) (payment.Intent, error) {
	if err := ctx.Err(); err != nil {
		return payment.Intent{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i, err := l.find(id)
	if err != nil {
		return payment.Intent{}, err
	}
	return i.Intent, nil
}

// Succeed notes that an intent is paid.
func (l *Ledger) Succeed(ctx context.Context, id, event string, at time.Time) (payment.Intent, error) {
	if err := ctx.Err(); err != nil {
		return payment.Intent{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i, err := l.find(id)
	if err != nil {
		return payment.Intent{}, err
	}
	if i.PaidAt.IsZero() {
		i.EventID, i.PaidAt = event, at
	}
	return i.Intent, nil
}

// Unsent are the paid intents whose event the shop has not taken.
func (l *Ledger) Unsent(ctx context.Context, limit int) ([]payment.Intent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*intent
	for _, i := range l.all {
		if !i.PaidAt.IsZero() && !i.taken {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b *intent) int {
		return cmp.Or(cmp.Compare(a.tries, b.tries), a.PaidAt.Compare(b.PaidAt))
	})
	found = found[:min(limit, len(found))]
	unsent := make([]payment.Intent, len(found))
	for n, i := range found {
		unsent[n] = i.Intent
	}
	return unsent, nil
}

// Tried notes one attempt to tell the shop.
func (l *Ledger) Tried(ctx context.Context, id string, taken bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i, err := l.find(id)
	if err != nil {
		return err
	}
	i.tries++
	i.taken = i.taken || taken
	return nil
}

// Len is the number of intents stored.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}
