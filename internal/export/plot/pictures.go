package plot

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Picture is one of the pictures of an incident.
type Picture struct {
	Name  string // of its file, without the ending
	About string
	draw  func(name string, v *incident.View, a incident.Analysis, format string) ([]byte, error)
}

// Draw draws the picture of an incident. The same incident gives the same bytes.
func (p Picture) Draw(name string, v *incident.View, a incident.Analysis, format string) ([]byte, error) {
	return p.draw(name, v, a, format)
}

// Pictures are the pictures of an incident, the first being the one that tells most.
func Pictures() []Picture {
	figure := func(of func(string, *incident.View, incident.Analysis) Figure) func(string, *incident.View, incident.Analysis, string) ([]byte, error) {
		return func(name string, v *incident.View, a incident.Analysis, format string) ([]byte, error) {
			return Draw(of(name, v, a), format)
		}
	}
	return []Picture{
		{"incident", "failed requests, lock waiters and calls in flight", figure(Incident)},
		{"errors", "errors and latency, with the phases", figure(Errors)},
		{"in-flight", "calls in flight against the pool's size", figure(InFlight)},
		{"locks", "sessions waiting for a lock, and for how long", figure(Locks)},
		{"breakers", "breakers: closed, open, half-open", func(name string, v *incident.View, a incident.Analysis, format string) ([]byte, error) {
			r := redact.New(redact.Options{})
			clean := cleaner(r)
			strips := Strips(v)
			for i := range strips {
				strips[i].Name = clean(strips[i].Name)
			}
			return BreakerStrips(clean(name), "", around(a.Impact, v.Window), strips, format)
		}},
	}
}

// scene is a figure of an incident without panels: the phases are bands, the
// beginning of each and the instants that matter are marks.
func scene(name, about string, v *incident.View, a incident.Analysis, clean func(string) string) Figure {
	all := whole(name, v, a, clean)
	f := Figure{Title: all.Title + ": " + about, Subtitle: all.Subtitle, Window: all.Window, Wide: true, Marks: all.Marks}
	for _, t := range a.Findings {
		if t.Role == incident.Trigger && t.Window.Length() > 0 { // by its kind only: the next band's name begins soon
			f.Bands = append(f.Bands, Band{Window: t.Window, Label: clean(t.Short()) + ", " + length(t.Window.Length())})
		}
	}
	for _, r := range a.Remainder {
		what := "after it"
		if len(a.Findings) == 0 || a.Findings[0].Role != incident.Trigger {
			what = "no trigger known"
		} else if r.Window.From.Before(a.Findings[0].Window.From) {
			what = "before it"
		}
		if r.Explanation == "" {
			what += ", unexplained"
		}
		f.Bands = append(f.Bands, Band{Window: r.Window, Label: what + ", " + length(r.Window.Length()), Rest: true})
	}
	slices.SortStableFunc(f.Bands, func(a, b Band) int { return a.From.Compare(b.From) })
	return f
}

// Errors is the figure of errors and latency over time: failed requests by status,
// and how long the requests took of the endpoint that was hit worst.
func Errors(name string, v *incident.View, a incident.Analysis) Figure {
	r := redact.New(redact.Options{})
	clean := cleaner(r)
	f := scene(name, "errors and latency", v, a, clean)
	w, step := f.Window, stepFor(f.Window)
	var failed []Series
	byStatus := map[int]int64{}
	for _, e := range a.Extent.Errors {
		byStatus[e.Status] += e.Requests
	}
	statuses := make([]int, 0, len(byStatus))
	for s := range byStatus {
		statuses = append(statuses, s)
	}
	slices.SortFunc(statuses, func(x, y int) int { return cmp.Or(cmp.Compare(byStatus[y], byStatus[x]), cmp.Compare(x, y)) })
	for _, s := range statuses[:min(len(statuses), 3)] {
		label := fmt.Sprint(s)
		if s == 0 {
			label = "nothing sent"
		}
		failed = append(failed, Series{Name: label, From: w.From, Step: step, Values: v.Rate(func(b incident.Bucket) bool { return b.Failed() && b.Status == s }, w, step, true)})
	}
	label := "failed requests per " + every(step)
	if len(failed) == 1 {
		label = failed[0].Name + " answers per " + every(step)
		failed[0].Name = ""
	}
	if len(failed) == 0 {
		failed = []Series{{From: w.From, Step: step, Values: v.Rate(incident.Bucket.Failed, w, step, true)}}
	}
	f.Panels = []Panel{{Label: label, Series: failed, Absent: "no gateway log"}}
	took := Panel{Label: "latency, s", Absent: "no latencies in the evidence", Log: true, Floor: 1e-3}
	if len(a.Endpoints) > 0 {
		e := a.Endpoints[0].Endpoint
		took.Series = quantiles(v, e, w, step)
		took.Label = "latency, s"
		for i := range took.Series {
			took.Series[i].Name = clean(e.String()) + " " + took.Series[i].Name
		}
	}
	f.Panels = append(f.Panels, took)
	f.Redaction = r.Statement()
	return f
}

