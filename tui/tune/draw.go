package tune

import (
	"fmt"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

func (s *Screen) Draw(c *grid.Canvas) {
	l := s.layout(c.W(), c.H())
	draw := func(r rect, f func(*grid.Canvas)) {
		if r.w > 0 && r.h > 0 {
			part := r.of(c)
			f(&part)
		}
	}
	if l.rule >= 0 {
		c.Fill(0, l.rule, c.W(), 1, s.Set().Rule, theme.Faint)
		s.drawVerdict(c, l.rule)
	}
	if l.wall >= 0 {
		c.Fill(l.wall, max(1, l.rule+1), 1, c.H(), s.Set().Wall, theme.Faint)
	}
	draw(l.head, s.drawHead)
	draw(l.knobs, s.drawKnobs)
	draw(l.help, s.drawHelp)
	draw(l.chart, s.drawChart)
	if s.picture == front {
		draw(l.trip, s.drawFront)
	} else {
		draw(l.trip, s.drawTrip)
	}
	draw(l.strip, s.drawStrip)
	draw(l.legend, s.drawStripLegend)
	draw(l.table, func(c *grid.Canvas) { s.drawTable(c, l) })
}

// drawHead says what is tuned against what.
func (s *Screen) drawHead(c *grid.Canvas) {
	x := c.Text(1, 0, theme.Dim, "edge ")
	x = c.Text(x, 0, theme.Accent, "< "+s.edgeName()+" >") + 2
	sc := s.opt.Scenario
	said := fmt.Sprintf("simulation of %s, %s", redact.Line(sc.Name), s.runs.said())
	if s.Name != "" && s.View != nil && !s.ours() {
		said = fmt.Sprintf("simulation of %s, not of %s", redact.Line(sc.Name), redact.Line(s.Name))
	}
	if c.W()-x-1 < grid.Width(said) { // the numbers' seeds are what changes
		said, _, _ = strings.Cut(s.runs.said(), " (")
	}
	if room := c.W() - x - 1; room > 10 {
		c.Clip(max(x, c.W()-1-grid.Width(said)), 0, room, theme.Dim, said, s.Set().More)
	}
}

// ours says whether the incident shown is the one that is simulated: they share
// their time.
func (s *Screen) ours() bool {
	sc := s.opt.Scenario
	return s.View != nil && s.View.Window.Meet(incident.Window{From: sc.Start, To: sc.Start.Add(sc.Length)}).Length() > sc.Length/2
}

// drawVerdict puts the one number that matters most on the rule.
func (s *Screen) drawVerdict(c *grid.Canvas, y int) {
	now, this := s.runs.compared()
	said, style := " turn a knob to see what it would have done ", theme.Dim
	switch {
	case s.runs.err != nil:
		said, style = " "+redact.Flat(s.runs.err.Error())+" ", theme.Crit
	case len(now) == 0 && s.runs.current == nil:
		return
	case len(now) == 0:
		said = " simulating ... "
	case s.runs.changed():
		said = fmt.Sprintf(" %s of %s orders failed, %s %s ", text.Count(this[0].Orders.Failed), text.Count(this[0].Orders.Started), s.runs.base(), text.Count(now[0].Orders.Failed))
		if len(this) > 1 {
			l := s.lines([]int{0})[0]
			said = fmt.Sprintf(" %s orders fail (%s in %d seeds), %s %s ", l.format(l.this), l.spread(), l.runs, s.runs.base(), l.format(l.now))
		}
		style = theme.Strong
		if s.blind(now, this) {
			said, style = " nothing changes: calls that hang never end; set a timeout or deadline ", theme.Warn
		}
	}
	c.Clip(2, y, c.W()-4, style, said, s.Set().More)
}

// blind says whether a breaker changes nothing because it is told of no call that hangs: its
// library has no time limit of its own, and the call has none either.
func (s *Screen) blind(now, this []*sim.Result) bool {
	p := s.policy()
	if p.Breaker.Library == "" || p.Timeout > 0 || p.Deadline > 0 {
		return false
	}
	for i := range this {
		if this[i].Orders.Failed != now[i].Orders.Failed || this[i].Orders.Rejected > 0 || this[i].ReserveCalls != now[i].ReserveCalls {
			return false
		}
	}
	return true
}

func (s *Screen) drawTable(c *grid.Canvas, l layout) {
	cols := [4]int{22, 30, 38, 51} // right edges
	long := false
	switch {
	case l.short:
		cols = [4]int{24, 33, 41, 57}
	case !l.spread:
		cols = [4]int{23, 32, 41, 0}
	case c.W() >= 60:
		cols, long = [4]int{28, 37, 46, 60}, true
	}
	if c.W() < cols[3] {
		cols[3] = c.W()
	}
	t := s.tableTexts(l.measures, long)
	c.Clip(0, 0, cols[0]-4, theme.Head, t.head, "")
	c.Right(cols[0], 0, theme.Head, s.runs.base())
	c.Right(cols[1], 0, theme.Head, "this")
	if !s.runs.fresh() {
		c.Text(cols[1], 0, theme.Dim, s.Set().More)
	}
	c.Right(cols[2], 0, theme.Head, "change")
	if l.spread {
		c.Right(cols[3], 0, theme.Head, "range")
	}
	for i, m := range t.lines {
		y := i + 1
		if y >= c.H() {
			break
		}
		strong := theme.Text
		if i == 0 {
			strong = theme.Strong
		}
		c.Text(0, y, theme.Text, m.name)
		c.Right(cols[0], y, theme.Dim, m.now)
		if !s.runs.changed() {
			continue
		}
		c.Right(cols[1], y, strong, m.this)
		c.Right(cols[2], y, m.style, m.change)
		if l.spread && cols[3] > cols[2]+4 {
			c.Right(cols[3], y, theme.Dim, m.spread)
		}
	}
}
