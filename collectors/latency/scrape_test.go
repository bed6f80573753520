package latency

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tripcurve/internal/incident"
)

var t0 = time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)

// observed feeds pages 5 s apart and keeps what they tell as evidence.
func observed(t *testing.T, pages ...string) *incident.View {
	t.Helper()
	s, ev := NewScrape("order:9090"), incident.NewEvidence()
	for i, page := range pages {
		facts, err := s.Observe(t0.Add(time.Duration(i)*5*time.Second), []byte(page))
		if err != nil {
			t.Fatal(err)
		}
		ev.Add(facts...)
	}
	return ev.Snapshot()
}

// values of the series of a name and one label, as offsets in s and values.
func values(t *testing.T, v *incident.View, name string, labels ...string) string {
	t.Helper()
	var found *incident.Series
	for _, s := range v.AllSeries() {
		match := s.Name == name
		for i := 0; i+1 < len(labels); i += 2 {
			match = match && s.Labels[labels[i]] == labels[i+1]
		}
		if match {
			if found != nil {
				t.Fatalf("%s %v is two series", name, labels)
			}
			found = s
		}
	}
	if found == nil {
		return "no series"
	}
	var out []string
	for _, p := range found.Points {
		out = append(out, fmt.Sprintf("%gs=%g", p.At.Sub(t0).Seconds(), p.V))
	}
	return strings.Join(out, " ")
}

const started = `# TYPE grpc_client_started_total counter
grpc_client_started_total{grpc_method="Reserve",grpc_service="inventory.Inventory",grpc_type="unary"} %d
`

const handled = `# TYPE grpc_client_handled_total counter
grpc_client_handled_total{grpc_code="%s",grpc_method="Reserve",grpc_service="inventory.Inventory",grpc_type="unary"} %d
`

func TestAHangShowsAsStartedMinusFinished(t *testing.T) {
	v := observed(t,
		fmt.Sprintf(started+handled, 40, "OK", 40),
		fmt.Sprintf(started+handled, 51, "OK", 41),
		fmt.Sprintf(started+handled, 62, "OK", 41))
	if got := values(t, v, "grpc_client_started_total"); got != "0s=40 5s=51 10s=62" {
		t.Errorf("started: %s", got)
	}
	got, ok := v.InFlight(incident.Window{From: t0, To: t0.Add(15 * time.Second)}, 5*time.Second)
	if d := cmp.Diff([]float64{0, 10, 21}, got); !ok || d != "" {
		t.Errorf("in flight %v (-want +got):\n%s", ok, d)
	}
}

func TestACounterThatIsBornBigIsAnIncreaseFromZero(t *testing.T) {
	v := observed(t,
		fmt.Sprintf(started, 100),
		fmt.Sprintf(started+handled, 100, "Unavailable", 100))
	if got := values(t, v, "grpc_client_handled_total", "grpc_code", "Unavailable"); got != "0s=0 5s=100" {
		t.Errorf("handled: %s", got)
	}
	// On the first page nobody knows since when it counts.
	if got := values(t, v, "grpc_client_started_total"); got != "0s=100 5s=100" {
		t.Errorf("started: %s", got)
	}
}

func TestARestartedProcessCountsFromZero(t *testing.T) {
	const start = "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %g\n"
	begin := float64(t0.Add(-time.Hour).UnixMilli()) / 1000
	again := float64(t0.Add(7*time.Second).UnixMilli()) / 1000
	v := observed(t,
		fmt.Sprintf(start+started+handled, begin, 62, "OK", 60),
		fmt.Sprintf(start+started+handled, begin, 65, "OK", 60),
		fmt.Sprintf(start+started+handled, again, 70, "Unavailable", 3)) // more than before: no reset to be seen
	if got := values(t, v, "grpc_client_started_total"); got != "0s=62 5s=65 7s=0 10s=70" {
		t.Errorf("started: %s", got)
	}
	if got := values(t, v, "grpc_client_handled_total", "grpc_code", "OK"); got != "0s=60 5s=60 7s=0" {
		t.Errorf("handled OK: %s", got)
	}
	if got := values(t, v, "grpc_client_handled_total", "grpc_code", "Unavailable"); got != "7s=0 10s=3" {
		t.Errorf("handled Unavailable: %s", got)
	}
	if c := v.Changes(); len(c) != 1 || c[0].Kind != incident.Restart || !c[0].At.Equal(t0.Add(7*time.Second)) {
		t.Errorf("changes = %+v, want the restart at 7 s", c)
	}
}

