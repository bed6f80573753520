package gatewaylog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// labels are the endpoints that requests come to, with how many each.
func labels(e *endpoints, numbers []int32) map[string]int {
	got := map[string]int{}
	for _, n := range numbers {
		got[e.name(n).String()]++
	}
	return got
}

func visit(e *endpoints, requests []string) []int32 {
	var numbers []int32
	for _, q := range requests {
		method, target, _ := bytesCut(q)
		numbers = append(numbers, e.of(&Record{Method: method, Target: target, Path: pathOf(target)}))
	}
	return numbers
}

func bytesCut(q string) (method, target []byte, ok bool) {
	for i := range q {
		if q[i] == ' ' {
			return []byte(q[:i]), []byte(q[i+1:]), true
		}
	}
	return nil, []byte(q), false
}

// shop is the shop API of the reference: SKUs such as WH-1000XM5 and ids such as
// ord_9c4d1e, of which some hold no digit.
func shop(n int) []string {
	rng := rand.New(rand.NewPCG(1, 2))
	var q []string
	for range n {
		switch rng.IntN(6) {
		case 0:
			q = append(q, "POST /api/orders")
		case 1:
			q = append(q, fmt.Sprintf("GET /api/orders/ord_%06x", rng.IntN(1<<24)))
		case 2:
			q = append(q, fmt.Sprintf("GET /api/inventory/WH-%dXM%d?warehouse=pdx", rng.IntN(3000), rng.IntN(6)))
		case 3:
			q = append(q, "POST /api/payments/intent")
		case 4:
			q = append(q, fmt.Sprintf("GET /api/users/%d/cart", rng.IntN(100_000)))
		case 5:
			q = append(q, fmt.Sprintf("GET /assets/app.%08x.js", rng.Uint32()))
		}
	}
	return append(q, "GET /api/orders/ord_bbadbd", "GET /api/v2/status", "GET /")
}

