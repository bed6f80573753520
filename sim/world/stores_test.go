package world

import (
	"context"
	"testing"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/inventory"
	"tripcurve/services/inventory/stocktest"
	"tripcurve/services/order"
	"tripcurve/services/order/storetest"
	"tripcurve/services/payment/ledgertest"
	"tripcurve/services/warehouse/shipmentstest"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

func newWorld(t *testing.T) *World {
	w := New(Config{Seed: 1, Start: began, NetworkDelay: delay})
	t.Cleanup(w.Close)
	return w
}

// do runs functions as processes that begin now and returns when all have ended.
func do(w *World, fs ...func(context.Context)) {
	left := len(fs)
	for _, f := range fs {
		w.K.Start(nil, vtime.Func(func() {
			f(vtime.Detached(context.Background()))
			left--
		}))
	}
	for left > 0 {
		if err := w.K.Run(context.Background(), w.K.Now()+vtime.Time(time.Second)); err != nil {
			panic(err)
		}
	}
}

func TestStockKeepsItsContract(t *testing.T) {
	stocktest.Run(t, func(t *testing.T, o stocktest.Options) stocktest.World {
		w := newWorld(t)
		s := NewStock(w.NewDatabase(DatabaseOptions{
			Name: "inventory", PoolSize: 8, Statement: sim.Dist{Shape: sim.Exponential, A: time.Millisecond}, Cancel: o.Cancel,
		}), 0)
		for sku, n := range o.Rows {
			s.Add(sku, n)
		}
		return stocktest.World{
			Stock: s, Now: w.Now, Slow: s.Slow, Tick: 50 * time.Millisecond,
			Do: func(fs ...func(context.Context)) { do(w, fs...) },
			Pass: func(d time.Duration) {
				if err := w.K.Run(context.Background(), w.K.Now()+vtime.Time(d)); err != nil {
					t.Fatal(err)
				}
			},
			Under: func(ctx context.Context, d time.Duration, deadline bool) context.Context {
				if deadline {
					return w.K.WithTimeout(ctx, d)
				}
				c := w.K.WithCancel(ctx)
				w.K.After(d, vtime.Func(c.Cancel))
				return c
			},
		}
	})
}

func TestOrdersKeepTheirContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, carts ...order.Cart) storetest.World {
		w := newWorld(t)
		s := w.NewOrders(sim.Dist{Shape: sim.Exponential, A: time.Millisecond}, 0)
		for _, c := range carts {
			s.SaveCart(c)
		}
		return storetest.World{Store: s, Do: func(fs ...func(context.Context)) { do(w, fs...) }}
	})
}

func TestLedgerKeepsItsContract(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.World {
		w := newWorld(t)
		return ledgertest.World{Ledger: w.NewLedger(sim.Dist{Shape: sim.Exponential, A: time.Millisecond}, 0), Do: func(fs ...func(context.Context)) { do(w, fs...) }}
	})
}

func TestShipmentsKeepTheirContract(t *testing.T) {
	shipmentstest.Run(t, func(t *testing.T) shipmentstest.World {
		w := newWorld(t)
		return shipmentstest.World{Shipments: w.NewShipments(sim.Dist{Shape: sim.Exponential, A: time.Millisecond}, 0), Do: func(fs ...func(context.Context)) { do(w, fs...) }}
	})
}

// locked is a stock whose table a migration holds SHARE on for a minute.
func locked(t *testing.T, cancel policy.Cancel) (*World, *Database, *Stock) {
	w := newWorld(t)
	d := w.NewDatabase(DatabaseOptions{Name: "inventory", PoolSize: 2, Statement: sim.Dist{Shape: sim.Exponential, A: time.Millisecond}, Cancel: cancel})
	s := NewStock(d, 0)
	s.Add("a", 4)
	w.K.Start(nil, vtime.Func(func() {
		d.Hold(d.Connect(48291, "migrator", "migrate"), s.table, pglock.Share, "CREATE INDEX", vtime.Time(time.Minute), nil)
	}))
	return w, d, s
}

