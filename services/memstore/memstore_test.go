package memstore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tripcurve/services/host"
	"tripcurve/services/inventory/stocktest"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
	"tripcurve/services/order/storetest"
	"tripcurve/services/payment/ledgertest"
	"tripcurve/services/warehouse/shipmentstest"
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

// lateClock is the wall clock, ahead by what has been let pass.
type lateClock struct {
	*host.WallClock
	ahead atomic.Int64
}

func (c *lateClock) Now() time.Time { return c.WallClock.Now().Add(time.Duration(c.ahead.Load())) }

func TestStock(t *testing.T) {
	stocktest.Run(t, func(t *testing.T, o stocktest.Options) stocktest.World {
		clock := &lateClock{WallClock: host.NewWallClock()}
		t.Cleanup(clock.Close)
		stock := memstore.NewStock(clock, host.CryptoRand, o.Rows)
		stock.Cancel(o.Cancel)
		return stocktest.World{
			Stock: stock, Now: clock.Now, Do: together(t), Slow: stock.Slow, Tick: 5 * time.Millisecond,
			Pass: func(d time.Duration) { clock.ahead.Add(int64(d)) },
			Under: func(ctx context.Context, d time.Duration, deadline bool) context.Context {
				ctx, cancel := context.WithCancel(ctx)
				t.Cleanup(cancel)
				if deadline {
					ctx, cancel = context.WithDeadline(ctx, clock.Now().Add(d))
					t.Cleanup(cancel)
				} else {
					clock.AfterFunc(d, cancel)
				}
				return ctx
			},
		}
	})
}

func TestOrders(t *testing.T) {
	storetest.Run(t, func(t *testing.T, carts ...order.Cart) storetest.World {
		return storetest.World{Store: memstore.NewOrders(carts...), Do: together(t)}
	})
}

func TestLedger(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.World {
		return ledgertest.World{Ledger: memstore.NewLedger(), Do: together(t)}
	})
}

func TestShipments(t *testing.T) {
	shipmentstest.Run(t, func(t *testing.T) shipmentstest.World {
		return shipmentstest.World{Shipments: memstore.NewShipments(), Do: together(t)}
	})
}
