package world

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/pb"
)

// Every method of the pipeline is called with the message as it was sent, and is the one
// that the generated handler of its name calls.
func TestHandleKnowsThePipelinesMethods(t *testing.T) {
	servers := []struct {
		desc *grpc.ServiceDesc
		impl any
	}{
		{&pb.Inventory_ServiceDesc, pb.UnimplementedInventoryServer{}},
		{&pb.Order_ServiceDesc, pb.UnimplementedOrderServer{}},
		{&pb.Payment_ServiceDesc, pb.UnimplementedPaymentServer{}},
		{&pb.Warehouse_ServiceDesc, pb.UnimplementedWarehouseServer{}},
	}
	for _, s := range servers {
		for _, d := range s.desc.Methods {
			var request any
			_, want := d.Handler(s.impl, t.Context(), func(in any) error {
				request = in
				return nil
			}, nil)
			m := method{impl: s.impl, handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
				return nil, status.Error(codes.Internal, "the message was copied")
			}}
			if _, err := m.handle(t.Context(), request); err == nil || err.Error() != want.Error() {
				t.Errorf("%s.%s: %v, not %v", s.desc.ServiceName, d.MethodName, err, want)
			}
		}
	}
}
