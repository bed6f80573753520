package chart

import (
	"math"
	"strings"
	"testing"

	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
	"tripcurve/tui/tuitest"
)

// steep falls by a decade each decade from 10 % on, with a band whose upper edge is
// open at first; flat is always there.
func steep(l glyph.Level) *LogLog {
	a := Curve{Key: 's', Style: theme.Data1}
	b := Curve{Key: 'f', Style: theme.Data2, Pattern: Dashed}
	for _, x := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1} {
		y, high := 10/x, 20/x
		switch {
		case x < 0.1:
			y = math.NaN()
		case x < 0.2:
			high = math.Inf(1)
		}
		a.X, a.Y = append(a.X, x), append(a.Y, y)
		a.Low, a.High = append(a.Low, y/2), append(a.High, high)
		b.X, b.Y = append(b.X, x), append(b.Y, 3)
	}
	return &LogLog{
		Left: 0.01, Right: 1, Bottom: 1, Top: 100, Lanes: "never", Glyphs: l, Curves: []Curve{a, b},
		XTicks: []Tick{{0.01, "1 %"}, {0.1, "10 %"}, {0.5, "50 %"}}, YTicks: []Tick{{100, "100s"}, {10, "10s"}, {1, "1s"}},
		Mark: 0.4, MarkLabel: "here 40 %",
	}
}

func TestLogLogLevels(t *testing.T) {
	for _, l := range []glyph.Level{glyph.Braille, glyph.Block, glyph.ASCII} {
		g := grid.New(50, 14)
		steep(l).Draw(g.Canvas())
		tuitest.Golden(t, "loglog_"+l.String(), g)
	}
}

// A chart without room, without curves or without a range draws nothing and does
// not fall.
func TestLogLogOdd(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {1, 1}, {8, 3}, {11, 5}, {200, 60}} {
		g := grid.New(size[0], size[1])
		steep(glyph.Braille).Draw(g.Canvas())
	}
	for name, change := range map[string]func(*LogLog){
		"no curves": func(c *LogLog) { c.Curves = nil },
		"no range":  func(c *LogLog) { c.Right = c.Left },
		"no height": func(c *LogLog) { c.Top = c.Bottom },
		"one point": func(c *LogLog) { c.Curves = []Curve{{Key: 'x', X: []float64{0.5}, Y: []float64{2}}} },
		"beyond":    func(c *LogLog) { c.Curves[1].Y[6], c.Mark = 1e9, 7 },
	} {
		c := steep(glyph.ASCII)
		change(c)
		g := grid.New(40, 10)
		c.Draw(g.Canvas())
		if drawn := strings.TrimSpace(strings.Join(g.Lines(), "")) != ""; drawn == strings.HasPrefix(name, "no ") && name != "no curves" {
			t.Errorf("%s: drawn is %v", name, drawn)
		}
	}
}
