package fulfillment_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/fulfillment"
	"tripcurve/services/host"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
	"tripcurve/services/pb"
	"tripcurve/services/warehouse"
)

// house is a warehouse behind a connection that can be made to fail.
type house struct {
	*warehouse.Server
	shipments *memstore.Shipments
	calls     int
	before    error // instead of the warehouse's answer
	after     error // the shipment is made, the answer lost
}

func newHouse() *house {
	s := memstore.NewShipments()
	return &house{Server: warehouse.New(warehouse.Config{Shipments: s}), shipments: s}
}

func (h *house) Invoke(ctx context.Context, _ string, args, reply any, _ ...grpc.CallOption) error {
	h.calls++
	if h.before != nil {
		return h.before
	}
	out, err := h.CreateShipment(ctx, args.(*pb.CreateShipmentRequest))
	if err == nil {
		err = h.after
	}
	if err == nil {
		reply.(*pb.CreateShipmentResponse).TrackingNumber = out.GetTrackingNumber()
	}
	return err
}

func (*house) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("no streams")
}

// dock is a worker, the orders before it and the warehouse behind it.
type dock struct {
	*fulfillment.Worker
	orders *forgetful
	house  *house
	meter  *host.MemoryMeter
}

// forgetful are orders whose next step can be lost, as by a worker that dies.
type forgetful struct {
	*memstore.Orders
	lose error
}

func (f *forgetful) Advance(ctx context.Context, id string, s order.Step, then func(context.Context, order.Order) error) (order.Order, error) {
	if f.lose != nil {
		return order.Order{}, f.lose
	}
	return f.Orders.Advance(ctx, id, s, then)
}

func openDock(t *testing.T, edges policy.Edges, o order.Order) *dock {
	t.Helper()
	clock := host.NewWallClock()
	d := &dock{orders: &forgetful{Orders: memstore.NewOrders()}, house: newHouse(), meter: host.NewMemoryMeter()}
	var err error
	d.Worker, err = fulfillment.New(fulfillment.Config{
		Clock: clock, Meter: d.meter, Rand: host.CryptoRand, Store: d.orders, Warehouse: d.house, Policies: edges,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Close()
		clock.Close()
	})
	o.ID, o.Items = "ord_1", []order.Item{{SKU: "WH-1000XM5", Qty: 2, PriceCents: 34999}}
	if _, err := d.orders.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *dock) ship(t *testing.T) error { return d.Ship(t.Context(), []byte(`{"orderId":"ord_1"}`)) }

