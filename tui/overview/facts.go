package overview

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/events"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// facts is what the screen shows of the evidence besides the analysis, gathered
// once per view, range and cursor.
type facts struct {
	version uint64
	zone    *time.Location
	window  incident.Window
	cursor  time.Time

	step      time.Duration
	what      string    // what failing counts: "502/s" or "failing/s"
	over      string    // the step that a rate is the mean of
	failing   []float64 // per second
	levels    [2]level  // sessions that wait, calls in flight
	events    events.List
	markers   []chart.Marker
	bands     []chart.Band
	evidence  []tick
	sentence  string
	heard     bool // some source gave evidence: silence means something
	proof     []string
	coverage  string
	remainder []string
	span      string
	running   bool // it goes on: what is said is not of the whole incident yet

	// at the time cursor
	nowFailing, maxFailing string
	roots                  []lockRoot
	noLocks                string
}

// level is something that is counted at instants.
type level struct {
	values    []float64
	now, most float64
	text      string // both, in words
	note      string
}

var (
	levelNames  = [2]string{"waiting sessions", "calls in flight"}
	levelStyles = [2]grid.Style{theme.Data3, theme.Data2}
)

// lockRoot is one holder with those that wait for it, folded.
type lockRoot struct {
	head, query string
	waits       []string
}

// tick is one independence group and whether a finding rests on it.
type tick struct {
	group string
	used  bool
	note  string
}

// gather brings the facts up to date.
func (s *Screen) gather() *facts {
	f := &s.facts
	if f.version != s.Version || f.window != s.Range || f.zone != s.Zone {
		*f = facts{version: s.Version, window: s.Range, zone: s.Zone}
		s.gatherRange(f)
		f.cursor = time.Time{}
	}
	if !f.cursor.Equal(s.Cursor) || f.nowFailing == "" {
		f.cursor = s.Cursor
		s.gatherCursor(f)
	}
	return f
}

func (s *Screen) gatherRange(f *facts) {
	v, w := s.View, s.Range
	f.step = screen.StepFor(w.Length(), 240)
	f.what = "failing/s"
	match := incident.Bucket.Failed
	if slices.ContainsFunc(s.Analysis.Endpoints, func(e incident.Impact) bool { return e.Statuses[502] > 0 }) {
		f.what = "502/s"
		match = func(b incident.Bucket) bool { return b.Status == 502 }
	}
	if v.Sees("gateway") {
		f.failing = v.Rate(match, w, f.step, true)
		for i := range f.failing {
			f.failing[i] /= f.step.Seconds()
		}
	}
	if v.Sees("postgres") {
		f.levels[0].values = v.LockWaiters(w, f.step)
	}
	f.levels[1].values, _ = v.InFlight(w, f.step)
	f.events = events.Of(s.Rows)
	f.markers = f.events.Markers(w)
	f.bands = bands(s.Analysis.Findings)
	f.over = "over " + text.Dur(f.step)
	f.maxFailing = text.Number(highest(f.failing))
	s.gatherMost(f)

	a := s.Analysis
	f.sentence = redact.Flat(a.Sentence)
	f.heard = slices.ContainsFunc(v.Sources, func(s incident.SourceStatus) bool { return !s.LastAt.IsZero() })
	for _, p := range a.Proof {
		f.proof = append(f.proof, redact.Flat(p))
	}
	f.evidence = ticks(v, a)
	if a.Impact.Length() > 0 {
		f.coverage = coverageLine(a)
		f.running = s.Live && running(a, v)
		to := s.Clock(a.Impact.To)
		if f.running && heard(v) {
			to = "now"
		}
		f.span = s.Clock(a.Impact.From) + " to " + to + "  " + text.Dur(a.Impact.Length())
		for _, r := range a.Remainder {
			f.remainder = append(f.remainder, redact.Flat(remainderLine(r)))
		}
	}
}

// gatherMost finds the most at one instant of the impact, or of all that there
// is, so that looking closer does not change it.
func (s *Screen) gatherMost(f *facts) {
	w := s.Analysis.Impact
	if w.Length() == 0 {
		w = incident.Window{From: s.View.Window.From, To: s.View.Window.To.Add(1)}
	}
	f.levels[0].most = math.NaN()
	if s.View.Sees("postgres") {
		f.levels[0].most = highest(s.View.LockWaiters(w, screen.StepFor(w.Length(), 240)))
	}
	f.levels[1].most, _ = s.View.MostInFlight(w)
}

// gatherCursor reads what stood at the time cursor: levels at that very instant,
// the rate of the step that it lies in. While data comes in, the newest step is
// not whole yet: the one before it counts.
func (s *Screen) gatherCursor(f *facts) {
	i := int(s.Cursor.Sub(s.Range.From) / f.step)
	if s.Live && i > 0 && s.Range.From.Add(time.Duration(i+1)*f.step).After(s.View.Window.To) {
		i--
	}
	f.nowFailing = text.Number(value(f.failing, i))
	f.levels[0].note = ""
	s.gatherLocks(f)
	f.levels[1].now = s.View.InFlightAt(s.Cursor)
	for k := range f.levels {
		l := &f.levels[k]
		l.text = of(l.now, l.most)
	}
	s.View.EachEpisode(func(e *incident.Episode) {
		if e.Kind == incident.PoolFull && e.Active(s.Cursor) {
			f.levels[0].note = redact.Line(e.Text) + " FULL since " + s.Clock(e.From)
		}
	})
}

