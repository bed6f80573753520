package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tripcurve/internal/incident/sketch"
)

func TestKthIsTheSortedOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for round := range 200 {
		v := make([]float64, 1+r.IntN(700))
		for i := range v {
			switch round % 4 {
			case 0:
				v[i] = math.Abs(r.NormFloat64()) + 1e-300
			case 1:
				v[i] = float64(1 + r.IntN(3))
			case 2:
				v[i] = math.Exp(40 * r.NormFloat64())
			case 3:
				v[i] = 7
			}
		}
		k := r.IntN(len(v))
		want := slices.Sorted(slices.Values(v))[k]
		if got := kth(slices.Clone(v), k); got != want {
			t.Fatalf("round %d: %d-th of %d is %g, want %g", round, k, len(v), got, want)
		}
		if got := sketch.Kth(slices.Clone(v), k); got != want {
			t.Fatalf("round %d: quickselect: %d-th of %d is %g, want %g", round, k, len(v), got, want)
		}
	}
}
