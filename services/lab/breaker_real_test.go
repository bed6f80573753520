//go:build real

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
)

// intake stands for Datadog's of v2 series.
type intake struct {
	mu   sync.Mutex
	sums map[string]float64 // of counts, by metric
	bad  []string           // what is not as Datadog has it
	more chan struct{}      // gets one when something came; room for one
}

func (in *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Series []struct {
			Metric string
			Type   int
			Tags   []string
			Points []struct{ Value float64 }
		}
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil || r.URL.Path != "/api/v2/series" || r.Header.Get("DD-API-KEY") != "s3cretk3y" {
		in.bad = append(in.bad, r.Method+" "+r.URL.Path)
	}
	for _, s := range body.Series {
		if s.Type != 1 || !slices.Equal(s.Tags, []string{"service:order"}) {
			in.bad = append(in.bad, s.Metric)
		}
		for _, p := range s.Points {
			in.sums[s.Metric] += p.Value
		}
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"errors":[]}`)
	select {
	case in.more <- struct{}{}:
	default:
	}
}

func (in *intake) sum(metric string) float64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.sums[metric]
}

// up starts a lab of this test program, which ends with the test.
func up(t *testing.T, sc Scenario) *Lab {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent, err := os.MkdirTemp("", "tripcurve-lab-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	if err := os.Chmod(parent, folderMode()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := Up(ctx, sc, Options{Dir: filepath.Join(parent, "lab"), Program: program, Path: os.Getenv("PATH"), Say: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Down() }) // a second time there is nothing to end
	return l
}

// checkout posts one and says what came back and when.
func (l *Lab) checkout(t *testing.T) (resp *http.Response, word string, took time.Duration) {
	t.Helper()
	body, err := json.Marshal(gateway.Checkout{
		CartID: cartID(0), PaymentMethod: "pm_visa_4242",
		ShippingAddress: gateway.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.Sources().Gateway+"/api/orders", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	resp, err = http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var problem struct{ Error string }
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	return resp, problem.Error, time.Since(start)
}

// counter is the sum of a family on the order service's page, over the series with
// that label if one is given.
func (l *Lab) counter(t *testing.T, name string, label ...string) (sum float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.Sources().Metrics[serviceOrder], nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all[name].GetMetric() {
		if len(label) == 0 || slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == label[0] && l.GetValue() == label[1] }) {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

// Behind a real lock the first checkout trips the breaker. The services are
// processes of their own, wired by Serve, which is told of Datadog by the
// environment alone.
func TestRealBreakerOpens(t *testing.T) {
	in := &intake{sums: map[string]float64{}, more: make(chan struct{}, 1)}
	web := httptest.NewServer(in)
	t.Cleanup(web.Close)
	t.Setenv("DD_API_KEY", "s3cretk3y")
	t.Setenv("DD_URL", web.URL)
	const opened, rejected = "circuit.order.inventory.open", "circuit.order.inventory.reject"

	sc, _ := ByName(edges(), "healthy")
	sc.Edges = sc.Edges.Clone()
	sc.Edges[order.EdgeInventory] = policy.Policy{
		Fallback: true, Retry: policy.Retry{Attempts: 3, Base: 10 * time.Millisecond},
		Breaker: policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "300", "resetTimeout": "600000"}},
	}
	l := up(t, sc)
	if resp, word, _ := l.checkout(t); resp.StatusCode != http.StatusCreated {
		t.Fatalf("a healthy checkout is answered %d %s", resp.StatusCode, word)
	}
	before := l.counter(t, "grpc_client_attempt_started_total", "grpc_method", "inventory.Inventory/Reserve")
	if n := l.counter(t, "circuit_order_inventory_open_total"); before != 1 || n != 0 {
		t.Fatalf("before the lock: %g attempts at Reserve, open %g times", before, n)
	}

	l.held(t)
	const n = 40
	best := time.Hour
	for range n {
		resp, word, took := l.checkout(t)
		if resp.StatusCode != http.StatusServiceUnavailable || word != "inventory_unavailable" || resp.Header.Get("Retry-After") != "30" {
			t.Fatalf("answered %d %s, Retry-After %q", resp.StatusCode, word, resp.Header.Get("Retry-After"))
		}
		best = min(best, took)
	}
	attempts := l.counter(t, "grpc_client_attempt_started_total", "grpc_method", "inventory.Inventory/Reserve") - before
	t.Logf("%d checkouts answered 503, the quickest in %s; %g attempts at inventory", n, best, attempts)
	// The best of many: how long the others waited for a processor is not the
	// pipeline's affair.
	if best > 50*time.Millisecond {
		t.Errorf("the quickest 503 took %s, want 50 ms at most", best)
	}
	if attempts < 1 || attempts > 3 {
		t.Errorf("%g attempts at inventory for %d checkouts, want 3 at most", attempts, n)
	}
	if got := l.counter(t, "circuit_order_inventory_open_total"); got != 1 {
		t.Errorf("the order service's page says open %g times, want 1", got)
	}

	patience := time.After(time.Minute)
	for in.sum(opened) == 0 {
		select {
		case <-in.more:
		case <-patience:
			t.Fatalf("after a minute the intake has %v", in.sums)
		}
	}
	logs, err := filepath.Glob(l.state.logOf("*"))
	if err != nil || len(logs) < len(services) {
		t.Errorf("logs %q, %v", logs, err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(text), "s3cretk3y") {
			t.Errorf("%s: %v, or it shows the key", path, err)
		}
	}
	if err := l.Down(); err != nil { // which sends what is left
		t.Fatal(err)
	}
	// The first checkout's last attempt was rejected, and every other checkout.
	if o, r := in.sum(opened), in.sum(rejected); o != 1 || r != n || len(in.bad) > 0 {
		t.Errorf("the intake was told open %g times and %g rejections, want 1 and %d; not as Datadog has it: %q", o, r, n, in.bad)
	}
}
