package chart

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
	"tripcurve/tui/tuitest"
)

var window = incident.Window{From: tuitest.At("14:20:00"), To: tuitest.At("14:30:00")}

// example has an area, a line with a gap in the middle, markers and a band.
func example(l glyph.Level) *Chart {
	a, b := make([]float64, 60), make([]float64, 60)
	for i := range a {
		a[i] = 20 + 20*math.Sin(float64(i)/8)
		b[i] = float64(i)
		if i >= 25 && i < 45 {
			a[i], b[i] = math.NaN(), math.NaN()
		}
	}
	return &Chart{
		Window: window, Unit: "/s", Glyphs: l,
		Series: []Series{
			{Name: "waves", Key: 'w', Style: theme.Data1, Kind: Area, From: window.From, Step: 10 * time.Second, Values: a},
			{Name: "ramp", Key: 'r', Style: theme.Data2, Pattern: Dashed, From: window.From, Step: 10 * time.Second, Values: b},
		},
		Markers: []Marker{{window.From.Add(time.Minute), 'A', "lock", 2}, {window.From.Add(80 * time.Second), 'B', "pool", 1}, {window.To, 'C', "end", 0}},
		Bands:   []Band{{window.From.Add(time.Minute), window.From.Add(3 * time.Minute), "SHARE 120 s"}},
	}
}

func TestLevels(t *testing.T) {
	for _, l := range []glyph.Level{glyph.Braille, glyph.Block, glyph.ASCII} {
		t.Run(l.String(), func(t *testing.T) {
			g := grid.New(70, 14)
			ch := example(l)
			ch.Draw(g.Canvas())
			ch.DrawCursor(g.Canvas(), window.From.Add(2*time.Minute))
			ch.Legend(g.Canvas(), 30, 0)
			tuitest.Golden(t, l.String(), g)
		})
	}
}

// TestMarks: somebody's marks stand among the events' letters, told from them by the key
// that leads to one; a chart below another leaves the letters to that.
func TestMarks(t *testing.T) {
	marks := []screen.Mark{{Key: 'a', At: window.From.Add(62 * time.Second)}, {Key: 'k', At: window.From.Add(5 * time.Minute)}, {Key: 'x', At: window.To.Add(time.Hour)}}
	draw := func(ch *Chart) string {
		ch.Marks = marks
		g := grid.New(70, 10)
		ch.Draw(g.Canvas())
		return strings.Join(g.Lines(), "\n")
	}
	got := draw(example(glyph.ASCII))
	row := strings.Split(got, "\n")[1]
	if !strings.Contains(row, "A'a") || !strings.Contains(row, " 'k") || strings.Contains(row, "'x") {
		t.Errorf("the row of the letters is %q in\n%s", row, got)
	}
	quiet := example(glyph.ASCII)
	quiet.Markers, quiet.Bands = nil, nil
	if row, _, _ := strings.Cut(draw(quiet), "\n"); !strings.Contains(row, " 'a") {
		t.Errorf("without events there is no row for marks: %q", row)
	}
	quiet.Bare = true
	if got := draw(quiet); strings.Contains(got, "'k") {
		t.Errorf("below another chart the marks are named again:\n%s", got)
	}
}

// A cached chart is drawn anew when the marks are others.
func TestCacheAndMarks(t *testing.T) {
	var k Cache
	g := grid.New(70, 10)
	for _, marks := range [][]screen.Mark{nil, {{Key: 'k', At: window.From.Add(5 * time.Minute)}}, nil} {
		k.Draw(g.Canvas(), Key{Window: window}, window.From, marks, func() *Chart { return example(glyph.ASCII) })
		if got := strings.Join(g.Lines(), "\n"); strings.Contains(got, "'k") != (len(marks) > 0) {
			t.Errorf("with the marks %v:\n%s", marks, got)
		}
	}
}

// TestGapIsBlank: a value that is not known leaves no dot, and is said to be
// missing; a zero leaves one.
func TestGapIsBlank(t *testing.T) {
	for _, c := range []struct {
		value float64
		blank bool
	}{{math.NaN(), true}, {0, false}} {
		for _, kind := range []Kind{Line, Area} {
			values := make([]float64, 60)
			for i := range values {
				values[i] = c.value
			}
			g := grid.New(60, 8)
			(&Chart{Window: window, Series: []Series{{Kind: kind, From: window.From, Step: 10 * time.Second, Values: values}}}).Draw(g.Canvas())
			text := strings.Join(g.Lines(), "\n")
			if blank := !strings.ContainsAny(text, "⣀⠤⠒⠉"); blank != c.blank {
				t.Errorf("%v: blank is %v, want %v:\n%s", c.value, blank, c.blank, text)
			}
			if said := strings.Contains(text, "no data"); said != c.blank {
				t.Errorf("%v: says no data: %v\n%s", c.value, said, text)
			}
		}
	}
}

