package latency_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/channelz/grpc_channelz_v1"

	"tripcurve/collectors/latency"
	"tripcurve/collectors/latency/channelz"
	"tripcurve/collectors/latency/otlp"
	"tripcurve/internal/incident"
)

// A hang as it was measured with real clients: 2.22 calls/s, each of 20 to 40 ms,
// and from second 0 on held until second 65, by a server that nobody gave a deadline;
// the caller's pool takes 100. Every source is read every 5 s.
const (
	callsPerSecond = 2.22
	released       = 65
	pool           = 100
	firstRead      = -30
	lastRead       = 90
	every          = 5
)

// rows are the truth, and what was measured of it.
var rows = []struct {
	at        int
	low, high int // truly in flight
	hung      bool
}{
	{0, 0, 1, false}, // one is under way by chance
	{5, 9, 11, true},
	{20, 42, 44, true},
	{25, 53, 55, true},
	{30, 65, 100, true},
	{45, 65, 100, true},
	{60, 65, 100, true},
	{70, 0, 1, false}, // the first read after all have ended
	{90, 0, 1, false},
}

var zero = time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)

func second(s int) time.Time { return zero.Add(time.Duration(s) * time.Second) }

// bounds of the histogram, s: those of client_golang.
var bounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// counted is what the caller has counted at a second.
type counted struct {
	started, finished int
	buckets           []int // of calls that ended, one more than bounds
	sum, longest      float64
}

func (c counted) inFlight() int { return c.started - c.finished }

// world is what the caller has counted at each second that is read.
func world() map[int]counted {
	type call struct{ from, to float64 }
	var calls []call
	for k := 0; ; k++ {
		from := -60 + float64(k)/callsPerSecond
		if from > lastRead {
			break
		}
		c := call{from, from + 0.02 + 0.02*float64(k%2)}
		if from > 0 && from < released {
			c.to = released
		}
		inFlight := 0
		for _, other := range calls {
			if other.from <= from && other.to > from {
				inFlight++
			}
		}
		if inFlight < pool { // else the pool rejects it, before it is a call
			calls = append(calls, c)
		}
	}
	at := map[int]counted{}
	for s := firstRead; s <= lastRead; s += every {
		n := counted{buckets: make([]int, len(bounds)+1)}
		for _, c := range calls {
			if c.from <= float64(s) {
				n.started++
			}
			if c.to > float64(s) {
				continue
			}
			n.finished++
			took, i := c.to-c.from, 0
			for i < len(bounds) && took > bounds[i] {
				i++
			}
			n.buckets[i]++
			n.sum += took
			n.longest = max(n.longest, took)
		}
		at[s] = n
	}
	return at
}

// page is /metrics at a second, as go-grpc-middleware writes it.
func page(n counted) string {
	const labels = `grpc_method="Reserve",grpc_service="inventory.Inventory",grpc_type="unary"`
	var b strings.Builder
	fmt.Fprintf(&b, "# TYPE grpc_client_started_total counter\ngrpc_client_started_total{%s} %d\n", labels, n.started)
	fmt.Fprintf(&b, "# TYPE grpc_client_handled_total counter\ngrpc_client_handled_total{grpc_code=\"OK\",%s} %d\n", labels, n.finished)
	b.WriteString("# TYPE grpc_client_handling_seconds histogram\n")
	below := 0
	for i, c := range n.buckets {
		below += c
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		fmt.Fprintf(&b, "grpc_client_handling_seconds_bucket{%s,le=%q} %d\n", labels, le, below)
	}
	fmt.Fprintf(&b, "grpc_client_handling_seconds_sum{%s} %g\ngrpc_client_handling_seconds_count{%s} %d\n", labels, n.sum, labels, n.finished)
	return b.String()
}

func scraped(t *testing.T) *incident.View {
	ev := incident.NewEvidence()
	s := latency.NewScrape("order")
	for at, n := firstRead, world(); at <= lastRead; at += every {
		facts, err := s.Observe(second(at), []byte(page(n[at])))
		if err != nil {
			t.Fatal(err)
		}
		ev.Add(facts...)
	}
	return ev.Snapshot()
}

