// Package retry decides whether and when a failed attempt is made again: backoff
// with jitter, a bound on attempts, a budget over all calls. Time and dice are the
// caller's.
package retry

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// defaultMultiplier stands for a policy's 0.
const defaultMultiplier = 2

// Plan is the retries of one edge in a shape that every library's rules fit into.
// All calls of the edge share it.
type Plan struct {
	// Attempts is all tries, the first included; 0 and 1 try once.
	Attempts int
	// Wait is the wait before retry n (1 is the second attempt). u in [0,1) is the
	// dice. A nil Wait retries at once.
	Wait func(n int, u float64) time.Duration
	// PerCall stands in for Wait where a wait depends on the one before it (Polly's
	// decorrelated jitter): asked once for every call, whose own it then is.
	PerCall func() func(n int, u float64) time.Duration
	// Steady says that Wait does not look at its dice, so that a host need not
	// throw them.
	Steady bool
	// Retries says whether an attempt that ended with this gRPC status is worth
	// another one; nil leaves it to the host, which knows its callees' answers.
	Retries func(status uint32) bool
	// Rejected retries also what the breaker or the concurrency limit inside the
	// retries turned away (resilience4j and failsafe-go do so unless told otherwise,
	// .NET's standard pipeline does not); else a rejection ends the call.
	Rejected bool
	// Budget bounds the retries of all calls together; nil allows everything.
	Budget Budget
}

// PlanOf is the plan of an edge's own policy. Its budget is gRPC's throttling.
func PlanOf(r policy.Retry) Plan {
	p := Plan{
		Attempts: r.Attempts,
		Wait:     func(n int, u float64) time.Duration { return Backoff(r, n, u) },
		Steady:   r.Jitter == 0,
	}
	if r.Budget > 0 {
		p.Budget = NewThrottle(DefaultTokens, r.Budget)
	}
	return p
}

// Backoff is the wait before retry n (1 is the second attempt). The bound Max
// comes before the jitter, as in gRPC (proposal A6), so a wait can pass Max by its
// jitter. u in [0,1) is the dice.
func Backoff(r policy.Retry, n int, u float64) time.Duration {
	if r.Base <= 0 || n < 1 {
		return 0
	}
	m := r.Multiplier
	if m == 0 {
		m = defaultMultiplier
	}
	wait := float64(r.Base) * math.Pow(m, float64(n-1))
	if r.Max > 0 {
		wait = min(wait, float64(r.Max))
	}
	wait *= 1 + r.Jitter*(2*u-1)
	return time.Duration(min(wait, math.MaxInt64/2))
}

// Call counts the attempts of one call. The zero value has no attempts left to
// make; begin with Begin.
type Call struct {
	plan *Plan
	wait func(n int, u float64) time.Duration
	made int
}

// Begin begins a call whose first attempt is about to be made. It ends with End.
func (p *Plan) Begin() Call {
	c := Call{plan: p, wait: p.Wait, made: 1}
	if p.PerCall != nil && p.Attempts > 1 {
		c.wait = p.PerCall()
	}
	if p.Budget != nil {
		p.Budget.Begin(false)
	}
	return c
}

// Attempt is the number of the present attempt, from 1.
func (c *Call) Attempt() int { return c.made }

// Last says that no attempt can follow the present one.
func (c *Call) Last() bool { return c.made >= c.plan.Attempts }

// Succeeded is a present attempt that ended well.
func (c *Call) Succeeded() {
	c.ended()
	if b := c.plan.Budget; b != nil {
		b.Succeeded()
	}
}

// Failed says whether the present attempt, which just failed in a way worth
// retrying, is made again, and after which wait. Where it is, Again must follow,
// also when the caller has gone in the meantime.
func (c *Call) Failed(u float64) (wait time.Duration, again bool) {
	c.ended()
	last := c.Last()
	if b := c.plan.Budget; b != nil && !b.Failed(last) || last {
		return 0, false
	}
	if c.wait != nil {
		wait = c.wait(c.made, u)
	}
	return wait, true
}

// Again is the end of the wait: the next attempt is about to be made, unless the
// answer is false.
func (c *Call) Again() bool {
	if b := c.plan.Budget; b != nil && !b.Begin(true) {
		return false
	}
	c.made++
	return true
}

// GivenUp is a present attempt that ended in a way not worth retrying, or is not
// made after all.
func (c *Call) GivenUp() { c.ended() }

// ended is the end of a retry; the first attempt ends with its call.
func (c *Call) ended() {
	if b := c.plan.Budget; b != nil && c.made > 1 {
		b.End(true)
	}
}

// End is the end of the call, whatever became of it.
func (c *Call) End() {
	if b := c.plan.Budget; b != nil {
		b.End(false)
	}
}
