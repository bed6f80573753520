package inventory

import (
	"context"
	"errors"
	"time"
)

// Stock is the inventory database. Both worlds pass the same suite
// (stocktest.Run).
type Stock interface {
	// Reserve takes all items or none, in one transaction. ErrOutOfStock when
	// some item has too few available rows (rows that another transaction holds
	// locked count as taken, for it skips them); a store that can tell may answer
	// ErrUnknownSKU for a sku that has no row at all. No sku comes twice.
	Reserve(ctx context.Context, items []Item, ttl time.Duration) (Reservation, error)
	// Available counts the rows of a sku that nobody has reserved.
	Available(ctx context.Context, sku string) (int, error)
}

// Item is one line of a cart.
type Item struct {
	SKU string
	Qty int
}

// Reservation is stock that is taken until it expires.
type Reservation struct {
	ID        string
	ExpiresAt time.Time
}

var (
	ErrOutOfStock = errors.New("out of stock")
	ErrUnknownSKU = errors.New("unknown sku")
)
