// Package stocktest is the contract of inventory.Stock, run on every store that
// claims to be one.
package stocktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/services/inventory"
)

// World is one store and the time it stands in.
type World struct {
	Stock inventory.Stock
	Now   func() time.Time
	// Pass lets time pass.
	Pass func(time.Duration)
	// Do runs the functions as processes that begin at the same instant and
	// returns when all have ended.
	Do func(...func(context.Context))
	// Under derives a context that ends after d, by a deadline or because somebody
	// cancels it.
	Under func(ctx context.Context, d time.Duration, deadline bool) context.Context
	// Slow makes the update of each row of a sku take so much longer.
	Slow func(sku string, by time.Duration)
	// Tick is far longer than a reservation takes and short enough to wait for
	// some thirty of them.
	Tick time.Duration
}

// Options are what a fresh store is like.
type Options struct {
	Rows map[string]int // free rows by sku
	// Cancel says what becomes of a statement whose caller has gone.
	Cancel policy.Cancel
}

const ttl = 15 * time.Minute

// Run checks the contract. create gives a fresh store.
func Run(t *testing.T, create func(t *testing.T, o Options) World) {
	open := func(t *testing.T, rows map[string]int) World {
		return create(t, Options{Rows: rows, Cancel: policy.Propagate})
	}
	available := func(t *testing.T, w World, sku string) (n int) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if n, err = w.Stock.Available(ctx, sku); err != nil {
				t.Errorf("available %s: %v", sku, err)
			}
		})
		return n
	}
	left := func(t *testing.T, w World, want map[string]int) {
		t.Helper()
		got := map[string]int{}
		for sku := range want {
			got[sku] = available(t, w, sku)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	}
	do := func(t *testing.T, w World, what string, want error, f func(context.Context) error) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			if err := f(ctx); !errors.Is(err, want) {
				t.Errorf("%s: error %v, want %v", what, err, want)
			}
		})
	}
	sweep := func(t *testing.T, w World) (ids []string) {
		t.Helper()
		do(t, w, "sweep", nil, func(ctx context.Context) (err error) {
			ids, err = w.Stock.Sweep(ctx)
			return err
		})
		slices.Sort(ids)
		return ids
	}
	reserve := func(w World, items ...inventory.Item) (r inventory.Reservation, err error) {
		w.Do(func(ctx context.Context) { r, err = w.Stock.Reserve(ctx, items, ttl) })
		return r, err
	}

	t.Run("takes every item of a cart", func(t *testing.T) {
		w := open(t, map[string]int{"a": 5, "b": 3})
		before := w.Now()
		r, err := reserve(w, inventory.Item{SKU: "a", Qty: 2}, inventory.Item{SKU: "b", Qty: 3})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(r.ID, "res_") {
			t.Errorf("reservation id %q does not begin with res_", r.ID)
		}
		if r.ExpiresAt.Before(before.Add(ttl)) || r.ExpiresAt.After(w.Now().Add(ttl)) {
			t.Errorf("expires at %v, want %v after the reservation", r.ExpiresAt, ttl)
		}
		left(t, w, map[string]int{"a": 3, "b": 0})
	})

	t.Run("takes nothing when one item is short", func(t *testing.T) {
		w := open(t, map[string]int{"a": 5, "b": 2})
		if _, err := reserve(w, inventory.Item{SKU: "a", Qty: 2}, inventory.Item{SKU: "b", Qty: 3}); !errors.Is(err, inventory.ErrOutOfStock) {
			t.Fatalf("error %v, want %v", err, inventory.ErrOutOfStock)
		}
		left(t, w, map[string]int{"a": 5, "b": 2})
	})

	t.Run("tells a sold-out sku from an unknown one", func(t *testing.T) {
		w := open(t, map[string]int{"a": 1})
		if _, err := reserve(w, inventory.Item{SKU: "a", Qty: 1}); err != nil {
			t.Fatal(err)
		}
		if n := available(t, w, "a"); n != 0 {
			t.Errorf("%d left of a sold-out sku", n)
		}
		var err error
		w.Do(func(ctx context.Context) { _, err = w.Stock.Available(ctx, "nothing") })
		if !errors.Is(err, inventory.ErrUnknownSKU) {
			t.Errorf("unknown sku: error %v, want %v", err, inventory.ErrUnknownSKU)
		}
		_, err = reserve(w, inventory.Item{SKU: "nothing", Qty: 1})
		if !errors.Is(err, inventory.ErrOutOfStock) && !errors.Is(err, inventory.ErrUnknownSKU) {
			t.Errorf("reserving an unknown sku: error %v, want %v or %v", err, inventory.ErrOutOfStock, inventory.ErrUnknownSKU)
		}
	})

	// together lets a buyer of each cart come at the same instant and counts those
	// that are served.
	together := func(t *testing.T, w World, carts ...[]inventory.Item) (served int) {
		t.Helper()
		errs := make([]error, len(carts))
		buyers := make([]func(context.Context), len(carts))
		for i, cart := range carts {
			buyers[i] = func(ctx context.Context) { _, errs[i] = w.Stock.Reserve(ctx, cart, ttl) }
		}
		w.Do(buyers...)
		for i, err := range errs {
			if err == nil {
				served++
			} else if !errors.Is(err, inventory.ErrOutOfStock) {
				t.Errorf("buyer %d: %v", i, err)
			}
		}
		return served
	}

	t.Run("gives the last item to one of two buyers", func(t *testing.T) {
		w := open(t, map[string]int{"a": 1})
		one := []inventory.Item{{SKU: "a", Qty: 1}}
		if n := together(t, w, one, one); n != 1 {
			t.Errorf("%d of two buyers were served, want exactly one", n)
		}
		left(t, w, map[string]int{"a": 0})
	})

	t.Run("gives the last item to one of fifty buyers", func(t *testing.T) {
		w := open(t, map[string]int{"a": 1})
		if n := together(t, w, slices.Repeat([][]inventory.Item{{{SKU: "a", Qty: 1}}}, 50)...); n != 1 {
			t.Errorf("%d of fifty buyers were served, want exactly one", n)
		}
		left(t, w, map[string]int{"a": 0})
	})

	t.Run("gives the last of two items to one of two carts, whatever their order", func(t *testing.T) {
		const rounds = 20 // where the carts take turns they miss each other in some
		rows := map[string]int{}
		for i := range rounds {
			rows[fmt.Sprintf("a%d", i)], rows[fmt.Sprintf("b%d", i)] = 1, 1
		}
		w := open(t, rows)
		for i := range rounds {
			a, b := inventory.Item{SKU: fmt.Sprintf("a%d", i), Qty: 1}, inventory.Item{SKU: fmt.Sprintf("b%d", i), Qty: 1}
			if n := together(t, w, []inventory.Item{a, b}, []inventory.Item{b, a}); n != 1 {
				t.Errorf("%d of two carts were served, want exactly one", n)
			}
			left(t, w, map[string]int{a.SKU: 0, b.SKU: 0})
		}
	})

	t.Run("never sells a row twice", func(t *testing.T) {
		const rows, buyers, qty = 25, 20, 2
		w := open(t, map[string]int{"a": rows})
		got := make([]inventory.Reservation, buyers)
		errs := make([]error, buyers)
		var all []func(context.Context)
		for i := range buyers {
			all = append(all, func(ctx context.Context) {
				got[i], errs[i] = w.Stock.Reserve(ctx, []inventory.Item{{SKU: "a", Qty: qty}}, ttl)
			})
		}
		w.Do(all...)
		served := map[string]bool{}
		for i, err := range errs {
			switch {
			case err == nil && served[got[i].ID]:
				t.Errorf("reservation id %s given twice", got[i].ID)
			case err == nil:
				served[got[i].ID] = true
			case !errors.Is(err, inventory.ErrOutOfStock):
				t.Errorf("buyer %d: %v", i, err)
			}
		}
		// Rows that others hold locked are skipped, so fewer than all may be served.
		if want := rows - qty*len(served); available(t, w, "a") != want {
			t.Errorf("%d left after %d reservations of %d, want %d", available(t, w, "a"), len(served), qty, want)
		}
	})

	cartOf3 := []inventory.Item{{SKU: "a", Qty: 1}, {SKU: "b", Qty: 1}, {SKU: "c", Qty: 1}}
	for _, c := range []struct {
		name     string
		cancel   policy.Cancel
		deadline bool
		orphan   bool // the reservation is made, for nobody
	}{
		{"cancelled", policy.Propagate, false, false},
		{"its deadline", policy.Propagate, true, false},
		{"its deadline, detached", policy.Detach, true, false},
		{"gone, detached: an orphan", policy.Detach, false, true},
	} {
		t.Run("a caller that gives up on the third item: "+c.name, func(t *testing.T) {
			w := create(t, Options{Rows: map[string]int{"a": 2, "b": 2, "c": 2}, Cancel: c.cancel})
			w.Slow("c", 10*w.Tick)
			var r inventory.Reservation
			var err error
			w.Do(func(ctx context.Context) {
				r, err = w.Stock.Reserve(w.Under(ctx, 2*w.Tick, c.deadline), cartOf3, ttl)
			})
			w.Slow("c", 0)
			if !c.orphan {
				want := context.Canceled
				if c.deadline {
					want = context.DeadlineExceeded
				}
				if !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
				left(t, w, map[string]int{"a": 2, "b": 2, "c": 2})
				// No row is left locked either.
				if n := together(t, w, cartOf3); n != 1 {
					t.Error("the next buyer of one each was not served")
				}
				if n := together(t, w, cartOf3); n != 1 {
					t.Error("the buyer of the last of each was not served")
				}
				return
			}
			if err != nil {
				t.Fatalf("the statements that nobody waited for: %v", err)
			}
			left(t, w, map[string]int{"a": 1, "b": 1, "c": 1})
			if ids := sweep(t, w); len(ids) != 0 {
				t.Errorf("%v swept before they expired", ids)
			}
			w.Pass(ttl)
			if diff := cmp.Diff([]string{r.ID}, sweep(t, w)); diff != "" {
				t.Errorf("swept (-want +got):\n%s", diff)
			}
			left(t, w, map[string]int{"a": 2, "b": 2, "c": 2})
		})
	}

	t.Run("a caller that gives up at any instant leaves all or nothing", func(t *testing.T) {
		const tries = 40
		w := open(t, map[string]int{"a": tries, "b": tries, "c": tries})
		made := 0
		for i := range tries {
			w.Do(func(ctx context.Context) {
				_, err := w.Stock.Reserve(w.Under(ctx, time.Duration(i)*w.Tick/tries, i%2 == 0), cartOf3, ttl)
				if err == nil {
					made++
				} else if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("gave up after %v: %v", time.Duration(i)*w.Tick/tries, err)
				}
			})
		}
		n := available(t, w, "a")
		left(t, w, map[string]int{"a": n, "b": n, "c": n})
		if taken := tries - n; taken < made {
			t.Errorf("%d reservations hold %d rows each", made, taken)
		}
		// One whose caller was told of an error although the commit came through is
		// an orphan, which is swept like all others.
		w.Pass(ttl)
		sweep(t, w)
		left(t, w, map[string]int{"a": tries, "b": tries, "c": tries})
	})

	t.Run("sweeps what has expired, and that alone", func(t *testing.T) {
		w := open(t, map[string]int{"a": 5, "b": 5})
		var short, long inventory.Reservation
		w.Do(func(ctx context.Context) {
			var err, err2 error
			short, err = w.Stock.Reserve(ctx, []inventory.Item{{SKU: "a", Qty: 2}, {SKU: "b", Qty: 1}}, time.Minute)
			long, err2 = w.Stock.Reserve(ctx, []inventory.Item{{SKU: "a", Qty: 1}}, time.Hour)
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}
		})
		w.Pass(2 * time.Minute)
		left(t, w, map[string]int{"a": 2, "b": 4})
		if diff := cmp.Diff([]string{short.ID}, sweep(t, w)); diff != "" {
			t.Errorf("swept (-want +got):\n%s", diff)
		}
		left(t, w, map[string]int{"a": 4, "b": 5})
		if ids := sweep(t, w); len(ids) != 0 {
			t.Errorf("%v swept a second time", ids)
		}
		do(t, w, "confirm what was swept", inventory.ErrNoReservation, func(ctx context.Context) error { return w.Stock.Confirm(ctx, short.ID) })
		do(t, w, "release what was swept", nil, func(ctx context.Context) error { return w.Stock.Release(ctx, short.ID) })
		do(t, w, "confirm the other", nil, func(ctx context.Context) error { return w.Stock.Confirm(ctx, long.ID) })
		left(t, w, map[string]int{"a": 4, "b": 5})
	})

	t.Run("keeps what was confirmed", func(t *testing.T) {
		w := open(t, map[string]int{"a": 3})
		r, err := reserve(w, inventory.Item{SKU: "a", Qty: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"confirm", "confirm again"} {
			do(t, w, what, nil, func(ctx context.Context) error { return w.Stock.Confirm(ctx, r.ID) })
		}
		w.Pass(2 * ttl)
		if ids := sweep(t, w); len(ids) != 0 {
			t.Errorf("%v swept although it was confirmed", ids)
		}
		do(t, w, "release", inventory.ErrSold, func(ctx context.Context) error { return w.Stock.Release(ctx, r.ID) })
		left(t, w, map[string]int{"a": 1})
	})

	t.Run("a reservation can be confirmed twenty times at once", func(t *testing.T) {
		w := open(t, map[string]int{"a": 3})
		r, err := reserve(w, inventory.Item{SKU: "a", Qty: 2})
		if err != nil {
			t.Fatal(err)
		}
		var all []func(context.Context)
		for range 20 {
			all = append(all, func(ctx context.Context) {
				if err := w.Stock.Confirm(ctx, r.ID); err != nil {
					t.Errorf("confirm: %v", err)
				}
			})
		}
		w.Do(all...)
		left(t, w, map[string]int{"a": 1})
	})

	t.Run("puts back what was released", func(t *testing.T) {
		w := open(t, map[string]int{"a": 3, "b": 1})
		r, err := reserve(w, inventory.Item{SKU: "a", Qty: 2}, inventory.Item{SKU: "b", Qty: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"release", "release again"} {
			do(t, w, what, nil, func(ctx context.Context) error { return w.Stock.Release(ctx, r.ID) })
			left(t, w, map[string]int{"a": 3, "b": 1})
		}
		do(t, w, "confirm", inventory.ErrNoReservation, func(ctx context.Context) error { return w.Stock.Confirm(ctx, r.ID) })
		do(t, w, "confirm the unknown", inventory.ErrNoReservation, func(ctx context.Context) error { return w.Stock.Confirm(ctx, "res_none") })
		do(t, w, "release the unknown", nil, func(ctx context.Context) error { return w.Stock.Release(ctx, "res_none") })
	})

	t.Run("a reservation is confirmed or swept at once, never both", func(t *testing.T) {
		const carts = 20
		w := open(t, map[string]int{"a": carts, "b": carts, "c": carts})
		made := make([]string, carts)
		for i := range made {
			r, err := reserve(w, cartOf3...)
			if err != nil {
				t.Fatal(err)
			}
			made[i] = r.ID
		}
		w.Pass(ttl)
		confirmed := make([]error, carts)
		swept := make([][]string, 2)
		var all []func(context.Context)
		for i := range carts {
			all = append(all, func(ctx context.Context) { confirmed[i] = w.Stock.Confirm(ctx, made[i]) })
			if i%10 == 5 {
				all = append(all, func(ctx context.Context) {
					ids, err := w.Stock.Sweep(ctx)
					if err != nil {
						t.Errorf("sweep: %v", err)
					}
					swept[i/10] = ids
				})
			}
		}
		w.Do(all...)
		sold := 0
		for i, err := range confirmed {
			times := 0
			for _, id := range slices.Concat(swept...) {
				if id == made[i] {
					times++
				}
			}
			switch {
			case err == nil && times == 0:
				sold++
			case !errors.Is(err, inventory.ErrNoReservation) || times != 1:
				t.Errorf("reservation %d: confirm %v, swept %d times", i, err, times)
			}
		}
		n := carts - sold
		left(t, w, map[string]int{"a": n, "b": n, "c": n})
	})
}
