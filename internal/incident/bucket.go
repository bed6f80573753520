package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// bucket is a Bucket in a third of its size, for there may be one for each second of
// days, with the byte ranges it was counted from, so that reading a file again adds
// nothing.
type bucket struct {
	sec            int64 // of At, since 1970
	nsec           int32
	kind           *bucketKind
	started, ended int64
	from, to       int64
	parts          *[]part // nil: all of it was counted from that range, where it is one
}

// bucketKind is what the buckets of many seconds have in common.
type bucketKind struct {
	width             time.Duration
	endpoint          Endpoint
	status            int
	outcome           Outcome
	group, name, file string // of the origin
}

// bucket is b as it is kept, counted from one range.
func (ev *Evidence) bucket(b *Bucket) bucket {
	key := bucketKind{b.Width, b.Endpoint, b.Status, b.Outcome, b.Origin.Group, b.Origin.Name, b.Origin.File}
	kind := ev.kinds[key]
	if kind == nil {
		kind = &key
		ev.kinds[key] = kind
	}
	return bucket{
		sec: b.At.Unix(), nsec: int32(b.At.Nanosecond()), kind: kind,
		started: b.Started, ended: b.Ended, from: b.Origin.From, to: b.Origin.To,
	}
}

func (b *bucket) at() time.Time { return time.Unix(b.sec, int64(b.nsec)).UTC() }

func (b *bucket) over(before time.Time) bool { return !b.at().Add(b.kind.width).After(before) }

// whole is the bucket as others see it.
func (b *bucket) whole() Bucket {
	k := b.kind
	return Bucket{
		At: b.at(), Width: k.width, Endpoint: k.endpoint, Status: k.status, Outcome: k.outcome, Started: b.started, Ended: b.ended,
		Origin: Origin{Group: k.group, Name: k.name, File: k.file, From: b.from, To: b.to},
	}
}

func compareBuckets(a, b *bucket) int {
	if c := cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.nsec, b.nsec)); c != 0 || a.kind == b.kind {
		return c
	}
	x, y := a.kind, b.kind
	return cmp.Or(cmp.Compare(x.width, y.width), compareEndpoints(x.endpoint, y.endpoint), cmp.Compare(x.status, y.status), cmp.Compare(x.outcome, y.outcome),
		strings.Compare(x.group, y.group), strings.Compare(x.name, y.name), strings.Compare(x.file, y.file))
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
	ev.sought.bucket = ev.bucket(&b)
	have := ev.buckets.find(&ev.sought.bucket)
	switch {
	case have == nil:
		ev.buckets.insert(ev.sought.bucket)
	case b.Origin.To <= b.Origin.From: // no file: every fact is news
		have.parts = have.ranges()
		have.started += b.Started
		have.ended += b.Ended
	default:
		have.take(part{span{b.Origin.From, b.Origin.To}, b.Started, b.Ended})
	}
}

// ranges are those it was counted from.
func (b *bucket) ranges() *[]part {
	switch {
	case b.parts != nil:
		return b.parts
	case b.to > b.from:
		return &[]part{{span{b.from, b.to}, b.started, b.ended}}
	}
	return &[]part{}
}

// take counts a range unless it was counted. A range that holds older ones
// replaces them; one that only overlaps an older one is left out: too few is
// better than twice.
func (b *bucket) take(p part) {
	parts := *b.ranges()
	for _, have := range parts {
		if have.meets(p.span) && !p.holds(have.span) {
			return
		}
	}
	kept := make([]part, 0, len(parts)+1)
	for _, have := range parts {
		if p.holds(have.span) {
			b.started -= have.started
			b.ended -= have.ended
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
	b.started += p.started
	b.ended += p.ended
	b.from, b.to = kept[0].from, kept[len(kept)-1].to
	b.parts = nil
	if len(kept) > 1 || kept[0].started != b.started || kept[0].ended != b.ended {
		b.parts = &kept
	}
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
	l.At, l.Sketch = l.At.UTC(), l.Sketch.Packed()
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
