package order

import (
	"context"
	"errors"
	"time"
)

// Store is the order database.
type Store interface {
	// Cart is a shopping cart as the shop saved it. ErrNoCart when there is none.
	Cart(ctx context.Context, id string) (Cart, error)
	// ByKey finds an order that an earlier request with the same idempotency key
	// stored. ErrNoOrder when there is none.
	ByKey(ctx context.Context, key string) (Order, error)
	// Create stores a new order; with a key that already has one it returns that
	// one instead.
	Create(ctx context.Context, o Order) (Order, error)
	// Order reads one by id. ErrNoOrder when there is none.
	Order(ctx context.Context, id string) (Order, error)
}

// Cart is what a customer is about to buy.
type Cart struct {
	ID     string
	UserID string
	Items  []Item
}

// Item is one line of a cart; the price is per piece, in cents.
type Item struct {
	SKU        string
	Qty        int
	PriceCents int64
}

// Order is a stored order.
type Order struct {
	ID, Key, CartID, UserID     string
	Status                      string // pending_payment, paid, shipped
	TotalCents                  int64
	ReservationID, ClientSecret string
	TrackingNumber              string
	ExpiresAt                   time.Time
}

var (
	ErrNoCart  = errors.New("no such cart")
	ErrNoOrder = errors.New("no such order")
)
