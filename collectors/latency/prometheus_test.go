package latency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// answers makes a fake that gives body whatever it is asked.
func answers(body string) *fakePrometheus {
	return &fakePrometheus{series: oneSeries, query: func(*http.Request) (int, string) { return 200, body }}
}

// metric is the labels of a series of the one target.
func metric(name, labels string) string {
	if labels != "" {
		labels = "," + labels
	}
	return fmt.Sprintf(`"__name__":%q,"job":"order","instance":"a:1"%s`, name, labels)
}

func counted(name, code string, pairs ...any) string {
	labels := `"grpc_method":"Reserve","grpc_service":"inventory.Inventory","grpc_type":"unary"`
	if code != "" {
		labels += fmt.Sprintf(`,"grpc_code":%q`, code)
	}
	return sampled(metric(name, labels), pairs...)
}

func TestPrometheusHangIsStartedMinusFinished(t *testing.T) {
	v, sum, err := importFrom(t, answers(matrix(
		counted("grpc_client_started_total", "", 1, 40, 6, 51, 11, 62, 16, 62),
		counted("grpc_client_handled_total", "OK", 1, 40, 6, 41, 11, 41, 16, 41),
		counted("grpc_client_handled_total", "Unavailable", 16, 21), // born big
		counted("grpc_client_msg_sent_total", "", 1, 7),
	)))
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, v, "grpc_client_handled_total", "grpc_code", "Unavailable"); got != "11s=0 16s=21" {
		t.Errorf("handled: %s", got)
	}
	if got := values(t, v, "grpc_client_started_total"); got != "1s=40 6s=51 11s=62 16s=62" {
		t.Errorf("started: %s; on the first page nobody knows since when it counts", got)
	}
	flows := v.Flows()
	if len(flows) != 1 || flows[0].Edge() != "order.inventory" {
		t.Fatalf("flows %+v", flows)
	}
	var inFlight []float64
	for _, p := range flows[0].Points(incident.Window{From: t0, To: t0.Add(time.Minute)}) {
		inFlight = append(inFlight, p.InFlight)
	}
	if d := cmp.Diff([]float64{0, 10, 21, 0}, inFlight); d != "" {
		t.Errorf("in flight (-want +got):\n%s", d)
	}
	if sum.Points != 10 || sum.Targets != 1 || sum.Status.State != incident.SourceDone || sum.Status.LastAt != t0.Add(16*time.Second) {
		t.Errorf("summary %+v", sum)
	}
	if got := values(t, v, "grpc_client_msg_sent_total"); got != "no series" {
		t.Errorf("messages are no calls: %s", got)
	}
}

func TestPrometheusNamesWithDots(t *testing.T) {
	labels := `"grpc.method":"inventory.Inventory/Reserve"`
	v, _, err := importFrom(t, answers(matrix(
		sampled(metric("grpc.client.attempt.started_total", labels), 0, 7, 5, 19),
		sampled(metric("grpc.client.attempt.duration_seconds_count", labels+`,"grpc.status":"OK"`), 0, 7, 5, 8),
		sampled(metric("grpc.client.attempt.duration_seconds_sum", labels+`,"grpc.status":"OK"`), 0, 0.1, 5, 0.2),
		sampled(metric("grpc.client.attempt.duration_seconds_count", labels+`,"grpc.status":"UNAVAILABLE"`), 5, 2),
		sampled(metric("grpc.client.attempt.duration_seconds_sum", labels+`,"grpc.status":"UNAVAILABLE"`), 5, 0.2),
	)))
	if err != nil {
		t.Fatal(err)
	}
	flows := v.Flows()
	if len(flows) != 1 || flows[0].Edge() != "order.inventory" || flows[0].Method != "Reserve" {
		t.Fatalf("flows %+v", flows)
	}
	p := flows[0].Points(incident.Window{From: t0, To: t0.Add(time.Minute)})
	if len(p) != 2 || p[1].InFlight != 9 || p[1].Finished != 3 {
		t.Errorf("points %+v; want 9 in flight of 12 that began", p)
	}
}

