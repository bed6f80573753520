// Package behind writes out the facts that a number or a sentence rests on, with the
// place where each was read.
package behind

import (
	"maps"
	"slices"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Most is how many facts are written out; the rest is counted.
const Most = 40

// Facts are the facts of ids: where each was read, what it says, and its own words.
func Facts(v *incident.View, ids []incident.ID) []screen.Part {
	var parts []screen.Part
	for _, id := range ids[:min(len(ids), Most)] {
		p := screen.Part{Head: "not in this recording", Text: redact.Line(string(id))}
		if v != nil {
			if f, ok := v.Get(id); ok {
				p = Fact(f)
			}
		}
		parts = append(parts, p)
	}
	if n := len(ids) - Most; n > 0 {
		parts = append(parts, screen.Part{Head: "and " + text.Plural(n, "more fact")})
	}
	return parts
}

// Fact is one fact.
func Fact(f incident.Fact) screen.Part {
	p := screen.Part{Head: export.Source(f.Source()), Text: export.Describe(f), Quote: export.Quote(f)}
	if _, series := f.(incident.Series); series { // its labels say which of its name it is
		if parts := strings.SplitN(string(f.ID()), "/", 3); len(parts) == 3 {
			p.Quote = redact.Line(parts[2])
		}
	}
	if p.Quote != "" && strings.Contains(p.Text, redact.Flat(p.Quote)) {
		p.Quote = ""
	}
	return p
}

// from is what was counted of one source.
type from struct {
	counts         int
	started, ended int64
	first, last    int64 // bytes
}

// tally sums counts up by their sources.
type tally map[string]*from

func (t tally) add(o incident.Origin, started, ended int64) {
	s := t[o.Name]
	if s == nil {
		s = &from{first: o.From, last: o.To}
		t[o.Name] = s
	}
	s.counts++
	s.started, s.ended = s.started+started, s.ended+ended
	s.first, s.last = min(s.first, o.From), max(s.last, o.To)
}

func (t tally) parts(of string) []screen.Part {
	var parts []screen.Part
	for _, n := range slices.Sorted(maps.Keys(t)) {
		s := t[n]
		p := screen.Part{Head: redact.Line(n), Text: text.Count(s.started) + " started and " + text.Count(s.ended) + " ended, added up from " + text.Plural(s.counts, "count") + " of " + of}
		if s.last > s.first {
			p.Text += "; read between byte " + text.Count(s.first) + " and byte " + text.Count(s.last)
		}
		parts = append(parts, p)
	}
	return parts
}

// Counted are the counts of requests behind a number: of every source the buckets that
// match, how many lines they were counted from, and between which bytes.
func Counted(v *incident.View, w incident.Window, match func(incident.Bucket) bool) []screen.Part {
	t := tally{}
	v.EachBucket(w, func(b *incident.Bucket) {
		if match(*b) {
			t.add(b.Origin, b.Started, b.Ended)
		}
	})
	return t.parts("one second or more")
}

// CountedUpstream are the counts of requests that one upstream was asked for.
func CountedUpstream(v *incident.View, w incident.Window, name string) []screen.Part {
	t := tally{}
	v.EachUpstream(w, func(u *incident.Upstream) {
		if u.Name == name {
			t.add(u.Origin, u.Started, u.Ended)
		}
	})
	return t.parts("ten seconds")
}
