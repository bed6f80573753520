// Package sheet shows a text over the screens: paragraphs with heads, scrolled and
// filtered. It is where everything stands for which a screen has no room.
package sheet

import (
	"strings"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

// Sheet is a text that is open.
type Sheet struct {
	title  string
	parts  []screen.Part
	shown  []screen.Part // those that the filter keeps
	filter screen.Filter
	top    int
	page   int // rows drawn last
	rows   int // rows of all that is shown, at the width drawn last
}

// New opens a text at its beginning.
func New(title string, parts []screen.Part) *Sheet {
	return &Sheet{title: title, parts: parts, shown: parts}
}

// Filter keeps the parts that match; the zero Filter keeps all.
func (s *Sheet) Filter(f screen.Filter) {
	s.filter, s.top = f, 0
	s.shown = s.parts
	if !f.Active() {
		return
	}
	s.shown = nil
	for _, p := range s.parts {
		if f.Match(p.Head, p.Text, p.Quote) {
			s.shown = append(s.shown, p)
		}
	}
}

// Filtered says that some parts are left out.
func (s *Sheet) Filtered() bool { return s.filter.Active() }

// Key scrolls, and says whether the sheet is to be closed.
func (s *Sheet) Key(name string) (closed bool) {
	switch name {
	case "esc", "q", "enter":
		if name == "esc" && s.Filtered() {
			s.Filter(screen.Filter{})
			return false
		}
		return true
	case "j", "down":
		s.top++
	case "k", "up":
		s.top--
	case "space", "ctrl+d", "pgdown":
		s.top += s.page
	case "ctrl+u", "pgup":
		s.top -= s.page
	case "g", "home":
		s.top = 0
	case "G", "end":
		s.top = s.rows
	}
	s.top = max(0, min(s.top, s.rows-s.page))
	return false
}

// Title names what the sheet is about.
func (s *Sheet) Title() string { return s.title }

// Plain is all that is shown, as text.
func (s *Sheet) Plain() string {
	var b strings.Builder
	for i, p := range s.shown {
		if p.Head != "" && i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range []string{p.Head, p.Text, p.Quote} {
			if line != "" {
				b.WriteString(strings.TrimRight(line, "\n") + "\n")
			}
		}
	}
	return b.String()
}

// Draw draws the sheet over the canvas, as high as it needs.
func (s *Sheet) Draw(c *grid.Canvas, set *glyph.Set) {
	w := min(c.W()-2, 104)
	x := (c.W() - w) / 2
	s.rows = Measure(s.shown, w-6)
	below := c.Rows(0, min(c.H(), max(3, s.rows+2)))
	c = &below
	c.Fill(x-1, 0, w+2, c.H(), ' ', theme.Text)
	c.Box(x, 0, w, c.H(), set.Frame, theme.Faint)
	c.Clip(x+2, 0, w-6, theme.Accent, " "+s.title+" ", set.More)
	inner := c.Sub(x+3, 1, w-6, c.H()-2)
	s.page = inner.H()
	s.top = max(0, min(s.top, s.rows-s.page))
	if len(s.shown) == 0 {
		inner.Text(0, 0, theme.Dim, "nothing here matches the filter")
	}
	Draw(&inner, s.shown, s.top)
	scrolls := s.rows > s.page && w > 40
	at, end := x+2, x+w-2
	if scrolls {
		end -= widget.ScrollWidth(s.top, s.page, s.rows) + 1
	}
	for _, k := range s.foot() {
		if at+len(k[0])+len(k[1])+3 > end {
			break
		}
		at = c.Text(at, c.H()-1, theme.Key, " "+k[0]+" ")
		at = c.Text(at, c.H()-1, theme.Dim, k[1]+" ")
	}
	if scrolls {
		line := c.Sub(x, c.H()-1, w-2, 1)
		widget.Scroll(&line, 0, s.top, s.page, s.rows)
	}
	if s.filter.Active() {
		c.Right(x+w-2, 0, theme.Match, " /"+s.filter.Text+" "+text.Plural(len(s.shown), "part")+" ")
	}
}

func (s *Sheet) foot() [][2]string {
	keys := [][2]string{{"esc", "closes"}, {"/", "filters"}, {"y", "copies"}}
	if s.rows > s.page {
		keys = append([][2]string{{"j/k", "scroll"}}, keys...)
	}
	return keys
}

// Measure is how many rows the parts take at a width.
func Measure(parts []screen.Part, w int) (rows int) {
	each(parts, w, func(string, int, grid.Style) bool { rows++; return true })
	return rows
}

// Draw draws the parts from row top of theirs on, as far as the canvas goes, and says
// how many rows it used.
func Draw(c *grid.Canvas, parts []screen.Part, top int) (used int) {
	y := -top
	each(parts, c.W(), func(line string, indent int, style grid.Style) bool {
		if y >= 0 {
			c.Text(indent, y, style, line)
		}
		y++
		return y < c.H()
	})
	return max(0, y)
}

// each calls f with every row of the parts until it says no.
func each(parts []screen.Part, w int, f func(line string, indent int, style grid.Style) bool) {
	for i, p := range parts {
		if p.Head != "" && i > 0 && !f("", 0, theme.Text) {
			return
		}
		for _, b := range [...]struct {
			text   string
			indent int
			style  grid.Style
		}{{p.Head, 0, theme.Strong}, {p.Text, 2, theme.Text}, {p.Quote, 4, theme.Dim}} {
			if b.text == "" {
				continue
			}
			for paragraph := range strings.SplitSeq(strings.TrimRight(b.text, "\n"), "\n") {
				if paragraph == "" && !f("", 0, theme.Text) {
					return
				}
				for line := range grid.WrapSeq(paragraph, max(1, w-b.indent)) {
					if !f(line, b.indent, b.style) {
						return
					}
				}
			}
		}
	}
}
