package cause

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/anomaly"
)

const (
	stepsBefore = 480 // of the grid, before the impact's beginning
	stepsAfter  = 120
	// mostEndpoints bounds how many endpoints are followed as series, the worst
	// first.
	mostEndpoints = 32
	// half is the least sigma of a count, in events of one sample.
	half = 0.5
	// latencyStep is the interval of latencies, and slowSteps of them, 40 min, are
	// what slower answers are told from.
	latencyStep = 10 * time.Second
	slowSteps   = 240
	// leastSlower is a difference in latency that nobody notices.
	leastSlower = 5 * time.Millisecond
	// namedAgreeing is how many agreeing series the line names.
	namedAgreeing = 3
)

// measure is a row and what it is made of.
type measure struct {
	anomaly.Row
	of    *incident.Series // whose own values they are; nil for what is named here
	named incident.Agreed  // its Name and Support
}

// agreed names a measure that changed with others; most do not, so a series' name is
// put together only now.
func (m *measure) agreed(a anomaly.Agreement, at time.Time) incident.Agreed {
	x := m.named
	if m.of != nil {
		x.Name, x.Support = describe(m.of), []incident.ID{m.of.ID()}
	}
	x.Jump, x.At = a.Jump, at
	return x
}

// grid is the instants at which all series are compared.
type grid struct {
	from time.Time
	step time.Duration
	n    int
}

func (g grid) at(i int) time.Time { return g.from.Add(time.Duration(i) * g.step) }
func (g grid) window() incident.Window {
	return incident.Window{From: g.from, To: g.at(g.n)}
}

// onset finds when series changed together around the beginning of the impact;
// where no request failed, whether users wait longer than they did and series
// changed together then.
func (s *scene) onset() incident.Onset {
	if s.impact == (incident.Window{}) {
		return s.slowOnset()
	}
	g := s.onsetGrid()
	measures := s.measures(g)
	found, ok := anomaly.Consensus(rowsOf(measures), anomaly.ConsensusParams{})
	if found.Of == 0 {
		return incident.Onset{Says: "No onset: there is no series that varies"}
	}
	if !ok {
		return incident.Onset{Of: found.Of, Says: fmt.Sprintf("No onset: none of %s changed around %s", things(found.Of, "series", "series"), clock(s.impact.From))}
	}
	o := onsetOf(g, found, measures)
	o.Opens = o.Together && s.impact.From.Sub(o.At).Abs() <= around+o.Err
	o.Says = onsetLine(o)
	return o
}

// slowOnset looks at the end of the evidence, where the present is while it is
// recorded: an endpoint's latency that left its usual range, and a common onset.
// That most of the time no latency alarms is why it costs next to nothing.
func (s *scene) slowOnset() incident.Onset {
	users := s.endpoints[:min(mostEndpoints, len(s.endpoints))]
	if len(users) == 0 {
		return incident.Onset{}
	}
	g := grid{step: latencyStep, n: slowSteps}
	g.from = s.v.Window.To.Add(-slowSteps * latencyStep).Truncate(latencyStep)
	var indicators []anomaly.Indicator
	for _, x := range users {
		if m := s.latencyMeasure(g, x); m.Every <= 1 { // wider ones would count several times
			indicators = append(indicators, anomaly.Indicator{ID: x.Endpoint.String(), Bad: anomaly.Up, Values: m.Values, Quantum: leastSlower.Seconds()})
		}
	}
	var measures []measure
	found := anomaly.Open(indicators, func() []anomaly.Row {
		measures = s.measures(g)
		return rowsOf(measures)
	}, anomaly.ConsensusParams{})
	if !found.Open {
		return incident.Onset{}
	}
	o := onsetOf(g, found.Onset, measures)
	o.Opens = true
	b := found.Breaches[0]
	o.Slow = fmt.Sprintf("%s takes %s instead of %s since %s", b.ID, short(durationOf(b.Effect.During)), short(durationOf(b.Effect.Before)), clock(o.At))
	o.Says = onsetLine(o)
	return o
}

