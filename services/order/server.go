// Package order is the service that takes checkouts: it validates the cart,
// reserves the stock, asks for a payment intent and stores the order.
package order

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/payment/webhook"
	"tripcurve/services/pb"
)

// The edges that leave this service.
const (
	EdgeInventory = "order.inventory"
	EdgePayment   = "order.payment"
)

// currency of every order.
const currency = "USD"

// Config is what a Server stands on. The connections are bare: the server puts
// the guards of Policies before them.
type Config struct {
	Clock     host.Clock
	Meter     host.Meter
	Rand      host.Rand
	Store     Store
	Inventory grpc.ClientConnInterface
	Payment   grpc.ClientConnInterface
	Policies  policy.Edges
	// WebhookSecret is what the card processor signs its messages with. Without one
	// none is believed.
	WebhookSecret string
	// Jobs, when set, is the order database's queue. It is given a FulfillmentJob for
	// every order that is paid, in the transaction that says so, and a CheckoutJob for
	// every one that is accepted asynchronously.
	Jobs host.Queue
	// Checkout is how checkouts are taken as far as is known (Refresh); empty is Sync.
	Checkout Mode
}

// Server answers pb.Order.
type Server struct {
	pb.UnimplementedOrderServer
	store     Store
	clock     host.Clock
	meter     host.Meter
	rand      host.Rand
	guards    [2]*host.Guard
	inventory pb.InventoryClient
	payment   pb.PaymentClient
	// degrade answers inventory_unavailable where inventory could not be had.
	degrade bool
	key     *webhook.Key // of the processor's messages
	jobs    host.Queue
	// async is how checkouts were taken when that was last looked up.
	async atomic.Bool
}

// New makes a server. It fails when a policy names a breaker that cannot be made.
func New(c Config) (*Server, error) {
	toInventory, err := host.NewGuard(EdgeInventory, c.Policies[EdgeInventory], c.Inventory, c.Clock, c.Meter, c.Rand)
	if err != nil {
		return nil, fmt.Errorf("edge %s: %w", EdgeInventory, err)
	}
	toPayment, err := host.NewGuard(EdgePayment, c.Policies[EdgePayment], c.Payment, c.Clock, c.Meter, c.Rand)
	if err != nil {
		return nil, fmt.Errorf("edge %s: %w", EdgePayment, err)
	}
	s := &Server{
		store: c.Store, clock: c.Clock, meter: c.Meter, rand: c.Rand,
		guards:    [2]*host.Guard{toInventory, toPayment},
		inventory: pb.NewInventoryClient(toInventory),
		payment:   pb.NewPaymentClient(toPayment),
		degrade:   c.Policies[EdgeInventory].Fallback,
		key:       webhook.NewKey(c.WebhookSecret), jobs: c.Jobs,
	}
	s.async.Store(c.Checkout == Async)
	if s.rand == nil {
		s.rand = host.CryptoRand
	}
	if s.meter == nil {
		s.meter = host.NewMemoryMeter()
	}
	return s, nil
}

// Close stops the guards' timers.
func (s *Server) Close() {
	for _, g := range s.guards {
		g.Close()
	}
}

// Checkout takes one cart. An order that the same idempotency key has already
// stored is answered again; a try still under way is not waited for, as in the
// original, so a gateway that tries again while the first try hangs reserves twice.
func (s *Server) Checkout(ctx context.Context, in *pb.CheckoutRequest) (*pb.CheckoutResponse, error) {
	if out, err := s.known(ctx, in.GetIdempotencyKey()); out != nil || err != nil {
		return out, err
	}
	cart, err := s.validate(ctx, in)
	if err != nil {
		return nil, err
	}
	if s.async.Load() {
		out, err := s.accept(ctx, in, cart)
		if !errors.Is(err, ErrSync) {
			return out, err
		}
		s.async.Store(false) // another process has switched
	}
	reservation, err := s.reserve(ctx, cart.Items, in.GetIdempotencyKey())
	if err != nil {
		return nil, s.notReserved(err)
	}
	// The reservation is the intent's key: a try that failed after this point left
	// an intent of its own reservation behind, which nobody will ever confirm.
	intent, err := s.intend(ctx, cart.Items, reservation.GetReservationId(), reservation.GetReservationId())
	if err != nil {
		return nil, unavailable("payment_unavailable", err)
	}
	return s.create(ctx, in, cart, reservation, intent)
}