func (d *dock) order(t *testing.T) order.Order {
	t.Helper()
	o, err := d.orders.Order(t.Context(), "ord_1")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// parcels are the shipments of the order.
func (d *dock) parcels(t *testing.T) []warehouse.Shipment {
	t.Helper()
	all, err := d.house.shipments.Of(t.Context(), "ord_1")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOnlyAPaidOrderShipsAndOnce(t *testing.T) {
	for _, c := range []struct {
		status    string
		expedited bool
		want      error
		speed     string
	}{
		{order.PendingPayment, false, order.ErrStep, ""},
		{order.Paid, false, nil, warehouse.Standard},
		{order.Paid, true, nil, warehouse.Express},
	} {
		d := openDock(t, nil, order.Order{Status: c.status, Expedited: c.expedited})
		for range 2 {
			if err := d.ship(t); !errors.Is(err, c.want) {
				t.Errorf("%s: error %v, want %v", c.status, err, c.want)
			}
		}
		o, parcels := d.order(t), d.parcels(t)
		switch {
		case c.want != nil && (len(parcels) > 0 || o.Status != c.status):
			t.Errorf("an order that is %s shipped: %+v", c.status, o)
		case c.want == nil && (d.house.calls != 1 || len(parcels) != 1 || parcels[0].Speed != c.speed ||
			o.Status != order.Shipped || o.TrackingNumber != parcels[0].Tracking):
			t.Errorf("%d calls, shipments %+v, order %+v", d.house.calls, parcels, o)
		}
	}
}

// What a worker loses in the middle, the next one makes good, with one parcel.
func TestATryThatIsLostIsMadeGood(t *testing.T) {
	gone := status.Error(codes.Unavailable, "gone")
	for name, lose := range map[string]func(*dock){
		"before the warehouse heard of it": func(d *dock) { d.house.before = gone },
		"with the warehouse's answer":      func(d *dock) { d.house.after = gone },
		"before the order was told":        func(d *dock) { d.orders.lose = gone },
	} {
		d := openDock(t, nil, order.Order{Status: order.Paid})
		lose(d)
		if err := d.ship(t); err == nil {
			t.Errorf("%s: no error", name)
		}
		if o := d.order(t); o.Status != order.Paid {
			t.Errorf("%s: the order is %s", name, o.Status)
		}
		d.house.before, d.house.after, d.orders.lose = nil, nil, nil
		if err := d.ship(t); err != nil {
			t.Errorf("%s: another try: %v", name, err)
		}
		o, parcels := d.order(t), d.parcels(t)
		if len(parcels) != 1 || o.Status != order.Shipped || o.TrackingNumber != parcels[0].Tracking {
			t.Errorf("%s: shipments %+v, order %+v", name, parcels, o)
		}
	}
}

// shelf is an inventory that is told what is sold.
type shelf struct {
	sold []string
	fail error
}

func (s *shelf) Invoke(_ context.Context, _ string, args, _ any, _ ...grpc.CallOption) error {
	if s.fail == nil {
		s.sold = append(s.sold, args.(*pb.ConfirmReservationRequest).GetReservationId())
	}
	return s.fail
}

func (*shelf) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("no streams")
}

// What is sent is sold: the job is done when inventory knows, and tried again
// until then, without a second parcel.
func TestTheStockOfAShippedOrderIsSold(t *testing.T) {
	d := openDock(t, nil, order.Order{Status: order.Paid, ReservationID: "res_1"})
	s := &shelf{fail: status.Error(codes.Unavailable, "gone")}
	d.tell(t, s)
	if err := d.ship(t); err == nil || d.order(t).Status != order.Shipped {
		t.Errorf("error %v, the order is %s", err, d.order(t).Status)
	}
	s.fail = nil
	if err := d.ship(t); err != nil || len(s.sold) != 1 || s.sold[0] != "res_1" || len(d.parcels(t)) != 1 || d.house.calls != 1 {
		t.Errorf("%v; sold %v, %d parcels, %d calls of the warehouse", err, s.sold, len(d.parcels(t)), d.house.calls)
	}
	s.fail = status.Error(codes.NotFound, "unknown_reservation")
	if err := d.ship(t); err != nil || d.meter.Counter("fulfillment.expired") != 1 {
		t.Errorf("a reservation that has expired: %v, counted %d times", err, d.meter.Counter("fulfillment.expired"))
	}
}

// tell makes the worker anew, with an inventory.
func (d *dock) tell(t *testing.T, s *shelf) {
	t.Helper()
	clock := host.NewWallClock()
	w, err := fulfillment.New(fulfillment.Config{
		Clock: clock, Meter: d.meter, Rand: host.CryptoRand, Store: d.orders, Warehouse: d.house, Inventory: s,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		clock.Close()
	})
	d.Worker = w
}

func TestTheWarehouseIsBehindAGuard(t *testing.T) {
	edges := policy.Edges{fulfillment.EdgeWarehouse: {}}
	if err := edges.Set(fulfillment.EdgeWarehouse+".breaker", "opossum"); err != nil {
		t.Fatal(err)
	}
	d := openDock(t, edges, order.Order{Status: order.Paid})
	d.house.before = status.Error(codes.Unavailable, "gone")
	for range 20 {
		if err := d.ship(t); err == nil {
			t.Fatal("shipped by a warehouse that is gone")
		}
	}
	if d.house.calls == 20 {
		t.Error("all 20 tries reached a warehouse that fails: the breaker never opened")
	}
	if n := d.meter.Counter("circuit." + fulfillment.EdgeWarehouse + ".open"); n != 1 {
		t.Errorf("the breaker opened %d times", n)
	}
}

func TestAJobThatCannotBeDoneIsAnError(t *testing.T) {
	d := openDock(t, nil, order.Order{Status: order.Paid})
	if err := d.Ship(t.Context(), []byte(`{"orderId":"ord_none"}`)); !errors.Is(err, order.ErrNoOrder) {
		t.Errorf("unknown order: error %v, want %v", err, order.ErrNoOrder)
	}
	if err := d.Ship(t.Context(), []byte(`{`)); err == nil {
		t.Error("args that are no JSON are taken")
	}
}
