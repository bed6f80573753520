package chart

import (
	"slices"
	"time"

	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// Marker is an event.
type Marker struct {
	At     time.Time
	Key    rune   // 'A'
	Label  string // written after the letter where there is room
	Weight int    // 0 to maxWeight: of those without room, the higher are named first beside the chart
}

const maxWeight = 5

// Band is an interval on another background, named above the plot.
type Band struct {
	From, To time.Time
	Label    string
}

// lettered says whether a row above the plot is for letters.
func (c *Chart) lettered() bool { return len(c.Markers) > 0 || len(c.Marks) > 0 && !c.Bare }

// maxShift is how many columns a letter may stand right of its instant, where
// several events fall together.
const maxShift = 12

// instant is an event or a mark.
type instant struct {
	Marker
	mark bool
}

// instants are the events and the marks, in order of time.
func (c *Chart) instants() []instant {
	all := make([]instant, 0, len(c.Markers)+len(c.Marks))
	for _, m := range c.Markers {
		all = append(all, instant{Marker: m})
	}
	for _, m := range c.Marks {
		all = append(all, instant{Marker{At: m.At, Key: m.Key}, true})
	}
	if len(c.Marks) > 0 {
		slices.SortStableFunc(all, func(a, b instant) int { return a.At.Compare(b.At) })
	}
	return all
}

// drawMarkers writes letters (and labels where there is room) in the row above
// the plot and a dotted column behind the data. Letters of one column stand
// beside each other.
func (c *Chart) drawMarkers(cv *grid.Canvas) {
	l := c.layout
	c.unnamed = c.unnamed[:0]
	row, free, end := l.y-1, 0, l.x+l.w
	all := c.instants()
	for i, m := range all {
		x, ok := c.Column(m.At)
		if !ok {
			continue
		}
		style := theme.Marker
		if m.mark {
			style = theme.Accent
		}
		for y := range l.h {
			if c.plot.Rune(x-l.x, y) == ' ' {
				c.plot.Set(x-l.x, y, c.Glyphs.Set().Dot, style)
			}
		}
		at := max(x, free)
		if row < 0 || at-x > maxShift || at >= end {
			continue
		}
		alone := at == x && cv.Rune(at-1, row) == ' '
		if m.mark {
			cv.Set(at, row, '\'', style)
			at++
		}
		cv.Set(at, row, m.Key, style)
		free = at + 1
		room := end
		for _, n := range all[i+1:] {
			if nx, ok := c.Column(n.At); ok {
				room = nx - 1
				break
			}
		}
		if w := grid.Width(m.Label); alone && m.Label != "" && at+2+w <= room {
			free = cv.Text(at+2, row, theme.Dim, m.Label) + 1
		} else if m.Label != "" {
			c.unnamed = append(c.unnamed, m.Marker)
		}
	}
}

// MarkerLegend names, within columns x to end of a row, the events whose labels
// found no room on the chart: the weightiest first as far as they fit, written
// in order of time.
func (c *Chart) MarkerLegend(cv *grid.Canvas, x, end, y int) {
	const gap = 2
	var named [64]bool
	list := c.unnamed[:min(len(c.unnamed), len(named))]
	width := func(m Marker) int { return 2 + grid.Width(m.Label) + gap }
	room := end - x + gap
	for weight := maxWeight; weight >= 0; weight-- {
		for i, m := range list {
			if m.Weight == weight && width(m) <= room {
				named[i] = true
				room -= width(m)
			}
		}
	}
	for i, m := range list {
		if named[i] {
			cv.Set(x, y, m.Key, theme.Marker)
			x = cv.Text(x+2, y, theme.Dim, m.Label) + gap
		}
	}
}

// drawBands names the marked intervals above everything and sets their columns
// on the band's background.
func (c *Chart) drawBands(cv *grid.Canvas) {
	l := c.layout
	row := 0
	named := !c.Bare && (l.y > 1 || l.y == 1 && !c.lettered())
	for _, b := range c.Bands {
		from, to := b.From, b.To
		if from.Before(c.Window.From) {
			from = c.Window.From
		}
		if to.After(c.Window.To) {
			to = c.Window.To
		}
		x0, ok0 := c.Column(from)
		x1, ok1 := c.Column(to)
		if !ok0 || !ok1 || !from.Before(to) {
			continue
		}
		x1 = max(x1, x0+1)
		c.plot.Restyle(x0-l.x, 0, x1-x0, l.h, func(s grid.Style) grid.Style { return s | grid.Band })
		if !named {
			continue
		}
		cv.Fill(x0, row, x1-x0, 1, c.Glyphs.Set().Empty, theme.Interval)
		cv.Set(x0, row, '[', theme.Interval)
		cv.Set(x1-1, row, ']', theme.Interval)
		switch w := grid.Width(b.Label); {
		case w+4 <= x1-x0:
			cv.Text(x0+(x1-x0-w)/2-1, row, theme.Interval, " "+b.Label+" ")
		case x1+1+w <= cv.W():
			cv.Text(x1+1, row, theme.Interval, b.Label)
		}
	}
}