func TestPrometheusRestartsAndOutages(t *testing.T) {
	f := answers(matrix(
		counted("grpc_client_started_total", "", 0, 100, 5, 110, 20, 130, 25, 140),
		counted("grpc_client_handled_total", "OK", 0, 100, 5, 104, 25, 3),
		counted("grpc_client_handled_total", "Internal", 20, 9),
	))
	// 10 and 15: the scrape failed. Another process answers from 17 s on.
	meta := matrix(
		sampled(metric("up", ""), 0, 1, 5, 1, 10, 0, 15, 0, 20, 1, 25, 1),
		sampled(metric("process_start_time_seconds", ""), 0, t0.Unix()-99, 5, t0.Unix()-99, 20, t0.Unix()+17, 25, t0.Unix()+17),
	)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if q := r.Form.Get("query"); strings.Contains(q, processStart) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, meta)
			return
		}
		f.ServeHTTP(w, r)
	})
	v, _, err := importFrom(t, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, code, want string }{
		{"grpc_client_started_total", "", "0s=100 5s=110 17s=0 20s=130 25s=140"}, // more than before: no reset to be seen
		{"grpc_client_handled_total", "OK", "0s=100 5s=104 17s=0 25s=3"},
		{"grpc_client_handled_total", "Internal", "17s=0 20s=9"},
		{"up", "", "0s=1 5s=1 10s=0 15s=0 20s=1 25s=1"},
	} {
		labels := []string{}
		if tt.code != "" {
			labels = []string{"grpc_code", tt.code}
		}
		if got := values(t, v, tt.name, labels...); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.name, tt.code, got, tt.want)
		}
	}
	c := v.Changes()
	if len(c) != 1 || c[0].Kind != incident.Restart || c[0].System != "order" || !c[0].At.Equal(t0.Add(17*time.Second)) || c[0].Text != "the process behind a:1 began anew" {
		t.Errorf("changes %+v; want the restart of order at 17 s", c)
	}
}

func TestPrometheusWithoutInstanceKnowsNoBirth(t *testing.T) {
	v, _, err := importFrom(t, answers(matrix(
		sampled(`"__name__":"grpc_client_started_total","job":"order"`, 0, 5, 5, 9),
		sampled(`"__name__":"grpc_client_handled_total","job":"order","grpc_code":"OK"`, 5, 1000),
	)))
	if got := values(t, v, "grpc_client_handled_total"); err != nil || got != "5s=1000" {
		t.Errorf("%s, %v; a recording rule's series is no process's", got, err)
	}
}

func TestPrometheusReplicasAreNoBirths(t *testing.T) {
	v, _, err := importFrom(t, answers(matrix(
		sampled(metric("grpc_client_started_total", `"prometheus_replica":"a"`), 0, 1000, 5, 1010),
		sampled(metric("grpc_client_started_total", `"prometheus_replica":"b"`), 2, 1004, 7, 1014),
	)))
	if got := values(t, v, "grpc_client_started_total", "prometheus_replica", "b"); err != nil || got != "2s=1004 7s=1014" {
		t.Errorf("%s, %v; two look at one process, and neither saw it begin", got, err)
	}
}

// buckets of one code, cumulative, at 5 s each.
func buckets(code string, at int, le1, le10, inf int) []string {
	var all []string
	for _, b := range []struct {
		le string
		n  int
	}{{"1", le1}, {"10", le10}, {"+Inf", inf}} {
		all = append(all, sampled(metric("grpc_client_call_duration_seconds_bucket", fmt.Sprintf(`"grpc_status":%q,"le":%q`, code, b.le)), at, b.n))
	}
	return append(all,
		sampled(metric("grpc_client_call_duration_seconds_count", fmt.Sprintf(`"grpc_status":%q`, code)), at, inf),
		sampled(metric("grpc_client_call_duration_seconds_sum", fmt.Sprintf(`"grpc_status":%q`, code)), at, 0.5))
}

