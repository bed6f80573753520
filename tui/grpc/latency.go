package grpc

import (
	"math"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// drawLegend says what the latency chart shows.
func (s *Screen) drawLegend(c *grid.Canvas, f *flow) {
	x := 0
	if s.axis == byHeat {
		c.Clip(x, 0, c.W(), theme.Dim, "how long calls took; darker: more, ^ any longer; blank: none ended", s.Set().More)
		return
	}
	if s.axis == byQuantiles && scale(f.p99.lo.Unit) > 0 {
		set := s.Set()
		x = c.Text(x, 0, theme.Data4, "p50") + 1
		x = c.Text(x, 0, theme.Data2, "p99") + 1
		x = c.Text(x, 0, theme.Dim, "between their bounds, log axis; ^ capped: may be any longer;") + 1
		c.Clip(x, 0, c.W()-x, theme.Dim, "a gap: no call ended", set.More)
		return
	}
	c.Clip(x, 0, c.W(), theme.Dim, "p99 of calls that ended; a gap: none did", s.Set().More)
}

// scale is how many seconds one of a unit is; 0 of one that is unknown.
func scale(unit string) float64 {
	switch unit {
	case "s":
		return 1
	case "ms":
		return 0.001
	}
	return 0
}

// latencyChart draws both quantiles between their bounds over a logarithmic axis, or
// the p99 over a linear one.
func (s *Screen) latencyChart(f *flow) *chart.Chart {
	if s.axis == byHeat {
		return s.heatChart(f)
	}
	if by := scale(f.p99.lo.Unit); by > 0 && s.axis == byQuantiles {
		return s.logChart(f, by)
	}
	ch := &chart.Chart{Window: s.Range, Glyphs: s.Glyphs, Unit: redact.Line(f.p99.lo.Unit), Bands: s.bands()}
	for _, b := range []struct {
		series  *incident.Series
		name    string
		pattern chart.Pattern
		style   grid.Style
	}{{f.p99.lo, "at least", chart.Solid, theme.Data2}, {f.p99.hi, "at most", chart.Dotted, theme.Data3}} {
		if b.series == nil || f.every <= 0 {
			continue
		}
		ch.Series = append(ch.Series, chart.Series{Name: b.name, Style: b.style, Pattern: b.pattern, From: s.Range.From, Step: f.every, Values: s.values(f, b.series, 1)})
	}
	return ch
}

func (s *Screen) logChart(f *flow, by float64) *chart.Chart {
	log := &chart.Log{Bottom: 0.001, Top: 10}
	for i, q := range []struct {
		name string
		quantile
		style grid.Style
	}{{"p50", f.p50, theme.Data4}, {"p99", f.p99, theme.Data2}} {
		if q.lo == nil || f.every <= 0 {
			continue
		}
		b := chart.Range{Name: q.name, From: s.Range.From, Step: f.every, Lo: s.values(f, q.lo, by), Style: q.style, Fill: i}
		b.Hi = s.values(f, q.hi, by)
		for _, v := range b.Lo {
			for v > log.Top { // the next power of ten
				log.Top *= 10
			}
		}
		log.Bands = append(log.Bands, b)
	}
	return &chart.Chart{Window: s.Range, Glyphs: s.Glyphs, Bands: s.bands(), Bare: true, Log: log}
}

// values are a series' points in steps of the flow's samples, each times by; NaN where
// there is none.
func (s *Screen) values(f *flow, series *incident.Series, by float64) []float64 {
	values := make([]float64, s.Range.Steps(f.every))
	for n := range values {
		values[n] = math.NaN()
	}
	if series == nil {
		return values
	}
	for _, p := range series.Points {
		if n := int(p.At.Sub(s.Range.From) / f.every); !p.At.Before(s.Range.From) && n < len(values) {
			values[n] = p.V * by
		}
	}
	return values
}
