// Package plot draws an incident, and a simulation against what was, as PNG and
// SVG. It is the one importer of gonum's plot. Data is never joined across a
// gap; every axis carries its unit; clocks are UTC.
package plot

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim"
)

// Figure is what is to be drawn: panels under each other on one time axis.
type Figure struct {
	Title, Subtitle string
	Window          incident.Window
	Panels          []Panel
	Bands           []Band
	Marks           []Mark
	Redaction       string // what was replaced, in a sentence; empty: nothing in it was collected
	// Wide makes the page twice as wide as high, whatever is on it; else each panel
	// has the same height.
	Wide bool
}

// Panel is one value axis.
type Panel struct {
	Label  string // of the axis, with its unit
	Series []Series
	// Absent is said in the panel when no series has a value: no data is not zero.
	Absent string
	// Log is a logarithmic axis from Floor on, where zeros are drawn.
	Log    bool
	Floor  float64
	Limits []Limit
}

// Limit is a value that cannot be, or ought not to be, passed: a line across the panel.
type Limit struct {
	Value float64
	Label string
}

// Series holds one value per Step from From on. A NaN is a gap.
type Series struct {
	Name   string
	From   time.Time
	Step   time.Duration
	Values []float64
	// AtLeast marks values that are lower bounds, as a quantile above a histogram's
	// last bound is; nil: none is.
	AtLeast []bool
}

// Band is an interval marked in all panels.
type Band struct {
	incident.Window
	Label string
	Rest  bool // not the trigger's: what came after it
}

// Mark is an instant marked in all panels.
type Mark struct {
	At    time.Time
	Key   rune // its letter on the screens
	Label string
}

// maxMarks is how many instants a figure can carry and still be read.
const maxMarks = 6

// Incident is the figure of an incident: failures, lock waiters and calls in
// flight, with the time of each trigger as a band.
func Incident(name string, v *incident.View, a incident.Analysis) Figure {
	r := redact.New(redact.Options{})
	f := whole(name, v, a, cleaner(r))
	f.Redaction = r.Statement()
	return f
}

// cleaner redacts what was collected, and makes it one line that is safe to show.
func cleaner(r *redact.Redactor) func(string) string {
	return func(s string) string { return redact.Flat(r.Text(s)) }
}

func whole(name string, v *incident.View, a incident.Analysis, clean func(string) string) Figure {
	w := around(a.Impact, v.Window)
	f := Figure{Title: clean(name), Subtitle: clean(a.Sentence), Window: w}
	step := stepFor(w)
	series := func(vs []float64) []Series { return []Series{{From: w.From, Step: step, Values: vs}} }

	status, match := failures(v, w)
	f.Panels = append(f.Panels, Panel{
		Label:  fmt.Sprintf("%s per %s", status, every(step)),
		Series: series(v.Rate(match, w, step, true)), Absent: "no gateway log",
	})
	f.Panels = append(f.Panels, Panel{
		Label: "sessions waiting for a lock", Series: series(v.LockWaiters(w, step)), Absent: "no lock samples",
	})
	flight, ok := v.InFlight(w, step)
	if !ok {
		flight = nil
	}
	f.Panels = append(f.Panels, Panel{
		Label: "calls in flight (started - finished)", Series: series(flight), Absent: "no counters of started calls",
	})
	for _, finding := range a.Findings {
		if finding.Role == incident.Trigger && finding.Window.Length() > 0 {
			label := finding.Short()
			if finding.Subject.Relation != "" {
				label += " on " + finding.Subject.Relation
			}
			f.Bands = append(f.Bands, Band{Window: finding.Window, Label: clean(label) + ", " + length(finding.Window.Length())})
		}
	}
	f.Marks = marks(incident.Moments(a, v.Written), w, clean)
	return f
}

// failures chooses what the first panel counts: 502s where there are any, else
// everything that failed.
func failures(v *incident.View, w incident.Window) (label string, match func(incident.Bucket) bool) {
	for _, b := range v.Buckets() {
		if b.Status == 502 && !b.At.Before(w.From) && b.At.Before(w.To) {
			return "502 answers", func(b incident.Bucket) bool { return b.Status == 502 }
		}
	}
	return "failed requests", incident.Bucket.Failed
}

