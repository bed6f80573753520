package telemetry_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/telemetry"
)

// intake stands for Datadog's of v2 series.
type intake struct {
	mu    sync.Mutex
	sums  map[string]float64 // by metric
	wrong []string           // what is not as Datadog has it
}

func startIntake(t *testing.T) (*intake, string) {
	t.Helper()
	in := &intake{sums: map[string]float64{}}
	web := httptest.NewServer(in)
	t.Cleanup(web.Close)
	return in, web.URL
}

func (in *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Series []struct {
			Metric string
			Type   int
			Tags   []string
			Points []struct {
				Timestamp int64
				Value     float64
			}
		}
	}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	const count = 1
	age := func(unix int64) time.Duration { return time.Since(time.Unix(unix, 0)) }
	switch {
	case err != nil:
		in.wrong = append(in.wrong, err.Error())
	case r.Method != http.MethodPost || r.URL.Path != "/api/v2/series":
		in.wrong = append(in.wrong, r.Method+" "+r.URL.Path)
	case r.Header.Get("DD-API-KEY") != "s3cretk3y":
		in.wrong = append(in.wrong, "key "+r.Header.Get("DD-API-KEY"))
	}
	for _, s := range body.Series {
		if s.Type != count || cmp.Diff([]string{"service:order"}, s.Tags) != "" {
			in.wrong = append(in.wrong, string(text))
		}
		for _, p := range s.Points {
			if age(p.Timestamp).Abs() > 10*time.Minute {
				in.wrong = append(in.wrong, string(text))
			}
			in.sums[s.Metric] += p.Value
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"errors":[]}`)
}

func TestOnlyBreakersGoToDatadog(t *testing.T) {
	in, url := startIntake(t)
	made := open(t, telemetry.Config{
		Service: "order",
		Getenv:  environment(map[string]string{"DD_API_KEY": "s3cretk3y", "DD_URL": url}),
	})
	m := made.Meter()
	m.Count("circuit.order.inventory.open", 1)
	m.Count("circuit.order.inventory.reject", 2)
	m.Count("circuit.order.inventory.close", 0)
	m.Count("order.store.errors", 5)
	m.Observe("circuit.order.inventory.open", time.Second)
	closed(t, made)
	want := map[string]float64{"circuit.order.inventory.open": 1, "circuit.order.inventory.reject": 2}
	if d := cmp.Diff(want, in.sums); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(in.wrong) > 0 {
		t.Errorf("not as Datadog has it: %q", in.wrong)
	}
}

func TestTripIsToldToDatadog(t *testing.T) {
	in, url := startIntake(t)
	made := open(t, telemetry.Config{
		Service: "order",
		Getenv:  environment(map[string]string{"DD_API_KEY": "s3cretk3y", "DD_URL": url}),
	})
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	guard := host.WithBreaker("order.inventory", failing{}, host.WithClock(clock), host.WithMeter(made.Meter()))
	t.Cleanup(guard.Close)
	for range 3 {
		if err := guard.Invoke(t.Context(), "/inventory.Inventory/Reserve", nil, nil); err == nil {
			t.Fatal("a call succeeded")
		}
	}
	closed(t, made)
	want := map[string]float64{"circuit.order.inventory.open": 1, "circuit.order.inventory.reject": 2}
	if d := cmp.Diff(want, in.sums); d != "" || len(in.wrong) > 0 {
		t.Errorf("not as Datadog has it: %q (-want +got):\n%s", in.wrong, d)
	}
}

// A guard counts while it holds its lock, so a meter that waited for the network
// would hold up every request of the edge.
func TestIntakeThatHangsHoldsNobodyUp(t *testing.T) {
	asked, release := make(chan struct{}, 8), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(web.Close)
	t.Setenv("DD_API_KEY", "s3cretk3y")
	t.Setenv("DD_URL", web.URL)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10") // ms; the SDK itself reads it
	made := open(t, telemetry.Config{Service: "order", OTLP: web.URL, Getenv: os.Getenv})
	t.Cleanup(func() { close(release) })
	<-asked // an export hangs
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	guard, err := host.NewGuard("order.inventory", policy.Policy{Breaker: policy.BreakerSpec{Library: "opossum"}}, failing{}, clock, made.Meter(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guard.Close)
	for range 10_000 {
		if err := guard.Invoke(t.Context(), "/order.Order/Checkout", nil, nil); err == nil {
			t.Fatal("a call succeeded")
		}
	}
	got := page(t, made)
	if open, rejected := total(got["circuit_order_inventory_open_total"]), total(got["circuit_order_inventory_reject_total"]); open != 1 || rejected != 9_999 {
		t.Errorf("%g times open and %g calls rejected, want 1 and 9999", open, rejected)
	}
}
