package anomaly_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/anomaly"
)

var (
	t0  = time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	nan = math.NaN()
)

// at makes points of pairs: seconds after t0 and the value.
func at(pairs ...float64) []incident.Point {
	var list []incident.Point
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, incident.Point{At: t0.Add(time.Duration(pairs[i] * float64(time.Second))), V: pairs[i+1]})
	}
	return list
}

func TestRates(t *testing.T) {
	for _, c := range []struct {
		name       string
		have, want []incident.Point
	}{
		{"per second, at the later sample", at(0, 10, 5, 20, 10, 20), at(5, 2, 10, 0)},
		{"a reset is a gap", at(0, 100, 5, 110, 10, 3, 15, 8), at(5, 2, 10, nan, 15, 1)},
		{"a sample that was not there", at(0, 10, 5, nan, 10, 30, 15, 35), at(5, nan, 10, nan, 15, 1)},
		{"the same instant twice", at(0, 10, 0, 12, 5, 20), at(5, 1.6)},
		{"one sample is no rate", at(0, 10), at()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, anomaly.Rates(c.have), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMeans(t *testing.T) {
	sum := at(0, 1, 5, 3, 10, 3, 15, 0.5, 20, 1.5)
	count := at(0, 10, 5, 20, 7, 25, 10, 20, 15, 2, 20, 4)
	want := at(5, 0.2, 10, nan, 15, nan, 20, 0.5) // nothing ended; a reset
	if d := cmp.Diff(want, anomaly.Means(sum, count), cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
}

func TestGridKeepsGaps(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name      string
		points    []incident.Point
		own, step time.Duration
		n         int
		want      []float64
	}{
		{"a sample a cell", at(0, 1, 1, 2, 2, 3), s, s, 4, []float64{1, 2, 3, 3}},
		{"held for three steps of its own and no longer", at(0, 1, 6, 2), s, s, 8, []float64{1, 1, 1, nan, nan, nan, 2, 2}},
		{"a coarse one covers its step", at(0, 1, 5, 2), 5 * s, s, 8, []float64{1, 1, 1, 1, 1, 2, 2, 2}},
		{"a source that said it has none ends the hold", at(0, 1, 1, nan), s, s, 4, []float64{1, nan, nan, nan}},
		{"the last of a cell", at(0, 1, 2, 9, 5, 3), s, 5 * s, 2, []float64{9, 3}},
		{"one before the grid reaches in", at(-2, 7), s, s, 3, []float64{7, nan, nan}},
		{"none", nil, s, s, 2, []float64{nan, nan}},
		{"no step", at(0, 1), s, 0, 2, []float64{nan, nan}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, anomaly.Grid(c.points, c.own, t0, c.step, c.n), cmpopts.EquateNaNs()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStepOfIgnoresGaps(t *testing.T) {
	if got := anomaly.StepOf(at(0, 1, 5, 1, 10, 1, 60, 1, 65, 1)); got != 5*time.Second {
		t.Errorf("step %v, want 5s", got)
	}
	if got := anomaly.StepOf(at(0, 1)); got != 0 {
		t.Errorf("step of one sample %v, want 0", got)
	}
}

func TestBadDirection(t *testing.T) {
	want := map[anomaly.Kind]anomaly.Direction{
		anomaly.Latency: anomaly.Up, anomaly.Errors: anomaly.Up, anomaly.CPU: anomaly.Up, anomaly.Memory: anomaly.Up,
		anomaly.Disk: anomaly.Up, anomaly.Pool: anomaly.Up, anomaly.LockWait: anomaly.Up, anomaly.Queue: anomaly.Up,
		anomaly.Availability: anomaly.Down, anomaly.Rate: anomaly.Both, anomaly.Other: anomaly.Both,
	}
	for k, d := range want {
		if k.Bad() != d {
			t.Errorf("kind %d: bad is %d, want %d", k, k.Bad(), d)
		}
	}
}
