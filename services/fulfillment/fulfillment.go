// Package fulfillment ships the orders that are paid: the job that the order
// service leaves in its queue, and the warehouse behind a guard.
package fulfillment

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/pb"
	"tripcurve/services/warehouse"
)

// The edges that leave this service.
const (
	EdgeWarehouse = "fulfillment.warehouse"
	EdgeInventory = "fulfillment.inventory"
)

// Config is what a Worker stands on. The connections are bare: the worker puts
// the guards of Policies before them.
type Config struct {
	Clock     host.Clock
	Meter     host.Meter
	Rand      host.Rand
	Store     order.Store
	Warehouse grpc.ClientConnInterface
	// Inventory, when set, is told that a shipped order's stock is sold, so that it
	// does not go back when the reservation expires.
	Inventory grpc.ClientConnInterface
	Policies  policy.Edges
}

// Worker does the jobs.
type Worker struct {
	store     order.Store
	meter     host.Meter
	guards    []*host.Guard
	warehouse pb.WarehouseClient
	inventory pb.InventoryClient // nil when it is not told
}

// New makes a worker. It fails when a policy names a breaker that cannot be made.
func New(c Config) (*Worker, error) {
	w := &Worker{store: c.Store, meter: c.Meter}
	if w.meter == nil {
		w.meter = host.NewMemoryMeter()
	}
	guarded := func(edge string, conn grpc.ClientConnInterface) (grpc.ClientConnInterface, error) {
		g, err := host.NewGuard(edge, c.Policies[edge], conn, c.Clock, c.Meter, c.Rand)
		if err != nil {
			return nil, fmt.Errorf("edge %s: %w", edge, err)
		}
		w.guards = append(w.guards, g)
		return g, nil
	}
	toWarehouse, err := guarded(EdgeWarehouse, c.Warehouse)
	if err != nil {
		return nil, err
	}
	w.warehouse = pb.NewWarehouseClient(toWarehouse)
	if c.Inventory != nil {
		toInventory, err := guarded(EdgeInventory, c.Inventory)
		if err != nil {
			return nil, err
		}
		w.inventory = pb.NewInventoryClient(toInventory)
	}
	return w, nil
}

// Close stops the guards' timers.
func (w *Worker) Close() {
	for _, g := range w.guards {
		g.Close()
	}
}

// Ship does one order.FulfillmentJob. It may be done more than once, and twice at
// once: the warehouse knows the order's shipment, and the order's status says
// what has been done. An error is a job to be tried again.
func (w *Worker) Ship(ctx context.Context, args []byte) error {
	a, err := order.ReadJob(order.FulfillmentJob, args)
	if err != nil {
		return err
	}
	if err := w.ship(ctx, a.OrderID); err != nil {
		w.meter.Count("fulfillment.failed", 1)
		return fmt.Errorf("ship order %s: %w", a.OrderID, err)
	}
	return nil
}

func (w *Worker) ship(ctx context.Context, id string) error {
	o, err := w.store.Order(ctx, id)
	if err != nil {
		return err
	}
	switch o.Status {
	case order.Paid:
		if err := w.send(ctx, o); err != nil {
			return err
		}
	case order.Shipped: // by a try before this one, which may not have come further
	default:
		return fmt.Errorf("it is %s: %w", o.Status, order.ErrStep)
	}
	return w.sell(ctx, o.ReservationID)
}

// send lets the warehouse send an order that is paid.
func (w *Worker) send(ctx context.Context, o order.Order) error {
	in := &pb.CreateShipmentRequest{
		OrderId: o.ID, Speed: warehouse.Standard,
		Address: &pb.Address{Line1: o.Address.Line1, City: o.Address.City, State: o.Address.State, Zip: o.Address.Zip},
		// Whoever asks for this order's shipment means the same one.
		IdempotencyKey: o.ID,
	}
	if o.Expedited {
		in.Speed = warehouse.Express
	}
	items := make([]pb.Item, len(o.Items))
	in.Items = make([]*pb.Item, len(o.Items))
	for n, i := range o.Items {
		in.Items[n] = &items[n]
		in.Items[n].Sku, in.Items[n].Qty = i.SKU, int32(i.Qty)
	}
	made, err := w.warehouse.CreateShipment(ctx, in)
	if err != nil {
		return fmt.Errorf("warehouse: %w", err)
	}
	// Between the two a worker may die. The next one gets the same tracking number.
	_, err = w.store.Advance(ctx, o.ID, order.Step{To: order.Shipped, TrackingNumber: made.GetTrackingNumber()}, nil)
	if err == nil {
		w.meter.Count("fulfillment.shipped", 1, "speed", in.Speed)
	}
	return err
}

// sell makes a reservation final. One that had expired before the order was paid
// may have gone to somebody else: that is counted, for the parcel is on its way.
func (w *Worker) sell(ctx context.Context, reservation string) error {
	if w.inventory == nil {
		return nil
	}
	_, err := w.inventory.Confirm(ctx, &pb.ConfirmReservationRequest{ReservationId: reservation})
	if status.Code(err) == codes.NotFound {
		w.meter.Count("fulfillment.expired", 1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	return nil
}