// known is the answer to a checkout whose order is stored already; nil when there is
// none.
func (s *Server) known(ctx context.Context, key string) (*pb.CheckoutResponse, error) {
	if key == "" {
		return nil, nil
	}
	o, err := s.store.ByKey(ctx, key)
	switch {
	case err == nil:
		return answer(&o)
	case errors.Is(err, ErrNoOrder):
		return nil, nil
	}
	return nil, s.storeFailed(err)
}

// create stores the order of a checkout that can be paid.
func (s *Server) create(ctx context.Context, in *pb.CheckoutRequest, cart Cart, r *pb.ReserveResponse, intent *pb.CreateIntentResponse) (*pb.CheckoutResponse, error) {
	o := s.place(in, cart, PendingPayment)
	o.ReservationID, o.ExpiresAt = r.GetReservationId(), time.Unix(0, r.GetExpiresAtUnixNano()).UTC()
	o.IntentID, o.ClientSecret = intent.GetIntentId(), intent.GetClientSecret()
	stored, err := s.store.Create(ctx, o)
	if err != nil {
		return nil, s.storeFailed(err)
	}
	return answer(&stored)
}

// reserve takes the stock of an order.
func (s *Server) reserve(ctx context.Context, items []Item, key string) (*pb.ReserveResponse, error) {
	return s.inventory.Reserve(ctx, &pb.ReserveRequest{Items: lines(items), OrderKey: key})
}

// intend makes the payment intent of an order, or finds the one that key has.
func (s *Server) intend(ctx context.Context, items []Item, reservation, key string) (*pb.CreateIntentResponse, error) {
	return s.payment.CreateIntent(ctx, &pb.CreateIntentRequest{
		AmountCents: total(items), Currency: currency, ReservationId: reservation, IdempotencyKey: key,
	})
}

// place is a new order for a cart, as far as it is known without anybody's help.
func (s *Server) place(in *pb.CheckoutRequest, cart Cart, status string) Order {
	user := in.GetUserId()
	if user == "" {
		user = cart.UserID
	}
	return Order{
		ID: s.rand.ID("ord_"), Key: in.GetIdempotencyKey(), CartID: cart.ID, UserID: user,
		Status: status, TotalCents: total(cart.Items),
		Items: cart.Items, PaymentMethod: in.GetPaymentMethod(), Expedited: cart.Expedited,
		Address: Address{
			Line1: in.GetShippingAddress().GetLine1(), City: in.GetShippingAddress().GetCity(),
			State: in.GetShippingAddress().GetState(), Zip: in.GetShippingAddress().GetZip(),
		},
	}
}

// GetOrder reads one order.
func (s *Server) GetOrder(ctx context.Context, in *pb.GetOrderRequest) (*pb.GetOrderResponse, error) {
	o, err := s.store.Order(ctx, in.GetOrderId())
	if errors.Is(err, ErrNoOrder) {
		return nil, host.Unknown("unknown_order", host.Mistake{Field: "id", Found: in.GetOrderId(), Expected: "the id of an order"})
	}
	if err != nil {
		return nil, s.storeFailed(err)
	}
	return &pb.GetOrderResponse{
		OrderId: o.ID, Status: o.Status, ReservationId: o.ReservationID,
		TrackingNumber: o.TrackingNumber, TotalCents: o.TotalCents,
	}, nil
}

