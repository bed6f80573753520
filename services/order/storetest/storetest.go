// Package storetest is the contract of order.Store, run on every store that
// claims to be one.
package storetest

import (
	"context"
	"errors"
	"sync/atomic"
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
		Items:     []order.Item{{SKU: "WH-1000XM5", Qty: 2, PriceCents: 34999}, {SKU: "b", Qty: 1, PriceCents: 1}},
		Expedited: true,
	}
	sample := order.Order{
		ID: "ord_1", Key: "k1", CartID: cart.ID, UserID: cart.UserID, Status: order.PendingPayment,
		TotalCents: 69999, ReservationID: "res_7f3a", IntentID: "pi_1", ClientSecret: "pi_1_secret_2",
		ExpiresAt: time.Date(2026, 1, 15, 10, 47, 0, 123456000, time.UTC),
		Items:     cart.Items, PaymentMethod: "pm_visa_4242", Expedited: true,
		Address: order.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
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

	t.Run("finds an order by id, by key and by intent", func(t *testing.T) {
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
			byIntent, err := w.Store.ByIntent(ctx, sample.IntentID)
			if err != nil {
				t.Error(err)
			}
			same(t, "by intent", sample, byIntent)
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
			if _, err := w.Store.ByIntent(ctx, "pi_none"); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("unknown intent: error %v, want %v", err, order.ErrNoOrder)
			}
			if _, err := w.Store.Advance(ctx, "ord_none", order.Step{To: order.Paid}, nil); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("a step of an unknown order: error %v, want %v", err, order.ErrNoOrder)
			}
		})
	})

	t.Run("keeps the first order of a key", func(t *testing.T) {
		w := open(t, cart)
		create(t, w, sample)
		again := sample
		again.ID, again.ReservationID, again.IntentID = "ord_2", "res_2", "pi_2"
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
				o.ID, o.IntentID = id, "pi_of_"+id
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
		a.Key, b.Key, b.ID, b.IntentID = "", "", "ord_2", "pi_2"
		same(t, "first", a, create(t, w, a))
		same(t, "second", b, create(t, w, b))
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.ByKey(ctx, ""); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("empty key: error %v, want %v", err, order.ErrNoOrder)
			}
		})
	})

	t.Run("keeps orders without an intent apart", func(t *testing.T) {
		w := open(t, cart)
		a, b := sample, sample
		a.IntentID, b.IntentID, b.Key, b.ID = "", "", "k2", "ord_2"
		same(t, "first", a, create(t, w, a))
		same(t, "second", b, create(t, w, b))
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.ByIntent(ctx, ""); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("empty intent: error %v, want %v", err, order.ErrNoOrder)
			}
		})
	})

	advance := func(t *testing.T, w World, s order.Step, want error, then func(context.Context, order.Order) error) (got order.Order) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if got, err = w.Store.Advance(ctx, sample.ID, s, then); !errors.Is(err, want) {
				t.Errorf("to %s: error %v, want %v", s.To, err, want)
			}
		})
		return got
	}
	read := func(t *testing.T, w World) (got order.Order) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if got, err = w.Store.Order(ctx, sample.ID); err != nil {
				t.Error(err)
			}
		})
		return got
	}
	shipped := order.Step{To: order.Shipped, TrackingNumber: "1Z999"}

	t.Run("takes an order through its life", func(t *testing.T) {
		w := open(t, cart)
		create(t, w, sample)
		want := sample
		for _, s := range []order.Step{{To: order.Paid}, shipped} {
			want.Status, want.TrackingNumber = s.To, s.TrackingNumber
			called := 0
			then := func(_ context.Context, o order.Order) error {
				called++
				same(t, "as then sees it", want, o)
				return nil
			}
			same(t, "after the step", want, advance(t, w, s, nil, then))
			same(t, "read back", want, read(t, w))
			same(t, "once more", want, advance(t, w, s, nil, then))
			if called != 1 {
				t.Errorf("to %s: then was called %d times, want once", s.To, called)
			}
		}
		same(t, "a step that lies behind", want, advance(t, w, order.Step{To: order.Paid}, nil, nil))
		same(t, "another tracking number", want, advance(t, w, order.Step{To: order.Shipped, TrackingNumber: "1Z000"}, nil, nil))
	})

	t.Run("skips no step", func(t *testing.T) {
		w := open(t, cart)
		create(t, w, sample)
		never := func(context.Context, order.Order) error {
			t.Error("then was called for a step that is not allowed")
			return nil
		}
		advance(t, w, shipped, order.ErrStep, never)
		advance(t, w, order.Step{To: "returned"}, order.ErrStep, never)
		same(t, "the order", sample, read(t, w))
	})

	t.Run("takes a step back when then fails", func(t *testing.T) {
		w := open(t, cart)
		create(t, w, sample)
		full := errors.New("queue full")
		advance(t, w, order.Step{To: order.Paid}, full, func(context.Context, order.Order) error { return full })
		same(t, "the order", sample, read(t, w))
		want := sample
		want.Status = order.Paid
		same(t, "the next time", want, advance(t, w, order.Step{To: order.Paid}, nil, nil))
	})

	t.Run("takes a step once that is asked for twenty times at once", func(t *testing.T) {
		w := open(t, cart)
		create(t, w, sample)
		var called atomic.Int32
		var all []func(context.Context)
		for range 20 {
			all = append(all, func(ctx context.Context) {
				got, err := w.Store.Advance(ctx, sample.ID, order.Step{To: order.Paid}, func(context.Context, order.Order) error {
					called.Add(1)
					return nil
				})
				if err != nil || got.Status != order.Paid {
					t.Errorf("status %q, error %v", got.Status, err)
				}
			})
		}
		w.Do(all...)
		if n := called.Load(); n != 1 {
			t.Errorf("then was called %d times, want once", n)
		}
	})

	t.Run("takes an accepted order through its life", func(t *testing.T) {
		w := open(t, cart)
		want := left(sample)
		create(t, w, want)
		for _, s := range []order.Step{
			{To: order.Reserved, ReservationID: "res_7f3a", ExpiresAt: sample.ExpiresAt},
			{To: order.Reserved, ReservationID: "res_8a21", ExpiresAt: sample.ExpiresAt.Add(time.Minute)}, // the first one expired
			{To: order.PendingPayment, IntentID: "pi_1", ClientSecret: "pi_1_secret_2"},
			{To: order.Reserved, ReservationID: "res_9b30", ExpiresAt: sample.ExpiresAt.Add(2 * time.Minute)}, // and so did the second
			{To: order.Paid},
		} {
			if _, err := want.Take(s); err != nil {
				t.Fatal(err)
			}
			same(t, "after the step to "+s.To, want, advance(t, w, s, nil, nil))
			same(t, "read back", want, read(t, w))
			same(t, "once more", want, advance(t, w, s, nil, nil))
		}
		same(t, "a reservation that comes late", want, advance(t, w, order.Step{To: order.Reserved, ReservationID: "res_9"}, nil, nil))
		advance(t, w, order.Step{To: order.Declined}, order.ErrStep, nil)
		w.Do(func(ctx context.Context) {
			got, err := w.Store.ByIntent(ctx, "pi_1")
			if err != nil {
				t.Error(err)
			}
			same(t, "by the intent of the step", want, got)
		})
	})

	t.Run("declines an accepted order for good", func(t *testing.T) {
		w := open(t, cart)
		want := left(sample)
		create(t, w, want)
		want.Status = order.Declined
		same(t, "declined", want, advance(t, w, order.Step{To: order.Declined}, nil, nil))
		same(t, "once more", want, advance(t, w, order.Step{To: order.Declined}, nil, nil))
		advance(t, w, order.Step{To: order.Reserved, ReservationID: "res_1"}, order.ErrStep, nil)
		same(t, "read back", want, read(t, w))
	})

	t.Run("declines nothing that somebody else has reserved", func(t *testing.T) {
		w := open(t, cart)
		want := left(sample)
		create(t, w, want)
		have := order.Step{To: order.Reserved, ReservationID: "res_1", ExpiresAt: sample.ExpiresAt}
		if _, err := want.Take(have); err != nil {
			t.Fatal(err)
		}
		advance(t, w, have, nil, nil)
		for _, before := range []string{"", "res_0"} {
			advance(t, w, order.Step{To: order.Declined, ReservationID: before}, order.ErrStep, nil)
			same(t, "read back", want, read(t, w))
		}
		want.Status = order.Declined
		same(t, "it has expired", want, advance(t, w, order.Step{To: order.Declined, ReservationID: "res_1"}, nil, nil))
	})

	runCheckouts(t, func(t *testing.T) World { return open(t, cart) }, left(sample))
}

// left is an order as it is when it has just been accepted.
func left(o order.Order) order.Order {
	o.Status, o.ReservationID, o.IntentID, o.ClientSecret, o.ExpiresAt = order.Accepted, "", "", "", time.Time{}
	return o
}