func rowsOf(measures []measure) []anomaly.Row {
	rows := make([]anomaly.Row, len(measures))
	for i, m := range measures {
		rows[i] = m.Row
	}
	return rows
}

// onsetOf is what was found on a grid, in instants and names.
func onsetOf(g grid, found anomaly.Onset, measures []measure) incident.Onset {
	o := incident.Onset{At: g.at(found.At), Err: time.Duration(found.Err) * g.step, Of: found.Of, Together: found.Together()}
	byID := map[string]*measure{}
	for i := range measures {
		byID[measures[i].ID] = &measures[i]
	}
	for _, a := range found.Agree {
		o.Agree = append(o.Agree, byID[a.ID].agreed(a, g.at(a.At)))
	}
	return o
}

// onsetLine says when, how surely, and who agrees.
func onsetLine(o incident.Onset) string {
	var names []string
	for _, a := range o.Agree[:min(namedAgreeing, len(o.Agree))] {
		way := "up"
		if a.Jump < 0 {
			way = "down"
		}
		names = append(names, a.Name+" "+way)
	}
	of := fmt.Sprintf("%s of %s that vary changed at %s ± %s", count(len(o.Agree)), things(o.Of, "series", "series"), clock(o.At), whole(o.Err))
	if more := len(o.Agree) - len(names); more > 0 {
		names = append(names, count(more)+" more")
	}
	if len(names) > 0 {
		of += ": " + strings.Join(names, ", ")
	}
	if !o.Together {
		return "No common onset: only " + of
	}
	return "Onset by consensus: " + of
}

// onsetGrid is some minutes around the impact's beginning, by the second: that is
// how a log has its requests, and without one there is no impact.
func (s *scene) onsetGrid() grid {
	const step = time.Second
	return grid{from: s.impact.From.Truncate(step).Add(-stepsBefore * step), step: step, n: stepsBefore + stepsAfter}
}

// measures are all series of the evidence, each once, as they are compared:
// counters as rates, calls as what is in flight, requests of each endpoint.
func (s *scene) measures(g grid) []measure {
	var list []measure
	list = append(list, s.requestMeasures(g)...)
	for _, c := range s.flows {
		f, points := c.flow, cut(c.wide, g.window())
		inFlight := make([]incident.Point, len(points))
		for i, p := range points {
			inFlight[i] = incident.Point{At: p.At, V: p.InFlight}
		}
		name := f.Edge()
		if f.Method != "" {
			name += " " + f.Method
		}
		m := measureOf(g, inFlight, half)
		id := f.Started.ID()
		m.ID, m.named = "in flight/"+string(id), incident.Agreed{Name: name + " in flight", Support: []incident.ID{id}}
		list = append(list, m)
	}
	means := map[*incident.Series]bool{}
	for _, h := range s.histograms(g.window()) { // a sum grows with the calls; what a call takes is news
		means[h.sum] = true
		w := g.window()
		m := measureOf(g, anomaly.Means(near(h.sum.Points, w), near(h.count.Points, w)), 0)
		id := h.sum.ID()
		m.ID, m.named = string(id), incident.Agreed{
			Name: strings.TrimRight(strings.TrimSuffix(h.sum.Name, "sum"), "_.") + methodSuffix(h.sum), Support: []incident.ID{id, h.count.ID()},
		}
		list = append(list, m)
	}
	for _, x := range s.v.AllSeries() {
		if x.Name == incident.SettingSeries || means[x] || strings.HasSuffix(x.Name, "_bucket") {
			continue
		}
		points := near(x.Points, g.window())
		quantum := 0.0
		counts := x.Unit == "1" || x.Unit == ""
		switch {
		case x.Kind == incident.Counter:
			points = anomaly.Rates(points)
			if own := anomaly.StepOf(points); counts && own > 0 {
				quantum = half / own.Seconds()
			}
		case counts:
			quantum = half
		}
		m := measureOf(g, points, quantum)
		m.ID, m.of = string(x.ID()), x
		list = append(list, m)
	}
	return list
}

