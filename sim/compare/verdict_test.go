package compare

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/sim/output"
)

// made is a comparison whose rows failed so often in four replications.
func made(t *testing.T, failed ...[]float64) *Comparison {
	t.Helper()
	c := &Comparison{Seeds: 4}
	for i, values := range failed {
		r := Row{Remedy: Remedy{Name: string(rune('a' + i))}}
		for range Measures() {
			f, err := figure(Measure{}, values, failed[0], output.Level)
			if err != nil {
				t.Fatal(err)
			}
			r.Figures = append(r.Figures, f)
		}
		c.Rows = append(c.Rows, r)
	}
	return c
}

func TestEffect(t *testing.T) {
	c := made(t,
		[]float64{100, 110, 90, 100},
		[]float64{50, 61, 41, 50},   // half
		[]float64{97, 107, 87, 97},  // surely 3 less, which is too little to matter
		[]float64{150, 20, 160, 60}, // anything
		[]float64{160, 171, 151, 160},
	)
	for i, want := range []Effect{Alike, Better, Alike, Unsure, Worse} {
		if got := c.Effect(c.Rows[i], "failed"); got != want {
			t.Errorf("row %d: %d, want %d", i, got, want)
		}
	}
	if c.Effect(c.Rows[1], "nothing") != Unsure {
		t.Error("an unknown measure has an effect")
	}
}

func TestBest(t *testing.T) {
	c := made(t,
		[]float64{100, 110, 90, 100},
		[]float64{50, 61, 41, 50},
		[]float64{50, 60, 42, 50.5},
		[]float64{70, 80, 60, 70},
		[]float64{0, 0, 0, 0},
	)
	c.Rows[4].Remedy.Prevents = true
	best, alike, ok := c.Best("failed")
	if !ok || best.Remedy.Name != "b" || len(alike) != 1 || alike[0].Remedy.Name != "c" {
		t.Errorf("%t, %s, %v", ok, best.Remedy.Name, alike)
	}
	// Less on average, though not surely less than today: not told apart from the best.
	c = made(t, []float64{100, 110, 90, 100}, []float64{50, 61, 41, 50}, []float64{1, 90, 1, 90})
	if best, alike, ok := c.Best("failed"); !ok || best.Remedy.Name != "b" || len(alike) != 1 || alike[0].Remedy.Name != "c" {
		t.Errorf("%t, %s, %v", ok, best.Remedy.Name, alike)
	}
	if _, _, ok := made(t, []float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}).Best("failed"); ok {
		t.Error("the best of none that is better")
	}
}

// A quantile's difference has a bootstrap interval, which stays within what was seen.
func TestQuantilesDiffer(t *testing.T) {
	a, b := []float64{0, 0, 5, 5, 5, 0}, []float64{30, 30, 30, 30, 30, 30}
	d, err := difference(Measure{Quantile: true}, a, b, output.Level)
	if err != nil || d.Value != -27.5 || d.Lo < -30 || d.Hi > -25 || d.Lo >= d.Hi {
		t.Errorf("%+v, %v", d, err)
	}
	if again, _ := difference(Measure{Quantile: true}, a, b, output.Level); again != d {
		t.Error("the same values have another interval the second time")
	}
}

func TestWaitsOverTime(t *testing.T) {
	n := &night{waits: []wait{{1 * time.Second, 2 * time.Second}, {9 * time.Second, 4 * time.Second}, {25 * time.Second, time.Second}}}
	more := &night{waits: []wait{{5 * time.Second, 6 * time.Second}}}
	got := over(28*time.Second, []piece{{night: n}, {night: more}})
	want := Waits{Step: 10 * time.Second, P50: []float64{4, math.NaN(), 1}, P99: []float64{6, math.NaN(), 1}}
	if d := cmp.Diff(want, got, cmp.Comparer(same)); d != "" {
		t.Error(d)
	}
}