func marks(ms []incident.Moment, w incident.Window, clean func(string) string) []Mark {
	var out []Mark
	for i, m := range incident.Shown(ms) {
		if m.At.Before(w.From) || !m.At.Before(w.To) || len(out) == maxMarks {
			continue
		}
		switch m.Kind {
		case incident.MTrigger, incident.MDetection, incident.MAction, incident.MRecovery:
		default:
			if m.Lane != "pool" {
				continue
			}
		}
		out = append(out, Mark{m.At, incident.Letter(i), clean(m.Text)})
	}
	return out
}

// Comparison is the figure of two runs over the same time: what was, and what a
// policy makes of it.
func Comparison(title string, now, this *sim.Result) Figure {
	w := incident.Window{From: now.Start, To: now.Start.Add(now.Length)}
	f := Figure{Title: redact.Line(title), Window: w}
	f.Subtitle = fmt.Sprintf("orders not served: now %d, this %d; simulated, seed %d and seed %d", now.Orders.Failed, this.Orders.Failed, now.Seed, this.Seed)
	step := stepFor(w)
	pair := func(pick func(*sim.Result) []int, fold func([]int) float64) []Series {
		return []Series{
			{Name: "now", From: now.Start, Step: step, Values: folded(pick(now), step, fold)},
			{Name: "this", From: this.Start, Step: step, Values: folded(pick(this), step, fold)},
		}
	}
	f.Panels = []Panel{
		{Label: "orders not served per " + every(step), Series: pair(NotServed, sum)},
		{Label: "checkouts in flight", Series: pair(func(r *sim.Result) []int { return r.InFlight }, most)},
		{Label: "sessions waiting for a lock", Series: pair(func(r *sim.Result) []int { return r.LockWaiters }, most)},
	}
	if !now.LockFrom.IsZero() && now.LockTo.After(now.LockFrom) {
		f.Bands = []Band{{Window: incident.Window{From: now.LockFrom, To: now.LockTo}, Label: "lock, " + length(now.LockTo.Sub(now.LockFrom))}}
	}
	return f
}

// NotServed is, per second, the checkouts that ended without being accepted in
// time.
func NotServed(r *sim.Result) []int {
	n := make([]int, len(r.Failed))
	for i := range n {
		n[i] = r.Failed[i]
		if i < len(r.Late) {
			n[i] += r.Late[i]
		}
		if i < len(r.Rejected) {
			n[i] += r.Rejected[i]
		}
	}
	return n
}

func sum(vs []int) (s float64) {
	for _, v := range vs {
		s += float64(v)
	}
	return s
}

func most(vs []int) float64 {
	m := 0
	for _, v := range vs {
		m = max(m, v)
	}
	return float64(m)
}

// folded makes one value per step of one per second.
func folded(vs []int, step time.Duration, fold func([]int) float64) []float64 {
	n := max(1, int(step/time.Second))
	var out []float64
	for i := 0; i < len(vs); i += n {
		out = append(out, fold(vs[i:min(len(vs), i+n)]))
	}
	return out
}

// around is the impact with a fifth of its length before and after it, within
// what the evidence covers; without an impact all of it.
func around(impact, all incident.Window) incident.Window {
	if impact.Length() == 0 {
		return all
	}
	pad := max(time.Minute, impact.Length()/5).Truncate(10 * time.Second)
	w := incident.Window{From: impact.From.Add(-pad).Truncate(10 * time.Second), To: impact.To.Add(pad).Truncate(10 * time.Second)}
	if all.Length() > 0 {
		if w.From.Before(all.From) {
			w.From = all.From
		}
		if w.To.After(all.To) {
			w.To = all.To
		}
	}
	return w
}

// stepFor is 10 s for anything that is an incident, longer for days.
func stepFor(w incident.Window) time.Duration {
	for _, s := range []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute} {
		if w.Length() <= 1000*s {
			return s
		}
	}
	return time.Hour
}

// length is a duration to the second, 4m00s.
func length(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s < 60 {
		return fmt.Sprintf("%ds", s)
	}
	return fmt.Sprintf("%dm%02ds", s/60, s%60)
}

func every(step time.Duration) string {
	switch {
	case step < time.Minute:
		return fmt.Sprintf("%d s", step/time.Second)
	case step < time.Hour:
		return fmt.Sprintf("%d min", step/time.Minute)
	}
	return fmt.Sprintf("%d h", step/time.Hour)
}

// named says that the panel's lines need a key.
func (p Panel) named() bool {
	return !p.empty() && slices.ContainsFunc(p.Series, func(s Series) bool { return s.Name != "" })
}

func (p Panel) empty() bool {
	for _, s := range p.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

// Formats are the names that Draw takes.
func Formats() []string { return []string{"png", "svg", "pdf"} }
