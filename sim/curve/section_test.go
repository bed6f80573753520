package curve

import (
	"fmt"
	"testing"
	"time"
)

// The same numbers do not mean the same breaker: 20 calls/s, healthy for 30 s,
// then every call hangs; 50 %, 10 s, at least 10 calls. The openings were
// measured on the real libraries in virtual time, of a regular call each 50 ms;
// they are the right end of the trip curves of hangs.
var sameNumbers = []struct {
	name, library  string
	params         map[string]string
	after5, after1 float64 // s to open with a time limit of 5 s and of 1 s
	calls          int     // let into the hang with 5 s
	bucket         time.Duration
	phase          bool // the opening depends on where in its window the hang begins
}{
	{"opossum, 10 s window", "opossum", map[string]string{"errorThresholdPercentage": "50", "rollingCountTimeout": "10000", "volumeThreshold": "10"}, 10.0, 6.0, 199, time.Second, false},
}

func TestSameNumbersAreNotTheSameBreaker(t *testing.T) {
	for _, row := range sameNumbers {
		for i, timeout := range []time.Duration{5 * time.Second, time.Second} {
			o := Defaults()
			o.Arrivals, o.Modes, o.Shares, o.Healthy, o.Timeout = Regular, []Mode{Hangs}, []float64{1}, nil, timeout
			s := Setting{Name: row.name, Library: row.library, Params: row.params}
			if row.library == "opossum" {
				s.Params["timeout"] = fmt.Sprint(timeout.Milliseconds())
			}
			p := compute(t, []Setting{s}, o).Curves[0].Points[0]
			t.Logf("%-40s %s: opens after %s, %v calls let in", row.name, timeout, p.OpenAfter(0.5), p.Calls(0.5))
			want := []float64{row.after5, row.after1}[i]
			if off := p.OpenAfter(0.5).Seconds() - want; off < -1.05 || off > 1.05 {
				t.Errorf("%s with %s: opens after %s, the real one after %.1f s", row.name, timeout, p.OpenAfter(0.5), want)
			}
		}
	}
}