// histogramPage has calls up to 1 s, up to 10 s and beyond, of two codes.
func histogramPage(fast, slow, beyond int) string {
	var b strings.Builder
	b.WriteString("# TYPE grpc_client_call_duration_seconds histogram\n")
	for _, code := range []string{"OK", "UNAVAILABLE"} {
		for _, le := range []struct {
			bound string
			n     int
		}{{"1", fast}, {"10", fast + slow}, {"+Inf", fast + slow + beyond}} {
			fmt.Fprintf(&b, "grpc_client_call_duration_seconds_bucket{grpc_method=\"inventory.Inventory/Reserve\",grpc_status=%q,le=%q} %d\n", code, le.bound, le.n)
		}
		fmt.Fprintf(&b, "grpc_client_call_duration_seconds_sum{grpc_method=\"inventory.Inventory/Reserve\",grpc_status=%q} 1\n", code)
		fmt.Fprintf(&b, "grpc_client_call_duration_seconds_count{grpc_method=\"inventory.Inventory/Reserve\",grpc_status=%q} %d\n", code, fast+slow+beyond)
	}
	return b.String()
}

func TestQuantilesAreBucketsOfTheIntervalOverAllCodes(t *testing.T) {
	v := observed(t,
		histogramPage(100, 0, 0), // before we looked: not told
		histogramPage(110, 5, 0), // 20 below 1 s, 10 up to 10 s
		histogramPage(110, 5, 0), // nothing ended
		histogramPage(110, 5, 3)) // 6 beyond the last bound
	const name = "grpc_client_call_duration_seconds"
	for _, tt := range []struct{ quantile, bound, want string }{
		{"0.5", "lo", "5s=0 10s=NaN 15s=10"},
		{"0.5", "hi", "5s=1 10s=NaN 15s=NaN"},
		{"0.99", "lo", "5s=1 10s=NaN 15s=10"},
		{"0.99", "hi", "5s=10 10s=NaN 15s=NaN"},
	} {
		if got := values(t, v, name, QuantileLabel, tt.quantile, BoundLabel, tt.bound); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.quantile, tt.bound, got, tt.want)
		}
	}
	if got := values(t, v, name+"_count", "grpc_status", "OK"); got != "0s=100 5s=115 10s=115 15s=118" {
		t.Errorf("count: %s", got)
	}
}

func TestHistogramQuantile(t *testing.T) {
	h := Histogram{Bounds: []float64{0.005, 1, 10}, Counts: []float64{50, 49, 0, 1}}
	for _, tt := range []struct {
		q    float64
		want incident.Quantile
	}{
		{0, incident.Quantile{Hi: 5 * time.Millisecond}},
		{0.5, incident.Quantile{Hi: 5 * time.Millisecond}},
		{0.51, incident.Quantile{Lo: 5 * time.Millisecond, Hi: time.Second}},
		{0.99, incident.Quantile{Lo: 5 * time.Millisecond, Hi: time.Second}},
		{1, incident.Quantile{Lo: 10 * time.Second, Capped: true}},
	} {
		got, ok := h.Quantile(tt.q)
		if d := cmp.Diff(tt.want, got); !ok || d != "" {
			t.Errorf("quantile %g (-want +got):\n%s", tt.q, d)
		}
	}
	if _, ok := (Histogram{Bounds: []float64{1}, Counts: []float64{0, 0}}).Quantile(0.5); ok {
		t.Error("an empty histogram has a median")
	}
	if h.Add(Histogram{Bounds: []float64{1, 2, 3}, Counts: []float64{1, 1, 1, 1}}) {
		t.Error("histograms of different layouts were added up")
	}
}

