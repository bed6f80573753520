// Package behind writes out the facts that a number or a sentence rests on, with the
// place where each was read.
package behind

import (
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

// Counted are the counts of requests behind a number: of every source the buckets that
// match, how many lines they were counted from, and between which bytes.
func Counted(v *incident.View, w incident.Window, match func(incident.Bucket) bool) []screen.Part {
	type from struct {
		buckets        int
		started, ended int64
		first, last    int64 // bytes
	}
	found := map[string]*from{}
	v.EachBucket(w, func(b *incident.Bucket) {
		if !match(*b) {
			return
		}
		name := b.Origin.Name
		s := found[name]
		if s == nil {
			s = &from{first: b.Origin.From, last: b.Origin.To}
			found[name] = s
		}
		s.buckets++
		s.started, s.ended = s.started+b.Started, s.ended+b.Ended
		s.first, s.last = min(s.first, b.Origin.From), max(s.last, b.Origin.To)
	})
	var names []string
	for n := range found {
		names = append(names, n)
	}
	slices.Sort(names)
	var parts []screen.Part
	for _, n := range names {
		s := found[n]
		p := screen.Part{Head: redact.Line(n), Text: text.Count(s.started) + " started and " + text.Count(s.ended) + " ended, added up from " + text.Plural(s.buckets, "count") + " of one second or more"}
		if s.last > s.first {
			p.Text += "; read between byte " + text.Count(s.first) + " and byte " + text.Count(s.last)
		}
		parts = append(parts, p)
	}
	return parts
}
