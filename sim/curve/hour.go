package curve

import (
	"context"
	"fmt"
	"time"

	"tripcurve/internal/policy"
)

// Hour is healthy traffic that changes while it lasts. Its functions get the time from
// its beginning.
type Hour struct {
	Name    string
	Length  time.Duration
	Rate    func(at time.Duration) float64 // calls per second, above 0
	Fails   func(at time.Duration) float64 // share of the calls that fail by chance, 0..1, at once
	Latency func(at time.Duration, u float64) time.Duration
}

// Spent is what became of an hour's calls.
type Spent struct {
	Length   time.Duration
	Calls    int
	Trips    int // times the breaker opened; opening again from half-open is the same trip
	Rejected int // calls turned away
	Cut      int // calls that a time limit ended and that would have been answered well
}

// Spend plays an hour on a setting's machine alone: Poisson calls, each once, without a
// pipeline behind them. The next call comes at the rate that holds when the last one came.
// A setting without a breaker only cuts off. The same seed has the same calls
// whatever the setting.
func Spend(ctx context.Context, s Setting, hour Hour, seed uint64) (Spent, error) {
	b, err := s.build()
	if err != nil {
		return Spent{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	o := Options{Rate: hour.Rate(0), Turned: Defaults().Turned}
	out := Spent{Length: hour.Length}
	c := newClock(o, seed, healthyHour)
	let, look, catchUp := without(o.limit(s)), func() {}, func(time.Duration) {}
	if b.Breaker != nil {
		r := &runner{ctx: ctx, o: o}
		h, _ := r.host(s)
		h.until = hour.Length
		look = h.trips(&out.Trips)
		catchUp = func(to time.Duration) { h.catchUp(to, look) }
		let = func(at time.Duration, dice float64, took time.Duration, o policy.Outcome) (in, cut bool) {
			return h.let(at, dice, took, o, &h.answers)
		}
	}
	for at := c.next(); at <= hour.Length; at = c.next() {
		catchUp(at)
		out.Calls++
		answer := policy.Outcome{Code: policy.OK, Status: 200}
		fails := c.coin() < hour.Fails(at)
		if fails {
			answer = policy.Outcome{Code: policy.Failure, Status: 503}
		}
		switch in, cut := let(at, c.dice(), hour.Latency(at, c.latency()), answer); {
		case !in:
			out.Rejected++
		case cut && !fails:
			out.Cut++
		}
		look()
		c.pace(hour.Rate(at))
		if out.Calls%4096 == 0 && ctx.Err() != nil {
			return Spent{}, ctx.Err()
		}
	}
	return out, nil
}

// without lets every call in, and cuts off those that take as long as the limit.
func without(limit time.Duration) func(time.Duration, float64, time.Duration, policy.Outcome) (in, cut bool) {
	return func(_ time.Duration, _ float64, took time.Duration, _ policy.Outcome) (in, cut bool) {
		return true, limit > 0 && limit <= took
	}
}
