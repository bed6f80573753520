package payment

import (
	"context"
	"errors"
	"time"
)

// Ledger is the payment database: one intent per idempotency key. Both worlds
// pass the same suite (ledgertest.Run).
type Ledger interface {
	// CreateIntent stores an intent, or returns the one its key already has.
	// ErrKeyReused when that one is for another sum.
	CreateIntent(ctx context.Context, in Intent) (Intent, error)
	// Intent reads one by id. ErrNoIntent when there is none.
	Intent(ctx context.Context, id string) (Intent, error)
	// Succeed notes that an intent is paid, and by which event the shop is to be
	// told. An intent that is paid already keeps what was noted first. ErrNoIntent
	// when there is none.
	Succeed(ctx context.Context, id, event string, at time.Time) (Intent, error)
	// Unsent are at most so many paid intents whose event the shop has not taken
	// yet: those tried least often first, so that one that is always refused stands
	// in nobody's way.
	Unsent(ctx context.Context, limit int) ([]Intent, error)
	// Tried notes one attempt to tell the shop, and whether it took the event.
	Tried(ctx context.Context, id string, taken bool) error
}

// Intent is a card processor's promise to take money once the customer agrees.
type Intent struct {
	ID, Key, Secret string
	AmountCents     int64
	Currency        string
	ReservationID   string

	// Once the customer has paid; the zero values before.
	EventID string
	PaidAt  time.Time
}

// SameSum says whether two intents are for the same money.
func (i Intent) SameSum(o Intent) bool {
	return i.AmountCents == o.AmountCents && i.Currency == o.Currency
}

var (
	ErrNoIntent  = errors.New("no such intent")
	ErrKeyReused = errors.New("idempotency key was used for another sum")
)
