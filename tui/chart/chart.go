// Package chart draws time series into the cell grid: several lines or areas
// with their own colour, pattern and key letter, marked intervals, events,
// clock times. A value that is not known is a gap, never a zero.
package chart

import (
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Chart is what to draw. Its zero value draws an empty frame.
type Chart struct {
	Window  incident.Window
	Zone    *time.Location // of the clock times; nil: UTC
	Unit    string         // after the topmost tick: "/s"
	Max     float64
	Series  []Series
	Log     *Log // in place of Series
	Markers []Marker
	Marks   []screen.Mark // drawn as the keys that lead there, 'a, in the row of the markers
	Bands   []Band
	Glyphs  glyph.Level
	NoClock bool // without the row of clock times, for stacked charts
	Gutter  int  // columns of the y axis; 0: as many as its numbers need
	Bare    bool // bands and marks without their names, which another chart above has
	Margin  int  // columns kept free at the right; 0: as many as key letters need

	plot    grid.Canvas // where the data is, after Draw
	layout  layout
	unnamed []Marker // whose labels found no room
}

type layout struct {
	x, y, w, h int // of the plot in the chart's canvas
	clock      int // row of the clock times, -1 none
	top        float64
}

// Draw draws the chart to fill the canvas.
func (c *Chart) Draw(cv *grid.Canvas) {
	c.measure(cv)
	l := c.layout
	if l.w < 2 || l.h < 1 || c.Window.Length() == 0 {
		return
	}
	c.plot = cv.Sub(l.x, l.y, l.w, l.h)
	if c.Log != nil {
		c.drawLog()
	} else {
		c.drawSeries()
		c.drawGaps()
	}
	c.drawMarkers(cv)
	c.drawBands(cv)
	c.drawAxis(cv)
}

// measure divides the canvas.
func (c *Chart) measure(cv *grid.Canvas) {
	l := layout{clock: -1, top: c.Max, w: cv.W(), h: cv.H()}
	if l.top <= 0 {
		l.top = nice(c.highest())
	}
	if c.lettered() && l.h > 3 {
		l.y++
	}
	if len(c.Bands) > 0 && l.h > 5 && !c.Bare {
		l.y++
	}
	l.h -= l.y
	if !c.NoClock && l.h > 1 {
		l.h--
		l.clock = l.y + l.h
	}
	l.x = c.Gutter
	if l.x == 0 && c.Log != nil {
		l.x = len("100ms") + 1
	}
	if l.x == 0 {
		l.x = max(3, grid.Width(text.Number(l.top)+c.Unit), grid.Width(text.Number(l.top/2))) + 1
	}
	l.w -= l.x
	margin := c.Margin
	for _, s := range c.Series {
		if s.Key != 0 {
			margin = max(2, margin)
		}
	}
	l.w -= margin
	c.layout = l
}

func (c *Chart) highest() (m float64) {
	for i := range c.Series {
		s := &c.Series[i]
		for k, v := range s.Values {
			at := s.From.Add(time.Duration(k) * s.Step)
			if v > m && at.Before(c.Window.To) && at.Add(s.Step).After(c.Window.From) {
				m = v
			}
		}
	}
	return m
}

// Column is where an instant lies in the chart's canvas after Draw; ok is false
// outside the window.
func (c *Chart) Column(at time.Time) (x int, ok bool) {
	l := c.layout
	if l.w < 2 || c.Window.Length() == 0 || at.Before(c.Window.From) || at.After(c.Window.To) {
		return 0, false
	}
	f := float64(at.Sub(c.Window.From)) / float64(c.Window.Length())
	return l.x + min(l.w-1, int(f*float64(l.w))), true
}

// at is the instant of the left edge of one of n equal parts of the window.
func (c *Chart) at(i, n int) time.Time {
	return c.Window.From.Add(time.Duration(float64(c.Window.Length()) * float64(i) / float64(n)))
}
