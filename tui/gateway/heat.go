package gateway

import (
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
	maps := map[row]*chart.Heat{}
	of := func(k row) *chart.Heat {
		if maps[k] == nil {
			maps[k] = chart.NewHeat(q.shown, max(10*time.Second, screen.StepFor(q.shown.Length(), 240)), heatBottom, heatTop, theme.Data2)
		}
		return maps[k]
	}
	if q.by == byUpstream {
		v.EachUpstream(q.shown, func(u *incident.Upstream) {
			if u.Sketch != nil {
				pour(of(upstreamRow(u.Name)), u.At, u.Width, u.Sketch)
			}
		})
		return maps
	}
	v.EachLatency(q.shown, func(l *incident.Latency) { pour(of(keyOf(q.by, l.Endpoint, 0, l.Outcome)), l.At, l.Width, l.Sketch) })
	return maps
}

// pour puts a distribution on a map, in pieces of equal weight.
func pour(h *chart.Heat, at time.Time, width time.Duration, s incident.Sketch) {
	count := float64(s.Count())
	parts := min(pieces, int(count))
	for p := range parts {
		took := s.Quantile((float64(p) + 0.5) / float64(parts)).Lo.Seconds()
		h.Add(at, width, took, took, count/float64(parts))
	}
}

// drawHeat is the heat map of the selected row.
func (s *Screen) drawHeat(c *grid.Canvas) {
	rows := s.table.shown(s.Filter)
	if s.list.At >= len(rows) {
		return
	}
	r := rows[s.list.At]
	x := c.Text(1, 0, theme.Head, "how long requests took") + 1
	how := "by end"
	for _, longer := range []string{"by end; darker: more, v: failures", "by end; darker: more"} {
		if c.W()-x-len(longer)-2 >= min(grid.Width(r.label), 24) {
			how = longer
			break
		}
	}
	x = c.Clip(x, 0, max(0, c.W()-x-len(how)-2), theme.Text, r.label, s.Set().More) + 1
	c.Text(x, 0, theme.Dim, how)
	plot := c.Rows(1, c.H()-1)
	h := s.table.heat[r.key()]
	switch {
	case s.by == byStatus:
		plot.Text(1, 1, theme.Dim, noLatency)
		return
	case h == nil:
		plot.Text(1, 1, theme.Dim, text.NoData+": no durations of these requests in the shown range")
		return
	}
	key := chart.Key{Version: s.Version, Extra: s.drawn<<16 | uint64(s.list.At), Window: s.table.query.shown, Zone: s.Zone, Glyphs: s.Glyphs}
	s.heatmap.Draw(&plot, key, s.Cursor, s.Marks, func() *chart.Chart {
		return &chart.Chart{
			Window: s.table.query.shown, Glyphs: s.Glyphs, Markers: events.Of(s.Rows).Markers(s.table.query.shown),
			Log: &chart.Log{Bottom: heatBottom, Top: heatTop, Heat: h},
		}
	})
}
