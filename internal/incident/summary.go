package incident

import (
	"cmp"
	"time"
)

// summary is a Latency or an Upstream in a third of its size, with the byte ranges it was
// made from.
type summary struct {
	at             int64 // since 1970, in ns
	kind           *countKind
	started, ended int64 // of an Upstream
	sketch         Sketch
	from, to       int64
	more           *spans // the ranges it was made from, where they are not the one from-to
}

func (s *summary) time() time.Time { return time.Unix(0, s.at).UTC() }

func (s *summary) over(before time.Time) bool { return !s.time().Add(s.kind.width).After(before) }

func compareSummaries(a, b *summary) int {
	return cmp.Or(cmp.Compare(a.at, b.at), compareKinds(a.kind, b.kind))
}

// read are the ranges it was made from.
func (s *summary) read() spans {
	if s.more != nil {
		return *s.more
	}
	return spans{{s.from, s.to}}
}

// addSummary takes one in. Of two that differ in accuracy the first distribution stays.
func addSummary(to *chunks[summary], s summary) {
	have := to.find(&s)
	if have == nil {
		to.insert(s)
		return
	}
	of := span{s.from, s.to}
	switch read := have.read(); read.meet(of) {
	case meetsSome:
	case holdsAll:
		*have = s
	case meetsNone:
		have.started += s.started
		have.ended += s.ended
		have.sketch = Together(have.sketch, s.sketch)
		o := have.kind.origin(have.from, have.to)
		read = read.with(of, &o)
		have.from, have.to, have.more = o.From, o.To, nil
		if len(read) > 1 || read[0] != (span{o.From, o.To}) {
			have.more = &read
		}
	}
}

func (ev *Evidence) addLatency(l Latency) {
	if l.Sketch == nil {
		return
	}
	ev.cover(l.At.UTC(), l.At.UTC().Add(l.Width))
	addSummary(&ev.latencies, summary{
		at: l.At.UnixNano(), kind: ev.kind(l.Width, "", l.Endpoint, 0, l.Outcome, &l.Origin),
		sketch: l.Sketch.Packed(), from: l.Origin.From, to: l.Origin.To,
	})
}

// latency is the Latency as others see it.
func (s *summary) latency() Latency {
	k := s.kind
	return Latency{At: s.time(), Width: k.width, Endpoint: k.endpoint, Outcome: k.outcome, Sketch: s.sketch, Origin: k.origin(s.from, s.to)}
}

func (ev *Evidence) addUpstream(u Upstream) {
	s := summary{
		at: u.At.UnixNano(), kind: ev.kind(u.Width, u.Name, Endpoint{}, u.Status, u.Outcome, &u.Origin),
		started: u.Started, ended: u.Ended, from: u.Origin.From, to: u.Origin.To,
	}
	if u.Sketch != nil {
		s.sketch = u.Sketch.Packed()
	}
	addSummary(&ev.upstreams, s)
}

// upstream is the Upstream as others see it.
func (s *summary) upstream() Upstream {
	k := s.kind
	return Upstream{
		At: s.time(), Width: k.width, Name: k.upstream, Status: k.status, Outcome: k.outcome, Started: s.started, Ended: s.ended,
		Sketch: s.sketch, Origin: k.origin(s.from, s.to),
	}
}
