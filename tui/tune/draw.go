package tune

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// rect is a rectangle of the canvas.
type rect struct{ x, y, w, h int }

func (r rect) of(c *grid.Canvas) grid.Canvas { return c.Sub(r.x, r.y, r.w, r.h) }

// layout says where everything is; a part without height is not drawn.
type layout struct {
	head, knobs, help, table, chart, strip, legend rect
	trip                                           rect // of the trip curve, which may have the place of the chart
	measures                                       int
	short, spread                                  bool // of the table
	rule                                           int  // row of the line above the results; -1 none
	wall                                           int  // column between knobs and results; -1 none
}

// trips says whether the trip curve is shown.
func (l layout) trips(p picture) bool { return l.trip.h > 0 && (p != orders || l.chart.h > 0) }

// layout divides a canvas, and gives the chart's place to the trip curve when that
// was asked for. Where there is room for both they stand side by side.
func (s *Screen) layout(w, h int) layout {
	l := s.divide(w, h)
	switch {
	case w >= 160 && h >= 36 && !s.Full:
		right := l.chart.w * 2 / 5
		l.chart.w -= right + 2
		l.strip.w = l.chart.w
		l.legend.x = l.chart.x + l.chart.w - l.legend.w
		l.trip = rect{l.chart.x + l.chart.w + 2, l.chart.y, right, l.strip.y + 1 - l.chart.y}
	case s.picture == orders:
	case l.chart.h > 0:
		l.trip = rect{l.chart.x, l.chart.y, l.chart.w, max(l.strip.y, l.legend.y) + 1 - l.chart.y}
		l.chart, l.strip, l.legend = rect{}, rect{}, rect{}
	default:
		l.trip = rect{1, l.rule + 1, w - 2, h - l.rule - 1}
		l.table, l.strip, l.legend = rect{}, rect{}, rect{}
	}
	return l
}

// divide divides a canvas: knobs over results on a small one, side by side on a
// wide one, with the curve across the top where it is also high.
func (s *Screen) divide(w, h int) layout {
	l := layout{head: rect{0, 0, w, 1}, rule: -1, wall: -1, measures: len(measures)}
	n := l.measures
	switch {
	case s.Full && w > 0: // the knobs alone would hide what they do: the curve instead
		l.chart = rect{1, 1, w - 2, h - 3}
		l.strip = rect{1, h - 2, w - 2, 1}
		l.legend = rect{max(1, w-1-len(stripLegend)), 1, len(stripLegend), 1}
		l.knobs = rect{0, h - 1, w, 1}
	case w >= 160 && h >= 36:
		top := h - 2 - max(len(s.rows)+2, n+2)
		top = min(max(top, 8), h/2)
		l.chart = rect{1, 1, w - 2, top}
		l.strip = rect{1, 1 + top, w - 2, 1}
		l.rule = top + 2
		l.legend = rect{w - 3 - len(stripLegend), 1, len(stripLegend), 1} // right of the curve's own
		l.wall = w - 64
		l.knobs = rect{0, l.rule + 1, l.wall, h - l.rule - 2}
		l.help = rect{1, h - 1, l.wall - 1, 1}
		l.table = rect{l.wall + 2, l.rule + 1, w - l.wall - 3, h - l.rule - 1}
		l.spread = true
	case w >= 100:
		l.wall = w - 54
		l.knobs = rect{0, 1, l.wall, h - 2}
		l.help = rect{1, h - 1, l.wall - 1, 1}
		right := rect{l.wall + 2, 1, w - l.wall - 3, h - 1}
		rows := min(n+2, right.h-7)
		l.table = rect{right.x, h - rows, right.w, rows}
		l.chart = rect{right.x, 1, right.w, h - rows - 3}
		l.strip = rect{right.x, h - rows - 2, right.w, 1}
		l.legend = rect{right.x, h - rows - 1, right.w, 1}
		l.spread = true
	case w >= 76 && h >= 20:
		l.measures = 9
		rows := l.measures + 1
		l.rule = h - rows - 1
		l.knobs = rect{0, 1, w, l.rule - 2}
		l.help = rect{1, l.rule - 1, w - 2, 1}
		l.table = rect{1, l.rule + 1, 42, rows}
		l.chart = rect{44, l.rule + 1, w - 45, rows - 2}
		l.strip = rect{44, h - 2, w - 45, 1}
		l.legend = rect{44, h - 1, w - 45, 1}
	default:
		l.short, l.spread, l.measures = true, true, 6
		rows := l.measures + 1
		l.rule = h - rows - 3
		l.knobs = rect{0, 1, w, max(1, l.rule-1)}
		l.table = rect{1, l.rule + 1, w - 2, rows}
		l.strip = rect{1, h - 2, w - 2, 1}
		l.legend = rect{9, h - 1, w - 10, 1}
	}
	return l
}

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

