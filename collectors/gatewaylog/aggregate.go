package gatewaylog

import (
	"time"

	"tripcurve/internal/incident"
)

// windowSeconds is the width of a latency sketch, and of what is kept together.
const windowSeconds = 10

// Aggregator turns records into facts. The order of the records does not
// matter, so it may be fed from several readers and merged: seconds stay open
// until Flush.
type Aggregator struct {
	origin    incident.Origin
	endpoints *endpoints
	upstreams *upstreams // nil for a log that names none
	numbers   []int32    // of the exemplars' endpoints among them; nil when they are the same
	series    []series
	byPoint   []pointSeries // of each endpoint
	byAsked   []pointSeries // of each upstream
	windows   map[int64]*window
	hot       [64]*window // direct-mapped by time: what a line needs is nearly always here
	weight    int64       // of what windows hold, in bytes, about
	spool     spool
	exemplars exemplars
	stats     Stats
}

// series is one endpoint, or upstream, with a status and an outcome.
type series struct {
	endpoint int32 // -1 of an upstream's
	upstream int32 // number; 0 of an endpoint's
	status   int32
	outcome  incident.Outcome
	failed   bool
}

// pointSeries are the series of one endpoint or upstream, the one of its first request apart: it
// is that of most.
type pointSeries struct {
	status  int32
	outcome incident.Outcome
	failed  bool
	number  int32 // 1 + that of the series; 0 for none
	others  []int32
}

// window is ten seconds of every series.
type window struct {
	at    int64   // unix seconds / 10
	slot  []int32 // by series: 1 + index into cells, 0 for none
	cells []cell
}

// cell counts one series in one window.
type cell struct {
	series         int32
	started, ended [windowSeconds]uint32
	durations
}

// Stats count what was read. Lines = Parsed + Unparsed + Skipped.
type Stats struct {
	Lines, Parsed, Unparsed int64
	Skipped                 int64 // blank lines, and those older than asked for
	TooLong                 int64 // of the unparsed: cut at 256 KiB
	Injected                int64 // of the parsed: with a fault that Envoy was told to inject
	Twice                   int64 // of the parsed: at a time without a zone that the clocks showed twice
	Bytes                   int64
	First, Last             Instant // of all known starts and ends
	Routes                  int     // patterns that the user gave
	Endpoints               EndpointStats
}

// NewAggregator makes an aggregator whose facts come from origin, with the
// endpoint templates of routes, which may be nil.
func NewAggregator(origin incident.Origin, routes *Routes) *Aggregator {
	return &Aggregator{
		origin: origin, endpoints: newEndpoints(routes), windows: map[int64]*window{},
		stats: Stats{First: Unknown, Last: Unknown},
	}
}

// Add counts a record, which was read from line at byte offset.
func (a *Aggregator) Add(r *Record, line []byte, offset int64) {
	a.stats.Lines++
	a.stats.Parsed++
	ep := a.endpoints.of(r)
	s, failed := a.seriesOf(ep, r.Status, r.Outcome)
	at := countedAt(r)
	a.count(s, &at)
	if at.ended {
		a.cover(r.End)
	}
	if at.started {
		a.cover(r.Start)
	}
	r.upstream = ""
	if a.upstreams != nil {
		if asked := a.upstreams.of(r); asked > 0 {
			a.count(a.askedSeries(asked, r.Status, r.Outcome), &at)
			r.upstream = a.upstreams.name(asked)
		}
	}
	a.exemplars.add(ep, r, failed, line, offset)
}

// stretch is where in time a record is counted.
type stretch struct {
	started, ended         bool  // which of the two is known
	startWindow, endWindow int64 // unix seconds / 10
	startSecond, endSecond int64 // of it
	took                   time.Duration
}

func countedAt(r *Record) (p stretch) {
	p.started, p.ended, p.took = r.Start.Known(), r.End.Known(), r.Took
	if p.started {
		s := r.Start.second()
		p.startWindow = s / windowSeconds
		p.startSecond = s - p.startWindow*windowSeconds
	}
	if p.ended {
		s := r.End.second()
		p.endWindow = s / windowSeconds
		p.endSecond = s - p.endWindow*windowSeconds
	}
	return p
}

// count counts a record in a series.
func (a *Aggregator) count(s int32, at *stretch) {
	var c *cell
	if at.ended {
		c = a.cell(at.endWindow, s)
		c.ended[at.endSecond]++
		if at.took >= 0 {
			a.weight += c.add(at.took)
		}
	}
	if at.started {
		if c == nil || at.startWindow != at.endWindow {
			c = a.cell(at.startWindow, s)
		}
		c.started[at.startSecond]++
	}
}

// AddUnparsed counts a line that did not fit, and why.
func (a *Aggregator) AddUnparsed(line []byte, offset int64, why error) {
	a.stats.Lines++
	a.stats.Unparsed++
	a.exemplars.addUnparsed(line, offset, why)
}