// validate reads the cart and says whether it can be checked out.
func (s *Server) validate(ctx context.Context, in *pb.CheckoutRequest) (Cart, error) {
	if err := complete(in); err != nil {
		return Cart{}, err
	}
	cart, err := s.store.Cart(ctx, in.GetCartId())
	if errors.Is(err, ErrNoCart) {
		return Cart{}, invalidCart("cartId", in.GetCartId(), "the id of a cart that there is")
	}
	if err != nil {
		return Cart{}, s.storeFailed(err)
	}
	return cart, sellable(cart)
}

func invalidCart(field, found, expected string) error {
	return host.Invalid("invalid_cart", host.Mistake{Field: field, Found: found, Expected: expected})
}

// complete says what of a request is missing.
func complete(in *pb.CheckoutRequest) error {
	a := in.GetShippingAddress()
	for _, f := range [...]struct{ name, value string }{
		{"cartId", in.GetCartId()},
		{"shippingAddress.line1", a.GetLine1()},
		{"shippingAddress.city", a.GetCity()},
		{"shippingAddress.state", a.GetState()},
		{"shippingAddress.zip", a.GetZip()},
	} {
		if f.value == "" {
			return invalidCart(f.name, host.Nothing, "a text")
		}
	}
	return nil
}

// sellable says what of a cart cannot be sold. Its lines are named as in the cart.
func sellable(cart Cart) error {
	if len(cart.Items) == 0 {
		return invalidCart("items", host.Nothing, "one at least")
	}
	for n, i := range cart.Items {
		field := func(name string) string { return "items[" + strconv.Itoa(n) + "]." + name }
		switch {
		case i.SKU == "":
			return invalidCart(field("sku"), host.Nothing, "a text")
		case i.Qty <= 0 || i.Qty > math.MaxInt32:
			return invalidCart(field("qty"), strconv.Itoa(i.Qty), "a whole number from 1 on")
		case i.PriceCents <= 0:
			return invalidCart(field("price"), strconv.FormatInt(i.PriceCents, 10)+" cents", "more than nothing")
		}
	}
	return nil
}

// notReserved is the answer when inventory did not reserve: its own no as it is,
// any failure as inventory_unavailable where the edge has a fallback.
func (s *Server) notReserved(err error) error {
	if code := status.Code(err); code == codes.FailedPrecondition || code == codes.InvalidArgument {
		return status.Error(code, host.Word(err))
	}
	if s.degrade {
		return unavailable("inventory_unavailable", err)
	}
	return unavailable("inventory_failed", err)
}

// storeFailed is an order database that did not answer.
func (s *Server) storeFailed(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	s.meter.Count("order.store.errors", 1)
	return status.Error(codes.Unavailable, "store_unavailable")
}

// unavailable is the word alone, or with the rejection that caused it, so that
// the gateway knows a rejected order from a failed one.
func unavailable(word string, cause error) error {
	if r, ok := host.RejectionOf(cause); ok {
		return status.Error(codes.Unavailable, word+": "+r.Error())
	}
	return status.Error(codes.Unavailable, word)
}

// answer tells of an order that is stored. One without a client secret has nothing
// to pay yet: the queue works on it.
func answer(o *Order) (*pb.CheckoutResponse, error) {
	if o.Status == Declined {
		return nil, status.Error(codes.FailedPrecondition, outOfStock)
	}
	out := &pb.CheckoutResponse{OrderId: o.ID, Status: o.Status, ClientSecret: o.ClientSecret}
	if !o.ExpiresAt.IsZero() {
		out.ExpiresAtUnixNano = o.ExpiresAt.UnixNano()
	}
	return out, nil
}

func lines(items []Item) []*pb.Item {
	out, room := make([]*pb.Item, len(items)), make([]pb.Item, len(items))
	for i, it := range items {
		out[i] = &room[i]
		out[i].Sku, out[i].Qty, out[i].PriceCents = it.SKU, int32(it.Qty), it.PriceCents
	}
	return out
}

func total(items []Item) (cents int64) {
	for _, i := range items {
		cents += int64(i.Qty) * i.PriceCents
	}
	return cents
}
