package inventory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Stock is the inventory database. Both worlds pass the same suite
// (stocktest.Run).
type Stock interface {
	// Reserve takes all items or none, in one transaction, in the order of their
	// skus (InOrder). ErrOutOfStock when some item has too few available rows (rows
	// that another transaction holds locked count as taken, for it skips them); a
	// store that can tell may answer ErrUnknownSKU for a sku that has no row at all.
	// No sku comes twice.
	//
	// A caller that gives up before the commit leaves nothing reserved. Where its
	// end does not reach the database (cancel: detach), or comes while the commit is
	// under way, all items are reserved for nobody until Sweep puts them back.
	Reserve(ctx context.Context, items []Item, ttl time.Duration) (Reservation, error)
	// Available counts the rows of a sku that nobody has reserved.
	Available(ctx context.Context, sku string) (int, error)
	// Confirm sells what a reservation holds, so that it no longer expires; once
	// more is no error. ErrNoReservation when it holds nothing, or nothing any more.
	Confirm(ctx context.Context, reservation string) error
	// Release puts back what a reservation holds; one that holds nothing is no
	// error. ErrSold when it was confirmed.
	Release(ctx context.Context, reservation string) error
	// Sweep puts back what the reservations hold that have expired, and names them.
	Sweep(ctx context.Context) (reservations []string, err error)
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
	ErrOutOfStock    = errors.New("out of stock")
	ErrUnknownSKU    = errors.New("unknown sku")
	ErrNoReservation = errors.New("no such reservation")
	ErrSold          = errors.New("reservation is sold")
)

// InOrder is items in the order in which a transaction takes them. Rows that
// another has locked are skipped, so no order could deadlock; but two carts that
// ask at once for the same two last pieces in opposite orders could take one
// each, and both be told that the other is gone.
func InOrder(items []Item) []Item {
	bySKU := func(a, b Item) int { return cmp.Compare(a.SKU, b.SKU) }
	if !slices.IsSortedFunc(items, bySKU) {
		items = slices.Clone(items)
		slices.SortFunc(items, bySKU)
	}
	return items
}
