package gatewaylog

import (
	"time"

	"tripcurve/internal/incident"
)

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
	var order []named
	merged := map[series]*cell{}
	for _, c := range w.cells {
		key := a.series[c.series]
		if key.upstream > 0 {
			continue
		}
		key.endpoint = a.endpoints.resolve(key.endpoint)
		if first := merged[key]; first != nil {
			first.merge(c)
			continue
		}
		merged[key] = c
		order = append(order, named{c, key, a.endpoints.name(key.endpoint)})
	}
	for s := range int64(windowSeconds) {
		at := time.Unix(w.at*windowSeconds+s, 0).UTC()
		for i := range order {
			o := &order[i]
			if o.started[s] == 0 && o.ended[s] == 0 {
				continue
			}
			facts = append(facts, incident.Bucket{
				At: at, Width: time.Second, Endpoint: o.endpoint, Status: int(o.of.status), Outcome: o.of.outcome,
				Started: int64(o.started[s]), Ended: int64(o.ended[s]), Origin: origin,
			})
		}
	}
	facts = appendLatencies(facts, w, order, origin)
	return a.appendUpstreams(facts, w, origin)
}

// named is a cell of an endpoint as it is called now.
type named struct {
	*cell
	of       series
	endpoint incident.Endpoint
}

// appendUpstreams appends the counts of upstreams, each with its sketch.
func (a *Aggregator) appendUpstreams(facts []incident.Fact, w *window, origin incident.Origin) []incident.Fact {
	if !a.upstreams.named() {
		return facts
	}
	for _, c := range w.cells {
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
func appendLatencies(facts []incident.Fact, w *window, order []named, origin incident.Origin) []incident.Fact {
	type key struct {
		endpoint int32
		outcome  incident.Outcome
	}
	have := map[key]*cell{}
	var first []*named
	for i := range order {
		o := &order[i]
		k := key{o.of.endpoint, o.of.outcome}
		switch c := have[k]; {
		case o.none():
		case c != nil:
			c.durations.merge(&o.durations)
		default:
			have[k] = o.cell
			first = append(first, o)
		}
	}
	for _, o := range first {
		o.settle()
		facts = append(facts, incident.Latency{
			At: time.Unix(w.at*windowSeconds, 0).UTC(), Width: windowSeconds * time.Second,
			Endpoint: o.endpoint, Outcome: o.of.outcome, Sketch: o.sketch, Origin: origin,
		})
	}
	return facts
}
