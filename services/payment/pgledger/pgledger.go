// Package pgledger is the payment database on Postgres.
package pgledger

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/services/host"
	"tripcurve/services/payment"
	"tripcurve/services/pgkit"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the schema.
var Migrations = pgkit.Migrations{Set: "payments", Files: files}

// Ledger is a payment.Ledger.
type Ledger struct{ db *pgkit.DB }

// New is the ledger of a database that has the schema.
func New(db *pgkit.DB) *Ledger { return &Ledger{db: db} }

// read reads an intent's columns.
func read(r pgx.CollectableRow) (i payment.Intent, err error) {
	var key, event *string
	var paid *time.Time
	err = r.Scan(&i.ID, &key, &i.Secret, &i.AmountCents, &i.Currency, &i.ReservationID, &event, &paid)
	if key != nil {
		i.Key = *key
	}
	if event != nil {
		i.EventID = *event
	}
	if paid != nil {
		i.PaidAt = paid.UTC()
	}
	return i, err
}

// one runs a query for one intent.
func one(ctx context.Context, c pgkit.Conn, st host.Statement, by string) (payment.Intent, error) {
	i, found, err := pgkit.One(ctx, c, st, read, by)
	if err == nil && !found {
		err = payment.ErrNoIntent
	}
	return i, err
}

// CreateIntent stores an intent, or returns the one its key already has.
func (l *Ledger) CreateIntent(ctx context.Context, in payment.Intent) (payment.Intent, error) {
	stored := in
	err := l.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		n, err := pgkit.Exec(ctx, c, payment.IntentInsert, in.ID, in.Key, in.Secret, in.AmountCents, in.Currency, in.ReservationID)
		if err != nil || n > 0 {
			return err
		}
		if stored, err = one(ctx, c, payment.IntentByKey, in.Key); err == nil && !stored.SameSum(in) {
			err = payment.ErrKeyReused
		}
		return err
	})
	if err != nil {
		return payment.Intent{}, fmt.Errorf("create intent %s: %w", in.ID, err)
	}
	return stored, nil
}

// Intent reads one intent.
func (l *Ledger) Intent(ctx context.Context, id string) (i payment.Intent, err error) {
	err = l.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		i, err = one(ctx, c, payment.IntentSelect, id)
		return err
	})
	if err != nil {
		return payment.Intent{}, fmt.Errorf("intent %s: %w", id, err)
	}
	return i, nil
}

// Succeed notes that an intent is paid. Of two that come at once the second waits
// for the first and changes nothing.
func (l *Ledger) Succeed(ctx context.Context, id, event string, at time.Time) (i payment.Intent, err error) {
	err = l.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		if _, err := pgkit.Exec(ctx, c, payment.IntentSucceed, id, event, at); err != nil {
			return err
		}
		i, err = one(ctx, c, payment.IntentSelect, id)
		return err
	})
	if err != nil {
		return payment.Intent{}, fmt.Errorf("succeed %s: %w", id, err)
	}
	return i, nil
}

// Unsent are the paid intents whose event the shop has not taken.
func (l *Ledger) Unsent(ctx context.Context, limit int) (unsent []payment.Intent, err error) {
	err = l.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		unsent, err = pgkit.All(ctx, c, payment.IntentUnsent, read, limit)
		return err
	})
	return unsent, err
}

// Tried notes one attempt to tell the shop.
func (l *Ledger) Tried(ctx context.Context, id string, taken bool) error {
	return l.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		n, err := pgkit.Exec(ctx, c, payment.IntentTried, id, taken)
		if err == nil && n == 0 {
			err = fmt.Errorf("intent %s: %w", id, payment.ErrNoIntent)
		}
		return err
	})
}
