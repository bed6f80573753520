package chart

import (
	"math"
	"time"

	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// Kind says how a series is drawn.
type Kind uint8

const (
	Line Kind = iota
	Area      // filled down to zero
)

// Pattern tells lines apart without colour.
type Pattern uint8

const (
	Solid Pattern = iota
	Dashed
	Dotted
)

// Series is one line. The first of a chart is the focused one: where lines
// cross in one cell, the earlier keeps its colour.
type Series struct {
	Name    string
	Key     rune // letter at the right end of the line; 0 none
	Style   grid.Style
	Kind    Kind
	Pattern Pattern
	From    time.Time
	Step    time.Duration
	Values  []float64 // one per Step from From on; NaN where not known
}

// sample is the highest value in [from, to), NaN where there is none.
func (s *Series) sample(from, to time.Time) float64 {
	if s.Step <= 0 || len(s.Values) == 0 {
		return math.NaN()
	}
	i := int(math.Floor(float64(from.Sub(s.From)) / float64(s.Step)))
	j := int(math.Ceil(float64(to.Sub(s.From)) / float64(s.Step)))
	v := math.NaN()
	for k := max(0, i); k < min(j, len(s.Values)); k++ {
		if x := s.Values[k]; math.IsNaN(v) || x > v {
			v = x
		}
	}
	return v
}

func (c *Chart) drawSeries() {
	l := c.layout
	r := newRaster(c.Glyphs, l.w, l.h)
	for _, kind := range []Kind{Area, Line} {
		for i := range c.Series {
			if c.Series[i].Kind == kind {
				c.drawOne(r, &c.Series[i])
			}
		}
	}
	for i, used := range r.used {
		if used {
			c.plot.Set(i%l.w, i/l.w, r.rune(i), r.owner[i])
		}
	}
	c.drawKeys(l.h*r.ny, r.ny)
}

// drawOne rasters one series: for every column of dots the highest value that
// falls into it, so that no peak is lost.
func (c *Chart) drawOne(r *raster, s *Series) {
	pw, ph := r.w*r.nx, r.h*r.ny
	prev := -1
	for x := range pw {
		v := s.sample(c.at(x, pw), c.at(x+1, pw))
		if math.IsNaN(v) {
			prev = -1
			continue
		}
		y := max(0, min(ph-1, int(math.Round(v/c.layout.top*float64(ph-1)))))
		switch {
		case s.Kind == Area:
			r.fill(x, y, prev, s.Style)
		case s.shown(x, r.nx):
			from := y
			if prev >= 0 {
				from = prev
			}
			for yy := min(from, y); yy <= max(from, y); yy++ {
				r.dot(x, yy, s.Style, Line)
			}
		}
		prev = y
	}
}

// shown says whether a dot column belongs to the visible part of the pattern.
func (s *Series) shown(x, nx int) bool {
	switch s.Pattern {
	case Dashed:
		return x/nx%3 != 2
	case Dotted:
		return x/nx%2 == 0
	default: // Solid
		return true
	}
}

// drawKeys writes each series' letter at the height where it ends.
func (c *Chart) drawKeys(ph, ny int) {
	l := c.layout
	side := c.plot.Beyond(2)
	taken := map[int]bool{}
	for i := range c.Series {
		s := &c.Series[i]
		if s.Key == 0 {
			continue
		}
		last := math.NaN()
		for x := l.w - 1; x >= 0 && math.IsNaN(last); x-- {
			last = s.sample(c.at(x, l.w), c.at(x+1, l.w))
		}
		if math.IsNaN(last) {
			continue
		}
		y := l.h - 1 - max(0, min(ph-1, int(math.Round(last/l.top*float64(ph-1)))))/ny
		for d := 0; taken[y] && d < l.h; d++ {
			y = (y + l.h - 1) % l.h
		}
		taken[y] = true
		side.Set(1, y, s.Key, s.Style)
	}
}

// drawGaps names the stretches in which no series has a value.
func (c *Chart) drawGaps() {
	l := c.layout
	from := 0
	for x := 0; x <= l.w; x++ {
		if x < l.w && !c.known(x) {
			continue
		}
		if n := x - from; n >= len(text.NoData)+2 {
			c.plot.Text(from+(n-len(text.NoData))/2, l.h/2, theme.Dim, text.NoData)
		}
		from = x + 1
	}
}

func (c *Chart) known(x int) bool {
	for i := range c.Series {
		if !math.IsNaN(c.Series[i].sample(c.at(x, c.layout.w), c.at(x+1, c.layout.w))) {
			return true
		}
	}
	return false
}

// Legend writes what each series is, from (x, y) to the right, and returns the
// column after it.
func (c *Chart) Legend(cv *grid.Canvas, x, y int) int {
	for i := range c.Series {
		s := &c.Series[i]
		if s.Key != 0 {
			cv.Set(x, y, s.Key, s.Style)
			x += 2
		}
		for k := range 4 {
			if s.shown(k, 1) {
				r := c.Glyphs.Set().Empty
				if s.Kind == Area {
					r = c.Glyphs.Set().Full
				}
				cv.Set(x+k, y, r, s.Style)
			}
		}
		x = cv.Text(x+5, y, theme.Dim, s.Name) + 2
	}
	return x
}
