package polly

import (
	"math"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/polly"
)

// unlimited is the greatest PermitLimit: no bound.
const unlimited = math.MaxInt32

// Params are the options over what AddStandardResilienceHandler begins with.
func (o Options) Params() polly.Params {
	p := polly.Standard()
	if o.RateLimiter != nil && o.RateLimiter.DefaultRateLimiterOptions != nil {
		set(&p.PermitLimit, o.RateLimiter.DefaultRateLimiterOptions.PermitLimit)
	}
	if p.PermitLimit == unlimited {
		p.PermitLimit = 0
	}
	if o.TotalRequestTimeout != nil {
		span(&p.TotalRequestTimeout, o.TotalRequestTimeout.Timeout)
	}
	if o.AttemptTimeout != nil {
		span(&p.AttemptTimeout, o.AttemptTimeout.Timeout)
	}
	if b := o.CircuitBreaker; b != nil {
		set(&p.FailureRatio, b.FailureRatio)
		set(&p.MinimumThroughput, b.MinimumThroughput)
		span(&p.SamplingDuration, b.SamplingDuration)
		span(&p.BreakDuration, b.BreakDuration)
	}
	if r := o.Retry; r != nil {
		set(&p.Retry.MaxRetryAttempts, r.MaxRetryAttempts)
		set(&p.Retry.UseJitter, r.UseJitter)
		if r.BackoffType != nil {
			p.Retry.BackoffType = string(*r.BackoffType)
		}
		span(&p.Retry.Delay, r.Delay)
		if r.MaxDelay != nil && *r.MaxDelay == 0 {
			p.Retry.Delay = 0 // a bound of nothing
		}
		span(&p.Retry.MaxDelay, r.MaxDelay)
	}
	if p.Retry.MaxRetryAttempts == 0 {
		p.Retry = polly.Default().Retry // what it says of waits is of nothing
	}
	return p
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func span[T ~int64](to *time.Duration, from *T) {
	if from != nil {
		*to = time.Duration(*from)
	}
}

// Policies are the policies that a file states, by client, and in words what of the
// file is no part of them.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := map[string]policy.Policy{}
	var notes []string
	for _, client := range c {
		o := client.Options
		policies[client.Name] = policy.Policy{Breaker: policy.BreakerSpec{Library: "polly", Params: o.Params().Map()}}
		if l := o.RateLimiter; l != nil && l.DefaultRateLimiterOptions != nil && l.DefaultRateLimiterOptions.QueueLimit != nil && *l.DefaultRateLimiterOptions.QueueLimit > 0 {
			notes = append(notes, client.Name+": RateLimiter.QueueLimit is left out: a call without a permit is rejected here, it does not wait")
		}
		if o.Retry != nil && o.Retry.ShouldRetryAfterHeader != nil {
			notes = append(notes, client.Name+": Retry.ShouldRetryAfterHeader is no part of a policy")
		}
	}
	return policies, notes
}

// Of are the options that say p, all of them, for an option that is absent has the
// pipeline's default and not none. A time limit of 0 must have become one before.
func Of(p polly.Params) Options {
	permits := p.PermitLimit
	if permits == 0 {
		permits = unlimited
	}
	r := &Retry{MaxRetryAttempts: &p.Retry.MaxRetryAttempts}
	if p.Retry.MaxRetryAttempts > 0 {
		r.BackoffType, r.UseJitter = new(Backoff(p.Retry.BackoffType)), &p.Retry.UseJitter
		r.Delay = new(Span(p.Retry.Delay))
		if p.Retry.MaxDelay > 0 {
			r.MaxDelay = new(Span(p.Retry.MaxDelay))
		}
	}
	return Options{
		RateLimiter:         &RateLimiter{DefaultRateLimiterOptions: &ConcurrencyLimiter{PermitLimit: &permits}},
		TotalRequestTimeout: &Timeout{Timeout: new(Limit(p.TotalRequestTimeout))},
		Retry:               r,
		CircuitBreaker: &CircuitBreaker{
			FailureRatio: &p.FailureRatio, MinimumThroughput: &p.MinimumThroughput,
			SamplingDuration: new(Break(p.SamplingDuration)), BreakDuration: new(Break(p.BreakDuration)),
		},
		AttemptTimeout: &Timeout{Timeout: new(Limit(p.AttemptTimeout))},
	}
}
