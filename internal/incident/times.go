package incident

import (
	"slices"
	"time"
)

// Span is one of the named times of an incident, with both its ends. An end that
// nobody recorded is zero, and the span then has no length.
type Span struct {
	Name         string // "time to detect"
	Starts, Ends string // what its ends are: "impact start", "detected"
	From, To     time.Time
	Known        bool
	Length       time.Duration // of several impacts that of their union
	Why          string        // why it is unknown
	Impacts      int           // Length is the union of so many that lie apart; 0 or 1: it is From to To
}

// Marks are the instants of an incident that people or alerts set; zero when
// nobody recorded them.
type Marks struct {
	Detected     time.Time // the first alert, or the first person who saw it
	Acknowledged time.Time
	Declared     time.Time // the incident was opened
	Mitigated    time.Time // customers were served again, as somebody stated it; else the impact's end
	Resolved     time.Time
}

// Spans are the named times, each with both ends named. Impacts may overlap: the
// time in which customers were hit is their union.
func Spans(impacts []Window, m Marks) []Span {
	union := Union(impacts)
	var start, end time.Time
	var hit time.Duration
	for i, w := range union {
		if i == 0 {
			start = w.From
		}
		end = w.To
		hit += w.Length()
	}
	if !m.Mitigated.IsZero() && !start.IsZero() {
		end = m.Mitigated
	}
	spans := []Span{
		between("time to detect", "impact start", "detected", start, m.Detected),
		between("time to acknowledge", "detected", "acknowledged", m.Detected, m.Acknowledged),
		between("time to mitigate", "detected", "customer impact end", m.Detected, end),
		between("time to resolve", "declared", "resolved", m.Declared, m.Resolved),
		between("customer impact", "impact start", "customer impact end", start, end),
	}
	if last := &spans[len(spans)-1]; last.Known && len(union) > 1 {
		last.Length, last.Impacts = hit, len(union)
	}
	return spans
}

func between(name, starts, ends string, from, to time.Time) Span {
	s := Span{Name: name, Starts: starts, Ends: ends, From: from, To: to}
	switch {
	case from.IsZero() && to.IsZero():
		s.Why = "neither " + starts + " nor " + ends + " is recorded"
	case from.IsZero():
		s.Why = starts + " is not recorded"
	case to.IsZero():
		s.Why = ends + " is not recorded"
	case to.Before(from):
		s.Why = ends + " is recorded before " + starts
	default:
		s.Known, s.Length = true, to.Sub(from)
	}
	return s
}

// Union is the windows put together where they touch or overlap, in order of
// time; empty ones are left out.
func Union(windows []Window) []Window {
	list := slices.DeleteFunc(slices.Clone(windows), func(w Window) bool { return w.Length() == 0 })
	slices.SortFunc(list, func(a, b Window) int { return a.From.Compare(b.From) })
	var out []Window
	for _, w := range list {
		if n := len(out); n > 0 && !w.From.After(out[n-1].To) {
			out[n-1].To = LaterOf(out[n-1].To, w.To)
			continue
		}
		out = append(out, w)
	}
	return out
}
