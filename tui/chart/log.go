package chart

import (
	"math"
	"strconv"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// Log replaces a chart's series by what lies over a logarithmic axis of durations:
// a heat map, or bands between two bounds.
type Log struct {
	Bottom, Top float64 // of the axis, in seconds, both above zero
	Heat        *Heat   // nil: none
	Bands       []Range // drawn over the heat map, the last one uppermost
}

// Heat is how many calls took how long, by time.
type Heat struct {
	From   time.Time
	Step   time.Duration
	Counts [][]float64 // by step, then by bin
	Style  grid.Style

	bottom, top float64 // of the axis, seconds
}

// NewHeat is an empty map of a window over an axis from bottom to top, in seconds.
func NewHeat(w incident.Window, step time.Duration, bottom, top float64, style grid.Style) *Heat {
	return &Heat{From: w.From, Step: step, Counts: make([][]float64, w.Steps(step)), Style: style, bottom: bottom, top: top}
}

// Add counts n calls of some time that took between lo and hi seconds, spread evenly over
// both: over the steps, and over the logarithmic axis. What is beyond the axis is at its end.
func (h *Heat) Add(at time.Time, width time.Duration, lo, hi, n float64) {
	first := int(at.Sub(h.From) / h.Step)
	last := max(first+1, int(math.Ceil(float64(at.Add(width).Sub(h.From))/float64(h.Step))))
	low, high := Bin(h.bottom, min(lo, h.top)), Bin(h.bottom, min(hi, h.top))
	if hi > lo && high > low && Bin(h.bottom, hi*0.9999) < high { // the bin that only begins at hi
		high--
	}
	share := n / float64(last-first) / float64(high-low+1)
	for i := max(0, first); i < min(last, len(h.Counts)); i++ {
		for len(h.Counts[i]) <= high {
			h.Counts[i] = append(h.Counts[i], 0)
		}
		for bin := low; bin <= high; bin++ {
			h.Counts[i][bin] += share
		}
	}
}

// PerDecade is how many bins of a heat map a factor of ten has.
const PerDecade = 12

// Bin is the bin of a duration in seconds on an axis that begins at bottom; what is below is
// in the first.
func Bin(bottom, seconds float64) int {
	return max(0, int(math.Floor(PerDecade*math.Log10(max(seconds, bottom)/bottom))))
}

// Range is a value that is known to lie between two bounds, by time.
type Range struct {
	Name   string
	From   time.Time
	Step   time.Duration
	Lo, Hi []float64 // seconds; Lo NaN: nothing known; Hi NaN: no upper bound is known
	Style  grid.Style
	Fill   int // which of the fills, 0 the lightest
}

// shades are the characters of a heat map from few to many, and fills those of ranges.
var (
	shades = [...][]rune{
		glyph.Braille: []rune("⠄⠤⠶⠿⣿"), glyph.Block: []rune("░▒▓█"), glyph.ASCII: []rune(".:+#@"),
	}
	fills = [...][]rune{glyph.Braille: []rune("⠒⠿"), glyph.Block: []rune("▒█"), glyph.ASCII: []rune("-=")}
)

// row is the row of a duration in a plot of h rows; below 0 or from h on it is outside.
func (g *Log) row(seconds float64, h int) int {
	part := math.Log(seconds/g.Bottom) / math.Log(g.Top/g.Bottom)
	return int(math.Floor(float64(h) * (1 - part)))
}

// bounds are the durations between which a row of a plot of h rows lies.
func (g *Log) bounds(row, h int) (lo, hi float64) {
	at := func(part float64) float64 { return g.Bottom * math.Pow(g.Top/g.Bottom, part) }
	return at(1 - float64(row+1)/float64(h)), at(1 - float64(row)/float64(h))
}

func (c *Chart) drawLog() {
	if h := c.Log.Heat; h != nil && h.Step > 0 {
		c.drawHeat(h)
	}
	for i := range c.Log.Bands {
		c.drawRange(&c.Log.Bands[i])
	}
}

// steps are the steps of a series that a column of the plot covers: from, and up to.
func (c *Chart) steps(x int, from time.Time, step time.Duration, n int) (i, j int) {
	a, b := c.at(x, c.layout.w), c.at(x+1, c.layout.w)
	i = int(math.Floor(float64(a.Sub(from)) / float64(step)))
	j = int(math.Ceil(float64(b.Sub(from)) / float64(step)))
	return max(0, min(i, n)), max(0, min(j, n))
}

func (c *Chart) drawHeat(h *Heat) {
	l := c.layout
	cells := make([]float64, l.w*l.h)
	most := 0.0
	for x := range l.w {
		i, j := c.steps(x, h.From, h.Step, len(h.Counts))
		for y := range l.h {
			lo, hi := c.Log.bounds(y, l.h)
			first, last := Bin(c.Log.Bottom, lo*1.0001), Bin(c.Log.Bottom, hi*0.9999)
			sum := 0.0
			for _, bins := range h.Counts[i:max(i, j)] {
				for b := first; b <= last && b < len(bins); b++ {
					// A bin that several rows share is divided among them.
					sum += bins[b] * overlap(c.Log.Bottom, b, lo, hi)
				}
			}
			cells[y*l.w+x] = sum
			most = max(most, sum)
		}
	}
	set := shades[c.Glyphs%3]
	for y := range l.h {
		for x := range l.w {
			if v := cells[y*l.w+x]; v > 0 && most > 0 {
				// The root brings out the few slow calls beside the many fast ones.
				shade := int(math.Sqrt(v/most) * float64(len(set)))
				c.plot.Set(x, y, set[min(shade, len(set)-1)], h.Style)
			}
		}
	}
}

// overlap is the share of a bin that lies between two durations.
func overlap(bottom float64, bin int, lo, hi float64) float64 {
	from := math.Log10(lo/bottom) * PerDecade
	to := math.Log10(hi/bottom) * PerDecade
	return max(0, min(to, float64(bin+1))-max(from, float64(bin)))
}

func (c *Chart) drawRange(b *Range) {
	l := c.layout
	set := fills[c.Glyphs%3]
	fill := set[min(b.Fill, len(set)-1)]
	for x := range l.w {
		lo, hi, capped := math.NaN(), math.NaN(), false
		i, j := c.steps(x, b.From, b.Step, len(b.Lo))
		for k := i; k < j; k++ {
			if v := b.Lo[k]; !math.IsNaN(v) && !(v < lo) { // the slowest of the column
				lo, hi = v, b.Hi[k]
				capped = math.IsNaN(hi)
			}
		}
		if math.IsNaN(lo) {
			continue
		}
		bottom := min(l.h-1, c.Log.row(max(lo, c.Log.Bottom), l.h))
		top := bottom
		if !capped {
			top = c.Log.row(max(hi, c.Log.Bottom)*0.9999, l.h)
		}
		for y := max(0, min(top, l.h-1)); y <= max(0, bottom); y++ {
			c.plot.Set(x, y, fill, b.Style)
		}
		if capped { // the true value may be any longer
			c.plot.Set(x, max(0, bottom-1), '^', b.Style)
		}
	}
}

// drawLogTicks writes the powers of ten, and the top.
func (c *Chart) drawLogTicks(cv *grid.Canvas) {
	l := c.layout
	last := l.h + 1
	for v := c.Log.Bottom; v <= c.Log.Top*1.0001; v *= 10 {
		y := min(l.h-1, max(0, c.Log.row(v, l.h)))
		if y >= last {
			continue
		}
		cv.Right(l.x-1, l.y+y, theme.Dim, tickText(v))
		last = y
	}
}

// tickText is a power of ten of seconds: "1ms", "100s".
func tickText(seconds float64) string {
	switch {
	case seconds < 0.0009:
		return strconv.FormatFloat(math.Round(seconds*1e6), 'f', -1, 64) + "us"
	case seconds < 0.9:
		return strconv.FormatFloat(math.Round(seconds*1e3), 'f', -1, 64) + "ms"
	}
	return strconv.FormatFloat(math.Round(seconds), 'f', -1, 64) + "s"
}