// firstBad is what the first line that was not understood should have been.
func (a *Aggregator) firstBad() string {
	if len(a.exemplars.unparsed) == 0 {
		return ""
	}
	return a.exemplars.unparsed[0].note
}

// Stats are the counts so far.
func (a *Aggregator) Stats() Stats {
	s := a.stats
	s.Endpoints = a.endpoints.stats
	s.Routes = a.endpoints.routes.size()
	return s
}

func (a *Aggregator) cover(i Instant) {
	if a.stats.First == Unknown || i < a.stats.First {
		a.stats.First = i
	}
	if i > a.stats.Last {
		a.stats.Last = i
	}
}

// seriesOf is the number of a series, and whether its requests have failed.
func (a *Aggregator) seriesOf(ep int32, status int, outcome incident.Outcome) (n int32, failed bool) {
	for int(ep) >= len(a.byPoint) {
		a.byPoint = append(a.byPoint, pointSeries{})
	}
	return a.known(&a.byPoint[ep], series{endpoint: ep, status: int32(status), outcome: outcome})
}

// askedSeries is the number of an upstream's series.
func (a *Aggregator) askedSeries(asked int32, status int, outcome incident.Outcome) int32 {
	for int(asked) >= len(a.byAsked) {
		a.byAsked = append(a.byAsked, pointSeries{})
	}
	n, _ := a.known(&a.byAsked[asked], series{endpoint: -1, upstream: asked, status: int32(status), outcome: outcome})
	return n
}

// known is the number of a series among those of p, a new one when it is not there.
func (a *Aggregator) known(p *pointSeries, k series) (n int32, failed bool) {
	if p.status == k.status && p.outcome == k.outcome && p.number > 0 {
		return p.number - 1, p.failed
	}
	for _, n := range p.others {
		if s := &a.series[n]; s.status == k.status && s.outcome == k.outcome {
			return n, s.failed
		}
	}
	k.failed = incident.Bucket{Status: int(k.status), Outcome: k.outcome}.Failed()
	a.series = append(a.series, k)
	n = int32(len(a.series) - 1)
	if p.number == 0 {
		*p = pointSeries{status: k.status, outcome: k.outcome, failed: k.failed, number: n + 1}
	} else {
		p.others = append(p.others, n)
	}
	return n, k.failed
}

// cell is where a series is counted in a window.
func (a *Aggregator) cell(at int64, s int32) *cell {
	w := a.hot[uint64(at)%uint64(len(a.hot))]
	if w == nil || w.at != at {
		if w = a.windows[at]; w == nil {
			w = &window{at: at}
			a.windows[at] = w
		}
		a.hot[uint64(at)%uint64(len(a.hot))] = w
	}
	if int(s) < len(w.slot) {
		if i := w.slot[s]; i > 0 {
			return &w.cells[i-1]
		}
	}
	a.weight += cellWeight
	return w.cell(s)
}

func (w *window) cell(s int32) *cell {
	if int(s) >= len(w.slot) {
		w.slot = append(w.slot, make([]int32, int(s)+8-len(w.slot))...)
	}
	i := w.slot[s]
	if i == 0 {
		w.cells = append(w.cells, cell{series: s})
		i = int32(len(w.cells))
		w.slot[s] = i
	}
	return &w.cells[i-1]
}

// Flush hands out what was counted since the last Flush, read from the bytes
// [from, to) of the origin's file; both are 0 when it is no file. Counts are
// increments: a second that comes again in a later Flush has more requests in
// it, from other bytes. Facts are in order of time, exemplars last.
func (a *Aggregator) Flush(from, to int64) []incident.Fact {
	var all []incident.Fact
	_ = a.flush(from, to, func(facts []incident.Fact) error { // which has no error to give
		all = append(all, facts...)
		return nil
	})
	return all
}

// flushBatch is how many facts are handed out at once, about.
const flushBatch = 4096

// flush is Flush in batches, for a long log has millions of facts.
func (a *Aggregator) flush(from, to int64, emit func([]incident.Fact) error) error {
	origin := a.origin
	if origin.File != "" {
		origin.From, origin.To = from, to
	}
	clear(a.hot[:])
	var facts []incident.Fact
	err := eachWindow(a.times(), a.windows, a.spool.runs, func(w *window) error {
		facts = a.appendWindow(facts, w, origin)
		if len(facts) < flushBatch {
			return nil
		}
		given := facts
		facts = nil
		return emit(given)
	})
	a.weight = 0
	a.spool.close()
	if err != nil {
		return err
	}
	if facts = a.exemplars.flush(facts, a); len(facts) == 0 {
		return nil
	}
	return emit(facts)
}

