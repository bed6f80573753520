package chart

import (
	"math"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// Curve is a line over two logarithmic axes. The first of a chart is the focused
// one, as with Series.
type Curve struct {
	Key       rune // letter at the right end
	Style     grid.Style
	Pattern   Pattern
	X, Y      []float64 // X rising; a Y is NaN where there is none: the lane above is drawn instead
	Low, High []float64 // of a band; NaN none, +Inf open above; nil no band
}

// Tick is a labelled value of an axis.
type Tick struct {
	At    float64
	Label string
}

// LogLog is a chart of curves over two logarithmic axes. Above the plot each curve
// has a lane, drawn where it has no value.
type LogLog struct {
	Left, Right, Bottom, Top float64
	XTicks, YTicks           []Tick // the first that fit are written
	Lanes                    string // what no value means: "never"
	Curves                   []Curve
	Mark                     float64 // an X to be marked; 0 none
	MarkLabel                string
	Glyphs                   glyph.Level
}

// Draw draws the chart to fill the canvas.
func (c *LogLog) Draw(cv *grid.Canvas) {
	gutter := grid.Width(c.Lanes)
	for _, t := range c.YTicks {
		gutter = max(gutter, grid.Width(t.Label))
	}
	gutter++
	lanes := len(c.Curves)
	w, h := cv.W()-gutter-2, cv.H()-lanes-1
	if w < 4 || h < 2 || c.Right <= c.Left || c.Top <= c.Bottom {
		return
	}
	plot := cv.Sub(gutter, lanes, w, h)
	r := newRaster(c.Glyphs, w, h)
	for i := len(c.Curves) - 1; i >= 0; i-- {
		c.shade(&plot, r, c.Curves[i])
	}
	for i := range c.Curves {
		c.line(r, &c.Curves[i])
	}
	for i, used := range r.used {
		if used {
			plot.Set(i%w, i/w, r.rune(i), r.owner[i])
		}
	}
	for i := range c.Curves {
		c.lane(cv, i, gutter, w)
	}
	c.keys(cv, gutter, lanes, w, h)
	c.axes(cv, gutter, lanes, w, h)
}

// across is how far an X lies between the edges, 0..1.
func (c *LogLog) across(x float64) float64 { return math.Log(x/c.Left) / math.Log(c.Right/c.Left) }

// up is how far a Y lies between the edges, held within them.
func (c *LogLog) up(y float64) float64 {
	if math.IsInf(y, 1) {
		return 1
	}
	return min(max(math.Log(y/c.Bottom)/math.Log(c.Top/c.Bottom), 0), 1)
}

// x is the value of a part of the way across.
func (c *LogLog) x(part float64) float64 { return c.Left * math.Pow(c.Right/c.Left, part) }

// at is ys at x: on a line between two neighbours that have values, else as the
// nearer one.
func (c *LogLog) at(s *Curve, ys []float64, x float64) float64 {
	if len(ys) == 0 {
		return math.NaN()
	}
	i := 1
	for i < len(s.X)-1 && s.X[i] < x {
		i++
	}
	i = min(i, len(s.X)-1)
	from := max(i-1, 0)
	part := 1.0
	if s.X[from] < s.X[i] {
		part = min(max(math.Log(x/s.X[from])/math.Log(s.X[i]/s.X[from]), 0), 1)
	}
	a, b := ys[from], ys[i]
	if math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 1) || math.IsInf(b, 1) {
		if part < 0.5 {
			return a
		}
		return b
	}
	return a + part*(b-a)
}

func (c *LogLog) line(r *raster, s *Curve) {
	pw, ph := r.w*r.nx, r.h*r.ny
	pattern := Series{Pattern: s.Pattern}
	prev := -1
	for x := range pw {
		v := c.at(s, s.Y, c.x((float64(x)+0.5)/float64(pw)))
		if math.IsNaN(v) {
			prev = -1
			continue
		}
		y := int(math.Round(c.up(v) * float64(ph-1)))
		if pattern.shown(x, r.nx) {
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

// shade dots the cells of a band.
func (c *LogLog) shade(plot *grid.Canvas, r *raster, s Curve) {
	for x := range r.w {
		at := c.x((float64(x) + 0.5) / float64(r.w))
		lo, hi := c.at(&s, s.Low, at), c.at(&s, s.High, at)
		if math.IsNaN(lo) || math.IsNaN(hi) {
			continue
		}
		from := r.h - 1 - int(math.Round(c.up(hi)*float64(r.h-1)))
		to := r.h - 1 - int(math.Round(c.up(lo)*float64(r.h-1)))
		for y := from; y <= to; y++ {
			plot.Set(x, y, '.', theme.Faint)
		}
	}
}

// lane draws the curve's lane where it has no value.
func (c *LogLog) lane(cv *grid.Canvas, i, gutter, w int) {
	s := &c.Curves[i]
	if i == 0 {
		cv.Right(gutter-1, 0, theme.Dim, c.Lanes)
	}
	pattern := Series{Pattern: s.Pattern}
	for x := range w {
		if math.IsNaN(c.at(s, s.Y, c.x((float64(x)+0.5)/float64(w)))) && pattern.shown(x, 1) {
			cv.Set(gutter+x, i, c.Glyphs.Set().Empty, s.Style)
		}
	}
}

// keys writes each letter where its curve ends, two of one place above each other.
func (c *LogLog) keys(cv *grid.Canvas, gutter, lanes, w, h int) {
	taken := map[int]bool{}
	for i := range c.Curves {
		s := &c.Curves[i]
		y := i
		if v := c.at(s, s.Y, c.Right); !math.IsNaN(v) {
			y = lanes + h - 1 - int(math.Round(c.up(v)*float64(h-1)))
		}
		for taken[y] && y > 0 {
			y--
		}
		for taken[y] && y < lanes+h-1 {
			y++
		}
		taken[y] = true
		cv.Set(gutter+w+1, y, s.Key, s.Style)
	}
}

func (c *LogLog) axes(cv *grid.Canvas, gutter, lanes, w, h int) {
	rows := map[int]bool{}
	for _, t := range c.YTicks {
		y := lanes + h - 1 - int(math.Round(c.up(t.At)*float64(h-1)))
		if t.At < c.Bottom || t.At > c.Top || rows[y] || rows[y-1] || rows[y+1] {
			continue
		}
		rows[y] = true
		cv.Right(gutter-1, y, theme.Dim, t.Label)
	}
	under := cv.H() - 1
	if c.Mark > 0 {
		x := gutter + min(int(c.across(min(max(c.Mark, c.Left), c.Right))*float64(w)), w-1)
		for y := range lanes + h {
			if r := cv.Rune(x, y); r == ' ' || r == '.' {
				cv.Set(x, y, c.Glyphs.Set().Dot, theme.Marker)
			}
		}
		from := max(gutter, min(x-grid.Width(c.MarkLabel)/2, cv.W()-grid.Width(c.MarkLabel)))
		cv.Text(from, under, theme.Marker, c.MarkLabel)
	}
	for _, t := range c.XTicks {
		x := gutter + min(int(c.across(t.At)*float64(w)), w-1)
		width := 1 + grid.Width(t.Label)
		if t.At < c.Left || t.At > c.Right || x+width > cv.W() {
			continue
		}
		free := true
		for k := x - 1; k <= x+width; k++ {
			free = free && (k >= cv.W() || cv.Rune(k, under) == ' ')
		}
		if free {
			cv.Set(x, under, c.Glyphs.Set().Pin, theme.Faint)
			cv.Text(x+1, under, theme.Dim, t.Label)
		}
	}
}