func TestPrometheusClassicHistograms(t *testing.T) {
	// Series come in any order, and one page is several series.
	var all []string
	for _, code := range []string{"OK", "UNAVAILABLE"} {
		for i, b := range [][3]int{{100, 100, 100}, {110, 115, 115}, {110, 115, 115}, {110, 115, 118}} {
			all = append(all, buckets(code, 5*i, b[0], b[1], b[2])...)
		}
	}
	v, _, err := importFrom(t, answers(matrix(all...)))
	if err != nil {
		t.Fatal(err)
	}
	const name = "grpc_client_call_duration_seconds"
	for _, tt := range []struct{ quantile, bound, want string }{
		{"0.5", "lo", "5s=0 10s=NaN 15s=10"},
		{"0.5", "hi", "5s=1 10s=NaN 15s=NaN"}, // capped: at least 10 s
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
	for _, s := range v.AllSeries() {
		if s.Labels["le"] != "" {
			t.Errorf("%s: a bucket is no series", s.ID())
		}
		if s.Name == name+"_sum" && (s.Unit != "s" || s.Kind != incident.Counter) {
			t.Errorf("sum is a %s in %q", s.Kind, s.Unit)
		}
	}
}

// native is a sample of a native histogram.
func native(at, count int, buckets string) string {
	return fmt.Sprintf(`[%d,{"count":"%d","sum":"1.5","buckets":[%s]}]`, t0.Unix()+int64(at), count, buckets)
}

func TestPrometheusNativeHistograms(t *testing.T) {
	v, _, err := importFrom(t, answers(matrix(fmt.Sprintf(`{"metric":{%s},"histograms":[%s]}`,
		metric("rpc_client_call_duration_milliseconds", ""), strings.Join([]string{
			native(0, 100, `[0,"4","8","100"]`),
			native(5, 110, `[3,"-0.001","0.001","2"],[0,"4","8","107"],[0,"59000","64000","1"]`),
			// Coarser: (4, 8] went into (4, 16].
			native(10, 113, `[3,"-0.001","0.001","2"],[0,"4","16","110"],[0,"32768","65536","1"]`),
			native(15, 3, `[0,"16","32","3"]`), // the process began anew
			native(20, 4, `[0,"16","32","3"],[0,"64","+Inf","1"]`),
		}, ",")))))
	if err != nil {
		t.Fatal(err)
	}
	const name = "rpc_client_call_duration_milliseconds"
	for _, tt := range []struct{ quantile, bound, want string }{
		{"0.5", "lo", "5s=0.004 10s=0.004 15s=0.016 20s=0.064"},
		{"0.5", "hi", "5s=0.008 10s=0.016 15s=0.032 20s=NaN"},
		{"0.99", "lo", "5s=59 10s=0.004 15s=0.016 20s=0.064"},
		{"0.99", "hi", "5s=64 10s=0.016 15s=0.032 20s=NaN"},
	} {
		if got := values(t, v, name, QuantileLabel, tt.quantile, BoundLabel, tt.bound); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.quantile, tt.bound, got, tt.want)
		}
	}
	if got := values(t, v, name+"_count"); got != "0s=100 5s=110 10s=113 15s=3 20s=4" {
		t.Errorf("count: %s", got)
	}
}

