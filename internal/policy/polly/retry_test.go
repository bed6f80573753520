package polly

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

// waits are those of one call that always fails.
func waits(r Retry, dice ...float64) []time.Duration {
	c := r.Plan().Begin()
	var all []time.Duration
	for _, u := range dice {
		wait, again := c.Failed(u)
		if !again || !c.Again() {
			break
		}
		all = append(all, wait)
	}
	return all
}

func TestWaits(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    Retry
		dice []float64
		want []time.Duration
	}{
		{"constant", Retry{MaxRetryAttempts: 3, Delay: 2000 * ms, BackoffType: Constant}, []float64{0, 0, 0, 0}, []time.Duration{2000 * ms, 2000 * ms, 2000 * ms}},
		{"linear", Retry{MaxRetryAttempts: 3, Delay: 2000 * ms, BackoffType: Linear}, []float64{0, 0, 0, 0}, []time.Duration{2000 * ms, 4000 * ms, 6000 * ms}},
		{"exponential", Retry{MaxRetryAttempts: 4, Delay: 2000 * ms, BackoffType: Exponential}, []float64{0, 0, 0, 0}, []time.Duration{2000 * ms, 4000 * ms, 8000 * ms, 16000 * ms}},
		{"a quarter to either side", Retry{MaxRetryAttempts: 3, Delay: 2000 * ms, BackoffType: Constant, UseJitter: true}, []float64{0, 0.5, 0.75}, []time.Duration{1500 * ms, 2000 * ms, 2250 * ms}},
		{"of each wait's own length", Retry{MaxRetryAttempts: 3, Delay: 2000 * ms, BackoffType: Linear, UseJitter: true}, []float64{0, 0, 0}, []time.Duration{1500 * ms, 3000 * ms, 4500 * ms}},
		{"bounded after the jitter", Retry{MaxRetryAttempts: 3, Delay: 2000 * ms, BackoffType: Constant, UseJitter: true, MaxDelay: 2100 * ms}, []float64{0, 0.75}, []time.Duration{1500 * ms, 2100 * ms}},
		{"bounded", Retry{MaxRetryAttempts: 3, Delay: 2000 * ms, BackoffType: Exponential, MaxDelay: 5000 * ms}, []float64{0, 0, 0}, []time.Duration{2000 * ms, 4000 * ms, 5000 * ms}},
		{"at once", Retry{MaxRetryAttempts: 2, BackoffType: Exponential, UseJitter: true}, []float64{0.5, 0.5}, []time.Duration{0, 0}},
		{"at once without jitter", Retry{MaxRetryAttempts: 2, BackoffType: Exponential}, []float64{0.5, 0.5}, []time.Duration{0, 0}},
		// By hand, to the ms: p(t) = 2^t tanh(sqrt(4t)), p(0.5) = 1.2560, p(1.5) = 2.7871,
		// p(2.5) = 5.6365; their differences over 1.4.
		{"decorrelated", Retry{MaxRetryAttempts: 3, Delay: 1000 * ms, BackoffType: Exponential, UseJitter: true}, []float64{0.5, 0.5, 0.5}, []time.Duration{897 * ms, 1093 * ms, 2035 * ms}},
		{"decorrelated and bounded", Retry{MaxRetryAttempts: 3, Delay: 1000 * ms, BackoffType: Exponential, UseJitter: true, MaxDelay: 950 * ms}, []float64{0.5, 0.5}, []time.Duration{897 * ms, 950 * ms}},
	} {
		got := waits(tt.r, tt.dice...)
		for i := range got {
			got[i] = got[i].Truncate(ms)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if (Retry{}).Plan() != nil {
		t.Error("no retries have a plan")
	}
	endless := Retry{MaxRetryAttempts: math.MaxInt32, Delay: 24 * time.Hour, BackoffType: Exponential}
	if got := endless.wait(5000, 0); got < 290*365*24*time.Hour {
		t.Errorf("the longest wait is %s", got)
	}
	previous := 0.0
	if got := decorrelated(5000, time.Hour, &previous, 0); got < 290*365*24*time.Hour {
		t.Errorf("the longest drawn wait is %s", got)
	}
}

// Waits drawn from the curve depend on each other, so a call that got a long one gets
// a shorter one next; each call has a curve of its own; none is negative or above
// what Polly's documentation says.
func TestDecorrelatedWaits(t *testing.T) {
	r := Retry{MaxRetryAttempts: 8, Delay: time.Second, BackoffType: Exponential, UseJitter: true}
	plan := r.Plan()
	rapid.Check(t, func(t *rapid.T) {
		c := plan.Begin()
		sum := time.Duration(0)
		for n := range r.MaxRetryAttempts {
			wait, again := c.Failed(rapid.Float64Range(0, 0.999999).Draw(t, "u"))
			if !again || !c.Again() || wait < 0 {
				t.Fatalf("retry %d: %s, %t", n, wait, again)
			}
			sum += wait
			if most := time.Duration(math.Pow(2, float64(n+1)) / 1.4 * float64(time.Second)); sum > most {
				t.Fatalf("%s after %d retries, at most %s", sum, n+1, most)
			}
		}
	})
}
