//go:build real

package latency

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"

	"tripcurve/internal/incident"
	"tripcurve/internal/promtest"
)

// hanging is a gRPC service that hangs while it is told to.
type hanging struct {
	health.UnimplementedHealthServer
	mu   sync.Mutex
	gate chan struct{} // closed ends the hang; nil while there is none
}

func (h *hanging) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	h.mu.Lock()
	gate := h.gate
	h.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
		return nil, grpcstatus.Error(codes.Unavailable, "it hung")
	}
	return &health.HealthCheckResponse{}, nil
}

func (h *hanging) hang() (release func()) {
	gate := make(chan struct{})
	h.mu.Lock()
	h.gate = gate
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		h.gate = nil
		h.mu.Unlock()
		close(gate)
	}
}

// client is a gRPC client with the usual metrics, and a native histogram.
type client struct {
	started, ended, failed atomic.Int64
	metrics                *httptest.Server
	calls                  sync.WaitGroup
}

func startClient(t *testing.T, addr string) *client {
	t.Helper()
	m := grpcprom.NewClientMetrics(grpcprom.WithClientHandlingTimeHistogram(grpcprom.WithHistogramBuckets([]float64{0.5, 1, 5, 10, 60})))
	native := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rpc_client_call_duration_seconds", NativeHistogramBucketFactor: 1.1,
	}, []string{"rpc_method"})
	reg := prometheus.NewRegistry()
	reg.MustRegister(m, native)
	c := &client{metrics: httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))}
	t.Cleanup(c.metrics.Close)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(m.UnaryClientInterceptor()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); c.calls.Wait(); _ = conn.Close() })
	check := health.NewHealthClient(conn)
	c.calls.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			c.calls.Go(func() {
				c.started.Add(1)
				began := time.Now()
				_, err := check.Check(ctx, &health.HealthCheckRequest{})
				native.WithLabelValues("grpc.health.v1.Health/Check").Observe(time.Since(began).Seconds())
				if grpcstatus.Code(err) == codes.Unavailable {
					c.failed.Add(1)
				}
				c.ended.Add(1)
			})
		}
	})
	return c
}

