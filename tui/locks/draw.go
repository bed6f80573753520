package locks

import (
	"strconv"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// Draw has the tree above and the selected session below; from 130 columns on
// the session is at the right, with the waits over time.
func (s *Screen) Draw(c *grid.Canvas) {
	if s.View == nil {
		c.Text(1, 0, theme.Head, "LOCKS")
		c.Text(1, 2, theme.Dim, text.NoData+" yet")
		return
	}
	t := s.gather()
	x := c.Text(1, 0, theme.Head, "LOCKS") + 1
	x = c.Text(x, 0, theme.Text, "at "+s.Clock(t.at)) + 2
	c.Clip(x, 0, c.W()-x-16, theme.Text, t.summary, s.Set().More)
	x = c.Right(c.W()-1, 0, theme.Text, orders[s.sort])
	c.Right(x, 0, theme.Dim, "sort: ")
	body := c.Rows(1, c.H()-1)
	switch {
	case s.Full:
		s.drawTree(&body, t)
	case c.W() >= 130:
		tw := c.W() * 11 / 20
		if c.W() >= 160 { // the side needs no more, the statements do
			tw = c.W() - 72
		}
		left := body.Sub(0, 0, tw, body.H())
		s.drawTree(&left, t)
		widget.Wall(&body, tw, 0, body.H(), s.Set())
		right := body.Sub(tw+1, 0, body.W()-tw-1, body.H())
		s.drawSide(&right, t)
	default:
		below := max(5, body.H()/4)
		if s.advice {
			below = body.H() / 2
		}
		above := body.Rows(0, body.H()-below-1)
		if spare := above.H() - len(t.rows) - 2; spare >= 7 {
			plot := above.Rows(above.H()-min(spare, 12), min(spare, 12))
			s.drawWaiting(&plot)
		}
		s.drawTree(&above, t)
		widget.Rule(&body, body.H()-below-1, s.Set())
		detail := body.Rows(body.H()-below, below)
		s.drawDetail(&detail, t)
	}
}

// columns of the table: where each begins, of numbers where it ends; -1 has no
// room.
type columns struct{ user, lock, relation, since, blocks, statement int }

// widths are those of the longest cells.
type widths struct{ name, user, lock, relation int }

// columnsFor gives each column what it needs, up to a bound, and the rest to the
// statement.
func columnsFor(w int, need widths) columns {
	if w < 76 {
		return columns{user: -1, lock: 20, relation: -1, since: 48, blocks: 56, statement: -1}
	}
	var c columns
	c.user = min(max(need.name, 3+len("PID")), 20) + 2 // the pid begins behind the cursor
	c.lock = c.user + min(max(need.user, len("USER")), 14) + 2
	end := c.lock + min(max(need.lock, len("LOCK")), 30) + 1
	c.relation = -1
	if w >= 100 {
		c.relation = end + 1
		end = c.relation + min(max(need.relation, len("RELATION")), 30) + 2
	}
	c.since = end + 6
	c.blocks = c.since + 7
	c.statement = c.blocks + 2
	return c
}

// measure finds what the columns need.
func (t *tree) measure() {
	for i := range t.rows {
		r := &t.rows[i]
		t.need.name = max(t.need.name, 5+2*r.depth+grid.Width(r.name))
		t.need.user = max(t.need.user, grid.Width(r.user))
		t.need.lock = max(t.need.lock, grid.Width(r.lock))
		t.need.relation = max(t.need.relation, grid.Width(r.relation))
	}
}

func (s *Screen) drawTree(c *grid.Canvas, t *tree) {
	set := s.Set()
	col := columnsFor(c.W(), t.need)
	c.Text(3, 0, theme.Head, "PID")
	if col.user >= 0 {
		c.Text(col.user, 0, theme.Head, "USER")
	}
	c.Text(col.lock, 0, theme.Head, "LOCK")
	if col.relation >= 0 {
		c.Text(col.relation, 0, theme.Head, "RELATION")
	}
	c.Right(col.since, 0, theme.Head, "FOR")
	c.Right(col.blocks, 0, theme.Head, "BLOCKS")
	rows := c.Rows(1, c.H()-1)
	if col.statement >= 0 && (c.W() >= 100 || len(t.rows) <= rows.H()) {
		c.Text(col.statement, 0, theme.Head, "STATEMENT")
	}
	if len(t.rows) == 0 {
		rows.Wrap(1, 1, c.W()-2, 3, theme.Dim, t.empty)
		return
	}
	top := s.list.Visible(len(t.rows), rows.H())
	s.list.Place(&rows, 0, rows.H())
	for y := 0; y < rows.H() && top+y < len(t.rows); y++ {
		s.drawRow(&rows, y, &t.rows[top+y], col)
		widget.Cursor(&rows, 0, y, c.W(), top+y == s.list.At, set)
	}
	widget.Scroll(c, 0, top, rows.H(), len(t.rows))
}

func (s *Screen) drawRow(c *grid.Canvas, y int, r *row, col columns) {
	set := s.Set()
	x := s.drawStems(c, y, r)
	style := theme.Text
	if r.depth == 0 {
		style = theme.Crit
	}
	fold := ' '
	if r.branch {
		fold = set.Closed
		if r.open {
			fold = set.Open
		}
	}
	c.Set(x, y, fold, theme.Dim)
	end := col.lock - 1
	if col.user >= 0 {
		end = col.user - 1
	}
	c.Clip(x+2, y, end-x-2, style, r.name, set.More)
	if col.user >= 0 {
		c.Clip(col.user, y, col.lock-col.user-1, theme.Dim, r.user, set.More)
	}
	end = col.since - 7
	if col.relation >= 0 {
		c.Clip(col.relation, y, end-col.relation-1, theme.Text, r.relation, set.More)
		end = col.relation
	}
	c.Clip(col.lock, y, end-col.lock, style, r.lock, set.More)
	c.Right(col.since, y, theme.Text, r.since)
	c.Right(col.blocks, y, style, r.blocks)
	if col.statement >= 0 {
		c.Clip(col.statement, y, c.W()-col.statement-1, theme.Dim, r.statement, set.More)
	}
}

// drawStems draws the branches that lead to a row: solid to those whom the
// parent's lock blocks, dashed to those that only queue behind it.
func (s *Screen) drawStems(c *grid.Canvas, y int, r *row) int {
	set := s.Set()
	x := 1
	for d := 1; d < r.depth; d++ {
		if r.stems&(1<<min(d, 63)) != 0 {
			c.Set(x+1, y, set.Stem, theme.Faint)
		}
		x += 2
	}
	if r.depth == 0 {
		return x
	}
	stem, arm := set.Stem, set.Soft
	if r.last {
		stem = set.Corner
	}
	if r.node.Hard {
		arm = set.Hard
	}
	c.Set(x+1, y, stem, theme.Faint)
	c.Set(x+2, y, arm, theme.Dim)
	return x + 3
}

func (s *Screen) drawSide(c *grid.Canvas, t *tree) {
	h := max(8, c.H()/3)
	top := c.Rows(0, h)
	s.drawWaiting(&top)
	widget.Rule(c, h, s.Set())
	detail := c.Rows(h+1, c.H()-h-1)
	y := s.drawDetail(&detail, t)
	if below := detail.H() - y - 2; !s.advice && below >= 8 && s.list.At < len(t.rows) {
		widget.Rule(&detail, y+1, s.Set())
		advice := detail.Rows(y+2, below)
		s.drawAdvice(&advice, t)
	}
}

// drawWaiting is how many sessions waited over time.
func (s *Screen) drawWaiting(c *grid.Canvas) {
	c.Text(1, 0, theme.Head, "WAITING SESSIONS")
	plot := c.Rows(1, c.H()-1)
	w := s.gatherWaiters()
	s.waiting.Draw(&plot, chart.Key{Version: s.Version, Window: s.Range, Zone: s.Zone, Glyphs: s.Glyphs}, s.Cursor, s.Marks, func() *chart.Chart {
		return &chart.Chart{Window: s.Range, Glyphs: s.Glyphs, Series: []chart.Series{
			{Name: "waiting sessions", Style: theme.Data3, Kind: chart.Area, From: s.Range.From, Step: w.step, Values: w.values},
		}}
	})
}

// drawAdvice is how to prevent what the session at the bottom of the queue did.
func (s *Screen) drawAdvice(c *grid.Canvas, t *tree) int {
	root := t.root(s.list.At)
	c.Text(1, 0, theme.Head, "HOW TO PREVENT IT")
	c.Clip(20, 0, c.W()-21, theme.Dim, "for pid "+strconv.Itoa(root.PID)+"; nothing runs by itself", s.Set().More)
	y := 1
	for _, line := range prevent(root) {
		style := theme.Strong
		if strings.HasPrefix(line, "--") {
			style = theme.Dim
		}
		y += c.Wrap(1, y, c.W()-2, max(0, c.H()-y), style, line)
	}
	return y
}

// drawDetail is the selected session: who, since when, what it waits for, its
// statement; or how to prevent it. It returns the row below.
func (s *Screen) drawDetail(c *grid.Canvas, t *tree) int {
	if s.list.At >= len(t.rows) {
		return 0
	}
	if s.advice {
		return s.drawAdvice(c, t)
	}
	r := &t.rows[s.list.At]
	n := r.node
	y := 0
	name := "pid " + strconv.Itoa(n.PID)
	if r.folded > 0 {
		name += ", the oldest of " + text.Count(r.folded) + " alike"
	}
	x := c.Text(1, 0, theme.Strong, name) + 2
	x, y = s.pair(c, x, y, "user", n.User)
	x, y = s.pair(c, x, y, "app", n.Application)
	x, y = s.pair(c, x, y, "client", n.Client)
	x, y = s.pair(c, x, y, "db", n.Database)
	x, y = s.pair(c, x, y, "state", n.State)
	if !n.XactStart.IsZero() {
		x, y = s.pair(c, x, y, "xact since", s.Clock(n.XactStart))
	}
	held := n.Held.String()
	if n.Held == 0 { // a server's log does not say which
		held = "a lock"
	}
	what := held + " on " + n.Relation + ", waits for nobody"
	label := "holds"
	if n.Wanted != 0 {
		label, what = "waits for", n.Wanted.String()+" on "+n.Relation+" ("+n.LockType+")"
		if !n.Hard {
			what += ", only queued behind its parent"
		}
	}
	_, y = s.pair(c, x, y, label, what)
	y++
	for line := range strings.SplitSeq(redact.Lines(n.Query), "\n") {
		y += c.Wrap(1, y, c.W()-2, max(0, c.H()-y), theme.Text, line)
	}
	return y
}

// root is the session at the bottom of the queue that a row stands in.
func (t *tree) root(at int) *incident.LockNode {
	for i := at; i >= 0; i-- {
		if t.rows[i].depth == 0 {
			return t.rows[i].node
		}
	}
	return t.rows[at].node
}

// pair writes a label and a value that was collected, on the next row when they
// do not fit on this one, and returns the place for the next.
func (s *Screen) pair(c *grid.Canvas, x, y int, label, value string) (nextX, nextY int) {
	if value == "" {
		return x, y
	}
	value = redact.Line(value)
	if x > 1 && x+grid.Width(label)+1+grid.Width(value) > c.W()-1 {
		x, y = 1, y+1
	}
	x = c.Text(x, y, theme.Dim, label) + 1
	return c.Clip(x, y, max(0, c.W()-1-x), theme.Text, value, s.Set().More) + 2, y
}

var _ screen.Screen = (*Screen)(nil)
