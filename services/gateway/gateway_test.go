package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// upstream is a connection that answers every method with one message or error
// and takes down what it was asked.
type upstream struct {
	answer proto.Message
	err    error
	hangs  bool
	mu     sync.Mutex // an abandoned try may still run when the next begins
	asked  []proto.Message
}

func (u *upstream) Invoke(ctx context.Context, _ string, args, reply any, _ ...grpc.CallOption) error {
	u.mu.Lock()
	u.asked = append(u.asked, proto.Clone(args.(proto.Message))) // a read's is used again
	u.mu.Unlock()
	if u.hangs {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	if u.err != nil {
		return u.err
	}
	if u.answer != nil {
		proto.Merge(reply.(proto.Message), u.answer)
	}
	return nil
}

func (*upstream) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "no streams here")
}

// bundled is the policy of the gateway's edges on the night of INC-2847.
func bundled() policy.Edges {
	read := policy.Policy{Timeout: 30 * time.Second}
	return policy.Edges{
		gateway.EdgeOrder:     {Timeout: 10 * time.Second, Retry: policy.Retry{Attempts: 3}},
		gateway.EdgeOrderRead: read, gateway.EdgeInventory: read, gateway.EdgePayment: read,
	}
}

func open(t *testing.T, clock host.Clock, u *upstream, edges policy.Edges) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(gateway.Config{
		Clock: clock, Order: u, Inventory: u, Payment: u, Policies: edges,
		Rand:      func() float64 { return 0.5 },
		Upstreams: map[string]string{gateway.EdgeOrder: "10.0.3.15:8080"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// ask sends one request through the HTTP handler and returns the answer and its
// log entry.
func ask(t *testing.T, u *upstream, r *http.Request) (*http.Response, gateway.AccessEntry) {
	t.Helper()
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	var entry gateway.AccessEntry
	h := gateway.Handler{Gateway: open(t, clock, u, nil), Log: func(e gateway.AccessEntry) { entry = e }}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), entry
}

func request(method, path, body string) *http.Request {
	return httptest.NewRequest(method, path, strings.NewReader(body))
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWireExamples(t *testing.T) {
	expires := time.Date(2026, 1, 15, 10, 47, 0, 0, time.UTC).UnixNano()

	t.Run("POST /api/orders as in the original", func(t *testing.T) {
		u := &upstream{answer: &pb.CheckoutResponse{
			OrderId: "ord_9c4d1e", Status: "pending_payment",
			ClientSecret: "pi_3Mx_secret_abc123", ExpiresAtUnixNano: expires,
		}}
		r := request("POST", "/api/orders", golden(t, "post_orders_request.json"))
		r.Header.Set("Idempotency-Key", "k1")
		resp, _ := ask(t, u, r)
		if resp.StatusCode != 201 || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("answered %d %s, want 201 application/json", resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if diff := cmp.Diff(compact(t, golden(t, "post_orders_response.json")), body(t, resp)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		want := []proto.Message{&pb.CheckoutRequest{
			CartId: "cart_8f3a2b", PaymentMethod: "pm_visa_4242", IdempotencyKey: "k1",
			ShippingAddress: &pb.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
		}}
		if diff := cmp.Diff(want, u.asked, protocmp.Transform()); diff != "" {
			t.Errorf("the order service was asked (-want +got):\n%s", diff)
		}
	})

	t.Run("POST /api/payments/intent", func(t *testing.T) {
		u := &upstream{answer: &pb.CreateIntentResponse{IntentId: "pi_3Mx", ClientSecret: "pi_3Mx_secret_abc123"}}
		r := request("POST", "/api/payments/intent", `{"amount": 699.98, "currency": "USD", "metadata": {"reservationId": "res_7f3a"}}`)
		r.Header.Set("Idempotency-Key", "k1")
		resp, _ := ask(t, u, r)
		if got, want := body(t, resp), `{"id":"pi_3Mx","clientSecret":"pi_3Mx_secret_abc123"}`; resp.StatusCode != 201 || got != want {
			t.Errorf("answered %d %s, want 201 %s", resp.StatusCode, got, want)
		}
		want := []proto.Message{&pb.CreateIntentRequest{
			AmountCents: 69998, Currency: "USD", ReservationId: "res_7f3a", IdempotencyKey: "k1",
		}}
		if diff := cmp.Diff(want, u.asked, protocmp.Transform()); diff != "" {
			t.Errorf("the payment service was asked (-want +got):\n%s", diff)
		}
	})

	t.Run("GET /api/orders/:id", func(t *testing.T) {
		u := &upstream{answer: &pb.GetOrderResponse{OrderId: "ord_9c4d1e", Status: "shipped", ReservationId: "res_7f3a", TotalCents: 69998, TrackingNumber: "1Z"}}
		resp, entry := ask(t, u, request("GET", "/api/orders/ord_9c4d1e", ""))
		want := `{"orderId":"ord_9c4d1e","status":"shipped","reservationId":"res_7f3a","total":699.98,"trackingNumber":"1Z"}`
		if got := body(t, resp); resp.StatusCode != 200 || got != want {
			t.Errorf("answered %d %s, want 200 %s", resp.StatusCode, got, want)
		}
		if entry.Route != "/api/orders/:id" || entry.Path != "/api/orders/ord_9c4d1e" || entry.BytesOut != len(want) {
			t.Errorf("logged %+v", entry)
		}
	})

	t.Run("GET /api/inventory/:sku", func(t *testing.T) {
		u := &upstream{answer: &pb.GetStockResponse{Sku: "WH-1000XM5", Available: 7}}
		resp, _ := ask(t, u, request("GET", "/api/inventory/WH-1000XM5?fresh=1", ""))
		if got, want := body(t, resp), `{"sku":"WH-1000XM5","available":7}`; resp.StatusCode != 200 || got != want {
			t.Errorf("answered %d %s, want 200 %s", resp.StatusCode, got, want)
		}
	})
}

func TestStatusOfErrors(t *testing.T) {
	said := func(c codes.Code, text string) error { return status.Error(c, text) }
	for _, c := range []struct {
		name   string
		route  gateway.Route
		err    error
		want   gateway.Response
		asked  int // calls that reached the upstream
		retry  time.Duration
		reason string
	}{
		{"invalid cart", gateway.PostOrder, said(codes.InvalidArgument, "invalid_cart"), gateway.Response{Status: 400, Code: "invalid_cart"}, 1, 0, ""},
		{"out of stock", gateway.PostOrder, said(codes.FailedPrecondition, "out_of_stock"), gateway.Response{Status: 409, Code: "out_of_stock"}, 1, 0, ""},
		{"a drain is not tried again", gateway.PostOrder, said(codes.Unavailable, "checkout_closed"), gateway.Response{Status: 503, Code: "checkout_closed"}, 1, gateway.RetryAfter, ""},
		{"degraded is not tried again", gateway.PostOrder, said(codes.Unavailable, "inventory_unavailable"), gateway.Response{Status: 503, Code: "inventory_unavailable"}, 1, gateway.RetryAfter, ""},
		{
			"degraded by a breaker further down", gateway.PostOrder, said(codes.Unavailable, "inventory_unavailable: rejected by order.inventory: EOPENBREAKER"),
			gateway.Response{Status: 503, Code: "inventory_unavailable"},
			1, gateway.RetryAfter, "EOPENBREAKER",
		},
		{"every try fails", gateway.PostOrder, said(codes.Unavailable, "inventory_failed"), gateway.Response{Status: 502, Code: "upstream_failed", Flags: "URX"}, 3, 0, ""},
		{
			"every try is rejected further down", gateway.PostOrder, said(codes.Unavailable, "inventory_failed: rejected by order.inventory: EOPENBREAKER"),
			gateway.Response{Status: 502, Code: "upstream_failed", Flags: "URX"},
			3, 0, "EOPENBREAKER",
		},
		{"every try exceeds a deadline", gateway.PostOrder, said(codes.DeadlineExceeded, "late"), gateway.Response{Status: 502, Code: "upstream_failed", Flags: "UT,URX"}, 3, 0, ""},
		{"a mistake of the service", gateway.PostOrder, said(codes.Internal, "nil pointer"), gateway.Response{Status: 502, Code: "upstream_failed"}, 1, 0, ""},
		{"unknown order", gateway.GetOrder, said(codes.NotFound, "unknown_order"), gateway.Response{Status: 404, Code: "unknown_order"}, 1, 0, ""},
		{"unknown sku", gateway.GetStock, said(codes.NotFound, "unknown_sku"), gateway.Response{Status: 404, Code: "unknown_sku"}, 1, 0, ""},
		{"a read exceeds a deadline", gateway.GetStock, said(codes.DeadlineExceeded, "late"), gateway.Response{Status: 504, Code: "upstream_timeout", Flags: "UT"}, 1, 0, ""},
		{"a read fails, which is no 502", gateway.GetOrder, said(codes.Unavailable, "connection refused"), gateway.Response{Status: 503, Code: "upstream_failed"}, 1, 0, ""},
		{
			"a mistake that the order service found", gateway.PostOrder, host.Invalid("invalid_cart", host.Mistake{Field: "items[0].qty", Found: "-1", Expected: "more"}),
			gateway.Response{Status: 400, Code: "invalid_cart", Mistake: host.Mistake{Field: "items[0].qty", Found: "-1", Expected: "more"}},
			1, 0, "",
		},
		{"a key of another intent", gateway.PostIntent, said(codes.FailedPrecondition, "idempotency_key_reused"), gateway.Response{Status: 409, Code: "idempotency_key_reused"}, 1, 0, ""},
		{"an intent that cannot be paid", gateway.PostIntent, said(codes.InvalidArgument, "invalid_intent"), gateway.Response{Status: 400, Code: "invalid_intent"}, 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := host.NewWallClock()
			defer clock.Close()
			u := &upstream{err: c.err}
			got := answer(t, open(t, clock, u, bundled()), gateway.Request{Route: c.route})
			c.want.Route, c.want.RetryAfter, c.want.Rejected = c.route, c.retry, c.reason
			if c.reason != "" {
				c.want.RejectedBy = "order.inventory"
			}
			if len(u.asked) != c.asked || len(got.Tries) != c.asked {
				t.Errorf("%d calls and %d tries, want %d", len(u.asked), len(got.Tries), c.asked)
			}
			got.Start, got.Took, got.Tries = time.Time{}, 0, nil
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if text := string(got.AppendBody(nil)); (got.Status == 502 || got.Status == 503) != strings.Contains(text, "temporarily unavailable") {
				t.Errorf("%d says %s", got.Status, text)
			}
		})
	}
}

// answer is the gateway's to one request.
func answer(t *testing.T, g *gateway.Gateway, r gateway.Request) (resp gateway.Response) {
	t.Helper()
	g.Handle(t.Context(), &r, &resp)
	return resp
}

func TestHangingUpstream(t *testing.T) {
	for _, c := range []struct {
		route gateway.Route
		want  gateway.Response
		took  time.Duration
		tries int
	}{
		{gateway.PostOrder, gateway.Response{Status: 502, Code: "upstream_failed", Flags: "UT,URX"}, 30 * time.Second, 3},
		{gateway.GetOrder, gateway.Response{Status: 504, Code: "upstream_timeout", Flags: "UT"}, 30 * time.Second, 1},
		{gateway.GetStock, gateway.Response{Status: 504, Code: "upstream_timeout", Flags: "UT"}, 30 * time.Second, 1},
		{gateway.PostIntent, gateway.Response{Status: 504, Code: "upstream_timeout", Flags: "UT"}, 30 * time.Second, 1},
	} {
		t.Run(c.route.Template(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := host.NewWallClock()
				defer clock.Close()
				u := &upstream{hangs: true}
				got := answer(t, open(t, clock, u, bundled()), gateway.Request{Route: c.route})
				if got.Took != c.took || len(got.Tries) != c.tries {
					t.Errorf("took %v and %d tries, want %v and %d", got.Took, len(got.Tries), c.took, c.tries)
				}
				c.want.Route = c.route
				got.Start, got.Took, got.Tries = time.Time{}, 0, nil
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The messages of reads are used again, and nothing of one read is in the next.
func TestReadsKeepNothingOfEachOther(t *testing.T) {
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	u := &upstream{}
	g := open(t, clock, u, bundled())
	for range 100 {
		u.answer = &pb.GetOrderResponse{OrderId: "ord_1", Status: "shipped", ReservationId: "res_1", TrackingNumber: "1Z", TotalCents: 4999}
		if r := answer(t, g, gateway.Request{Route: gateway.GetOrder, ID: "ord_1"}); r.Order.TrackingNumber != "1Z" {
			t.Fatalf("%+v", r)
		}
		u.err = status.Error(codes.Unavailable, "gone")
		if r := answer(t, g, gateway.Request{Route: gateway.GetOrder, ID: "ord_1"}); r.Status != 503 {
			t.Fatalf("%+v", r)
		}
		u.err, u.answer = nil, &pb.GetOrderResponse{OrderId: "ord_2"}
		r := answer(t, g, gateway.Request{Route: gateway.GetOrder, ID: "ord_2"})
		if diff := cmp.Diff(gateway.Order{OrderID: "ord_2"}, r.Order); diff != "" {
			t.Fatal(diff)
		}
		u.answer = &pb.GetStockResponse{Sku: "A", Available: 3}
		answer(t, g, gateway.Request{Route: gateway.GetStock, ID: "A"})
		u.answer = &pb.GetStockResponse{Sku: "B"}
		if r := answer(t, g, gateway.Request{Route: gateway.GetStock, ID: "B"}); r.Stock != (gateway.Stock{SKU: "B"}) {
			t.Fatalf("%+v", r)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	clock := host.NewWallClock()
	defer clock.Close()
	u := &upstream{err: status.Error(codes.Unavailable, "down")}
	g := open(t, clock, u, bundled())
	answer(t, g, gateway.Request{Route: gateway.PostOrder})
	answer(t, g, gateway.Request{Route: gateway.PostOrder, Key: "mine"})
	var keys []string
	for _, m := range u.asked {
		keys = append(keys, m.(*pb.CheckoutRequest).GetIdempotencyKey())
	}
	made := "key_800000000000"
	if diff := cmp.Diff([]string{made, made, made, "mine", "mine", "mine"}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestOwnBreakerRejects(t *testing.T) {
	clock := host.NewWallClock()
	defer clock.Close()
	edges := bundled()
	p := edges[gateway.EdgeOrder]
	p.Breaker = policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "5000"}}
	edges[gateway.EdgeOrder] = p
	u := &upstream{err: status.Error(codes.Unavailable, "down")}
	g := open(t, clock, u, edges)
	answer(t, g, gateway.Request{Route: gateway.PostOrder})
	got := answer(t, g, gateway.Request{Route: gateway.PostOrder})
	if got.Status != 503 || got.Flags != "UO" || got.Rejected != "EOPENBREAKER" || got.RetryAfter == 0 || len(got.Tries) != 0 {
		t.Errorf("answered %+v, want a 503 that never left the gateway", got)
	}
	if len(u.asked) != 1 {
		t.Errorf("%d calls reached the order service, want the one that tripped", len(u.asked))
	}
}

func TestBadRequests(t *testing.T) {
	tooLong := request("POST", "/api/orders", "{}")
	tooLong.Header.Set("Idempotency-Key", strings.Repeat("k", 256))
	typed := func(kind string) *http.Request {
		r := request("POST", "/api/orders", "<cart/>")
		r.Header.Set("Content-Type", kind)
		return r
	}
	cut := httptest.NewRequest("POST", "/api/orders", io.MultiReader(strings.NewReader(`{"cartId`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	const routes = "one of POST /api/orders, GET /api/orders/:id, GET /api/inventory/:sku, POST /api/payments/intent"
	for _, c := range []struct {
		name                   string
		r                      *http.Request
		status                 int
		code                   string
		allow                  string
		field, found, expected string
	}{
		{"no JSON", request("POST", "/api/orders", "cartId=1"), 400, "invalid_cart", "", "body", "at byte 1: invalid character 'c' looking for beginning of value", "a JSON object"},
		{"no body", request("POST", "/api/orders", ""), 400, "invalid_cart", "", "body", "nothing", "a JSON object"},
		{"a body cut short", request("POST", "/api/orders", `{"cartId": "c`), 400, "invalid_cart", "", "body", "at byte 13: unexpected end of JSON input", "a JSON object"},
		{"a connection that breaks off", cut, 400, "invalid_cart", "", "body", "8 bytes and no end", "a JSON object"},
		{"two bodies", request("POST", "/api/orders", `{} {}`), 400, "invalid_cart", "", "body", "at byte 4: invalid character '{' after top-level value", "a JSON object"},
		{"a list", request("POST", "/api/orders", `[]`), 400, "invalid_cart", "", "body", "array", "a JSON object"},
		{"a body of another shape", request("POST", "/api/orders", `{"cartId": 5}`), 400, "invalid_cart", "", "cartId", "number", "string"},
		{"another shape further in", request("POST", "/api/orders", `{"shippingAddress": {"zip": 97201}}`), 400, "invalid_cart", "", "shippingAddress.zip", "number", "string"},
		{"no address but a text", request("POST", "/api/orders", `{"shippingAddress": "Portland"}`), 400, "invalid_cart", "", "shippingAddress", "string", "object"},
		{"an endless body", request("POST", "/api/orders", strings.Repeat(" ", 1<<20)), 413, "too_large", "", "body", "more than 65536 bytes", "65536 bytes at most"},
		{"XML", typed("text/xml"), 415, "unsupported_media_type", "", "Content-Type", "text/xml", "application/json"},
		{"a type that is none", typed("/;"), 415, "unsupported_media_type", "", "Content-Type", "/;", "application/json"},
		{"an amount that is no number", request("POST", "/api/payments/intent", `{"amount": "much"}`), 400, "invalid_intent", "", "amount", `"much"`, "dollars with at most two decimals"},
		{"a tenth of a cent", request("POST", "/api/payments/intent", `{"amount": 0.001}`), 400, "invalid_intent", "", "amount", "0.001", "dollars with at most two decimals"},
		{"too long a key", tooLong, 400, "invalid_idempotency_key", "", "Idempotency-Key", "256 bytes", "255 bytes at most"},
		{"unknown path", request("GET", "/api/carts", ""), 404, "unknown_route", "", "path", "GET /api/carts", routes},
		{"a long path", request("GET", "/"+strings.Repeat("x", 4000), ""), 404, "unknown_route", "", "path", "GET /" + strings.Repeat("x", 59) + "...", routes},
		{"no id", request("GET", "/api/orders/", ""), 404, "unknown_route", "", "path", "GET /api/orders/", routes},
		{"a path below an order", request("GET", "/api/orders/ord_1/items", ""), 404, "unknown_route", "", "path", "GET /api/orders/ord_1/items", routes},
		{"wrong method", request("DELETE", "/api/orders/ord_1", ""), 405, "method_not_allowed", "GET", "method", "DELETE", "GET"},
		{"a read of the collection", request("GET", "/api/orders", ""), 405, "method_not_allowed", "POST", "method", "GET", "POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &upstream{}
			resp, entry := ask(t, u, c.r)
			var got struct{ Error, Message, Field, Found, Expected string }
			if err := json.Unmarshal([]byte(body(t, resp)), &got); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || got.Error != c.code || got.Message == "" || resp.Header.Get("Allow") != c.allow {
				t.Errorf("answered %d %+v, Allow %q, want %d %s, %q", resp.StatusCode, got, resp.Header.Get("Allow"), c.status, c.code, c.allow)
			}
			if got.Field != c.field || got.Found != c.found || got.Expected != c.expected {
				t.Errorf("says %q: %q, expected %q; want %q: %q, expected %q", got.Field, got.Found, got.Expected, c.field, c.found, c.expected)
			}
			if len(u.asked) != 0 {
				t.Error("the upstream was asked")
			}
			if entry.Status != c.status || entry.Method != c.r.Method || entry.Attempts() != 0 {
				t.Errorf("logged %+v", entry)
			}
		})
	}
}

// What may be missing.
func TestHeadersThatMayBeMissing(t *testing.T) {
	for _, kind := range []string{"", "application/json", "application/json; charset=utf-8"} {
		u := &upstream{answer: &pb.CheckoutResponse{OrderId: "ord_1"}}
		r := request("POST", "/api/orders", "{}")
		r.Header.Del("Idempotency-Key")
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		if resp, _ := ask(t, u, r); resp.StatusCode != 201 {
			t.Errorf("Content-Type %q without a key: answered %d", kind, resp.StatusCode)
		}
	}
}

func TestRequestID(t *testing.T) {
	for given, want := range map[string]string{
		"":               "req_800000000000",
		"6f0c-11":        "6f0c-11",
		"two words":      "req_800000000000",
		"\x1b[31mred":    "req_800000000000",
		"caf\u00e9-6f0c": "req_800000000000",
	} {
		r := request("GET", "/api/inventory/a", "")
		r.Header["X-Request-Id"] = []string{given}
		resp, entry := ask(t, &upstream{}, r)
		if got := resp.Header.Get("X-Request-Id"); got != want || entry.RequestID != want {
			t.Errorf("%q: answered %q, logged %q, want %q", given, got, entry.RequestID, want)
		}
	}
}

func TestCents(t *testing.T) {
	for text, want := range map[string]gateway.Cents{
		"699.98": 69998, "349.99": 34999, "5": 500, "0.5": 50, "1.10": 110, "-2.05": -205, "7.000": 700,
	} {
		var got gateway.Cents
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1e3", "0.001", `"5"`, "null", "12345678901234567890", "[]", "1.5e1"} {
		var got gateway.Cents
		if err := json.Unmarshal([]byte(text), &got); err == nil && text != "null" {
			t.Errorf("%s is read as %d", text, got)
		}
	}
	for c, want := range map[gateway.Cents]string{69998: "699.98", 5: "0.05", -205: "-2.05", 500: "5.00"} {
		if got, err := json.Marshal(c); err != nil || string(got) != want {
			t.Errorf("%d is written as %s, %v, want %s", c, got, err, want)
		}
	}
}
