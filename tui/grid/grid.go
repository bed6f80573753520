// Package grid is the cell grid that every screen draws into: a rune and a
// style byte per cell, turned into one string by the root alone. Styling cells
// by an index instead of building styled strings keeps a full 200x50 frame at
// some fifty microseconds.
package grid

import (
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Style indexes a Table. The low six bits are a role; Band and Selected put the
// role on another background.
type Style uint8

const (
	// Band is the role on the quiet background of a marked interval.
	Band Style = 1 << 6
	// Selected is the role on the background of the selected row.
	Selected Style = 1 << 7
)

// Role is the style without its background.
func (s Style) Role() Style { return s &^ (Band | Selected) }

// Table holds the SGR sequence that begins each style, complete with its reset,
// so that a style never inherits from the one before it.
type Table [256]string

// cell is one column of one row. r > 0 is a rune, 0 the second column of a wide
// cell, negative an index into the grid's clusters.
type cell struct {
	r rune
	s Style
}

// Grid is a screen of cells. The zero Grid is empty; Resize gives it a size.
type Grid struct {
	w, h     int
	cells    []cell
	clusters []string // grapheme clusters of more than one rune
}

// New is an empty grid of w columns and h rows.
func New(w, h int) *Grid {
	g := &Grid{}
	g.Resize(w, h)
	return g
}

// Resize clears the grid to a new size; its memory is used again.
func (g *Grid) Resize(w, h int) {
	w, h = max(0, w), max(0, h)
	if n := w * h; cap(g.cells) >= n {
		g.cells = g.cells[:n]
	} else {
		g.cells = make([]cell, n)
	}
	g.w, g.h = w, h
	g.Clear()
}

// Clear makes every cell a blank of the default style.
func (g *Grid) Clear() {
	for i := range g.cells {
		g.cells[i] = cell{r: ' '}
	}
	g.clusters = g.clusters[:0]
}

// Canvas is the whole grid as a rectangle to draw into.
func (g *Grid) Canvas() *Canvas { return &Canvas{g: g, w: g.w, h: g.h} }

// put writes one cell and leaves no half of a wide one behind.
func (g *Grid) put(i int, c cell) {
	old := g.cells[i]
	if old.r == 0 && i > 0 && c.r != 0 {
		g.cells[i-1].r = ' '
	}
	if c.r != 0 && i+1 < len(g.cells) && (i+1)%g.w != 0 && g.cells[i+1].r == 0 {
		g.cells[i+1].r = ' '
	}
	g.cells[i] = c
}

// Append writes the grid as lines with run-length SGR; blanks of the default
// style at the end of a line are left out.
func (g *Grid) Append(dst []byte, t *Table) []byte {
	for y := range g.h {
		if y > 0 {
			dst = append(dst, '\n')
		}
		row := g.cells[y*g.w : (y+1)*g.w]
		for len(row) > 0 && row[len(row)-1] == (cell{r: ' '}) {
			row = row[:len(row)-1]
		}
		at := Style(0)
		for _, c := range row {
			if c.s != at {
				dst = append(dst, t[c.s]...)
				at = c.s
			}
			dst = g.appendRune(dst, c.r)
		}
		if at != 0 {
			dst = append(dst, t[0]...)
		}
	}
	return dst
}

func (g *Grid) appendRune(dst []byte, r rune) []byte {
	switch {
	case r > 0:
		return utf8.AppendRune(dst, r)
	case r < 0:
		return append(dst, g.clusters[-r-1]...)
	}
	return dst
}

// Lines is the text alone, each line with its trailing blanks removed.
func (g *Grid) Lines() []string {
	out := make([]string, g.h)
	var b []byte
	for y := range g.h {
		b = b[:0]
		end := 0
		for _, c := range g.cells[y*g.w : (y+1)*g.w] {
			b = g.appendRune(b, c.r)
			if c.r != ' ' {
				end = len(b)
			}
		}
		out[y] = string(b[:end])
	}
	return out
}

// Styles is the style of every cell, row by row, each as the letter that name
// gives it: the second half of a golden frame.
func (g *Grid) Styles(name func(Style) byte) []string {
	out := make([]string, g.h)
	for y := range g.h {
		b := make([]byte, g.w)
		for x, c := range g.cells[y*g.w : (y+1)*g.w] {
			b[x] = name(c.s)
		}
		out[y] = string(b)
	}
	return out
}

// clean replaces what must never reach a terminal from a cell: control
// characters and what turns the writing direction.
func clean(r rune) rune {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == utf8.RuneError,
		r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e,
		r >= 0x2060 && r <= 0x2069, r == 0xfeff, r == 0x061c, r == 0x2028, r == 0x2029:
		return '?'
	}
	return r
}

// Width is how many columns a string takes.
func Width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] < 0x20 {
			return slowWidth(s)
		}
	}
	return len(s)
}

func slowWidth(s string) (n int) {
	for s != "" {
		c, w := next(s)
		s = s[len(c):]
		n += w
	}
	return n
}

// next is the first cluster of s, or the first piece of one, and its width as we draw it.
// Terminals do not agree about clusters: some draw them whole, others rune by rune, which may
// be wider or narrower. A cluster has room for either: one that is wider rune by rune comes in
// pieces, so that nothing of it is cut off.
func next(s string) (cluster string, width int) {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return s[:1], 1
	}
	cluster, width = ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	r, n := utf8.DecodeRuneInString(cluster)
	if n == len(cluster) && clean(r) != r {
		return cluster, 1
	}
	if n < len(cluster) && byRunes(cluster) > width {
		for n < len(cluster) {
			r, size := utf8.DecodeRuneInString(cluster[n:])
			if runeWidth(r) > 0 {
				break
			}
			n += size
		}
		return cluster[:n], runeWidth(r)
	}
	return cluster, max(0, min(2, width))
}

// byRunes is the width of a cluster on a terminal that draws rune by rune.
func byRunes(cluster string) (n int) {
	for _, r := range cluster {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is the width of a rune alone.
func runeWidth(r rune) int {
	if r >= 0x1160 && r <= 0x11ff { // vowels and ends of Hangul syllables stand in the first cell
		return 0
	}
	return ansi.StringWidthWc(string(r))
}
