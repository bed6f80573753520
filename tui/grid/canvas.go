package grid

import (
	"strconv"
	"unicode/utf8"
)

// Canvas is a rectangle of a grid with its own origin. Everything drawn outside
// it is cut off.
type Canvas struct {
	g          *Grid
	x, y, w, h int
}

// W is the width in columns.
func (c *Canvas) W() int { return c.w }

// H is the height in rows.
func (c *Canvas) H() int { return c.h }

// Origin is where the canvas lies in its grid.
func (c *Canvas) Origin() (x, y int) { return c.x, c.y }

// Sub is the part of the canvas from (x, y) on, cut to fit.
func (c *Canvas) Sub(x, y, w, h int) Canvas {
	x0, y0 := min(max(x, 0), c.w), min(max(y, 0), c.h)
	x1, y1 := min(max(x+w, x0), c.w), min(max(y+h, y0), c.h)
	return Canvas{g: c.g, x: c.x + x0, y: c.y + y0, w: x1 - x0, h: y1 - y0}
}

// Beyond is the w columns to the right of the canvas, as far as the grid goes.
func (c *Canvas) Beyond(w int) Canvas {
	x := c.x + c.w
	return Canvas{g: c.g, x: x, y: c.y, w: max(0, min(w, c.g.w-x)), h: c.h}
}

// Rows is the full width from row y on, h rows high.
func (c *Canvas) Rows(y, h int) Canvas { return c.Sub(0, y, c.w, h) }

func (c *Canvas) inside(x, y int) bool { return x >= 0 && y >= 0 && x < c.w && y < c.h }

func (c *Canvas) at(x, y int) int { return (c.y+y)*c.g.w + c.x + x }

// Set writes one rune of width one.
func (c *Canvas) Set(x, y int, r rune, s Style) {
	if c.inside(x, y) {
		c.g.put(c.at(x, y), cell{clean(r), s})
	}
}

// Rune is what stands at (x, y); a blank outside, and for the parts of
// clusters and wide cells.
func (c *Canvas) Rune(x, y int) rune {
	if !c.inside(x, y) {
		return ' '
	}
	return max(' ', c.g.cells[c.at(x, y)].r)
}

// Style is the style at (x, y); the default one outside.
func (c *Canvas) Style(x, y int) Style {
	if !c.inside(x, y) {
		return 0
	}
	return c.g.cells[c.at(x, y)].s
}

// Text writes a string from (x, y) to the right, cut at the edge, and returns
// the column after it.
func (c *Canvas) Text(x, y int, s Style, text string) int {
	for text != "" {
		cl, w := next(text)
		text = text[len(cl):]
		if w == 0 {
			continue
		}
		c.cluster(x, y, s, cl, w)
		x += w
	}
	return x
}

func (c *Canvas) cluster(x, y int, s Style, cl string, w int) {
	if y < 0 || y >= c.h || x >= c.w || x+w <= 0 {
		return
	}
	if x < 0 || x+w > c.w { // half a wide cell is a blank
		c.Set(max(x, 0), y, ' ', s)
		return
	}
	r, n := utf8.DecodeRuneInString(cl)
	out := cell{clean(r), s}
	if n < len(cl) {
		if !safe(cl) {
			out.r = '?'
		} else {
			c.g.clusters = append(c.g.clusters, cl)
			out.r = rune(-len(c.g.clusters))
		}
	}
	i := c.at(x, y)
	c.g.put(i, out)
	if w == 2 {
		c.g.put(i+1, cell{' ', s})
		c.g.cells[i+1].r = 0
		if out.r == '?' { // a cluster that was replaced is narrow
			c.g.cells[i+1].r = ' '
		}
	}
}

// safe says whether a cluster has nothing that clean would replace, but for the
// joiners that make it one cluster.
func safe(cl string) bool {
	for _, r := range cl {
		if r != 0x200d && clean(r) != r {
			return false
		}
	}
	return true
}

// Int writes a number and returns the column after it, without allocating.
func (c *Canvas) Int(x, y int, s Style, n int) int {
	var buf [20]byte
	for _, b := range strconv.AppendInt(buf[:0], int64(n), 10) {
		c.Set(x, y, rune(b), s)
		x++
	}
	return x
}

// Right writes a string so that it ends before column x, and returns the column
// where it begins.
func (c *Canvas) Right(x, y int, s Style, text string) int {
	from := x - Width(text)
	c.Text(from, y, s, text)
	return from
}

