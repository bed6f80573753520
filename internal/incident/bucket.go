package incident

import (
	"cmp"
	"slices"
	"strings"
)

// bucket is a Bucket with the byte ranges it was counted from, so that reading
// a file again adds nothing.
type bucket struct {
	Bucket
	parts []part
}

type part struct {
	span
	started, ended int64
}

// span is a range of bytes, half open.
type span struct{ from, to int64 }

func (s span) holds(o span) bool { return s.from <= o.from && o.to <= s.to }
func (s span) meets(o span) bool { return s.from < o.to && o.from < s.to }

// maxParts bounds the ranges of one bucket; beyond it the two oldest are taken
// together with what lies between them.
const maxParts = 64

func (ev *Evidence) addBucket(b Bucket) {
	b.At = b.At.UTC()
	ev.cover(b.At, b.At.Add(b.Width))
	ev.sought.bucket.Bucket = b
	have := ev.buckets.find(&ev.sought.bucket)
	if have == nil {
		n := bucket{Bucket: b}
		if b.Origin.To > b.Origin.From {
			n.parts = []part{{span{b.Origin.From, b.Origin.To}, b.Started, b.Ended}}
		}
		ev.buckets.insert(n)
		return
	}
	if b.Origin.To <= b.Origin.From { // no file: every fact is news
		have.Started += b.Started
		have.Ended += b.Ended
		return
	}
	have.take(part{span{b.Origin.From, b.Origin.To}, b.Started, b.Ended})
}

// take counts a range unless it was counted. A range that holds older ones
// replaces them; one that only overlaps an older one is left out: too few is
// better than twice.
func (b *bucket) take(p part) {
	for _, have := range b.parts {
		if have.meets(p.span) && !p.holds(have.span) {
			return
		}
	}
	kept := make([]part, 0, len(b.parts)+1)
	for _, have := range b.parts {
		if p.holds(have.span) {
			b.Started -= have.started
			b.Ended -= have.ended
			continue
		}
		kept = append(kept, have)
	}
	kept = append(kept, p)
	slices.SortFunc(kept, func(a, b part) int { return cmp.Compare(a.from, b.from) })
	if len(kept) > maxParts {
		kept[1].from = kept[0].from
		kept[1].started += kept[0].started
		kept[1].ended += kept[0].ended
		kept = kept[1:]
	}
	b.parts = kept
	b.Started += p.started
	b.Ended += p.ended
	b.Origin.From, b.Origin.To = kept[0].from, kept[len(kept)-1].to
}

// latency is a Latency with the byte ranges it was made from.
type latency struct {
	Latency
	read spans
}

func (ev *Evidence) addLatency(l Latency) {
	if l.Sketch == nil {
		return
	}
	l.At = l.At.UTC()
	ev.cover(l.At, l.At.Add(l.Width))
	s := span{l.Origin.From, l.Origin.To}
	have := ev.latencies.find(&latency{Latency: l})
	if have == nil {
		ev.latencies.insert(latency{Latency: l, read: spans{s}})
		return
	}
	switch have.read.meet(s) {
	case meetsSome:
		return
	case holdsAll:
		have.Sketch, have.read = l.Sketch, spans{s}
		have.Origin.From, have.Origin.To = s.from, s.to
	case meetsNone:
		merged, err := have.Sketch.Merge(l.Sketch)
		if err != nil {
			return // another accuracy: the first one stays
		}
		have.Sketch = merged
		have.read = have.read.with(s, &have.Origin)
	}
}

// spans are the byte ranges that something which cannot be subtracted was made from.
type spans []span

// meeting says what a range is to those that were read before.
type meeting uint8

const (
	meetsNone meeting = iota
	holdsAll
	meetsSome // it was read already, at least partly
)

func (have spans) meet(s span) meeting {
	if s.to <= s.from { // no file: every fact is news
		return meetsNone
	}
	held := 0 // all or none
	for _, old := range have {
		switch {
		case s != old && s.holds(old):
			held++
		case s.meets(old):
			return meetsSome
		}
	}
	switch held {
	case 0:
		return meetsNone
	case len(have):
		return holdsAll
	}
	return meetsSome
}

// with adds a range, and widens the origin's to it. Beyond maxParts the two oldest are
// taken together with what lies between them.
func (have spans) with(s span, o *Origin) spans {
	if s.to > s.from {
		have = append(slices.Clone(have), s)
		o.From, o.To = min(o.From, s.from), max(o.To, s.to)
	}
	if len(have) > maxParts {
		slices.SortFunc(have, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		have[1].from = have[0].from
		have = have[1:]
	}
	return have
}

func compareBuckets(a, b *Bucket) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Width, b.Width), compareEndpoints(a.Endpoint, b.Endpoint), cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.Outcome, b.Outcome), compareOrigins(&a.Origin, &b.Origin))
}

func compareLatencies(a, b *Latency) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Width, b.Width), compareEndpoints(a.Endpoint, b.Endpoint),
		cmp.Compare(a.Outcome, b.Outcome), compareOrigins(&a.Origin, &b.Origin))
}

// episodeKey is who waits for or does what; with the instant it began it is an
// episode's identity.
type episodeKey struct {
	source  string
	kind    EpisodeKind
	pid     int
	backend int64 // unix seconds of the backend's start
	subject string
}

func (e *Episode) key() episodeKey {
	k := episodeKey{source: e.Origin.Key(), kind: e.Kind, pid: e.Session.PID, subject: e.subject()}
	if !e.Session.BackendStart.IsZero() {
		k.backend = e.Session.BackendStart.Unix()
	}
	return k
}

func compareEpisodes(a, b *Episode) int {
	if c := a.From.Compare(b.From); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Session.PID, b.Session.PID)); c != 0 {
		return c
	}
	subject := 0
	if a.LockType != b.LockType || a.Relation != b.Relation || a.Text != b.Text { // else there is no need to put it together
		subject = strings.Compare(a.subject(), b.subject())
	}
	return cmp.Or(subject, a.Session.BackendStart.Compare(b.Session.BackendStart), compareOrigins(&a.Origin, &b.Origin))
}
