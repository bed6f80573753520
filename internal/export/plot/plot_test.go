package plot

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/sim/compare"
	trip "tripcurve/sim/curve"
	"tripcurve/sim/scenario"
)

var start = time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC)

// figure has the outline of INC-2847: a lock of four minutes in an outage of
// twenty-three, and a minute in which Postgres was not looked at.
func figure() Figure {
	step := 10 * time.Second
	var failed, waiting, flight []float64
	for i := range 204 {
		at := time.Duration(i) * step
		f, w, n := 0.0, 0.0, 1.0
		if at >= 331*time.Second && at < 1698*time.Second {
			f = 9 + 3*math.Sin(float64(i)*1.7)
		}
		if at >= 301*time.Second && at < 541*time.Second {
			w = min(100, 2.2*(at.Seconds()-301))
		}
		if at >= 301*time.Second && at < 1698*time.Second {
			n = min(100, 1+2.2*(at.Seconds()-301))
		}
		if at >= 700*time.Second && at < 820*time.Second {
			w = math.NaN()
		}
		failed, waiting, flight = append(failed, math.Round(f)), append(waiting, w), append(flight, n)
	}
	one := func(vs []float64) []Series { return []Series{{From: start, Step: step, Values: vs}} }
	return Figure{
		Title:    "INC-2847",
		Subtitle: "pid 48291 held SHARE on stock_reservations for 4m00s; 100 sessions waited; the lock covers 17.2 % of the outage",
		Window:   incident.Window{From: start, To: start.Add(34 * time.Minute)},
		Panels: []Panel{
			{Label: "502 answers per 10 s", Series: one(failed)},
			{Label: "sessions waiting for a lock", Series: one(waiting)},
			{Label: "calls in flight (started - finished)", Series: one(flight)},
		},
		Bands: []Band{{Window: incident.Window{From: start.Add(301 * time.Second), To: start.Add(541 * time.Second)}, Label: "SHARE lock on stock_reservations, 4m00s"}},
		Marks: []Mark{
			{start.Add(301 * time.Second), 'A', "migration takes SHARE on stock_reservations"},
			{start.Add(346 * time.Second), 'C', "pool of 100 connections full"},
			{start.Add(1698 * time.Second), 'L', "order service restarted"},
		},
	}
}

