//go:build real

package pgshipments_test

import (
	"context"
	"sync"
	"testing"

	"tripcurve/internal/pgtest"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/pgkit"
	"tripcurve/services/pgkit/locktest"
	"tripcurve/services/warehouse"
	"tripcurve/services/warehouse/pgshipments"
	"tripcurve/services/warehouse/shipmentstest"
)

// open is a fresh database without a shipment.
func open(t *testing.T, pg *pgtest.Server) (*pgshipments.Shipments, string) {
	t.Helper()
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	dsn := pg.Database(t)
	db, err := pgkit.Open(dsn, pgkit.Options{Application: "warehouse", PoolSize: 10, Clock: clock, Cancel: policy.Propagate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Migrate(t.Context(), pgshipments.Migrations); err != nil {
		t.Fatal(err)
	}
	return pgshipments.New(db), dsn
}

func TestRealShipmentsKeepTheirContract(t *testing.T) {
	pg := pgtest.Start(t)
	shipmentstest.Run(t, func(t *testing.T) shipmentstest.World {
		s, _ := open(t, pg)
		return shipmentstest.World{Shipments: s, Do: func(fs ...func(context.Context)) {
			var wg sync.WaitGroup
			for _, f := range fs {
				wg.Go(func() { f(t.Context()) })
			}
			wg.Wait()
		}}
	})
}

func TestRealStatementsTakeTheLocksTheyDeclare(t *testing.T) {
	s, dsn := open(t, pgtest.Start(t))
	if _, err := s.Create(t.Context(), warehouse.Shipment{Tracking: "1Z1", Key: "k1", OrderID: "ord_1", Speed: warehouse.Express}); err != nil {
		t.Fatal(err)
	}
	locktest.Run(t, dsn, warehouse.Statements(), map[string][]any{
		"shipment_insert":    {"1Z2", "k2", "ord_2", warehouse.Standard, []warehouse.Item{}, order.Address{}},
		"shipment_by_key":    {"k1"},
		"shipments_by_order": {"ord_1"},
	})
}
