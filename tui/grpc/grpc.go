// Package grpc is the screen of the calls between services: how many are in
// flight, which is the only place where a call that hangs can be seen, and what
// the latency metrics know, as intervals and with their blind spots in words.
package grpc

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Screen is the screen.
type Screen struct {
	screen.Common
	flows   []flow
	shown   []int // of flows, those that the filter keeps
	others  []*incident.Series
	list    screen.List
	axis    axis // what latency is drawn as
	heat    heat
	flight  chart.Cache
	latency chart.Cache
}

// axis is how latency is drawn.
type axis uint8

const (
	byQuantiles axis = iota // bands over a logarithmic axis
	byHeat                  // a heat map over the same
	byP99                   // over a linear axis
)

var axes = [...]string{"quantiles", "heat", "linear"}

// flow is one kind of call and what is known of it.
type flow struct {
	incident.Flow
	points []incident.FlowPoint
	every  time.Duration // between samples
	most   float64       // in flight, in all of the evidence
	mostAt time.Time
	// level is the number of calls in flight at which the flow stayed for
	// levelHeld; 0 when it did not. A quota or a pool of that size is full then.
	level    float64
	deadline float64 // calls that a deadline ended
	p50, p99 quantile
}

// quantile is the two series of a histogram's quantile: the bounds of the bucket
// that holds it, in seconds. hi is NaN where the histogram is capped; both are
// where no call ended.
type quantile struct{ lo, hi *incident.Series }

// levelHeld is how long a number of calls must not change to be called a level.
const levelHeld = time.Minute

// New is the screen before any data.
func New() *Screen { return &Screen{} }

func (s *Screen) Title() string { return "gRPC" }

func (s *Screen) Actions() []screen.Action {
	return append([]screen.Action{
		{Name: "try-deadline", Keys: []string{"D", "enter"}, Show: "D/enter", Help: "try a deadline on this call: go to Tune", Hint: "try a deadline", Foot: "D"},
		{Name: "copy", Keys: []string{"y"}, Help: "copy what is said of this call", Hint: "copy"},
		{Name: "axis", Keys: []string{"v"}, Arg: "AXIS", Values: axes[:], Help: "latency: quantiles over a logarithmic axis, a heat map, or the p99 over a linear axis", Hint: "heat map"},
	}, append(screen.Moves(), screen.TimeMoves()...)...)
}

func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	if s.Apply(msg) {
		switch msg.(type) {
		case screen.EvidenceMsg:
			s.load()
		case screen.FilterMsg:
			s.filter(s.chosen())
		}
		return s, nil
	}
	switch msg := msg.(type) {
	case screen.ActionMsg:
		return s, s.act(msg)
	case tea.MouseClickMsg:
		s.list.Click(msg, len(s.shown))
	case screen.FocusMsg:
		s.focus(msg.Subject)
	}
	return s, nil
}

func (s *Screen) act(msg screen.ActionMsg) tea.Cmd {
	name := msg.Name
	if s.list.Move(name, len(s.shown), 5) {
		return nil
	}
	if cmd, ok := s.MoveTime(name); ok {
		return cmd
	}
	f := s.selected()
	if f == nil {
		switch name {
		case "axis", "try-deadline", "copy", "yank", "yank-markdown":
			return screen.Say("no call is selected")
		}
		return nil
	}
	switch name {
	case "axis":
		return s.turn(msg.Args)
	case "try-deadline":
		return screen.Show("Tune", incident.Subject{Edge: f.Edge()}, time.Time{})
	case "copy", "yank":
		return screen.Copy(redact.New(redact.Options{}).Text(s.said(f)), "what is known of "+redact.Line(f.Name()))
	case "yank-markdown":
		return screen.Copy("- "+strings.ReplaceAll(redact.Markdown(redact.New(redact.Options{}).Text(s.said(f))), "<br>", "\n- "), "what is known of "+redact.Line(f.Name()))
	}
	return nil
}

