package memstore_test

import (
	"context"
	"sync"
	"testing"

	"tripcurve/services/host"
	"tripcurve/services/inventory/stocktest"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
	"tripcurve/services/order/storetest"
	"tripcurve/services/payment/ledgertest"
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

func TestStock(t *testing.T) {
	stocktest.Run(t, func(t *testing.T, rows map[string]int) stocktest.World {
		clock := host.NewWallClock()
		t.Cleanup(clock.Close)
		return stocktest.World{
			Stock: memstore.NewStock(clock, host.CryptoRand, rows), Now: clock.Now, Do: together(t),
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