func (s *Stock) reserveUnder(ctx context.Context) error {
	_, err := s.Reserve(ctx, []inventory.Item{{SKU: "a", Qty: 2}}, time.Hour)
	return err
}

// The update waits for SHARE with its row locks in hand; reads go on, until the
// pool is used up; a third buyer sees no row that is not locked.
func TestReserveUnderShare(t *testing.T) {
	w, d, s := locked(t, policy.Detach)
	var ended []time.Duration
	do(w, func(ctx context.Context) {
		if n, err := s.Available(ctx, "a"); n != 4 || err != nil {
			t.Errorf("a reader sees %d, %v under SHARE", n, err)
		}
	})
	for range 2 {
		w.K.Start(nil, vtime.Func(func() {
			if err := s.reserveUnder(vtime.Detached(context.Background())); err != nil {
				t.Error(err)
			}
			ended = append(ended, time.Duration(w.K.Now()))
		}))
	}
	_ = w.K.Run(context.Background(), vtime.Time(10*time.Second))
	if d.Waiting() != 2 || d.Pool.Used() != 2 {
		t.Errorf("%d sessions wait, %d connections in use", d.Waiting(), d.Pool.Used())
	}
	rows := d.Sessions(nil)
	if len(rows) != 3 || rows[0].WaitEvent != "relation" || rows[0].Wanted != pglock.RowExclusive ||
		len(rows[0].Held) != 1 || rows[0].Held[0].Mode != pglock.RowShare || rows[2].PID != 48291 || rows[2].Held[0].Mode != pglock.Share {
		t.Errorf("sessions: %+v", rows)
	}
	var read time.Duration
	w.K.Start(nil, vtime.Func(func() {
		n, err := s.Available(vtime.Detached(context.Background()), "a")
		read = time.Duration(w.K.Now())
		if n != 4 && n != 0 && n != 2 || err != nil {
			t.Errorf("the late reader sees %d, %v", n, err)
		}
	}))
	_ = w.K.Run(context.Background(), vtime.Time(2*time.Minute))
	if len(ended) != 2 || ended[0] < time.Minute || read < time.Minute {
		t.Errorf("reservations ended at %v, the reader without a connection at %v; the lock ended at 1m", ended, read)
	}
	if d.WaitingMax() != 2 || d.Pool.Err() != nil {
		t.Errorf("at most %d waited; %v", d.WaitingMax(), d.Pool.Err())
	}
}

// What becomes of a statement whose caller has gone.
func TestStatementOfACallerThatHasGone(t *testing.T) {
	for _, c := range []struct {
		name     string
		cancel   policy.Cancel
		deadline bool
		reserved int
	}{
		{"detached, it runs on: a ghost write", policy.Detach, false, 1},
		{"propagated, it is cancelled", policy.Propagate, false, 0},
		{"a deadline cancels it either way", policy.Detach, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d, s := locked(t, c.cancel)
			w.K.Start(nil, vtime.Func(func() {
				ctx := w.K.WithCancel(context.Background())
				if c.deadline {
					ctx.SetDeadline(vtime.Time(5 * time.Second))
				} else {
					w.K.After(5*time.Second, vtime.Func(ctx.Cancel))
				}
				_ = s.reserveUnder(ctx)
			}))
			_ = w.K.Run(context.Background(), vtime.Time(6*time.Second))
			if d.Waiting() != c.reserved {
				t.Errorf("%d sessions wait after the caller went", d.Waiting())
			}
			_ = w.K.Run(context.Background(), vtime.Time(2*time.Minute))
			if n := len(s.Reserved()); n != c.reserved {
				t.Errorf("%d reservations, want %d", n, c.reserved)
			}
			if r := s.skus["a"]; r.locked != 0 || r.free+r.taken != 4 {
				t.Errorf("rows are lost: %+v", r)
			}
		})
	}
}