// turn takes the axis of a name, or the next one without a name.
func (s *Screen) turn(name string) tea.Cmd {
	next := (s.axis + 1) % axis(len(axes))
	if name != "" {
		i := slices.Index(axes[:], name)
		if i < 0 {
			return screen.Fail(fmt.Errorf("%q is not one of %s", name, strings.Join(axes[:], ", ")))
		}
		next = axis(i)
	}
	s.axis = next
	if f := s.selected(); f != nil {
		why := ""
		switch {
		case next == byHeat:
			why = s.noHeat(f)
		case f.p99.lo == nil:
			why = "no latency to draw: this source tells nothing of how long calls took"
		}
		if why != "" {
			return screen.Say(why)
		}
	}
	return screen.Say([...]string{"latency: quantiles over a logarithmic axis", "latency: a heat map", "latency: the p99 over a linear axis"}[next])
}

// focus selects the call of an edge.
func (s *Screen) focus(subject incident.Subject) {
	for i, n := range s.shown {
		if subject.Edge != "" && s.flows[n].Edge() == subject.Edge {
			s.list.Select(i)
		}
	}
}

func (s *Screen) selected() *flow {
	if s.list.At < len(s.shown) {
		return &s.flows[s.shown[s.list.At]]
	}
	return nil
}

// load reads the flows out of a new view; the one whose calls pile up is
// selected at first.
func (s *Screen) load() {
	first, was := s.flows == nil, s.chosen()
	s.flows, s.others = nil, nil
	if s.View == nil {
		return
	}
	all := s.View.Window
	all.To = all.To.Add(1) // the last sample too
	series := s.View.AllSeries()
	for _, f := range s.View.Flows() {
		s.flows = append(s.flows, newFlow(f, all, series))
	}
	for _, o := range series {
		if isLatency(o) && o.Labels[quantileLabel] == "" {
			s.others = append(s.others, o)
		}
	}
	if deepest, ok := s.View.Deepest(s.View.Window); ok && first {
		was = (&flow{Flow: deepest}).key()
	}
	s.filter(was)
}

// chosen is the key of the selected call; empty without one.
func (s *Screen) chosen() string {
	if f := s.selected(); f != nil {
		return f.key()
	}
	return ""
}

// filter lists what the filter keeps; was is the key of the call to be selected.
func (s *Screen) filter(was string) {
	s.shown = s.shown[:0]
	for i := range s.flows {
		if f := &s.flows[i]; s.Filter.Match(f.Name(), f.Caller, f.Edge()) {
			s.shown = append(s.shown, i)
		}
	}
	s.list.Follow(len(s.shown), func(row int) bool { return s.flows[s.shown[row]].key() == was })
}

func (f *flow) key() string { return f.Caller + " " + f.Name() }

// Labels with which a collector tells quantiles of a histogram.
const (
	quantileLabel = "quantile"
	boundLabel    = "bound"
	statLabel     = "stat" // p99, avg: what a vendor makes of its distribution
)

func newFlow(in incident.Flow, all incident.Window, series []*incident.Series) flow {
	f := flow{Flow: in, points: in.Points(all)}
	var gaps []time.Duration
	var since time.Time
	for i, p := range f.points {
		if i > 0 {
			gaps = append(gaps, p.At.Sub(f.points[i-1].At))
		}
		if p.InFlight > f.most {
			f.most, f.mostAt = p.InFlight, p.At
		}
		f.deadline += p.Deadline
		if i == 0 || p.InFlight != f.points[i-1].InFlight || p.Finished > 0 {
			since = p.At
		}
		if p.At.Sub(since) >= levelHeld && p.InFlight >= 2 {
			f.level = max(f.level, p.InFlight)
		}
	}
	slices.Sort(gaps)
	if len(gaps) > 0 {
		f.every = gaps[len(gaps)/2]
	}
	for _, o := range series {
		if !isLatency(o) || o.Origin.Key() != f.Started.Origin.Key() || !sameMethod(o, f.Started) {
			continue
		}
		q := &f.p99
		switch o.Labels[quantileLabel] {
		case "0.5":
			q = &f.p50
		case "0.99":
		default:
			continue
		}
		if o.Labels[boundLabel] == "lo" {
			q.lo = o
		} else {
			q.hi = o
		}
	}
	return f
}

