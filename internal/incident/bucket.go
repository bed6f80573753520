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
	kind           *countKind
	started, ended int64
	from, to       int64
	parts          *[]part // nil: all of it was counted from that range, where it is one
}

// bucket is b as it is kept, counted from one range.
func (ev *Evidence) bucket(b *Bucket) bucket {
	return bucket{
		sec: b.At.Unix(), nsec: int32(b.At.Nanosecond()), kind: ev.kind(b.Width, "", b.Endpoint, b.Status, b.Outcome, &b.Origin),
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
		Origin: k.origin(b.from, b.to),
	}
}

func compareBuckets(a, b *bucket) int {
	return cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.nsec, b.nsec), compareKinds(a.kind, b.kind))
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
