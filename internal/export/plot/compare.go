package plot

import (
	"bytes"
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
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/sim/compare"
)

// The parts of a page of remedies, in points.
const (
	waitsHeight = 2.5 * vg.Inch // of each of the two panels
	barPitch    = 17
	barFoot     = 40 // below the bars, for their axis
	nameColumn  = 108
)

// shownByDefault are the remedies whose waits are drawn over time when there are more
// than can be told apart.
var shownByDefault = []string{compare.Today, "keepalive", "deadline", "breaker", "breaker-full", "async"}

// Remedies draws a comparison: how long customers waited over time, as it is and under
// the remedies, and the checkouts not served under each with their ranges. The same
// comparison gives the same bytes.
func Remedies(c *compare.Comparison, format string) ([]byte, error) {
	if len(c.Rows) == 0 {
		return nil, errors.New("plot: no remedy to draw")
	}
	drawn := overTime(c.Rows)
	lines := (len(drawn) + keyColumns - 1) / keyColumns
	bars := barPitch*vg.Length(len(c.Rows)) + barFoot
	canvas, out, err := page(format, headHeight+2*waitsHeight+legendLine*vg.Length(lines)+bars+margin)
	if err != nil {
		return nil, err
	}
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Path())
	head(dc, "Remedies of "+redact.Line(c.Scenario.Name),
		fmt.Sprintf("%s of each, the same customers under all; above: how long customers waited for the answer to a checkout, of all who came in each %s",
			export.Plural(c.Seeds, "run"), c.Rows[0].Waits.Step))

	top := dc.Max.Y - headHeight + 0.2*vg.Inch
	body := draw.Crop(dc, margin, -margin, top-2*waitsHeight-dc.Min.Y, 0)
	body.Max.Y = top
	panels := [][]*plot.Plot{
		{waitsPanel(c, drawn, "median wait, s", false, func(w compare.Waits) []float64 { return w.P50 })},
		{waitsPanel(c, drawn, "p99, s", true, func(w compare.Waits) []float64 { return w.P99 })},
	}
	for i, tiles := range plot.Align(panels, draw.Tiles{Cols: 1, Rows: 2, PadY: 8}, body) {
		panels[i][0].Draw(tiles[0])
	}
	top -= 2 * waitsHeight
	name := style(9, xfont.WeightNormal, ink)
	for i, r := range drawn {
		x := dc.Min.X + margin + (pageWidth-2*margin)/keyColumns*vg.Length(i%keyColumns)
		y := top - legendLine*vg.Length(i/keyColumns+1)
		dc.StrokeLine2(draw.LineStyle{Color: curveInk(i), Width: vg.Points(2), Dashes: remedyDash(i)}, x, y+3, x+26, y+3)
		dc.FillText(name, vg.Point{X: x + 31, Y: y}, fit(name, redact.Line(r.Remedy.Name), (pageWidth-2*margin)/keyColumns-36))
	}
	failedPanel(c, draw.Crop(dc, margin, -margin, margin, margin+bars-(dc.Max.Y-dc.Min.Y)))
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("plot as %s: %w", format, err)
	}
	return b.Bytes(), nil
}

// head is a page's title.
func head(c draw.Canvas, title, said string) {
	c.FillText(style(15, xfont.WeightBold, ink), vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.3*vg.Inch}, title)
	sub := style(9.5, xfont.WeightNormal, quiet)
	c.FillText(sub, vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.48*vg.Inch}, fit(sub, said, pageWidth-2*margin))
}

// overTime are the rows whose waits are drawn: all where they can be told apart.
func overTime(rows []compare.Row) []compare.Row {
	if len(rows) <= len(curveInks) {
		return rows
	}
	var shown []compare.Row
	for _, r := range rows {
		if slices.Contains(shownByDefault, r.Remedy.Name) {
			shown = append(shown, r)
		}
	}
	if len(shown) < 2 {
		return rows[:len(curveInks)]
	}
	return shown
}

func remedyDash(i int) []vg.Length { return [][]vg.Length{nil, {5, 3}, {1.5, 2.5}, {8, 3, 2, 3}}[i%4] }

