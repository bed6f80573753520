package order_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
	"tripcurve/services/pb"
)

// callee answers Reserve and CreateIntent and takes down what it was asked.
type callee struct {
	reserve  error
	pay      error
	confirm  error
	reserves []*pb.ReserveRequest
	intents  []*pb.CreateIntentRequest
	confirms []*pb.ConfirmIntentRequest

	reservation string    // of what is reserved; empty is res_7f3a
	expires     time.Time // and when; zero is expires
}

func (c *callee) Invoke(_ context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	switch method {
	case pb.Inventory_Reserve_FullMethodName:
		c.reserves = append(c.reserves, args.(*pb.ReserveRequest))
		out := reply.(*pb.ReserveResponse)
		if c.reserve != nil {
			return c.reserve
		}
		out.ReservationId, out.ExpiresAtUnixNano = cmp.Or(c.reservation, "res_7f3a"), expires.UnixNano()
		if !c.expires.IsZero() {
			out.ExpiresAtUnixNano = c.expires.UnixNano()
		}
		return nil
	case pb.Payment_CreateIntent_FullMethodName:
		c.intents = append(c.intents, args.(*pb.CreateIntentRequest))
		out := reply.(*pb.CreateIntentResponse)
		out.IntentId, out.ClientSecret = "pi_3Mx", "pi_3Mx_secret_abc123"
		return c.pay
	case pb.Payment_ConfirmIntent_FullMethodName:
		c.confirms = append(c.confirms, args.(*pb.ConfirmIntentRequest))
		return c.confirm
	}
	return status.Error(codes.Unimplemented, method)
}

func (*callee) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "no streams here")
}

var expires = time.Date(2026, 1, 15, 10, 47, 0, 0, time.UTC)

func cart(id string, items ...order.Item) order.Cart {
	return order.Cart{ID: id, UserID: "usr_1", Items: items}
}

var headphones = order.Item{SKU: "WH-1000XM5", Qty: 2, PriceCents: 34999}

func start(t *testing.T, c *callee, edges policy.Edges) (*order.Server, *memstore.Orders) {
	t.Helper()
	store := memstore.NewOrders(
		cart("cart_8f3a2b", headphones),
		cart("cart_empty"),
		cart("cart_none_of_it", order.Item{SKU: "a", Qty: 0, PriceCents: 5}),
		cart("cart_free", order.Item{SKU: "a", Qty: 1}),
		cart("cart_negative", headphones, order.Item{SKU: "a", Qty: 1, PriceCents: -5}),
	)
	clock := host.NewWallClock()
	s, err := order.New(order.Config{Clock: clock, Store: store, Inventory: c, Payment: c, Policies: edges})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		clock.Close()
	})
	return s, store
}

func checkout(key string) *pb.CheckoutRequest {
	return &pb.CheckoutRequest{
		CartId: "cart_8f3a2b", PaymentMethod: "pm_visa_4242", IdempotencyKey: key,
		ShippingAddress: &pb.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
	}
}

