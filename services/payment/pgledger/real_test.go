//go:build real

package pgledger_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"tripcurve/internal/pgtest"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/payment"
	"tripcurve/services/payment/ledgertest"
	"tripcurve/services/payment/pgledger"
	"tripcurve/services/pgkit"
	"tripcurve/services/pgkit/locktest"
)

// together runs functions as goroutines that begin at once and waits for them.
func together(t *testing.T) func(...func(context.Context)) {
	return func(fs ...func(context.Context)) {
		var wg sync.WaitGroup
		for _, f := range fs {
			wg.Go(func() { f(t.Context()) })
		}
		wg.Wait()
	}
}

// open is a fresh, empty ledger.
func open(t *testing.T, pg *pgtest.Server) (*pgledger.Ledger, string) {
	t.Helper()
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	dsn := pg.Database(t)
	db, err := pgkit.Open(dsn, pgkit.Options{Application: "payment", PoolSize: 10, Clock: clock, Cancel: policy.Propagate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Migrate(t.Context(), pgledger.Migrations); err != nil {
		t.Fatal(err)
	}
	return pgledger.New(db), dsn
}

func TestRealLedgerKeepsItsContract(t *testing.T) {
	pg := pgtest.Start(t)
	ledgertest.Run(t, func(t *testing.T) ledgertest.World {
		l, _ := open(t, pg)
		return ledgertest.World{Ledger: l, Do: together(t)}
	})
}

func TestRealStatementsTakeTheLocksTheyDeclare(t *testing.T) {
	l, dsn := open(t, pgtest.Start(t))
	if _, err := l.CreateIntent(t.Context(), payment.Intent{ID: "pi_1", Key: "k1", AmountCents: 5, Currency: "USD"}); err != nil {
		t.Fatal(err)
	}
	locktest.Run(t, dsn, payment.Statements(), map[string][]any{
		"intent_insert":  {"pi_2", "k2", "secret", 5, "USD", "res_1"},
		"intent_by_key":  {"k1"},
		"intent_select":  {"pi_1"},
		"intent_succeed": {"pi_1", "evt_1", time.Now()},
		"intent_unsent":  {10},
		"intent_tried":   {"pi_1", true},
	})
}