// waitsPanel is the waits over time, logarithmic: a healthy answer takes
// milliseconds, a failing one half a minute.
func waitsPanel(c *compare.Comparison, rows []compare.Row, label string, last bool, of func(compare.Waits) []float64) *plot.Plot {
	start := c.Scenario.Start
	low, high := 1.0, 1.0
	for _, r := range rows {
		for _, v := range of(r.Waits) {
			if v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	low, high = math.Pow(10, math.Floor(log10(low))), high*4
	pl := plot.New()
	pl.BackgroundColor = nil
	w := incident.Window{From: start, To: start.Add(c.Scenario.Length)}
	pl.X.Min, pl.X.Max = seconds(w.From), seconds(w.To)
	pl.Y.Min, pl.Y.Max = low, high
	pl.Y.Scale = plot.LogScale{}
	pl.X.Padding, pl.Y.Padding = 0, 0
	pl.X.Tick.Marker, pl.Y.Tick.Marker = clockTicks{w, last}, decadeTicks{high, 1, ""}
	pl.Y.Label.Text = label
	if last {
		pl.X.Label.Text = "UTC, " + start.UTC().Format(time.DateOnly)
	}
	for _, a := range []*plot.Axis{&pl.X, &pl.Y} {
		plain(a)
	}
	pl.Add(waitsPlotter{c, rows, of})
	return pl
}

// plain is the house's axis.
func plain(a *plot.Axis) {
	a.Color, a.Width = quiet, vg.Points(0.6)
	a.Tick.LineStyle = a.LineStyle
	a.Tick.Length = vg.Points(4)
	a.Tick.Label = placed(style(9, xfont.WeightNormal, ink), a.Tick.Label)
	a.Label.TextStyle = placed(style(9, xfont.WeightNormal, quiet), a.Label.TextStyle)
}

type waitsPlotter struct {
	c    *compare.Comparison
	rows []compare.Row
	of   func(compare.Waits) []float64
}

func (p waitsPlotter) Plot(c draw.Canvas, pl *plot.Plot) {
	x, y := pl.Transforms(&c)
	at := func(d time.Duration) vg.Length { return x(seconds(p.c.Scenario.Start.Add(d))) }
	for _, f := range p.c.Scenario.Faults {
		if lock, ok := f.(sim.LockTable); ok {
			fill(c, bandFill, at(lock.At), c.Min.Y, at(lock.At+lock.Hold), c.Max.Y)
			c.FillText(style(9, xfont.WeightBold, bandInk), vg.Point{X: at(lock.At) + 4, Y: c.Max.Y - 13}, lock.Mode.String()+" lock")
		}
	}
	for _, t := range pl.Y.Tick.Marker.Ticks(pl.Y.Min, pl.Y.Max) {
		if t.Label != "" {
			c.StrokeLine2(draw.LineStyle{Color: gridLine, Width: vg.Points(0.6)}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
	patience := draw.LineStyle{Color: quiet, Width: vg.Points(0.8), Dashes: []vg.Length{2, 3}}
	if s := p.c.Scenario.Patience.Seconds(); s > pl.Y.Min && s < pl.Y.Max {
		c.StrokeLine2(patience, c.Min.X, y(s), c.Max.X, y(s))
		said := style(8, xfont.WeightNormal, quiet)
		c.FillText(said, vg.Point{X: c.Min.X + 4, Y: y(s) + 2}, "patience")
	}
	for i, r := range slices.Backward(p.rows) { // today on top
		pen := draw.LineStyle{Color: curveInk(i), Width: vg.Points(1.5), Dashes: remedyDash(i)}
		var line []vg.Point
		for n, v := range append(slices.Clone(p.of(r.Waits)), math.NaN()) {
			if math.IsNaN(v) || v <= 0 && pl.Y.Min <= 0 {
				c.StrokeLines(pen, line)
				line = nil
				continue
			}
			h := y(min(max(v, pl.Y.Min), pl.Y.Max))
			from, to := at(time.Duration(n)*r.Waits.Step), at(min(time.Duration(n+1)*r.Waits.Step, p.c.Scenario.Length))
			line = append(line, vg.Point{X: from, Y: h}, vg.Point{X: to, Y: h})
		}
	}
}

// failedPanel is a bar for each remedy, as long as the mean of its checkouts not
// served, with the range of the runs.
func failedPanel(c *compare.Comparison, dc draw.Canvas) {
	title := style(10.5, xfont.WeightBold, ink)
	dc.FillText(title, vg.Point{X: dc.Min.X, Y: dc.Max.Y - 8}, "Checkouts not served: mean, and where nine runs in ten lie")
	high := 1.0
	for _, r := range c.Rows {
		f, _ := r.Figure("failed")
		high = max(high, f.P95, f.Mean)
	}
	high *= 1.1
	left, right, foot := dc.Min.X+nameColumn, dc.Max.X-6, dc.Min.Y+14
	x := func(v float64) vg.Length { return left + (right-left)*vg.Length(v/high) }
	small, axis := style(9, xfont.WeightNormal, ink), draw.LineStyle{Color: quiet, Width: vg.Points(0.6)}
	for _, t := range (countTicks{}).Ticks(0, high) {
		dc.StrokeLine2(draw.LineStyle{Color: gridLine, Width: vg.Points(0.6)}, x(t.Value), foot, x(t.Value), dc.Max.Y-18)
		dc.FillText(small, vg.Point{X: x(t.Value) - small.Width(t.Label)/2, Y: dc.Min.Y + 2}, t.Label)
	}
	for i, r := range c.Rows {
		f, _ := r.Figure("failed")
		y := dc.Max.Y - 22 - barPitch*vg.Length(i+1) + barPitch/2
		dc.FillText(small, vg.Point{X: dc.Min.X, Y: y - 3}, fit(small, redact.Line(r.Remedy.Name), nameColumn-6))
		bar := lineInks[1]
		if r.Remedy.Name == compare.Today {
			bar = lineInks[0]
		}
		fill(dc, faint(bar, 0xb0), left, y-4, x(f.Mean), y+4)
		dc.StrokeLine2(draw.LineStyle{Color: ink, Width: vg.Points(1)}, x(f.P5), y, x(f.P95), y)
		for _, end := range []float64{f.P5, f.P95} {
			dc.StrokeLine2(draw.LineStyle{Color: ink, Width: vg.Points(1)}, x(end), y-3, x(end), y+3)
		}
	}
	dc.StrokeLine2(axis, left, foot, left, dc.Max.Y-18)
	dc.StrokeLine2(axis, left, foot, right, foot)
}
