package polly

import (
	"math"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
)

// Backoff types.
const (
	Constant    = "Constant"
	Linear      = "Linear"
	Exponential = "Exponential"
)

// Retry is RetryStrategyOptions.
type Retry struct {
	MaxRetryAttempts int // without the first attempt; 0 is none, 2147483647 without end
	Delay            time.Duration
	BackoffType      string
	UseJitter        bool
	MaxDelay         time.Duration // bounds the wait after its jitter; 0 is no bound
}

// Plan is the retries, nil when there are none. What the breaker rejects is not made
// again: HttpRetryStrategyOptions retries HttpRequestException, TimeoutRejectedException
// and statuses, and no BrokenCircuitException (a retry strategy of Polly.Core would,
// unless told otherwise).
func (r Retry) Plan() *retry.Plan {
	if r.MaxRetryAttempts == 0 {
		return nil
	}
	plan := &retry.Plan{Attempts: r.MaxRetryAttempts + 1, Steady: !r.UseJitter}
	if r.UseJitter && r.BackoffType == Exponential {
		plan.PerCall = func() func(int, float64) time.Duration {
			previous := 0.0
			return func(n int, u float64) time.Duration { return r.bound(decorrelated(n-1, r.Delay, &previous, u)) }
		}
		return plan
	}
	plan.Wait = func(n int, u float64) time.Duration { return r.bound(r.wait(n-1, u)) }
	return plan
}

// wait is the wait after an attempt, 0 being the first (Polly 8.7.0,
// Retry/RetryHelper.cs, GetRetryDelayCore and ApplyJitter).
func (r Retry) wait(attempt int, u float64) time.Duration {
	if r.Delay == 0 {
		return 0
	}
	ticks := float64(r.Delay / Tick)
	switch r.BackoffType {
	case Linear:
		ticks *= float64(attempt + 1)
	case Exponential:
		ticks *= math.Pow(2, float64(attempt))
	}
	if r.UseJitter {
		ticks += ticks*jitterFactor*u - ticks*jitterFactor/2
	}
	return fromTicks(ticks)
}

// jitterFactor spreads a wait over half its length, a quarter to either side.
const jitterFactor = 0.5

// decorrelated is the exponential backoff with jitter: a wait is the way between two
// points on a curve, each point drawn within its attempt, so that it depends on the
// wait before it (RetryHelper.cs, DecorrelatedJitterBackoffV2).
func decorrelated(attempt int, delay time.Duration, previous *float64, u float64) time.Duration {
	const (
		smooth = 4.0     // how fast the curve leaves 0
		scale  = 1 / 1.4 // so that the median of the first wait is near the delay
	)
	if delay == 0 {
		return 0
	}
	t := float64(attempt) + u
	point := math.Pow(2, t) * math.Tanh(math.Sqrt(smooth*t))
	way := point - *previous
	*previous = point
	if math.IsInf(point, 1) {
		return math.MaxInt64 / Tick * Tick
	}
	return fromTicks(way * scale * float64(delay/Tick))
}

// fromTicks cuts to whole ticks; what no TimeSpan holds is the longest.
func fromTicks(ticks float64) time.Duration {
	if longest := float64(math.MaxInt64/Tick - 1000); ticks > longest {
		ticks = longest
	}
	return time.Duration(ticks) * Tick
}

func (r Retry) bound(wait time.Duration) time.Duration {
	if r.MaxDelay > 0 {
		return min(wait, r.MaxDelay)
	}
	return wait
}

// The jitter of the neutral policy that comes nearest: a quarter to either side, or
// the decorrelated curve, whose first wait lies between nothing and 1.4 delays.
const (
	quarter = 0.25
	half    = 0.5
)

// neutral is the retries in neutral words, which know of no linear growth: it doubles
// too, as it does from the first wait to the second.
func (r Retry) neutral() policy.Retry {
	if r.MaxRetryAttempts == 0 {
		return policy.Retry{}
	}
	n := policy.Retry{Attempts: r.MaxRetryAttempts + 1, Base: r.Delay, Max: r.MaxDelay, Multiplier: 2}
	if r.BackoffType == Constant {
		n.Multiplier = 1
	}
	switch {
	case r.UseJitter && r.BackoffType == Exponential:
		n.Jitter = half
	case r.UseJitter:
		n.Jitter = quarter
	}
	return n
}

// fromNeutral is the way back.
func fromNeutral(n policy.Retry, lost *policy.Losses) Retry {
	r := Default().Retry
	if n.Attempts <= 1 {
		return r
	}
	r.MaxRetryAttempts = min(n.Attempts-1, most)
	r.Delay = span(n.Base, 0, "Retry.Delay", lost)
	if n.Max > 0 {
		r.MaxDelay = max(span(n.Max, 0, "Retry.MaxDelay", lost), Tick)
	}
	switch n.Multiplier {
	case 1:
		r.BackoffType = Constant
	default:
		r.BackoffType = Exponential
		if n.Multiplier != 0 && n.Multiplier != 2 && n.Base > 0 {
			lost.Add("Retry.BackoffType Exponential doubles the wait, it does not multiply it by %g", n.Multiplier)
		}
	}
	if r.UseJitter = n.Jitter > 0; r.UseJitter && n.Base > 0 {
		switch fixed := r.neutral().Jitter; {
		case r.BackoffType == Exponential && n.Jitter != fixed:
			lost.Add("Retry.UseJitter draws exponential waits from a distribution of its own, not from %g %% around their length", 100*n.Jitter)
		case n.Jitter != fixed:
			lost.Add("Retry.UseJitter is fixed at %g %%, not %g %%", 100*fixed, 100*n.Jitter)
		}
	}
	if n.Budget > 0 {
		lost.Add("Polly has no retry budget: %g %% of calls is lost", 100*n.Budget)
	}
	return r
}
