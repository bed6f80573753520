package timeline

import (
	"slices"
	"sort"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/events"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// laneOrder is how lanes stand under each other; others follow by name.
var laneOrder = []string{"deploy", "locks", "pool", "errors", "grpc", "people"}

// phasesLane is below all others, for it is about what they show.
const phasesLane = "phases"

// marksLane is for what somebody marked with a letter here.
const marksLane = "marks"

// laneWidth is the column in which the lanes' axis begins.
const laneWidth = 10

func (s *Screen) Draw(c *grid.Canvas) {
	if s.View == nil {
		return
	}
	s.drawHead(c)
	lanes := s.lanes()
	y := 1
	if now := incident.CurrentPhase(s.phases); now >= 0 && c.H() >= 14 && !s.Full {
		s.drawPhase(c, y, now)
		y++
	}
	if room := c.H() - y - min(6, len(s.shown)+1); len(lanes) > 0 && !s.Full {
		lanes = lanes[:min(len(lanes), max(0, room-2))]
		part := c.Rows(y, len(lanes)+1)
		s.drawLanes(&part, lanes)
		y += len(lanes) + 1
		widget.Rule(c, y, s.Set())
		y++
	}
	body := c.Rows(y, c.H()-y)
	switch {
	case c.W() >= 100:
		left := body.W() * 13 / 20
		list, facts := body.Sub(0, 0, left, body.H()), body.Sub(left+2, 0, body.W()-left-3, body.H())
		widget.Wall(&body, left, 0, body.H(), s.Set())
		s.drawList(&list)
		s.drawEvidence(&facts)
	case s.open:
		s.drawEvidence(&body)
	case body.H() >= 12:
		rows := max(1, min(len(s.shown), body.H()-6)) // without a moment that is said
		list, facts := body.Rows(0, rows), body.Sub(1, rows+1, body.W()-2, body.H()-rows-1)
		widget.Rule(&body, rows, s.Set())
		s.drawList(&list)
		s.drawEvidence(&facts)
	default:
		s.drawList(&body)
	}
	if s.edit.form != nil {
		s.edit.form.Draw(c, s.Set())
	}
}

func (s *Screen) drawHead(c *grid.Canvas) {
	if s.Range.Length() == 0 {
		c.Text(1, 0, theme.Dim, "no evidence yet")
		return
	}
	x := c.Text(1, 0, theme.Head, s.In(s.Range.From).Format("2006-01-02 15:04")+" to "+text.In(s.Range.To, s.Zone, "15:04"))
	said := text.Plural(len(s.shown), "moment")
	if n := s.known.inferred; n > 0 {
		said += ", " + text.Count(n) + " inferred (~)"
	}
	if hit := s.Analysis.Impact; hit.Length() > 0 && c.W() >= 100 {
		said = "impact " + s.Clock(hit.From) + " to " + s.Clock(hit.To) + ", " + text.Dur(hit.Length()) + "   " + said
	}
	if w := grid.Width(said); x+2+w < c.W() {
		c.Right(c.W()-1, 0, theme.Dim, said)
	}
}

// drawPhase says in which phase one is, and how far the others are.
func (s *Screen) drawPhase(c *grid.Canvas, y, now int) {
	p := s.phases[now]
	x := c.Text(1, y, theme.Dim, "now") + 1
	x = c.Clip(x, y, c.W()-x-1, theme.Strong, redact.Flat(p.Text), s.Set().More) + 1
	rest := p.Progress.String()
	if now+1 < len(s.phases) {
		rest += ", " + text.Plural(len(s.phases)-now-1, "phase") + " to come"
	}
	if p.Confidence != "" {
		rest += ", " + redact.Line(p.Confidence)
	}
	if grid.Width(rest)+x < c.W() {
		c.Right(c.W()-1, y, theme.Dim, rest)
	}
}

// drawPhases draws those phases that lie in the range as intervals in a lane of
// their own, each with its number.
func (s *Screen) drawPhases(plot *grid.Canvas, y int, column func(time.Time) int) {
	free := 0
	for i, p := range s.phases {
		end := p.End
		if p.Open {
			end = s.Range.To
		}
		if p.Track != incident.IncidentTrack || p.Start.After(s.Range.To) || p.Start.Before(s.Range.From) && !end.After(s.Range.From) {
			continue
		}
		from, to := max(0, column(p.Start)), min(plot.W()-1, column(end))
		if end.After(p.Start) {
			plot.Fill(from, y, to-from+1, 1, s.Set().Empty, theme.Note)
			plot.Set(from, y, '[', theme.Note)
			plot.Set(to, y, ']', theme.Note)
			from++
		}
		if from = max(from, free); from < plot.W() && i < 9 {
			plot.Set(from, y, rune('1'+i), theme.Note)
			free = from + 1
		}
	}
}

func (s *Screen) lanes() []string {
	lanes := slices.Clone(s.known.lanes)
	rank := func(l string) int {
		if i := slices.Index(laneOrder, l); i >= 0 {
			return i
		}
		return len(laneOrder)
	}
	slices.SortStableFunc(lanes, func(a, b string) int { return rank(a) - rank(b) })
	if len(s.Marks) > 0 {
		lanes = append(lanes, marksLane)
	}
	if slices.ContainsFunc(s.phases, func(p incident.Entry) bool { return p.Track == incident.IncidentTrack }) {
		lanes = append(lanes, phasesLane)
	}
	return lanes
}

// drawLanes draws one row per lane and the clock under them.
func (s *Screen) drawLanes(c *grid.Canvas, lanes []string) {
	w := c.W() - laneWidth - 1
	if w < 10 || s.Range.Length() == 0 {
		return
	}
	plot := c.Sub(laneWidth, 0, w, c.H())
	column := func(at time.Time) int {
		return int(float64(w-1) * float64(at.Sub(s.Range.From)) / float64(s.Range.Length()))
	}
	set := s.Set()
	clockRow := len(lanes)
	step := stepFor(s.Range.Length(), w/12)
	for at := text.Truncate(s.Range.From, step, s.Zone); !at.After(s.Range.To); at = at.Add(step) {
		if x := column(at); x >= 0 && x+6 <= w {
			plot.Set(x, clockRow, set.Corner, theme.Faint)
			plot.Text(x+1, clockRow, theme.Dim, s.In(at).Format("15:04"))
			for y := range lanes {
				plot.Set(x, y, set.Dot, theme.Faint)
			}
		}
	}
	c.Clip(1, clockRow, laneWidth-2, theme.Dim, text.ZoneName(s.Range.From, s.Zone), "")
	for y, lane := range lanes {
		c.Clip(1, y, laneWidth-2, theme.Dim, redact.Line(lane), set.More)
	}
	// Intervals first, so that the points and the letters stand on them.
	for _, i := range s.known.lasting {
		m := s.event(s.shown[i])
		y := slices.Index(lanes, m.Lane)
		if y < 0 || m.Lane == phasesLane || m.Hidden || m.End.Before(s.Range.From) || m.At.After(s.Range.To) {
			continue
		}
		from, to := max(0, column(m.At)), min(w-1, column(m.End))
		look := style(m.Kind)
		plot.Fill(from, y, to-from+1, 1, set.Empty, look)
		plot.Set(from, y, '[', look)
		plot.Set(to, y, ']', look)
	}
	free := make([]int, len(lanes))
	where := make([]int, len(s.events.Lanes())) // each lane stands; -1 where it does not
	for i, lane := range s.events.Lanes() {
		if where[i] = slices.Index(lanes, lane); lane == phasesLane { // drawn with the others of its kind
			where[i] = -1
		}
	}
	first := sort.Search(len(s.shown), func(i int) bool { return !s.begins(s.shown[i]).Before(s.Range.From) })
	for i := first; i < len(s.shown); i++ {
		n, at := int(s.shown[i]), s.begins(s.shown[i])
		if at.After(s.Range.To) {
			break
		}
		if n < 0 || where[s.events.Lane(n)] < 0 {
			continue
		}
		y, x := where[s.events.Lane(n)], column(at)
		if s.events.Lasts(n) {
			x++
		}
		x = max(x, free[y])
		if x >= w {
			continue
		}
		st := style(s.events.Kind(n))
		if s.events.Hidden(n) {
			st = theme.Faint
		}
		if i == s.list.At {
			st = theme.Accent | grid.Selected
		}
		plot.Set(x, y, s.events.Key(n), st)
		free[y] = x + 1
	}
	if y := slices.Index(lanes, marksLane); y >= 0 {
		for _, m := range s.Marks {
			if x := column(m.At); x >= 0 && x < w {
				plot.Set(x, y, m.Key, theme.Accent)
			}
		}
	}
	if y := slices.Index(lanes, phasesLane); y >= 0 {
		s.drawPhases(&plot, y, column)
	}
	s.drawCursor(&plot, column(s.Common.Cursor), clockRow)
}

func (s *Screen) drawCursor(c *grid.Canvas, x, clockRow int) {
	if x < 0 || x >= c.W() || s.Common.Cursor.IsZero() {
		return
	}
	for y := range clockRow {
		if r := c.Rune(x, y); r == ' ' || r == s.Set().Dot {
			c.Set(x, y, s.Set().Wall, theme.Cursor)
		}
	}
	label := s.Clock(s.Common.Cursor)
	from := max(0, min(x-len(label)/2, c.W()-len(label)))
	// a clock time half overwritten says nothing
	for l := from - 1; l >= 0 && c.Rune(l, clockRow) != ' '; l-- {
		c.Set(l, clockRow, ' ', theme.Text)
	}
	end := c.Text(from, clockRow, theme.Accent, label)
	for ; end < c.W() && c.Rune(end, clockRow) != ' '; end++ {
		c.Set(end, clockRow, ' ', theme.Text)
	}
}

// stepFor is the smallest step that people count in with at most n in length.
func stepFor(length time.Duration, n int) time.Duration {
	for _, m := range []time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720} {
		if length <= m*time.Minute*time.Duration(max(1, n)) {
			return m * time.Minute
		}
	}
	days := length / time.Duration(max(1, n)) / (24 * time.Hour)
	return (days + 1) * 24 * time.Hour
}