func TestCheckout(t *testing.T) {
	t.Run("creates order from valid cart", func(t *testing.T) {
		c := &callee{}
		s, store := start(t, c, nil)
		got, err := s.Checkout(t.Context(), checkout("k1"))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := store.Order(t.Context(), got.GetOrderId())
		if err != nil {
			t.Fatal(err)
		}
		want := order.Order{
			ID: got.GetOrderId(), Key: "k1", CartID: "cart_8f3a2b", UserID: "usr_1",
			Status: "pending_payment", TotalCents: 69998,
			ReservationID: "res_7f3a", IntentID: "pi_3Mx", ClientSecret: "pi_3Mx_secret_abc123", ExpiresAt: expires,
			Items: []order.Item{headphones}, PaymentMethod: "pm_visa_4242",
			Address: order.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
		}
		if diff := gocmp.Diff(want, stored); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		if got.GetStatus() != want.Status || got.GetClientSecret() != want.ClientSecret || got.GetExpiresAtUnixNano() != expires.UnixNano() {
			t.Errorf("answered %v, want what was stored", got)
		}
		if in := c.intents[0]; in.GetAmountCents() != 69998 || in.GetCurrency() != "USD" || in.GetReservationId() != "res_7f3a" {
			t.Errorf("asked for the intent %v, want 699.98 USD for res_7f3a", in)
		}
		read, err := s.GetOrder(t.Context(), &pb.GetOrderRequest{OrderId: got.GetOrderId()})
		if err != nil || read.GetStatus() != "pending_payment" || read.GetTotalCents() != 69998 {
			t.Errorf("read back %v, %v", read, err)
		}
	})

	t.Run("rejects checkout when item unavailable", func(t *testing.T) {
		c := &callee{reserve: status.Error(codes.FailedPrecondition, "out_of_stock")}
		s, store := start(t, c, policy.Edges{order.EdgeInventory: {Fallback: true}})
		_, err := s.Checkout(t.Context(), checkout("k1"))
		if status.Code(err) != codes.FailedPrecondition || host.Word(err) != "out_of_stock" {
			t.Errorf("answered %v, want FAILED_PRECONDITION out_of_stock", err)
		}
		if store.Len() != 0 || len(c.intents) != 0 {
			t.Errorf("%d orders stored, %d intents made, want none", store.Len(), len(c.intents))
		}
	})

	t.Run("validates cart structure", func(t *testing.T) {
		for name, change := range map[string]func(*pb.CheckoutRequest){
			"no cart id":          func(in *pb.CheckoutRequest) { in.CartId = "" },
			"unknown cart":        func(in *pb.CheckoutRequest) { in.CartId = "cart_unknown" },
			"no items":            func(in *pb.CheckoutRequest) { in.CartId = "cart_empty" },
			"quantity of 0":       func(in *pb.CheckoutRequest) { in.CartId = "cart_none_of_it" },
			"no price":            func(in *pb.CheckoutRequest) { in.CartId = "cart_free" },
			"a negative price":    func(in *pb.CheckoutRequest) { in.CartId = "cart_negative" },
			"no address":          func(in *pb.CheckoutRequest) { in.ShippingAddress = nil },
			"an address in parts": func(in *pb.CheckoutRequest) { in.ShippingAddress.Zip = "" },
		} {
			c := &callee{}
			s, _ := start(t, c, nil)
			in := checkout("k1")
			change(in)
			_, err := s.Checkout(t.Context(), in)
			if status.Code(err) != codes.InvalidArgument || host.Word(err) != "invalid_cart" {
				t.Errorf("%s: answered %v, want INVALID_ARGUMENT invalid_cart", name, err)
			}
			if len(c.reserves) != 0 {
				t.Errorf("%s: stock was reserved all the same", name)
			}
		}
	})

	t.Run("answers a stored order again", func(t *testing.T) {
		c := &callee{}
		s, store := start(t, c, nil)
		first, err := s.Checkout(t.Context(), checkout("k1"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Checkout(t.Context(), checkout("k1"))
		if err != nil || again.GetOrderId() != first.GetOrderId() {
			t.Errorf("again: %v, %v, want %v", again, err, first)
		}
		if len(c.reserves) != 1 || store.Len() != 1 {
			t.Errorf("%d reservations and %d orders, want one of each", len(c.reserves), store.Len())
		}
		if other, err := s.Checkout(t.Context(), checkout("")); err != nil || other.GetOrderId() == first.GetOrderId() {
			t.Errorf("without a key: %v, %v, want an order of its own", other, err)
		}
	})

	t.Run("a payment that fails stores no order", func(t *testing.T) {
		c := &callee{pay: status.Error(codes.Unavailable, "down")}
		s, store := start(t, c, nil)
		_, err := s.Checkout(t.Context(), checkout("k1"))
		if status.Code(err) != codes.Unavailable || host.Word(err) != "payment_unavailable" || store.Len() != 0 {
			t.Errorf("answered %v with %d orders stored, want UNAVAILABLE and none", err, store.Len())
		}
	})

	t.Run("an unknown order", func(t *testing.T) {
		s, _ := start(t, &callee{}, nil)
		if _, err := s.GetOrder(t.Context(), &pb.GetOrderRequest{OrderId: "ord_none"}); status.Code(err) != codes.NotFound {
			t.Errorf("answered %v, want NOT_FOUND", err)
		}
	})
}

func TestInventoryCannotBeHad(t *testing.T) {
	opossum := policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "5000"}}
	for _, c := range []struct {
		name     string
		policy   policy.Policy
		word     string
		rejected bool // the second call
	}{
		{"fails as it is without a fallback", policy.Policy{}, "inventory_failed", false},
		{"degrades with a fallback", policy.Policy{Fallback: true}, "inventory_unavailable", false},
		{"says that a breaker rejected", policy.Policy{Fallback: true, Breaker: opossum}, "inventory_unavailable", true},
		{"says so without a fallback too", policy.Policy{Breaker: opossum}, "inventory_failed", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			down := &callee{reserve: status.Error(codes.Unavailable, "down")}
			s, _ := start(t, down, policy.Edges{order.EdgeInventory: c.policy})
			_, _ = s.Checkout(t.Context(), checkout("k1"))
			_, err := s.Checkout(t.Context(), checkout("k1"))
			if status.Code(err) != codes.Unavailable || host.Word(err) != c.word {
				t.Errorf("answered %v, want UNAVAILABLE %s", err, c.word)
			}
			r, rejected := host.RejectionOf(err)
			if rejected != c.rejected || rejected && (r.Edge != order.EdgeInventory || r.Reason != "EOPENBREAKER") {
				t.Errorf("rejection %+v in %v", r, err)
			}
		})
	}
	if _, err := order.New(order.Config{Policies: policy.Edges{order.EdgePayment: {Breaker: policy.BreakerSpec{Library: "none such"}}}, Clock: host.NewWallClock()}); err == nil {
		t.Error("a breaker library that does not exist was accepted")
	}
}
