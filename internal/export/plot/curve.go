package plot

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	trip "tripcurve/sim/curve"
)

// The parts of a page of trip curves, in points.
const (
	curveHeight = 4.4 * vg.Inch
	laneHeight  = 5.5 // of one setting where it never opens
	laneFoot    = 13  // below the lanes, for what they mean
	keyColumns  = 4
)

// curveInks stay apart for all common kinds of colour blindness; a dash pattern
// and a letter go with each.
var curveInks = []color.NRGBA{
	{0xc2, 0x41, 0x0c, 0xff},
	{0x00, 0x5f, 0xa8, 0xff},
	{0x00, 0x7d, 0x5a, 0xff},
	{0x22, 0x26, 0x2b, 0xff},
	{0xa8, 0x3f, 0x86, 0xff},
	{0xb0, 0x80, 0x00, 0xff},
}

func curveInk(i int) color.NRGBA               { return curveInks[i%len(curveInks)] }
func curveDash(i int) []vg.Length              { return lineDash[i/len(curveInks)%len(lineDash)] }
func curveKey(i int) string                    { return string(rune('A' + i%26)) }
func log10(v float64) float64                  { return math.Log10(max(v, 1e-6)) }
func sec(d time.Duration) float64              { return max(d.Seconds(), 1e-3) }
func opens(d time.Duration) bool               { return d != trip.Never }
func faint(c color.NRGBA, a uint8) color.NRGBA { c.A = a; return c }

// Curves draws trip curves as "png" or "svg": time to open upwards against the
// share of calls that fail to the right, both logarithmic, one panel for each way
// of failing. The same result gives the same bytes.
func Curves(r *trip.Result, format string) ([]byte, error) {
	if len(r.Curves) == 0 {
		return nil, errors.New("plot: no curve to draw")
	}
	n := len(r.Curves) / len(r.Options.Modes)
	rows := (n + keyColumns - 1) / keyColumns
	height := headHeight + curveHeight + laneHeight*vg.Length(n) + 2*margin + legendLine*vg.Length(rows+1)
	canvas, out, err := page(format, height)
	if err != nil {
		return nil, err
	}
	drawCurves(r, n, rows, draw.New(canvas))
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("plot as %s: %w", format, err)
	}
	return b.Bytes(), nil
}

func drawCurves(r *trip.Result, n, rows int, c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	o := r.Options
	c.FillText(style(15, xfont.WeightBold, ink), vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.3*vg.Inch}, "Trip curves")
	said := fmt.Sprintf("time until the breaker opens, at %s calls/s (%s) after %s of healthy traffic; median of %s from %d on, 5-95 %% band",
		export.Number(o.Rate, 3), o.Arrivals.Words(), o.WarmUp, export.Plural(o.Seeds, "seed"), o.Seed)
	sub := style(9.5, xfont.WeightNormal, quiet)
	c.FillText(sub, vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.48*vg.Inch}, fit(sub, said, pageWidth-2*margin))

	body := draw.Crop(c, margin, -margin, margin+legendLine*(vg.Length(rows)+0.4), -headHeight+0.2*vg.Inch)
	low := lowest(r)
	row := make([]*plot.Plot, len(o.Modes))
	for i, m := range o.Modes {
		row[i] = curvePanel(r, m, low, n, i == 0)
	}
	plots := [][]*plot.Plot{row}
	for i, tile := range plot.Align(plots, draw.Tiles{Cols: len(row), Rows: 1, PadX: 16}, body)[0] {
		row[i].Draw(tile)
	}
	name := style(9, xfont.WeightNormal, ink)
	for i := range n {
		s := r.Curves[i*len(o.Modes)].Setting
		x := c.Min.X + margin + (pageWidth-2*margin)/keyColumns*vg.Length(i%keyColumns)
		y := c.Min.Y + margin + legendLine*vg.Length(rows-1-i/keyColumns)
		c.StrokeLine2(draw.LineStyle{Color: curveInk(i), Width: vg.Points(2), Dashes: curveDash(i)}, x, y+3, x+26, y+3)
		c.FillText(name, vg.Point{X: x + 31, Y: y}, fit(name, curveKey(i)+"  "+redact.Line(s.Name), (pageWidth-2*margin)/keyColumns-36))
	}
}

