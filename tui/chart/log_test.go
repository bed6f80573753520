package chart

import (
	"math"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
	"tripcurve/tui/tuitest"
)

func logChart(l glyph.Level) *Chart {
	from := time.Date(2026, 1, 15, 14, 20, 0, 0, time.UTC)
	heat := &Heat{From: from, Step: 10 * time.Second, Style: theme.Data2}
	var lo, hi []float64
	for i := range 60 {
		bins := make([]float64, Bin(0.001, 100)+1)
		bins[Bin(0.001, 0.012)] = 100
		switch {
		case i >= 20 && i < 40:
			bins[Bin(0.001, 30)] = 3
			lo, hi = append(lo, 10), append(hi, math.NaN())
		case i >= 40 && i < 44: // nobody knows
			bins[Bin(0.001, 0.012)] = 0
			lo, hi = append(lo, math.NaN()), append(hi, math.NaN())
		default:
			lo, hi = append(lo, 0.01), append(hi, 0.025)
		}
		heat.Counts = append(heat.Counts, bins)
	}
	return &Chart{
		Window: incident.Window{From: from, To: from.Add(10 * time.Minute)}, Glyphs: l,
		Log: &Log{Bottom: 0.001, Top: 100, Heat: heat, Bands: []Range{{Name: "p99", From: from, Step: 10 * time.Second, Lo: lo, Hi: hi, Style: theme.Data4, Fill: 1}}},
	}
}

// TestLogAxis: ten times as long is as far up everywhere, what nobody knows is blank,
// and a bound without an upper one is marked.
func TestLogAxis(t *testing.T) {
	for l := glyph.Braille; l <= glyph.ASCII; l++ {
		g := grid.New(70, 16)
		logChart(l).Draw(g.Canvas())
		tuitest.Golden(t, "log_"+l.String(), g)
	}
	c := logChart(glyph.ASCII)
	c.Log.Bands = nil
	g := grid.New(70, 16)
	c.Draw(g.Canvas())
	text := strings.Join(g.Lines(), "\n")
	for _, tick := range []string{"1ms", "10ms", "100ms", "1s", "10s", "100s"} {
		if !strings.Contains(text, tick) {
			t.Errorf("no tick %s:\n%s", tick, text)
		}
	}
	tuitest.Golden(t, "heat_ascii", g)
	for _, size := range [][2]int{{0, 0}, {1, 1}, {5, 2}, {9, 3}} {
		g := grid.New(size[0], size[1])
		logChart(glyph.Braille).Draw(g.Canvas())
	}
}

func TestBins(t *testing.T) {
	for seconds, want := range map[float64]int{0: 0, 0.0001: 0, 0.001: 0, 0.01: PerDecade, 1: 3 * PerDecade} {
		if got := Bin(0.001, seconds*1.000001); got != want {
			t.Errorf("%v s is in bin %d, want %d", seconds, got, want)
		}
	}
}
