package gatewaylog

import (
	"math/rand/v2"
	"testing"
	"time"

	"tripcurve/internal/incident/sketch"
)

// However many durations there are, and in however many pieces they came, the sketch is
// that of each of them.
func TestDurationsAreThoseThatWereAdded(t *testing.T) {
	rng := rand.New(rand.NewPCG(2847, 3))
	for _, n := range []int{0, 1, fewDurations, fewDurations + 1, 5000} {
		want := sketch.New()
		var pieces [3]durations
		for i := range n {
			took := time.Duration(rng.IntN(2000)) * time.Millisecond
			switch i % 5 {
			case 0:
				took = time.Duration(rng.IntN(5_000_000)) * time.Microsecond
			case 1:
				took = 2 * time.Hour
			}
			want.Add(took)
			pieces[i%3].add(took)
		}
		for i := range pieces[1:] {
			pieces[0].merge(&pieces[i+1])
		}
		if n == 0 != pieces[0].none() {
			t.Errorf("%d durations: none is %t", n, pieces[0].none())
		}
		pieces[0].settle()
		got := pieces[0].sketch
		for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 1} {
			if got.Count() != int64(n) || got.Quantile(q) != want.Quantile(q) {
				t.Errorf("%d durations: %d, quantile %g is %v, want %v", n, got.Count(), q, got.Quantile(q), want.Quantile(q))
			}
		}
	}
}
