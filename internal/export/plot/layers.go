package plot

import (
	"image/color"
	"math"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// background is what lies behind the curves: bands, gaps, grid, marks and their
// names.
type background struct {
	f      Figure
	p      Panel
	labels bool
}

func (b background) Plot(c draw.Canvas, pl *plot.Plot) {
	x, y := pl.Transforms(&c)
	for _, band := range b.f.Bands {
		lo, hi := max(c.Min.X, x(seconds(band.From))), min(c.Max.X, x(seconds(band.To)))
		if hi <= lo {
			continue
		}
		fill(c, bandFill, lo, c.Min.Y, hi, c.Max.Y)
	}
	for _, t := range pl.Y.Tick.Marker.Ticks(pl.Y.Min, pl.Y.Max) {
		if t.Value > 0 {
			c.StrokeLine2(draw.LineStyle{Color: gridLine, Width: vg.Points(0.6)}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
	b.gaps(c, x)
	for _, m := range b.f.Marks {
		at := x(seconds(m.At))
		c.StrokeLine2(draw.LineStyle{Color: quiet, Width: markWidth, Dashes: []vg.Length{1.5, 2.5}}, at, c.Min.Y, at, c.Max.Y)
	}
	if b.labels {
		b.names(c, x)
	}
}

// gaps greys what has no data in any series, so that nobody takes it for zero.
func (b background) gaps(c draw.Canvas, x func(float64) vg.Length) {
	said := style(9, xfont.WeightNormal, quiet)
	if b.p.empty() {
		fill(c, gapFill, c.Min.X, c.Min.Y, c.Max.X, c.Max.Y)
		c.FillText(said, vg.Point{X: c.Center().X - said.Width("no data: "+b.p.Absent)/2, Y: c.Center().Y}, "no data: "+b.p.Absent)
		return
	}
	for _, s := range b.p.Series {
		if len(b.p.Series) > 1 {
			return // the other series may have data there
		}
		for i := 0; i < len(s.Values); i++ {
			from := i
			for i < len(s.Values) && math.IsNaN(s.Values[i]) {
				i++
			}
			if i == from {
				continue
			}
			lo := max(c.Min.X, x(seconds(s.From.Add(time.Duration(from)*s.Step))))
			hi := min(c.Max.X, x(seconds(s.From.Add(time.Duration(i)*s.Step))))
			fill(c, gapFill, lo, c.Min.Y, hi, c.Max.Y)
			if w := said.Width("no data"); hi-lo > w+6 {
				c.FillText(said, vg.Point{X: (lo+hi)/2 - w/2, Y: c.Max.Y - 13}, "no data")
			}
		}
	}
}

// names writes the bands' labels and the marks' letters along the upper edge.
func (b background) names(c draw.Canvas, x func(float64) vg.Length) {
	label := style(9, xfont.WeightBold, bandInk)
	for _, band := range b.f.Bands {
		at := max(c.Min.X, x(seconds(band.From))) + 4
		// A label longer than its band runs on to the right; at the edge it moves left.
		at = min(at, c.Max.X-label.Width(band.Label)-2)
		c.FillText(label, vg.Point{X: at, Y: c.Max.Y - 13}, band.Label)
	}
	mark := style(9, xfont.WeightBold, ink)
	free := c.Min.X - 100
	for _, m := range b.f.Marks {
		w := mark.Width(string(m.Key))
		at := max(x(seconds(m.At))-w/2, free)
		c.FillText(mark, vg.Point{X: at, Y: c.Max.Y + 3}, string(m.Key))
		free = at + w + 3
	}
}

func fill(c draw.Canvas, col color.Color, x0, y0, x1, y1 vg.Length) {
	if x1 > x0 {
		c.FillPolygon(col, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
	}
}

// curve is one series as steps: each value holds for its whole step. A gap ends
// the line; the next value begins a new one.
type curve struct {
	s      Series
	ink    color.NRGBA
	dashes []vg.Length
	shade  bool
}

func (cv curve) Plot(c draw.Canvas, pl *plot.Plot) {
	x, y := pl.Transforms(&c)
	pen := draw.LineStyle{Color: cv.ink, Width: vg.Points(1.5), Dashes: cv.dashes}
	soft := cv.ink
	soft.A = 0x30
	for i := 0; i < len(cv.s.Values); i++ {
		var line []vg.Point
		for ; i < len(cv.s.Values) && !math.IsNaN(cv.s.Values[i]); i++ {
			from := cv.s.From.Add(time.Duration(i) * cv.s.Step)
			lo, hi := x(seconds(from)), x(seconds(from.Add(cv.s.Step)))
			h := y(min(cv.s.Values[i], pl.Y.Max))
			lo, hi = min(max(lo, c.Min.X), c.Max.X), min(max(hi, c.Min.X), c.Max.X)
			if hi > lo {
				line = append(line, vg.Point{X: lo, Y: h}, vg.Point{X: hi, Y: h})
			}
		}
		if len(line) == 0 {
			continue
		}
		if cv.shade {
			area := append([]vg.Point{{X: line[0].X, Y: c.Min.Y}}, line...)
			area = append(area, vg.Point{X: line[len(line)-1].X, Y: c.Min.Y})
			c.FillPolygon(soft, area)
		}
		c.StrokeLines(pen, line)
	}
}
