package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/order"
)

// runCheckouts checks what the contract says of orders that are accepted. open gives
// a fresh store, o is such an order.
func runCheckouts(t *testing.T, open func(t *testing.T) World, o order.Order) {
	async := order.Checkouts{Mode: order.Async}
	closed := order.Checkouts{Mode: order.Async, Closed: true}
	set := func(t *testing.T, w World, how order.Checkouts) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			if err := w.Store.SetCheckouts(ctx, how, nil); err != nil {
				t.Errorf("set %+v: %v", how, err)
			}
		})
	}
	how := func(t *testing.T, w World) (got order.Checkouts) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			var err error
			if got, err = w.Store.Checkouts(ctx); err != nil {
				t.Error(err)
			}
		})
		return got
	}
	gone := func(t *testing.T, w World, id string) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.Order(ctx, id); !errors.Is(err, order.ErrNoOrder) {
				t.Errorf("order %s: error %v, want %v", id, err, order.ErrNoOrder)
			}
		})
	}

	t.Run("takes checkouts synchronously at first", func(t *testing.T) {
		w := open(t)
		if diff := cmp.Diff(order.Checkouts{Mode: order.Sync}, how(t, w)); diff != "" {
			t.Errorf("checkouts (-want +got):\n%s", diff)
		}
	})

	t.Run("accepts an order only while it is left to the queue", func(t *testing.T) {
		w := open(t)
		for _, c := range []struct {
			how  order.Checkouts
			want error
		}{{order.Checkouts{Mode: order.Sync}, order.ErrSync}, {closed, order.ErrClosed}} {
			set(t, w, c.how)
			w.Do(func(ctx context.Context) {
				_, err := w.Store.Accept(ctx, o, func(context.Context, order.Order) error {
					t.Errorf("%+v: then was called", c.how)
					return nil
				})
				if !errors.Is(err, c.want) {
					t.Errorf("%+v: error %v, want %v", c.how, err, c.want)
				}
			})
			gone(t, w, o.ID)
		}
		set(t, w, async)
		called := 0
		for range 2 { // the second time the key has its order
			w.Do(func(ctx context.Context) {
				got, err := w.Store.Accept(ctx, o, func(_ context.Context, got order.Order) error {
					called++
					if diff := cmp.Diff(o, got); diff != "" {
						t.Errorf("as then sees it (-want +got):\n%s", diff)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(o, got); diff != "" {
					t.Errorf("accepted (-want +got):\n%s", diff)
				}
			})
		}
		if called != 1 {
			t.Errorf("then was called %d times, want once", called)
		}
	})

	t.Run("accepts one order of a key asked for twenty times at once", func(t *testing.T) {
		w := open(t)
		set(t, w, async)
		var called atomic.Int32
		var all []func(context.Context)
		ids := make([]string, 20)
		for i := range ids {
			mine := o
			mine.ID = fmt.Sprintf("ord_of_%d", i)
			all = append(all, func(ctx context.Context) {
				got, err := w.Store.Accept(ctx, mine, func(context.Context, order.Order) error {
					called.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				ids[i] = got.ID
			})
		}
		w.Do(all...)
		if n := called.Load(); n != 1 {
			t.Errorf("then was called %d times, want once", n)
		}
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("one was answered %s, another %s", ids[0], id)
			}
		}
	})

	t.Run("stores no order whose job cannot be left", func(t *testing.T) {
		w := open(t)
		set(t, w, async)
		full := errors.New("queue full")
		w.Do(func(ctx context.Context) {
			if _, err := w.Store.Accept(ctx, o, func(context.Context, order.Order) error { return full }); !errors.Is(err, full) {
				t.Errorf("error %v, want %v", err, full)
			}
		})
		gone(t, w, o.ID)
		w.Do(func(ctx context.Context) { // its key is free again
			if _, err := w.Store.Accept(ctx, o, nil); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("switches between two orders and never in the middle of one", func(t *testing.T) {
		w := open(t)
		set(t, w, async)
		var accepted, checked atomic.Int32
		var all []func(context.Context)
		for i := range 20 {
			mine := o
			mine.ID, mine.Key = fmt.Sprintf("ord_%d", i), fmt.Sprintf("k%d", i)
			all = append(all, func(ctx context.Context) {
				_, err := w.Store.Accept(ctx, mine, func(context.Context, order.Order) error {
					accepted.Add(1)
					return nil
				})
				if err != nil && !errors.Is(err, order.ErrSync) {
					t.Error(err)
				}
			})
		}
		all = append(all[:10:10], append([]func(context.Context){func(ctx context.Context) {
			err := w.Store.SetCheckouts(ctx, order.Checkouts{Mode: order.Sync}, func(context.Context) error {
				checked.Store(accepted.Load())
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}}, all[10:]...)...)
		w.Do(all...)
		if checked.Load() != accepted.Load() {
			t.Errorf("the switch saw %d accepted orders, and there were %d in the end", checked.Load(), accepted.Load())
		}
	})

	t.Run("keeps its mode when the switch is refused", func(t *testing.T) {
		w := open(t)
		set(t, w, async)
		busy := &order.InFlightError{Orders: 3}
		w.Do(func(ctx context.Context) {
			err := w.Store.SetCheckouts(ctx, order.Checkouts{Mode: order.Sync}, func(context.Context) error { return busy })
			if got := (*order.InFlightError)(nil); !errors.As(err, &got) || got.Orders != 3 {
				t.Errorf("error %v, want %v", err, busy)
			}
		})
		if diff := cmp.Diff(async, how(t, w)); diff != "" {
			t.Errorf("checkouts (-want +got):\n%s", diff)
		}
	})
}
