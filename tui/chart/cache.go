package chart

import (
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
)

// Key is what a drawn chart depends on besides what built it.
type Key struct {
	Version uint64 // of the data
	Extra   uint64 // whatever else changes the chart: grouping, selection
	Window  incident.Window
	Zone    *time.Location // of the clock times; nil: UTC
	Glyphs  glyph.Level
	W, H    int
}

// Cache keeps one drawn chart until its Key changes. The time cursor is drawn
// over it, so that moving it costs no chart.
type Cache struct {
	key   Key
	grid  grid.Grid
	chart *Chart
}

// Draw fills the canvas with the chart that build makes and with somebody's marks, or
// with the same as last time.
func (k *Cache) Draw(cv *grid.Canvas, key Key, cursor time.Time, marks []screen.Mark, build func() *Chart) {
	key.W, key.H = cv.W(), cv.H()
	if k.chart == nil || k.key != key || !slices.Equal(k.chart.Marks, marks) {
		k.key = key
		k.grid.Resize(key.W, key.H)
		k.chart = build()
		k.chart.Marks, k.chart.Zone = marks, key.Zone
		k.chart.Draw(k.grid.Canvas())
	}
	cv.Blit(0, 0, &k.grid)
	k.chart.DrawCursor(cv, cursor)
}

// Chart is the chart drawn last, nil before the first.
func (k *Cache) Chart() *Chart { return k.chart }
