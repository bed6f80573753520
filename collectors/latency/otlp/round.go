package otlp

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/collectors/latency"
	"tripcurve/internal/incident"
)

// round is what one point of each series tells: one export. All of them get its
// time, for an SDK stamps each instrument by itself, microseconds apart, and calls
// in flight are a difference of two.
func (r *Reading) round(p *process, samples []sample) []incident.Fact {
	slices.SortFunc(samples, func(a, b sample) int { return strings.Compare(a.key, b.key) })
	var at time.Time
	for _, s := range samples {
		if s.at.After(at) {
			at = s.at
		}
	}
	t := &turn{r: r, p: p, at: at}
	for _, s := range samples {
		t.take(s)
	}
	for _, s := range samples {
		p.metrics[s.metric] = at
	}
	t.addedUp()
	t.quantiles()
	if at.After(r.stats.Newest) {
		r.stats.Newest = at
	}
	return t.facts
}

// turn is a round while it is read.
type turn struct {
	r     *Reading
	p     *process
	at    time.Time
	facts []incident.Fact
}

// take reads one point.
func (t *turn) take(s sample) {
	st, known := t.p.streams[s.key], true
	if st == nil {
		st, known = &stream{}, false
		t.p.streams[s.key] = st
		t.r.streams++
	}
	older := known && !s.delta && s.start != 0 && s.start < st.start
	if known && !t.at.After(st.last) || older {
		t.r.stats.Again++
		return
	}
	t.r.stats.Points++
	if !s.counter {
		v := s.value
		if s.delta {
			st.value += v
			v = st.value
		}
		st.last = t.at
		t.tell(s, s.metric, s.unit, incident.Gauge, v)
		return
	}
	if s.delta {
		t.delta(st, s)
	} else {
		t.cumulative(st, known, s)
	}
	st.last = t.at
}

// tell is one value of a series.
func (t *turn) tell(s sample, name, unit string, kind incident.SeriesKind, v float64, before ...incident.Point) {
	f := t.series(s, name, unit, kind)
	f.Points = append(before, incident.Point{At: t.at, V: v})
	t.facts = append(t.facts, f)
}

// series is a sample's, without points.
func (t *turn) series(s sample, name, unit string, kind incident.SeriesKind) incident.Series {
	as, labels, caveat := t.r.names.Told(name, s.labels)
	f := incident.Series{Name: as, Labels: labels, Unit: unit, Kind: kind, Origin: t.r.origin, Caveat: caveat}
	if s.delta {
		f.Caveat = strings.TrimPrefix(caveat+"; "+Added, "; ")
	}
	if s.start != 0 && !s.delta {
		f.StartAt = time.Unix(0, int64(min(s.start, math.MaxInt64))).UTC()
	}
	return f
}

// cumulative reads a counter, or a histogram, since its process began.
func (t *turn) cumulative(st *stream, known bool, s sample) {
	now := s.value
	if s.hist != nil {
		now = s.hist.count
	}
	exported := t.p.metrics[s.metric] // before this; a series of it that is new was born since
	anew := known && (s.start > st.start && st.start != 0 || now < st.value)
	var before []incident.Point
	switch {
	case anew:
		before = []incident.Point{{At: t.restart(st, s.start)}}
	case !known && !exported.IsZero() && exported.Before(t.at):
		before = []incident.Point{{At: exported}} // it counts from 0, however big it is
	}
	if s.hist == nil {
		t.tell(s, s.metric, s.unit, incident.Counter, now, before...)
	} else {
		t.tell(s, s.metric+".count", "1", incident.Counter, now, before...)
		if !math.IsNaN(s.hist.sum) {
			t.tell(s, s.metric+".sum", s.unit, incident.Counter, s.hist.sum, before...)
		}
		ended := s.hist.spans
		if known && !anew {
			ended = latency.Since(s.hist.spans, st.spans)
		}
		if s.hist.buckets && (known || before != nil) { // else they are of all the time before we looked
			t.ended(s, ended)
		}
		st.spans = s.hist.spans
	}
	st.start, st.value = max(s.start, st.start), now
}

