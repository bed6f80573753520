package grpc

import (
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/theme"
)

// heatBottom is where the axis of the heat map begins, in seconds.
const heatBottom = 0.001

// heat is the histograms of one call in one range of one view.
type heat struct {
	version uint64
	call    string
	window  incident.Window
	of      []*incident.Histogram
}

// histograms are those of the calls that ended in the shown range, looked for once.
func (s *Screen) histograms(f *flow) []*incident.Histogram {
	h := heat{version: s.Version, call: f.key(), window: s.Range}
	if h.version != s.heat.version || h.call != s.heat.call || h.window != s.heat.window {
		w := incident.Window{From: s.Range.From, To: s.Range.To.Add(max(f.every, time.Second))}
		s.View.EachHistogram(w, func(x *incident.Histogram) {
			if x.Name == f.p99.lo.Name && x.Origin.Key() == f.p99.lo.Origin.Key() && sameMethod(&incident.Series{Labels: x.Labels}, f.Started) {
				kept := *x
				kept.Bins = slices.Clone(x.Bins)
				h.of = append(h.of, &kept)
			}
		})
		s.heat = h
	}
	return s.heat.of
}

// noHeat says why there is no heat map of a call; empty when there is one.
func (s *Screen) noHeat(f *flow) string {
	switch {
	case f.p99.lo == nil:
		return "no heat map: this source tells nothing of how long calls took. It needs a histogram, of a client's /metrics, Prometheus or OTLP; Datadog's percentiles and channelz have none"
	case scale(f.p99.lo.Unit) == 0:
		return "no heat map: the unit of " + redact.Line(f.p99.lo.Name) + " is not known"
	case len(s.histograms(f)) == 0:
		return "no heat map: of these calls only quantiles are known here, which v shows; an older recording has no more"
	}
	return ""
}

// heatChart is how many calls took how long, by when they ended. Those of the last bucket
// took its lower bound or any longer time, and are marked.
func (s *Screen) heatChart(f *flow) *chart.Chart {
	w := s.Range
	every := max(f.every, time.Second)
	top, bound := 10.0, 0.0
	of := s.histograms(f)
	for _, h := range of {
		for _, b := range h.Bins {
			if b.Lo > top {
				top = math.Pow(10, math.Ceil(math.Log10(b.Lo)))
			}
			if math.IsInf(b.Hi, 1) {
				bound = max(bound, b.Lo)
			}
		}
	}
	heat := chart.NewHeat(w, every, heatBottom, top, theme.Data2)
	capped := chart.Range{Name: "capped", From: w.From, Step: every, Lo: nans(w.Steps(every)), Hi: nans(w.Steps(every)), Style: theme.Data4}
	for _, h := range of {
		for _, b := range h.Bins {
			if math.IsInf(b.Hi, 1) {
				if n := int(h.At.Add(-every).Sub(w.From) / every); !h.At.Add(-every).Before(w.From) && n < len(capped.Lo) {
					capped.Lo[n] = b.Lo
				}
				heat.Add(h.At.Add(-every), every, b.Lo, b.Lo, b.N)
				continue
			}
			heat.Add(h.At.Add(-every), every, b.Lo, b.Hi, b.N)
		}
	}
	log := &chart.Log{Bottom: heatBottom, Top: top, Heat: heat}
	if bound > 0 {
		log.Bands = []chart.Range{capped}
	}
	return &chart.Chart{Window: w, Glyphs: s.Glyphs, Bands: s.bands(), Bare: true, Log: log}
}

func nans(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}
