package plot

import (
	"image/color"
	"math"
	"slices"
	"strings"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"tripcurve/internal/export"
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
		tone := bandFill
		if band.Rest {
			tone = restFill
		}
		fill(c, tone, lo, c.Min.Y, hi, c.Max.Y)
	}
	for _, t := range pl.Y.Tick.Marker.Ticks(pl.Y.Min, pl.Y.Max) {
		if t.Value > pl.Y.Min && t.Label != "" {
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
	s := b.p.Series[0] // all have the same steps
	none := func(i int) bool {
		for _, s := range b.p.Series {
			if i < len(s.Values) && !math.IsNaN(s.Values[i]) {
				return false
			}
		}
		return true
	}
	for i := 0; i < len(s.Values); i++ {
		from := i
		for i < len(s.Values) && none(i) {
			i++
		}
		if i == from {
			continue
		}
		lo := max(c.Min.X, x(seconds(s.From.Add(time.Duration(from)*s.Step))))
		hi := min(c.Max.X, x(seconds(s.From.Add(time.Duration(i)*s.Step))))
		fill(c, gapFill, lo, c.Min.Y, hi, c.Max.Y)
		if w := said.Width("no data"); hi-lo > w+6 {
			c.FillText(said, vg.Point{X: (lo+hi)/2 - w/2, Y: c.Min.Y + 5}, "no data")
		}
	}
}

// names writes the bands' labels and the marks' letters along the upper edge.
func (b background) names(c draw.Canvas, x func(float64) vg.Length) {
	for i, band := range b.f.Bands {
		label := style(9, xfont.WeightBold, bandInk)
		if band.Rest {
			label = style(9, xfont.WeightBold, restInk)
		}
		at := max(c.Min.X, x(seconds(band.From))) + 4
		// A label longer than its band runs on to the right, up to the next one's; at the
		// edge it moves left.
		room := c.Max.X - at - 2
		if i+1 < len(b.f.Bands) {
			if next := x(seconds(b.f.Bands[i+1].From)); next > at {
				room = next - at - 4
			}
		} else {
			at = max(c.Min.X+4, min(at, c.Max.X-label.Width(band.Label)-2))
			room = c.Max.X - at - 2
		}
		text := band.Label
		if i := strings.LastIndex(text, ", "); i > 0 && label.Width(text) > room {
			text = text[:i] // how long it is can be seen
		}
		c.FillText(label, vg.Point{X: at, Y: c.Max.Y - 13}, fit(label, text, room))
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
			h := y(min(max(cv.s.Values[i], pl.Y.Min), pl.Y.Max))
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
	cv.bounds(c, pl)
}

// bounds marks the runs of values that are lower bounds: an arrow up, and the bound.
func (cv curve) bounds(c draw.Canvas, pl *plot.Plot) {
	x, y := pl.Transforms(&c)
	said := style(8, xfont.WeightNormal, cv.ink)
	for i := 0; i < len(cv.s.AtLeast); i++ {
		if !cv.s.AtLeast[i] || math.IsNaN(cv.s.Values[i]) || i > 0 && cv.s.AtLeast[i-1] && cv.s.Values[i-1] == cv.s.Values[i] {
			continue
		}
		v := cv.s.Values[i]
		at := vg.Point{X: x(seconds(cv.s.From.Add(time.Duration(i)*cv.s.Step))) + 5, Y: y(min(max(v, pl.Y.Min), pl.Y.Max)) + 3}
		c.FillPolygon(cv.ink, []vg.Point{{X: at.X - 4, Y: at.Y}, {X: at.X + 4, Y: at.Y}, {X: at.X, Y: at.Y + 6}})
		c.FillText(said, vg.Point{X: at.X + 6, Y: at.Y}, ">= "+export.Number(v, 1)+" s")
	}
}

// limit is a line across the panel with its name.
type limit struct{ l Limit }

func (l limit) Plot(c draw.Canvas, pl *plot.Plot) {
	_, y := pl.Transforms(&c)
	if l.l.Value < pl.Y.Min || l.l.Value > pl.Y.Max {
		return
	}
	h := y(l.l.Value)
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: vg.Points(1), Dashes: []vg.Length{6, 3}}, c.Min.X, h, c.Max.X, h)
	said := style(9, xfont.WeightBold, ink)
	c.FillText(said, vg.Point{X: c.Min.X + 6, Y: h + 3}, l.l.Label)
}

// key names the lines of a panel, in a row of its own above the values.
type key struct {
	series []Series
	row    int // from the top, 1 being the first
}

func (k key) Plot(c draw.Canvas, _ *plot.Plot) {
	name := style(9, xfont.WeightNormal, ink)
	y := c.Max.Y - 13*vg.Length(k.row)
	x := c.Max.X - 4
	wide := vg.Length(4)
	for _, s := range k.series {
		wide += name.Width(s.Name) + 42
	}
	fill(c, color.NRGBA{0xff, 0xff, 0xff, 0xd8}, c.Max.X-wide, y-3, c.Max.X, y+10)
	for i, s := range slices.Backward(k.series) {
		x -= name.Width(s.Name)
		c.FillText(name, vg.Point{X: x, Y: y}, s.Name)
		x -= 30
		c.StrokeLine2(draw.LineStyle{Color: lineInks[i%len(lineInks)], Width: vg.Points(2), Dashes: lineDash[i%len(lineDash)]}, x, y+3, x+25, y+3)
		x -= 12
	}
}