// waitFor fails the test when ok does not come true.
func waitFor(t *testing.T, what string, most time.Duration, ok func() bool) {
	t.Helper()
	end := time.Now().Add(most)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", most, what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// importedFrom is what an import of a range tells.
func importedFrom(t *testing.T, p *promtest.Server, from, to time.Time, queries ...string) (*incident.View, PrometheusSummary) {
	t.Helper()
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: p.URL}, Queries: queries, Step: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ev := incident.NewEvidence()
	sum, err := c.Import(context.Background(), from, to, func(time.Duration, string) {}, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ev.Snapshot(), sum
}

// TestRealPrometheusSeesAHang lets Debian's Prometheus scrape a real gRPC client
// whose calls hang and then fail together, and reads it live and afterwards.
func TestRealPrometheusSeesAHang(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, srv := &hanging{}, grpc.NewServer()
	health.RegisterHealthServer(srv, server)
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(srv.Stop)
	c := startClient(t, lis.Addr().String())
	p := promtest.Start(t, "order", strings.TrimPrefix(c.metrics.URL, "http://"))
	begin := time.Now()

	// Live, from before the hang on.
	col, err := NewPrometheus(PrometheusConfig{Access: Access{URL: p.URL}, Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	out, said, done := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
	var mu sync.Mutex
	live := incident.NewEvidence()
	var last incident.SourceStatus
	go func() {
		for {
			select {
			case f := <-out:
				mu.Lock()
				live.Add(f...)
				mu.Unlock()
			case s := <-said:
				mu.Lock()
				last = s
				mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() { done <- col.Run(ctx, out, said) }()
	liveView := func() *incident.View {
		mu.Lock()
		defer mu.Unlock()
		return live.Snapshot()
	}
	waitFor(t, "the healthy baseline, live", 20*time.Second, func() bool {
		flows := liveView().Flows()
		return len(flows) == 1 && len(flows[0].Started.Points) >= 4
	})

	hung := time.Now()
	release := server.hang()
	waitFor(t, "100 calls in flight, live", 20*time.Second, func() bool {
		v := liveView()
		n, _ := v.MostInFlight(incident.Window{From: hung, To: time.Now()})
		return n >= 100
	})
	truth := float64(c.started.Load() - c.ended.Load())
	if n, _ := liveView().MostInFlight(incident.Window{From: hung, To: time.Now()}); n > truth || n < truth-6*20 {
		t.Errorf("%g calls in flight live, and %g in truth; what is seen is at most 6 s old at 20 calls/s", n, truth)
	}
	release()
	waitFor(t, "what hung to end", 5*time.Second, func() bool { return c.started.Load()-c.ended.Load() < 5 })
	failed := float64(c.failed.Load())
	<-time.After(4 * time.Second) // so that it is scraped, and seen whole
	end := time.Now()
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the collector ended with %v", err)
	}
	if last.State != incident.SourceOK || end.Sub(last.LastAt) > 6*time.Second {
		t.Errorf("status %+v at %s", last, end)
	}

	v, sum := importedFrom(t, p, begin, end)
	for name, v := range map[string]*incident.View{"live": liveView(), "imported": v} {
		flows := v.Flows()
		if len(flows) != 1 || flows[0].Edge() != "order.health" || flows[0].Method != "Check" {
			t.Fatalf("%s: flows %+v; want the one of the job order", name, flows)
		}
		// Started and finished are of one scrape, so what is in flight is exact.
		most, _ := v.MostInFlight(incident.Window{From: hung, To: end})
		if most < 100 || most > failed {
			t.Errorf("%s: %g in flight at most; want 100 to the %g that failed", name, most, failed)
		}
		// All that hung failed together: their counter was born big, and none is lost.
		for _, s := range flows[0].Finished {
			if s.Labels["grpc_code"] == "Unavailable" && (s.Points[0].V != 0 || s.Points[len(s.Points)-1].V != failed) {
				t.Errorf("%s: Unavailable goes %v; want from 0 to %g", name, s.Points, failed)
			}
		}
		var finished float64
		for _, pt := range flows[0].Points(incident.Window{From: hung, To: end}) {
			finished += pt.Finished
		}
		if finished < failed {
			t.Errorf("%s: %g calls finished since the hang began, and %g of them failed", name, finished, failed)
		}
		// The hang is in no latency until it ends, and then in both histograms.
		for _, metric := range []string{"grpc_client_handling_seconds", "rpc_client_call_duration_seconds"} {
			lo, hi := highest(v, metric, "lo"), highest(v, metric, "hi")
			took := end.Sub(hung).Seconds()
			if !(lo >= 1) || !(hi <= math.Max(10, 1.2*took)) || !(lo < hi) {
				t.Errorf("%s: the 0.99 of %s is in (%g, %g] at most, and calls took up to %g s", name, metric, lo, hi, took)
			}
		}
	}
	if sum.Series == 0 || sum.Targets != 1 || sum.Status.State != incident.SourceDone {
		t.Errorf("summary %+v", sum)
	}

	t.Run("what the server computes", func(t *testing.T) {
		v, _ := importedFrom(t, p, begin, end, `sum by (grpc_method) (rate(grpc_client_started_total[5s]))`)
		s := v.AllSeries()
		if len(s) != 1 || !strings.HasPrefix(s[0].Name, "sum by (grpc_method)") || s[0].Labels["grpc_method"] != "Check" || len(s[0].Points) < 5 {
			t.Fatalf("series %+v", s)
		}
		if v := s[0].Points[len(s[0].Points)/2].V; v < 10 || v > 30 {
			t.Errorf("%g calls/s in the middle; 20 are begun", v)
		}
	})
	t.Run("a query that is no PromQL", func(t *testing.T) {
		c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: p.URL}, Queries: []string{"sum(rate(x[5m])"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Import(context.Background(), begin, end, func(time.Duration, string) {}, func([]incident.Fact) error { return nil })
		if !BadQuery(err) || !strings.Contains(err.Error(), "parse error") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("Prometheus away and back", func(t *testing.T) {
		p.Stop()
		ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
		defer stop()
		out, said := make(chan []incident.Fact, 100), make(chan incident.SourceStatus, 100)
		if err := col.Run(ctx, out, said); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("err = %v", err)
		}
		p.Start()
		again := time.Now()
		done := make(chan error, 1)
		go func() { done <- col.Run(ctx, out, said) }()
		ev := incident.NewEvidence()
		waitFor(t, "samples from after the restart", 15*time.Second, func() bool {
			for {
				select {
				case f := <-out:
					ev.Add(f...)
					continue
				default:
				}
				break
			}
			f := ev.Snapshot().Flows()
			return len(f) == 1 && f[0].Started.Points[len(f[0].Started.Points)-1].At.After(again)
		})
		stop()
		<-done
		for i, pts := 1, ev.Snapshot().Flows()[0].Started.Points; i < len(pts); i++ {
			if pts[i].V == pts[i-1].V {
				t.Errorf("%v and %v: a value is repeated while 20 calls/s begin", pts[i-1], pts[i])
			}
		}
	})
}

// highest is the highest bound of a metric's 0.99.
func highest(v *incident.View, metric, bound string) float64 {
	most := math.NaN()
	for _, s := range v.AllSeries() {
		if s.Name != metric || s.Labels[QuantileLabel] != "0.99" || s.Labels[BoundLabel] != bound {
			continue
		}
		for _, p := range s.Points {
			if !math.IsNaN(p.V) && !(p.V <= most) {
				most = p.V
			}
		}
	}
	return most
}
