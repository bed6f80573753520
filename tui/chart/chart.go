// Package chart draws time series into the cell grid: several lines or areas
// with their own colour, pattern and key letter, marked intervals, events,
// clock times. A value that is not known is a gap, never a zero.
package chart

import (
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/theme"
)

// Kind says how a series is drawn.
type Kind uint8

const (
	Line Kind = iota
	Area      // filled down to zero
)

// Pattern tells lines apart without colour.
type Pattern uint8

const (
	Solid Pattern = iota
	Dashed
	Dotted
)

// Series is one line. The first of a chart is the focused one: where lines
// cross in one cell, the earlier keeps its colour.
type Series struct {
	Name    string
	Key     rune // letter at the right end of the line; 0 none
	Style   grid.Style
	Kind    Kind
	Pattern Pattern
	From    time.Time
	Step    time.Duration
	Values  []float64 // one per Step from From on; NaN where not known
}

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

// lettered says whether a row above the plot is for letters.
func (c *Chart) lettered() bool { return len(c.Markers) > 0 || len(c.Marks) > 0 && !c.Bare }

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

// sample is the highest value in [from, to), NaN where there is none.
func (s *Series) sample(from, to time.Time) float64 {
	if s.Step <= 0 || len(s.Values) == 0 {
		return math.NaN()
	}
	i := int(math.Floor(float64(from.Sub(s.From)) / float64(s.Step)))
	j := int(math.Ceil(float64(to.Sub(s.From)) / float64(s.Step)))
	v := math.NaN()
	for k := max(0, i); k < min(j, len(s.Values)); k++ {
		if x := s.Values[k]; math.IsNaN(v) || x > v {
			v = x
		}
	}
	return v
}

// raster collects the dots of one level: nx by ny of them in a cell.
type raster struct {
	level  glyph.Level
	nx, ny int
	w, h   int // in cells
	bits   []uint8
	owner  []grid.Style
	used   []bool
	area   []bool // the cell has nothing but areas so far
}

func newRaster(l glyph.Level, w, h int) *raster {
	r := &raster{level: l, w: w, h: h}
	switch l {
	case glyph.Braille:
		r.nx, r.ny = 2, 4
	case glyph.Block:
		r.nx, r.ny = 1, 2
	case glyph.ASCII:
		r.nx, r.ny = 1, 3
	}
	r.bits = make([]uint8, w*h)
	r.owner = make([]grid.Style, w*h)
	r.used = make([]bool, w*h)
	r.area = make([]bool, w*h)
	return r
}

// dot sets the dot (x, y), y counted from the bottom.
func (r *raster) dot(x, y int, s grid.Style, kind Kind) {
	y = r.h*r.ny - 1 - y
	if x < 0 || y < 0 || x >= r.w*r.nx || y >= r.h*r.ny {
		return
	}
	i := y/r.ny*r.w + x/r.nx
	if r.area[i] && kind == Line { // a line is seen on any area
		r.area[i], r.owner[i] = false, s
		if r.level != glyph.Braille {
			r.bits[i] = 0
		}
	}
	r.bits[i] |= 1 << (y%r.ny*r.nx + x%r.nx)
	if !r.used[i] {
		r.used[i], r.owner[i], r.area[i] = true, s, kind == Area
	}
}

// fill sets the column x of an area that is y high: its edge whole, what is
// below thinned out where the dots are fine enough, so that lines that cross it
// stay visible.
func (r *raster) fill(x, y, prev int, s grid.Style) {
	edge := y
	if prev >= 0 {
		edge = min(y, prev)
	}
	for yy := 0; yy <= y; yy++ {
		if r.level != glyph.Braille || yy >= edge || yy == 0 || (x+yy)%2 == 0 {
			r.dot(x, yy, s, Area)
		}
	}
}

// brailleOf maps row-major 2x4 dots to the order of the braille block.
var brailleOf = func() (t [256]rune) {
	order := [8]rune{0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80}
	for i := range t {
		t[i] = 0x2800
		for b, v := range order {
			if i&(1<<b) != 0 {
				t[i] |= v
			}
		}
	}
	return t
}()

var (
	blockOf = [4]rune{' ', '▀', '▄', '█'}
	asciiOf = [8]rune{' ', '\'', '-', ':', '_', '|', '=', '#'}
)

