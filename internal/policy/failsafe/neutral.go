package failsafe

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Neutral is what these parameters say to another library. A number of failures in a
// period has no neutral word: there is no rate.
func (p Params) Neutral() policy.Neutral {
	r := p.rules()
	n := policy.Neutral{
		CallTimeout:   p.Timeout,
		TotalTimeout:  p.TotalTimeout,
		OpenFor:       p.Delay,
		Probes:        int(r.halfOpenCapacity()),
		MaxConcurrent: p.MaxConcurrency,
		Retry:         p.Retry.neutral(),
	}
	switch {
	case r.rate > 0 && r.period > 0:
		n.FailureRate, n.MinCalls, n.Window = r.rate, int(r.executions), r.period
	case r.rate > 0: // a rate without a period looks at the calls that ended last
		n.FailureRate, n.MinCalls, n.WindowCalls = r.rate, int(r.executions), int(r.closedCapacity())
	case r.period > 0:
		n.MinCalls, n.Window = int(r.failures), r.period
	default:
		n.FailureRate = float64(r.failures) / float64(r.capacity)
		n.MinCalls, n.WindowCalls = int(r.failures), int(r.capacity)
	}
	n.Growth.Jitter = p.JitterFactor
	if p.DelayMin > 0 && p.DelayMax > 0 {
		n.OpenFor = (p.DelayMin + p.DelayMax) / 2
		n.Growth.Jitter = math.Abs(float64(p.DelayMax-p.DelayMin)) / float64(p.DelayMax+p.DelayMin)
	} else if p.Jitter > 0 && p.Delay > 0 {
		n.Growth.Jitter = min(float64(p.Jitter)/float64(p.Delay), 1)
	}
	return n
}

// FromNeutral is the nearest that the library can express, and in words what it
// cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	p.opening(n, &lost)
	if n.OpenFor > 0 {
		p.Delay = min(n.OpenFor, longest)
	}
	if n.Growth.Factor > 1 {
		lost.Add("failsafe-go's delay does not grow by itself: every opening lasts %s (WithDelayFunc is code)", policy.FormatDuration(p.Delay))
	}
	p.JitterFactor = n.Growth.Jitter
	p.closing(max(n.Probes, 1), n.FailureRate)
	p.Timeout, p.TotalTimeout = min(n.CallTimeout, longest), min(n.TotalTimeout, longest)
	p.MaxConcurrency = n.MaxConcurrent
	p.Retry = fromNeutral(n.Retry, &lost)
	return p, lost
}

// opening is what opens.
func (p *Params) opening(n policy.Neutral, lost *policy.Losses) {
	if n.FailureRate <= 0 {
		lost.Add("no rule on a failure rate was given: the library's own opens on a single failure")
		return
	}
	rate := min(n.FailureRate, 1)
	if n.FailureRate > 1 {
		lost.Add("a failure rate of %s is never reached elsewhere; here the breaker opens when all calls fail", percent(n.FailureRate))
	}
	if n.WindowCalls > 0 {
		p.FailureThreshold = max(ceil(rate*float64(n.WindowCalls)), 1)
		if n.WindowCalls != p.FailureThreshold {
			p.FailureThresholdingCapacity = n.WindowCalls
		}
		if n.MinCalls > p.FailureThreshold {
			lost.Add("%d failures open the breaker, also before %d calls have ended", p.FailureThreshold, n.MinCalls)
		}
		return
	}
	p.FailureRateThreshold = max(math.Round(rate*100), 1) / 100
	if n.FailureRate <= 1 && p.FailureRateThreshold != rate {
		lost.Add("failureRateThreshold %s becomes %s: rates are rounded to 1 %%", percent(rate), percent(p.FailureRateThreshold))
	}
	p.FailureExecutionThreshold = n.MinCalls
	if p.FailureThresholdingPeriod = min(n.Window, longest); n.Window < parts {
		p.FailureThresholdingPeriod = 10 * time.Second
		lost.Add("no window was given that can be cut into ten parts: failureThresholdingPeriod is %s", p.FailureThresholdingPeriod)
	}
}

// closing lets that many calls in, and closes unless the failures among them reach
// the rate that opens.
func (p *Params) closing(probes int, rate float64) {
	failures := 1
	if rate > 0 {
		failures = min(max(ceil(min(rate, 1)*float64(probes)), 1), probes)
	}
	p.SuccessThreshold = probes - failures + 1
	if p.SuccessThreshold != probes {
		p.SuccessThresholdingCapacity = probes
	}
}

// ceil rounds up what is more than a float's noise above a whole number: 0.07 * 100
// is 7.
func ceil(f float64) int { return int(math.Ceil(f - 1e-9)) }
