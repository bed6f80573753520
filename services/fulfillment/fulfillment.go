// Package fulfillment ships the orders that are paid: the job that the order
// service leaves in its queue, and the warehouse behind a guard.
package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/order"
)

// EdgeWarehouse is the edge that leaves this service.
const EdgeWarehouse = "fulfillment.warehouse"

// The speeds of a shipment.
const (
	Express  = "express"
	Standard = "standard"
)

// Shipment is what the warehouse is asked for.
type Shipment struct {
	OrderID string // asked for again, the same shipment is answered
	Speed   string
	Items   []order.Item
	Address order.Address
}

// Warehouse packs and sends.
type Warehouse interface {
	// CreateShipment makes the shipment of an order and returns its tracking
	// number. Of an order that has one already it returns that one's.
	CreateShipment(ctx context.Context, s Shipment) (tracking string, err error)
}

// Config is what a Worker stands on. The warehouse is bare: the worker puts the
// guard of Policies before it.
type Config struct {
	Clock     host.Clock
	Meter     host.Meter
	Rand      host.Rand
	Store     order.Store
	Warehouse Warehouse
	Policies  policy.Edges
}

// Worker does the jobs.
type Worker struct {
	store order.Store
	meter host.Meter
	guard *host.Guard
}

// New makes a worker. It fails when the policy names a breaker that cannot be made.
func New(c Config) (*Worker, error) {
	g, err := host.NewGuard(EdgeWarehouse, c.Policies[EdgeWarehouse], conn{c.Warehouse}, c.Clock, c.Meter, c.Rand)
	if err != nil {
		return nil, fmt.Errorf("edge %s: %w", EdgeWarehouse, err)
	}
	w := &Worker{store: c.Store, meter: c.Meter, guard: g}
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
	s := Shipment{OrderID: o.ID, Speed: Standard, Items: o.Items, Address: o.Address}
	if o.Expedited {
		s.Speed = Express
	}
	var tracking string
	if err := w.guard.Invoke(ctx, createShipment, s, &tracking); err != nil {
		return fmt.Errorf("warehouse: %w", err)
	}
	// Between the two a worker may die. The next one gets the same tracking number.
	_, err = w.store.Advance(ctx, o.ID, order.Step{To: order.Shipped, TrackingNumber: tracking}, nil)
	if err == nil {
		w.meter.Count("fulfillment.shipped", 1, "speed", s.Speed)
	}
	return err
}

const createShipment = "/tripcurve.Warehouse/CreateShipment"

// conn is a warehouse as a guard knows what it calls.
type conn struct{ w Warehouse }

var errNoStream = errors.New("a warehouse has no streams")

// Invoke calls the warehouse.
func (c conn) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	s, asked := args.(Shipment)
	tracking, answered := reply.(*string)
	if method != createShipment || !asked || !answered {
		return status.Errorf(codes.Unimplemented, "%s of a warehouse", method)
	}
	got, err := c.w.CreateShipment(ctx, s)
	if err == nil {
		*tracking = got
	}
	return err
}

// NewStream fails.
func (conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errNoStream
}
