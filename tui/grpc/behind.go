package grpc

import (
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/behind"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Behind is the series that the selected call's numbers are worked out from.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	f := s.selected()
	if f == nil {
		return "", nil
	}
	parts = []screen.Part{{
		Head: "in flight = started - finished",
		Text: "Both are counters as they came, with their resets; a call that never ends has no code and no latency, and is seen in this difference alone.",
	}}
	if p, ok := f.at(s.Cursor); ok {
		parts = append(parts, screen.Part{Text: "sample of " + text.Clock(p.At) + ": " + text.Number(p.Started) + " started and " +
			text.Number(p.Finished) + " finished since the one before, " + text.Number(p.InFlight) + " in flight"})
	}
	add := func(list ...*incident.Series) {
		for _, o := range list {
			if o != nil {
				parts = append(parts, behind.Fact(*o))
			}
		}
	}
	add(f.Started)
	add(f.Finished...)
	add(f.p50.lo, f.p50.hi, f.p99.lo, f.p99.hi)
	add(s.others...)
	return redact.Line(f.Name()), parts
}

var _ screen.Sourcer = (*Screen)(nil)
