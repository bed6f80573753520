package world

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/services/warehouse"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// backend is a database that nothing happens to in these scenarios: statements
// take their time, connections never run out.
type backend struct {
	k     *vtime.Kernel
	time  sim.Dist
	times *Stream
	pace  *Pace
}

// RunAt makes the statements take their time at a process's pace.
func (b *backend) RunAt(p *Pace) { b.pace = p }

// query is one statement.
func (b *backend) query(ctx context.Context) error {
	c, near := vtime.Virtual(ctx), vtime.Nearest(ctx)
	var key uint64
	if near != nil {
		key = near.Fork()
	}
	return sleep(b.k, c, b.pace.stretch(b.time.Draw(b.times.At(key))))
}

// Orders is the order database, an order.Store.
type Orders struct {
	backend
	*book
}

// book is what it holds, for all that have it.
type book struct {
	carts  map[string]order.Cart
	orders map[string]*order.Order
	byKey  map[string]*order.Order
	pays   map[string]*order.Order // by payment intent
	sales  []Sale
	locks  rowLocks
	how    order.Checkouts
	door   *Database // of the sessions that lock checkouts
	left   int       // accepted and left to the queue
}

// Sale is an order becoming paid.
type Sale struct {
	Order string
	At    vtime.Time
}

// NewOrders is an empty order database whose statements take that time and which
// expects so many orders.
func (w *World) NewOrders(time sim.Dist, expect int) *Orders {
	return &Orders{
		backend: backend{k: w.K, time: time, times: w.Stream("statements of orders")},
		book: &book{
			carts: make(map[string]order.Cart, expect), orders: make(map[string]*order.Order, expect),
			byKey: make(map[string]*order.Order, expect), pays: make(map[string]*order.Order, expect), locks: rowLocks{k: w.K},
			how: order.Checkouts{Mode: order.Sync}, door: &Database{server: &server{Name: "orders", w: w}},
		},
	}
}

