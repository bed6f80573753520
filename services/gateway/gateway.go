// Package gateway is the door of the order pipeline: four routes over HTTP, each
// one guarded call to a service, and the access log that tells of them.
package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// The edges that leave the gateway.
const (
	EdgeOrder     = "gateway.order"
	EdgeOrderRead = "gateway.order_read"
	EdgeInventory = "gateway.inventory"
	EdgePayment   = "gateway.payment"
)

// RetryAfter is what a 503 tells the client to wait.
const RetryAfter = 30 * time.Second

// Config is what a Gateway stands on. The connections are bare: the gateway puts
// the guards of Policies before them; the reads of orders go over Order too.
type Config struct {
	Clock     host.Clock
	Meter     host.Meter
	Rand      host.Rand
	Order     grpc.ClientConnInterface
	Inventory grpc.ClientConnInterface
	Payment   grpc.ClientConnInterface
	Policies  policy.Edges
	// Upstreams are the addresses that the access log shows, by edge.
	Upstreams map[string]string
}

// Gateway answers the four routes.
type Gateway struct {
	clock     host.Clock
	rand      host.Rand
	guards    []*host.Guard
	order     *host.Guard
	orderRead *host.Guard
	inventory *host.Guard
	payment   *host.Guard
	upstreams map[string]string
	// tries is how often a checkout is tried.
	tries int
}

// New makes a gateway. It fails when a policy names a breaker that cannot be made.
func New(c Config) (*Gateway, error) {
	g := &Gateway{
		clock: c.Clock, rand: c.Rand, upstreams: c.Upstreams,
		tries: max(c.Policies[EdgeOrder].Retry.Attempts, 1),
	}
	if g.rand == nil {
		g.rand = host.CryptoRand
	}
	for _, e := range [...]struct {
		edge  string
		conn  grpc.ClientConnInterface
		guard **host.Guard
	}{
		{EdgeOrder, c.Order, &g.order},
		{EdgeOrderRead, c.Order, &g.orderRead},
		{EdgeInventory, c.Inventory, &g.inventory},
		{EdgePayment, c.Payment, &g.payment},
	} {
		guard, err := host.NewGuard(e.edge, c.Policies[e.edge], e.conn, c.Clock, c.Meter, g.rand, host.WithRetryable(retryable))
		if err != nil {
			return nil, fmt.Errorf("edge %s: %w", e.edge, err)
		}
		*e.guard = guard
		g.guards = append(g.guards, guard)
	}
	return g, nil
}

// Close stops the guards' timers.
func (g *Gateway) Close() {
	for _, guard := range g.guards {
		guard.Close()
	}
}

// Handle answers one request; what resp held before is overwritten. It is what the
// HTTP handler and the simulator both drive. It always answers: what the pipeline could
// not do is a status.
func (g *Gateway) Handle(ctx context.Context, r *Request, resp *Response) {
	*resp = Response{}
	resp.Route, resp.Start = r.Route, g.clock.Now()
	trace := r.Trace
	if trace == nil {
		trace = new(host.Trace)
	}
	var err error
	switch r.Route {
	case PostOrder:
		err = g.checkout(ctx, r, resp, trace)
	case GetOrder:
		err = g.readOrder(ctx, r, resp, trace)
	case GetStock:
		err = g.readStock(ctx, r, resp, trace)
	case PostIntent:
		err = g.createIntent(ctx, r, resp, trace)
	default:
		resp.Status, resp.Code = 404, "unknown_route"
	}
	resp.Tries = trace.Attempts
	if err != nil {
		g.fail(resp, err)
	}
	resp.Took = g.clock.Now().Sub(resp.Start)
}

func (g *Gateway) checkout(ctx context.Context, r *Request, resp *Response, trace *host.Trace) error {
	key := r.Key
	if key == "" {
		// The tries of one request share a key, or each could store an order.
		key = g.rand.ID("key_")
	}
	a := &r.Checkout.ShippingAddress
	out := new(pb.CheckoutResponse)
	err := g.order.Invoke(ctx, pb.Order_Checkout_FullMethodName, &pb.CheckoutRequest{
		CartId: r.Checkout.CartID, PaymentMethod: r.Checkout.PaymentMethod, UserId: r.Checkout.UserID,
		ShippingAddress: &pb.Address{Line1: a.Line1, City: a.City, State: a.State, Zip: a.Zip},
		IdempotencyKey:  key,
	}, out, trace.Options()...)
	if err != nil {
		return err
	}
	resp.Order = Order{OrderID: out.GetOrderId(), Status: out.GetStatus(), ClientSecret: out.GetClientSecret()}
	if s := resp.Order.Status; s == "accepted" || s == "reserved" { // nothing to pay yet: the shop's queue has the order
		resp.Status = 202
		return nil
	}
	resp.Status = 201
	resp.Order.ExpiresAt = time.Unix(0, out.GetExpiresAtUnixNano()).UTC()
	return nil
}

// read is the messages of one read, which are used again after one whose only try
// succeeded: of any other a try may still be under way that has them.
type read[In, Out any] struct {
	in  In
	out Out
}

// Nine of ten requests are reads.
var (
	orderReads = sync.Pool{New: func() any { return new(read[pb.GetOrderRequest, pb.GetOrderResponse]) }}
	stockReads = sync.Pool{New: func() any { return new(read[pb.GetStockRequest, pb.GetStockResponse]) }}
)