// isLatency says whether a series is of how long calls took: quantiles that a
// collector took of a histogram, or a metric whose name says it.
func isLatency(s *incident.Series) bool {
	if s.Kind == incident.Gauge && s.Labels[quantileLabel] != "" && s.Labels[boundLabel] != "" {
		return true
	}
	name := strings.ReplaceAll(s.Name, "_", ".")
	return s.Kind == incident.Gauge && (strings.Contains(name, "client.duration") || strings.Contains(name, "client.handling") ||
		strings.Contains(name, "client.call.duration") || strings.Contains(name, "client.attempt.duration"))
}

// sameMethod says whether a latency is of a flow's calls: of the same method and,
// where several processes come by one source, of the same one.
func sameMethod(a, b *incident.Series) bool {
	for _, l := range []string{"client", "service", "job", "instance"} {
		if a.Labels[l] != b.Labels[l] {
			return false
		}
	}
	service, method := incident.MethodOf(a.Labels)
	wantService, wantMethod := incident.MethodOf(b.Labels)
	return service == wantService && method == wantMethod
}

// at is the newest sample at or before an instant, unless it is too old to say
// anything of it.
func (f *flow) at(t time.Time) (incident.FlowPoint, bool) {
	i, found := slices.BinarySearchFunc(f.points, t, func(p incident.FlowPoint, t time.Time) int { return p.At.Compare(t) })
	if !found {
		i--
	}
	if i < 0 || t.Sub(f.points[i].At) > 3*f.every {
		return incident.FlowPoint{}, false
	}
	return f.points[i], true
}

// lastEnded is the last sample at or before t by which a call had ended, and
// whether one ended at all.
func (f *flow) lastEnded(t time.Time) (at time.Time, ok bool) {
	for _, p := range f.points {
		if p.At.After(t) {
			break
		}
		if p.Finished > 0 {
			at, ok = p.At, true
		}
	}
	return at, ok
}

// rates are the calls started and finished per second over the ten samples up to
// t; NaN without samples.
func (f *flow) rates(t time.Time) (started, finished float64) {
	var from, to time.Time
	n := 0
	for i := len(f.points) - 1; i >= 0 && n < 10; i-- {
		p := f.points[i]
		if p.At.After(t) {
			continue
		}
		if to.IsZero() {
			if to = p.At; t.Sub(to) > 3*f.every {
				break
			}
		}
		if p.Restart {
			break
		}
		started, finished = started+p.Started, finished+p.Finished
		n++
		from = p.At.Add(-f.every)
	}
	if n == 0 || !to.After(from) {
		return math.NaN(), math.NaN()
	}
	span := to.Sub(from).Seconds()
	return started / span, finished / span
}

// in is the quantile's bounds at an instant, in words; "" when the source told
// nothing near it.
func (q quantile) in(t time.Time) string {
	if q.lo == nil {
		return ""
	}
	lo, ok := valueAt(q.lo, t)
	if !ok {
		return ""
	}
	if math.IsNaN(lo) {
		return "no call ended"
	}
	hi := math.NaN()
	if q.hi != nil {
		hi, _ = valueAt(q.hi, t)
	}
	if math.IsNaN(hi) {
		return ">= " + seconds(lo, q.lo.Unit)
	}
	return seconds(lo, q.lo.Unit) + " to " + seconds(hi, q.lo.Unit)
}

// valueAt is the newest value at or before t, not older than a minute, or than two
// intervals of a source that tells something less often.
func valueAt(s *incident.Series, t time.Time) (float64, bool) {
	i, found := slices.BinarySearchFunc(s.Points, t, func(p incident.Point, t time.Time) int { return p.At.Compare(t) })
	if !found {
		i--
	}
	if i < 0 {
		return 0, false
	}
	hold := time.Minute
	if i > 0 {
		hold = min(max(hold, 2*s.Points[i].At.Sub(s.Points[i-1].At)), 5*time.Minute)
	}
	if t.Sub(s.Points[i].At) > hold {
		return 0, false
	}
	return s.Points[i].V, true
}