// appendWindow appends the facts of ten seconds. Series whose endpoints have
// become one by now are counted together.
func (a *Aggregator) appendWindow(facts []incident.Fact, w *window, origin incident.Origin) []incident.Fact {
	order := make([]int32, 0, len(w.cells))
	merged := map[series]int32{}
	for i := range w.cells {
		key := a.series[w.cells[i].series]
		if key.upstream > 0 {
			continue
		}
		key.endpoint = a.endpoints.resolve(key.endpoint)
		if first, ok := merged[key]; ok {
			w.cells[first].merge(&w.cells[i])
			continue
		}
		merged[key] = int32(i)
		order = append(order, int32(i))
	}
	for s := range int64(windowSeconds) {
		at := time.Unix(w.at*windowSeconds+s, 0).UTC()
		for _, i := range order {
			c := &w.cells[i]
			if c.started[s] == 0 && c.ended[s] == 0 {
				continue
			}
			sr := a.series[c.series]
			facts = append(facts, incident.Bucket{
				At: at, Width: time.Second, Endpoint: a.endpoints.name(sr.endpoint), Status: int(sr.status), Outcome: sr.outcome,
				Started: int64(c.started[s]), Ended: int64(c.ended[s]), Origin: origin,
			})
		}
	}
	facts = a.appendLatencies(facts, w, order, origin)
	return a.appendUpstreams(facts, w, origin)
}

// appendUpstreams appends the counts of upstreams, each with its sketch.
func (a *Aggregator) appendUpstreams(facts []incident.Fact, w *window, origin incident.Origin) []incident.Fact {
	if !a.upstreams.named() {
		return facts
	}
	for i := range w.cells {
		c := &w.cells[i]
		sr := a.series[c.series]
		if sr.upstream == 0 {
			continue
		}
		u := incident.Upstream{
			At: time.Unix(w.at*windowSeconds, 0).UTC(), Width: windowSeconds * time.Second,
			Name: a.upstreams.name(sr.upstream), Status: int(sr.status), Outcome: sr.outcome, Origin: origin,
		}
		for s := range windowSeconds {
			u.Started += int64(c.started[s])
			u.Ended += int64(c.ended[s])
		}
		if !c.none() {
			c.settle()
			u.Sketch = c.sketch
		}
		facts = append(facts, u)
	}
	return facts
}

// appendLatencies appends one sketch per endpoint and outcome.
func (a *Aggregator) appendLatencies(facts []incident.Fact, w *window, order []int32, origin incident.Origin) []incident.Fact {
	type key struct {
		endpoint int32
		outcome  incident.Outcome
	}
	have := map[key]*cell{}
	var keys []key
	for _, i := range order {
		c := &w.cells[i]
		sr := a.series[c.series]
		k := key{a.endpoints.resolve(sr.endpoint), sr.outcome}
		switch first, ok := have[k]; {
		case c.none():
		case ok:
			first.durations.merge(&c.durations)
		default:
			have[k] = c
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		c := have[k]
		c.settle()
		facts = append(facts, incident.Latency{
			At: time.Unix(w.at*windowSeconds, 0).UTC(), Width: windowSeconds * time.Second,
			Endpoint: a.endpoints.name(k.endpoint), Outcome: k.outcome, Sketch: c.sketch, Origin: origin,
		})
	}
	return facts
}

// merge counts other in c as well.
func (c *cell) merge(other *cell) {
	for i := range c.started {
		c.started[i] += other.started[i]
		c.ended[i] += other.ended[i]
	}
	c.durations.merge(&other.durations)
}

// Merge takes over what other has counted since its last Flush; other must not
// be used afterwards.
func (a *Aggregator) Merge(other *Aggregator) {
	numbers := a.endpoints.take(other.endpoints)
	var asked []int32
	if other.upstreams != nil {
		if a.upstreams == nil {
			a.upstreams = newUpstreams()
		}
		asked = a.upstreams.take(other.upstreams)
	}
	translated := make([]int32, len(other.series))
	for i, s := range other.series {
		if s.upstream > 0 {
			translated[i] = a.askedSeries(asked[s.upstream], int(s.status), s.outcome)
			continue
		}
		translated[i], _ = a.seriesOf(numbers[s.endpoint], int(s.status), s.outcome)
	}
	a.spool.take(&other.spool, translated)
	for at, w := range other.windows {
		for i := range w.cells {
			c := &w.cells[i]
			a.cell(at, translated[c.series]).merge(c)
		}
	}
	a.exemplars.merge(&other.exemplars, numbers)
	a.stats.merge(other.stats)
}

func (s *Stats) merge(o Stats) {
	s.Lines += o.Lines
	s.Parsed += o.Parsed
	s.Unparsed += o.Unparsed
	s.Skipped += o.Skipped
	s.TooLong += o.TooLong
	s.Twice += o.Twice
	s.Injected += o.Injected
	s.Bytes += o.Bytes
	s.Routes = max(s.Routes, o.Routes)
	s.Endpoints.merge(o.Endpoints)
	if o.First != Unknown && (s.First == Unknown || o.First < s.First) {
		s.First = o.First
	}
	s.Last = max(s.Last, o.Last)
}