// measureOf puts points on the grid; the caller names it.
func measureOf(g grid, points []incident.Point, quantum float64) measure {
	own := anomaly.StepOf(points)
	return measure{Row: anomaly.Row{Values: anomaly.Grid(points, own, g.from, g.step, g.n), Every: int(own / g.step), Quantum: quantum}}
}

// requestMeasures are what the gateway saw of its worst endpoints: requests and
// failures by the second of their start, latency by their end.
func (s *scene) requestMeasures(g grid) []measure {
	var list []measure
	for _, x := range s.endpoints[:min(mostEndpoints, len(s.endpoints))] {
		e := x.Endpoint
		add := func(what string, values []float64, every int, quantum float64) {
			list = append(list, measure{
				Row:   anomaly.Row{ID: what + "/" + e.String(), Values: values, Every: every, Quantum: quantum},
				named: incident.Agreed{Name: e.String() + " " + what, Support: x.Support[:min(1, len(x.Support))]},
			})
		}
		add("requests", s.v.Rate(func(b incident.Bucket) bool { return b.Endpoint == e }, g.window(), g.step, x.ByEnd), 1, half)
		add("failures", s.v.Rate(func(b incident.Bucket) bool { return b.Endpoint == e && b.Failed() }, g.window(), g.step, x.ByEnd), 1, half)
		m := s.latencyMeasure(g, x)
		add("latency", m.Values, m.Every, 0)
	}
	return list
}

// latencyMeasure is an endpoint's usual latency by the end of its requests, in
// seconds.
func (s *scene) latencyMeasure(g grid, x incident.Impact) measure {
	e := x.Endpoint
	var took []incident.Point // one a step, of all outcomes
	var merged incident.Sketch
	var of time.Time
	flush := func(width time.Duration) {
		if merged == nil {
			return
		}
		if q := merged.Quantile(0.5); !q.Capped {
			took = append(took, incident.Point{At: of.Add(width), V: ((q.Lo + q.Hi) / 2).Seconds()})
		}
	}
	var width time.Duration
	s.v.EachLatency(g.window(), func(l *incident.Latency) {
		if l.Endpoint != e {
			return
		}
		if merged != nil && l.At.Equal(of) {
			merged = incident.Together(merged, l.Sketch)
			return
		}
		flush(width)
		merged, of, width = l.Sketch, l.At, l.Width
	})
	flush(width)
	return measureOf(g, took, 0)
}

// near are the points in a window and the one before it.
func near(points []incident.Point, w incident.Window) []incident.Point {
	before := func(p incident.Point, at time.Time) int { return p.At.Compare(at) }
	from, _ := slices.BinarySearchFunc(points, w.From, before)
	to, _ := slices.BinarySearchFunc(points, w.To, before)
	return points[max(0, from-1):max(from, to)]
}

// describe names a series for a reader: the metric, whose, and how calls ended.
func describe(x *incident.Series) string {
	text := x.Name + methodSuffix(x)
	if text == x.Name {
		for _, k := range slices.Sorted(maps.Keys(x.Labels)) {
			text += " " + x.Labels[k]
		}
	}
	for _, k := range incident.StatusLabels() {
		if v := x.Labels[k]; v != "" && !strings.Contains(text, " "+v) {
			text += " " + v
			break
		}
	}
	return text
}

// methodSuffix is a blank and the method that a series' labels name.
func methodSuffix(x *incident.Series) string {
	service, method := incident.MethodOf(x.Labels)
	if service == "" && method == "" {
		return ""
	}
	return " " + strings.Trim(service+"/"+method, "/")
}
