package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/services/pb"
)

// The handlers of this test are the very ones that the simulator runs, here as
// three servers and a gateway on loopback and on the wall clock.

// lockedStock is a stock whose Reserve can be made to hang, as behind a table
// lock, and that counts what reached it.
type lockedStock struct {
	inventory.Stock
	mu       sync.Mutex
	lock     chan struct{} // while not nil, Reserve waits until it is closed
	reserves int
	canceled chan struct{} // gets one for every Reserve whose context ended
}

func (s *lockedStock) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	s.mu.Lock()
	s.reserves++
	lock := s.lock
	s.mu.Unlock()
	if lock != nil {
		select {
		case <-lock:
		case <-ctx.Done():
			s.canceled <- struct{}{}
			return inventory.Reservation{}, ctx.Err()
		}
	}
	return s.Stock.Reserve(ctx, items, ttl)
}

func (s *lockedStock) reached() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserves
}

// pipeline is the four services on loopback.
type pipeline struct {
	t     *testing.T
	url   string
	stock *lockedStock
	meter *host.MemoryMeter
	lock  func()
	open  func()

	gateway *gateway.Gateway
	posts   chan gateway.AccessEntry // the access log's lines of POST /api/orders
}

func startPipeline(t *testing.T, edges policy.Edges) *pipeline {
	t.Helper()
	clock := host.NewWallClock()
	p := &pipeline{t: t, meter: host.NewMemoryMeter(), posts: make(chan gateway.AccessEntry, 16)}
	p.stock = &lockedStock{
		Stock:    memstore.NewStock(clock, host.CryptoRand, map[string]int{"WH-1000XM5": 100}),
		canceled: make(chan struct{}, 16),
	}
	var once sync.Once
	p.lock = func() {
		p.stock.mu.Lock()
		p.stock.lock = make(chan struct{})
		p.stock.mu.Unlock()
	}
	p.open = func() {
		once.Do(func() {
			p.stock.mu.Lock()
			if p.stock.lock != nil {
				close(p.stock.lock)
				p.stock.lock = nil
			}
			p.stock.mu.Unlock()
		})
	}

	inventoryConn := p.serve(func(s *grpc.Server) {
		pb.RegisterInventoryServer(s, inventory.New(inventory.Config{Stock: p.stock}))
	})
	paymentConn := p.serve(func(s *grpc.Server) {
		pb.RegisterPaymentServer(s, payment.New(payment.Config{Ledger: memstore.NewLedger()}))
	})
	orders, err := order.New(order.Config{
		Clock: clock, Meter: p.meter, Inventory: inventoryConn, Payment: paymentConn, Policies: edges,
		Store: memstore.NewOrders(order.Cart{
			ID: "cart_8f3a2b", UserID: "usr_1",
			Items: []order.Item{{SKU: "WH-1000XM5", Qty: 2, PriceCents: 34999}},
		}, order.Cart{
			ID: "cart_negative", Items: []order.Item{{SKU: "WH-1000XM5", Qty: 1, PriceCents: 34999}, {SKU: "WH-1000XM5", Qty: -1, PriceCents: 34999}},
		}, order.Cart{
			ID: "cart_unknown_sku", Items: []order.Item{{SKU: "no-such-sku", Qty: 1, PriceCents: 34999}},
		}, order.Cart{
			ID: "cart_empty",
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	orderConn := p.serve(func(s *grpc.Server) { pb.RegisterOrderServer(s, orders) })
	g, err := gateway.New(gateway.Config{
		Clock: clock, Meter: p.meter, Order: orderConn, Inventory: inventoryConn, Payment: paymentConn, Policies: edges,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(gateway.Handler{Gateway: g, Log: func(e gateway.AccessEntry) {
		if e.Route == "/api/orders" {
			p.posts <- e
		}
	}})
	p.gateway, p.url = g, web.URL
	// What was begun last ends first, and calls left behind by their callers end
	// when the lock does.
	t.Cleanup(clock.Close)
	t.Cleanup(func() {
		p.open()
		web.Close()
		g.Close()
		orders.Close()
	})
	return p
}

// serve starts one server on loopback and connects to it.
func (p *pipeline) serve(register func(*grpc.Server)) *grpc.ClientConn {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	s := grpc.NewServer()
	register(s)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = conn.Close()
		s.Stop()
		if err := <-ended; err != nil {
			p.t.Errorf("server: %v", err)
		}
	})
	return conn
}

// do makes one HTTP request and returns the answer's body as an object.
func (p *pipeline) do(method, path, body string) (*http.Response, map[string]any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	return resp, fields
}

// logged waits for the access log's line of one POST /api/orders, which is written
// after the client has its answer.
func (p *pipeline) logged() gateway.AccessEntry {
	p.t.Helper()
	select {
	case e := <-p.posts:
		return e
	case <-p.t.Context().Done():
		p.t.Fatal("the test ended before the access log's line came")
		return gateway.AccessEntry{}
	}
}

func TestSmokeHealthy(t *testing.T) {
	p := startPipeline(t, bundled())
	cart := golden(t, "post_orders_request.json")
	resp, created := p.do("POST", "/api/orders", cart)
	if resp.StatusCode != 201 || created["status"] != "pending_payment" {
		t.Fatalf("POST /api/orders: %d %v", resp.StatusCode, created)
	}
	if expires, err := time.Parse(time.RFC3339, created["expiresAt"].(string)); err != nil || time.Until(expires) > inventory.DefaultTTL {
		t.Errorf("expires at %v, %v, want within %v", created["expiresAt"], err, inventory.DefaultTTL)
	}
	resp, read := p.do("GET", "/api/orders/"+created["orderId"].(string), "")
	if resp.StatusCode != 200 || read["total"] != 699.98 || read["orderId"] != created["orderId"] {
		t.Errorf("GET /api/orders/:id: %d %v", resp.StatusCode, read)
	}
	resp, stock := p.do("GET", "/api/inventory/WH-1000XM5", "")
	if resp.StatusCode != 200 || stock["available"] != 98.0 {
		t.Errorf("GET /api/inventory/:sku: %d %v, want 98 left of 100", resp.StatusCode, stock)
	}
	resp, intent := p.do("POST", "/api/payments/intent", `{"amount": 699.98, "currency": "USD", "metadata": {"reservationId": "res_7f3a"}}`)
	if resp.StatusCode != 201 || !strings.HasPrefix(intent["id"].(string), "pi_") {
		t.Errorf("POST /api/payments/intent: %d %v", resp.StatusCode, intent)
	}
}

// What the services find wrong is told through the gateway, over real gRPC.
func TestSmokeBadInput(t *testing.T) {
	p := startPipeline(t, bundled())
	order := func(cart, zip string) string {
		return `{"cartId": "` + cart + `", "shippingAddress": {"line1": "1", "city": "2", "state": "3", "zip": "` + zip + `"}}`
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     map[string]any
	}{
		{"no cart", "POST", "/api/orders", `{}`, 400, map[string]any{"error": "invalid_cart", "field": "cartId", "found": "nothing", "expected": "a text"}},
		{"half an address", "POST", "/api/orders", order("cart_8f3a2b", ""), 400, map[string]any{"error": "invalid_cart", "field": "shippingAddress.zip", "found": "nothing", "expected": "a text"}},
		{"unknown cart", "POST", "/api/orders", order("cart_none", "4"), 400, map[string]any{"error": "invalid_cart", "field": "cartId", "found": "cart_none", "expected": "the id of a cart that there is"}},
		{"empty cart", "POST", "/api/orders", order("cart_empty", "4"), 400, map[string]any{"error": "invalid_cart", "field": "items", "found": "nothing", "expected": "one at least"}},
		{"negative quantity", "POST", "/api/orders", order("cart_negative", "4"), 400, map[string]any{"error": "invalid_cart", "field": "items[1].qty", "found": "-1", "expected": "a whole number from 1 on"}},
		{"a cart of an unknown sku", "POST", "/api/orders", order("cart_unknown_sku", "4"), 409, map[string]any{"error": "out_of_stock"}},
		{"unknown sku", "GET", "/api/inventory/no-such-sku", "", 404, map[string]any{"error": "unknown_sku", "field": "sku", "found": "no-such-sku", "expected": "a sku of the catalogue"}},
		{"unknown order", "GET", "/api/orders/ord_none", "", 404, map[string]any{"error": "unknown_order", "field": "id", "found": "ord_none", "expected": "the id of an order"}},
		{"negative amount", "POST", "/api/payments/intent", `{"amount": -1, "currency": "USD"}`, 400, map[string]any{"error": "invalid_intent", "field": "amount", "found": "-100 cents", "expected": "more than nothing"}},
		{"no currency", "POST", "/api/payments/intent", `{"amount": 1}`, 400, map[string]any{"error": "invalid_intent", "field": "currency", "found": "nothing", "expected": "USD"}},
		{"1 MB", "POST", "/api/orders", strings.Repeat("x", 1<<20), 413, map[string]any{"error": "too_large", "field": "body", "found": "more than 65536 bytes", "expected": "65536 bytes at most"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, got := p.do(c.method, c.path, c.body)
			if got["message"] == "" {
				t.Error("no message")
			}
			delete(got, "message")
			if diff := cmp.Diff(c.want, got); resp.StatusCode != c.status || diff != "" {
				t.Errorf("answered %d, want %d (-want +got):\n%s", resp.StatusCode, c.status, diff)
			}
		})
	}
}

func TestSmokeHang(t *testing.T) {
	edges := bundled()
	edges[gateway.EdgeOrder] = policy.Policy{Timeout: 100 * time.Millisecond, Retry: policy.Retry{Attempts: 3}}
	p := startPipeline(t, edges)
	p.lock()
	resp, problem := p.do("POST", "/api/orders", golden(t, "post_orders_request.json"))
	if resp.StatusCode != 502 || problem["message"] != "temporarily unavailable" {
		t.Errorf("answered %d %v, want a 502 that says temporarily unavailable", resp.StatusCode, problem)
	}
	e := p.logged()
	if e.Attempts() != 3 || e.Took < 300*time.Millisecond || e.Flags != "UT,URX" {
		t.Errorf("%d tries in %v with flags %s, want 3 in at least 300ms with UT,URX", e.Attempts(), e.Took, e.Flags)
	}
	// The abandoned tries are still there, each holding its own Reserve.
	if n := p.stock.reached(); n != 3 {
		t.Errorf("%d calls reached the stock, want 3", n)
	}
	if n := len(p.stock.canceled); n != 0 {
		t.Errorf("%d calls were cancelled although the edge detaches", n)
	}
	if resp, _ := p.do("GET", "/api/orders/ord_none", ""); resp.StatusCode != 404 {
		t.Errorf("GET /api/orders/:id answered %d during the hang, want 404", resp.StatusCode)
	}
}

func TestSmokePropagate(t *testing.T) {
	edges := bundled()
	edges[gateway.EdgeOrder] = policy.Policy{Timeout: 100 * time.Millisecond, Cancel: policy.Propagate}
	edges[order.EdgeInventory] = policy.Policy{Cancel: policy.Propagate}
	p := startPipeline(t, edges)
	p.lock()
	if resp, problem := p.do("POST", "/api/orders", golden(t, "post_orders_request.json")); resp.StatusCode != 502 {
		t.Errorf("answered %d %v, want 502", resp.StatusCode, problem)
	}
	<-p.stock.canceled // two hops further down the call has ended with its caller
}

func TestSmokeFallbackAndBreaker(t *testing.T) {
	edges := bundled()
	edges[order.EdgeInventory] = policy.Policy{
		Fallback: true,
		Breaker:  policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "100", "resetTimeout": "30000"}},
	}
	p := startPipeline(t, edges)
	p.lock()
	cart := golden(t, "post_orders_request.json")
	for _, c := range []struct {
		name    string
		reached int
	}{
		{"the call that times out trips the breaker", 1},
		{"the next is rejected and reaches nobody", 1},
	} {
		resp, problem := p.do("POST", "/api/orders", cart)
		if resp.StatusCode != 503 || problem["error"] != "inventory_unavailable" || problem["message"] != "temporarily unavailable" || resp.Header.Get("Retry-After") != "30" {
			t.Errorf("%s: answered %d %v, Retry-After %q", c.name, resp.StatusCode, problem, resp.Header.Get("Retry-After"))
		}
		if e := p.logged(); e.Attempts() != 1 {
			t.Errorf("%s: %d tries, want 1", c.name, e.Attempts())
		}
		if n := p.stock.reached(); n != c.reached {
			t.Errorf("%s: %d calls reached the stock, want %d", c.name, n, c.reached)
		}
	}
	got := answer(t, p.gateway, gateway.Request{Route: gateway.PostOrder, Checkout: gateway.Checkout{
		CartID: "cart_8f3a2b", ShippingAddress: gateway.Address{Line1: "1", City: "2", State: "3", Zip: "4"},
	}})
	if got.Rejected != "EOPENBREAKER" || got.RejectedBy != order.EdgeInventory {
		t.Errorf("over TCP the gateway knows of the rejection %q by %q", got.Rejected, got.RejectedBy)
	}
	for counter, want := range map[string]int64{"open": 1, "reject": 2} {
		if got := p.meter.Counter("circuit.order.inventory." + counter); got != want {
			t.Errorf("circuit.order.inventory.%s is %d, want %d", counter, got, want)
		}
	}
}

// The graceful degradation: while the breaker is open a checkout is answered at
// once, and inventory is left alone.
func TestSmokeBreakerOpenAnswersAtOnce(t *testing.T) {
	edges := bundled()
	edges[order.EdgeInventory] = policy.Policy{
		Fallback: true, Retry: policy.Retry{Attempts: 3, Base: 10 * time.Millisecond},
		Breaker: policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "100", "resetTimeout": "600000"}},
	}
	p := startPipeline(t, edges)
	p.lock()
	cart := golden(t, "post_orders_request.json")
	best := time.Hour // the others may have waited for a processor, which is not ours to give
	for range 20 {
		start := time.Now()
		resp, problem := p.do("POST", "/api/orders", cart)
		best = min(best, time.Since(start))
		if resp.StatusCode != 503 || problem["error"] != "inventory_unavailable" || resp.Header.Get("Retry-After") != "30" {
			t.Fatalf("answered %d %v, Retry-After %q", resp.StatusCode, problem, resp.Header.Get("Retry-After"))
		}
		p.logged()
	}
	if best > 50*time.Millisecond {
		t.Errorf("the quickest answer took %v, want 50ms at most", best)
	}
	if n := p.stock.reached(); n < 1 || n > 3 {
		t.Errorf("%d attempts reached the stock, want 3 at most", n)
	}
	for counter, want := range map[string]int64{"open": 1, "reject": 20} {
		if got := p.meter.Counter("circuit.order.inventory." + counter); got != want {
			t.Errorf("circuit.order.inventory.%s is %d, want %d", counter, got, want)
		}
	}
}

func TestSmokeDeadline(t *testing.T) {
	edges := bundled()
	edges[gateway.EdgeOrder] = policy.Policy{Timeout: 10 * time.Second}
	edges[order.EdgeInventory] = policy.Policy{Deadline: 100 * time.Millisecond}
	p := startPipeline(t, edges)
	p.lock()
	if resp, problem := p.do("POST", "/api/orders", golden(t, "post_orders_request.json")); resp.StatusCode != 502 {
		t.Errorf("answered %d %v, want 502", resp.StatusCode, problem)
	}
	<-p.stock.canceled // the deadline travels with the call and ends it at the server too
}