// drawKnobs draws the rows that fit around the focused one.
func (s *Screen) drawKnobs(c *grid.Canvas) {
	top := s.list.Visible(len(s.rows), c.H())
	for y := range c.H() {
		i := top + y
		if i >= len(s.rows) {
			break
		}
		s.drawRow(c, y, i, i == s.list.At)
	}
	if n, h := len(s.rows), c.H(); n > h && h > 1 {
		from, size := top*h/n, max(1, h*h/n)
		c.Fill(c.W()-1, 0, 1, h, s.Set().Wall, theme.Faint)
		c.Fill(c.W()-1, min(from, h-size), 1, size, s.Set().Full, theme.Dim)
	}
}

// nameAt is the column of a knob's name.
const nameAt = 3

// columns are those of the knobs' values and sliders: the names of the library take
// what they need, up to some half of the width.
func (s *Screen) columns(w int) (valueAt, barAt int) {
	const (
		least, leastValue = 28, 11
		mostValue         = 15
	)
	t := s.knobTexts()
	valueAt = max(least, min(nameAt+t.names+1, w*5/8))
	return valueAt, valueAt + min(max(leastValue, t.values), mostValue) + 1
}

// fitted is a name in n columns. What a long one ends with tells most, so its
// first parts are left out.
func fitted(name, more string, n int) string {
	for grid.Width(name) > n {
		_, rest, ok := strings.Cut(strings.TrimPrefix(name, more), ".")
		if !ok {
			break
		}
		name = more + rest
	}
	return name
}

func (s *Screen) drawRow(c *grid.Canvas, y, i int, at bool) {
	set, r, t := s.Set(), s.rows[i], s.knobTexts().rows[i]
	w := c.W()
	valueAt, barAt := s.columns(w)
	switch {
	case r.edge:
		c.Text(nameAt, y, theme.Text, "edge") // its name stands in the head
		c.Text(valueAt, y, theme.Accent, fmt.Sprintf("%d of %d", s.edge+1, len(s.names)))
		c.Clip(barAt, y, w-barAt-2, theme.Dim, "e next, E back", set.More)
	case r.head != "":
		c.Text(1, y, theme.Head, r.head)
		return
	case r.note != "":
		c.Clip(nameAt+2, y, w-nameAt-4, theme.Warn, r.note, set.More)
		return
	case r.lost:
		mark := set.Closed
		if y+1 < c.H() && s.isUnfolded() {
			mark = set.Open
		}
		c.Set(nameAt, y, mark, theme.Warn)
		c.Clip(nameAt+2, y, w-nameAt-4, theme.Warn, s.lostTitle(), set.More)
	default:
		style, mark := theme.Text, " "
		if t.changed {
			style, mark = theme.Accent, "*"
		}
		c.Text(nameAt-1, y, theme.Accent, mark)
		c.Clip(nameAt, y, valueAt-nameAt-1, theme.Text, fitted(t.name, set.More, valueAt-nameAt-1), set.More)
		if at && s.typing {
			s.inputX = valueAt
			c.Fill(valueAt, y, barAt-valueAt-1, 1, ' ', theme.Input)
			c.Clip(valueAt, y, w-valueAt-1, theme.Input, s.input.Value(), "")
			c.Clip(max(barAt, valueAt+grid.Width(s.input.Value())+2), y, w-barAt-2, theme.Dim, "enter takes it, esc does not", set.More)
			break
		}
		c.Clip(valueAt, y, barAt-valueAt-1, style, t.value, set.More)
		s.drawBar(c, y, barAt, &s.rows[i].field, t)
	}
	if at {
		c.Set(1, y, set.Cursor, theme.Accent)
		c.Select(0, y, w)
	}
}

// name is a knob's name within its group.
func name(f policy.Field) string {
	if f.Name == "breaker" {
		return "library"
	}
	if len(f.Name) > 8 && f.Name[:8] == "breaker." {
		return f.Name[8:]
	}
	return f.Name
}

// changed says whether a knob stands elsewhere than it did.
func changed(f policy.Field, now, this policy.Policy) bool {
	if len(f.Name) > 8 && f.Name[:8] == "breaker." && now.Breaker.Library != this.Breaker.Library {
		return false // the library itself is marked
	}
	return f.Get(now) != f.Get(this)
}

// changesOf lists the values of an edge that differ, as --set takes them.
func changesOf(edge string, now, this policy.Policy) (out []string) {
	for _, f := range policy.FieldsOf(this) {
		if changed(f, now, this) {
			out = append(out, edge+"."+f.Name+"="+f.Get(this))
		}
	}
	return out
}

const (
	ranged   = 74 // the width from which each slider's range stands beside it
	shortest = 6  // bar worth drawing
)

