package gateway

import (
	"strconv"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/events"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// Draw has the failures over time above and the table below; from 160 columns
// on the lines behind the selected row stand at its right.
func (s *Screen) Draw(c *grid.Canvas) {
	if s.View == nil {
		c.Text(1, 0, theme.Head, "GATEWAY")
		c.Text(1, 2, theme.Dim, text.NoData+" yet")
		return
	}
	s.drawHead(c)
	y := 1
	if !s.Full && c.H() >= 14 {
		h := max(5, c.H()*2/5)
		if c.H() < 20 {
			h = 5
		}
		plot := c.Rows(1, h)
		if s.heat {
			s.drawHeat(&plot)
		} else {
			s.drawFailures(&plot)
		}
		y += h
		widget.Rule(c, y, s.Set())
		y++
	}
	rest := c.Rows(y, c.H()-y)
	switch {
	case s.lines != nil:
		s.lines.draw(&rest, s, true)
	case c.W() >= 160:
		tw := 92
		left := rest.Sub(0, 0, tw, rest.H())
		s.drawTable(&left)
		widget.Wall(&rest, tw, 0, rest.H(), s.Set())
		right := rest.Sub(tw+1, 0, rest.W()-tw-1, rest.H())
		if rows := s.table.shown(s.Filter); s.list.At < len(rows) {
			s.beside(rows[s.list.At]).draw(&right, s, false)
		}
	default:
		s.drawTable(&rest)
		s.drawBelow(&rest)
	}
}

// drawBelow fills the rows that the table leaves with the lines behind the
// selected row.
func (s *Screen) drawBelow(c *grid.Canvas) {
	rows := s.table.shown(s.Filter)
	y := len(rows) + 1
	if s.by == byStatus || s.by == byUpstream {
		y += 2 // a remark stands there
	}
	if s.list.At >= len(rows) || c.H()-y < 5 {
		return
	}
	widget.Rule(c, y, s.Set())
	below := c.Rows(y+1, c.H()-y-1)
	s.beside(rows[s.list.At]).draw(&below, s, false)
}

// drawHead says what is counted: the phase, its window, requests by status.
func (s *Screen) drawHead(c *grid.Canvas) {
	w := s.table.query.window
	x := 1
	if c.W() >= 100 {
		x = c.Text(1, 0, theme.Head, "GATEWAY") + 2
	}
	name := phases[s.phase]
	if s.Analysis.Impact.Length() == 0 {
		name = phases[shown]
	}
	x = c.Text(x, 0, theme.Accent, name) + 1
	if w.Length() > 0 && c.W() >= 76 { // a small screen has room for the numbers only
		format := s.Clock(w.From) + " to " + s.Clock(w.To)
		if from, to := s.In(w.From), s.In(w.To); from.YearDay() != to.YearDay() {
			format = from.Format("01-02 ") + format
		}
		x = c.Text(x, 0, theme.Dim, format) + 2
	}
	for i, n := range s.table.total {
		label := strconv.Itoa(n.status)
		if n.status == 0 {
			label = "none"
		}
		rest := len(s.table.total) - i
		need := len(label) + 2 + len(text.Count(n.requests))
		if rest > 1 {
			need += len("  +9 more")
		}
		if x+need >= c.W() {
			c.Text(x, 0, theme.Dim, "+"+text.Count(rest)+" more")
			return
		}
		style := theme.Dim
		if n.failed {
			style = theme.Crit
		}
		x = c.Text(x, 0, style, label+":") + 1
		x = c.Text(x, 0, theme.Text, text.Count(n.requests)) + 2
	}
}

// styles and patterns of the failing statuses, most frequent first.
var looks = [...]struct {
	style   grid.Style
	kind    chart.Kind
	pattern chart.Pattern
}{
	{theme.Data1, chart.Area, chart.Solid},
	{theme.Data2, chart.Line, chart.Solid},
	{theme.Data4, chart.Line, chart.Dashed},
}

// legend is how many columns the series takes above the chart: "a 502 1.60".
func (b series) legend() int {
	return len("a ") + len(strconv.Itoa(b.status)) + 1 + len(text.Number(highest(b.values)))
}

func (s *Screen) drawFailures(c *grid.Canvas) {
	x := c.Text(1, 0, theme.Head, "failing/s by end") + 1
	if s.table.query != (query{}) && !s.table.seen {
		x = c.Text(x, 0, theme.Dim, text.NoData) + 2
		plot := c.Rows(1, c.H()-1)
		s.drawPlot(&plot)
		s.plot.Chart().MarkerLegend(c, x, c.W()-1, 0)
		return
	}
	need := 0
	for _, b := range s.table.bad {
		need += b.legend() + 2
	}
	over, most := "over "+text.Dur(s.table.step)+", ", "max shown"
	if x+len(over)+len(most)+need >= c.W() {
		most = "max"
	}
	x = c.Text(x, 0, theme.Dim, over+most) + 2
	plot := c.Rows(1, c.H()-1)
	s.drawPlot(&plot)
	for i, b := range s.table.bad {
		if x+b.legend() >= c.W() { // a number that is cut is another one
			c.Clip(x, 0, c.W()-1-x, theme.Dim, s.Set().More, "")
			return
		}
		x = c.Text(x, 0, looks[i].style, string(rune('a'+i))+" "+strconv.Itoa(b.status))
		x = c.Text(x+1, 0, theme.Text, text.Number(highest(b.values))) + 2
	}
	s.plot.Chart().MarkerLegend(c, x, c.W()-1, 0)
}

func (s *Screen) drawPlot(c *grid.Canvas) {
	s.plot.Draw(c, chart.Key{Version: s.Version, Extra: s.drawn, Window: s.table.query.shown, Zone: s.Zone, Glyphs: s.Glyphs}, s.Cursor, s.Marks, s.chart)
}

func (s *Screen) chart() *chart.Chart {
	ch := &chart.Chart{Window: s.table.query.shown, Glyphs: s.Glyphs}
	for i, b := range s.table.bad {
		ch.Series = append(ch.Series, chart.Series{
			Name: strconv.Itoa(b.status), Key: rune('a' + i), Style: looks[i].style, Kind: looks[i].kind, Pattern: looks[i].pattern,
			From: s.table.query.shown.From, Step: s.table.step, Values: b.values,
		})
	}
	for _, f := range s.Analysis.Findings {
		if f.Role == incident.Trigger && f.Window.Length() > 0 {
			ch.Bands = append(ch.Bands, chart.Band{From: f.Window.From, To: f.Window.To, Label: redact.Line(f.Short())})
		}
	}
	ch.Markers = events.Of(s.Rows).Markers(ch.Window)
	return ch
}

func (s *Screen) drawTable(c *grid.Canvas) {
	set := s.Set()
	ends := []int{38, 46, 53, 61, 69, 0}
	if c.W() < 76 {
		ends = []int{29, 38, 46, 57, -1, -1}
	} else {
		wide := min(12, c.W()-81)
		for i := range ends {
			ends[i] += max(0, wide)
		}
	}
	if last := len(ends) - 1; ends[last] >= 0 {
		ends[last] = min(c.W()-1, ends[last-1]+12)
	}
	titles := []string{"REQUESTS", "FAILED", "ERR %", "P50 ms", "P99 ms", "1ST BAD"}
	c.Text(3, 0, theme.Head, map[grouping]string{byEndpoint: "ENDPOINT", byStatus: "STATUS", byOutcome: "OUTCOME", byUpstream: "UPSTREAM"}[s.by])
	for i, t := range titles {
		if ends[i] > 0 {
			c.Right(ends[i], 0, theme.Head, t)
		}
	}
	rows := s.table.shown(s.Filter)
	body := c.Rows(1, c.H()-1)
	if len(rows) == 0 {
		body.Wrap(1, 1, c.W()-2, 2, theme.Dim, s.emptyReason())
		return
	}
	top := s.list.Visible(len(rows), body.H())
	s.list.Place(&body, 0, body.H())
	for y := 0; y < body.H() && top+y < len(rows); y++ {
		r := &rows[top+y]
		mark, style := widget.Normal, theme.Text
		switch {
		case r.gone, r.unparsed, r.failed > 0 && r.failed*2 < r.requests:
			mark, style = widget.Warn, theme.Warn
		case r.failed > 0:
			mark, style = widget.Crit, theme.Crit
		}
		body.Text(2, y, mark.Style(), mark.Mark())
		body.Clip(5, y, ends[0]-8-5, theme.Text, r.label, set.More)
		for i, cell := range r.text {
			if ends[i] <= 0 {
				continue
			}
			st := theme.Text
			switch {
			case i == 1 || i == 2 || i == 5:
				st = style
			case cell == "-":
				st = theme.Dim
			}
			if i == 1 && r.failed == 0 || cell == "-" {
				st = theme.Dim
			}
			body.Right(ends[i], y, st, cell)
		}
		widget.Cursor(&body, 0, y, c.W(), top+y == s.list.At, set)
	}
	switch s.by {
	case byUpstream:
		body.Text(1, len(rows)+1, theme.Dim, "by the upstream asked last, in steps of 10 s; ~ within ten seconds from then")
	case byStatus:
		body.Text(1, len(rows)+1, theme.Dim, noLatency)
	case byEndpoint, byOutcome: // nothing to be said
	}
}

// noLatency is said where statuses stand for rows.
const noLatency = "latency by status is not kept: group by endpoint, outcome or upstream"

func (s *Screen) emptyReason() string {
	switch {
	case s.table.query == (query{}):
		return "counting"
	case s.Filter.Active():
		return "nothing matches the filter; / then enter clears it"
	case !s.table.seen:
		return text.NoData + ": no gateway log was read"
	case s.by == byUpstream && !s.table.asked:
		return text.NoData + ": these logs name no upstreams, or were read by an older tripcurve. nginx writes them with $upstream_addr, Envoy with %UPSTREAM_HOST%"
	}
	return "no requests in this window"
}
