package gatewaylog

import (
	"time"

	"tripcurve/internal/incident"
)

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
	hot       [64]second // direct-mapped: what a line needs is nearly always here
	weight    int64      // of what windows hold, in bytes, about
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
	asked := int32(-1)
	r.asked = 0
	if a.upstreams != nil {
		if r.asked = a.upstreams.of(r); r.asked > 0 {
			asked = a.askedSeries(r.asked, r.Status, r.Outcome)
		}
	}
	ms := countedAs(r.Took)
	var c, cAsked *cell
	var ends *window
	if r.End.Known() {
		a.cover(r.End)
		var second int
		ends, second = a.second(r.End)
		c = a.cell(ends, s)
		a.end(c, second, r.Took, ms)
		if asked >= 0 {
			cAsked = a.cell(ends, asked)
			a.end(cAsked, second, r.Took, ms)
		}
	}
	if r.Start.Known() {
		a.cover(r.Start)
		starts, second := a.second(r.Start)
		if starts != ends {
			c = a.cell(starts, s)
			if asked >= 0 {
				cAsked = a.cell(starts, asked)
			}
		}
		c.started[second]++
		if asked >= 0 {
			cAsked.started[second]++
		}
	}
	a.exemplars.add(ep, r, failed, line, offset)
}

// end counts a request that ended in a second of the cell's window. ms is the duration
// as countedAs gives it.
func (a *Aggregator) end(c *cell, second int, took time.Duration, ms int) {
	c.ended[second]++
	switch {
	case ms >= 0 && c.ms != nil: // most requests of a busy log
		c.ms[ms]++
	case took >= 0:
		a.weight += c.add(took)
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
		here := a.window(at)
		for _, c := range w.cells {
			a.cell(here, translated[c.series]).merge(c)
		}
	}
	a.exemplars.merge(&other.exemplars, numbers, asked)
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
