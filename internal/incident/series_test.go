package incident

import (
	"math"
	"testing"
	"time"
)

// A day of samples at one a second keeps to the bound whatever it does, at once or one
// by one, and shows all of the day with its extremes.
func TestADayOfSamplesIsThinned(t *testing.T) {
	const day = 24 * 60 * 60
	for _, c := range []struct {
		name string
		kind SeriesKind
		v    func(i int) float64
	}{
		{"it rises", Counter, func(i int) float64 { return float64(i) }},
		{"it mostly falls", Gauge, func(i int) float64 { return -float64(i % 600) }},
		{"it falls all day", Gauge, func(i int) float64 { return -float64(i) }},
		{"every sample is a turn", Gauge, func(i int) float64 { return float64(i % 2) }},
		{"a slow wave", Gauge, func(i int) float64 { return math.Sin(float64(i) / 600) }},
		{"restarted every hour", Counter, func(i int) float64 { return float64(i % 3600) }},
		{"without a value at times", Gauge, func(i int) float64 {
			if i%3600 < 60 {
				return math.NaN()
			}
			return 1
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := Series{Name: "x", Kind: c.kind, Origin: pg}
			for i := range day {
				v := c.v(i)
				if i == day/5 {
					v = 1e6 // the peak of the day
				}
				whole.Points = append(whole.Points, Point{sec(float64(i)), v})
			}
			ev := NewEvidence()
			ev.Add(whole)
			got := ev.Snapshot().AllSeries()[0]
			if n := len(got.Points); n > maxPoints || n < maxPoints/2 {
				t.Errorf("%d points, want at most %d and not many less", n, maxPoints)
			}
			gap := time.Duration(0)
			for i := range got.Points[1:] {
				gap = max(gap, got.Points[i+1].At.Sub(got.Points[i].At))
			}
			if first := got.Points[0].At; !first.Equal(t0) {
				t.Errorf("the first %v are gone", first.Sub(t0))
			}
			if gap > 6*time.Minute {
				t.Errorf("%v without a sample", gap)
			}
			if c.kind == Counter {
				if n := len((&whole).Resets()); len(got.Resets()) != n {
					t.Errorf("%d resets, want %d", len(got.Resets()), n)
				}
			}
			if peak := highest(got.Points); peak != 1e6 {
				t.Errorf("the peak of the day is %v", peak)
			}
		})
	}
}

func highest(points []Point) float64 {
	most := math.Inf(-1)
	for _, p := range points {
		if p.V > most {
			most = p.V
		}
	}
	return most
}

// What has ended is subtracted from what was started: of both the same instants are left,
// or calls that have ended would seem to be under way.
func TestCountersAreThinnedAlike(t *testing.T) {
	ev := NewEvidence()
	started, ended := Series{Name: "started", Kind: Counter, Origin: pg}, Series{Name: "ended", Kind: Counter, Origin: pg}
	for i := range 24 * 60 * 60 {
		started.Points = append(started.Points, Point{sec(float64(i)), float64(i / 3)})
		ended.Points = append(ended.Points, Point{sec(float64(i)), float64(i / 100)})
	}
	ev.Add(started, ended)
	all := ev.Snapshot().AllSeries()
	a, b := all[0].Points, all[1].Points
	if len(a) != len(b) {
		t.Fatalf("%d and %d points", len(a), len(b))
	}
	for i := range a {
		if !a[i].At.Equal(b[i].At) {
			t.Fatalf("point %d: at %s and at %s", i, a[i].At, b[i].At)
		}
	}
}
