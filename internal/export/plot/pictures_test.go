package plot

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// night is some minutes of evidence: failures from 14:20 on, a source that was down
// in between, a breaker that opens and closes, calls that pile up.
func night() *incident.View {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	ev := incident.NewEvidence()
	gateway := incident.Origin{Group: "gateway", Name: "access.log"}
	e := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	for s := 0; s < 600; s += 10 {
		took, b := 20*time.Millisecond, incident.Bucket{At: at(s), Width: time.Second, Endpoint: e, Status: 201, Started: 5, Ended: 5, Origin: gateway}
		if s >= 120 && s < 480 {
			b.Status, b.Outcome, took = 502, incident.UpstreamTimeout, 30*time.Second
		}
		if s >= 240 && s < 300 { // the log was not read
			continue
		}
		sk := sketch.New()
		for range 5 {
			sk.Add(took)
		}
		ev.Add(b, incident.Latency{At: at(s), Width: 10 * time.Second, Endpoint: e, Outcome: b.Outcome, Sketch: sk, Origin: gateway})
	}
	ev.Add(incident.Episode{Kind: incident.Gap, From: at(240), To: at(300), Text: "rotated", Origin: gateway})
	counter := func(name string, labels map[string]string, group string, value func(s int) float64) {
		c := incident.Series{Name: name, Labels: labels, Kind: incident.Counter, Unit: "1", Origin: incident.Origin{Group: group, Name: "order"}}
		for s := 0; s < 600; s += 5 {
			c.Points = append(c.Points, incident.Point{At: at(s), V: value(s)})
		}
		ev.Add(c)
	}
	method := map[string]string{incident.CallService: "inventory.Inventory", incident.CallMethod: "Reserve"}
	counter(incident.CallsStarted, method, "grpc", func(s int) float64 { return float64(s) })
	counter(incident.CallsFinished, method, "grpc", func(s int) float64 { return float64(min(s, 120)) })
	since := func(from int) func(int) float64 {
		return func(s int) float64 {
			if s >= from {
				return 1
			}
			return 0
		}
	}
	counter("circuit.order.inventory.open", nil, "otlp", since(150))
	counter("circuit.order.inventory.half_open", nil, "otlp", since(180))
	counter("circuit.order.inventory.close", nil, "otlp", since(190))
	ev.SetSource(incident.SourceStatus{Name: "access.log", Group: "gateway", State: incident.SourceDone, LastAt: at(600)})
	return ev.Snapshot()
}

func TestLongPictures(t *testing.T) {
	v := night()
	a := cause.Analyze(v, cause.Options{})
	if a.Impact.Length() == 0 {
		t.Fatal("the night has no impact")
	}
	want := map[string][]string{
		"incident":  {"502 answers per 10 s"},
		"errors":    {"502 answers per 10 s", "latency, s", "POST /api/orders p99", "no data", "no trigger known"},
		"in-flight": {"calls in flight", "order -&gt; inventory (Reserve)", "no data: no lock samples"},
		"locks":     {"sessions waiting for a lock", "longest wait so far, s", "no data"},
		"breakers":  {"order_inventory", "half-open", "UTC, 2026-01-15"},
	}
	for _, p := range Pictures() {
		for _, format := range Formats() {
			one, err := p.Draw("the night", v, a, format)
			if err != nil {
				t.Fatalf("%s as %s: %v", p.Name, format, err)
			}
			if again, _ := p.Draw("the night", v, a, format); !bytes.Equal(one, again) {
				t.Errorf("%s as %s: the same night gives other bytes", p.Name, format)
			}
			if dir := os.Getenv("TRIPCURVE_PLOTS"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, "night-"+p.Name+"."+format), one, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if format != "svg" {
				continue
			}
			for _, text := range want[p.Name] {
				if !strings.Contains(string(one), text) {
					t.Errorf("no %q in %s", text, p.Name)
				}
			}
		}
		if len(want[p.Name]) == 0 {
			t.Errorf("%s: a picture that is not looked at", p.Name)
		}
	}
	wide, err := Draw(Errors("the night", v, a), "png")
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(wide))
	if err != nil || img.Bounds().Dx() != 2*img.Bounds().Dy() {
		t.Errorf("%v, %v; want twice as wide as high", img.Bounds(), err)
	}
}