func style(k incident.MomentKind) grid.Style {
	switch k {
	case incident.MTrigger:
		return theme.Crit
	case incident.MSymptom:
		return theme.Warn
	case incident.MRecovery:
		return theme.OK
	default:
		return theme.Note
	}
}

func (s *Screen) drawList(c *grid.Canvas) {
	if len(s.shown) == 0 {
		said := "no moments yet"
		if s.Filter.Active() {
			said = "no moment matches the filter"
		}
		c.Text(1, 0, theme.Dim, said)
		return
	}
	top := s.list.Visible(len(s.shown), c.H())
	s.list.Place(c, 0, c.H())
	for y := range min(c.H(), len(s.shown)-top) {
		i := top + y
		m := s.event(s.shown[i])
		widget.Cursor(c, 1, y, c.W(), i == s.list.At, s.Set())
		if m.Inferred() {
			c.Set(2, y, '~', theme.Dim)
		}
		sel := grid.Style(0)
		if i == s.list.At {
			sel = grid.Selected
		}
		words, look := theme.Text|sel, style(m.Kind)|sel
		if m.Hidden {
			words, look = theme.Faint|sel, theme.Faint|sel
		}
		c.Set(3, y, m.Key, look)
		x := c.Text(5, y, words, clock(&m, s.Zone)) + 1
		what := redact.Flat(m.Text)
		if m.Hidden {
			what = "(hidden) " + what
		}
		if !m.End.IsZero() {
			what += ", " + text.Dur(m.End.Sub(m.At))
		}
		end := c.W() - 1
		where := s.source(&m)
		if m.Confidence != "" {
			full := strings.TrimPrefix(where+", "+redact.Line(m.Confidence), ", ")
			if grid.Width(full) <= end-x-grid.Width(what)-2 {
				where = full
			}
		}
		// Where it was read stands at the right, but not at the cost of what it is:
		// the evidence below names it as well.
		if room := end - x - grid.Width(what) - 2; room >= min(grid.Width(where), 12) {
			if w := grid.Width(where); w <= room {
				c.Right(end, y, theme.Dim|sel, where)
			} else {
				c.Clip(end-room, y, room, theme.Dim|sel, where, s.Set().More)
			}
		}
		c.Clip(x, y, end-x, words, what, s.Set().More)
		if i == s.list.At {
			s.cut = grid.Width(what) > end-x
		}
	}
}

