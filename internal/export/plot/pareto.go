package plot

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	"tripcurve/sim/compare"
)

// Point is one choice in a plane of two measures of which less is better, with where
// nine runs in ten lie. Ends that are not known are NaN.
type Point struct {
	Name     string
	X, Y     float64
	XLo, XHi float64
	YLo, YHi float64
	Today    bool // what is compared with
}

// Front are the points that no other one beats in one measure without losing in the
// other, from the least X on. Of points with the same values the first one is on it.
func Front(points []Point) []Point {
	sorted := slices.Clone(points)
	sorted = slices.DeleteFunc(sorted, func(p Point) bool { return math.IsNaN(p.X) || math.IsNaN(p.Y) })
	slices.SortStableFunc(sorted, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	var front []Point
	for _, p := range sorted {
		if n := len(front); n == 0 || p.Y < front[n-1].Y {
			front = append(front, p)
		}
	}
	return front
}

// Tradeoff are the remedies of a comparison as points: checkouts not served against
// the wait of one customer in a hundred.
func Tradeoff(c *compare.Comparison) []Point {
	var out []Point
	for _, r := range c.Rows {
		x, _ := r.Figure("failed")
		y, _ := r.Figure("wait_p99_s")
		out = append(out, Point{
			Name: redact.Line(r.Remedy.Name), X: x.Mean, Y: y.Mean, XLo: x.P5, XHi: x.P95, YLo: y.P5, YHi: y.P95, Today: r.Remedy.Name == compare.Today,
		})
	}
	return out
}

// Pareto draws points and the front of the best of them. The same points give the
// same bytes.
func Pareto(title, said, xLabel, yLabel string, points []Point, format string) ([]byte, error) {
	points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool {
		return math.IsNaN(p.X) || math.IsNaN(p.Y) || math.IsInf(p.X, 0) || math.IsInf(p.Y, 0)
	})
	if len(points) == 0 {
		return nil, errors.New("plot: no point to draw")
	}
	canvas, out, err := page(format, pageWidth/2)
	if err != nil {
		return nil, err
	}
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Path())
	head(c, title, said)
	pl := plot.New()
	pl.BackgroundColor = nil
	high := func(of func(Point) []float64) float64 {
		m := 1.0
		for _, p := range points {
			for _, v := range of(p) {
				if v > m { // not for NaN
					m = v
				}
			}
		}
		return m
	}
	pl.X.Min, pl.X.Max = 0, 1.12*high(func(p Point) []float64 { return []float64{p.X, p.XHi} })
	pl.Y.Min, pl.Y.Max = 0, 1.08*high(func(p Point) []float64 { return []float64{p.Y, p.YHi} })
	pl.X.Padding, pl.Y.Padding = 0, 0
	pl.X.Tick.Marker, pl.Y.Tick.Marker = countTicks{}, countTicks{}
	pl.X.Label.Text, pl.Y.Label.Text = xLabel, yLabel
	plain(&pl.X)
	plain(&pl.Y)
	pl.Add(paretoPlotter{points, Front(points)})
	body := draw.Crop(c, margin, -margin, margin, -headHeight+0.15*vg.Inch)
	pl.Draw(body)
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("plot as %s: %w", format, err)
	}
	return b.Bytes(), nil
}

// TradeoffPage draws the remedies of a comparison as points.
func TradeoffPage(c *compare.Comparison, format string) ([]byte, error) {
	if len(c.Rows) == 0 {
		return nil, errors.New("plot: no remedy to draw")
	}
	points := Tradeoff(c)
	said := "the line joins those that no other remedy beats in both"
	if front := Front(points); len(front) == 1 {
		said = front[0].Name + " is not beaten in either, and beats or equals all others in both"
	}
	said = fmt.Sprintf("means of %s of each with the same customers, bars where nine in ten lie; %s", export.Plural(c.Seeds, "run"), said)
	return Pareto("Remedies of "+redact.Line(c.Scenario.Name)+": failed orders against waiting", said,
		"checkouts not served", "wait of one customer in a hundred (p99), s", points, format)
}

type paretoPlotter struct{ points, front []Point }