// fromPrometheus reads the same pages as a server has them that scraped them.
func fromPrometheus(t *testing.T) *incident.View {
	type stream struct {
		Metric map[string]string `json:"metric"`
		Values [][2]any          `json:"values"`
	}
	streams := map[string]*stream{}
	for at, n := firstRead, world(); at <= lastRead; at += every {
		for line := range strings.Lines(page(n[at]) + "up 1\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
			name, labels, ok := strings.Cut(series, "{")
			if !ok {
				name, value, _ = strings.Cut(name, " ")
			}
			if streams[series] == nil {
				m := map[string]string{"__name__": name, "job": "order", "instance": "order:9090"}
				for _, l := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(labels, -1) {
					m[l[1]] = l[2]
				}
				streams[series] = &stream{Metric: m}
			}
			streams[series].Values = append(streams[series].Values, [2]any{float64(second(at).Unix()), value})
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		var data any
		switch {
		case strings.HasSuffix(r.URL.Path, "/series"):
			var all []map[string]string
			for _, s := range streams {
				all = append(all, s.Metric)
			}
			data = all
		case strings.HasSuffix(r.URL.Path, "/query"):
			m := regexp.MustCompile(`^(.*)\[(\d+)ms\]$`).FindStringSubmatch(r.Form.Get("query"))
			to, err := strconv.ParseFloat(r.Form.Get("time"), 64)
			if m == nil || err != nil {
				t.Errorf("asked %v", r.Form)
				break
			}
			length, _ := strconv.ParseFloat(m[2], 64)
			result := []*stream{}
			for _, s := range streams {
				if (s.Metric["__name__"] == "up") != strings.Contains(m[1], "instance=~") {
					continue
				}
				some := &stream{Metric: s.Metric}
				for _, v := range s.Values {
					if at := v[0].(float64); at <= to && at >= to-length/1000 {
						some.Values = append(some.Values, v)
					}
				}
				result = append(result, some)
			}
			data = map[string]any{"resultType": "matrix", "result": result}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
	}))
	defer srv.Close()
	c, err := latency.NewPrometheus(latency.PrometheusConfig{Access: latency.Access{URL: srv.URL}})
	if err != nil {
		t.Fatal(err)
	}
	ev := incident.NewEvidence()
	_, err = c.Import(context.Background(), second(firstRead-1), second(lastRead+1), func(time.Duration, string) {}, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ev.Snapshot()
}

// fromOTLP reads the same as a file of an exporter, whose histogram has a maximum.
func fromOTLP(delta bool) func(*testing.T) *incident.View {
	return func(t *testing.T) *incident.View {
		var lines strings.Builder
		before := counted{buckets: make([]int, len(bounds)+1)}
		for at, world := firstRead, world(); at <= lastRead; at += every {
			n, temporality, from := world[at], 2, second(-60)
			if delta {
				temporality, from = 1, second(at-every)
				n.started, n.finished, n.sum = n.started-before.started, n.finished-before.finished, n.sum-before.sum
				n.buckets = append([]int(nil), n.buckets...)
				for i, b := range before.buckets {
					n.buckets[i] -= b
				}
			}
			counts := make([]string, len(n.buckets))
			for i, c := range n.buckets {
				counts[i] = strconv.Itoa(c)
			}
			ends, err := json.Marshal(bounds)
			if err != nil {
				t.Fatal(err)
			}
			const method = `{"key":"grpc.method","value":{"stringValue":"inventory.Inventory/Reserve"}}`
			metrics := fmt.Sprintf(`{"name":"grpc.client.attempt.started","sum":{"aggregationTemporality":%d,"isMonotonic":true,"dataPoints":[{"attributes":[%s],"startTimeUnixNano":"%d","timeUnixNano":"%d","asInt":"%d"}]}}`,
				temporality, method, from.UnixNano(), second(at).UnixNano(), n.started)
			if n.finished > 0 { // an SDK has no point of a histogram in whose interval no call ended
				metrics += fmt.Sprintf(`,{"name":"grpc.client.attempt.duration","unit":"s","histogram":{"aggregationTemporality":%d,"dataPoints":[{"attributes":[%s,{"key":"grpc.status","value":{"stringValue":"OK"}}],`+
					`"startTimeUnixNano":"%d","timeUnixNano":"%d","count":"%d","sum":%g,"min":0.02,"max":%g,"bucketCounts":[%s],"explicitBounds":%s}]}}`,
					temporality, method, from.UnixNano(), second(at).UnixNano(), n.finished, n.sum, n.longest, strings.Join(counts, ","), ends)
			}
			fmt.Fprintf(&lines, `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"order"}}]},"scopeMetrics":[{"metrics":[%s]}]}]}`+"\n", metrics)
			before = world[at]
		}
		ev := incident.NewEvidence()
		_, err := otlp.ImportReader(context.Background(), strings.NewReader(lines.String()), otlp.Options{}, func(facts []incident.Fact) error {
			ev.Add(facts...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return ev.Snapshot()
	}
}

// TestAHangNeverLooksHealthy: by whichever way it is read, calls in flight are the
// truth at every second, and while no call ends there is no p99 that one could take
// for a good one.
func TestAHangNeverLooksHealthy(t *testing.T) {
	truth := world()
	for _, c := range []struct {
		name   string
		view   func(*testing.T) *incident.View
		capped bool // what lasted longer than 10 s is at least that
	}{
		{"scrape", scraped, true},
		{"prometheus", fromPrometheus, true},
		{"otlp cumulative", fromOTLP(false), false},
		{"otlp delta", fromOTLP(true), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := c.view(t)
			flows := v.Flows()
			if len(flows) != 1 || flows[0].Edge() != "order.inventory" {
				t.Fatalf("flows %+v", flows)
			}
			inFlight := map[time.Time]float64{}
			for _, p := range flows[0].Points(incident.Window{From: second(firstRead), To: second(lastRead + 1)}) {
				inFlight[p.At] = p.InFlight
			}
			for at := firstRead; at <= lastRead; at += every {
				if got, ok := inFlight[second(at)]; !ok || int(got) != truth[at].inFlight() {
					t.Errorf("%d s: %g in flight (%v), truth is %d", at, got, ok, truth[at].inFlight())
				}
			}
			for _, row := range rows {
				if n := truth[row.at].inFlight(); n < row.low || n > row.high {
					t.Errorf("%d s: the world has %d in flight, %d to %d were measured", row.at, n, row.low, row.high)
				}
				lo, hi, told := p99(v, second(row.at))
				switch {
				case !told:
					t.Errorf("%d s: nothing is said of p99, as if nobody had looked", row.at)
				case row.hung && !(math.IsNaN(lo) && math.IsNaN(hi)):
					t.Errorf("%d s: p99 is %g to %g, and no call has ended", row.at, lo, hi)
				case !row.hung && !(lo < 0.05 && hi <= 0.1):
					t.Errorf("%d s: p99 is %g to %g of calls of 20 to 40 ms", row.at, lo, hi)
				}
			}
			switch lo, hi, _ := p99(v, second(released)); {
			case c.capped && !(lo == 10 && math.IsNaN(hi)):
				t.Errorf("after the hang p99 is %g to %g, want at least 10", lo, hi)
			case !c.capped && !(lo == 10 && hi > 64 && hi <= 65):
				t.Errorf("after the hang p99 is %g to %g, want 10 to the maximum of 65", lo, hi)
			}
		})
	}
}

// p99 is the bounds told at an instant; NaN where there is no value.
func p99(v *incident.View, at time.Time) (lo, hi float64, told bool) {
	for _, s := range v.AllSeries() {
		if s.Labels[latency.QuantileLabel] != "0.99" {
			continue
		}
		for _, p := range s.Points {
			if !p.At.Equal(at) {
				continue
			}
			told = true
			if s.Labels[latency.BoundLabel] == "lo" {
				lo = p.V
			} else {
				hi = p.V
			}
		}
	}
	return lo, hi, told
}

// channels is a process that counts what it is told to.
type channels struct {
	pb.UnimplementedChannelzServer
	mu sync.Mutex
	n  counted
}

func (c *channels) set(n counted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = n
}

func (c *channels) GetTopChannels(context.Context, *pb.GetTopChannelsRequest) (*pb.GetTopChannelsResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &pb.GetTopChannelsResponse{End: true, Channel: []*pb.Channel{{
		Ref:  &pb.ChannelRef{ChannelId: 3},
		Data: &pb.ChannelData{Target: "dns:///inventory:9000", CallsStarted: int64(c.n.started), CallsSucceeded: int64(c.n.finished)},
	}}}, nil
}

func (*channels) GetServers(context.Context, *pb.GetServersRequest) (*pb.GetServersResponse, error) {
	return &pb.GetServersResponse{End: true}, nil
}

// TestAHangNeverLooksHealthyByChannelz: the same world, second by second, for
// channelz tells of now alone.
func TestAHangNeverLooksHealthyByChannelz(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	process, srv := &channels{}, grpc.NewServer()
	pb.RegisterChannelzServer(srv, process)
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(srv.Stop)
	c, err := channelz.New(channelz.Config{Addr: "order=" + lis.Addr().String(), Interval: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	truth := world()
	process.set(truth[firstRead])
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	out, status, ended := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
	go func() { ended <- c.Run(ctx, out, status) }()
	ev := incident.NewEvidence()
	for at := firstRead; at <= lastRead; at += every {
		process.set(truth[at])
		for samples := 0; samples < 2; { // the first may have been asked for before
			select {
			case facts := <-out:
				ev.Add(facts...)
			case <-status:
				samples++
			case err := <-ended:
				t.Fatal(err)
			}
		}
		v := ev.Snapshot()
		f, ok := v.Deepest(incident.Window{From: v.Window.From, To: v.Window.To.Add(1)})
		points := f.Points(incident.Window{From: v.Window.From, To: v.Window.To.Add(1)})
		if !ok || f.Edge() != "order.inventory" || int(points[len(points)-1].InFlight) != truth[at].inFlight() {
			t.Errorf("%d s: %s has %+v, truth is %d in flight", at, f.Edge(), points[len(points)-1], truth[at].inFlight())
		}
		if _, _, told := p99(v, v.Window.To); told {
			t.Errorf("%d s: channelz knows no latency", at)
		}
	}
	stop()
	for {
		select {
		case <-out:
		case <-status:
		case <-ended:
			return
		}
	}
}
