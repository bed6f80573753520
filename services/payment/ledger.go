package payment

import "context"

// Ledger is the payment database: one intent per idempotency key.
type Ledger interface {
	// CreateIntent stores an intent, or returns the one its key already has.
	CreateIntent(ctx context.Context, in Intent) (Intent, error)
}

// Intent is a card processor's promise to take money once the customer agrees.
type Intent struct {
	ID, Key, Secret string
	AmountCents     int64
	Currency        string
	ReservationID   string
}