// gatherLocks counts who waits at the cursor, and folds the lock tree into a few
// lines.
func (s *Screen) gatherLocks(f *facts) {
	f.roots, f.noLocks = nil, "nobody waits for a lock"
	at := incident.Window{From: s.Cursor, To: s.Cursor.Add(time.Second)}
	if !s.View.Sees("postgres") || math.IsNaN(highest(s.View.LockWaiters(at, time.Second))) {
		f.noLocks, f.levels[0].now = text.NoData, math.NaN()
		return
	}
	tree := s.View.LockTree(s.Cursor)
	f.levels[0].now = float64(tree.Waiting)
	for _, n := range tree.Roots {
		r := lockRoot{
			head:  holder(n),
			query: redact.Flat(n.Query),
		}
		type kind struct{ wanted, lockType string }
		counts := map[kind]int{}
		var order []kind
		var walk func(n *incident.LockNode)
		walk = func(n *incident.LockNode) {
			for _, c := range n.Children {
				k := kind{c.Wanted.String(), c.LockType}
				if counts[k]++; counts[k] == 1 {
					order = append(order, k)
				}
				walk(c)
			}
		}
		walk(n)
		for _, k := range order {
			r.waits = append(r.waits, fmt.Sprintf("%d want %s (%s)", counts[k], k.wanted, redact.Line(k.lockType)))
		}
		f.roots = append(f.roots, r)
	}
}

// holder is one session that holds a lock, in one line.
func holder(n *incident.LockNode) string {
	said := []string{strconv.Itoa(n.PID)}
	if n.User != "" {
		said = append(said, redact.Line(n.User))
	}
	if n.Held == 0 { // a server's log does not say which
		said = append(said, "holds a lock on")
	} else {
		said = append(said, n.Held.String())
	}
	return strings.Join(append(said, redact.Line(n.Relation)), " ") + "  blocks " + text.Count(n.Blocks)
}

func of(now, most float64) string {
	if math.IsNaN(now) {
		return text.NoData
	}
	return text.Number(now) + " of max " + text.Number(most)
}

// value is the i-th value, NaN where there is none.
func value(list []float64, i int) float64 {
	if i < 0 || len(list) == 0 || i > len(list) {
		return math.NaN()
	}
	return list[min(i, len(list)-1)]
}

func highest(list []float64) float64 {
	m := math.NaN()
	for _, v := range list {
		if !math.IsNaN(v) && (math.IsNaN(m) || v > m) {
			m = v
		}
	}
	return m
}

// bands are the windows of the triggers.
func bands(findings []incident.Finding) (out []chart.Band) {
	for _, f := range findings {
		if f.Role != incident.Trigger || f.Window.Length() == 0 {
			continue
		}
		label := f.Short() + " " + text.Count(int64(f.Window.Length().Round(time.Second)/time.Second)) + " s"
		out = append(out, chart.Band{From: f.Window.From, To: f.Window.To, Label: redact.Line(label)})
	}
	return out
}

// stillFailing is how long nothing must have failed for an incident to be over
// whose end no success shows.
const stillFailing = 30 * time.Second

// running says that the impact goes on: something that failed has not succeeded
// again, or failed just now.
func running(a incident.Analysis, v *incident.View) bool {
	return v.Window.To.Sub(a.Impact.To) < stillFailing || slices.ContainsFunc(a.Endpoints, func(e incident.Impact) bool {
		return e.Failed > 0 && e.Recovered.IsZero()
	})
}

// heard says that requests are being read: what goes on goes on until now, and not only
// until the last line of a log that has ended or cannot be read any more.
func heard(v *incident.View) bool {
	gateway := slices.ContainsFunc(v.Sources, func(s incident.SourceStatus) bool { return s.Group == "gateway" })
	return slices.ContainsFunc(v.Sources, func(s incident.SourceStatus) bool {
		return (s.Group == "gateway" || !gateway) && (s.State == incident.SourceOK || s.State == incident.SourceDegraded || s.State == incident.SourceStarting)
	})
}

// ticks lists the independence groups of all sources: those that a finding
// rests on, and the others with the reason.
func ticks(v *incident.View, a incident.Analysis) (out []tick) {
	used := map[string]bool{}
	for _, f := range a.Findings {
		for _, g := range f.GroupNames {
			used[g] = true
		}
	}
	for _, src := range v.Sources {
		if src.Group == incident.ServerLogGroup && v.Sees("postgres") { // its lock waits are of that group
			src.Group = "postgres"
		}
		i := slices.IndexFunc(out, func(t tick) bool { return t.group == src.Group })
		if i < 0 {
			i = len(out)
			out = append(out, tick{group: src.Group, used: used[src.Group]})
		}
		if !out[i].used && src.State != incident.SourceOK && src.State != incident.SourceDone {
			out[i].note = src.State.String()
		}
		delete(used, src.Group)
	}
	var rest []string
	for g := range used {
		rest = append(rest, g)
	}
	slices.Sort(rest)
	for _, g := range rest {
		out = append(out, tick{group: g, used: true})
	}
	return out
}

// failingChart is the first chart; among stacked ones it leaves the clock to the
// last.
func (s *Screen) failingChart(f *facts, stacked bool) chart.Chart {
	ch := chart.Chart{
		Window: s.Range, Glyphs: s.Glyphs, Markers: f.markers, Bands: f.bands,
		Series: []chart.Series{{Name: f.what, Style: theme.Data1, Kind: chart.Area, From: s.Range.From, Step: f.step, Values: f.failing}},
	}
	if stacked {
		ch.Gutter, ch.NoClock = gutter, true
	}
	return ch
}

func (s *Screen) levelChart(f *facts, i int) chart.Chart {
	return chart.Chart{
		Window: s.Range, Glyphs: s.Glyphs, Bands: f.bands, Bare: true, Gutter: gutter, NoClock: i == 0,
		Series: []chart.Series{{Name: levelNames[i], Style: levelStyles[i], Kind: chart.Area, From: s.Range.From, Step: f.step, Values: f.levels[i].values}},
	}
}
