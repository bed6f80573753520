// Package warehouse stands in for the company that packs and sends: it makes one
// shipment per idempotency key, and sends nothing.
package warehouse

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/pb"
)

// Config is what a Server stands on.
type Config struct {
	Shipments Shipments
	Rand      host.Rand
	Meter     host.Meter
}

// Server answers pb.Warehouse.
type Server struct {
	pb.UnimplementedWarehouseServer
	shipments Shipments
	rand      host.Rand
	meter     host.Meter
}

// New makes a server.
func New(c Config) *Server {
	s := &Server{shipments: c.Shipments, rand: c.Rand, meter: c.Meter}
	if s.rand == nil {
		s.rand = host.CryptoRand
	}
	if s.meter == nil {
		s.meter = host.NewMemoryMeter()
	}
	return s
}

// CreateShipment makes a shipment, or answers the one its idempotency key already
// has. A request without a key is refused: asked for again, it would ship twice.
func (s *Server) CreateShipment(ctx context.Context, in *pb.CreateShipmentRequest) (*pb.CreateShipmentResponse, error) {
	a := in.GetAddress()
	want := Shipment{
		Tracking: s.rand.ID("1Z"), Key: in.GetIdempotencyKey(), OrderID: in.GetOrderId(), Speed: in.GetSpeed(),
		Address: order.Address{Line1: a.GetLine1(), City: a.GetCity(), State: a.GetState(), Zip: a.GetZip()},
	}
	for _, i := range in.GetItems() {
		if i.GetSku() == "" || i.GetQty() <= 0 {
			return nil, invalid
		}
		want.Items = append(want.Items, Item{SKU: i.GetSku(), Qty: int(i.GetQty())})
	}
	if want.Key == "" || want.OrderID == "" || len(want.Items) == 0 || want.Speed != Express && want.Speed != Standard {
		return nil, invalid
	}
	made, err := s.shipments.Create(ctx, want)
	switch {
	case err == nil:
	case errors.Is(err, ErrKeyReused):
		return nil, status.Error(codes.FailedPrecondition, "idempotency_key_reused")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, status.FromContextError(err).Err()
	default:
		s.meter.Count("warehouse.create_shipment.errors", 1)
		return nil, status.Error(codes.Unavailable, "shipments_unavailable")
	}
	if made.Tracking == want.Tracking {
		s.meter.Count("warehouse.shipments", 1, "speed", made.Speed)
	}
	return &pb.CreateShipmentResponse{TrackingNumber: made.Tracking}, nil
}

var invalid = status.Error(codes.InvalidArgument, "invalid_shipment")