// spanWidth is what the longest range of the sliders takes.
func (s *Screen) spanWidth() int {
	const least, most = 15, 20
	return min(max(least, s.knobTexts().spans+1), most)
}

var switches = []string{"off", "on"}

// drawBar draws the slider, a mark where the knob stood, and its range.
func (s *Screen) drawBar(c *grid.Canvas, y, barAt int, f *policy.Field, t knobText) {
	w := c.W()
	if f.Kind == policy.KindChoice || f.Kind == policy.KindSwitch {
		choices := f.Choices
		switch {
		case f.Kind == policy.KindSwitch:
			choices = switches
		case f.Name == "breaker":
			choices = libraries()
		}
		drawChoices(c, barAt, y, choices, t.value, s.Set().More)
		return
	}
	if f.Max <= f.Min || f.Kind == policy.KindText {
		return
	}
	bar := min(w-barAt-2, 60)
	if s.rangesShown(w) {
		bar = min(w-barAt-s.spanWidth()-2, 60)
		c.Clip(barAt+bar+1, y, w-barAt-bar-3, theme.Dim, t.span, "")
	}
	if bar < shortest {
		return
	}
	place := func(v float64) int {
		return int(math.Round((min(max(v, f.Min), f.Max) - f.Min) / (f.Max - f.Min) * float64(bar-1)))
	}
	c.Fill(barAt, y, bar, 1, s.Set().Empty, theme.Faint)
	if t.changed {
		c.Set(barAt+place(t.was), y, '|', theme.Dim)
	}
	c.Set(barAt+place(t.is), y, s.Set().Knob, theme.Accent)
}

// drawHelp says what the focused knob does.
func (s *Screen) drawHelp(c *grid.Canvas) {
	r := s.focused()
	var help string
	switch {
	case r.edge:
		help = "the call whose policy is tuned: h and l, or e anywhere, change it"
	case r.lost:
		help = "what the last library had and this one cannot say; enter unfolds, z undoes"
	default:
		var facts []string
		if span := limits(r.field); span != "" && !s.rangesShown(s.layout(s.W, s.H).knobs.w) {
			facts = append(facts, span)
		}
		if own, ok := s.libraryOwn(r.field); ok {
			facts = append(facts, "default "+own)
		}
		help = strings.TrimPrefix(strings.Join(facts, ", ")+": "+r.field.Help, ": ")
	}
	c.Clip(0, 0, c.W(), theme.Dim, help, s.Set().More)
}

// libraryOwn is the default that the library itself has for one of its parameters.
func (s *Screen) libraryOwn(f policy.Field) (string, bool) {
	if !strings.HasPrefix(f.Name, "breaker.") {
		return "", false
	}
	return value(f, policy.Policy{Breaker: policy.BreakerSpec{Library: s.policy().Breaker.Library}}), true
}

// rangesShown says whether each slider has its range beside it.
func (s *Screen) rangesShown(w int) bool {
	_, barAt := s.columns(w)
	return w >= ranged && w-barAt-s.spanWidth()-2 >= shortest
}

func (s *Screen) isUnfolded() bool {
	return s.unfold || s.layout(s.W, s.H).knobs.h >= roomy
}

// lostTitle counts what the library could not keep.
func (s *Screen) lostTitle() string {
	in := s.intents[s.edgeName()]
	return fmt.Sprintf("%s of %s kept otherwise or not at all", text.Plural(len(in.lost), "thing"), in.from.Breaker.Library)
}

// drawChoices draws the choices around the chosen one as far as there is room.
func drawChoices(c *grid.Canvas, x, y int, choices []string, chosen, more string) {
	const between = 2
	room := c.W() - x - 2
	at := max(0, slices.Index(choices, chosen))
	width := func(from, to int) int {
		n := 0
		for _, choice := range choices[from:to] {
			n += grid.Width(choice) + between
		}
		if from > 0 {
			n += grid.Width(more) + 1
		}
		if to < len(choices) {
			n += grid.Width(more)
		}
		return n
	}
	from, to := 0, len(choices)
	for width(from, to) > room && to-from > 1 { // leave out what is farthest from the chosen one
		if to-1-at > at-from {
			to--
		} else {
			from++
		}
	}
	if to-from == 1 && len(choices) > 1 { // the chosen one already stands beside
		c.Clip(x, y, room, theme.Dim, fmt.Sprintf("%d of %d", at+1, len(choices)), more)
		return
	}
	if from > 0 {
		x = c.Text(x, y, theme.Dim, more) + 1
	}
	for i := from; i < to; i++ {
		style := theme.Dim
		if i == at {
			style = theme.Accent
		}
		x = c.Text(x, y, style, choices[i]) + between
	}
	if to < len(choices) {
		c.Text(x, y, theme.Dim, more)
	}
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
	}
	c.Clip(2, y, c.W()-4, style, said, s.Set().More)
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
