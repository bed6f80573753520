// Package memstore keeps the three databases of the pipeline in memory, for
// tests and demonstrations on the wall clock. It locks no tables, so nothing
// hangs in it; the simulator's stores do that.
package memstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/order"
	"tripcurve/services/payment"
)

// Stock is an inventory.Stock that counts rows.
type Stock struct {
	clock host.Clock
	rand  host.Rand
	mu    sync.Mutex
	free  map[string]int // rows nobody has reserved, by sku
}

// NewStock holds so many free rows of each sku.
func NewStock(clock host.Clock, rand host.Rand, rows map[string]int) *Stock {
	s := &Stock{clock: clock, rand: rand, free: make(map[string]int, len(rows))}
	for sku, n := range rows {
		s.free[sku] = n
	}
	return s
}

// Reserve takes all items or none.
func (s *Stock) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	if err := ctx.Err(); err != nil {
		return inventory.Reservation{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range items {
		if s.free[i.SKU] < i.Qty {
			return inventory.Reservation{}, inventory.ErrOutOfStock
		}
	}
	for _, i := range items {
		s.free[i.SKU] -= i.Qty
	}
	return inventory.Reservation{ID: s.rand.ID("res_"), ExpiresAt: s.clock.Now().Add(ttl)}, nil
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

// Orders is an order.Store.
type Orders struct {
	mu    sync.Mutex
	carts map[string]order.Cart
	byID  map[string]order.Order
	byKey map[string]string // id by idempotency key
}

// NewOrders holds the carts and no order.
func NewOrders(carts ...order.Cart) *Orders {
	s := &Orders{carts: map[string]order.Cart{}, byID: map[string]order.Order{}, byKey: map[string]string{}}
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

// Create stores an order, or returns the one its key already has.
func (s *Orders) Create(ctx context.Context, o order.Order) (order.Order, error) {
	if err := ctx.Err(); err != nil {
		return order.Order{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.byKey[o.Key]; ok {
		return s.byID[id], nil
	}
	s.byID[o.ID] = o
	if o.Key != "" {
		s.byKey[o.Key] = o.ID
	}
	return o, nil
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
	byKey map[string]payment.Intent
	count int
}

// NewLedger is empty.
func NewLedger() *Ledger { return &Ledger{byKey: map[string]payment.Intent{}} }

// CreateIntent stores an intent, or returns the one its key already has.
func (l *Ledger) CreateIntent(ctx context.Context, in payment.Intent) (payment.Intent, error) {
	if err := ctx.Err(); err != nil {
		return payment.Intent{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byKey[in.Key]; ok {
		return known, nil
	}
	if in.Key != "" {
		l.byKey[in.Key] = in
	}
	l.count++
	return in, nil
}

// Len is the number of intents stored.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}