// At is the same database as a process of that pace has it.
func (o *Orders) At(p *Pace) *Orders {
	a := *o
	a.pace = p
	return &a
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
	if v.IntentID != "" {
		o.pays[v.IntentID] = &v
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

// Sales are the orders that became paid, in the order of their payment.
func (o *Orders) Sales() []Sale { return o.sales }

// Left is how many orders were accepted and left to the queue.
func (o *Orders) Left() int { return o.left }

// Declined is how many of them were declined.
func (o *Orders) Declined() (n int) {
	for _, v := range o.orders {
		if v.Status == order.Declined {
			n++
		}
	}
	return n
}

// Mode is how checkouts are taken, for whoever looks on.
func (o *Orders) Mode() order.Mode { return o.how.Mode }

// Status is an order's, for whoever looks on.
func (o *Orders) Status(id string) string { return o.orders[id].Status }

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

// TakeCheckouts says, before the run, how checkouts are taken.
func (o *Orders) TakeCheckouts(how order.Checkouts) { o.how = how }

// locked runs f with checkouts locked in that mode. The statement takes its time.
func (o *Orders) locked(ctx context.Context, st *host.Statement, f func() error) error {
	s := &Session{d: o.door}
	if err := o.door.lock(s, o.door.Table(st.Table), st.Lock, vtime.Virtual(ctx)); err != nil {
		return err
	}
	defer s.release()
	if err := o.query(ctx); err != nil {
		return err
	}
	return f()
}

// Accept stores an order whose checkout is left to the queue.
func (o *Orders) Accept(ctx context.Context, v order.Order, then func(context.Context, order.Order) error) (stored order.Order, err error) {
	err = o.locked(ctx, &order.CheckoutsShare, func() error {
		if err := o.query(ctx); err != nil {
			return err
		}
		if err := o.how.Accepts(); err != nil {
			return err
		}
		if v.Key != "" { // whoever inserts the key too waits for the end of this transaction
			unlock, err := o.locks.lock(vtime.Virtual(ctx), "key "+v.Key)
			if err != nil {
				return err
			}
			defer unlock()
		}
		if err := o.query(ctx); err != nil {
			return err
		}
		stored = v
		known := o.byKey[v.Key]
		if v.Key == "" {
			known = nil
		}
		err := o.inTx(ctx, func(ctx context.Context) error {
			if known != nil || then == nil {
				return nil
			}
			return then(ctx, v)
		})
		switch {
		case err != nil:
			return err
		case known != nil:
			stored = *known
		default:
			o.put(v)
			o.left++
		}
		return nil
	})
	if err != nil {
		return order.Order{}, fmt.Errorf("accept order %s: %w", v.ID, err)
	}
	return stored, nil
}

// Checkouts is how checkouts are taken.
func (o *Orders) Checkouts(ctx context.Context) (order.Checkouts, error) {
	if err := o.query(ctx); err != nil {
		return order.Checkouts{}, err
	}
	return o.how, nil
}

// SetCheckouts changes that, if check has nothing against it.
func (o *Orders) SetCheckouts(ctx context.Context, how order.Checkouts, check func(context.Context) error) error {
	return o.locked(ctx, &order.CheckoutsLock, func() error {
		if check != nil {
			if err := check(ctx); err != nil {
				return err
			}
		}
		if err := o.query(ctx); err != nil {
			return err
		}
		err := o.query(ctx) // the commit
		if err == nil {
			o.how = how
		}
		return err
	})
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

// ByIntent finds the order that a payment intent pays.
func (o *Orders) ByIntent(ctx context.Context, intent string) (order.Order, error) {
	if err := o.query(ctx); err != nil {
		return order.Order{}, err
	}
	v := o.pays[intent]
	if v == nil {
		return order.Order{}, fmt.Errorf("intent %s: %w", intent, order.ErrNoOrder)
	}
	return *v, nil
}

// Advance takes an order one step on: it locks the order's row, updates it, calls
// then and commits.
func (o *Orders) Advance(ctx context.Context, id string, s order.Step, then func(context.Context, order.Order) error) (order.Order, error) {
	if err := o.query(ctx); err != nil {
		return order.Order{}, err
	}
	v := o.orders[id]
	if v == nil {
		return order.Order{}, fmt.Errorf("order %s: %w", id, order.ErrNoOrder)
	}
	unlock, err := o.locks.lock(vtime.Virtual(ctx), id)
	if err != nil {
		return order.Order{}, err
	}
	defer unlock()
	next := *v
	taken, err := next.Take(s)
	if err != nil || !taken {
		return next, err
	}
	if err := o.query(ctx); err != nil {
		return order.Order{}, err
	}
	err = o.inTx(ctx, func(ctx context.Context) error {
		if then == nil {
			return nil
		}
		return then(ctx, next)
	})
	if err != nil {
		return order.Order{}, err
	}
	*v = next
	if next.IntentID != "" {
		o.pays[next.IntentID] = v
	}
	if next.Status == order.Paid {
		o.sales = append(o.sales, Sale{next.ID, o.k.Now()})
	}
	return next, nil
}

// Ledger is the payment database, a payment.Ledger.
type Ledger struct {
	backend
	intents map[string]*intent
	byKey   map[string]*intent
	paid    []*intent // whose event the shop has not taken
}

// intent is one and how often the shop was told of it.
type intent struct {
	payment.Intent
	tries int
}

// NewLedger is an empty ledger whose statements take that time and which expects so
// many intents.
func (w *World) NewLedger(time sim.Dist, expect int) *Ledger {
	return &Ledger{
		backend: backend{k: w.K, time: time, times: w.Stream("statements of payments")},
		intents: make(map[string]*intent, expect), byKey: make(map[string]*intent, expect),
	}
}

// CreateIntent stores an intent, or answers the one its key already has.
func (l *Ledger) CreateIntent(ctx context.Context, in payment.Intent) (payment.Intent, error) {
	if err := l.query(ctx); err != nil {
		return payment.Intent{}, err
	}
	if known := l.byKey[in.Key]; known != nil {
		if !known.SameSum(in) {
			return payment.Intent{}, fmt.Errorf("key %s: %w", in.Key, payment.ErrKeyReused)
		}
		return known.Intent, nil
	}
	if l.intents[in.ID] != nil {
		return payment.Intent{}, fmt.Errorf("intent %s: there is another of this id", in.ID)
	}
	i := &intent{Intent: in}
	l.intents[in.ID] = i
	if in.Key != "" {
		l.byKey[in.Key] = i
	}
	return in, nil
}

// find runs one statement that is about one intent.
func (l *Ledger) find(ctx context.Context, id string) (*intent, error) {
	if err := l.query(ctx); err != nil {
		return nil, err
	}
	i := l.intents[id]
	if i == nil {
		return nil, fmt.Errorf("intent %s: %w", id, payment.ErrNoIntent)
	}
	return i, nil
}

// Intent reads one intent.
func (l *Ledger) Intent(ctx context.Context, id string) (payment.Intent, error) {
	i, err := l.find(ctx, id)
	if err != nil {
		return payment.Intent{}, err
	}
	return i.Intent, nil
}

// Succeed notes that an intent is paid.
func (l *Ledger) Succeed(ctx context.Context, id, event string, at time.Time) (payment.Intent, error) {
	i, err := l.find(ctx, id)
	if err != nil {
		return payment.Intent{}, err
	}
	if i.PaidAt.IsZero() {
		i.EventID, i.PaidAt = event, at
		l.paid = append(l.paid, i)
	}
	return i.Intent, nil
}

// Unsent are the paid intents whose event the shop has not taken.
func (l *Ledger) Unsent(ctx context.Context, limit int) ([]payment.Intent, error) {
	if err := l.query(ctx); err != nil {
		return nil, err
	}
	slices.SortStableFunc(l.paid, func(a, b *intent) int {
		return cmp.Or(cmp.Compare(a.tries, b.tries), a.PaidAt.Compare(b.PaidAt))
	})
	unsent := make([]payment.Intent, min(limit, len(l.paid)))
	for n := range unsent {
		unsent[n] = l.paid[n].Intent
	}
	return unsent, nil
}

// Tried notes one attempt to tell the shop.
func (l *Ledger) Tried(ctx context.Context, id string, taken bool) error {
	i, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	i.tries++
	if taken {
		l.paid = slices.DeleteFunc(l.paid, func(o *intent) bool { return o == i })
	}
	return nil
}

// Shipments is the warehouse's database, a warehouse.Shipments.
type Shipments struct {
	backend
	byKey   map[string]warehouse.Shipment
	byOrder map[string][]warehouse.Shipment
}

// NewShipments is a warehouse that has shipped nothing, whose statements take that
// time and which expects so many shipments.
func (w *World) NewShipments(time sim.Dist, expect int) *Shipments {
	return &Shipments{
		backend: backend{k: w.K, time: time, times: w.Stream("statements of shipments")},
		byKey:   make(map[string]warehouse.Shipment, expect), byOrder: make(map[string][]warehouse.Shipment, expect),
	}
}

// Create stores a shipment, or returns the one its key already has.
func (s *Shipments) Create(ctx context.Context, in warehouse.Shipment) (warehouse.Shipment, error) {
	if err := s.query(ctx); err != nil {
		return warehouse.Shipment{}, err
	}
	known, ok := s.byKey[in.Key]
	switch {
	case ok && !known.Same(in):
		return warehouse.Shipment{}, fmt.Errorf("key %s: %w", in.Key, warehouse.ErrKeyReused)
	case ok:
		return known, nil
	}
	s.byKey[in.Key] = in
	of := append(s.byOrder[in.OrderID], in)
	slices.SortFunc(of, func(a, b warehouse.Shipment) int { return cmp.Compare(a.Tracking, b.Tracking) })
	s.byOrder[in.OrderID] = of
	return in, nil
}

// Of is the shipments of an order.
func (s *Shipments) Of(ctx context.Context, order string) ([]warehouse.Shipment, error) {
	if err := s.query(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(s.byOrder[order]), nil
}

// Parcels is how many shipments an order has, for whoever looks on.
func (s *Shipments) Parcels(order string) int { return len(s.byOrder[order]) }
