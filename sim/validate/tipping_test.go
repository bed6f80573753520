package validate

import (
	"math"
	"slices"
	"testing"
	"time"

	"tripcurve/internal/policy"
)

// loop is one M/M/1/K server with clients who wait for a time, try so often, and
// cancel nothing: the analytic companion of the simulation reference.
type loop struct {
	service  float64 // per second
	places   int
	patience float64 // s
	attempts int
}

// fails is the probability that an attempt fails at a total load on the server: it
// finds no place, or is answered too late. Who finds n there is served after a time
// that is Erlang with n+1 stages, so late with the probability that a Poisson count
// with mean service*patience is at most n.
func (l loop) fails(load float64) float64 {
	p := birthDeath(l.places, func(int) float64 { return load }, func(int) float64 { return l.service })
	f := p[l.places]
	mean := l.service * l.patience
	term, late := math.Exp(-mean), 0.0
	for n := range l.places {
		late += term
		term *= mean / float64(n+1)
		f += p[n] * min(late, 1)
	}
	return min(f, 1)
}

// curve is, for total loads in steps of a thousandth of the server's capacity, the
// rate of calls that makes it: load / E(f). The fixed points of a rate are where the
// curve crosses it.
func (l loop) curve() (rates []float64) {
	for i := range 1200 * l.attempts {
		load := l.service * float64(i+1) / 1000
		rates = append(rates, load/expectation(l.fails(load), l.attempts))
	}
	return rates
}

// roots counts the fixed points f = fails(rate * E(f)).
func (l loop) roots(rate float64) (n int) {
	below := true
	for _, r := range l.curve() {
		if now := r < rate; now != below {
			n, below = n+1, now
		}
	}
	return n
}

// edges are the rates between which there are three fixed points: below the first
// the server always recovers (hidden capacity), above the second the good state is
// gone (advertised capacity). The curve rises to the second, falls to the first, and
// rises again.
func (l loop) edges() (hidden, advertised float64) {
	rates := l.curve()
	top := 0
	for top+1 < len(rates) && rates[top+1] >= rates[top] {
		top++
	}
	return slices.Min(rates[top:]), rates[top]
}

// The loads at which the simulated server tips are within 5 % of those at which the
// number of fixed points changes: from a full queue, the load above which it no
// longer recovers by itself; from an empty one, the load above which it does not
// last. By bisection on the load at which half of the nights end badly.
func TestTippingLoad(t *testing.T) {
	l := loop{service: 100, places: 400, patience: 1, attempts: 3}
	hidden, advertised := l.edges()
	if n := [3]int{l.roots(0.9 * hidden), l.roots((hidden + advertised) / 2), l.roots(1.02 * advertised)}; n != [3]int{1, 3, 1} {
		t.Fatalf("fixed points below, in and above the vulnerable region: %v", n)
	}
	const seconds = 240 / min(patience, 2) // more than 20 times every time constant but the queue's own
	p := policy.Policy{Timeout: time.Second, Retry: policy.Retry{Attempts: l.attempts, Base: 500 * time.Millisecond, Jitter: 1}}
	some := max(nights/4, 3)
	tips := func(rate float64, full bool) bool {
		ends := over(t, some, func(s uint64) float64 {
			var q *single
			u := newUpstream(t, s, p, nil, one(l.service, l.places, &q))
			if full {
				q.fill()
			}
			return u.run(seconds, constantly(rate)).goodput(seconds-20, seconds)
		})
		return 2*which(ends, collapsed) > some
	}
	for _, c := range []struct {
		name string
		full bool
		want float64
	}{{"from a full queue (hidden capacity)", true, hidden}, {"from an empty one (advertised capacity)", false, advertised}} {
		lo, hi := 0.8*c.want, 1.2*c.want
		if tips(lo, c.full) || !tips(hi, c.full) {
			t.Errorf("%s: the tipping load is not between %.1f and %.1f/s", c.name, lo, hi)
			continue
		}
		for hi-lo > 0.01*max(patience/2, 1)*c.want {
			if mid := (lo + hi) / 2; tips(mid, c.full) {
				hi = mid
			} else {
				lo = mid
			}
		}
		seen := (lo + hi) / 2
		t.Logf("validate: tipping load %-40s fixed point %.1f/s, simulated %.1f/s (%+.1f %%)", c.name+":", c.want, seen, 100*(seen/c.want-1))
		if math.Abs(seen/c.want-1) > 0.05 {
			t.Errorf("%s: simulated %.1f/s, the fixed point's %.1f/s", c.name, seen, c.want)
		}
	}
}
