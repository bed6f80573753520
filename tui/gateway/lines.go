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

// lines are the requests behind one row of the table: those kept whole, or those of the
// log itself. It holds indices only; the text stays where it is, hostile as it came.
type lines struct {
	title   string
	view    *incident.View
	filter  string
	of      row
	at      []int // indices into the exemplars, or the log's lines
	list    screen.List
	log     *logLines // nil: nobody has asked for them
	fromLog bool      // they are shown
}

func newLines(v *incident.View, of row, f screen.Filter) *lines {
	l := &lines{title: of.label, of: of}
	l.refilter(v, f)
	return l
}

// show chooses between the lines of the log and those kept whole.
func (l *lines) show(v *incident.View, f screen.Filter, fromLog bool) tea.Cmd {
	l.fromLog, l.at, l.list = fromLog, nil, screen.List{}
	return l.refilter(v, f)
}

// line is one of those that are shown, without credentials.
func (l *lines) line(i int) incident.Exemplar {
	if !l.fromLog {
		return l.view.Exemplars()[l.at[i]]
	}
	return l.log.all[l.at[i]]
}

func (l *lines) refilter(v *incident.View, f screen.Filter) tea.Cmd {
	if v == nil {
		return nil
	}
	same := l.view != nil && l.filter == f.Text
	l.view, l.filter = v, f.Text
	if l.fromLog {
		if same && l.at != nil {
			return nil // newer evidence is no other log
		}
		return l.refilterLog(f)
	}
	l.at = l.at[:0]
	for i, e := range l.view.Exemplars() {
		if l.of.holds(e) && f.Match(e.Raw) {
			l.at = append(l.at, i)
		}
	}
	l.list.Clamp(len(l.at))
	return nil
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
	return l.line(l.list.At), true
}

func (s *Screen) actOnLines(msg screen.ActionMsg) tea.Cmd {
	l := s.lines
	if l.list.Move(msg.Name, len(l.at), max(1, s.H/2)) {
		return nil
	}
	e, ok := l.selected()
	switch msg.Name {
	case "back":
		s.leaveLines()
	case "kept":
		if l.log == nil || l.log.err != nil && len(l.log.all) == 0 {
			return screen.Say("only the lines kept whole are there")
		}
		return l.show(s.View, s.Filter, !l.fromLog)
	case "lines":
		if ok && !e.Start.IsZero() {
			return screen.MoveCursor(e.Start)
		}
	case "yank":
		return screen.Copy(redact.Lines(e.Raw), "the line")
	case "yank-markdown":
		return screen.Copy(redact.MarkdownCode(e.Raw)+" ("+redact.Markdown(origin(e))+")\n", "the line")
	case "phase", "group":
		s.leaveLines()
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

// none says why no line is shown.
func (l *lines) none(f screen.Filter) string {
	switch {
	case f.Active():
		return "nothing matches the filter; / then enter clears it"
	case l.fromLog && (!l.log.finished || l.at == nil):
		return "reading the log"
	case l.fromLog:
		return "the log has no such line in this window"
	}
	return "no line of this was kept whole"
}

// draw is the table of lines, and the selected one whole below it when the
// table has the focus.
func (l *lines) draw(c *grid.Canvas, s *Screen, focused bool) {
	set := s.Set()
	x := c.Text(1, 0, theme.Head, "LINES") + 1
	c.Clip(x, 0, c.W()-x-14, theme.Text, l.title, set.More)
	head, below := 1, 0
	if focused {
		c.Clip(1, 1, c.W()-2, theme.Dim, l.says(s.Filter, s.Clock), set.More)
		head, below = 2, min(6, max(3, c.H()/4))
	}
	c.Text(3, head, theme.Head, "START")
	what := "KEPT AS"
	if l.fromLog {
		what = "OUTCOME"
	}
	c.Text(14, head, theme.Head, what)
	c.Right(36, head, theme.Head, "TOOK ms")
	c.Text(38, head, theme.Head, "STAT")
	c.Text(43, head, theme.Head, "LINE")
	rows := c.Rows(head+1, c.H()-head-1-below)
	if len(l.at) == 0 {
		rows.Wrap(1, 0, c.W()-2, 2, theme.Dim, l.none(s.Filter))
		return
	}
	top := 0
	if focused {
		top = l.list.Visible(len(l.at), rows.H())
		l.list.Place(&rows, 0, rows.H())
	}
	for y := 0; y < rows.H() && top+y < len(l.at); y++ {
		e := l.line(top + y)
		style := theme.Text
		if e.Failed() {
			style = theme.Crit
		}
		rows.Text(3, y, theme.Dim, s.Clock(e.Start))
		what := kindWord(e.Kind)
		if l.fromLog && e.Kind != incident.Unparsed {
			what = e.Outcome.String()
		}
		rows.Clip(14, y, 13, theme.Dim, what, set.More)
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
