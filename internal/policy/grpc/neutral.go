package grpc

import (
	"math"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
)

// jitter is fixed: a wait is drawn from 80 % to 120 % of its length.
const jitter = 0.2

// leastBackoff stands for no wait, which gRPC refuses.
const leastBackoff = time.Millisecond

// Neutral is what these parameters say to another library. The timeout is the
// call's: without retries that is the attempt's as well, with retries it covers all
// of them.
func (p Params) Neutral() policy.Neutral {
	var n policy.Neutral
	if p.Attempts <= 1 {
		n.CallTimeout = p.Timeout
		return n
	}
	n.TotalTimeout = p.Timeout
	n.Retry = policy.Retry{
		Attempts: p.attempts(), Base: p.InitialBackoff, Max: p.MaxBackoff,
		Multiplier: p.BackoffMultiplier, Jitter: jitter,
	}
	if p.MaxTokens > 0 {
		n.Retry.Budget = min(p.TokenRatio, 1)
	}
	return n
}

// FromNeutral is the nearest that a service config can express, and in words what
// it cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	p.Timeout = n.CallTimeout
	retries := n.Retry.Attempts > 1
	switch {
	case n.TotalTimeout > 0:
		p.Timeout = n.TotalTimeout
		if n.CallTimeout > 0 && n.CallTimeout < n.TotalTimeout {
			if retries {
				lost.Add("gRPC has no time limit on one attempt: %s on each is lost, and a hang is not retried", policy.FormatDuration(n.CallTimeout))
			} else {
				p.Timeout = n.CallTimeout
				lost.Add("without retries the time limit of the attempt, %s, is the call's: a total one of %s never runs out", policy.FormatDuration(n.CallTimeout), policy.FormatDuration(n.TotalTimeout))
			}
		}
	case n.CallTimeout > 0 && retries:
		lost.Add("timeout %s covers all attempts together: gRPC has no time limit on one attempt, so a hang is not retried", Seconds(n.CallTimeout))
	}
	breaker(n, &lost)
	if n.MaxConcurrent > 0 {
		lost.Add("gRPC has no bound on a client's calls in flight: max_concurrent %d is lost (max_concurrent_streams is the server's setting)", n.MaxConcurrent)
	}
	if retries {
		p.retries(n.Retry, &lost)
	}
	return p, lost
}

// breaker says what of a breaker is lost: all of it.
func breaker(n policy.Neutral, lost *policy.Losses) {
	if n.FailureRate > 0 || n.OpenFor > 0 {
		lost.Add("gRPC's service config has no circuit breaker: its rate, window, open time and probes are lost")
	}
}

func (p *Params) retries(r policy.Retry, lost *policy.Losses) {
	p.Attempts = r.Attempts
	if r.Attempts > MaxAttempts {
		p.Attempts = MaxAttempts
		lost.Add("clients make no more than %d attempts, not %d", MaxAttempts, r.Attempts)
	}
	p.BackoffMultiplier = r.Multiplier
	if r.Multiplier == 0 {
		p.BackoffMultiplier = 2
	}
	p.InitialBackoff = max(r.Base, leastBackoff)
	if r.Base < leastBackoff {
		lost.Add("a retry at once is not expressible: initialBackoff is %s", Seconds(leastBackoff))
	}
	p.MaxBackoff = max(r.Max, leastBackoff)
	if r.Max == 0 { // no bound: the longest wait that there is
		most := float64(p.InitialBackoff) * math.Pow(max(p.BackoffMultiplier, 1), float64(p.Attempts-2))
		p.MaxBackoff = time.Duration(min(most, float64(longest)))
	}
	if r.Jitter != jitter {
		lost.Add("gRPC's jitter is fixed at 20 %%, not %g %%", 100*r.Jitter)
	}
	if r.Budget > 0 {
		p.MaxTokens, p.TokenRatio = retry.DefaultTokens, r.Budget
		lost.Add("tokenRatio %g is a share of the successes, and nothing is retried while half of the %d tokens are gone", r.Budget, retry.DefaultTokens)
	}
}