func TestPrometheusValuesAreData(t *testing.T) {
	v, sum, err := importFrom(t, answers(`{"status":"success","warnings":["PartialResponse: store-1 is away\u001b[31m"],"data":{"resultType":"matrix","result":[`+
		sampled(metric("grpc_client_started_total", `"token":"secret=hunter2hunter2"`), -60, 1, 0, "NaN", 5, "+Inf", 10, "-Inf", 15, 4, 600, 9)+`]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, v, "grpc_client_started_total"); got != "0s=NaN 5s=NaN 10s=NaN 15s=4" {
		t.Errorf("%s; what was not asked for is not told, and infinite is no count", got)
	}
	s := v.AllSeries()[0]
	if s.Labels["token"] != "secret=****" || !strings.Contains(s.Caveat, "the server warns: PartialResponse: store-1 is away") || strings.Contains(s.Caveat, "\x1b") {
		t.Errorf("labels %v, caveat %q", s.Labels, s.Caveat)
	}
	if !strings.Contains(sum.Status.Detail, "PartialResponse") {
		t.Errorf("status %+v; parts may be missing", sum.Status)
	}
}

// names makes an answer of /api/v1/series with n series, every second a bucket.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		le := ""
		if i%2 == 1 {
			le = `,"le":"1"`
		}
		fmt.Fprintf(&b, `{"__name__":"grpc_client_x","m":"%d"%s}`, i, le)
	}
	return `{"status":"success","data":[` + b.String() + `]}`
}

func TestPrometheusManySeries(t *testing.T) {
	f := answers(none)
	f.series = names(maxPromSeries + 2)
	_, sum, err := importFrom(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if q := f.asked[0].Get("query"); !strings.Contains(q, `,le=""}[`) {
		t.Errorf("buckets are asked for: %s", q)
	}
	if !strings.Contains(sum.Status.Detail, "10001 series of buckets are left out") {
		t.Errorf("status %q", sum.Status.Detail)
	}
	f.series = names(2*maxPromSeries + 2)
	if _, _, err := importFrom(t, f); !BadQuery(err) || !strings.Contains(err.Error(), "40002 match, and at most 20000 are read; narrow it") {
		t.Errorf("err = %v", err)
	}
}

func TestPrometheusPiecesShrink(t *testing.T) {
	f := &fakePrometheus{series: oneSeries}
	refused := 0
	f.query = func(r *http.Request) (int, string) {
		q := r.Form.Get("query")
		ms, _ := strconv.Atoi(strings.TrimSuffix(q[strings.LastIndexByte(q, '[')+1:], "ms]"))
		if ms > 31_000 {
			refused++
			return 422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`
		}
		at, _ := strconv.ParseFloat(r.Form.Get("time"), 64)
		return 200, matrix(sampled(metric("grpc_client_started_total", ""), int(at)-int(t0.Unix()), int(at)))
	}
	v, _, err := importFrom(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if refused != 1 || len(v.AllSeries()[0].Points) != 2 {
		t.Errorf("%d were refused, points %v; want one refusal and two halves", refused, v.AllSeries()[0].Points)
	}
}

func TestPrometheusComputesInPieces(t *testing.T) {
	f := &fakePrometheus{}
	f.query = func(r *http.Request) (int, string) {
		n := func(k string) float64 { v, _ := strconv.ParseFloat(r.Form.Get(k), 64); return v }
		if (n("end")-n("start"))/n("step") >= 11_000 {
			return 400, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries."}`
		}
		var pairs []any
		for at := n("start"); at <= n("end"); at += n("step") {
			pairs = append(pairs, int(at)-int(t0.Unix()), "1")
		}
		return 200, matrix(sampled(`"method":"Reserve"`, pairs...))
	}
	srv := httptest.NewServer(f)
	defer srv.Close()
	const query = `histogram_quantile(0.99, sum by (le, method) (rate(grpc_client_handling_seconds_bucket[1m])))`
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL}, Name: "prom", Queries: []string{query}, Step: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c.ask.piece = maxPiece // 21,600 steps
	points := map[int64]int{}
	var s incident.Series
	_, err = c.Import(t.Context(), t0, t0.Add(5*time.Hour), func(time.Duration, string) {}, func(facts []incident.Fact) error {
		s = facts[0].(incident.Series)
		for _, p := range s.Points {
			points[p.At.Unix()]++
		}
		return nil
	})
	if err != nil || len(points) != 18_000 || len(f.heads()) != 2 {
		t.Errorf("%d points in %d questions, %v; want 18000 in 2", len(points), len(f.heads()), err)
	}
	for at, n := range points {
		if n != 1 {
			t.Fatalf("%d was told %d times", at, n)
		}
	}
	if s.Name != query || s.Unit != "s" || s.Kind != incident.Gauge || !strings.Contains(s.Caveat, "computed by the server each 1s") || !strings.Contains(s.Caveat, AtEnd) {
		t.Errorf("%s in %q, caveat %q", s.Name, s.Unit, s.Caveat)
	}
}

