package supervise

import (
	"fmt"

	"tripcurve/internal/incident"
)

// queue holds what came in while the writer was busy, in a bounded space: a
// newer look at the same episode replaces the older one, samples of the same
// series are joined, and beyond the limit the oldest facts go, counted.
type queue struct {
	limit   int // facts
	points  int // samples inside series, bounded by 8 per fact of the limit
	facts   []incident.Fact
	where   map[incident.ID]int // of episodes and series in facts
	sources []incident.SourceStatus
	dropped int // since the last batch
	lost    int // since the start
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, where: map[incident.ID]int{}}
}

func (q *queue) empty() bool { return len(q.facts) == 0 && len(q.sources) == 0 }

func (q *queue) add(e event) {
	for _, f := range e.facts {
		q.put(f)
	}
	if over := len(q.facts) - q.limit; over > 0 {
		q.drop(over + q.limit/10) // a tenth at once, so that a full queue is not copied for every fact
	}
	if q.points > 8*q.limit {
		q.drop(len(q.facts)/2 + 1)
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

// drop throws the n oldest facts away.
func (q *queue) drop(n int) {
	n = min(n, len(q.facts))
	q.dropped += n
	q.lost += n
	kept := append([]incident.Fact(nil), q.facts[n:]...)
	q.facts = q.facts[:0]
	q.points = 0
	clear(q.where)
	for _, f := range kept {
		q.put(f)
	}
	for i := range q.sources {
		q.sources[i].Detail = q.note(q.sources[i].Detail)
	}
}

func (q *queue) source(s incident.SourceStatus) {
	s.Detail = q.note(s.Detail)
	for i := range q.sources {
		if q.sources[i].Name == s.Name && q.sources[i].Group == s.Group {
			q.sources[i] = s
			return
		}
	}
	q.sources = append(q.sources, s)
}

// note adds to a source's detail that the writer could not keep up.
func (q *queue) note(detail string) string {
	if q.lost == 0 {
		return detail
	}
	n := fmt.Sprintf("%d facts dropped: the writer is too slow", q.lost)
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
