package chart

import (
	"math"
	"strings"
	"time"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// nice is the next round number from v up.
func nice(v float64) float64 {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if v <= m*p*1.0000001 {
			return m * p
		}
	}
	return 10 * p
}

func (c *Chart) drawAxis(cv *grid.Canvas) {
	l := c.layout
	tick := func(row int, label string) { cv.Right(l.x-1, row, theme.Dim, label) }
	switch {
	case c.Log != nil:
		c.drawLogTicks(cv)
	case l.h > 4 && l.h%2 == 1:
		tick(l.y+l.h/2, text.Number(l.top/2))
		fallthrough
	default:
		tick(l.y, text.Number(l.top)+c.Unit)
		if l.h > 1 {
			tick(l.y+l.h-1, "0")
		}
	}
	if l.clock < 0 {
		return
	}
	const label = len("14:20:00")
	step := clockStep(c.Window.Length(), max(1, l.w/(label+4)))
	format := "15:04"
	if step < time.Minute {
		format = "15:04:05"
	}
	if step >= 24*time.Hour {
		format = "01-02"
	}
	for at := text.Truncate(c.Window.From, step, c.Zone); !at.After(c.Window.To); at = at.Add(step) {
		x, ok := c.Column(at)
		if !ok || x+1+len(format) > min(l.x+l.w+2, cv.W()) {
			continue
		}
		cv.Set(x, l.clock, c.Glyphs.Set().Pin, theme.Faint)
		cv.Text(x+1, l.clock, theme.Dim, strings.TrimSuffix(text.In(at, c.Zone, format), "Z"))
	}
	if zone := text.ZoneName(c.Window.From, c.Zone); len(zone) < l.x {
		tick(l.clock, zone)
	}
}

// clockStep is the smallest step that people count in with at most n in a window.
func clockStep(length time.Duration, n int) time.Duration {
	for _, s := range []time.Duration{
		time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if length <= s*time.Duration(n) {
			return s
		}
	}
	days := length / time.Duration(max(1, n)) / (24 * time.Hour)
	return (days + 1) * 24 * time.Hour
}

var cursorLine = [...]rune{glyph.Braille: '⡇', glyph.Block: '│', glyph.ASCII: '!'}

// DrawCursor draws the time cursor over a chart that was drawn: a column where
// the plot is empty, and its clock time among the others.
func (c *Chart) DrawCursor(cv *grid.Canvas, at time.Time) {
	x, ok := c.Column(at)
	if !ok {
		return
	}
	l := c.layout
	line := cursorLine[c.Glyphs%3]
	dot := c.Glyphs.Set().Dot
	for y := l.y; y < l.y+l.h; y++ {
		r := cv.Rune(x, y)
		if r == ' ' || r == dot {
			r = line
		}
		cv.Set(x, y, r, theme.Cursor|cv.Style(x, y)&grid.Band)
	}
	if l.clock < 0 {
		return
	}
	label := text.ClockIn(at, c.Zone)
	from := max(l.x, min(x-len(label)/2, cv.W()-len(label)))
	cv.Text(from-1, l.clock, theme.Text, " ")
	end := cv.Text(from, l.clock, theme.Accent, label)
	// a clock time that was half overwritten says nothing
	for end < cv.W() && cv.Rune(end, l.clock) != ' ' {
		cv.Set(end, l.clock, ' ', theme.Text)
		end++
	}
	for x := from - 2; x >= l.x && cv.Rune(x, l.clock) != ' '; x-- {
		cv.Set(x, l.clock, ' ', theme.Text)
	}
}
