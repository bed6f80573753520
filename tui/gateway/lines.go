package gateway

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// lines are the requests kept whole behind one row of the table. It holds
// indices only; the text stays in the view, hostile as it came.
type lines struct {
	title  string
	view   *incident.View
	filter string
	of     row
	at     []int // indices into the exemplars
	list   screen.List
}

func newLines(v *incident.View, of row, f screen.Filter) *lines {
	l := &lines{title: of.label, of: of}
	l.refilter(v, f)
	return l
}

func (l *lines) refilter(v *incident.View, f screen.Filter) {
	if v == nil {
		return
	}
	l.view, l.filter = v, f.Text
	l.at = l.at[:0]
	for i, e := range l.view.Exemplars() {
		if l.of.holds(e) && f.Match(e.Raw) {
			l.at = append(l.at, i)
		}
	}
	l.list.Clamp(len(l.at))
}

// holds says whether a kept request was counted in the row.
func (r row) holds(e incident.Exemplar) bool {
	switch {
	case e.OfServer(): // an entry of Postgres' log is no request
		return false
	case r.unparsed || e.Kind == incident.Unparsed:
		return r.unparsed && e.Kind == incident.Unparsed
	case r.by == byStatus:
		return e.Status == r.status
	case r.by == byOutcome:
		return e.Outcome == r.outcome
	case r.by == byUpstream:
		return e.Upstream == r.upstream
	}
	return e.Endpoint == r.endpoint
}

func (l *lines) selected() (incident.Exemplar, bool) {
	if l.list.At >= len(l.at) {
		return incident.Exemplar{}, false
	}
	return l.view.Exemplars()[l.at[l.list.At]], true
}

func (s *Screen) actOnLines(msg screen.ActionMsg) tea.Cmd {
	l := s.lines
	if l.list.Move(msg.Name, len(l.at), max(1, s.H/2)) {
		return nil
	}
	e, ok := l.selected()
	switch msg.Name {
	case "back":
		s.lines = nil
	case "lines":
		if ok && !e.Start.IsZero() {
			return screen.MoveCursor(e.Start)
		}
	case "yank":
		return screen.Copy(redact.Lines(e.Raw), "the line")
	case "yank-markdown":
		return screen.Copy(redact.MarkdownCode(e.Raw)+" ("+redact.Markdown(origin(e))+")\n", "the line")
	case "phase", "group":
		s.lines = nil
		return s.act(msg)
	}
	return nil
}

// origin says where a line can be read again.
func origin(e incident.Exemplar) string {
	name := redact.Line(e.Origin.Name)
	if e.Origin.To > e.Origin.From {
		name += ", byte " + text.Count(e.Origin.From)
	}
	return name
}

func kindWord(k incident.ExemplarKind) string {
	switch k {
	case incident.FirstFailing:
		return "first failing"
	case incident.LastFailing:
		return "last failing"
	default:
		return k.String()
	}
}

// beside are the lines of the selected row, gathered once per view, row and
// filter.
func (s *Screen) beside(r row) *lines {
	if l := s.side; l == nil || l.view != s.View || l.filter != s.Filter.Text || l.of != r {
		s.side = newLines(s.View, r, s.Filter)
	}
	return s.side
}

// draw is the table of lines, and the selected one whole below it when the
// table has the focus.
func (l *lines) draw(c *grid.Canvas, s *Screen, focused bool) {
	set := s.Set()
	x := c.Text(1, 0, theme.Head, "LINES") + 1
	c.Clip(x, 0, c.W()-x-14, theme.Text, l.title, set.More)
	c.Text(3, 1, theme.Head, "START")
	c.Text(14, 1, theme.Head, "KEPT AS")
	c.Right(36, 1, theme.Head, "TOOK ms")
	c.Text(38, 1, theme.Head, "STAT")
	c.Text(43, 1, theme.Head, "LINE")
	below := 0
	if focused {
		below = min(6, max(3, c.H()/4))
	}
	rows := c.Rows(2, c.H()-2-below)
	if len(l.at) == 0 {
		rows.Wrap(1, 0, c.W()-2, 2, theme.Dim, "no line of this was kept whole")
		return
	}
	top := 0
	if focused {
		top = l.list.Visible(len(l.at), rows.H())
		l.list.Place(&rows, 0, rows.H())
	}
	for y := 0; y < rows.H() && top+y < len(l.at); y++ {
		e := &l.view.Exemplars()[l.at[top+y]]
		style := theme.Text
		if e.Failed() {
			style = theme.Crit
		}
		rows.Text(3, y, theme.Dim, text.Clock(e.Start))
		rows.Clip(14, y, 13, theme.Dim, kindWord(e.Kind), set.More)
		if e.Kind != incident.Unparsed {
			rows.Right(36, y, theme.Text, text.Millis(e.Took))
			rows.Int(38, y, style, e.Status)
		}
		rows.Clip(43, y, c.W()-44, theme.Text, redact.Flat(e.Raw), set.More)
		if focused {
			widget.Cursor(&rows, 0, y, c.W(), top+y == l.list.At, set)
		}
	}
	widget.Scroll(c, 0, top, rows.H(), len(l.at))
	if e, ok := l.selected(); focused && ok {
		y := c.H() - below
		widget.Rule(c, y, set)
		note := fmt.Sprintf(" %s ", origin(e))
		c.Text(3, y, theme.Dim, note)
		if e.Note != "" {
			c.Text(5+grid.Width(note), y, theme.Warn, redact.Flat(e.Note))
		}
		c.Wrap(1, y+1, c.W()-2, below-1, theme.Text, redact.Flat(e.Raw))
	}
}