func TestShopHasItsEndpoints(t *testing.T) {
	q := shop(20_000)
	e := newEndpoints(nil)
	got := labels(e, visit(e, q))
	names := make([]string, 0, len(got))
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"GET /", "GET /api/inventory/:id", "GET /api/orders/:id", "GET /api/users/:id/cart", "GET /api/v2/status", "GET /assets/*.js",
		"POST /api/orders", "POST /api/payments/intent",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

// Templates depend on which paths there were, not on their order, and not on
// who read them.
func TestTemplatesDoNotDependOnOrder(t *testing.T) {
	var q []string
	for i := range 60 { // words without digits: ids by their number alone
		q = append(q, "GET /wiki/"+letters(i), "GET /wiki/"+letters(i)+"/history", "PUT /api/users/"+letters(i)+"/cart")
	}
	for i := range 40 {
		q = append(q, "GET /docs/"+letters(i), "GET /api/things/x_"+letters(i))
	}
	q = append(q, shop(500)...)
	e := newEndpoints(nil)
	want := labels(e, visit(e, q))
	if want["GET /wiki/:id"] != 60 || want["GET /wiki/:id/history"] != 60 || want["GET /docs/"+letters(3)] != 1 {
		t.Fatalf("endpoints: %v", want)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		rng.Shuffle(len(q), func(i, j int) { q[i], q[j] = q[j], q[i] })
		one := newEndpoints(nil)
		if diff := cmp.Diff(want, labels(one, visit(one, q))); diff != "" {
			t.Fatalf("another order (-want +got):\n%s", diff)
		}
		cut := rng.IntN(len(q))
		a, b := newEndpoints(nil), newEndpoints(nil)
		numbers, theirs := visit(a, q[:cut]), visit(b, q[cut:])
		translated := a.take(b)
		for _, n := range theirs {
			numbers = append(numbers, translated[n])
		}
		if diff := cmp.Diff(want, labels(a, numbers)); diff != "" {
			t.Fatalf("two readers (-want +got):\n%s", diff)
		}
	}
}

func letters(i int) string {
	return string([]byte{'p', 'q' + byte(i/26), 'a' + byte(i%26), 'z'})
}

func TestTemplatesAreBounded(t *testing.T) {
	e := newEndpoints(nil)
	rng := rand.New(rand.NewPCG(5, 6))
	for range 30_000 {
		path := []byte(fmt.Sprintf("/%s/%s", letters(rng.IntN(200)), letters(rng.IntN(40))+letters(rng.IntN(200))))
		path[1] = 'a' + byte(rng.IntN(26))
		path[2] = 'a' + byte(rng.IntN(26))
		e.of(&Record{Method: []byte("GET"), Path: path})
	}
	if len(e.list) > maxTemplates+1 || e.nodes > maxNodes {
		t.Errorf("%d endpoints, %d nodes", len(e.list), e.nodes)
	}
	if e.stats.Overflow == 0 || e.stats.Overflow+e.stats.Inferred != 30_000 {
		t.Errorf("overflow is not counted: %+v", e.stats)
	}
}

func TestRootIsNeverMerged(t *testing.T) {
	e := newEndpoints(nil)
	var q []string
	for i := range 200 {
		q = append(q, "GET /"+letters(i))
	}
	if got := labels(e, visit(e, q)); len(got) != 200 {
		t.Errorf("%d endpoints, want 200", len(got))
	}
}

func TestRoutes(t *testing.T) {
	routes, err := NewRoutes([]string{
		"GET /api/inventory/:sku", "/api/orders/{id}", "/api/orders/export", "POST /api/orders", "/assets/**", "/users/*/cart",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ request, want string }{
		{"GET /api/inventory/WH-1000XM5", "GET /api/inventory/:sku"},
		{"POST /api/inventory/WH-1000XM5", "POST /api/inventory/:id"}, // inferred: the pattern is for GET
		{"GET /api/orders/ord_1?full=1", "GET /api/orders/{id}"},
		{"GET /api/orders/export", "GET /api/orders/export"},
		{"POST /api/orders/", "POST /api/orders"},
		{"GET /assets/js/app.js", "GET /assets/**"},
		{"GET /assets", "GET /assets/**"},
		{"GET /users/7/cart", "GET /users/*/cart"},
		{"BREW /api/orders", "_OTHER /api/orders"},
		{"OPTIONS *", "OPTIONS -"},
		{"GET http://shop.example.com/api/orders/7", "GET /api/orders/{id}"},
	} {
		e := newEndpoints(routes)
		got := e.name(visit(e, []string{c.request})[0]).String()
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.request, got, c.want)
		}
	}
	for _, bad := range []string{"", "api/orders", "GET", "GET /a b", "/a/**/b"} {
		if _, err := NewRoutes([]string{bad}); err == nil {
			t.Errorf("route %q was taken", bad)
		}
	}
}

func TestIDsBelowTheRoot(t *testing.T) {
	for _, c := range []struct{ request, want string }{
		{"GET /01ARZ3NDEKTSV4RRFFQ69G5FAV", "GET /:id"},
		{"GET /81ARZ3NDEKTSV4RRFFQ69G5FAV", "GET /81ARZ3NDEKTSV4RRFFQ69G5FAV"}, // more than 128 bits
		{"GET /f47ac10b-58cc-4372-a567-0e02b2c3d479", "GET /:id"},
		{"GET /2026-01-15/report", "GET /:id/report"},
		{"GET /9c4d1eab12", "GET /:id"},
		{"GET /Kassel", "GET /Kassel"},
		{"GET /v2/status", "GET /v2/status"},
	} {
		e := newEndpoints(nil)
		if got := e.name(visit(e, []string{c.request})[0]).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.request, got, c.want)
		}
	}
}

func TestLogsOwnRoute(t *testing.T) {
	for _, c := range []struct{ route, want string }{
		{"/api/inventory/:sku", "GET /api/inventory/:sku"},
		{"GET /api/inventory/{sku}", "GET /api/inventory/{sku}"},
		{"default", "GET /api/inventory/:id"},
	} {
		e := newEndpoints(nil)
		n := e.of(&Record{Method: []byte("GET"), Path: []byte("/api/inventory/WH-1000XM5"), Route: []byte(c.route)})
		if got := e.name(n).String(); got != c.want {
			t.Errorf("route %q: %s, want %s", c.route, got, c.want)
		}
	}
}