// lowest is where the time axis of all panels begins: 1, 2 or 5 of a decade below
// all values.
func lowest(r *trip.Result) float64 {
	low := r.Options.Horizon.Seconds() / 10
	for _, c := range r.Curves {
		for _, p := range c.Points {
			if t := p.OpenAfter(0.05); opens(t) {
				low = min(low, sec(t))
			}
		}
	}
	decade := math.Pow(10, math.Floor(math.Log10(low)))
	for _, m := range []float64{5, 2} {
		if m*decade <= low {
			return m * decade
		}
	}
	return decade
}

// curvePanel is one way of failing. Above the horizon each setting has a lane that
// is drawn where it never opens.
func curvePanel(r *trip.Result, m trip.Mode, low float64, n int, first bool) *plot.Plot {
	o := r.Options
	high := o.Horizon.Seconds()
	pl := plot.New()
	pl.BackgroundColor = nil
	pl.X.Min, pl.X.Max = slices.Min(o.Shares), slices.Max(o.Shares)
	if pl.X.Min == pl.X.Max {
		pl.X.Min /= 10
	}
	// The lanes take their part of the height; the panel is some curveHeight high.
	part := float64(laneHeight*vg.Length(n)+laneFoot) / float64(curveHeight+laneHeight*vg.Length(n))
	pl.Y.Min, pl.Y.Max = low, low*math.Pow(high/low, 1/(1-part))
	pl.X.Scale, pl.Y.Scale = plot.LogScale{}, plot.LogScale{}
	pl.X.Padding, pl.Y.Padding = 0, 0
	pl.X.Tick.Marker, pl.Y.Tick.Marker = decadeTicks{pl.X.Max, 100, " %"}, decadeTicks{high, 1, ""}
	pl.X.Label.Text = "share of calls that fail"
	if first {
		pl.Y.Label.Text = "opens after, s"
	}
	for _, a := range []*plot.Axis{&pl.X, &pl.Y} {
		a.Color, a.Width = quiet, vg.Points(0.6)
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = vg.Points(4)
		a.Tick.Label = placed(style(9, xfont.WeightNormal, ink), a.Tick.Label)
		a.Label.TextStyle = placed(style(9, xfont.WeightNormal, quiet), a.Label.TextStyle)
	}
	pl.Title.Text = "errors, answered at once"
	if m == trip.Hangs {
		pl.Title.Text = "hangs, until a time limit ends them"
	}
	pl.Title.TextStyle = placed(style(10.5, xfont.WeightBold, ink), pl.Title.TextStyle)
	pl.Title.Padding = vg.Points(4)
	p := curvePlotter{high: high, lanes: n}
	for _, c := range r.Curves {
		if c.Mode == m {
			p.curves = append(p.curves, c)
		}
	}
	pl.Add(p)
	return pl
}

// decadeTicks stand on 1, 2 and 5 of each decade up to high, shown times factor.
type decadeTicks struct {
	high, factor float64
	unit         string
}

func (d decadeTicks) Ticks(low, _ float64) (ts []plot.Tick) {
	for decade := math.Floor(log10(low)); decade <= log10(d.high); decade++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, decade)
			if v < low*0.999 || v > d.high*1.001 {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || m == 2 || m == 5 {
				t.Label = fmt.Sprintf("%.4g%s", v*d.factor, d.unit)
			}
			ts = append(ts, t)
		}
	}
	if len(ts) > 0 && ts[len(ts)-1].Value < d.high*0.8 {
		ts = append(ts, plot.Tick{Value: d.high, Label: fmt.Sprintf("%.4g%s", d.high*d.factor, d.unit)})
	}
	return ts
}

// curvePlotter draws the curves of one panel over its grid and lanes.
type curvePlotter struct {
	curves []trip.Curve
	high   float64 // s, of the axis; above it are the lanes
	lanes  int
}

