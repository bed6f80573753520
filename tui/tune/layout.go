package tune

import (
	"tripcurve/tui/grid"
)

// rect is a rectangle of the canvas.
type rect struct{ x, y, w, h int }

func (r rect) of(c *grid.Canvas) grid.Canvas { return c.Sub(r.x, r.y, r.w, r.h) }

// layout says where everything is; a part without height is not drawn.
type layout struct {
	head, knobs, help, table, chart, strip, legend rect
	trip                                           rect // of the trip curve, which may have the place of the chart
	measures                                       int
	short, spread                                  bool // of the table
	rule                                           int  // row of the line above the results; -1 none
	wall                                           int  // column between knobs and results; -1 none
}

// trips says whether the trip curve is shown.
func (l layout) trips(p picture) bool { return l.trip.h > 0 && (p != orders || l.chart.h > 0) }

// layout divides a canvas, and gives the chart's place to the trip curve when that
// was asked for. Where there is room for both they stand side by side.
func (s *Screen) layout(w, h int) layout {
	l := s.divide(w, h)
	switch {
	case w >= 160 && h >= 36 && !s.Full:
		right := l.chart.w * 2 / 5
		l.chart.w -= right + 2
		l.strip.w = l.chart.w
		l.legend.x = l.chart.x + l.chart.w - l.legend.w
		l.trip = rect{l.chart.x + l.chart.w + 2, l.chart.y, right, l.strip.y + 1 - l.chart.y}
	case s.picture == orders:
	case l.chart.h > 0:
		l.trip = rect{l.chart.x, l.chart.y, l.chart.w, max(l.strip.y, l.legend.y) + 1 - l.chart.y}
		l.chart, l.strip, l.legend = rect{}, rect{}, rect{}
	default:
		l.trip = rect{1, l.rule + 1, w - 2, h - l.rule - 1}
		l.table, l.strip, l.legend = rect{}, rect{}, rect{}
	}
	return l
}

// divide divides a canvas: knobs over results on a small one, side by side on a
// wide one, with the curve across the top where it is also high.
func (s *Screen) divide(w, h int) layout {
	l := layout{head: rect{0, 0, w, 1}, rule: -1, wall: -1, measures: len(measures)}
	n := l.measures
	switch {
	case s.Full && w > 0: // the knobs alone would hide what they do: the curve instead
		l.chart = rect{1, 1, w - 2, h - 3}
		l.strip = rect{1, h - 2, w - 2, 1}
		l.legend = rect{max(1, w-1-len(stripLegend)), 1, len(stripLegend), 1}
		l.knobs = rect{0, h - 1, w, 1}
	case w >= 160 && h >= 36:
		top := h - 2 - max(len(s.rows)+2, n+2)
		top = min(max(top, 8), h/2)
		l.chart = rect{1, 1, w - 2, top}
		l.strip = rect{1, 1 + top, w - 2, 1}
		l.rule = top + 2
		l.legend = rect{w - 3 - len(stripLegend), 1, len(stripLegend), 1} // right of the curve's own
		l.wall = w - 64
		l.knobs = rect{0, l.rule + 1, l.wall, h - l.rule - 2}
		l.help = rect{1, h - 1, l.wall - 1, 1}
		l.table = rect{l.wall + 2, l.rule + 1, w - l.wall - 3, h - l.rule - 1}
		l.spread = true
	case w >= 100:
		l.wall = w - 54
		l.knobs = rect{0, 1, l.wall, h - 2}
		l.help = rect{1, h - 1, l.wall - 1, 1}
		right := rect{l.wall + 2, 1, w - l.wall - 3, h - 1}
		rows := min(n+2, right.h-7)
		l.table = rect{right.x, h - rows, right.w, rows}
		l.chart = rect{right.x, 1, right.w, h - rows - 3}
		l.strip = rect{right.x, h - rows - 2, right.w, 1}
		l.legend = rect{right.x, h - rows - 1, right.w, 1}
		l.spread = true
	case w >= 76 && h >= 20:
		l.measures = 9
		rows := l.measures + 1
		l.rule = h - rows - 1
		l.knobs = rect{0, 1, w, l.rule - 2}
		l.help = rect{1, l.rule - 1, w - 2, 1}
		l.table = rect{1, l.rule + 1, 42, rows}
		l.chart = rect{44, l.rule + 1, w - 45, rows - 2}
		l.strip = rect{44, h - 2, w - 45, 1}
		l.legend = rect{44, h - 1, w - 45, 1}
	default:
		l.short, l.spread, l.measures = true, true, 6
		rows := l.measures + 1
		l.rule = h - rows - 3
		l.knobs = rect{0, 1, w, max(1, l.rule-1)}
		l.table = rect{1, l.rule + 1, w - 2, rows}
		l.strip = rect{1, h - 2, w - 2, 1}
		l.legend = rect{9, h - 1, w - 10, 1}
	}
	return l
}
