package gateway

import (
	"math"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/chart"
	"tripcurve/tui/events"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// The axis of the heat map, in seconds.
const heatBottom, heatTop = 0.001, 100

// pieces is in how many equal parts a distribution is put on the map: as fine as its
// cells are.
const pieces = 32

// heatOf is how many requests took how long in the shown range, by the time they ended,
// for every row of a grouping.
func heatOf(v *incident.View, q query) map[row]*chart.Heat {
	step := max(10*time.Second, screen.StepFor(q.shown.Length(), 240))
	maps := map[row]*chart.Heat{}
	n := q.shown.Steps(step)
	v.EachLatency(q.shown, func(l *incident.Latency) {
		k := keyOf(q.by, l.Endpoint, 0, l.Outcome)
		h := maps[k]
		if h == nil {
			h = &chart.Heat{From: q.shown.From, Step: step, Counts: make([][]float64, n), Style: theme.Data2}
			maps[k] = h
		}
		count := float64(l.Sketch.Count())
		parts := min(pieces, int(count))
		first := int(l.At.Sub(q.shown.From) / step)
		last := max(first+1, int(math.Ceil(float64(l.At.Add(l.Width).Sub(q.shown.From))/float64(step))))
		for p := range parts {
			took := l.Sketch.Quantile((float64(p) + 0.5) / float64(parts)).Lo.Seconds()
			bin := chart.Bin(heatBottom, min(took, heatTop))
			for i := max(0, first); i < min(last, n); i++ {
				for len(h.Counts[i]) <= bin {
					h.Counts[i] = append(h.Counts[i], 0)
				}
				h.Counts[i][bin] += count / float64(parts) / float64(last-first)
			}
		}
	})
	return maps
}

// drawHeat is the heat map of the selected row.
func (s *Screen) drawHeat(c *grid.Canvas) {
	rows := s.table.shown(s.Filter)
	if s.list.At >= len(rows) {
		return
	}
	r := rows[s.list.At]
	x := c.Text(1, 0, theme.Head, "how long requests took") + 1
	x = c.Clip(x, 0, max(0, c.W()-x-30), theme.Text, r.label, s.Set().More) + 1
	c.Text(x, 0, theme.Dim, "by end; darker: more, v: failures")
	plot := c.Rows(1, c.H()-1)
	h := s.table.heat[keyOf(s.by, r.endpoint, 0, r.outcome)]
	switch {
	case s.by == byStatus:
		plot.Text(1, 1, theme.Dim, "latency by status is not kept: group by endpoint or outcome")
		return
	case h == nil:
		plot.Text(1, 1, theme.Dim, text.NoData+": no durations of these requests in the shown range")
		return
	}
	key := chart.Key{Version: s.Version, Extra: s.drawn<<16 | uint64(s.list.At), Window: s.table.query.shown, Glyphs: s.Glyphs}
	s.heatmap.Draw(&plot, key, s.Cursor, func() *chart.Chart {
		return &chart.Chart{
			Window: s.table.query.shown, Glyphs: s.Glyphs, Markers: events.Markers(events.Of(s.Analysis.Timeline)),
			Log: &chart.Log{Bottom: heatBottom, Top: heatTop, Heat: h},
		}
	})
}