// seconds is a latency for people; without a unit it has none either.
func seconds(v float64, unit string) string {
	if unit == "" {
		return strconv.FormatFloat(v, 'g', 4, 64) + " (unit unknown)"
	}
	if unit == "ms" {
		v /= 1000
	}
	d := time.Duration(v * float64(time.Second))
	if d < time.Second {
		return text.Dur(d)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + "s"
}

// said is what the screen says of a call, one sentence a line.
func (s *Screen) said(f *flow) string {
	var lines []string
	for _, l := range s.sentences(f, text.Clock) {
		lines = append(lines, l.text)
	}
	return redact.Line(f.Name()) + " at " + text.Clock(s.Cursor) + "\n" + strings.Join(lines, "\n")
}

// sentence is one line of what is known, and how bad it is.
type sentence struct {
	text string
	bad  bool
}

// hung is how long no call may have ended before that is said.
const hung = 20 * time.Second

// sentences are what is known of a call, with instants as clock writes them.
func (s *Screen) sentences(f *flow, clock func(time.Time) string) []sentence {
	var out []sentence
	say := func(bad bool, format string, args ...any) {
		out = append(out, sentence{fmt.Sprintf(format, args...), bad})
	}
	p, known := f.at(s.Cursor)
	ended, ever := f.lastEnded(s.Cursor)
	switch {
	case !known:
		say(false, "NO DATA at %s: the source was not scraped then", clock(s.Cursor))
	case p.InFlight > 0 && !ever:
		say(true, "%s in flight, and none has ever ended: latency metrics cannot see a hang", text.Plural(int(p.InFlight), "call"))
	case p.InFlight > 0 && p.At.Sub(ended) >= hung:
		say(true, "no completed call since %s: latency metrics cannot see a hang", clock(ended))
		if f.level > 0 && p.InFlight == f.level {
			say(true, "%s in flight, no more and no fewer: a stream quota or a pool of that size is full", text.Count(int(p.InFlight)))
		}
	default:
		say(false, "%s in flight", text.Plural(int(p.InFlight), "call"))
	}
	if f.deadline > 0 {
		say(false, "deadline: set; it ended %s in this evidence", text.Plural(int(f.deadline), "call"))
	} else if f.most > 1 && f.Codes() {
		say(true, "deadline: none; no call ever ended with DEADLINE_EXCEEDED")
	}
	switch p99 := f.p99.in(s.Cursor); {
	case f.p99.lo == nil:
		say(false, "latency: no histogram from this source")
	case p99 == "":
		say(false, "latency: NO DATA at %s", clock(s.Cursor))
	case p99 == "no call ended":
		say(false, "latency: no call ended in this interval, so there is no p99; that is not a fast one")
	case strings.HasPrefix(p99, ">="):
		say(false, "p99 %s: the histogram ends there, the true value may be any longer", p99)
	default:
		say(false, "p50 %s, p99 %s: the bucket's bounds, all that a histogram knows", f.p50.in(s.Cursor), p99)
	}
	for _, o := range s.others {
		label := strings.TrimSpace(redact.Line(o.Name)+" "+redact.Line(o.Labels[statLabel])) + ofWhat(o)
		v, ok := valueAt(o, s.Cursor)
		switch {
		case !ok || math.IsNaN(v):
			say(false, "%s (%s): NO DATA", label, redact.Line(o.Origin.Name))
		case o.Unit == "ms":
			say(false, "%s (%s): %s ms, of calls that ended", label, redact.Line(o.Origin.Name), text.Number(v))
		default:
			say(false, "%s (%s): %s %s, of calls that ended", label, redact.Line(o.Origin.Name), text.Number(v), redact.Line(o.Unit))
		}
	}
	return out
}

// ofWhat is what a latency that no flow's counters go with is of, as its source says it.
func ofWhat(o *incident.Series) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(o.Labels)) {
		if k != statLabel {
			parts = append(parts, redact.Line(k+":"+o.Labels[k]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " {" + strings.Join(parts, ",") + "}"
}

var _ screen.Screen = (*Screen)(nil)
