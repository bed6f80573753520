package anomaly_test

import (
	"math"
	"testing"

	"tripcurve/internal/incident/anomaly"
)

func TestBaselineScale(t *testing.T) {
	for _, c := range []struct {
		name          string
		samples       []float64
		rel           float64
		median, scale float64
	}{
		{"MAD", []float64{-10, -1, -1, 0, 0, 1, 1, 10}, 0.02, 0, 1.4826},
		{"IQR, when half of all are one value", []float64{0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 0.02, 0, 1.75 / 1.349},
		{"the floor of a nearly constant one", []float64{100, 100, 100, 100.1, 99.9}, 0.2, 100, 20},
		{"the smallest step, of counts near zero", []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 0.2, 0, 2},
		{"all zero", []float64{0, 0, 0}, 0.2, 0, 1},
		{"NaN and infinities are left out", []float64{nan, 3, math.Inf(1), 3, 3}, 0.1, 3, 0.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := anomaly.NewBaseline(c.samples, c.rel)
			if math.Abs(b.Median-c.median) > 1e-9 || math.Abs(b.Scale-c.scale) > 1e-9 {
				t.Errorf("median %g, scale %g; want %g, %g", b.Median, b.Scale, c.median, c.scale)
			}
		})
	}
}

func TestEmptyBaselineSaysNothing(t *testing.T) {
	e := anomaly.NewBaseline([]float64{nan}, 0).Effect([]float64{5, 6}, anomaly.Up)
	if !math.IsNaN(e.Median) || e.Anomalous() {
		t.Errorf("%+v, want NaN and nothing anomalous", e)
	}
	if e := anomaly.NewBaseline([]float64{1, 2}, 0).Effect(nil, anomaly.Up); e.Anomalous() || e.N != 0 {
		t.Errorf("%+v of no samples", e)
	}
}

// One sample out of line is no effect; half of them are.
func TestEffectIsSustained(t *testing.T) {
	usual := make([]float64, 100)
	for i := range usual {
		usual[i] = 100 + float64(i%5)
	}
	b := anomaly.NewBaseline(usual, 0.02)
	one := b.Effect([]float64{101, 102, 900, 101, 102}, anomaly.Up)
	if one.Anomalous() || one.Max < 100 {
		t.Errorf("one sample: %+v, want a large max and nothing anomalous", one)
	}
	most := b.Effect([]float64{101, 900, 900, 900, 102}, anomaly.Up)
	if !most.Anomalous() || most.Before != 102 || most.During != 900 {
		t.Errorf("most samples: %+v, want anomalous from 102 to 900", most)
	}
	if p := 1.0 / 101; math.Abs(most.P-p) > 1e-12 {
		t.Errorf("p %g, want %g", most.P, p)
	}
}

func TestEffectHasADirection(t *testing.T) {
	usual := make([]float64, 60)
	for i := range usual {
		usual[i] = 50 + float64(i%3)
	}
	b := anomaly.NewBaseline(usual, 0.02)
	less := []float64{10, 11, 10}
	if e := b.Effect(less, anomaly.Up); e.Anomalous() || e.Median >= 0 {
		t.Errorf("a latency that fell: %+v, want a negative effect", e)
	}
	if e := b.Effect(less, anomaly.Down); !e.Anomalous() {
		t.Errorf("an availability that fell: %+v, want anomalous", e)
	}
	if e := b.Effect(less, anomaly.Both); !e.Anomalous() || e.Median <= 0 {
		t.Errorf("traffic that fell: %+v, want anomalous", e)
	}
}
