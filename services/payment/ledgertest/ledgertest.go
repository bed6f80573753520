// Package ledgertest is the contract of payment.Ledger, run on every ledger that
// claims to be one.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

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

	t.Run("stores one intent of a key asked for twenty times at once", func(t *testing.T) {
		w := open(t)
		got := make([]payment.Intent, 20)
		var all []func(context.Context)
		for i := range got {
			all = append(all, func(ctx context.Context) {
				in := sample
				in.ID = fmt.Sprintf("pi_%d", i)
				var err error
				if got[i], err = w.Ledger.CreateIntent(ctx, in); err != nil {
					t.Errorf("create %s: %v", in.ID, err)
				}
			})
		}
		w.Do(all...)
		stored := 0
		for i := range got {
			same(t, "two of the answers", got[0], got[i])
			w.Do(func(ctx context.Context) {
				_, err := w.Ledger.Intent(ctx, fmt.Sprintf("pi_%d", i))
				if err == nil {
					stored++
				} else if !errors.Is(err, payment.ErrNoIntent) {
					t.Error(err)
				}
			})
		}
		if stored != 1 {
			t.Errorf("%d intents are stored, want one", stored)
		}
	})

	t.Run("refuses a key that was used for another sum", func(t *testing.T) {
		w := open(t)
		create(t, w, sample)
		more, euros := sample, sample
		more.ID, more.AmountCents = "pi_2", 69999
		euros.ID, euros.Currency = "pi_3", "EUR"
		w.Do(func(ctx context.Context) {
			for _, in := range []payment.Intent{more, euros} {
				if _, err := w.Ledger.CreateIntent(ctx, in); !errors.Is(err, payment.ErrKeyReused) {
					t.Errorf("%d %s: error %v, want %v", in.AmountCents, in.Currency, err, payment.ErrKeyReused)
				}
			}
		})
	})

	t.Run("keeps intents without a key apart", func(t *testing.T) {
		w := open(t)
		a, b := sample, sample
		a.Key, b.Key, b.ID = "", "", "pi_2"
		same(t, "first", a, create(t, w, a))
		same(t, "second", b, create(t, w, b))
	})

	read := func(t *testing.T, w World, id string) (got payment.Intent) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if got, err = w.Ledger.Intent(ctx, id); err != nil {
				t.Errorf("read %s: %v", id, err)
			}
		})
		return got
	}
	unsent := func(t *testing.T, w World, limit int) (ids []string) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			found, err := w.Ledger.Unsent(ctx, limit)
			if err != nil {
				t.Errorf("unsent: %v", err)
			}
			for _, i := range found {
				ids = append(ids, i.ID)
			}
		})
		return ids
	}
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

	t.Run("knows no intent before it is created", func(t *testing.T) {
		w := open(t)
		w.Do(func(ctx context.Context) {
			_, err := w.Ledger.Intent(ctx, "pi_none")
			_, err2 := w.Ledger.Succeed(ctx, "pi_none", "evt_1", noon)
			err3 := w.Ledger.Tried(ctx, "pi_none", true)
			for what, err := range map[string]error{"read": err, "succeed": err2, "tried": err3} {
				if !errors.Is(err, payment.ErrNoIntent) {
					t.Errorf("%s: error %v, want %v", what, err, payment.ErrNoIntent)
				}
			}
		})
	})

	t.Run("an intent is paid once", func(t *testing.T) {
		w := open(t)
		create(t, w, sample)
		same(t, "before", sample, read(t, w, sample.ID))
		got := make([]payment.Intent, 20)
		var all []func(context.Context)
		for i := range got {
			all = append(all, func(ctx context.Context) {
				var err error
				got[i], err = w.Ledger.Succeed(ctx, sample.ID, fmt.Sprintf("evt_%d", i), noon.Add(time.Duration(i)*time.Second))
				if err != nil {
					t.Errorf("succeed: %v", err)
				}
			})
		}
		w.Do(all...)
		paid := read(t, w, sample.ID)
		if paid.EventID == "" || paid.PaidAt.Before(noon) || paid.PaidAt.Location() != time.UTC {
			t.Errorf("paid by event %q at %v", paid.EventID, paid.PaidAt)
		}
		for i := range got {
			same(t, "one of the answers", paid, got[i])
		}
		same(t, "the key's intent", paid, create(t, w, sample))
	})

	t.Run("tells of paid intents until they are taken, in turn", func(t *testing.T) {
		w := open(t)
		for i := range 4 {
			in := sample
			in.ID, in.Key = fmt.Sprintf("pi_%d", i), fmt.Sprintf("k%d", i)
			create(t, w, in)
		}
		check := func(what string, limit int, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, unsent(t, w, limit)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		tried := func(id string, taken bool) {
			w.Do(func(ctx context.Context) {
				if err := w.Ledger.Tried(ctx, id, taken); err != nil {
					t.Error(err)
				}
			})
		}
		check("nothing is paid", 10)
		for i, id := range []string{"pi_2", "pi_0", "pi_1"} {
			w.Do(func(ctx context.Context) {
				if _, err := w.Ledger.Succeed(ctx, id, "evt_"+id, noon.Add(time.Duration(i)*time.Second)); err != nil {
					t.Error(err)
				}
			})
		}
		check("three are paid", 10, "pi_2", "pi_0", "pi_1")
		check("the first two", 2, "pi_2", "pi_0")
		tried("pi_2", false)
		check("one was refused", 10, "pi_0", "pi_1", "pi_2")
		tried("pi_0", true)
		tried("pi_0", false) // told twice at once: it stays taken
		check("one was taken", 10, "pi_1", "pi_2")
	})
}
