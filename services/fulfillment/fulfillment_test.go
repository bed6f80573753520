package fulfillment_test

import (
	"context"
	"errors"
	"testing"

	"tripcurve/services/fulfillment"
	"tripcurve/services/host"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
)

func TestOnlyAPaidOrderShipsAndOnce(t *testing.T) {
	for _, c := range []struct {
		status    string
		expedited bool
		want      error
		speed     string
	}{
		{order.PendingPayment, false, order.ErrStep, ""},
		{order.Paid, false, nil, fulfillment.Standard},
		{order.Paid, true, nil, fulfillment.Express},
	} {
		clock := host.NewWallClock()
		t.Cleanup(clock.Close)
		store, house := memstore.NewOrders(), fulfillment.NewMemory()
		w, err := fulfillment.New(fulfillment.Config{Clock: clock, Store: store, Warehouse: house})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		if _, err := store.Create(t.Context(), order.Order{ID: "ord_1", Status: c.status, Expedited: c.expedited}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Ship(t.Context(), []byte(`{"orderId":"ord_1"}`)); !errors.Is(err, c.want) {
				t.Errorf("%s: error %v, want %v", c.status, err, c.want)
			}
		}
		o, err := store.Order(t.Context(), "ord_1")
		if err != nil {
			t.Fatal(err)
		}
		s, tracking, shipped := house.Shipment("ord_1")
		_, calls := house.Count()
		switch {
		case c.want != nil && (shipped || o.Status != c.status):
			t.Errorf("an order that is %s shipped: %+v", c.status, o)
		case c.want == nil && (calls != 1 || s.Speed != c.speed || o.Status != order.Shipped || o.TrackingNumber != tracking):
			t.Errorf("%d calls, shipment %+v, order %+v", calls, s, o)
		}
	}
}

func TestAJobThatCannotBeDoneIsAnError(t *testing.T) {
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	w, err := fulfillment.New(fulfillment.Config{Clock: clock, Store: memstore.NewOrders(), Warehouse: fulfillment.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Ship(context.Background(), []byte(`{"orderId":"ord_none"}`)); !errors.Is(err, order.ErrNoOrder) {
		t.Errorf("unknown order: error %v, want %v", err, order.ErrNoOrder)
	}
	if err := w.Ship(context.Background(), []byte(`{`)); err == nil {
		t.Error("args that are no JSON are taken")
	}
}
