package resilience4j

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
)

// Retry are the properties of a Retry.
type Retry struct {
	MaxAttempts                  int           // the first included; 1 is no Retry
	WaitDuration                 time.Duration // before the second attempt
	EnableExponentialBackoff     bool
	ExponentialBackoffMultiplier float64
	ExponentialMaxWaitDuration   time.Duration // longest wait; 0 is none
	EnableRandomizedWait         bool
	RandomizedWaitFactor         float64 // 0..1: the wait is drawn from [1-f, 1+f] of its length
	RetryExceptions              Exceptions
	IgnoreExceptions             Exceptions
}

// Plan is the retries, nil when there are none. Every exception is worth another
// attempt unless the properties say otherwise, also that of the open breaker inside.
func (r Retry) Plan() *retry.Plan {
	if r.MaxAttempts <= 1 {
		return nil
	}
	return &retry.Plan{
		Attempts: r.MaxAttempts,
		Wait:     r.wait,
		Steady:   !r.EnableRandomizedWait || r.RandomizedWaitFactor == 0,
		Rejected: r.retries(callNotPermitted),
	}
}

// retries says whether an exception of these classes is worth another attempt
// (resilience4j 2.4.0, RetryConfig: ignored before retried).
func (r Retry) retries(classes []string) bool {
	return !r.IgnoreExceptions.has(classes) && (r.RetryExceptions == "" || r.RetryExceptions.has(classes))
}

// wait is the time before retry n, 1 being the second attempt, in whole
// milliseconds: grown, then randomised, then bounded (resilience4j 2.4.0,
// IntervalFunction, ofExponentialRandomBackoff).
func (r Retry) wait(n int, u float64) time.Duration {
	wait := r.WaitDuration.Milliseconds()
	if r.EnableExponentialBackoff {
		wait = grown(wait, r.ExponentialBackoffMultiplier, n)
	}
	if r.EnableRandomizedWait {
		wait = randomized(wait, r.RandomizedWaitFactor, u)
	}
	if limit := r.ExponentialMaxWaitDuration.Milliseconds(); r.EnableExponentialBackoff && limit > 0 {
		wait = min(wait, limit)
	}
	return time.Duration(wait) * time.Millisecond
}

func (r Retry) traps(trap func(string, ...any)) {
	if r.MaxAttempts <= 1 {
		return
	}
	trap("the Retry is outside the breaker: each of up to %d attempts is one call in its window", r.MaxAttempts)
	if r.retries(callNotPermitted) {
		trap("a call that the open breaker rejects is retried like any other: retry.ignoreExceptions io.github.resilience4j.circuitbreaker.CallNotPermittedException ends it")
	}
}

// neutral is the retries in neutral words. A fixed wait is one that grows by 1.
func (r Retry) neutral() policy.Retry {
	if r.MaxAttempts <= 1 {
		return policy.Retry{}
	}
	n := policy.Retry{Attempts: r.MaxAttempts, Base: r.WaitDuration, Multiplier: 1}
	if r.EnableExponentialBackoff {
		n.Multiplier, n.Max = r.ExponentialBackoffMultiplier, r.ExponentialMaxWaitDuration
	}
	if r.EnableRandomizedWait {
		n.Jitter = r.RandomizedWaitFactor
	}
	return n
}

// retryFromNeutral is the way back. What the breaker rejected is not tried again, as
// the neutral policy has it.
func retryFromNeutral(n policy.Retry, lost *policy.Losses) Retry {
	r := Default().Retry
	if n.Attempts <= 1 {
		return r
	}
	r.MaxAttempts = n.Attempts
	if n.Attempts > most {
		r.MaxAttempts = most
		lost.Add("retry.maxAttempts %d becomes %d", n.Attempts, most)
	}
	r.IgnoreExceptions = ExceptionsOf(callNotPermitted[:1])
	r.WaitDuration = whole(n.Base, "retry.waitDuration", lost)
	if r.WaitDuration < time.Millisecond {
		r.WaitDuration = time.Millisecond
		lost.Add("a retry at once is written as a wait of 1ms: older versions refuse a wait of 0")
	}
	multiplier := n.Multiplier
	if multiplier == 0 {
		multiplier = 2
	}
	if multiplier != 1 && n.Base > 0 {
		r.EnableExponentialBackoff, r.ExponentialBackoffMultiplier = true, multiplier
		r.ExponentialMaxWaitDuration = whole(n.Max, "retry.exponentialMaxWaitDuration", lost)
	}
	if n.Jitter > 0 && n.Base > 0 {
		r.EnableRandomizedWait, r.RandomizedWaitFactor = true, jitter(n.Jitter, "retry.randomizedWaitFactor", lost)
		if r.ExponentialMaxWaitDuration > 0 {
			lost.Add("retry.exponentialMaxWaitDuration %s bounds the wait with its random part", policy.FormatDuration(r.ExponentialMaxWaitDuration))
		}
	}
	if n.Budget > 0 {
		lost.Add("resilience4j has no retry budget: %g %% of calls is lost", 100*n.Budget)
	}
	return r
}
