package world

import (
	"context"

	"google.golang.org/grpc"

	"tripcurve/services/pb"
)

// method is one that a service serves.
type method struct {
	impl    any
	handler func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error)
	calls   int // that reached the service
}

// handle runs the handler of a request. A generated handler makes a message of its own
// for the request to be decoded into; nothing is encoded here, so the pipeline's own
// methods are called with the message as it was sent.
func (m *method) handle(ctx context.Context, in any) (any, error) {
	switch in := in.(type) {
	case *pb.CheckoutRequest:
		return m.impl.(pb.OrderServer).Checkout(ctx, in)
	case *pb.GetOrderRequest:
		return m.impl.(pb.OrderServer).GetOrder(ctx, in)
	case *pb.ReserveRequest:
		return m.impl.(pb.InventoryServer).Reserve(ctx, in)
	case *pb.GetStockRequest:
		return m.impl.(pb.InventoryServer).GetStock(ctx, in)
	case *pb.ConfirmReservationRequest:
		return m.impl.(pb.InventoryServer).Confirm(ctx, in)
	case *pb.ReleaseReservationRequest:
		return m.impl.(pb.InventoryServer).Release(ctx, in)
	case *pb.CreateIntentRequest:
		return m.impl.(pb.PaymentServer).CreateIntent(ctx, in)
	case *pb.ConfirmIntentRequest:
		return m.impl.(pb.PaymentServer).ConfirmIntent(ctx, in)
	case *pb.CreateShipmentRequest:
		return m.impl.(pb.WarehouseServer).CreateShipment(ctx, in)
	}
	return m.decoded(ctx, in)
}

// decoded is handle by the generated handler.
//
//go:noinline
func (m *method) decoded(ctx context.Context, sent any) (any, error) {
	return m.handler(m.impl, ctx, func(in any) error {
		copyMessage(in, sent)
		return nil
	}, nil)
}