func TestOtherMetricsAreLeftOutAndLabelsAreData(t *testing.T) {
	v := observed(t, `go_goroutines 12
grpc_client_msg_sent_total{grpc_method="Reserve"} 7
circuit_open{name="a\"b\nc\\d"} 1
grpc_client_started_total{grpc_method="x",token="secret=hunter2hunter2"} 1
`)
	var got []string
	for _, s := range v.AllSeries() {
		got = append(got, fmt.Sprintf("%s %q %s", s.Name, s.Labels, s.Kind))
	}
	want := []string{
		`circuit_open map["name":"a\"b\nc\\d"] gauge`,
		`grpc_client_started_total map["grpc_method":"x" "token":"secret=****"] counter`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestABrokenPageTellsNothing(t *testing.T) {
	s := NewScrape("x")
	for _, page := range []string{"<html>\n", "grpc_client_started_total{a=\"b} 1\n", "grpc_client_started_total 1 2 3\n", "\x00\xff{"} {
		facts, err := s.Observe(t0, []byte(page))
		if err == nil || len(facts) > 0 {
			t.Errorf("%q: %d facts, %v", page, len(facts), err)
		}
	}
}

func TestOneTargetCannotFillTheMemory(t *testing.T) {
	var b strings.Builder
	for i := range maxSeries + 10 {
		fmt.Fprintf(&b, "grpc_client_started_total{grpc_method=\"m%d\"} 1\n", i)
	}
	s := NewScrape("x")
	facts, err := s.Observe(t0, []byte(b.String()))
	if err != nil || len(facts) != maxSeries || s.Skipped() != 10 {
		t.Errorf("%d facts, %d skipped, %v; want %d and 10", len(facts), s.Skipped(), err, maxSeries)
	}
}

// ran runs a collector until it has sent once or ended.
func ran(t *testing.T, c *Collector) ([]incident.Fact, incident.SourceStatus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, status, done := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
	go func() { done <- c.Run(ctx, out, status) }()
	var facts []incident.Fact
	for {
		select {
		case facts = <-out:
		case s := <-status:
			cancel()
			err := <-done
			if !errors.Is(err, context.Canceled) {
				t.Errorf("stopped with %v", err)
			}
			return facts, s, nil
		case err := <-done:
			return nil, incident.SourceStatus{}, err
		}
	}
}

func TestCollectorReadsARealPage(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "grpc_client_started_total"}, []string{"grpc_method"})
	c.WithLabelValues("Reserve").Add(3)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "grpc_client_handling_seconds"})
	h.Observe(0.2)
	reg.MustRegister(c, h)
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer srv.Close()
	col, err := New(Config{Access: Access{URL: strings.TrimPrefix(srv.URL, "http://")}})
	if err != nil {
		t.Fatal(err)
	}
	facts, status, err := ran(t, col)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range facts {
		if s, ok := f.(incident.Series); ok {
			names = append(names, fmt.Sprintf("%s=%g", s.Name, s.Points[len(s.Points)-1].V))
		}
	}
	if d := cmp.Diff([]string{"grpc_client_handling_seconds_count=1", "grpc_client_handling_seconds_sum=0.2", "grpc_client_started_total=3"}, names); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if status.State != incident.SourceOK || status.Detail != "3 series each 5s" || status.LastAt.IsZero() || !status.Clock.Measured() || status.Clock.Ahead.Abs() > status.Clock.Within {
		t.Errorf("status = %+v", status)
	}
}

func TestCollectorErrorsAreClear(t *testing.T) {
	page := func(code int, kind, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "http://elsewhere.invalid/")
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		})
	}
	for _, tt := range []struct {
		name    string
		handler http.Handler
		want    string
	}{
		{"not found", page(404, "text/plain", ""), "answered 404 Not Found; is the path right?"},
		{"redirect", page(302, "text/plain", ""), "answered 302 Found; redirects are not followed"},
		{"a page", page(200, "text/html; charset=utf-8", "<html>"), "answered text/html, expected the text exposition"},
		{"broken", page(200, "text/plain", "a{b=\"c} 1"), "text exposition: "},
		{"too long", page(200, "text/plain", strings.Repeat("#\n", maxPage/2+1)), "longer than 16 MB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(tt.handler)
			defer srv.Close()
			c, err := New(Config{Access: Access{URL: strings.Replace(srv.URL, "://", "://user:hunter2@", 1)}})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = ran(t, c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("err = %v, want %q in it and no password", err, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "ftp://x/", "http://", "http://[::1"} {
		if _, err := New(Config{Access: Access{URL: bad}}); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzScrape(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(started+handled, 1, "OK", 1)), []byte(histogramPage(1, 2, 3)))
	f.Add([]byte(histogramPage(3, 2, 1)), []byte("# TYPE grpc_client_x histogram\ngrpc_client_x_bucket{le=\"NaN\"} 1\n"))
	f.Add([]byte("process_start_time_seconds 1e300\n"), []byte("process_start_time_seconds -5\ncircuit_x NaN\n"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s := NewScrape("fuzz")
		for i, page := range [][]byte{first, second} {
			at := t0.Add(time.Duration(i) * 5 * time.Second)
			facts, err := s.Observe(at, page)
			if err != nil && len(facts) > 0 {
				t.Fatal("an error and facts")
			}
			for _, fact := range facts {
				series, ok := fact.(incident.Series)
				if !ok {
					continue
				}
				for _, p := range series.Points {
					if p.At.Before(t0) || p.At.After(at) {
						t.Fatalf("%s has a point at %s, no page was read then", series.ID(), p.At)
					}
				}
				if b := series.Labels[BoundLabel]; b == "lo" && math.IsInf(series.Points[0].V, 0) {
					t.Fatalf("%s: infinite quantile", series.ID())
				}
			}
		}
	})
}
