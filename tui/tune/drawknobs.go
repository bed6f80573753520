package tune

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tripcurve/internal/policy"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

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
			s.inputX, s.inputW = valueAt, max(barAt-valueAt-1, min(grid.Width(s.input.Value())+1, w-valueAt-1))
			widget.Typed(c, valueAt, y, s.inputW, &s.input)
			hint := "enter takes it, esc does not"
			if s.fresh {
				hint = "type over it, or arrows to edit"
			}
			c.Clip(max(barAt, valueAt+grid.Width(s.input.Value())+2), y, w-barAt-2, theme.Dim, hint, set.More)
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
