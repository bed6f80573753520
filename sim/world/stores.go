package world

import (
	"context"
	"fmt"
	"time"

	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/sim/vtime"
)

// backend is a database that nothing happens to in these scenarios: statements
// take their time, connections never run out.
type backend struct {
	k     *vtime.Kernel
	mean  time.Duration
	times *Stream
}

// query is one statement.
func (b *backend) query(ctx context.Context) error {
	c, near := vtime.Virtual(ctx), vtime.Nearest(ctx)
	var key uint64
	if near != nil {
		key = near.Fork()
	}
	return sleep(b.k, c, b.times.Duration(b.mean, key))
}

// Orders is the order database, an order.Store.
type Orders struct {
	backend
	carts  map[string]order.Cart
	orders map[string]*order.Order
	byKey  map[string]*order.Order
}

// NewOrders is an empty order database whose statements take mean and which
// expects so many orders.
func (w *World) NewOrders(mean time.Duration, expect int) *Orders {
	return &Orders{
		backend: backend{w.K, mean, w.Stream("statements of orders")},
		carts:   make(map[string]order.Cart), orders: make(map[string]*order.Order), byKey: make(map[string]*order.Order),
	}
}

// SaveCart keeps a cart, as the shop does before its checkout.
func (o *Orders) SaveCart(c order.Cart) { o.carts[c.ID] = c }

// Put stores an order that was made before the run.
func (o *Orders) Put(v order.Order) { o.put(v) }

func (o *Orders) put(v order.Order) *order.Order {
	o.orders[v.ID] = &v
	if v.Key != "" {
		o.byKey[v.Key] = &v
	}
	return &v
}

// Reservations is the set of reservations that an order names.
func (o *Orders) Reservations() map[string]bool {
	m := make(map[string]bool, len(o.orders))
	for _, v := range o.orders {
		m[v.ReservationID] = true
	}
	return m
}

// Cart reads a cart.
func (o *Orders) Cart(ctx context.Context, id string) (order.Cart, error) {
	if err := o.query(ctx); err != nil {
		return order.Cart{}, err
	}
	c, ok := o.carts[id]
	if !ok {
		return order.Cart{}, fmt.Errorf("cart %s: %w", id, order.ErrNoCart)
	}
	return c, nil
}

// ByKey finds the order that an earlier request with the same key stored.
func (o *Orders) ByKey(ctx context.Context, key string) (order.Order, error) {
	if err := o.query(ctx); err != nil {
		return order.Order{}, err
	}
	v := o.byKey[key]
	if v == nil {
		return order.Order{}, order.ErrNoOrder
	}
	return *v, nil
}

// Create stores an order, or answers the one its key already has.
func (o *Orders) Create(ctx context.Context, v order.Order) (order.Order, error) {
	if err := o.query(ctx); err != nil {
		return order.Order{}, err
	}
	if known := o.byKey[v.Key]; v.Key != "" && known != nil {
		return *known, nil
	}
	return *o.put(v), nil
}

// Order reads an order.
func (o *Orders) Order(ctx context.Context, id string) (order.Order, error) {
	if err := o.query(ctx); err != nil {
		return order.Order{}, err
	}
	v := o.orders[id]
	if v == nil {
		return order.Order{}, fmt.Errorf("order %s: %w", id, order.ErrNoOrder)
	}
	return *v, nil
}

// Ledger is the payment database, a payment.Ledger.
type Ledger struct {
	backend
	byKey map[string]payment.Intent
}

// NewLedger is an empty ledger whose statements take mean and which expects so
// many intents.
func (w *World) NewLedger(mean time.Duration, expect int) *Ledger {
	return &Ledger{backend{w.K, mean, w.Stream("statements of payments")}, make(map[string]payment.Intent, expect)}
}

// CreateIntent stores an intent, or answers the one its key already has.
func (l *Ledger) CreateIntent(ctx context.Context, in payment.Intent) (payment.Intent, error) {
	if err := l.query(ctx); err != nil {
		return payment.Intent{}, err
	}
	if in.Key == "" {
		return in, nil
	}
	if known, ok := l.byKey[in.Key]; ok {
		return known, nil
	}
	l.byKey[in.Key] = in
	return in, nil
}
