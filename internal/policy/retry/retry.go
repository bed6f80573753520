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

// Backoff is the wait before retry n (1 is the second attempt). The bound Max
// comes before the jitter, as in gRPC (proposal A6) and resilience4j, so a wait
// can pass Max by its jitter. u in [0,1) is the dice.
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
// make; begin with New.
type Call struct {
	policy policy.Retry
	budget *Budget
	made   int
}

// New begins a call whose first attempt is about to be made. budget is shared by
// all calls of an edge; nil is none.
func New(r policy.Retry, budget *Budget) Call {
	return Call{policy: r, budget: budget, made: 1}
}

// Attempt is the number of the present attempt, from 1.
func (c *Call) Attempt() int { return c.made }

// Succeeded ends the call well.
func (c *Call) Succeeded() { c.budget.Succeeded() }

// Failed says whether the attempt that just failed, in a way worth retrying, is
// made again, and after which wait. The budget is charged for the last attempt
// too, as in gRPC.
func (c *Call) Failed(u float64) (wait time.Duration, again bool) {
	allowed := c.budget.Failed()
	if !allowed || c.made >= c.policy.Attempts {
		return 0, false
	}
	wait = Backoff(c.policy, c.made, u)
	c.made++
	return wait, true
}
