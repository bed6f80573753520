package gateway

import (
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/behind"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Behind is what the selected row was counted from, and the lines of it that were kept
// whole.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	if s.lines != nil {
		e, ok := s.lines.selected()
		if !ok {
			return "", nil
		}
		return "the line", []screen.Part{behind.Fact(e)}
	}
	rows := s.table.shown(s.Filter)
	if s.list.At >= len(rows) {
		return "", nil
	}
	r := rows[s.list.At]
	w := s.table.query.window
	parts = s.counted(r, w)
	lines := newLines(s.View, r, screen.Filter{})
	parts = append(parts, screen.Part{Head: text.Plural(len(lines.at), "line") + " kept whole; enter lists them"})
	for _, i := range lines.at[:min(len(lines.at), behind.Most)] {
		parts = append(parts, behind.Fact(s.View.Exemplars()[i]))
	}
	return redact.Line(r.label) + ", " + text.Clock(w.From) + " to " + text.Clock(w.To), parts
}

func (s *Screen) counted(r row, w incident.Window) []screen.Part {
	if r.by == byUpstream {
		return behind.CountedUpstream(s.View, w, r.upstream)
	}
	return behind.Counted(s.View, w, func(b incident.Bucket) bool {
		switch r.by {
		case byStatus:
			return b.Status == r.status
		case byOutcome:
			return b.Outcome == r.outcome
		default:
			return b.Endpoint == r.endpoint
		}
	})
}

var _ screen.Sourcer = (*Screen)(nil)
