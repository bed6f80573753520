package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"tripcurve/services/telemetry"
)

// book is a log that a test reads while others write.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines with that message, as JSON objects.
func (b *book) lines(t *testing.T, msg string) (all []map[string]any) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if l["msg"] == msg {
			all = append(all, l)
		}
	}
	return all
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// environment reads a map as os.Getenv reads the environment.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// open a service's telemetry; it is closed with the test if not before.
func open(t *testing.T, c telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	if c.Getenv == nil {
		c.Getenv = environment(nil)
	}
	made, err := telemetry.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, made) })
	return made
}

// closed closes it, however often.
func closed(t *testing.T, made *telemetry.Telemetry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = made.Close(ctx) // a second time the SDK says that it is
}

// page is what /metrics shows, by name.
func page(t *testing.T, made *telemetry.Telemetry) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	made.Page().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// total of all series of a family: a counter's values or a histogram's counts.
func total(f *dto.MetricFamily) (sum float64) {
	for _, m := range f.GetMetric() {
		sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

func TestPage(t *testing.T) {
	made := open(t, telemetry.Config{Service: "order"})
	m := made.Meter()
	m.Count("circuit.order.inventory.open", 1)
	m.Count("circuit.order.inventory.reject", 0)
	m.Count("fulfillment.shipped", 2, "speed", "express")
	m.Count("fulfillment.shipped", 3, "speed", "standard")
	m.Observe("order.checkout", 240*time.Second)
	got := page(t, made)
	for name, want := range map[string]float64{
		"circuit_order_inventory_open_total":   1,
		"circuit_order_inventory_reject_total": 0,
		"fulfillment_shipped_total":            5,
		"order_checkout_seconds":               1,
	} {
		f, ok := got[name]
		if !ok || total(f) != want {
			t.Errorf("%s is %g (on the page: %t), want %g", name, total(f), ok, want)
		}
	}
	// Four minutes are no more than a floor in the usual buckets up to 10 s.
	for _, b := range got["order_checkout_seconds"].GetMetric()[0].GetHistogram().GetBucket() {
		if want := b.GetUpperBound() >= 240; (b.GetCumulativeCount() == 1) != want {
			t.Errorf("%d calls of 240 s up to %g s", b.GetCumulativeCount(), b.GetUpperBound())
		}
	}
	if got["process_start_time_seconds"] == nil {
		t.Error("the page does not say when the process began, by which a collector knows a restart")
	}
}

func TestNameThatCannotBe(t *testing.T) {
	log := &book{}
	made := open(t, telemetry.Config{Service: "order", Log: telemetry.NewLog(log, "order")})
	for range 3 {
		made.Meter().Count("1 bad name", 1)
		made.Meter().Observe("1 bad duration", time.Second)
	}
	if c, h := log.lines(t, "no counter"), log.lines(t, "no histogram"); len(c) != 1 || len(h) != 1 {
		t.Errorf("log says %s, want each name once", log)
	}
}

// receiver is an OTLP collector on loopback, by either protocol.
type receiver struct {
	collector.UnimplementedMetricsServiceServer
	got chan *collector.ExportMetricsServiceRequest
}

func (r *receiver) Export(_ context.Context, in *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	r.got <- in
	return &collector.ExportMetricsServiceResponse{}, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	in := &collector.ExportMetricsServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, in)
	}
	if err != nil || req.URL.Path != "/v1/metrics" {
		http.Error(w, "bad export", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	r.got <- in
}

// counts of an export, by name.
func counts(in *collector.ExportMetricsServiceRequest) map[string]int64 {
	all := map[string]int64{}
	for _, rm := range in.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				if s, ok := m.GetData().(*otlp.Metric_Sum); ok {
					for _, p := range s.Sum.GetDataPoints() {
						all[m.GetName()] += p.GetAsInt()
					}
				}
			}
		}
	}
	return all
}

