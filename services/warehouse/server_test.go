package warehouse_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"tripcurve/services/memstore"
	"tripcurve/services/pb"
	"tripcurve/services/warehouse"
)

func request() *pb.CreateShipmentRequest {
	return &pb.CreateShipmentRequest{
		OrderId: "ord_1", Speed: warehouse.Standard, IdempotencyKey: "ord_1",
		Items:   []*pb.Item{{Sku: "WH-1000XM5", Qty: 2}},
		Address: &pb.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
	}
}

func TestAShipmentIsMadeOncePerKey(t *testing.T) {
	shipments := memstore.NewShipments()
	s := warehouse.New(warehouse.Config{Shipments: shipments})
	first, err := s.CreateShipment(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.CreateShipment(t.Context(), request())
	if err != nil || again.GetTrackingNumber() != first.GetTrackingNumber() || first.GetTrackingNumber() == "" || shipments.Len() != 1 {
		t.Errorf("first %v, again %v, %v; %d shipments", first, again, err, shipments.Len())
	}
	other := request()
	other.Speed = warehouse.Express
	if _, err := s.CreateShipment(t.Context(), other); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("the key for another shipment: %v", err)
	}
}

func TestAShipmentThatCannotBeMade(t *testing.T) {
	for name, change := range map[string]func(*pb.CreateShipmentRequest){
		"no order":           func(r *pb.CreateShipmentRequest) { r.OrderId = "" },
		"no key":             func(r *pb.CreateShipmentRequest) { r.IdempotencyKey = "" },
		"unknown speed":      func(r *pb.CreateShipmentRequest) { r.Speed = "by owl" },
		"no items":           func(r *pb.CreateShipmentRequest) { r.Items = nil },
		"nothing of an item": func(r *pb.CreateShipmentRequest) { r.Items[0].Qty = 0 },
		"item without a sku": func(r *pb.CreateShipmentRequest) { r.Items[0].Sku = "" },
	} {
		shipments := memstore.NewShipments()
		in := proto.Clone(request()).(*pb.CreateShipmentRequest)
		change(in)
		_, err := warehouse.New(warehouse.Config{Shipments: shipments}).CreateShipment(t.Context(), in)
		if status.Code(err) != codes.InvalidArgument || shipments.Len() != 0 {
			t.Errorf("%s: %v, %d shipments", name, err, shipments.Len())
		}
	}
}

// broken is a database that does not answer.
type broken struct{ warehouse.Shipments }

func (broken) Create(context.Context, warehouse.Shipment) (warehouse.Shipment, error) {
	return warehouse.Shipment{}, errors.New("password authentication failed for user shop")
}

func TestWhatTheDatabaseSaidStaysWithTheWarehouse(t *testing.T) {
	_, err := warehouse.New(warehouse.Config{Shipments: broken{}}).CreateShipment(t.Context(), request())
	if want := status.Error(codes.Unavailable, "shipments_unavailable"); err == nil || err.Error() != want.Error() {
		t.Errorf("error %v, want %v", err, want)
	}
}