func (g *Gateway) readOrder(ctx context.Context, r *Request, resp *Response, trace *host.Trace) error {
	m := orderReads.Get().(*read[pb.GetOrderRequest, pb.GetOrderResponse])
	m.in.OrderId = r.ID
	if err := g.orderRead.Invoke(ctx, pb.Order_GetOrder_FullMethodName, &m.in, &m.out, trace.Options()...); err != nil {
		return err
	}
	resp.Status = 200
	resp.Order = Order{
		OrderID: m.out.GetOrderId(), Status: m.out.GetStatus(), ReservationID: m.out.GetReservationId(),
		TrackingNumber: m.out.GetTrackingNumber(), Total: Cents(m.out.GetTotalCents()),
	}
	if len(trace.Attempts) == 1 {
		m.in.OrderId = ""
		m.out = pb.GetOrderResponse{}
		orderReads.Put(m)
	}
	return nil
}

func (g *Gateway) readStock(ctx context.Context, r *Request, resp *Response, trace *host.Trace) error {
	m := stockReads.Get().(*read[pb.GetStockRequest, pb.GetStockResponse])
	m.in.Sku = r.ID
	if err := g.inventory.Invoke(ctx, pb.Inventory_GetStock_FullMethodName, &m.in, &m.out, trace.Options()...); err != nil {
		return err
	}
	resp.Status = 200
	resp.Stock = Stock{SKU: m.out.GetSku(), Available: int(m.out.GetAvailable())}
	if len(trace.Attempts) == 1 {
		m.in.Sku = ""
		m.out = pb.GetStockResponse{}
		stockReads.Put(m)
	}
	return nil
}

func (g *Gateway) createIntent(ctx context.Context, r *Request, resp *Response, trace *host.Trace) error {
	out := new(pb.CreateIntentResponse)
	err := g.payment.Invoke(ctx, pb.Payment_CreateIntent_FullMethodName, &pb.CreateIntentRequest{
		AmountCents: int64(r.Intent.Amount), Currency: r.Intent.Currency,
		ReservationId: r.Intent.Metadata.ReservationID, IdempotencyKey: r.Key,
	}, out, trace.Options()...)
	if err != nil {
		return err
	}
	resp.Status = 201
	resp.Intent = IntentCreated{ID: out.GetIntentId(), ClientSecret: out.GetClientSecret()}
	return nil
}

// The order service's words for a checkout that it does not take now. They are
// answers: asking again at once is what they are there to prevent.
const (
	degraded = "inventory_unavailable" // inventory could not be had
	closed   = "checkout_closed"       // the orders before it are being drained
)

// refused says whether a word is one of these.
func refused(word string) bool { return word == degraded || word == closed }

func retryable(err error) bool {
	return host.Retryable(err) && !refused(host.Word(err))
}

// fail turns what a service or its guard said into what the client sees.
func (g *Gateway) fail(resp *Response, err error) {
	if r, ok := host.RejectionOf(err); ok {
		resp.Rejected = r.Reason
		resp.RejectedBy = r.Edge
	}
	code, word := status.Code(err), host.Word(err)
	switch {
	case code == codes.InvalidArgument:
		resp.Status, resp.Code = 400, word
		resp.Mistake, _ = host.MistakeOf(err)
	case code == codes.NotFound:
		resp.Status, resp.Code = 404, word
		resp.Mistake, _ = host.MistakeOf(err)
	case code == codes.FailedPrecondition:
		resp.Status, resp.Code = 409, word
	case code == codes.Unavailable && refused(word) && resp.Route == PostOrder:
		resp.Status, resp.Code, resp.RetryAfter = 503, word, RetryAfter
	case g.own(resp.RejectedBy):
		resp.Status, resp.Code, resp.RetryAfter = 503, "overloaded", RetryAfter
		resp.Flags = overflow
	case resp.Route == PostOrder:
		resp.Status, resp.Code = 502, "upstream_failed"
		resp.Flags = g.exhausted(resp.Tries, err)
	case host.IsTimeout(err):
		resp.Status, resp.Code = 504, "upstream_timeout"
		resp.Flags = "UT"
	default:
		// The other routes never answer 502, so that a 502 always is a checkout
		// whose every try failed.
		resp.Status, resp.Code = 503, "upstream_failed"
	}
}

// own says whether a rejection was made at one of the gateway's own edges.
func (g *Gateway) own(edge string) bool {
	for _, guard := range g.guards {
		if guard.Edge() == edge {
			return true
		}
	}
	return false
}

// exhausted is the flags that Envoy prints when no try is left: URX when all the
// retries were used up, UT when the last try died of its time limit. Envoy
// itself would answer 504 then; this gateway answers 502 whatever the tries died
// of, as the original's did, so the flag is the only place where the hang shows.
func (g *Gateway) exhausted(made []host.Attempt, err error) string {
	switch timedOut, retried := host.IsTimeout(err), g.tries > 1 && len(made) == g.tries; {
	case timedOut && retried:
		return "UT,URX"
	case timedOut:
		return "UT"
	case retried:
		return "URX"
	default:
		return ""
	}
}