func TestOTLP(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf", ""} {
		for _, where := range []string{"configured", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
			t.Run(protocol+" "+where, func(t *testing.T) {
				r := &receiver{got: make(chan *collector.ExportMetricsServiceRequest, 4)}
				c := telemetry.Config{Service: "order"}
				vars := map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
				c.Getenv = environment(vars)
				endpoint := ""
				if protocol == "grpc" {
					endpoint = serveReceiver(t, r)
				} else {
					web := httptest.NewServer(r)
					t.Cleanup(web.Close)
					endpoint = web.URL
				}
				if where == "configured" {
					c.OTLP = endpoint
				} else {
					vars[where] = endpoint
				}
				made := open(t, c)
				made.Meter().Count("circuit.order.inventory.open", 1)
				made.Meter().Count("circuit.order.inventory.reject", 7)
				closed(t, made)
				in := <-r.got
				want := map[string]int64{"circuit.order.inventory.open": 1, "circuit.order.inventory.reject": 7}
				if d := cmp.Diff(want, counts(in)); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				service := ""
				for _, a := range in.GetResourceMetrics()[0].GetResource().GetAttributes() {
					if a.GetKey() == "service.name" {
						service = a.GetValue().GetStringValue()
					}
				}
				if service != "order" {
					t.Errorf("service.name is %q", service)
				}
			})
		}
	}
}

func serveReceiver(t *testing.T, r *receiver) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collector.RegisterMetricsServiceServer(s, r)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func TestEndpointsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name string
		otlp string
		vars map[string]string
		want string
	}{
		{"no URL", "127.0.0.1:4318", nil, "OTLP endpoint: not a URL such as"},
		{"no URL in the environment", "", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, "OTEL_EXPORTER_OTLP_ENDPOINT: not a URL such as"},
		{"another protocol", "", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, `OTLP protocol "http/json": expected grpc or http/protobuf`},
		{"an intake in the clear", "http://127.0.0.1:1", map[string]string{"DD_API_KEY": "k3y", "DD_URL": "http://intake.example"}, "breakers to Datadog: datadog intake: intake.example would get the key in the clear"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := telemetry.New(telemetry.Config{Service: "order", OTLP: c.otlp, Getenv: environment(c.vars)})
			if !errors.Is(err, telemetry.ErrConfig) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "k3y") {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

func TestCollectorThatIsDown(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	log := &book{}
	made := open(t, telemetry.Config{
		Service: "order", OTLP: gone.URL, Log: telemetry.NewLog(log, "order"),
		Getenv: environment(map[string]string{"DD_API_KEY": "s3cretk3y", "DD_URL": gone.URL}),
	})
	made.Meter().Count("circuit.order.inventory.open", 1)
	closed(t, made)
	for _, msg := range []string{"the OTLP collector takes no metrics", "datadog takes no metrics"} {
		if said := log.lines(t, msg); len(said) != 1 || said[0]["level"] != slog.LevelWarn.String() || said[0]["service"] != "order" {
			t.Errorf("log says %s, want %q once", log, msg)
		}
	}
	if strings.Contains(log.String(), "s3cretk3y") {
		t.Errorf("the log shows the key: %s", log)
	}
}

func TestDestinations(t *testing.T) {
	for _, c := range []struct {
		name string
		otlp string
		vars map[string]string
		want []string
	}{
		{"nothing is configured", "", nil, nil},
		{"both", "http://me:s3cret@127.0.0.1:4318", map[string]string{"DD_API_KEY": "s3cretk3y"}, []string{
			"metrics go to http://me:xxxxx@127.0.0.1:4318 by OTLP over http/protobuf",
			"what breakers do goes to Datadog, for DD_API_KEY is set",
		}},
		{"by the environment", "", map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
			"DD_API_KEY": "s3cretk3y", "DD_SITE": "datadoghq.eu",
		}, []string{
			"metrics go to http://127.0.0.1:4317 by OTLP over grpc",
			"what breakers do goes to Datadog as DD_SITE names it, for DD_API_KEY is set",
		}},
	} {
		got, err := telemetry.Destinations(telemetry.Config{Service: "lab", OTLP: c.otlp, Getenv: environment(c.vars)})
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, d)
		}
	}
}
