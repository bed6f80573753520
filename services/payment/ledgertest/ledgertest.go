// Package ledgertest is the contract of payment.Ledger, run on every ledger that
// claims to be one.
package ledgertest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/payment"
)

// World is one ledger.
type World struct {
	Ledger payment.Ledger
	// Do runs the functions as processes that begin at the same instant and
	// returns when all have ended.
	Do func(...func(context.Context))
}

// Run checks the contract. open gives a fresh, empty ledger.
func Run(t *testing.T, open func(t *testing.T) World) {
	sample := payment.Intent{
		ID: "pi_1", Key: "k1", Secret: "pi_1_secret_2", AmountCents: 69998, Currency: "USD", ReservationID: "res_7f3a",
	}
	create := func(t *testing.T, w World, in payment.Intent) (got payment.Intent) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if got, err = w.Ledger.CreateIntent(ctx, in); err != nil {
				t.Errorf("create %s: %v", in.ID, err)
			}
		})
		return got
	}
	same := func(t *testing.T, what string, want, got payment.Intent) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}

	t.Run("stores an intent", func(t *testing.T) {
		w := open(t)
		same(t, "created", sample, create(t, w, sample))
	})

	t.Run("keeps the first intent of a key", func(t *testing.T) {
		w := open(t)
		create(t, w, sample)
		again := sample
		again.ID, again.Secret = "pi_2", "pi_2_secret_3"
		same(t, "created again", sample, create(t, w, again))
	})

	t.Run("stores one intent of a key asked for twice at once", func(t *testing.T) {
		w := open(t)
		got := make([]payment.Intent, 2)
		errs := make([]error, 2)
		one := func(i int, id string) func(context.Context) {
			return func(ctx context.Context) {
				in := sample
				in.ID = id
				got[i], errs[i] = w.Ledger.CreateIntent(ctx, in)
			}
		}
		w.Do(one(0, "pi_1"), one(1, "pi_2"))
		if errs[0] != nil || errs[1] != nil {
			t.Fatal(errs)
		}
		same(t, "the two answers", got[0], got[1])
	})

	t.Run("keeps intents without a key apart", func(t *testing.T) {
		w := open(t)
		a, b := sample, sample
		a.Key, b.Key, b.ID = "", "", "pi_2"
		same(t, "first", a, create(t, w, a))
		same(t, "second", b, create(t, w, b))
	})
}
