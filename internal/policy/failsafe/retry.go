package failsafe

import (
	"math"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
)

// Retry are the arguments of a retry policy and of its budget.
type Retry struct {
	MaxRetries       int           // without the first attempt; -1 without end; 0 no policy
	Delay            time.Duration // before each retry
	MaxDelay         time.Duration // of a backoff; 0 is none
	DelayFactor      float64       // of a backoff
	Jitter           time.Duration // up to this much longer or shorter
	JitterFactor     float64       // or this share of the wait
	AbortOnRejection bool          // AbortOnErrors(circuitbreaker.ErrOpen, bulkhead.ErrFull)

	BudgetMaxRate        float64 // retries as a share of the calls in flight; 0 is no budget
	BudgetMinConcurrency int     // retries in flight that are always allowed
}

// endless stands for attempts without end.
const endless = math.MaxInt32

func (r Retry) attempts() int {
	if r.MaxRetries < 0 {
		return endless
	}
	return r.MaxRetries + 1
}

// Plan is the retries, nil when there are none.
func (r Retry) Plan() *retry.Plan {
	if r.MaxRetries == 0 {
		return nil
	}
	plan := &retry.Plan{
		Attempts: r.attempts(),
		Wait:     r.wait,
		Steady:   r.Jitter == 0 && r.JitterFactor == 0,
		// Every error is retried unless told otherwise, the breaker's own too.
		Rejected: !r.AbortOnRejection,
	}
	if r.BudgetMaxRate > 0 {
		plan.Budget = NewBudget(r.BudgetMaxRate, r.BudgetMinConcurrency)
	}
	return plan
}

// wait is the time before retry n, 1 being the second attempt (failsafe-go v0.9.8,
// retrypolicy/retryexecutor.go, getDelay): the longest wait bounds the growth, not the
// first wait, and comes before the jitter.
func (r Retry) wait(n int, u float64) time.Duration {
	d := r.Delay
	for i := 1; i < n && r.MaxDelay > 0; i++ {
		next := min(time.Duration(min(float64(d)*r.DelayFactor, math.MaxInt64/2)), r.MaxDelay)
		if d == 0 { // a wait that has shrunk to nothing begins anew
			next = r.Delay
		}
		if next == d {
			break // at the longest
		}
		d = next
	}
	return max(jittered(d, r.Jitter, r.JitterFactor, u), 0)
}

// jittered is a delay with its random part; the longer form wins over the share.
// It is negative where the random part is more than the delay.
func jittered(d, jitter time.Duration, factor, u float64) time.Duration {
	switch {
	case d == 0:
		return 0
	case jitter != 0:
		return d + time.Duration((1-u*2)*float64(jitter))
	case factor != 0:
		return time.Duration(float64(d) * (1 + (1-u*2)*factor))
	}
	return d
}

func (r Retry) traps(trap func(string, ...any)) {
	if r.MaxRetries == 0 {
		return
	}
	if r.MaxRetries < 0 {
		trap("maxRetries -1: tries without end")
	}
	if !r.AbortOnRejection {
		trap("a call that the open breaker rejects is retried like any other error: AbortOnErrors(circuitbreaker.ErrOpen) ends it")
	}
	trap("retry is outside the breaker: each attempt is one call to it")
}

// Budget is the library's retry budget (failsafe-go v0.9.8, budget/budget.go): a share
// of the calls in flight, not of those made.
type Budget struct {
	maxRate        float64
	minConcurrency int
	executions     int // in flight, retries included
	retries        int // in flight
}

var _ retry.Budget = (*Budget)(nil)

// NewBudget allows retries up to maxRate of the calls in flight, and minConcurrency
// in any case.
func NewBudget(maxRate float64, minConcurrency int) *Budget {
	return &Budget{maxRate: maxRate, minConcurrency: minConcurrency}
}

// Begin of a call, or of a retry, which the budget may refuse. The retry itself is
// not yet in the rate that it is held against, so the rate may be passed by one.
func (b *Budget) Begin(again bool) bool {
	if again {
		if b.retries >= b.minConcurrency && b.Rate() > b.maxRate {
			return false
		}
		b.retries++
	}
	b.executions++
	return true
}

// End of what Begin began.
func (b *Budget) End(again bool) {
	if again {
		b.retries--
	}
	b.executions--
}

// Failed allows a retry: the budget is asked after the wait.
func (b *Budget) Failed(bool) bool { return true }

// Succeeded changes nothing: the budget looks at calls in flight only.
func (b *Budget) Succeeded() {}

// Rate is the share of retries in the calls in flight, 0..1.
func (b *Budget) Rate() float64 {
	if b.executions == 0 {
		return 0
	}
	return float64(b.retries) / float64(b.executions)
}

// neutral is the retries in neutral words. A fixed wait is one that grows by 1.
func (r Retry) neutral() policy.Retry {
	if r.MaxRetries == 0 {
		return policy.Retry{}
	}
	n := policy.Retry{Attempts: r.attempts(), Base: r.Delay, Max: r.MaxDelay, Multiplier: 1, Jitter: r.JitterFactor, Budget: r.BudgetMaxRate}
	if r.MaxDelay > 0 {
		n.Multiplier = r.DelayFactor
	}
	if r.Jitter > 0 && r.Delay > 0 {
		n.Jitter = min(float64(r.Jitter)/float64(r.Delay), 1)
	}
	return n
}

// fromNeutral is the way back. What a breaker rejected is not tried again, as the
// neutral policy has it.
func fromNeutral(n policy.Retry, lost *policy.Losses) Retry {
	r := Default().Retry
	if n.Attempts <= 1 {
		return r
	}
	r.MaxRetries, r.Delay, r.JitterFactor, r.AbortOnRejection = n.Attempts-1, n.Base, n.Jitter, true
	if n.Attempts >= endless {
		r.MaxRetries = -1
	} else if r.MaxRetries > mostCounts {
		lost.Add("retry.maxRetries %d becomes %d", r.MaxRetries, mostCounts)
		r.MaxRetries = mostCounts
	}
	factor := n.Multiplier
	if factor == 0 {
		factor = 2
	}
	if factor != 1 && n.Base > 0 {
		r.DelayFactor, r.MaxDelay = factor, n.Max
		if n.Max == 0 { // the builder wants a longest wait: the last of these attempts
			last := float64(n.Base) * math.Pow(factor, float64(min(r.attempts(), 100)-2))
			r.MaxDelay = time.Duration(min(max(last, float64(n.Base)), float64(longest)))
		}
	}
	if n.Budget > 0 {
		r.BudgetMaxRate = min(n.Budget, 1)
		lost.Add("budget.maxRate %g is a share of the calls in flight, not of those made, and %d retries at once are always allowed", r.BudgetMaxRate, r.BudgetMinConcurrency)
	}
	return r
}
