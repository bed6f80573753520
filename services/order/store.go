package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Store is the order database. Both worlds pass the same suite (storetest.Run).
type Store interface {
	// Cart is a shopping cart as the shop saved it. ErrNoCart when there is none.
	Cart(ctx context.Context, id string) (Cart, error)
	// ByKey finds an order that an earlier request with the same idempotency key
	// stored. ErrNoOrder when there is none.
	ByKey(ctx context.Context, key string) (Order, error)
	// ByIntent finds the order that a payment intent pays. ErrNoOrder when there is
	// none.
	ByIntent(ctx context.Context, intent string) (Order, error)
	// Create stores a new order; with a key that already has one it returns that
	// one instead.
	Create(ctx context.Context, o Order) (Order, error)
	// Accept is Create for an order that is left to the queue: with then as in Advance,
	// called unless the key has an order already. ErrSync or ErrClosed when the
	// database does not take orders like that; no mode is set while one is accepted.
	Accept(ctx context.Context, o Order, then func(ctx context.Context, o Order) error) (Order, error)
	// Checkouts is how checkouts are taken.
	Checkouts(ctx context.Context) (Checkouts, error)
	// SetCheckouts changes that. It waits for the orders that are just being accepted,
	// and those that come later wait for it; then it calls check, which may be nil and
	// sees all jobs of what was accepted, and whose error leaves things as they are.
	SetCheckouts(ctx context.Context, c Checkouts, check func(ctx context.Context) error) error
	// Order reads one by id. ErrNoOrder when there is none.
	Order(ctx context.Context, id string) (Order, error)
	// Advance takes an order one step on and returns it as it is then. Of callers
	// that come at once with the same step one takes it, and the others wait for it
	// and change nothing. ErrNoOrder, or ErrStep when the order's status does not
	// allow the step.
	//
	// then, which may be nil, is called in the transaction of a step that is taken,
	// with the order as it will be: what it leaves in a queue of the same database
	// under its ctx commits with the step, and its error takes the step back. It
	// does not call the store.
	Advance(ctx context.Context, id string, s Step, then func(ctx context.Context, o Order) error) (Order, error)
}

// Cart is what a customer is about to buy.
type Cart struct {
	ID        string
	UserID    string
	Items     []Item
	Expedited bool // to be shipped express
}

// Item is one line of a cart; the price is per piece, in cents.
type Item struct {
	SKU        string `json:"sku"`
	Qty        int    `json:"qty"`
	PriceCents int64  `json:"priceCents"`
}

// Address is where an order is shipped to.
type Address struct {
	Line1 string `json:"line1"`
	City  string `json:"city"`
	State string `json:"state"`
	Zip   string `json:"zip"`
}

// Order is a stored order.
type Order struct {
	ID, Key, CartID, UserID               string
	Status                                string
	TotalCents                            int64
	ReservationID, IntentID, ClientSecret string
	TrackingNumber                        string
	ExpiresAt                             time.Time // of the reservation

	// What fulfilment needs, as it was at the checkout.
	Items         []Item
	Address       Address
	PaymentMethod string
	Expedited     bool
}

// The life of an order. One that is taken synchronously begins with PendingPayment,
// one that is left to the queue with Accepted.
const (
	Accepted       = "accepted"        // and nothing else done for it
	Reserved       = "reserved"        // its stock
	PendingPayment = "pending_payment" // until the processor says that it is paid
	Paid           = "paid"
	Shipped        = "shipped"
	// Declined is where an accepted one ends whose stock cannot be had.
	Declined = "declined"
)

var life = []string{Accepted, Reserved, PendingPayment, Paid, Shipped}

// Life is the statuses in the order in which an order has them, but for Declined.
func Life() []string { return slices.Clone(life) }

// Step takes an order on to its next status.
type Step struct {
	To             string
	TrackingNumber string // of a step to Shipped

	// Of a step to Reserved; of one to Declined the one that the order had and that
	// expired, empty when it had none.
	ReservationID string
	ExpiresAt     time.Time
	// Of a step to PendingPayment.
	IntentID, ClientSecret string
}

// Take takes a step, in memory. taken is false when the order is that far already,
// or further: it then stays as it is. One that is reserved or waits for its payment takes
// another reservation all the same, for the one that it has may have expired. Who found no stock declines
// none that somebody else has reserved meanwhile.
func (o *Order) Take(s Step) (taken bool, err error) {
	at, to := slices.Index(life, o.Status), slices.Index(life, s.To)
	again := s.To == Reserved && (o.Status == Reserved || o.Status == PendingPayment) && s.ReservationID != o.ReservationID
	switch {
	case s.To == Declined && o.Status == Declined, at >= 0 && to >= 0 && to <= at && !again:
		return false, nil
	case s.To == Declined && (o.Status == Accepted || o.Status == Reserved && s.ReservationID == o.ReservationID), at >= 0 && to == at+1, again:
	default:
		return false, fmt.Errorf("order %s from %s to %s: %w", o.ID, o.Status, s.To, ErrStep)
	}
	if !again { // one that waits for its payment keeps doing so with another reservation
		o.Status = s.To
	}
	switch s.To {
	case Reserved:
		o.ReservationID, o.ExpiresAt = s.ReservationID, s.ExpiresAt
	case PendingPayment:
		o.IntentID, o.ClientSecret = s.IntentID, s.ClientSecret
	case Shipped:
		o.TrackingNumber = s.TrackingNumber
	}
	return true, nil
}

var (
	ErrNoCart  = errors.New("no such cart")
	ErrNoOrder = errors.New("no such order")
	ErrStep    = errors.New("no such step")
)
