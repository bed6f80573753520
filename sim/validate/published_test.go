package validate

import (
	"context"
	"math"
	"runtime"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// over makes so many nights of something, each with its own seed, and gives what each
// gave.
func over[R any](t *testing.T, n int, one func(seed uint64) R) []R {
	t.Helper()
	values, err := replicate.Run(context.Background(), replicate.Plan{N: n, Workers: runtime.NumCPU()},
		func(_ context.Context, i int) (R, error) { return one(replicate.Seed(seed, i)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// which counts the nights that something holds of.
func which[R any](values []R, holds func(R) bool) (n int) {
	for _, v := range values {
		if holds(v) {
			n++
		}
	}
	return n
}

// constantly is a rate that does not change.
func constantly(rate float64) func(float64) float64 { return func(float64) float64 { return rate } }

// Marc Brooker's simple_collapse_sim (github.com/mbrooker/simulator_example,
// simple_collapse_sim/sim.py): a call takes 1 s and 0.01 s more for each call in
// the service, besides exponential delays of 0.1 s on the way there and back; a
// client waits 3 s and tries three times; 40 calls/s come, 80 from the 20th to the
// 25th second; nobody cancels anything. The spike is just long enough: of 200 runs of
// his model in Python (seeds 0 to 199), 138 serve at most half of the calls in the
// last 20 of 80 s and the other 62 nearly all. With his jittered backoff (up to 20 s,
// then up to 40 s) the spike passes.
//
// The fluid limit says why, which his file does not: at a rate of L/s a call takes
// 1/(1-0.01L) s, and three tries for each of 40 calls/s are 120/s, more than the 64/s
// at which that reaches the 2.8 s that the network leaves. So a collapse lasts as
// long as 3 x rate > 64/s, and 15/s recover from the same spike.
func TestBrookersCollapse(t *testing.T) {
	coherence := func(u *upstream) answers {
		inside, delay := 0, u.w.Stream("network")
		return func(context.Context) error {
			u.sleep(0.1 * delay.Exp())
			inside++
			u.sleep(1 + 0.01*float64(inside))
			inside--
			u.sleep(0.1 * delay.Exp())
			return nil
		}
	}
	three := policy.Policy{Timeout: 3 * time.Second, Retry: policy.Retry{Attempts: 3}}
	backoff, budget := three, three
	backoff.Retry.Base, backoff.Retry.Jitter = 10*time.Second, 1
	budget.Retry.Budget = 0.1
	for _, c := range []struct {
		name   string
		p      policy.Policy
		rate   float64
		length int     // s; the goodput is that of the last 20
		lasts  float64 // share of the nights that never recover
	}{
		{"three tries at once", three, 40, 80, 138. / 200},
		{"three tries, jittered backoff", backoff, 40, 160, 0},
		{"three tries, retry budget of 10 %", budget, 40, 80, 0},
		{"three tries at once, 15/s", three, 15, 80, 0},
		{"one try", policy.Policy{Timeout: 3 * time.Second}, 40, 80, 0},
	} {
		after := over(t, nights, func(s uint64) float64 {
			u := newUpstream(t, s, c.p, nil, coherence).run(c.length, func(at float64) float64 {
				if at >= 20 && at <= 25 {
					return 80
				}
				return c.rate
			})
			if g := u.goodput(5, 20); !recovered(g) {
				t.Errorf("%s, seed %d: only %.0f %% are served before the spike", c.name, s, 100*g)
			}
			return u.goodput(c.length-20, c.length)
		})
		bad, good := which(after, collapsed), which(after, recovered)
		t.Logf("validate: Brooker's collapse, %-34s %3d of %d nights never recover from 5 s of 80/s, %d do", c.name+":", bad, nights, good)
		if bad+good < nights || c.lasts == 0 && bad > 0 {
			t.Errorf("%s: collapsed in %d, recovered in %d of %d (goodput %v)", c.name, bad, good, nights, output.Mean(after, 0.95))
		}
		if seen := output.Share(bad, nights, band); c.lasts > 0 && !seen.Contains(c.lasts) {
			t.Errorf("%s: collapsed in %v of the nights, in %.2f of his", c.name, seen, c.lasts)
		}
	}
}

// orbit lets at most so many calls retry at once.
type orbit struct{ inside, places int }

func (o *orbit) Begin(again bool) bool {
	if again {
		o.inside++
	}
	return true
}

func (o *orbit) End(again bool) {
	if again {
		o.inside--
	}
}
func (o *orbit) Failed(bool) bool { return o.inside < o.places }
func (o *orbit) Succeeded()       {}

// The example of Metafor (github.com/mpi-sws-rse/metafor, README; arXiv
// 2510.03551): a server with one thread and 10 calls/s, a queue of 100 states (so 99
// places), at most 20 calls in the orbit of those who retry, clients that wait 3 s
// and retry 4 times. Their chain has a small spectral gap: from a full queue it
// takes for ever to the empty one. Their rates are approximations (a share of 0.25
// of the late calls retries, lateness by Chebyshev's bound), so the times of their
// chain are not ours; what it shows is:
//
//   - at 9.5/s a full queue never empties while clients retry, and does when they do
//     not. How long the latter takes is the birth-death chain's own formula.
//
// What follows by our own reckoning: full, every call is late, and the orbit sends
// min(4 x rate, 20/3 per second) more, so the full queue feeds itself from 3.4/s on
// and not at 2.5/s. At 9.5/s an empty one does not last either: M/M/1 answers 22 %
// of the calls later than 3 s, and 1.28 tries of 9.5/s are more than 10/s. At 5/s
// both last: the same load, two states.
func TestMetafor(t *testing.T) {
	const service, places, timeout = 10., 99, 3 * time.Second
	night := func(s uint64, rate float64, retries int, full bool, length int) (q *single, u *upstream) {
		plan := &retry.Plan{Attempts: 1 + retries, Steady: true, Budget: &orbit{places: 20}}
		u = newUpstream(t, s, policy.Policy{Timeout: timeout}, plan, one(service, places, &q))
		if full {
			q.fill()
		}
		return q, u.run(length, constantly(rate))
	}

	// Without retries the queue is M/M/1/99, whatever its clients' patience.
	want := 0.0
	for n, step := places, 0.0; n > 0; n-- { // the mean time from n to n-1
		if step = 1/service + 9.5/service*step; n == places {
			step = 1 / service
		}
		want += step
	}
	times := over(t, 2*nights, func(s uint64) float64 {
		q, _ := night(s, 9.5, 0, true, 2500)
		return time.Duration(q.emptied).Seconds()
	})
	iv := output.Mean(times, band)
	t.Logf("validate: Metafor, 9.5/s, no retries: from full to empty in %.1f s by the formula, %v s simulated", want, iv)
	if !iv.Contains(want) || which(times, func(s float64) bool { return s < 0 }) > 0 {
		t.Errorf("from full to empty without retries: %v, by the formula %.1f s", iv, want)
	}

	for _, c := range []struct {
		name   string
		rate   float64
		full   bool
		good   bool // at the end
		length int
	}{
		{"9.5/s, 4 retries, from full", 9.5, true, false, 3600 / patience},
		{"9.5/s, 4 retries, from empty", 9.5, false, false, max(3600/patience, 900)},
		{"5/s, 4 retries, from full", 5, true, false, 900 / min(patience, 2)},
		{"5/s, 4 retries, from empty", 5, false, true, 900 / min(patience, 2)},
		{"2.5/s, 4 retries, from full", 2.5, true, true, 900 / min(patience, 2)},
	} {
		type end struct {
			goodput float64
			emptied bool
		}
		ends := over(t, nights, func(s uint64) end {
			q, u := night(s, c.rate, 4, c.full, c.length)
			return end{u.goodput(c.length-200, c.length), q.emptied >= 0}
		})
		good := which(ends, func(e end) bool { return recovered(e.goodput) })
		bad := which(ends, func(e end) bool { return collapsed(e.goodput) })
		emptied := which(ends, func(e end) bool { return e.emptied })
		t.Logf("validate: Metafor, %-29s after %4d s %3d of %d nights are well, %3d collapsed; the queue was ever empty in %d", c.name+":", c.length, good, nights, bad, emptied)
		switch {
		case c.good && good < nights:
			t.Errorf("%s: %d of %d are well", c.name, good, nights)
		case !c.good && bad < nights:
			t.Errorf("%s: %d of %d collapsed", c.name, bad, nights)
		case c.full && !c.good && emptied > 0:
			t.Errorf("%s: the queue was empty in %d of %d", c.name, emptied, nights)
		}
	}
}

// bucket is Brooker's adaptive strategy: each call puts so much into it, a retry
// takes one (retry_sim/retry_strategy.py, AdaptiveRetryStrategy).
type bucket struct{ fill, tokens, most float64 }

func (b *bucket) Begin(again bool) bool {
	if !again {
		b.tokens = min(b.tokens+b.fill, b.most)
	}
	return true
}
func (b *bucket) End(bool)   {}
func (b *bucket) Succeeded() {}
func (b *bucket) Failed(last bool) bool {
	if last || b.tokens <= 1 {
		return false
	}
	b.tokens--
	return true
}

// retryBreaker is his breaker around retries alone: none while more than so large a
// share of all calls so far have failed (CircuitBreakerRetryStrategy; an attempt
// that fails is a failure, a call counts once).
type retryBreaker struct{ calls, failures, most float64 }

func (b *retryBreaker) Begin(again bool) bool {
	if !again {
		b.calls++
	}
	return true
}
func (b *retryBreaker) End(bool)   {}
func (b *retryBreaker) Succeeded() {}
func (b *retryBreaker) Failed(bool) bool {
	b.failures++
	return b.failures/b.calls <= b.most
}

// "Fixing retries with token buckets and circuit breakers" (brooker.co.za, 28
// February 2022, and retry_sim): 1,000 calls/s of 100 clients, 10 s, a service that
// fails a share of its calls. What the post says, held against the arithmetic of
// retries: n tries are (1-f^n)/(1-f) calls of which f^n fail; the bucket behaves
// like three retries well below a tenth, and adds at most that tenth (and what was
// in it) far above; the breaker like three retries below, like none above; and with
// many small clients the breaker gives up retrying too early, while the buckets of
// many clients hold more.
func TestRetryBudgetAgainstRetryBreaker(t *testing.T) {
	const calls = 10_000
	strategies := map[string]func() *retry.Plan{
		"none":  func() *retry.Plan { return &retry.Plan{Attempts: 1} },
		"three": func() *retry.Plan { return &retry.Plan{Attempts: 4} },
		"bucket": func() *retry.Plan {
			return &retry.Plan{Attempts: math.MaxInt, Budget: &bucket{fill: 0.1, tokens: 5, most: 5}}
		},
		"breaker": func() *retry.Plan { return &retry.Plan{Attempts: 4, Budget: &retryBreaker{most: 0.1}} },
	}
	// run gives the calls on the service for each of the clients', and the share of
	// theirs that succeeds.
	run := func(strategy string, clients int, f float64) (load, served float64) {
		all, good := 0, 0
		for _, v := range over(t, nights, func(s uint64) [2]int {
			plans := make([]*retry.Plan, clients)
			for i := range plans {
				plans[i] = strategies[strategy]()
			}
			made, good := coins(s, plans, calls, f)
			return [2]int{made, good}
		}) {
			all, good = all+v[0], good+v[1]
		}
		n := float64(nights * calls)
		return float64(all) / n, float64(good) / n
	}
	for _, c := range []struct {
		strategy string
		clients  int
		f        float64
		loadLo   float64
		loadHi   float64
		lostLo   float64 // share of the calls that fail in the end
		lostHi   float64
	}{
		{"none", 100, 0.2, 1, 1, 0.19, 0.21},
		{"three", 100, 0.2, 0.99 * expectation(0.2, 4), 1.01 * expectation(0.2, 4), 0.0008, 0.0024}, // 0.2^4 = 0.0016
		{"three", 100, 0.5, 0.99 * expectation(0.5, 4), 1.01 * expectation(0.5, 4), 0.055, 0.070},
		{"bucket", 100, 0.01, 1.008, 1.012, 0, 0.0005},
		{"breaker", 100, 0.01, 1.007, 1.012, 0, 0.002},
		{"bucket", 100, 0.5, 1.10, 1.15, 0.42, 0.46}, // 100 calls a client: 10 tokens and 4 of the 5
		{"breaker", 100, 0.5, 1, 1.01, 0.48, 0.51},
		// The effect of the number of clients: 10 of 1,000 calls each, 1,000 of 10.
		{"breaker", 10, 0.05, 1.045, 1.055, 0, 0.003},
		{"breaker", 1000, 0.05, 1, 1.03, 0.015, 0.05},
		{"bucket", 10, 0.5, 1.09, 1.11, 0.44, 0.46},
		{"bucket", 1000, 0.5, 1.4, 1.5, 0.25, 0.30}, // 4 to 5 retries for 10 calls; half of all tries succeed
	} {
		load, served := run(c.strategy, c.clients, c.f)
		t.Logf("validate: retry %-7s %4d clients, %4.1f %% of calls fail: %.3f calls on the service for each, %.2f %% fail in the end", c.strategy, c.clients, 100*c.f, load, 100*(1-served))
		if load < c.loadLo || load > c.loadHi || 1-served < c.lostLo || 1-served > c.lostHi {
			t.Errorf("%s, %d clients, f = %g: load %.4f, lost %.4f", c.strategy, c.clients, c.f, load, 1-served)
		}
	}
}

// coins makes calls of clients whose plans are given, in turn, in virtual time; each
// attempt fails with probability f.
func coins(seed uint64, plans []*retry.Plan, calls int, f float64) (made, good int) {
	k := vtime.New(time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))
	defer k.Close()
	dice := world.NewStream(seed, "coins")
	for i := range calls {
		plan := plans[i%len(plans)]
		k.StartAfter(time.Duration(i)*time.Millisecond, nil, vtime.Func(func() {
			c := plan.Begin()
			defer c.End()
			for {
				made++
				k.Sleep(nil, 10*time.Millisecond)
				if dice.Float() >= f {
					c.Succeeded()
					good++
					return
				}
				if _, again := c.Failed(0); !again || !c.Again() {
					return
				}
			}
		}))
	}
	_ = k.Run(context.Background(), vtime.Time(time.Hour))
	return made, good
}
