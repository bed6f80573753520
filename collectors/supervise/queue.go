package supervise

import (
	"fmt"

	"tripcurve/internal/incident"
)

// queue holds what came in while the writer was busy, in a bounded space: a
// newer look at the same episode replaces the older one, samples of the same
// series are joined, and beyond the limit the oldest facts of the source that has
// most go, counted: a log that bursts costs no other source anything.
type queue struct {
	limit   int // facts
	points  int // samples inside series, bounded by 8 per fact of the limit
	facts   []incident.Fact
	where   map[incident.ID]int // of episodes and series in facts
	sources []incident.SourceStatus
	dropped int        // since the last batch
	lost    map[of]int // since the start
}

// of is a source by its name.
type of struct{ group, name string }

func ofFact(f incident.Fact) of {
	o := f.Source()
	return of{o.Group, o.Name}
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, where: map[incident.ID]int{}, lost: map[of]int{}}
}

func (q *queue) empty() bool { return len(q.facts) == 0 && len(q.sources) == 0 }

func (q *queue) add(e event) {
	for _, f := range e.facts {
		q.put(f)
	}
	if over := len(q.facts) - q.limit; over > 0 {
		q.drop(over + q.limit/10) // a tenth at once, so that a full queue is not copied for every fact
	}
	for q.points > 8*q.limit && len(q.facts) > 0 {
		q.drop(1 + q.count(q.heaviest())/2)
	}
	if e.status != nil {
		q.source(*e.status)
	}
}

func (q *queue) put(f incident.Fact) {
	switch f := f.(type) {
	case incident.Episode:
		if i, ok := q.where[f.ID()]; ok {
			q.facts[i] = q.facts[i].(incident.Episode).Continue(f)
			return
		}
		q.append(f)
	case incident.Series:
		q.points += len(f.Points)
		i, ok := q.where[f.ID()]
		if !ok {
			q.append(f)
			return
		}
		old := q.facts[i].(incident.Series)
		joined := make([]incident.Point, 0, 2*len(old.Points)+len(f.Points))
		f.Points = append(append(joined, old.Points...), f.Points...)
		if !old.StartAt.IsZero() && f.StartAt.IsZero() {
			f.StartAt = old.StartAt
		}
		q.facts[i] = f
	default:
		q.facts = append(q.facts, f)
	}
}

func (q *queue) append(f incident.Fact) {
	q.where[f.ID()] = len(q.facts)
	q.facts = append(q.facts, f)
}

// drop throws n facts away: the oldest of the source that has most, and when it has
// too few, of the next one.
func (q *queue) drop(n int) {
	for n > 0 && len(q.facts) > 0 {
		n -= q.dropOf(q.heaviest(), n)
	}
	for i := range q.sources {
		q.sources[i].Detail = q.note(of{q.sources[i].Group, q.sources[i].Name}, q.sources[i].Detail)
	}
}

// heaviest is the source that takes most room; of two the first by name.
func (q *queue) heaviest() of {
	weights := map[of]int{}
	for _, f := range q.facts {
		w := 1
		if s, ok := f.(incident.Series); ok {
			w += len(s.Points) / 8 // as points are bounded
		}
		weights[ofFact(f)] += w
	}
	most := of{}
	for o, w := range weights {
		if m := weights[most]; w > m || w == m && (o.group < most.group || o.group == most.group && o.name < most.name) {
			most = o
		}
	}
	return most
}

func (q *queue) count(o of) int {
	n := 0
	for _, f := range q.facts {
		if ofFact(f) == o {
			n++
		}
	}
	return n
}

// dropOf throws the n oldest facts of one source away, and says how many there were.
func (q *queue) dropOf(o of, n int) int {
	kept := make([]incident.Fact, 0, len(q.facts))
	gone := 0
	for _, f := range q.facts {
		if gone < n && ofFact(f) == o {
			gone++
			continue
		}
		kept = append(kept, f)
	}
	q.dropped += gone
	q.lost[o] += gone
	q.facts = q.facts[:0]
	q.points = 0
	clear(q.where)
	for _, f := range kept {
		q.put(f)
	}
	return gone
}

func (q *queue) source(s incident.SourceStatus) {
	s.Detail = q.note(of{s.Group, s.Name}, s.Detail)
	for i := range q.sources {
		if q.sources[i].Name == s.Name && q.sources[i].Group == s.Group {
			q.sources[i] = s
			return
		}
	}
	q.sources = append(q.sources, s)
}

// note adds to a source's detail that the writer could not keep up.
func (q *queue) note(o of, detail string) string {
	if q.lost[o] == 0 {
		return detail
	}
	n := fmt.Sprintf("%d facts dropped: the writer is too slow", q.lost[o])
	if detail == "" {
		return n
	}
	return detail + "; " + n
}

func (q *queue) batch() Batch {
	return Batch{Facts: q.facts, Sources: q.sources, DroppedFacts: q.dropped}
}

// reset forgets what was handed on; the batch keeps its slices.
func (q *queue) reset() {
	q.facts, q.sources, q.dropped, q.points = nil, nil, 0, 0
	clear(q.where)
}
