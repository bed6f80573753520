package export

import (
	"path/filepath"
	"strings"

	"tripcurve/internal/redact"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
	"tripcurve/tui/widget"
)

type rect struct{ x, y, w, h int }

type layout struct {
	list, preview rect
	head          int // row of the preview's head
}

// layout has the list over the preview on a small canvas, left of it on a wide
// one.
func (s *Screen) layout(w, h int) layout {
	switch {
	case s.Full:
		return layout{preview: rect{1, 1, w - 2, h - 1}}
	case w >= 100:
		return layout{list: rect{0, 0, 40, h - 3}, head: 0, preview: rect{43, 2, w - 44, h - 3}}
	}
	rows := min(s.rows(), max(3, h/3))
	return layout{list: rect{0, 0, w, rows}, head: rows + 1, preview: rect{1, rows + 2, w - 2, h - rows - 3}}
}

// rows is how many lines the list takes: targets, and a head per group.
func (s *Screen) rows() int {
	n, group := 0, ""
	for _, t := range s.targets {
		if t.Group != group {
			n, group = n+1, t.Group
		}
		n++
	}
	return n
}

func (s *Screen) Draw(c *grid.Canvas) {
	l := s.layout(c.W(), c.H())
	if l.list.h > 0 {
		list := c.Sub(l.list.x, l.list.y, l.list.w, l.list.h)
		s.drawList(&list)
	}
	switch {
	case s.Full:
	case c.W() >= 100:
		widget.Wall(c, 41, 0, c.H()-1, s.Set())
	default:
		widget.Rule(c, l.head-1, s.Set())
	}
	s.drawHead(c, l)
	preview := c.Sub(l.preview.x, l.preview.y, l.preview.w, l.preview.h)
	s.drawPreview(&preview)
	s.drawFoot(c)
}

// drawList draws the targets that fit around the focused one, each group under
// its name.
func (s *Screen) drawList(c *grid.Canvas) {
	type line struct{ head, target int }
	var lines []line
	at, group := 0, ""
	for i, t := range s.targets {
		if t.Group != group {
			group = t.Group
			lines = append(lines, line{i, -1})
		}
		if i == s.list.At {
			at = len(lines)
		}
		lines = append(lines, line{-1, i})
	}
	top := max(0, min(at-c.H()/2, len(lines)-c.H()))
	for y := range min(c.H(), len(lines)-top) {
		ln := lines[top+y]
		if ln.head >= 0 {
			name := s.targets[ln.head].Group
			c.Text(1, y, theme.Head, name)
			if name == groupThresholds && s.edge != "" {
				c.Clip(2+len(name), y, c.W()-3-len(name), theme.Accent, " "+redact.Line(s.edge), s.Set().More)
			}
			continue
		}
		t := s.targets[ln.target]
		box := s.Set().NoTick
		if s.chosen[t.key()] {
			box = s.Set().Tick
		}
		widget.Cursor(c, 1, y, c.W(), ln.target == s.list.At, s.Set())
		sel := grid.Style(0)
		if ln.target == s.list.At {
			sel = grid.Selected
		}
		c.Text(3, y, theme.Key|sel, box)
		c.Text(7, y, theme.Text|sel, t.Name)
		c.Clip(21, y, c.W()-22, theme.Dim|sel, t.File, s.Set().More)
	}
	widget.Scroll(c, 0, min(top, len(lines)), c.H(), len(lines))
}

// drawHead names the preview and says whether the file is there.
func (s *Screen) drawHead(c *grid.Canvas, l layout) {
	t, p := s.focused(), s.preview
	if t == nil {
		return
	}
	x, y, w := l.preview.x, l.head, l.preview.w
	said, style := "new file", theme.Dim
	if n := len(p.artifact.Warnings); n > 0 {
		said, style = "new file, "+text.Plural(n, "warning"), theme.Warn
	}
	switch {
	case p.key != t.key():
		said = "..."
	case p.err != nil:
		said, style = "cannot be written", theme.Crit
	case p.existing && p.diff == "":
		said, style = "is there already, the same", theme.OK
	case p.existing && s.diff:
		said, style = "is there and would change: diff", theme.Warn
	case p.existing:
		said, style = "is there and would change", theme.Warn
	}
	end := c.Text(x, y, theme.Strong, t.Group+" "+t.Name)
	c.Clip(end+2, y, x+w-end-2, style, redact.Line(strings.TrimPrefix(p.name+": "+said, ": ")), s.Set().More)
	if s.laid(); s.lay.rows > s.view.Height() && w > 60 {
		c.Right(x+w, y, theme.Dim, percent(s.lay.part))
	}
}

func percent(v float64) string {
	switch n := int(v * 100); {
	case n <= 0:
		return "top"
	case n >= 100:
		return "end"
	default:
		return string([]byte{byte('0' + n/10), byte('0' + n%10), '%'})
	}
}

// lay is what the viewport shows, which it wraps anew each time it is asked.
type lay struct {
	text     uint64 // which text
	w, h, at int
	lines    []string
	rows     int     // of the whole text
	part     float64 // of it that is above
}

// laid brings lay up to date.
func (s *Screen) laid() []string {
	l := &s.lay
	w, h, at := s.view.Width(), s.view.Height(), s.view.YOffset()
	if l.lines == nil || l.text != s.text || l.w != w || l.h != h || l.at != at {
		*l = lay{
			text: s.text, w: w, h: h, at: at,
			lines: strings.Split(s.view.View(), "\n"), rows: s.view.TotalLineCount(), part: s.view.ScrollPercent(),
		}
	}
	return l.lines
}

// drawPreview draws the viewport's lines; those of a diff by what they do.
func (s *Screen) drawPreview(c *grid.Canvas) {
	p := s.preview
	if p.err != nil {
		c.Wrap(0, 0, c.W(), c.H(), theme.Crit, redact.Flat(p.err.Error()))
		return
	}
	diff := s.diff && p.existing && p.diff != ""
	for y, line := range s.laid() {
		style := theme.Text
		if s.view.YOffset()+y < s.warned {
			style = theme.Warn
		} else if diff {
			switch {
			case strings.HasPrefix(line, "+"):
				style = theme.OK
			case strings.HasPrefix(line, "-"):
				style = theme.Crit
			case strings.HasPrefix(line, "@"):
				style = theme.Note
			}
		}
		c.Styled(0, y, line, func(string) grid.Style { return style })
	}
}

// drawFoot says where files go, and which the next enter would replace.
func (s *Screen) drawFoot(c *grid.Canvas) {
	y := c.H() - 1
	x := c.Text(1, y, theme.Dim, "into ")
	if s.typing {
		widget.Typed(c, x, y, c.W()-x-1, &s.dir)
		return
	}
	x = c.Clip(x, y, c.W()/2, theme.Accent, redact.Line(s.directory()), s.Set().More)
	if len(s.confirm) == 0 {
		return
	}
	names := make([]string, len(s.confirm))
	for i, path := range s.confirm {
		names[i] = filepath.Base(path)
	}
	c.Clip(x+2, y, c.W()-x-3, theme.Warn, redact.Line("enter replaces "+strings.Join(names, ", ")+"; esc does not"), s.Set().More)
}

// Cursor is where the typed directory's cursor stands.
func (s *Screen) Cursor() (x, y int, shown bool) {
	const at = 6 // after "into"
	return at + widget.TypedCursor(s.W-at-1, &s.dir), s.H - 1, s.typing
}
