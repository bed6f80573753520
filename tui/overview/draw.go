package overview

import (
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/grid"
	"tripcurve/tui/sheet"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// gutter is the y axis of all charts here, so that their times align.
const gutter = 7

// roomy is the height from which lines between the regions are affordable.
const roomy = 26

// Draw lays the screen out for its size: stacked below 100 columns, list and
// detail up to 160, three columns beyond.
func (s *Screen) Draw(c *grid.Canvas) {
	if s.View == nil {
		s.drawWaitingForData(c)
		return
	}
	f := s.gather()
	if s.Full {
		s.drawCharts(c, f, true)
		return
	}
	y := s.drawSentence(c, f)
	if c.H() >= roomy {
		widget.Rule(c, y, s.Set())
		y++
	}
	rest := c.Rows(y, c.H()-y)
	switch {
	case c.W() >= 160 && rest.H() >= 24:
		s.drawWide(&rest, f)
	case c.W() >= 100 && rest.H() >= 14:
		s.drawMedium(&rest, f)
	default:
		s.drawNarrow(&rest, f)
	}
}

func (s *Screen) drawWaitingForData(c *grid.Canvas) {
	x := c.Text(1, 0, theme.Head, "WHOLE INCIDENT") + 2
	if s.Said.Sentence != "" {
		if hit := s.Said.Impact; hit.Length() > 0 {
			c.Text(x, 0, theme.Dim, s.Clock(hit.From)+" to "+s.Clock(hit.To)+"  "+text.Dur(hit.Length()))
		}
		c.Right(c.W()-1, 0, theme.Strong, redact.Line(s.Said.Confidence))
		y := 1 + c.Wrap(1, 1, c.W()-2, 4, theme.Strong, redact.Flat(s.Said.Sentence))
		c.Wrap(1, y, c.W()-2, 2, theme.Note, "as it was concluded when this was recorded; the evidence is being read")
		return
	}
	c.Text(1, 1, theme.Dim, "no evidence yet")
	widget.Rule(c, 3, s.Set())
	c.Text(1, 4, theme.Head, "FINDINGS")
	c.Text(1, 5, theme.Dim, text.NoData)
}

// drawSentence is the answer and its proof; it returns the row below.
func (s *Screen) drawSentence(c *grid.Canvas, f *facts) int {
	set := s.Set()
	small := c.H() < 20
	head := "WHOLE INCIDENT"
	if f.span == "" || f.running {
		head = "SO FAR"
	}
	end := c.W() - 1 - len(s.Analysis.Confidence.String()) - 3
	if head == "WHOLE INCIDENT" && 1+len(head)+2+grid.Width(f.span) >= end {
		head = "INCIDENT"
	}
	x := c.Text(1, 0, theme.Head, head) + 2
	if f.span != "" {
		c.Clip(x, 0, end-1-x, theme.Dim, f.span, set.More)
		sev := widget.Warn
		if len(s.Analysis.Findings) > 0 {
			sev = widget.OfFinding(s.Analysis.Findings[0])
		}
		x = c.Text(end, 0, sev.Style(), sev.Mark()) + 1
		c.Text(x, 0, sev.Style(), s.Analysis.Confidence.String())
	}
	y := 1
	switch {
	case f.sentence == "" && !f.heard:
		c.Text(1, y, theme.Warn, "no source has given evidence yet")
		y++
	case f.sentence == "":
		c.Text(1, y, theme.OK, "nothing wrong was found in the evidence")
		y++
	default:
		y += c.Wrap(1, y, c.W()-2, 4, theme.Strong, f.sentence)
	}
	if !small {
		for i, p := range f.proof {
			if i == 1 && c.H() < 30 || i == 4 {
				break
			}
			c.Clip(4, y, c.W()-5, theme.Dim, p, set.More)
			y++
		}
	}
	y = s.drawTicks(c, y, f)
	if f.coverage != "" {
		x := c.Text(1, y, theme.Warn, f.coverage) + 2
		widget.Bar(c, x, y, min(60, c.W()-x-1), s.Analysis.Coverage, set, theme.Warn)
		y++
		lines := 2
		if small || c.W() >= 160 {
			lines = 1
		}
		for i, r := range f.remainder {
			if i == 2 {
				break
			}
			if lines == 1 {
				c.Clip(1, y, c.W()-2, theme.Text, r, set.More)
				y++
			} else {
				y += c.Wrap(1, y, c.W()-2, lines, theme.Text, r)
			}
		}
	}
	return y
}

// drawTicks shows on which independent groups of sources the findings rest.
func (s *Screen) drawTicks(c *grid.Canvas, y int, f *facts) int {
	if len(f.evidence) == 0 {
		return y
	}
	set := s.Set()
	x := c.Text(1, y, theme.Dim, "evidence") + 1
	used := 0
	for _, t := range f.evidence {
		mark, style := set.NoTick, theme.Dim
		if t.used {
			mark, style = set.Tick, theme.OK
			used++
		}
		if x+len(t.group)+len(t.note)+5 > c.W()-14 {
			continue
		}
		x = c.Text(x, y, style, mark) + 1
		x = c.Text(x, y, style, redact.Line(t.group))
		if t.note != "" {
			x = c.Text(x+1, y, theme.Dim, t.note)
		}
		x += 2
	}
	x = c.Int(x, y, theme.Text, used)
	x = c.Text(x, y, theme.Dim, " of ")
	x = c.Int(x, y, theme.Text, len(f.evidence))
	c.Text(x, y, theme.Dim, " groups")
	return y + 1
}

// drawNarrow stacks chart, bars and list.
func (s *Screen) drawNarrow(c *grid.Canvas, f *facts) {
	ruled := c.H() >= 18
	list := max(3, min(len(s.rows), c.H()/3))
	fixed := 2 + list // bars, list
	if ruled {
		fixed++
	}
	y := 0
	if h := c.H() - fixed; h >= 5 {
		part := c.Rows(0, h)
		s.drawOneChart(&part, f, true)
		y = h
	}
	s.drawBars(c, y, f)
	y += 2
	if ruled {
		widget.Rule(c, y, s.Set())
		y++
	}
	rows := c.Rows(y, c.H()-y)
	s.drawList(&rows, true)
}

// drawMedium puts the charts left and the selected finding right, the list below.
func (s *Screen) drawMedium(c *grid.Canvas, f *facts) {
	list := min(max(5, len(s.rows)), c.H()/3)
	top := c.H() - list - 1
	left := c.Sub(0, 0, c.W()*3/5, top)
	s.drawCharts(&left, f, true)
	wall := left.W() + 1
	widget.Wall(c, wall, 0, top, s.Set())
	right := c.Sub(wall+1, 0, c.W()-wall-1, top)
	s.drawDetail(&right)
	widget.Rule(c, top, s.Set())
	rows := c.Rows(top+1, list)
	s.drawList(&rows, true)
}

// drawWide has findings left, charts in the middle, locks and endpoints right,
// and the events along the bottom.
func (s *Screen) drawWide(c *grid.Canvas, f *facts) {
	events := min(8, s.Rows.Len()+1)
	h := c.H() - events - 1
	lw, rw := c.W()*3/10, c.W()*3/10
	left := c.Sub(0, 0, lw, h)
	listed := min(len(s.rows)+1, h/2)
	left.Text(1, 0, theme.Head, "FINDINGS")
	rows := left.Rows(1, listed)
	s.drawList(&rows, false)
	widget.Rule(&left, listed+1, s.Set())
	detail := left.Rows(listed+2, h-listed-2)
	s.drawDetail(&detail)
	widget.Wall(c, lw, 0, h, s.Set())
	middle := c.Sub(lw+1, 0, c.W()-lw-rw-2, h)
	s.drawCharts(&middle, f, false) // the events stand below
	widget.Wall(c, c.W()-rw, 0, h, s.Set())
	right := c.Sub(c.W()-rw+1, 0, rw-1, h)
	s.drawSide(&right, f)
	widget.Rule(c, h, s.Set())
	log := c.Rows(h+1, events)
	s.drawEvents(&log, f)
}

func (s *Screen) key() chart.Key {
	return chart.Key{Version: s.Version, Window: s.Range, Zone: s.Zone, Glyphs: s.Glyphs}
}

// drawFailingHead says how the failures stand; after the chart below it was
// drawn, it names the events for whose names the chart had no room.
func (s *Screen) drawFailingHead(c *grid.Canvas, f *facts, legend bool) {
	x := c.Text(1, 0, theme.Head, f.what) + 1
	x = c.Text(x, 0, theme.Dim, f.over) + 2
	x = c.Text(x, 0, theme.Dim, "at cursor ")
	x = c.Text(x, 0, theme.Text, f.nowFailing) + 2
	x = c.Text(x, 0, theme.Dim, "max shown ")
	x = c.Text(x, 0, theme.Text, f.maxFailing)
	if ch := s.failing.Chart(); legend && ch != nil {
		ch.MarkerLegend(c, x+2, c.W()-1, 0)
	}
}

// drawCharts stacks the charts on one time axis, each under a line that says
// how it stands at the cursor; where there is little room only the first. legend
// names events that the chart could not.
func (s *Screen) drawCharts(c *grid.Canvas, f *facts, legend bool) {
	if c.H() < 20 {
		part := c.Rows(0, c.H()-2)
		s.drawOneChart(&part, f, legend)
		s.drawBars(c, c.H()-2, f)
		return
	}
	third := (c.H() - 2) / 3 // the first is two rows higher: it names events and the lock
	upper := c.Rows(0, c.H()-2*third)
	plot := upper.Rows(1, upper.H()-1)
	s.plot(&plot, &s.failing, s.failingChart(f, true))
	s.drawFailingHead(&upper, f, legend)
	for i, cache := range []*chart.Cache{&s.waiting, &s.flight} {
		part := c.Rows(upper.H()+i*third, third)
		s.drawBar(&part, 0, i, f)
		plot := part.Rows(1, third-1)
		s.plot(&plot, cache, s.levelChart(f, i))
	}
}

// drawOneChart draws the failures, or who waits where no log tells of failures.
func (s *Screen) drawOneChart(c *grid.Canvas, f *facts, legend bool) {
	plot := c.Rows(1, c.H()-1)
	head := c.Rows(0, 1)
	if f.maxFailing != text.NoData || f.levels[0].values == nil {
		s.plot(&plot, &s.failing, s.failingChart(f, false))
		s.drawFailingHead(&head, f, legend)
		return
	}
	ch := s.levelChart(f, 0)
	ch.Markers, ch.Bare, ch.Gutter, ch.NoClock = f.markers, false, 0, false
	s.plot(&plot, &s.failing, ch)
	x := head.Text(1, 0, theme.Head, "waiting over time")
	x = head.Text(x, 0, theme.Dim, "; "+f.what+" "+text.NoData)
	s.failing.Chart().MarkerLegend(&head, x+3, head.W()-1, 0)
}

func (s *Screen) plot(c *grid.Canvas, cache *chart.Cache, ch chart.Chart) {
	cache.Draw(c, s.key(), s.Cursor, s.Marks, func() *chart.Chart { return &ch })
}

// drawBars is how many wait and how many calls hang, at the time cursor.
func (s *Screen) drawBars(c *grid.Canvas, y int, f *facts) {
	s.drawBar(c, y, 0, f)
	s.drawBar(c, y+1, 1, f)
}

func (s *Screen) drawBar(c *grid.Canvas, y, i int, f *facts) {
	l := f.levels[i]
	c.Text(1, y, theme.Head, levelNames[i])
	c.Text(19, y, theme.Text, l.text)
	x := max(36, 19+max(len(f.levels[0].text), len(f.levels[1].text))+2) // bars begin under each other
	w := min(40, c.W()-x-1)
	if n := grid.Width(l.note); l.note != "" && c.W()-x-n-4 > 8 {
		w = min(w, c.W()-x-n-4)
		c.Text(x+w+2, y, theme.Warn, l.note)
	}
	if l.most > 0 {
		widget.Bar(c, x, y, w, l.now/l.most, s.Set(), levelStyles[i])
	}
}

// drawList lists findings, what to do, and endpoints; places says on the right
// where enter leads.
func (s *Screen) drawList(c *grid.Canvas, places bool) {
	set := s.Set()
	if len(s.rows) == 0 {
		say := "no findings"
		if s.Filter.Active() {
			say = "nothing matches the filter; / then enter clears it"
		}
		c.Text(1, 0, theme.Dim, say)
		return
	}
	top := s.list.Visible(len(s.rows), c.H())
	s.list.Place(c, 0, c.H())
	for y := 0; y < c.H() && top+y < len(s.rows); y++ {
		r := &s.rows[top+y]
		end := c.W() - 1
		if places {
			hint := r.show
			if r.do {
				hint = "y copies"
			}
			end = c.Right(end, y, theme.Dim, hint) - 2
		}
		if r.do {
			c.Text(6, y, theme.OK, "to do")
			c.Clip(16, y, end-16, theme.Text, r.text, set.More)
		} else {
			c.Text(3, y, r.severity.Style(), r.severity.Mark())
			c.Text(6, y, r.severity.Style(), r.word)
			c.Clip(16, y, end-16, theme.Text, r.text, set.More)
		}
		widget.Cursor(c, 1, y, c.W()-2, top+y == s.list.At, set)
	}
}

// drawDetail is the selected finding whole: claim, details, evidence, what to do.
func (s *Screen) drawDetail(c *grid.Canvas) {
	if s.list.At >= len(s.rows) {
		return
	}
	r := &s.rows[s.list.At]
	if r.finding < 0 {
		s.drawParts(c, r)
		return
	}
	f := &s.Analysis.Findings[r.finding]
	sev := widget.OfFinding(*f)
	x := c.Text(1, 0, sev.Style(), sev.Mark()) + 1
	x = c.Text(x, 0, sev.Style(), widget.RoleWord(f.Role)) + 2
	x = c.Text(x, 0, theme.Text, f.Confidence.String()) + 2
	x = c.Text(x, 0, theme.Dim, s.Clock(f.Window.From)) + 1
	x = c.Text(x, 0, theme.Dim, "to") + 1
	c.Text(x, 0, theme.Dim, s.Clock(f.Window.To))
	y := 1 + c.Wrap(1, 1, c.W()-2, c.H()-1, theme.Strong, redact.Flat(f.Claim))
	for _, d := range f.Detail {
		c.Set(1, y, '-', theme.Faint)
		y += c.Wrap(3, y, c.W()-4, max(0, c.H()-y), theme.Text, redact.Flat(d))
	}
	x = c.Text(1, y, theme.Dim, "evidence") + 1
	for _, g := range f.GroupNames {
		x = c.Text(x+1, y, theme.OK, s.Set().Tick)
		x = c.Text(x+1, y, theme.OK, redact.Line(g))
	}
	y++
	if f.Action == "" {
		return
	}
	c.Text(1, y+1, theme.Head, "WHAT TO DO")
	c.Text(13, y+1, theme.Dim, "nothing runs by itself")
	y += 2
	for line := range lines(redact.Lines(f.Action)) {
		style := theme.Text
		if len(line) > 1 && line[:2] == "--" {
			style = theme.Dim
		}
		y += c.Wrap(1, y, c.W()-2, max(0, c.H()-y), style, line)
	}
}

func lines(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for s != "" {
			i := 0
			for i < len(s) && s[i] != '\n' {
				i++
			}
			if !yield(s[:i]) {
				return
			}
			s = s[min(len(s), i+1):]
		}
	}
}

