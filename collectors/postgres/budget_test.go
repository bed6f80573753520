package postgres

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestDearSamplesArePaidFor(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name string
		took []time.Duration
		want time.Duration // from the last of them to the next
	}{
		{"cheap", []time.Duration{2 * ms}, time.Second},
		{"the first one is dear", []time.Duration{144 * ms}, 7200 * ms},
		{"dear after a second of cheap ones", []time.Duration{2 * ms, 144 * ms}, 6300 * ms},
		{"dear after ten seconds of cheap ones", append(samplesOf(10, 2*ms), 144*ms), time.Second},
		{"dear again", append(samplesOf(10, 2*ms), 144*ms, 144*ms), 4400 * ms},
		{"no more is saved than the share of ten seconds", append(samplesOf(500, 2*ms), 300*ms), 5 * time.Second},
		{"a debt is not for ever", []time.Duration{10 * time.Second}, longestPause},
		{"and is paid with that pause", []time.Duration{10 * time.Second, 2 * ms}, time.Second},
	} {
		var b budget
		at, got := time.Unix(0, 0), time.Duration(0)
		for _, took := range tt.took {
			got = b.pause(at, took, time.Second)
			at = at.Add(got)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func samplesOf(n int, took time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = took
	}
	return all
}

// TestSamplingTakesItsShare holds any mixture of costs to 2 % of the time, over any stretch of
// it, and what was saved before.
func TestSamplingTakesItsShare(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var b budget
		start := time.Unix(0, 0)
		at, spent := start, time.Duration(0)
		dear := rng.Float64()
		for range 300 {
			took := time.Duration(rng.Int64N(int64(5 * time.Millisecond)))
			if rng.Float64() < dear {
				took = time.Duration(rng.Int64N(int64(longestPause / costFactor)))
			}
			at, spent = at.Add(b.pause(at, took, time.Second)), spent+took
			if most := at.Sub(start)/costFactor + mostSaved; spent > most {
				t.Fatalf("%s of %s, at most %s", spent, at.Sub(start), most)
			}
		}
	}
}