func TestAsSelector(t *testing.T) {
	for _, tt := range []struct {
		query, want string
		ok          bool
	}{
		{`grpc_client_started_total`, `{__name__=~"grpc_client_started_total(_bucket|_count|_sum|_total)?"}`, true},
		{`x{job="order", le!="}",}`, `{__name__=~"x(_bucket|_count|_sum|_total)?",job="order", le!="}"}`, true},
		{`{__name__=~"grpc.+",namespace='a"b'}`, `{__name__=~"grpc.+",namespace='a"b'}`, true},
		{`{"grpc.client.attempt.started"}`, `{"grpc.client.attempt.started"}`, true},
		{`{}`, "", false},
		{`NaN`, "", false},
		{`x[5m]`, "", false},
		{`x offset 5m`, "", false},
		{`rate(x[5m])`, "", false},
		{`x + y`, "", false},
		{`x{a="b"} or y{c="d"}`, "", false},
		{`7`, "", false},
	} {
		got, ok := asSelector(tt.query)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: %s, %v; want %s, %v", tt.query, got, ok, tt.want, tt.ok)
		}
	}
}

// live runs c until stop says so of its facts and status, or it ends.
func live(t *testing.T, c *Prometheus, stop func(*incident.View, incident.SourceStatus) bool) (*incident.View, incident.SourceStatus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, status, done := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
	go func() { done <- c.Run(ctx, out, status) }()
	ev, said := incident.NewEvidence(), incident.SourceStatus{}
	for {
		select {
		case facts := <-out:
			ev.Add(facts...)
		case said = <-status:
			if stop(ev.Snapshot(), said) {
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("stopped with %v", err)
				}
				return ev.Snapshot(), said, nil
			}
		case err := <-done:
			return ev.Snapshot(), said, err
		}
	}
}

func TestPrometheusLive(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	at := func(n int) int { return int(now.Unix()-t0.Unix()) + n }
	f := &fakePrometheus{series: oneSeries}
	f.query = func(*http.Request) (int, string) {
		switch len(f.asked) / 2 {
		case 1:
			return 200, matrix(sampled(metric("grpc_client_started_total", ""), at(-20), 5))
		case 2:
			return 503, `{"status":"error","errorType":"unavailable","error":"not yet"}`
		}
		// A page of before the outage, which was stored late, and one of after.
		return 200, matrix(sampled(metric("grpc_client_started_total", ""), at(-20), 5, at(-15), 6, at(-3), 8))
	}
	srv := httptest.NewServer(f)
	defer srv.Close()
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL}, Name: "prom", Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := live(t, c, func(*incident.View, incident.SourceStatus) bool { return false })
	var answered *PrometheusError
	if !errors.As(err, &answered) || answered.Status != 503 || answered.Kind != "unavailable" || len(first.AllSeries()) != 1 {
		t.Fatalf("%d series, then %v; want the 503", len(first.AllSeries()), err)
	}
	v, status, err := live(t, c, func(v *incident.View, _ incident.SourceStatus) bool { return len(v.AllSeries()) > 0 })
	if err != nil || len(v.AllSeries()[0].Points) != 2 {
		t.Errorf("%v, %v; want the two pages that are new", v.AllSeries(), err)
	}
	if status.State != incident.SourceOK || status.LastAt.Unix() != now.Unix()-3 || status.Detail != "1 series of 1 target each 1ms" {
		t.Errorf("status %+v", status)
	}
}

func TestPrometheusLiveSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name    string
		code    int
		body    string
		state   incident.SourceState
		detail  string
		err     string
		forever bool
	}{
		{"no such series", 200, none, incident.SourceStale, "no series of gRPC calls, breakers or pools: nothing was recorded, or a name is misspelt", "", false},
		{"busy", 429, "{}", incident.SourceDegraded, "answered 429 Too Many Requests", "", false},
		{"old", 200, matrix(sampled(metric("grpc_client_started_total", ""), int(time.Now().Unix()-t0.Unix())-240, 5)), incident.SourceStale, "no new sample since", "", false},
		{"bad query", 400, `{"status":"error","errorType":"bad_data","error":"parse error"}`, 0, "", "parse error", true},
		{"refused", 401, `{}`, 0, "", "answered 401", true},
		{"broken", 500, `{}`, 0, "", "answered 500", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(&fakePrometheus{series: oneSeries, query: func(*http.Request) (int, string) { return tt.code, tt.body }})
			defer srv.Close()
			c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL}, Name: "prom"})
			if err != nil {
				t.Fatal(err)
			}
			_, status, err := live(t, c, func(*incident.View, incident.SourceStatus) bool { return true })
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || isPermanent(err) != tt.forever {
					t.Errorf("err = %v (for ever: %v), want %q in it and %v", err, isPermanent(err), tt.err, tt.forever)
				}
				return
			}
			if err != nil || status.State != tt.state || !strings.Contains(status.Detail, tt.detail) {
				t.Errorf("status %+v, %v; want %s, %q", status, err, tt.state, tt.detail)
			}
		})
	}
}

// isPermanent says whether the supervisor would not start the collector again.
func isPermanent(err error) bool {
	return slices.Contains(strings.Split(fmt.Sprintf("%T", err), "."), "permanent")
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzPrometheus(f *testing.F) {
	f.Add(oneSeries, matrix(counted("grpc_client_started_total", "", 0, 1, 5, 3)), uint16(200))
	f.Add(names(3), matrix(buckets("OK", 5, 1, 2, 3)...), uint16(200))
	f.Add(oneSeries, matrix(fmt.Sprintf(`{"metric":{%s},"histograms":[%s,%s]}`, metric("rpc_client_call_duration_seconds", ""),
		native(0, 100, `[0,"4","8","100"]`), native(5, 110, `[3,"-Inf","0.001","2"],[0,"4","+Inf","107"]`))), uint16(200))
	f.Add(oneSeries, `{"status":"error","errorType":"execution","error":"x"}`, uint16(422))
	f.Add(`{"status":"success","data":[null,{"instance":"\u001b(*"}]}`, `{"status":"success","data":{"resultType":"matrix","result":[null,{"values":[[1e300,"1"],[-1,"-Inf"]]}]}}`, uint16(200))
	f.Add(`<html>`, `{"data":{"resultType":"vector","result":[]}}`, uint16(503))
	f.Fuzz(func(t *testing.T, series, answer string, code uint16) {
		c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: "x:1"}, Queries: []string{"grpc_client_started_total", "rate(x[1m])"}})
		if err != nil {
			t.Fatal(err)
		}
		c.client.edge.next = tripper(func(r *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(series)), Request: r}
			if r.URL.Path != "/api/v1/series" {
				resp.StatusCode, resp.Body = 200+int(code)%400, io.NopCloser(strings.NewReader(answer))
			}
			return resp, nil
		})
		end := t0.Add(time.Minute)
		err = c.read(t.Context(), t0, end, func(facts []incident.Fact, upto time.Time) error {
			if upto.Before(t0) || upto.After(end) {
				t.Fatalf("read up to %s", upto)
			}
			for _, f := range facts {
				s, ok := f.(incident.Series)
				if !ok {
					continue
				}
				for i, p := range s.Points {
					if p.At.Before(t0) || p.At.After(end) || math.IsInf(p.V, 0) {
						t.Fatalf("%s: %v was not asked for", s.ID(), p)
					}
					if i > 0 && p.At.Before(s.Points[i-1].At) && s.Kind == incident.Counter {
						t.Fatalf("%s: %v after %v", s.ID(), p, s.Points[i-1])
					}
				}
			}
			return nil
		})
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\n\x00") {
			t.Fatalf("%q shows control characters", err)
		}
		if d := c.told(end).Detail; strings.ContainsAny(d, "\x1b\n\x00") {
			t.Fatalf("%q shows control characters", d)
		}
	})
}