func (p paretoPlotter) Plot(c draw.Canvas, pl *plot.Plot) {
	x, y := pl.Transforms(&c)
	grid := draw.LineStyle{Color: gridLine, Width: vg.Points(0.6)}
	for _, t := range pl.Y.Tick.Marker.Ticks(pl.Y.Min, pl.Y.Max) {
		c.StrokeLine2(grid, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
	}
	for _, t := range pl.X.Tick.Marker.Ticks(pl.X.Min, pl.X.Max) {
		c.StrokeLine2(grid, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
	}
	var steps []vg.Point
	for i, f := range p.front {
		if i > 0 {
			steps = append(steps, vg.Point{X: x(f.X), Y: y(p.front[i-1].Y)})
		}
		steps = append(steps, vg.Point{X: x(f.X), Y: y(f.Y)})
	}
	best := lineInks[1]
	if len(steps) > 1 {
		c.StrokeLines(draw.LineStyle{Color: best, Width: vg.Points(1.5), Dashes: []vg.Length{4, 3}}, steps)
	}
	onFront := func(q Point) bool { return slices.ContainsFunc(p.front, func(f Point) bool { return f == q }) }
	var taken []vg.Rectangle
	// Those on the front are named first: where names crowd, they have the best places.
	order := slices.Clone(p.points)
	slices.SortStableFunc(order, func(a, b Point) int {
		rank := func(q Point) int {
			switch {
			case q.Today:
				return 0
			case onFront(q):
				return 1
			}
			return 2
		}
		return cmp.Compare(rank(a), rank(b))
	})
	look := func(q Point) (color.NRGBA, xfont.Weight) {
		switch {
		case q.Today:
			return lineInks[0], xfont.WeightBold
		case onFront(q):
			return best, xfont.WeightBold
		}
		return quiet, xfont.WeightNormal
	}
	for _, q := range slices.Backward(order) { // the first ones on top
		in, _ := look(q)
		at := vg.Point{X: x(q.X), Y: y(q.Y)}
		thin := draw.LineStyle{Color: faint(in, 0x80), Width: vg.Points(0.8)}
		if !math.IsNaN(q.XLo) && !math.IsNaN(q.XHi) {
			c.StrokeLine2(thin, x(q.XLo), at.Y, min(x(q.XHi), c.Max.X), at.Y)
		}
		if !math.IsNaN(q.YLo) && !math.IsNaN(q.YHi) {
			c.StrokeLine2(thin, at.X, y(q.YLo), at.X, min(y(q.YHi), c.Max.Y))
		}
		c.FillPolygon(in, disc(at, 3.2))
		taken = append(taken, vg.Rectangle{Min: vg.Point{X: at.X - 4, Y: at.Y - 4}, Max: vg.Point{X: at.X + 4, Y: at.Y + 4}})
	}
	for _, q := range order {
		in, weight := look(q)
		taken = nameNear(c, style(8.5, weight, in), q.Name, vg.Point{X: x(q.X), Y: y(q.Y)}, taken)
	}
}

// disc is a filled circle as a polygon, which all formats draw alike.
func disc(at vg.Point, r vg.Length) []vg.Point {
	const n = 20
	out := make([]vg.Point, n)
	for i := range out {
		a := 2 * math.Pi * float64(i) / n
		out[i] = vg.Point{X: at.X + r*vg.Length(math.Cos(a)), Y: at.Y + r*vg.Length(math.Sin(a))}
	}
	return out
}

// nameNear writes a name at the first place beside a point where nothing else is, and
// further off, with a line to it, where there is none; it returns what is taken then.
func nameNear(c draw.Canvas, s text.Style, name string, at vg.Point, taken []vg.Rectangle) []vg.Rectangle {
	w, h := s.Width(name), vg.Length(9)
	place := func(dx, dy vg.Length) (vg.Rectangle, bool) {
		r := vg.Rectangle{Min: vg.Point{X: at.X + dx, Y: at.Y + dy}}
		if dx < 0 {
			r.Min.X -= w
		}
		r.Max = vg.Point{X: r.Min.X + w, Y: r.Min.Y + h}
		if r.Min.X < c.Min.X || r.Max.X > c.Max.X || r.Min.Y < c.Min.Y || r.Max.Y > c.Max.Y {
			return r, false
		}
		for _, t := range taken {
			if r.Min.X < t.Max.X && t.Min.X < r.Max.X && r.Min.Y < t.Max.Y && t.Min.Y < r.Max.Y {
				return r, false
			}
		}
		return r, true
	}
	for far := vg.Length(0); far < 160; far += 10 {
		for _, d := range []struct{ dx, dy vg.Length }{{6, 3 + far}, {6, -10 - far}, {-6, 3 + far}, {-6, -10 - far}, {6 + far, -3}, {-6 - far, -3}} {
			r, free := place(d.dx, d.dy)
			if !free {
				continue
			}
			if far > 0 {
				from := vg.Point{X: r.Min.X, Y: r.Min.Y + h/2}
				if d.dx < 0 {
					from.X = r.Max.X
				}
				c.StrokeLine2(draw.LineStyle{Color: faint(quiet, 0x70), Width: vg.Points(0.5)}, at.X, at.Y, from.X, from.Y)
			}
			c.FillText(s, vg.Point{X: r.Min.X, Y: r.Min.Y + 1}, name)
			return append(taken, r)
		}
	}
	return taken // there is no room: the table has its name
}