// restart notes that a process is a new one, and says when its counters were 0.
func (t *turn) restart(st *stream, start uint64) time.Time {
	at := time.Unix(0, int64(min(start, math.MaxInt64))).UTC()
	if !at.After(st.last) || !at.Before(t.at) {
		at = st.last.Add(t.at.Sub(st.last) / 2)
	}
	if t.p.restarted.Before(st.last) { // its other series began anew as well
		t.p.restarted = t.at
		t.facts = append(t.facts, incident.Change{
			At: at, Kind: incident.Restart, System: t.p.system, Text: "the process behind " + t.p.system + " began anew", Origin: t.r.origin,
		})
	}
	return at
}

// delta reads what an interval adds to a counter or histogram. Counters of calls
// are told at the end of the round, also those that the interval had none of.
func (t *turn) delta(st *stream, s sample) {
	name, unit, added := s.metric, s.unit, s.value
	if s.hist != nil {
		name, unit, added = s.metric+".count", "1", s.hist.count
		if !math.IsNaN(s.hist.sum) {
			st.sum += s.hist.sum
			t.tell(s, s.metric+".sum", s.unit, incident.Counter, st.sum)
		}
		if s.hist.buckets {
			t.ended(s, s.hist.spans)
		}
	}
	st.value += added
	f := t.series(s, name, unit, incident.Counter)
	n, ok := incident.CallNamesOf(f.Name)
	if !ok || n.Started == "" || f.Name != n.Started && f.Name != n.Finished {
		t.tell(s, name, unit, incident.Counter, st.value)
		return
	}
	without := maps.Clone(f.Labels)
	for _, l := range incident.StatusLabels() {
		delete(without, l)
	}
	key := string(incident.Series{Name: n.Started, Labels: without}.ID())
	of := t.p.pairs[key]
	if of == nil {
		of = &pair{series: map[string]incident.Series{}}
		t.p.pairs[key] = of
	}
	of.series[s.key] = f
	if f.Name == n.Started {
		of.started = st
	} else {
		of.finished += added
	}
}

// addedUp tells the counters of calls of delta temporality. No point means nothing
// added, and calls that end without having been seen to start were in flight when
// we began to look.
func (t *turn) addedUp() {
	for _, key := range slices.Sorted(maps.Keys(t.p.pairs)) {
		of := t.p.pairs[key]
		if of.started != nil && of.finished > of.started.value {
			of.started.value = of.finished
		}
		for _, key := range slices.Sorted(maps.Keys(of.series)) {
			f := of.series[key]
			f.Points = []incident.Point{{At: t.at, V: t.p.streams[key].value}}
			t.facts = append(t.facts, f)
		}
	}
}

// group is what a histogram's calls are added to: those of its method.
func (t *turn) group(s sample) *group {
	labels := t.r.names.WithoutStatus(s.metric, s.labels)
	key := string(incident.Series{Name: s.metric, Labels: labels}.ID())
	g := t.p.groups[key]
	if g == nil {
		g = &group{series: incident.Series{Name: s.metric, Labels: labels, Origin: t.r.origin}}
		t.p.groups[key] = g
	}
	g.known = s.hist.known
	return g
}

// ended adds calls that ended in this interval.
func (t *turn) ended(s sample, calls []latency.Span) {
	g := t.group(s)
	n := 0.0
	for _, c := range calls {
		n += c.N
	}
	if n == 0 {
		return
	}
	g.spans = latency.Join(append(g.spans, calls...))
	switch e := s.hist.within; {
	case e == nil:
		g.loose = true
	case g.within == nil:
		g.within = &latency.Extremes{Min: e.Min, Max: e.Max}
	default:
		g.within.Min, g.within.Max = min(g.within.Min, e.Min), max(g.within.Max, e.Max)
	}
}

// quantiles tells those of what ended, and that none did: a method that no call of
// ended has no latency, which is not a small one.
func (t *turn) quantiles() {
	for _, key := range slices.Sorted(maps.Keys(t.p.groups)) {
		g := t.p.groups[key]
		calls := latency.HistogramOf(g.spans)
		if !g.loose {
			calls.Within = g.within
		}
		t.facts = append(t.facts, latency.QuantileSeries(g.series, t.at, calls, g.known)...)
		g.spans, g.within, g.loose = nil, nil, false
	}
}