// drawParts is an endpoint or a topic, as much of it as there is room for.
func (s *Screen) drawParts(c *grid.Canvas, r *row) {
	x := c.Text(1, 0, r.severity.Style(), r.severity.Mark()) + 1
	c.Text(x, 0, r.severity.Style(), r.word)
	body := c.Sub(1, 1, c.W()-2, c.H()-1)
	if sheet.Draw(&body, r.parts, 0) >= body.H() && body.H() > 2 {
		body.Fill(0, body.H()-1, body.W(), 1, ' ', theme.Text)
		x := body.Text(0, body.H()-1, theme.Key, "d") + 1
		body.Text(x, body.H()-1, theme.Dim, "shows all of it")
	}
}

// drawSide is who waits at the cursor and how the endpoints fare.
func (s *Screen) drawSide(c *grid.Canvas, f *facts) {
	set := s.Set()
	c.Text(1, 0, theme.Head, "LOCKS AT CURSOR")
	y := 1
	for _, n := range f.roots {
		if y > c.H()/2 {
			break
		}
		c.Clip(1, y, c.W()-2, theme.Strong, n.head, set.More)
		c.Clip(3, y+1, c.W()-4, theme.Dim, n.query, set.More)
		y += 2
		for _, l := range n.waits {
			c.Set(3, y, set.Corner, theme.Faint)
			c.Set(4, y, set.Hard, theme.Faint)
			c.Clip(6, y, c.W()-7, theme.Text, l, set.More)
			y++
		}
	}
	if len(f.roots) == 0 {
		c.Text(1, y, theme.Dim, f.noLocks)
		y++
	}
	y++
	widget.Rule(c, y, set)
	y++
	c.Text(1, y, theme.Head, "ENDPOINTS")
	c.Right(c.W()-1, y, theme.Dim, "failed      of")
	for _, e := range s.Analysis.Endpoints {
		y++
		sev, word := widget.OfImpact(e)
		c.Text(1, y, sev.Style(), sev.Mark())
		x := c.W() - 1 - 8
		c.Right(c.W()-1, y, theme.Text, text.Count(e.Requests))
		switch {
		case e.Vanished:
			c.Right(x, y, sev.Style(), word)
		default:
			c.Right(x, y, sev.Style(), text.Count(e.Failed))
		}
		c.Clip(4, y, x-4-9, theme.Text, redact.Line(e.Endpoint.String()), set.More)
	}
	if y+4 < c.H() && len(s.hits) > 0 {
		y += 2
		widget.Rule(c, y, set)
		y++
		c.Text(1, y, theme.Head, "WHO WAS HIT")
		for _, h := range s.hits {
			y++
			c.Right(c.W()-1, y, theme.Text, h.amount)
			c.Clip(4, y, c.W()-grid.Width(h.amount)-6, theme.Text, h.name, set.More)
		}
	}
	for i := range s.about {
		t := &s.about[i]
		if t.caption == "" || y+3 >= c.H() {
			continue
		}
		y += 2
		widget.Rule(c, y, set)
		y++
		c.Text(1, y, theme.Head, t.caption)
		for _, l := range t.lines {
			if y++; y >= c.H() {
				return
			}
			c.Clip(1, y, c.W()-2, theme.Dim, l, set.More)
		}
	}
}

// drawEvents is the timeline as a log, lettered as on the charts.
func (s *Screen) drawEvents(c *grid.Canvas, f *facts) {
	c.Text(1, 0, theme.Head, "EVENTS")
	y := 1
	for i := 0; i < f.events.Len() && y < c.H(); i++ {
		m := f.events.Event(i)
		if m.Hidden {
			continue
		}
		c.Set(1, y, m.Key, theme.Marker)
		c.Text(3, y, theme.Dim, s.Clock(m.At))
		c.Text(14, y, theme.Dim, redact.Line(m.Lane))
		end := c.Clip(24, y, c.W()-60, theme.Text, redact.Flat(m.Text), s.Set().More)
		c.Clip(end+3, y, c.W()-end-4, theme.Dim, redact.Flat(m.SourceText), s.Set().More)
		y++
	}
	widget.Scroll(c, 0, 0, y-1, f.events.Shown())
}
