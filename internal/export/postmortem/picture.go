package postmortem

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/export/plot"
	"tripcurve/internal/incident"
)

// The size of a chart, in units of its view box.
const (
	chartWidth  = 760.0
	panelHeight = 120.0
	panelGap    = 34.0
	leftAxis    = 56.0
	rightEdge   = 14.0
	bottomAxis  = 24.0
	barHeight   = 30.0
)

// series is one line of a chart: a value each step from the beginning on, NaN where
// nothing is known.
type series struct {
	name   string
	values []float64
}

// panel is one value axis.
type panel struct {
	label  string
	series []series
	absent string // what is said when nothing is known
}

// chart is panels under each other on one time axis.
type chart struct {
	from   time.Time
	step   time.Duration
	steps  int
	panels []panel
	bands  []plot.Band
	marks  []time.Time // with a line and a letter
}

func (c chart) length() time.Duration { return time.Duration(c.steps) * c.step }

func (c chart) x(at time.Time) float64 {
	part := float64(at.Sub(c.from)) / float64(c.length())
	return leftAxis + min(max(part, 0), 1)*(chartWidth-leftAxis-rightEdge)
}

// svg draws the chart. Colours are classes, so that the page's light and dark hold
// for it too.
func (c chart) svg() string {
	if c.steps == 0 || len(c.panels) == 0 {
		return ""
	}
	var b strings.Builder
	height := float64(len(c.panels))*(panelHeight+panelGap) + bottomAxis
	for i, p := range c.panels {
		c.panel(&b, p, float64(i)*(panelHeight+panelGap)+panelGap-8)
	}
	foot := height - bottomAxis + 4
	for i := 0; i <= 6; i++ {
		at := c.from.Add(c.length() * time.Duration(i) / 6)
		anchor := "middle"
		if i == 6 {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<text class="tick" x="%s" y="%s" text-anchor="%s">%s</text>`, num(c.x(at)), num(foot+10), anchor, at.UTC().Format("15:04:05"))
	}
	return fmt.Sprintf(`<svg viewBox="0 0 %s %s" role="img" aria-label="%%s" class="chart">`, num(chartWidth), num(height)) + b.String() + "</svg>"
}

func (c chart) panel(b *strings.Builder, p panel, top float64) {
	most := 0.0
	known := false
	for _, s := range p.series {
		for _, v := range s.values {
			if !math.IsNaN(v) {
				most, known = max(most, v), true
			}
		}
	}
	top0, bottom := top, top+panelHeight
	fmt.Fprintf(b, `<text class="label" x="0" y="%s">%s</text>`, num(top-8), html.EscapeString(p.label))
	for _, band := range c.bands {
		x, to := c.x(band.From), c.x(band.To)
		fmt.Fprintf(b, `<rect class="band" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`, num(x), num(top0), num(max(1, to-x)), num(panelHeight), html.EscapeString(band.Label))
	}
	if !known {
		fmt.Fprintf(b, `<text class="tick" x="%s" y="%s">%s</text>`, num(leftAxis+8), num(top+panelHeight/2), html.EscapeString(p.absent))
		fmt.Fprintf(b, `<path class="axis" d="M%s %sH%s"/>`, num(leftAxis), num(bottom), num(chartWidth-rightEdge))
		return
	}
	most = nice(most)
	for i := 0; i <= 2; i++ {
		v := most * float64(i) / 2
		y := bottom - panelHeight*float64(i)/2
		class := "grid"
		if i == 0 {
			class = "axis"
		}
		fmt.Fprintf(b, `<path class="%s" d="M%s %sH%s"/><text class="tick" x="%s" y="%s" text-anchor="end">%s</text>`,
			class, num(leftAxis), num(y), num(chartWidth-rightEdge), num(leftAxis-6), num(y+4), export.Number(v, 1))
	}
	for i, s := range p.series {
		fmt.Fprintf(b, `<path class="line s%d" d="%s"><title>%s</title></path>`, i%5, c.path(s.values, bottom, most), html.EscapeString(s.name))
	}
	for _, at := range c.marks {
		fmt.Fprintf(b, `<path class="mark" d="M%s %sV%s"/>`, num(c.x(at)), num(top0), num(bottom))
	}
}

// path never joins values across a gap.
func (c chart) path(values []float64, bottom, most float64) string {
	var b strings.Builder
	pen := false
	for i, v := range values {
		if math.IsNaN(v) {
			pen = false
			continue
		}
		x := c.x(c.from.Add(time.Duration(i)*c.step + c.step/2))
		y := bottom - panelHeight*min(v/most, 1)
		switch {
		case !pen && (i+1 >= len(values) || math.IsNaN(values[i+1])):
			fmt.Fprintf(&b, "M%s %sh0.1", num(x), num(y)) // a value alone is a dot
		case !pen:
			fmt.Fprintf(&b, "M%s %s", num(x), num(y))
		default:
			fmt.Fprintf(&b, "L%s %s", num(x), num(y))
		}
		pen = true
	}
	return b.String()
}

// nice is the next of some round numbers, whose half is round too.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 3, 4, 5, 6, 8, 10} {
		if v <= m*p*(1+1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// num is a coordinate, the same on every machine.
func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// pictureOf draws a chart under a caption.
func pictureOf(alt string, c chart) Picture {
	svg := c.svg()
	if svg == "" {
		return Picture{Alt: alt}
	}
	return Picture{Alt: alt, svg: strings.Replace(svg, "%s", html.EscapeString(alt), 1)}
}

// picture draws the figure that the plots of an incident show too.
func picture(f plot.Figure) Picture {
	c := chartOf(f)
	return pictureOf(captionOf(f), c)
}

func chartOf(f plot.Figure) chart {
	c := chart{from: f.Window.From}
	for _, p := range f.Panels {
		q := panel{label: p.Label, absent: p.Absent}
		for _, s := range p.Series {
			q.series = append(q.series, series{s.Name, s.Values})
			c.step, c.steps = s.Step, max(c.steps, len(s.Values))
		}
		c.panels = append(c.panels, q)
	}
	c.bands = append(c.bands, f.Bands...)
	for _, m := range f.Marks {
		c.marks = append(c.marks, m.At)
	}
	return c
}

func captionOf(f plot.Figure) string {
	var labels, bands []string
	for _, p := range f.Panels {
		labels = append(labels, p.Label)
	}
	for _, b := range f.Bands {
		bands = append(bands, b.Label)
	}
	s := strings.Join(labels, "; ") + ", over time (UTC)"
	if len(bands) > 0 {
		s += "; shaded: " + strings.Join(bands, ", ")
	}
	return s + "."
}

// figureTable is a figure as a table of some rows: the most in each stretch of time.
func figureTable(f plot.Figure, rows int) Block {
	return chartOf(f).table(rows)
}

func (c chart) table(rows int) Block {
	head := []string{"from"}
	var all []series
	for _, p := range c.panels {
		for _, s := range p.series {
			name := p.label
			if len(p.series) > 1 {
				name = s.name + ", " + p.label
			}
			head, all = append(head, name), append(all, s)
		}
	}
	per := max(1, (c.steps+rows-1)/max(rows, 1))
	out := Block{Kind: Table, Title: fmt.Sprintf("The most in each %s", time.Duration(per)*c.step), Head: head}
	for i := 0; i < c.steps; i += per {
		cells := []string{c.from.Add(time.Duration(i) * c.step).UTC().Format("15:04:05Z")}
		for _, s := range all {
			most := math.NaN()
			for _, v := range s.values[min(i, len(s.values)):min(i+per, len(s.values))] {
				if !math.IsNaN(v) && (math.IsNaN(most) || v > most) {
					most = v
				}
			}
			word := "no data"
			if !math.IsNaN(most) {
				word = export.Number(most, 2)
			}
			cells = append(cells, word)
		}
		out.Rows = append(out.Rows, figures(cells...))
	}
	return out
}

// bar of a bar chart.
type bar struct {
	name  string
	value float64
	said  string
}

func barChart(alt string, bars []bar) Picture {
	most := 0.0
	for _, b := range bars {
		most = max(most, b.value)
	}
	if most == 0 {
		return Picture{Alt: alt}
	}
	const names, figures = 230.0, 130.0
	var out strings.Builder
	for i, b := range bars {
		y := float64(i) * barHeight
		width := (chartWidth - names - figures) * b.value / most
		fmt.Fprintf(&out, `<text class="label" x="%s" y="%s" text-anchor="end">%s</text>`, num(names-10), num(y+20), html.EscapeString(b.name))
		fmt.Fprintf(&out, `<rect class="bar s%d" x="%s" y="%s" width="%s" height="18" rx="2"/>`, i%5, num(names), num(y+6), num(max(width, 1.5)))
		fmt.Fprintf(&out, `<text class="tick" x="%s" y="%s">%s</text>`, num(names+width+8), num(y+20), html.EscapeString(b.said))
	}
	return Picture{Alt: alt + ".", svg: fmt.Sprintf(`<svg viewBox="0 0 %s %s" role="img" aria-label="%s" class="chart">%s</svg>`,
		num(chartWidth), num(float64(len(bars))*barHeight+4), html.EscapeString(alt), out.String())}
}

// waits draws how long customers waited: measured, and under the remedies.
func (b *builder) waits(e incident.Endpoint, ok bool) (chart, Picture) {
	rep := b.Simulated.Comparison
	sc := b.Simulated.Scenario
	step := time.Duration(rep.Remedies[0].Waits.Step * float64(time.Second))
	c := chart{from: sc.Start, step: step, steps: len(rep.Remedies[0].Waits.P50)}
	median, tail := panel{label: "median wait for the answer to a checkout, s", absent: "no data"}, panel{label: "99 % wait, s", absent: "no data"}
	if b.View != nil && ok {
		p50, p99 := b.measured(e, c)
		median.series = append(median.series, series{"measured", p50})
		tail.series = append(tail.series, series{"measured", p99})
	}
	var names []string
	for _, name := range b.Simulated.drawn() {
		r, known := remedyOf(rep, name)
		if !known || name == "today" && len(median.series) > 0 {
			continue // the measured line is today's
		}
		names = append(names, name)
		median.series = append(median.series, series{name, floats(r.Waits.P50)})
		tail.series = append(tail.series, series{name, floats(r.Waits.P99)})
	}
	c.panels = []panel{median, tail}
	for _, f := range b.Analysis.Findings {
		if f.Role == incident.Trigger {
			c.bands = append(c.bands, plot.Band{Window: f.Window, Label: "trigger"})
		}
	}
	alt := "How long customers waited for the answer to a checkout, over time (UTC)"
	if len(median.series) > len(names) {
		alt += ": measured"
		if len(names) > 0 {
			alt += ", and simulated under " + strings.Join(names, ", ")
		}
	} else if len(names) > 0 {
		alt += ", simulated under " + strings.Join(names, ", ")
	}
	p := pictureOf(alt+"; shaded: the trigger.", c)
	p.svg = legend(p.svg, median.series)
	return c, p
}

// legend puts the names of the lines above a chart.
func legend(svg string, lines []series) string {
	var b strings.Builder
	b.WriteString(`<span class="legend">`)
	for i, s := range lines {
		fmt.Fprintf(&b, `<span><i class="key s%d"></i>%s</span>`, i%5, html.EscapeString(s.name))
	}
	return b.String() + "</span>" + svg
}

func floats(vs []*float64) []float64 {
	out := make([]float64, len(vs))
	for i, v := range vs {
		out[i] = finite(v)
	}
	return out
}

// measured is the median and the 99 % of an endpoint's requests by when they began,
// for a wait is told by when a customer came. The evidence keeps them by their end,
// so what was read at the end of a request stands where it began.
func (b *builder) measured(e incident.Endpoint, c chart) (p50, p99 []float64) {
	p50, p99 = make([]float64, c.steps), make([]float64, c.steps)
	for i := range p50 {
		p50[i], p99[i] = math.NaN(), math.NaN()
	}
	b.View.EachLatency(incident.Window{From: c.from, To: c.from.Add(c.length())}, func(l *incident.Latency) {
		if l.Endpoint != e || l.Sketch.Count() == 0 {
			return
		}
		for _, q := range []struct {
			at     float64
			values []float64
		}{{0.5, p50}, {0.99, p99}} {
			v := l.Sketch.Quantile(q.at).Lo
			i := int(l.At.Add(-v).Sub(c.from) / c.step)
			if i >= 0 && i < len(q.values) && !(q.values[i] > v.Seconds()) {
				q.values[i] = v.Seconds()
			}
		}
	})
	return p50, p99
}

func waitsTable(c chart) Block { return c.table(16) }
