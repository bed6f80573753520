// Package shipmentstest is the contract of warehouse.Shipments, run on everything
// that claims to be one.
package shipmentstest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/order"
	"tripcurve/services/warehouse"
)

// World is one warehouse's database.
type World struct {
	Shipments warehouse.Shipments
	// Do runs the functions as processes that begin at the same instant and
	// returns when all have ended.
	Do func(...func(context.Context))
}

// Run checks the contract. open gives a fresh database without a shipment.
func Run(t *testing.T, open func(t *testing.T) World) {
	sample := warehouse.Shipment{
		Tracking: "1Z0001", Key: "ord_1", OrderID: "ord_1", Speed: warehouse.Express,
		Items:   []warehouse.Item{{SKU: "WH-1000XM5", Qty: 2}, {SKU: "b", Qty: 1}},
		Address: order.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
	}
	// create makes a shipment and says what came of it.
	create := func(w World, s warehouse.Shipment) (got warehouse.Shipment, err error) {
		w.Do(func(ctx context.Context) { got, err = w.Shipments.Create(ctx, s) })
		return got, err
	}
	// of is the shipments of an order.
	of := func(t *testing.T, w World, id string, want ...warehouse.Shipment) {
		t.Helper()
		w.Do(func(ctx context.Context) {
			got, err := w.Shipments.Of(ctx, id)
			if err != nil {
				t.Error(err)
			}
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("shipments of %s (-want +got):\n%s", id, diff)
			}
		})
	}

	t.Run("stores a shipment", func(t *testing.T) {
		w := open(t)
		got, err := create(w, sample)
		if err != nil || !cmp.Equal(got, sample) {
			t.Errorf("created %+v, %v", got, err)
		}
		of(t, w, sample.OrderID, sample)
		of(t, w, "ord_none")
	})

	t.Run("keeps the first shipment of a key", func(t *testing.T) {
		w := open(t)
		_, first := create(w, sample)
		again := sample
		again.Tracking = "1Z0002"
		got, second := create(w, again)
		if err := errors.Join(first, second); err != nil || !cmp.Equal(got, sample) {
			t.Errorf("created %+v, %v", got, err)
		}
		of(t, w, sample.OrderID, sample)
	})

	t.Run("refuses a key for another shipment", func(t *testing.T) {
		w := open(t)
		if _, err := create(w, sample); err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func(*warehouse.Shipment){
			"order":   func(s *warehouse.Shipment) { s.OrderID = "ord_2" },
			"speed":   func(s *warehouse.Shipment) { s.Speed = warehouse.Standard },
			"items":   func(s *warehouse.Shipment) { s.Items = s.Items[:1] },
			"address": func(s *warehouse.Shipment) { s.Address.Zip = "97202" },
		} {
			other := sample
			other.Tracking = "1Z0002"
			change(&other)
			if _, err := create(w, other); !errors.Is(err, warehouse.ErrKeyReused) {
				t.Errorf("another %s: error %v, want %v", what, err, warehouse.ErrKeyReused)
			}
		}
		of(t, w, sample.OrderID, sample)
	})

	t.Run("makes two of an order that is asked for under two keys", func(t *testing.T) {
		w := open(t)
		other := sample
		other.Tracking, other.Key = "1Z0002", "by hand"
		_, first := create(w, sample)
		_, second := create(w, other)
		if err := errors.Join(first, second); err != nil {
			t.Fatal(err)
		}
		of(t, w, sample.OrderID, sample, other)
	})

	t.Run("stores one shipment of a key asked for twenty times at once", func(t *testing.T) {
		w := open(t)
		const callers = 20
		var fs [callers]func(context.Context)
		var got [callers]warehouse.Shipment
		for i := range callers {
			fs[i] = func(ctx context.Context) {
				s := sample
				s.Tracking = fmt.Sprintf("1Z%04d", i)
				var err error
				if got[i], err = w.Shipments.Create(ctx, s); err != nil {
					t.Error(err)
				}
			}
		}
		w.Do(fs[:]...)
		for i, g := range got {
			if !cmp.Equal(g, got[0]) {
				t.Errorf("caller %d got %+v, another %+v", i, g, got[0])
			}
		}
		of(t, w, sample.OrderID, got[0])
	})
}
