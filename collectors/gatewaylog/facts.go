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
