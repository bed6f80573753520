// Package stocktest is the contract of inventory.Stock, run on every store that
// claims to be one.
package stocktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/inventory"
)

// World is one store and the time it stands in.
type World struct {
	Stock inventory.Stock
	Now   func() time.Time
	// Do runs the functions as processes that begin at the same instant and
	// returns when all have ended.
	Do func(...func(context.Context))
}

const ttl = 15 * time.Minute

// Run checks the contract. open gives a fresh store that holds so many free rows
// of each sku.
func Run(t *testing.T, open func(t *testing.T, rows map[string]int) World) {
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
		got := map[string]int{"a": available(t, w, "a"), "b": available(t, w, "b")}
		if diff := cmp.Diff(map[string]int{"a": 3, "b": 0}, got); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})

	t.Run("takes nothing when one item is short", func(t *testing.T) {
		w := open(t, map[string]int{"a": 5, "b": 2})
		if _, err := reserve(w, inventory.Item{SKU: "a", Qty: 2}, inventory.Item{SKU: "b", Qty: 3}); !errors.Is(err, inventory.ErrOutOfStock) {
			t.Fatalf("error %v, want %v", err, inventory.ErrOutOfStock)
		}
		got := map[string]int{"a": available(t, w, "a"), "b": available(t, w, "b")}
		if diff := cmp.Diff(map[string]int{"a": 5, "b": 2}, got); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
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

	t.Run("gives the last item to one of two buyers", func(t *testing.T) {
		w := open(t, map[string]int{"a": 1})
		errs := make([]error, 2)
		buy := func(i int) func(context.Context) {
			return func(ctx context.Context) {
				_, errs[i] = w.Stock.Reserve(ctx, []inventory.Item{{SKU: "a", Qty: 1}}, ttl)
			}
		}
		w.Do(buy(0), buy(1))
		if errs[0] != nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		if errs[0] != nil || !errors.Is(errs[1], inventory.ErrOutOfStock) {
			t.Errorf("errors %v, want one success and one %v", errs, inventory.ErrOutOfStock)
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
}
