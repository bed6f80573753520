package plot

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
)

// The page, in points (1/72 inch).
const (
	pageWidth  = 10 * vg.Inch
	headHeight = 0.88 * vg.Inch
	panelPitch = 1.75 * vg.Inch
	margin     = 0.22 * vg.Inch
	legendLine = 0.19 * vg.Inch
	dpi        = 144 // of the PNG: 1440 pixels across
)

// Colours that stay apart for all common kinds of colour blindness and in grey.
var (
	ink       = color.NRGBA{0x22, 0x26, 0x2b, 0xff}
	quiet     = color.NRGBA{0x6b, 0x72, 0x7c, 0xff}
	gridLine  = color.NRGBA{0xe4, 0xe6, 0xea, 0xff}
	bandFill  = color.NRGBA{0xfb, 0xec, 0xcc, 0xff}
	restFill  = color.NRGBA{0xe6, 0xee, 0xf5, 0xff}
	restInk   = color.NRGBA{0x3d, 0x5a, 0x73, 0xff}
	bandInk   = color.NRGBA{0x8a, 0x5a, 0x00, 0xff}
	gapFill   = color.NRGBA{0xee, 0xee, 0xf0, 0xff}
	lineInks  = []color.NRGBA{{0xc2, 0x41, 0x0c, 0xff}, {0x00, 0x5f, 0xa8, 0xff}, {0x4a, 0x3f, 0x8f, 0xff}}
	lineDash  = [][]vg.Length{nil, {5, 3}, {1.5, 2.5}}
	markWidth = vg.Points(0.6)
)

// Draw draws the figure as "png" or "svg". The same figure gives the same bytes.
func Draw(f Figure, format string) ([]byte, error) {
	height := headHeight + panelPitch*vg.Length(len(f.Panels)) + 2*margin + legendLine*vg.Length(f.markLines()+1)
	if f.Wide {
		height = pageWidth / 2
	}
	canvas, out, err := page(format, height)
	if err != nil {
		return nil, err
	}
	if len(f.Panels) == 0 || f.Window.Length() <= 0 {
		return nil, errors.New("plot: nothing to draw: no time range with data")
	}
	f.draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("plot as %s: %w", format, err)
	}
	return b.Bytes(), nil
}

// page is an empty page of some height, and what writes it out.
func page(format string, height vg.Length) (vg.CanvasSizer, io.WriterTo, error) {
	switch format {
	case "png":
		img := vgimg.NewWith(vgimg.UseWH(pageWidth, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
		return img, vgimg.PngCanvas{Canvas: img}, nil
	case "svg":
		svg := vgsvg.New(pageWidth, height)
		return svg, svg, nil
	case "pdf":
		pdf := pdfCanvas{vgpdf.New(pageWidth, height)}
		return pdf, pdf, nil
	}
	return nil, nil, fmt.Errorf("plot: format %q: not one of %v", format, Formats())
}

// markLines is how many lines the marks take under the panels.
func (f Figure) markLines() int {
	if f.Wide {
		return (len(f.Marks) + 1) / 2
	}
	return len(f.Marks)
}

func (f Figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	body := draw.Crop(c, margin, -margin, margin+legendLine*vg.Length(f.markLines())+legendLine*0.4, -headHeight)

	c.FillText(style(15, xfont.WeightBold, ink), vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.3*vg.Inch}, f.Title)
	sub := style(9.5, xfont.WeightNormal, quiet)
	first, rest := split(sub, f.Subtitle, pageWidth-2*margin)
	c.FillText(sub, vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.48*vg.Inch}, first)
	c.FillText(sub, vg.Point{X: c.Min.X + margin, Y: c.Max.Y - 0.64*vg.Inch}, fit(sub, rest, pageWidth-2*margin))

	plots := make([][]*plot.Plot, len(f.Panels))
	for i, p := range f.Panels {
		plots[i] = []*plot.Plot{f.panel(i, p)}
	}
	tiles := draw.Tiles{Cols: 1, Rows: len(plots), PadY: 8}
	for i, row := range plot.Align(plots, tiles, body) {
		plots[i][0].Draw(row[0])
	}
	small := style(7, xfont.WeightNormal, quiet)
	c.FillText(small, vg.Point{X: c.Min.X + margin, Y: c.Min.Y + 0.07*vg.Inch}, fit(small, f.Redaction, pageWidth-2*margin))
	legend := style(9, xfont.WeightNormal, ink)
	lines, width := f.markLines(), vg.Length(pageWidth-2*margin)
	if f.Wide {
		width = width/2 - 8
	}
	for i, m := range f.Marks {
		at := vg.Point{X: c.Min.X + margin, Y: c.Min.Y + margin + legendLine*vg.Length(lines-1-i%max(1, lines))}
		if i >= lines {
			at.X += width + 16
		}
		line := fmt.Sprintf("%c  %s  %s", m.Key, m.At.UTC().Format("15:04:05Z"), m.Label)
		c.FillText(legend, at, fit(legend, line, width))
	}
}