// TestPeaksSurvive: a spike of one second is seen in a window of a day.
func TestPeaksSurvive(t *testing.T) {
	values := make([]float64, 86400)
	values[40000] = 7
	w := incident.Window{From: window.From, To: window.From.Add(24 * time.Hour)}
	g := grid.New(80, 6)
	(&Chart{Window: w, Max: 7, Series: []Series{{From: w.From, Step: time.Second, Values: values}}}).Draw(g.Canvas())
	if top := g.Lines()[0]; !strings.ContainsAny(top, "⡇⢸") {
		t.Errorf("the spike is not at the top: %q", top)
	}
}

func TestCrossingLinesKeepTheFirstColour(t *testing.T) {
	flat := func(v float64) []float64 { return []float64{v, v, v, v} }
	step := window.Length() / 4
	g := grid.New(40, 6)
	(&Chart{Window: window, Max: 10, NoClock: true, Series: []Series{
		{Style: theme.Data3, From: window.From, Step: step, Values: flat(5)},
		{Style: theme.Data4, From: window.From, Step: step, Values: flat(5)},
	}}).Draw(g.Canvas())
	styles := strings.Join(g.Styles(theme.Letter), "")
	if !strings.Contains(styles, "3") || strings.Contains(styles, "4") {
		t.Errorf("the focused series lost its cells:\n%s", styles)
	}
}

func TestNice(t *testing.T) {
	for in, want := range map[float64]float64{0: 1, 0.9: 1, 1: 1, 1.1: 1.2, 61: 80, 99: 100, 100: 100, 1247: 1500, math.Inf(1): 1} {
		if got := nice(in); math.Abs(got-want) > 1e-9 {
			t.Errorf("nice(%v) = %v, want %v", in, got, want)
		}
	}
}

func TestCacheDrawsOnce(t *testing.T) {
	var k Cache
	g := grid.New(50, 10)
	built := 0
	draw := func(key Key) {
		k.Draw(g.Canvas(), key, window.From, nil, func() *Chart { built++; return example(glyph.Braille) })
	}
	draw(Key{Version: 1})
	draw(Key{Version: 1})
	draw(Key{Version: 2})
	g.Resize(60, 10)
	draw(Key{Version: 2})
	if built != 3 {
		t.Errorf("built %d times, want 3", built)
	}
	if n := testing.AllocsPerRun(10, func() { draw(Key{Version: 2}) }); n > 8 {
		t.Errorf("%v allocations from the cache, at most 8", n)
	}
}

// TestAnySize: no size and no window makes it panic or draw outside.
func TestAnySize(t *testing.T) {
	for w := range 30 {
		for h := range 12 {
			for l := glyph.Braille; l <= glyph.ASCII; l++ {
				g := grid.New(w, h)
				ch := example(l)
				ch.Marks = []screen.Mark{{Key: 'k', At: window.To}}
				if (w+h)%3 == 0 {
					ch.Window = incident.Window{}
				}
				ch.Draw(g.Canvas())
				ch.DrawCursor(g.Canvas(), window.From)
			}
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	for _, size := range [][2]int{{80, 10}, {198, 21}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			g := grid.New(size[0], size[1])
			b.ReportAllocs()
			for b.Loop() {
				g.Clear()
				example(glyph.Braille).Draw(g.Canvas())
			}
		})
	}
}

// TestNoTimeIsCut at the right end of the axis: 14:38:5 is no time.
func TestNoTimeIsCut(t *testing.T) {
	for w := 60; w < 100; w++ {
		for _, length := range []time.Duration{37 * time.Second, 10 * time.Minute, 32 * time.Minute} {
			g := grid.New(w, 8)
			ch := example(glyph.ASCII)
			ch.Window = incident.Window{From: window.From.Add(7 * time.Second), To: window.From.Add(7*time.Second + length)}
			ch.Draw(g.Canvas())
			got := g.Lines()[7]
			for _, label := range strings.Fields(strings.ReplaceAll(got, "|", " ")) {
				if len(label) != len("14:20") && len(label) != len("14:20:00") {
					t.Errorf("%s in %d columns: %q", length, w, got)
				}
			}
		}
	}
}