func (p curvePlotter) Plot(c draw.Canvas, pl *plot.Plot) {
	x, y := pl.Transforms(&c)
	for _, t := range pl.Y.Tick.Marker.Ticks(pl.Y.Min, pl.Y.Max) {
		if t.Label != "" {
			c.StrokeLine2(draw.LineStyle{Color: gridLine, Width: vg.Points(0.6)}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
	for _, t := range pl.X.Tick.Marker.Ticks(pl.X.Min, pl.X.Max) {
		if t.Label != "" {
			c.StrokeLine2(draw.LineStyle{Color: gridLine, Width: vg.Points(0.6)}, x(t.Value), c.Min.Y, x(t.Value), y(p.high))
		}
	}
	fill(c, gapFill, c.Min.X, y(p.high), c.Max.X, c.Max.Y)
	for i, cv := range p.curves {
		p.band(c, x, y, cv, curveInk(i))
	}
	for i, cv := range p.curves {
		p.line(c, x, y, cv, i)
	}
	p.keys(c, y)
	said := style(8, xfont.WeightNormal, quiet)
	text := fmt.Sprintf("never within %.4g s", p.high)
	at := vg.Point{X: c.Max.X - said.Width(text) - 4, Y: y(p.high) + 3}
	c.FillText(said, at, text)
}

// band fills between the quantiles; above the horizon where the longest never opened.
func (p curvePlotter) band(c draw.Canvas, x, y func(float64) vg.Length, cv trip.Curve, inked color.NRGBA) {
	soft := faint(inked, 0x20)
	if len(p.curves) > 4 {
		soft.A = 0x10
	}
	var low, high []vg.Point
	flush := func() {
		if len(low) > 1 {
			slices.Reverse(high)
			c.FillPolygon(soft, append(low, high...))
		}
		low, high = nil, nil
	}
	for _, pt := range cv.Points {
		lo, hi := pt.OpenAfter(0.05), pt.OpenAfter(0.95)
		if !opens(lo) {
			flush()
			continue
		}
		top := p.high
		if opens(hi) {
			top = sec(hi)
		}
		low = append(low, vg.Point{X: x(pt.Share), Y: y(sec(lo))})
		high = append(high, vg.Point{X: x(pt.Share), Y: y(top)})
	}
	flush()
}

func (p curvePlotter) line(c draw.Canvas, x, y func(float64) vg.Length, cv trip.Curve, i int) {
	pen := draw.LineStyle{Color: curveInk(i), Width: vg.Points(1.6), Dashes: curveDash(i)}
	thin := draw.LineStyle{Color: faint(curveInk(i), 0x90), Width: vg.Points(0.7), Dashes: []vg.Length{1, 2}}
	lane := p.lane(c, y, i)
	var line, idle []vg.Point
	for k, pt := range cv.Points {
		t := pt.OpenAfter(0.5)
		if opens(t) {
			at := vg.Point{X: x(pt.Share), Y: y(sec(t))}
			if len(line) == 0 && k > 0 { // where it begins to open at all
				c.StrokeLines(thin, []vg.Point{{X: at.X, Y: lane}, at})
			}
			line = append(line, at)
			c.StrokeLines(pen, idle)
			idle = nil
			continue
		}
		idle = append(idle, vg.Point{X: x(pt.Share), Y: lane})
		c.StrokeLines(pen, line)
		line = nil
	}
	c.StrokeLines(pen, line)
	c.StrokeLines(pen, idle)
}

func (p curvePlotter) lane(c draw.Canvas, y func(float64) vg.Length, i int) vg.Length {
	bottom := y(p.high) + laneFoot
	return bottom + (c.Max.Y-bottom)*(vg.Length(p.lanes-i)-0.5)/vg.Length(p.lanes)
}

// keyPitch is how far the letters at the right end stay apart.
const keyPitch = vg.Length(8.5)

// keys writes each curve's letter where it ends on the right. Letters that would
// lie on each other stand above each other, around where they belong.
func (p curvePlotter) keys(c draw.Canvas, y func(float64) vg.Length) {
	type group struct {
		middle vg.Length
		curves []int
	}
	ends := make([]vg.Length, len(p.curves))
	order := make([]int, len(p.curves))
	for i, cv := range p.curves {
		order[i], ends[i] = i, p.lane(c, y, i)
		if t := cv.Points[len(cv.Points)-1].OpenAfter(0.5); opens(t) {
			ends[i] = y(sec(t))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ends[a], ends[b]) })
	var groups []group
	for _, i := range order {
		g := group{ends[i], []int{i}}
		for len(groups) > 0 {
			last := groups[len(groups)-1]
			n, m := vg.Length(len(last.curves)), vg.Length(len(g.curves))
			if g.middle-last.middle >= keyPitch*(n+m)/2 {
				break
			}
			g = group{(last.middle*n + g.middle*m) / (n + m), append(last.curves, g.curves...)}
			groups = groups[:len(groups)-1]
		}
		groups = append(groups, g)
	}
	bold := style(8.5, xfont.WeightBold, ink)
	for _, g := range groups {
		for k, i := range g.curves {
			at := g.middle + keyPitch*(vg.Length(k)-vg.Length(len(g.curves)-1)/2)
			bold.Color = curveInk(i)
			c.FillText(bold, vg.Point{X: c.Max.X + 4, Y: at - 3}, curveKey(i))
		}
	}
}