// quantiles are the median and the 99th percentile of one endpoint's requests, by
// their end, in seconds.
func quantiles(v *incident.View, e incident.Endpoint, w incident.Window, step time.Duration) []Series {
	n := w.Steps(step)
	merged := make([]incident.Sketch, n)
	v.EachLatency(incident.Window{From: w.From.Add(-time.Hour), To: w.To}, func(l *incident.Latency) {
		if l.Endpoint != e || l.Sketch == nil || l.Sketch.Count() == 0 {
			return
		}
		// A distribution of several steps holds for each of them.
		first := int(math.Floor(float64(l.At.Sub(w.From)) / float64(step)))
		last := int(math.Ceil(float64(l.At.Add(l.Width).Sub(w.From))/float64(step))) - 1
		for i := max(0, first); i <= last && i < n; i++ {
			merged[i] = incident.Together(merged[i], l.Sketch)
		}
	})
	out := []Series{{Name: "p50"}, {Name: "p99"}}
	for k, q := range []float64{0.5, 0.99} {
		s := &out[k]
		s.From, s.Step, s.Values, s.AtLeast = w.From, step, make([]float64, n), make([]bool, n)
		for i, sk := range merged {
			if sk == nil {
				s.Values[i] = math.NaN()
				continue
			}
			x := sk.Quantile(q)
			if s.Values[i] = x.Lo.Seconds(); x.Capped {
				s.AtLeast[i] = true
				continue
			}
			s.Values[i] = (x.Lo + (x.Hi-x.Lo)/2).Seconds()
		}
	}
	return out
}

// InFlight is the figure of calls in flight against the pools that they fill.
func InFlight(name string, v *incident.View, a incident.Analysis) Figure {
	r := redact.New(redact.Options{})
	clean := cleaner(r)
	f := scene(name, "calls in flight against the pool", v, a, clean)
	w, step := f.Window, stepFor(f.Window)
	type one struct {
		flow incident.Flow
		most float64
		s    Series
	}
	var all []one
	for _, flow := range v.Flows() {
		x := one{flow: flow, s: Series{Name: clean(flow.Caller + " -> " + flow.Callee()), From: w.From, Step: step, Values: flow.InFlight(w, step)}}
		if flow.Method != "" {
			x.s.Name += " (" + clean(flow.Method) + ")"
		}
		for _, n := range x.s.Values {
			if n > x.most {
				x.most = n
			}
		}
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(x, y one) int { return cmp.Compare(y.most, x.most) })
	calls := Panel{Label: "calls in flight", Absent: "no counters of started calls", Log: true, Floor: 1}
	for _, x := range all[:min(len(all), 3)] {
		calls.Series = append(calls.Series, x.s)
	}
	waiting := Panel{Label: "sessions waiting for a lock", Absent: "no lock samples", Series: []Series{{From: w.From, Step: step, Values: v.LockWaiters(w, step)}}}
	if pool, size := poolOf(v, a, w, clean); size > 0 {
		l := []Limit{{size, fmt.Sprintf("%s: %.0f", pool, size)}}
		calls.Limits, waiting.Limits = l, l
	}
	f.Panels = []Panel{calls, waiting}
	f.Redaction = r.Statement()
	return f
}

// poolOf is the pool that was full in w and its size, as a source says it or as the
// number of sessions shows that waited and never more.
func poolOf(v *incident.View, a incident.Analysis, w incident.Window, clean func(string) string) (name string, size float64) {
	v.EachEpisode(func(e *incident.Episode) {
		if size == 0 && e.Kind == incident.PoolFull && e.Value > 0 && e.From.Before(w.To) && e.To.After(w.From) {
			name, size = "pool "+clean(e.Text), e.Value
		}
	})
	for _, f := range a.Findings {
		if size == 0 && f.Cause == "pool_exhausted" && f.Subject.Waiters > 0 {
			name, size = strings.TrimSpace("pool of "+clean(f.Subject.Pool)), float64(f.Subject.Waiters)
		}
	}
	return name, size
}

// Locks is the figure of sessions that wait for a lock, and of the longest wait.
func Locks(name string, v *incident.View, a incident.Analysis) Figure {
	r := redact.New(redact.Options{})
	clean := cleaner(r)
	f := scene(name, "lock waiters", v, a, clean)
	w, step := f.Window, stepFor(f.Window)
	waiting := v.LockWaiters(w, step)
	longest := make([]float64, len(waiting))
	for i, n := range waiting {
		if math.IsNaN(n) {
			longest[i] = n
		}
	}
	v.EachEpisode(func(e *incident.Episode) {
		if e.Kind != incident.LockWait {
			return
		}
		for i := max(0, int(e.From.Sub(w.From)/step)); i < len(longest); i++ {
			lo, hi := w.From.Add(time.Duration(i)*step), w.From.Add(time.Duration(i+1)*step)
			if !e.To.After(lo) {
				return
			}
			until := e.To
			if until.After(hi) {
				until = hi
			}
			if waited := until.Sub(e.From).Seconds(); until.After(e.From) && waited > longest[i] {
				longest[i] = waited
			}
		}
	})
	f.Panels = []Panel{
		{Label: "sessions waiting for a lock", Series: []Series{{From: w.From, Step: step, Values: waiting}}, Absent: "no lock samples"},
		{Label: "longest wait so far, s", Series: []Series{{From: w.From, Step: step, Values: longest}}, Absent: "no lock samples"},
	}
	f.Redaction = r.Statement()
	return f
}