// A time without data is no line: neither from its beginning to its end nor at zero.
func TestLatencyGapsStayGaps(t *testing.T) {
	s := quantiles(night(), incident.Endpoint{Method: "POST", Route: "/api/orders"}, incident.Window{From: start, To: start.Add(10 * time.Minute)}, 10*time.Second)
	for i, v := range s[1].Values {
		if down := i >= 24 && i < 30; math.IsNaN(v) != down {
			t.Errorf("step %d: %v", i, v)
		}
	}
	if v := s[0].Values[40]; v < 29 || v > 31 {
		t.Errorf("median while it failed: %v s", v)
	}
}

// The picture of a capped quantile says that it is a lower bound.
func TestLowerBoundsAreMarked(t *testing.T) {
	f := figure()
	f.Panels = []Panel{{Label: "latency, s", Log: true, Floor: 1e-3, Series: []Series{{From: start, Step: time.Minute, Values: []float64{0.02, 10, 10, 0}, AtLeast: []bool{false, true, true, false}}}}}
	data, err := Draw(f, "svg")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "&gt;= 10 s"); n != 1 {
		t.Errorf("marked %d times, want once for a run", n)
	}
}

func TestStrips(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	span := func(from, to int, s policy.State) StripSpan {
		return StripSpan{incident.Window{From: at(from), To: at(to)}, s}
	}
	want := []Strip{{"order_inventory", []StripSpan{span(0, 150, policy.Closed), span(150, 180, policy.Open), span(180, 190, policy.HalfOpen), span(190, 595, policy.Closed)}}}
	if d := cmp.Diff(want, Strips(night())); d != "" {
		t.Errorf("of the evidence (-want +got):\n%s", d)
	}
	r := &sim.Result{Start: start, Length: time.Minute, Breakers: []sim.BreakerTrack{{Edge: "a.b", Replica: "a-1", Changes: []sim.BreakerChange{{At: at(10), State: policy.Open}, {At: at(40), State: policy.HalfOpen}}}}}
	want = []Strip{{"a.b, a-1", []StripSpan{span(0, 10, policy.Closed), span(10, 40, policy.Open), span(40, 60, policy.HalfOpen)}}}
	if d := cmp.Diff(want, StripsOf(r)); d != "" {
		t.Errorf("of a run (-want +got):\n%s", d)
	}
	w := incident.Window{From: start, To: at(60)}
	none, err := BreakerStrips("x", "", w, nil, "svg")
	if err != nil || !strings.Contains(string(none), "no data: no source counts what breakers do") {
		t.Errorf("without breakers: %v", err)
	}
	if _, err := BreakerStrips("x", "", incident.Window{}, nil, "svg"); err == nil {
		t.Error("strips without a time were drawn")
	}
}

func TestFront(t *testing.T) {
	p := func(name string, x, y float64) Point { return Point{Name: name, X: x, Y: y} }
	names := func(ps []Point) (out []string) {
		for _, p := range ps {
			out = append(out, p.Name)
		}
		return out
	}
	got := names(Front([]Point{p("today", 100, 30), p("slow", 10, 20), p("worse than slow", 10, 25), p("fast", 50, 1), p("same as fast", 50, 1), p("between", 30, 20), p("unknown", math.NaN(), 0)}))
	if d := cmp.Diff([]string{"slow", "fast"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if Front(nil) != nil {
		t.Error("a front of nothing")
	}
}

func TestTradeoffPage(t *testing.T) {
	c := remedies("today", "deadline", "breaker <b>", "a\x1b[31m name that is long and long and long and does not fit anywhere")
	for _, format := range Formats() {
		one, err := TradeoffPage(c, format)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := TradeoffPage(c, format); !bytes.Equal(one, again) {
			t.Errorf("%s: the same comparison gives other bytes", format)
		}
		if format == "svg" && (!strings.Contains(string(one), "breaker &lt;b&gt;") || strings.Contains(string(one), "\x1b")) {
			t.Error("foreign names are not inert")
		}
	}
	if _, err := Pareto("x", "", "x", "y", []Point{{X: math.NaN()}}, "svg"); err == nil {
		t.Error("no point was drawn")
	}
}
