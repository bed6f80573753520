package chart

import (
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
)

// raster collects the dots of one level: nx by ny of them in a cell.
type raster struct {
	level  glyph.Level
	nx, ny int
	w, h   int // in cells
	bits   []uint8
	owner  []grid.Style
	used   []bool
	area   []bool // the cell has nothing but areas so far
}

func newRaster(l glyph.Level, w, h int) *raster {
	r := &raster{level: l, w: w, h: h}
	switch l {
	case glyph.Braille:
		r.nx, r.ny = 2, 4
	case glyph.Block:
		r.nx, r.ny = 1, 2
	case glyph.ASCII:
		r.nx, r.ny = 1, 3
	}
	r.bits = make([]uint8, w*h)
	r.owner = make([]grid.Style, w*h)
	r.used = make([]bool, w*h)
	r.area = make([]bool, w*h)
	return r
}

// dot sets the dot (x, y), y counted from the bottom.
func (r *raster) dot(x, y int, s grid.Style, kind Kind) {
	y = r.h*r.ny - 1 - y
	if x < 0 || y < 0 || x >= r.w*r.nx || y >= r.h*r.ny {
		return
	}
	i := y/r.ny*r.w + x/r.nx
	if r.area[i] && kind == Line { // a line is seen on any area
		r.area[i], r.owner[i] = false, s
		if r.level != glyph.Braille {
			r.bits[i] = 0
		}
	}
	r.bits[i] |= 1 << (y%r.ny*r.nx + x%r.nx)
	if !r.used[i] {
		r.used[i], r.owner[i], r.area[i] = true, s, kind == Area
	}
}

// fill sets the column x of an area that is y high: its edge whole, what is
// below thinned out where the dots are fine enough, so that lines that cross it
// stay visible.
func (r *raster) fill(x, y, prev int, s grid.Style) {
	edge := y
	if prev >= 0 {
		edge = min(y, prev)
	}
	for yy := 0; yy <= y; yy++ {
		if r.level != glyph.Braille || yy >= edge || yy == 0 || (x+yy)%2 == 0 {
			r.dot(x, yy, s, Area)
		}
	}
}

// brailleOf maps row-major 2x4 dots to the order of the braille block.
var brailleOf = func() (t [256]rune) {
	order := [8]rune{0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80}
	for i := range t {
		t[i] = 0x2800
		for b, v := range order {
			if i&(1<<b) != 0 {
				t[i] |= v
			}
		}
	}
	return t
}()

var (
	blockOf = [4]rune{' ', '▀', '▄', '█'}
	asciiOf = [8]rune{' ', '\'', '-', ':', '_', '|', '=', '#'}
)

func (r *raster) rune(i int) rune {
	switch r.level {
	case glyph.Braille:
		return brailleOf[r.bits[i]]
	case glyph.Block:
		return blockOf[r.bits[i]&3]
	default: // glyph.ASCII
		return asciiOf[r.bits[i]&7]
	}
}