// panel makes the i-th plot. The first names bands and marks, the last the clock.
func (f Figure) panel(i int, p Panel) *plot.Plot {
	first, last := i == 0, i == len(f.Panels)-1
	pl := plot.New()
	pl.BackgroundColor = nil
	pl.X.Min, pl.X.Max = seconds(f.Window.From), seconds(f.Window.To)
	pl.X.Padding, pl.Y.Padding = 0, 0
	pl.X.Tick.Marker = clockTicks{f.Window, last}
	rows := 0
	if first && len(f.Bands) > 0 {
		rows++
	}
	if p.named() {
		rows++
	}
	pl.Y.Min, pl.Y.Max = 0, roof(p, rows)
	pl.Y.Tick.Marker = countTicks{}
	if p.Log {
		pl.Y.Min, pl.Y.Max = p.Floor, logRoof(p, rows)
		pl.Y.Scale = plot.LogScale{}
		pl.Y.Tick.Marker = powerTicks{}
	}
	pl.Y.Label.Text = p.Label
	for _, a := range []*plot.Axis{&pl.X, &pl.Y} {
		a.Color, a.Width = quiet, vg.Points(0.6)
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = vg.Points(4)
		a.Tick.Label = placed(style(9, xfont.WeightNormal, ink), a.Tick.Label)
		a.Label.TextStyle = placed(style(9, xfont.WeightNormal, quiet), a.Label.TextStyle)
	}
	if last {
		pl.X.Label.Text = "UTC, " + f.Window.From.UTC().Format(time.DateOnly)
	}
	pl.Add(background{f, p, first})
	if len(p.Series) == 1 {
		pl.Add(curve{p.Series[0], lineInks[i%len(lineInks)], nil, true})
	} else {
		for i, s := range p.Series {
			pl.Add(curve{s, lineInks[i%len(lineInks)], lineDash[i%len(lineDash)], false})
		}
	}
	for _, l := range p.Limits {
		pl.Add(limit{l})
	}
	if p.named() {
		pl.Add(key{p.Series, rows})
	}
	return pl
}

// style is the one type face of the figure.
func style(size float64, weight xfont.Weight, c color.Color) text.Style {
	return text.Style{
		Color: c, Handler: plot.DefaultTextHandler,
		Font: font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: vg.Points(size)},
	}
}

// placed is s with the alignment and rotation of old.
func placed(s, old text.Style) text.Style {
	s.Rotation, s.XAlign, s.YAlign = old.Rotation, old.XAlign, old.YAlign
	return s
}

// split cuts a text after the last word that fits a width.
func split(s text.Style, line string, width vg.Length) (first, rest string) {
	if s.Width(line) <= width {
		return line, ""
	}
	end := 0
	for i, r := range line {
		if r != ' ' {
			continue
		}
		if s.Width(line[:i]) > width {
			break
		}
		end = i
	}
	if end == 0 {
		return fit(s, line, width), ""
	}
	return line[:end], line[end+1:]
}

// fit cuts a line to a width.
func fit(s text.Style, line string, width vg.Length) string {
	if s.Width(line) <= width {
		return line
	}
	runes := []rune(line)
	for len(runes) > 0 && s.Width(string(runes)+" ...") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + " ..."
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// top is the highest value of a panel, at least low.
func top(p Panel, low float64) float64 {
	high := low
	for _, s := range p.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				high = max(high, v)
			}
		}
	}
	for _, l := range p.Limits {
		high = max(high, l.Value)
	}
	return high
}

// roof is a round number above all values, with room for so many rows of labels.
func roof(p Panel, rows int) float64 {
	high := top(p, 1) * headroom(rows)
	return math.Ceil(high/tickStep(high)) * tickStep(high)
}

// logRoof is above all values of a logarithmic panel, with room for so many rows.
func logRoof(p Panel, rows int) float64 {
	decades := math.Log10(top(p, 10*p.Floor) / p.Floor)
	return p.Floor * math.Pow(10, decades*headroom(rows))
}

// headroom is how much higher than its values a panel is for so many rows of labels.
func headroom(rows int) float64 { return []float64{1.05, 1.26, 1.6}[min(rows, 2)] }

// powerTicks stand on the powers of ten.
type powerTicks struct{}

func (powerTicks) Ticks(low, high float64) (ts []plot.Tick) {
	for e := math.Ceil(math.Log10(low) - 1e-9); e <= math.Log10(high)+1e-9 && len(ts) < 40; e++ {
		v := math.Pow(10, e)
		t := plot.Tick{Value: v, Label: export.Number(v, 6)}
		if len(ts) == 0 && v <= low*(1+1e-9) {
			t.Label = "<= " + t.Label // zeros are drawn there
		}
		ts = append(ts, t)
	}
	return ts
}

// tickStep is 1, 2 or 5 times a power of ten, whole, some four to the axis.
func tickStep(high float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(high/4)))
	for _, m := range []float64{1, 2, 5, 10} {
		if high/(m*p) <= 4.5 {
			return max(1, m*p)
		}
	}
	return max(1, 10*p)
}

type countTicks struct{}

func (countTicks) Ticks(low, high float64) (ts []plot.Tick) {
	step := tickStep(high)
	for v := math.Ceil(low/step) * step; v <= high+step/1000; v += step {
		ts = append(ts, plot.Tick{Value: v, Label: fmt.Sprintf("%.0f", v)})
	}
	return ts
}

// clockTicks stand on round times of the day, some ten to the axis.
type clockTicks struct {
	w      incident.Window
	labels bool
}

func (ct clockTicks) step() time.Duration {
	for _, s := range []time.Duration{
		time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if ct.w.Length() <= 12*s {
			return s
		}
	}
	return 24 * time.Hour
}

func (ct clockTicks) Ticks(_, _ float64) (ts []plot.Tick) {
	step := ct.step()
	layout := "15:04"
	switch {
	case step < time.Minute:
		layout = "15:04:05"
	case step >= 24*time.Hour:
		layout = "01-02"
	}
	for t := ct.w.From.Truncate(step); !t.After(ct.w.To); t = t.Add(step) {
		if t.Before(ct.w.From) {
			continue
		}
		tick := plot.Tick{Value: seconds(t), Label: t.UTC().Format(layout)}
		if !ct.labels {
			tick.Label = ""
		}
		ts = append(ts, tick)
		if len(ts) > 100 {
			break
		}
	}
	return ts
}
