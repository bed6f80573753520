package resilience4j

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Neutral is what these properties say to another library. Slow calls have no
// neutral word. A breaker that begins disabled or in metrics only says nothing but
// what stands around it.
func (p Params) Neutral() policy.Neutral {
	n := policy.Neutral{
		CallTimeout:   p.TimeLimiter.TimeoutDuration,
		MaxConcurrent: p.Bulkhead.MaxConcurrentCalls,
		Retry:         p.Retry.neutral(),
	}
	if p.InitialState == states[policy.Disabled] || p.InitialState == states[policy.MetricsOnly] {
		return n
	}
	n.FailureRate = p.FailureRateThreshold / 100
	n.MinCalls = p.minimum()
	n.OpenFor = p.WaitDurationInOpenState
	n.Probes = p.PermittedNumberOfCallsInHalfOpenState
	if p.SlidingWindowType == CountBased {
		n.WindowCalls = p.SlidingWindowSize
	} else {
		n.Window = time.Duration(p.SlidingWindowSize) * time.Second
	}
	switch {
	case p.EnableExponentialBackoff && p.ExponentialBackoffMultiplier > 1:
		n.Growth = policy.Growth{Factor: p.ExponentialBackoffMultiplier, Max: p.ExponentialMaxWaitDurationInOpenState}
	case p.EnableRandomizedWait:
		n.Growth.Jitter = p.RandomizedWaitFactor
	}
	return n
}

// FromNeutral is the nearest that the library can express, and in words what it
// cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	p.rate(n, &lost)
	p.window(n, &lost)
	p.wait(n, &lost)
	p.halfOpen(n, &lost)
	p.TimeLimiter.TimeoutDuration = whole(n.CallTimeout, "timelimiter.timeoutDuration", &lost)
	if n.TotalTimeout > 0 {
		lost.Add("resilience4j has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	p.Bulkhead.MaxConcurrentCalls = within(n.MaxConcurrent, "bulkhead.maxConcurrentCalls", &lost)
	p.Retry = retryFromNeutral(n.Retry, &lost)
	return p, lost
}

// rate is at least 1 %, for Spring Boot's properties begin there.
func (p *Params) rate(n policy.Neutral, lost *policy.Losses) {
	// Four decimals keep 0.07 and 7 the same over a round trip.
	percent := math.Round(n.FailureRate*1e6) / 1e4
	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: failureRateThreshold keeps the library's %g", p.FailureRateThreshold)
		return
	case percent > 100:
		lost.Add("a failure rate above 100 %% is never reached elsewhere; here the breaker opens when all calls fail")
	case percent < 1:
		lost.Add("failureRateThreshold %g becomes 1: Spring Boot's properties begin there", percent)
	}
	p.FailureRateThreshold = min(max(percent, 1), 100)
}

func (p *Params) window(n policy.Neutral, lost *policy.Losses) {
	p.MinimumNumberOfCalls = max(within(n.MinCalls, "minimumNumberOfCalls", lost), 1)
	switch {
	case n.WindowCalls > 0:
		p.SlidingWindowSize = within(n.WindowCalls, "slidingWindowSize", lost)
		if p.minimum() < p.MinimumNumberOfCalls {
			lost.Add("minimumNumberOfCalls %d becomes %d: a window of calls never holds more", p.MinimumNumberOfCalls, p.minimum())
			p.MinimumNumberOfCalls = p.minimum()
		}
	case n.Window > 0:
		seconds := int(min((n.Window-1)/time.Second+1, most))
		p.SlidingWindowType, p.SlidingWindowSize = TimeBased, seconds
		if is := time.Duration(seconds) * time.Second; is > n.Window {
			lost.Add("slidingWindowSize %d: %s becomes %s, for windows are whole seconds", seconds, policy.FormatDuration(n.Window), policy.FormatDuration(is))
		} else if is < n.Window {
			lost.Add("slidingWindowSize %d: %s becomes %s", seconds, policy.FormatDuration(n.Window), policy.FormatDuration(is))
		}
	default:
		lost.Add("no window was given: slidingWindowSize keeps the library's %d calls", p.SlidingWindowSize)
		p.MinimumNumberOfCalls = p.minimum()
	}
}

func (p *Params) wait(n policy.Neutral, lost *policy.Losses) {
	if n.OpenFor > 0 {
		p.WaitDurationInOpenState = whole(n.OpenFor, "waitDurationInOpenState", lost)
	}
	switch g := n.Growth; {
	case g.Factor > 1:
		p.EnableExponentialBackoff, p.ExponentialBackoffMultiplier = true, g.Factor
		p.ExponentialMaxWaitDurationInOpenState = whole(g.Max, "exponentialMaxWaitDurationInOpenState", lost)
		if g.Jitter > 0 {
			lost.Add("an open time either grows or is randomised: the jitter of %g %% is lost", 100*g.Jitter)
		}
	case g.Jitter > 0:
		p.EnableRandomizedWait, p.RandomizedWaitFactor = true, jitter(g.Jitter, "randomizedWaitFactor", lost)
	}
}

// halfOpen bounds half-open, for by default a hung probe wedges it for ever: by the
// open time, and never before a probe's own time limit.
func (p *Params) halfOpen(n policy.Neutral, lost *policy.Losses) {
	probes := max(within(n.Probes, "permittedNumberOfCallsInHalfOpenState", lost), 1)
	p.PermittedNumberOfCallsInHalfOpenState = probes
	if probes > p.MinimumNumberOfCalls {
		lost.Add("minimumNumberOfCalls %d becomes %d: half-open would be decided after so few of its probes", p.MinimumNumberOfCalls, probes)
		p.MinimumNumberOfCalls = probes
	}
	p.MaxWaitDurationInHalfOpenState = p.WaitDurationInOpenState
	if n.CallTimeout >= p.MaxWaitDurationInHalfOpenState {
		p.MaxWaitDurationInHalfOpenState += n.CallTimeout.Round(time.Millisecond)
	}
}

// whole rounds up to the milliseconds that the library counts in.
func whole(d time.Duration, name string, lost *policy.Losses) time.Duration {
	up := lost.Milliseconds(d, name)
	if up > longest {
		lost.Add("%s %s becomes %s", name, policy.FormatDuration(up), policy.FormatDuration(longest))
		up = longest
	}
	return up
}

func within(n int, name string, lost *policy.Losses) int {
	if n > most {
		lost.Add("%s %d becomes %d", name, n, most)
	}
	return min(n, most)
}

// jitter is below 1, for Spring Boot's properties end there.
func jitter(f float64, name string, lost *policy.Losses) float64 {
	if f < 1 {
		return f
	}
	lost.Add("%s %g becomes 0.99: Spring Boot's properties end below 1", name, f)
	return 0.99
}
