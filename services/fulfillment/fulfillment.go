// Package fulfillment ships the orders that are paid: the job that the order
// service leaves in its queue, and the warehouse behind a guard.
package fulfillment

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/pb"
	"tripcurve/services/warehouse"
)

// EdgeWarehouse is the edge that leaves this service.
const EdgeWarehouse = "fulfillment.warehouse"

// Config is what a Worker stands on. The connection is bare: the worker puts the
// guard of Policies before it.
type Config struct {
	Clock     host.Clock
	Meter     host.Meter
	Rand      host.Rand
	Store     order.Store
	Warehouse grpc.ClientConnInterface
	Policies  policy.Edges
}

// Worker does the jobs.
type Worker struct {
	store     order.Store
	meter     host.Meter
	guard     *host.Guard
	warehouse pb.WarehouseClient
}

// New makes a worker. It fails when the policy names a breaker that cannot be made.
func New(c Config) (*Worker, error) {
	g, err := host.NewGuard(EdgeWarehouse, c.Policies[EdgeWarehouse], c.Warehouse, c.Clock, c.Meter, c.Rand)
	if err != nil {
		return nil, fmt.Errorf("edge %s: %w", EdgeWarehouse, err)
	}
	w := &Worker{store: c.Store, meter: c.Meter, guard: g, warehouse: pb.NewWarehouseClient(g)}
	if w.meter == nil {
		w.meter = host.NewMemoryMeter()
	}
	return w, nil
}

// Close stops the guard's timers.
func (w *Worker) Close() { w.guard.Close() }

// Ship does one order.FulfillmentJob. It may be done more than once, and twice at
// once: the warehouse knows the order's shipment, and the order's status says
// what has been done. An error is a job to be tried again.
func (w *Worker) Ship(ctx context.Context, args []byte) error {
	var a order.FulfillmentArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return fmt.Errorf("%s job: %w", order.FulfillmentJob, err)
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
	case order.Shipped:
		return nil
	default:
		return fmt.Errorf("it is %s: %w", o.Status, order.ErrStep)
	}
	in := &pb.CreateShipmentRequest{
		OrderId: o.ID, Speed: warehouse.Standard,
		Address: &pb.Address{Line1: o.Address.Line1, City: o.Address.City, State: o.Address.State, Zip: o.Address.Zip},
		// Whoever asks for this order's shipment means the same one.
		IdempotencyKey: o.ID,
	}
	if o.Expedited {
		in.Speed = warehouse.Express
	}
	for _, i := range o.Items {
		in.Items = append(in.Items, &pb.Item{Sku: i.SKU, Qty: int32(i.Qty)})
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