func TestDraw(t *testing.T) {
	for _, format := range Formats() {
		one, err := Draw(figure(), format)
		if err != nil {
			t.Fatal(err)
		}
		two, err := Draw(figure(), format)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) {
			t.Errorf("%s: the same figure gives different bytes", format)
		}
		if dir := os.Getenv("TRIPCURVE_PLOTS"); dir != "" { // for a look at them
			if err := os.WriteFile(filepath.Join(dir, "incident."+format), one, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPNGHasItsSize(t *testing.T) {
	data, err := Draw(figure(), "png")
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Dx(); got != 1440 {
		t.Errorf("%d pixels wide, want 1440", got)
	}
}

func TestSVGSaysItsUnits(t *testing.T) {
	data, err := Draw(figure(), "svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"502 answers per 10 s", "sessions waiting for a lock", "calls in flight (started - finished)", "UTC, 2026-01-15",
		"14:25", "no data", "SHARE lock on stock_reservations, 4m00s", "14:23:46Z  pool of 100 connections full",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %q in the SVG", want)
		}
	}
}

func TestNoDataIsNotZero(t *testing.T) {
	f := figure()
	f.Panels[2] = Panel{Label: "calls in flight", Absent: "no counters of started calls"}
	data, err := Draw(f, "svg")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "no data: no counters of started calls") {
		t.Error("the empty panel does not say why it is empty")
	}
}

func TestNothingToDraw(t *testing.T) {
	if _, err := Draw(Figure{}, "png"); err == nil {
		t.Error("an empty figure was drawn")
	}
	if _, err := Draw(figure(), "gif"); err == nil || !strings.Contains(err.Error(), "gif") {
		t.Errorf("a GIF: %v", err)
	}
	for _, odd := range []float64{math.Inf(1), math.NaN(), -5, 1e300} {
		f := figure()
		f.Panels[0].Series[0].Values = []float64{odd, 1}
		if _, err := Draw(f, "svg"); err != nil {
			t.Errorf("%v: %v", odd, err)
		}
	}
}

func TestComparison(t *testing.T) {
	run := func(failed int, n int) *sim.Result {
		r := &sim.Result{Start: start, Length: 20 * time.Second, Seed: 7}
		for range 20 {
			r.Failed, r.Late, r.Rejected = append(r.Failed, failed), append(r.Late, 0), append(r.Rejected, 1)
			r.InFlight, r.LockWaiters = append(r.InFlight, n), append(r.LockWaiters, n/2)
		}
		r.Orders.Failed = 20 * (failed + 1)
		return r
	}
	f := Comparison("breaker 5 s", run(1, 30), run(0, 4))
	want := []Series{
		{Name: "now", From: start, Step: 10 * time.Second, Values: []float64{20, 20}},
		{Name: "this", From: start, Step: 10 * time.Second, Values: []float64{10, 10}},
	}
	if d := cmp.Diff(want, f.Panels[0].Series); d != "" {
		t.Error(d)
	}
	data, err := Draw(f, "png")
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("TRIPCURVE_PLOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "compare.png"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAround(t *testing.T) {
	all := incident.Window{From: start, To: start.Add(time.Hour)}
	w := around(incident.Window{From: start.Add(time.Minute), To: start.Add(24 * time.Minute)}, all)
	if want := (incident.Window{From: start, To: start.Add(28*time.Minute + 30*time.Second)}); w != want {
		t.Errorf("%v, want %v", w, want)
	}
	if w := around(incident.Window{}, all); w != all {
		t.Errorf("without an impact %v, want all", w)
	}
}

// A mark has the letter that its event has on the screens, also when events
// between the marks are not drawn.
func TestMarksHaveTheLettersOfTheTimeline(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	got := marks([]incident.Moment{
		{At: at(40), Kind: incident.MRecovery, Text: "released"},
		{At: at(30), Kind: incident.MTrigger, Text: "wrong", Hidden: true},
		{At: at(20), Kind: incident.MSymptom, Lane: "errors", Text: "first failing"},
		{At: at(10), Kind: incident.MTrigger, Text: "lock"},
	}, incident.Window{From: start, To: at(60)}, redact.Line)
	want := []Mark{{at(10), 'A', "lock"}, {at(40), 'C', "released"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// tripCurves are two breakers of which one never opens on few failures.
func tripCurves(t *testing.T, change func(*trip.Options), names ...string) *trip.Result {
	t.Helper()
	o := trip.Defaults()
	o.Shares, o.Seeds, o.Healthy = trip.Shares(8), 2, nil
	if change != nil {
		change(&o)
	}
	var settings []trip.Setting
	for i, name := range names {
		settings = append(settings, trip.Setting{
			Name: name, Library: "opossum", Params: map[string]string{"rollingCountTimeout": fmt.Sprint(1000 * (i + 2))},
		})
	}
	r, err := trip.Compute(t.Context(), settings, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCurves(t *testing.T) {
	r := tripCurves(t, nil, "opossum", "opossum/slow")
	for _, format := range Formats() {
		one, err := Curves(r, format)
		if err != nil {
			t.Fatal(err)
		}
		two, err := Curves(r, format)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) {
			t.Errorf("%s: the same curves give different bytes", format)
		}
		if dir := os.Getenv("TRIPCURVE_PLOTS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "curve."+format), one, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if format != "svg" {
			continue
		}
		for _, want := range []string{
			"opens after, s", "share of calls that fail", "20 calls/s (Poisson)", "never within 120 s",
			"errors, answered at once", "hangs, until a time limit ends them", "B  opossum/slow", "50 %",
		} {
			if !strings.Contains(string(one), want) {
				t.Errorf("no %q in the SVG", want)
			}
		}
	}
}

func TestOddCurves(t *testing.T) {
	for name, change := range map[string]func(*trip.Options){
		"one point":     func(o *trip.Options) { o.Shares = []float64{1} },
		"one seed":      func(o *trip.Options) { o.Seeds = 1 },
		"errors only":   func(o *trip.Options) { o.Modes = o.Modes[:1] },
		"never":         func(o *trip.Options) { o.Shares = []float64{0.01, 0.02} },
		"short horizon": func(o *trip.Options) { o.Horizon = 5 * time.Millisecond },
	} {
		r := tripCurves(t, change, "a", "b", "c", "d", "e", "a name that is far too long for its column of the legend")
		if _, err := Curves(r, "svg"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Curves(&trip.Result{}, "svg"); err == nil {
		t.Error("no curve was drawn")
	}
	if _, err := Curves(tripCurves(t, nil, "a"), "gif"); err == nil {
		t.Error("a GIF was drawn")
	}
}

// remedies are made up: two runs each, an incident of 40 s in a run of 60.
func remedies(names ...string) *compare.Comparison {
	lock := scenario.INC2847().Faults[0].(sim.LockTable)
	lock.At, lock.Hold = 10*time.Second, 20*time.Second
	c := &compare.Comparison{Seeds: 2, Scenario: sim.Scenario{
		Name: "made up", Start: time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC), Length: time.Minute, Patience: 10 * time.Second,
		Faults: []sim.Fault{lock},
	}}
	for i, name := range names {
		r := compare.Row{Remedy: compare.Remedy{Name: name}}
		for range compare.Measures() {
			r.Figures = append(r.Figures, compare.Figure{Mean: float64(100 * i), P5: float64(90 * i), P95: float64(110 * i)})
		}
		r.Waits = compare.Waits{Step: 10 * time.Second, P50: []float64{0.01, 30, math.NaN(), 0, 0.02, 0.01}, P99: []float64{0.03, 30, math.NaN(), 30, 0.02, 0.03}}
		c.Rows = append(c.Rows, r)
	}
	return c
}

func TestLongRemedies(t *testing.T) {
	many := []string{"today", "a", "deadline", "c", "breaker", "e", "f", "keepalive-refused"}
	for name, c := range map[string]*compare.Comparison{
		"today alone": remedies("today"), "few": remedies("today", "deadline"), "many": remedies(many...),
	} {
		for _, format := range Formats() {
			one, err := Remedies(c, format)
			if err != nil {
				t.Fatalf("%s as %s: %v", name, format, err)
			}
			repeats := 1
			if format == "pdf" && name == "few" { // whose objects once came in any order
				repeats = 5
			}
			for range repeats {
				if again, _ := Remedies(c, format); !bytes.Equal(one, again) {
					t.Fatalf("%s as %s: the same comparison gives other bytes", name, format)
				}
			}
			if format == "pdf" && (!bytes.HasPrefix(one, []byte("%PDF-")) || !bytes.Contains(one, []byte("/CreationDate (D:20000101000000)"))) {
				t.Errorf("%s: not a PDF with a date of its own", name)
			}
		}
	}
	svg, err := Remedies(remedies(many...), "svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Remedies of made up", "median wait, s", "p99, s", "SHARE lock", "patience", "keepalive-refused", "14:00:30"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in the SVG", want)
		}
	}
	// Of many only those are drawn over time that can be told apart; all have a bar.
	if n := strings.Count(string(svg), ">deadline<"); n != 2 {
		t.Errorf("deadline is named %d times, want in the key and at its bar", n)
	}
	if n := strings.Count(string(svg), ">keepalive-refused<"); n != 1 {
		t.Errorf("keepalive-refused is named %d times, want at its bar", n)
	}
	if _, err := Remedies(&compare.Comparison{}, "svg"); err == nil {
		t.Error("no remedy was drawn")
	}
	if _, err := Remedies(remedies("today"), "gif"); err == nil {
		t.Error("a GIF was drawn")
	}
}

// Only a lock is called one: a deploy or a step in traffic is a trigger.
func TestOnlyALockIsALock(t *testing.T) {
	w := incident.Window{From: start, To: start.Add(time.Minute)}
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: w.From}, incident.Change{At: w.To})
	for subject, want := range map[incident.Subject]string{
		{}:                           "trigger, 1m00s",
		{PID: 7, Relation: "orders"}: "lock on orders, 1m00s",
		{PID: 7, Mode: "SHARE"}:      "SHARE lock, 1m00s",
	} {
		f := Incident("n", ev.Snapshot(), incident.Analysis{Findings: []incident.Finding{{Role: incident.Trigger, Window: w, Subject: subject}}})
		if len(f.Bands) != 1 || f.Bands[0].Label != want {
			t.Errorf("%+v: %+v, want %q", subject, f.Bands, want)
		}
	}
}