func (r *raster) rune(i int) rune {
	switch r.level {
	case glyph.Braille:
		return brailleOf[r.bits[i]]
	case glyph.Block:
		return blockOf[r.bits[i]&3]
	default: // glyph.ASCII
		return asciiOf[r.bits[i]&7]
	}
}

func (c *Chart) drawSeries() {
	l := c.layout
	r := newRaster(c.Glyphs, l.w, l.h)
	for _, kind := range []Kind{Area, Line} {
		for i := range c.Series {
			if c.Series[i].Kind == kind {
				c.drawOne(r, &c.Series[i])
			}
		}
	}
	for i, used := range r.used {
		if used {
			c.plot.Set(i%l.w, i/l.w, r.rune(i), r.owner[i])
		}
	}
	c.drawKeys(l.h*r.ny, r.ny)
}

// drawOne rasters one series: for every column of dots the highest value that
// falls into it, so that no peak is lost.
func (c *Chart) drawOne(r *raster, s *Series) {
	pw, ph := r.w*r.nx, r.h*r.ny
	prev := -1
	for x := range pw {
		v := s.sample(c.at(x, pw), c.at(x+1, pw))
		if math.IsNaN(v) {
			prev = -1
			continue
		}
		y := max(0, min(ph-1, int(math.Round(v/c.layout.top*float64(ph-1)))))
		switch {
		case s.Kind == Area:
			r.fill(x, y, prev, s.Style)
		case s.shown(x, r.nx):
			from := y
			if prev >= 0 {
				from = prev
			}
			for yy := min(from, y); yy <= max(from, y); yy++ {
				r.dot(x, yy, s.Style, Line)
			}
		}
		prev = y
	}
}

// shown says whether a dot column belongs to the visible part of the pattern.
func (s *Series) shown(x, nx int) bool {
	switch s.Pattern {
	case Dashed:
		return x/nx%3 != 2
	case Dotted:
		return x/nx%2 == 0
	default: // Solid
		return true
	}
}

// drawKeys writes each series' letter at the height where it ends.
func (c *Chart) drawKeys(ph, ny int) {
	l := c.layout
	side := c.plot.Beyond(2)
	taken := map[int]bool{}
	for i := range c.Series {
		s := &c.Series[i]
		if s.Key == 0 {
			continue
		}
		last := math.NaN()
		for x := l.w - 1; x >= 0 && math.IsNaN(last); x-- {
			last = s.sample(c.at(x, l.w), c.at(x+1, l.w))
		}
		if math.IsNaN(last) {
			continue
		}
		y := l.h - 1 - max(0, min(ph-1, int(math.Round(last/l.top*float64(ph-1)))))/ny
		for d := 0; taken[y] && d < l.h; d++ {
			y = (y + l.h - 1) % l.h
		}
		taken[y] = true
		side.Set(1, y, s.Key, s.Style)
	}
}

// drawGaps names the stretches in which no series has a value.
func (c *Chart) drawGaps() {
	l := c.layout
	from := 0
	for x := 0; x <= l.w; x++ {
		if x < l.w && !c.known(x) {
			continue
		}
		if n := x - from; n >= len(text.NoData)+2 {
			c.plot.Text(from+(n-len(text.NoData))/2, l.h/2, theme.Dim, text.NoData)
		}
		from = x + 1
	}
}

func (c *Chart) known(x int) bool {
	for i := range c.Series {
		if !math.IsNaN(c.Series[i].sample(c.at(x, c.layout.w), c.at(x+1, c.layout.w))) {
			return true
		}
	}
	return false
}

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
		if !ok || x+1+len(format) > l.x+l.w+2 {
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

// Legend writes what each series is, from (x, y) to the right, and returns the
// column after it.
func (c *Chart) Legend(cv *grid.Canvas, x, y int) int {
	for i := range c.Series {
		s := &c.Series[i]
		if s.Key != 0 {
			cv.Set(x, y, s.Key, s.Style)
			x += 2
		}
		for k := range 4 {
			if s.shown(k, 1) {
				r := c.Glyphs.Set().Empty
				if s.Kind == Area {
					r = c.Glyphs.Set().Full
				}
				cv.Set(x+k, y, r, s.Style)
			}
		}
		x = cv.Text(x+5, y, theme.Dim, s.Name) + 2
	}
	return x
}