// drawEvidence draws what the selected moment rests on: where it was read, what
// it says, and the selected piece as it was collected.
func (s *Screen) drawEvidence(c *grid.Canvas) {
	m := s.selected()
	if m == nil || c.H() < 1 {
		return
	}
	head := theme.Dim
	if s.open {
		head = theme.Accent
	}
	if (s.cut || s.open) && c.H() >= 5 { // the list has no room for all that it says
		y := c.Wrap(0, 0, c.W(), c.H()-3, theme.Strong, redact.Flat(m.Text))
		rest := c.Rows(y, c.H()-y)
		c = &rest
	}
	c.Clip(0, 0, c.W(), head, string(m.Key)+" rests on "+text.Plural(len(s.evidence), "fact")+confidence(m), s.Set().More)
	if e, ok := s.entry(); ok {
		y := 1
		for _, line := range notes(e) {
			y += c.Wrap(0, y, c.W(), min(3, c.H()-y-2), theme.Note, line)
		}
		rest := c.Rows(y-1, c.H()-y+1)
		c = &rest
	}
	if len(s.evidence) == 0 {
		if c.H() > 1 {
			said := "nothing is linked to it"
			if from := s.source(m); from != "" {
				said += "; source: " + from
			}
			c.Clip(0, 1, c.W(), theme.Dim, said, s.Set().More)
		}
		return
	}
	focus := min(s.facts.At, len(s.evidence)-1)
	at := s.evidence[focus]
	quote := at.quote
	if strings.Contains(at.text, redact.Flat(quote)) {
		quote = ""
	}
	below, lines := 0, 1
	if quote != "" {
		below = 1
		for range grid.WrapSeq(quote, c.W()-2) {
			below++
		}
		below = min(below, c.H()/2, 9)
	}
	for range grid.WrapSeq(at.text, c.W()-2) {
		lines++
	}
	lines = min(lines, max(2, c.H()-1-below)) // of the selected fact, whole
	rows := 1 + max(0, c.H()-1-below-lines)/2
	top := s.facts.Visible(len(s.evidence), rows)
	y := 1
	for i := top; i < len(s.evidence) && i < top+rows; i++ {
		f := s.evidence[i]
		c.Clip(2, y, c.W()-2, theme.Note, f.source, s.Set().More)
		switch {
		case i == focus:
			c.Wrap(2, y+1, c.W()-2, lines-1, theme.Text, f.text)
		case y+1 < c.H():
			c.Clip(2, y+1, c.W()-2, theme.Text, f.text, s.Set().More)
		}
		if s.open && i == focus {
			c.Set(0, y, s.Set().Cursor, theme.Accent)
			c.Select(0, y, c.W())
		}
		y += 2
		if i == focus {
			y += lines - 2
		}
	}
	if quote != "" && y+1 < c.H() {
		c.Wrap(2, y+1, c.W()-2, c.H()-y-1, theme.Dim, quote)
	}
}

func confidence(m *events.Event) string {
	if m.Confidence == "" {
		return ""
	}
	return ", " + redact.Line(m.Confidence)
}
