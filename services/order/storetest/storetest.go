// Package storetest is the contract of order.Store, run on every store that
// claims to be one.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/order"
)

// World is one store.
type World struct {
	Store order.Store
	// Do runs the functions as processes that begin at the same instant and
	// returns when all have ended.
	Do func(...func(context.Context))
}

// Run checks the contract. open gives a fresh store that holds the carts and no order.
func Run(t *testing.T, open func(t *testing.T, carts ...order.Cart) World) {
	cart := order.Cart{
		ID: "cart_8f3a2b", UserID: "usr_1",
		Items: []order.Item{{SKU: "WH-1000XM5", Qty: 2, PriceCents: 34999}},
	}
	sample := order.Order{
		ID: "ord_1", Key: "k1", CartID: cart.ID, UserID: cart.UserID, Status: order.PendingPayment,
		TotalCents: 69998, ReservationID: "res_7f3a", ClientSecret: "pi_1_secret_2",
		ExpiresAt: time.Date(2026, 1, 15, 10, 47, 0, 0, time.UTC),
	}
	create := func(t *testing.T, w World, o order.Order) (got order.Order) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if got, err = w.Store.Create(ctx, o); err != nil {
				t.Errorf("create %s: %v", o.ID, err)
			}
		})
		return got
	}
	same := func(t *testing.T, what string, want, got order.Order) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}

	t.Run("reads a cart", func(t *testing.T) {
		w := open(t, cart)
		w.Do(func(ctx context.Context) {
			got, err := w.Store.Cart(ctx, cart.ID)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(cart, got); diff != "" {
				t.Errorf("cart (-want +got):\n%s", diff)
			}
			if _, err := w.Store.Cart(ctx, "cart_none"); !errors.Is(err, order.ErrNoCart) {
				t.Errorf("unknown cart: error %v, want %v", err, order.ErrNoCart)
			}
		})
	})

	t.Run("finds an order by id and by key", func(t *testing.T) {
		w := open(t, cart)
		same(t, "created", sample, create(t, w, sample))
		w.Do(func(ctx context.Context) {
			byID, err := w.Store.Order(ctx, sample.ID)
			if err != nil {
				t.Error(err)
			}
			same(t, "by id", sample, byID)
			byKey, err := w.Store.ByKey(ctx, sample.Key)
			if err != nil {
				t.Error(err)
			}
			same(t, "by key", sample, byKey)
		})
	})

	t.Run("knows no order before it is created", func(t *testing.T) {
		w := open(t, cart)
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.Order(ctx, "ord_none"); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("unknown id: error %v, want %v", err, order.ErrNoOrder)
			}
			if _, err := w.Store.ByKey(ctx, "none"); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("unknown key: error %v, want %v", err, order.ErrNoOrder)
			}
		})
	})

	t.Run("keeps the first order of a key", func(t *testing.T) {
		w := open(t, cart)
		create(t, w, sample)
		again := sample
		again.ID, again.ReservationID = "ord_2", "res_2"
		same(t, "created again", sample, create(t, w, again))
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.Order(ctx, "ord_2"); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("the second order of the key: error %v, want %v", err, order.ErrNoOrder)
			}
		})
	})

	t.Run("stores one order of a key asked for twice at once", func(t *testing.T) {
		w := open(t, cart)
		got := make([]order.Order, 2)
		errs := make([]error, 2)
		one := func(i int, id string) func(context.Context) {
			return func(ctx context.Context) {
				o := sample
				o.ID = id
				got[i], errs[i] = w.Store.Create(ctx, o)
			}
		}
		w.Do(one(0, "ord_1"), one(1, "ord_2"))
		if errs[0] != nil || errs[1] != nil {
			t.Fatal(errs)
		}
		same(t, "the two answers", got[0], got[1])
	})

	t.Run("keeps orders without a key apart", func(t *testing.T) {
		w := open(t, cart)
		a, b := sample, sample
		a.Key, b.Key, b.ID = "", "", "ord_2"
		same(t, "first", a, create(t, w, a))
		same(t, "second", b, create(t, w, b))
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.ByKey(ctx, ""); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("empty key: error %v, want %v", err, order.ErrNoOrder)
			}
		})
	})
}