// Clip writes at most w columns of a string; what was cut ends in mark.
func (c *Canvas) Clip(x, y, w int, s Style, text, mark string) int {
	if Width(text) <= w {
		return c.Text(x, y, s, text)
	}
	m := Width(mark)
	if w < m {
		return x
	}
	end := x + w - m
	for text != "" {
		cl, cw := next(text)
		if x+cw > end {
			break
		}
		text = text[len(cl):]
		if cw > 0 {
			c.cluster(x, y, s, cl, cw)
			x += cw
		}
	}
	return c.Text(x, y, s, mark)
}

// Wrap writes a string over several lines of at most w columns, broken at
// blanks, and returns how many lines it took; at most h are drawn, and what is
// cut off ends in "..".
func (c *Canvas) Wrap(x, y, w, h int, s Style, text string) int {
	if h <= 0 {
		return 0
	}
	lines, end := 0, x
	for line := range WrapSeq(text, w) {
		if lines == h {
			c.Text(max(x, min(end, x+w-2)), y+h-1, s, "..")
			return h
		}
		end = c.Text(x, y+lines, s, line)
		lines++
	}
	return lines
}

// WrapSeq cuts a text into lines of at most w columns, at blanks where it can.
func WrapSeq(text string, w int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for text != "" {
			n, cut, after := 0, 0, 0
			i := 0
			for i < len(text) {
				if text[i] == '\n' {
					cut, after = i, i+1
					break
				}
				cl, cw := next(text[i:])
				if n+cw > w {
					break
				}
				if cl == " " {
					cut, after = i, i+1
				}
				n += cw
				i += len(cl)
			}
			if i == len(text) {
				yield(text)
				return
			}
			if after == 0 || text[i] == ' ' { // a word longer than the line, or one that just fits
				cut, after = i, i
				if text[i] == ' ' {
					after++
				}
				if cut == 0 && after == 0 {
					return // no column to write in
				}
			}
			if !yield(text[:cut]) {
				return
			}
			text = text[after:]
		}
	}
}

// Fill writes one rune into a rectangle.
func (c *Canvas) Fill(x, y, w, h int, r rune, s Style) {
	for yy := max(0, y); yy < min(c.h, y+h); yy++ {
		for xx := max(0, x); xx < min(c.w, x+w); xx++ {
			c.g.put(c.at(xx, yy), cell{clean(r), s})
		}
	}
}

// Restyle changes the style of a rectangle and leaves its text.
func (c *Canvas) Restyle(x, y, w, h int, f func(Style) Style) {
	for yy := max(0, y); yy < min(c.h, y+h); yy++ {
		for xx := max(0, x); xx < min(c.w, x+w); xx++ {
			p := &c.g.cells[c.at(xx, yy)]
			p.s = f(p.s)
		}
	}
}

// Select puts a row on the background of the selection.
func (c *Canvas) Select(x, y, w int) {
	c.Restyle(x, y, w, 1, func(s Style) Style { return s | Selected })
}

// Frame is what a Box is drawn with.
type Frame struct{ H, V, TL, TR, BL, BR rune }

// Box draws a frame around a rectangle and clears what is inside it.
func (c *Canvas) Box(x, y, w, h int, f Frame, s Style) {
	if w < 2 || h < 2 {
		return
	}
	c.Fill(x, y, w, h, ' ', 0)
	c.Fill(x, y, w, 1, f.H, s)
	c.Fill(x, y+h-1, w, 1, f.H, s)
	c.Fill(x, y, 1, h, f.V, s)
	c.Fill(x+w-1, y, 1, h, f.V, s)
	c.Set(x, y, f.TL, s)
	c.Set(x+w-1, y, f.TR, s)
	c.Set(x, y+h-1, f.BL, s)
	c.Set(x+w-1, y+h-1, f.BR, s)
}

// Blit copies a grid onto the canvas at (x, y).
func (c *Canvas) Blit(x, y int, src *Grid) {
	for sy := range src.h {
		for sx := range src.w {
			s := src.cells[sy*src.w+sx]
			if !c.inside(x+sx, y+sy) {
				continue
			}
			if s.r < 0 {
				c.g.clusters = append(c.g.clusters, src.clusters[-s.r-1])
				s.r = rune(-len(c.g.clusters))
			}
			i := c.at(x+sx, y+sy)
			if s.r == 0 && x+sx == 0 { // its first half is outside
				s.r = ' '
			}
			if s.r == 0 { // its first half was copied just before
				c.g.cells[i] = s
				continue
			}
			if x+sx+1 == c.w && sx+1 < src.w && src.cells[sy*src.w+sx+1].r == 0 {
				s.r = ' '
			}
			c.g.put(i, s)
		}
	}
}
