package envoy

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Neutral is what these parameters say to another library. A rule on a rate comes
// before one on failures in a row, which is a window of that many calls, all
// failed. What Envoy judges per host is said of the whole.
//
// That the ejection time grows linearly has no neutral word: a Growth without a
// Factor whose Max is above OpenFor says it to Envoy's kin and no growth to others.
func (p Params) Neutral() policy.Neutral {
	n := policy.Neutral{
		CallTimeout: policy.Shortest(p.PerTryTimeout, p.Timeout),
		OpenFor:     p.BaseEjectionTime + p.MaxEjectionTimeJitter/2,
	}
	if n.CallTimeout != p.Timeout || p.Retries() {
		n.TotalTimeout = p.Timeout
	}
	switch {
	case p.EnforcingFailurePercentage > 0:
		n.FailureRate = float64(p.FailurePercentageThreshold) / 100
		n.MinCalls, n.Window = p.FailurePercentageRequestVolume, p.Interval
	case p.EnforcingConsecutive5xx > 0 && p.Consecutive5xx > 0:
		n.FailureRate, n.MinCalls, n.WindowCalls = 1, p.Consecutive5xx, p.Consecutive5xx
	}
	if p.longestEjection() > p.BaseEjectionTime {
		n.Growth.Max = p.longestEjection()
	}
	n.Growth.Jitter = float64(p.MaxEjectionTimeJitter) / 2 / float64(n.OpenFor)
	if p.MaxRequests < unlimited {
		n.MaxConcurrent = p.MaxRequests
	}
	if p.Retries() {
		n.Retry = policy.Retry{
			Attempts: p.NumRetries + 1, Base: p.BaseInterval / 2, Max: p.longestWait() / 2, Multiplier: 2, Jitter: 1,
		}
		if p.RetryBudget {
			n.Retry.Budget = p.BudgetPercent / 100
		}
	}
	return n
}

// FromNeutral is the nearest that Envoy can express, and in words what it cannot.
// All hosts may be ejected, and there is no panic: else nothing would ever open.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p, lost := fromNeutral(n)
	if n.OpenFor > 0 {
		p.nearly(n, &lost)
	}
	return p, lost
}

// nearly says how Envoy's rules differ from what others mean by the same numbers.
func (p Params) nearly(n policy.Neutral, lost *policy.Losses) {
	interval := policy.FormatDuration(p.Interval)
	switch {
	case p.EnforcingFailurePercentage > 0:
		lost.Add("failure_percentage_threshold %d is judged for each host alone, once at the end of each interval of %s and over that interval: it opens up to %s later than a rolling window",
			p.FailurePercentageThreshold, interval, interval)
	case p.Consecutive5xx == 0:
		return
	case n.FailureRate == 1 && n.MinCalls == n.WindowCalls: // else it was said
		lost.Add("consecutive_5xx %d counts the answers of each host alone", p.Consecutive5xx)
	}
	lost.Add("an ejected host returns at a sweep, up to %s after base_ejection_time %s", interval, policy.FormatDuration(p.BaseEjectionTime))
}

func fromNeutral(n policy.Neutral) (Params, policy.Losses) {
	p := Default()
	var lost policy.Losses
	p.MaxEjectionPercent, p.HealthyPanicThreshold = 100, 0
	p.limits(n, &lost)
	p.rule(n, &lost)
	p.ejection(n, &lost)
	if n.Probes > 0 {
		lost.Add("Envoy has no probes: a host that returns gets its full share of calls at once")
	}
	if n.MaxConcurrent > 0 {
		p.MaxRequests = n.MaxConcurrent
	} else {
		lost.Add("without a bound on the calls in flight Envoy has its own: max_requests %d", p.MaxRequests)
	}
	p.retries(n.Retry, &lost)
	return p, lost
}

func (p *Params) limits(n policy.Neutral, lost *policy.Losses) {
	attempt := lost.Milliseconds(n.CallTimeout, "per_try_timeout")
	p.Timeout = lost.Milliseconds(n.TotalTimeout, "timeout")
	if p.Timeout == 0 && n.Retry.Attempts <= 1 {
		p.Timeout = attempt // one attempt is the call
	} else if attempt != p.Timeout {
		p.PerTryTimeout = attempt
	}
}

func (p *Params) rule(n policy.Neutral, lost *policy.Losses) {
	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: consecutive_5xx keeps Envoy's %d", p.Consecutive5xx)
	case n.FailureRate > 1:
		p.Consecutive5xx, p.EnforcingSuccessRate = 0, 0
		lost.Add("a failure rate above 100 %% never opens: no rule is written")
	case n.WindowCalls > 0:
		p.Consecutive5xx = max(int(math.Ceil(n.FailureRate*float64(n.WindowCalls)-1e-9)), 1)
		if n.FailureRate < 1 || n.MinCalls != n.WindowCalls {
			lost.Add("Envoy has no window of %d calls: %.4g %% of them become consecutive_5xx %d, failures of one host in a row",
				n.WindowCalls, 100*n.FailureRate, p.Consecutive5xx)
		}
	default:
		p.rate(n, lost)
	}
}

// rate is a rule on the failed share of each host's requests in one interval. The
// rules on failures in a row and on success rates would fire beside it.
func (p *Params) rate(n policy.Neutral, lost *policy.Losses) {
	p.Consecutive5xx, p.EnforcingSuccessRate = 0, 0
	p.EnforcingFailurePercentage, p.FailurePercentageMinimumHosts = 100, 1
	p.FailurePercentageThreshold = max(int(math.Round(100*n.FailureRate)), 1)
	if exact := 100 * n.FailureRate; math.Abs(exact-float64(p.FailurePercentageThreshold)) > 1e-9 {
		lost.Add("failure_percentage_threshold is %d: whole percent only, not %.4g", p.FailurePercentageThreshold, exact)
	}
	p.FailurePercentageRequestVolume = n.MinCalls
	if n.Window > 0 {
		p.Interval = lost.Milliseconds(n.Window, "interval")
	}
}

func (p *Params) ejection(n policy.Neutral, lost *policy.Losses) {
	if n.OpenFor <= 0 {
		return
	}
	half := time.Duration(float64(n.OpenFor) * n.Growth.Jitter).Round(time.Microsecond)
	p.BaseEjectionTime = max(lost.Milliseconds(n.OpenFor-half, "base_ejection_time"), time.Millisecond)
	p.MaxEjectionTimeJitter = (2 * half).Round(time.Millisecond)
	switch g := n.Growth; {
	case g.Factor > 1:
		lost.Add("ejections grow linearly, by base_ejection_time from one to the next, not %g-fold", g.Factor)
		if g.Jitter > 0 {
			lost.Add("the jitter is %s however long the ejection is", p.MaxEjectionTimeJitter)
		}
		p.MaxEjectionTime = lost.Milliseconds(g.Max, "max_ejection_time")
	case g.Max > p.BaseEjectionTime:
		p.MaxEjectionTime = lost.Milliseconds(g.Max, "max_ejection_time")
	default:
		p.MaxEjectionTime = p.BaseEjectionTime // it must not grow
	}
	if p.MaxEjectionTime > 0 {
		p.MaxEjectionTime = max(p.MaxEjectionTime, p.BaseEjectionTime)
	}
}

func (p *Params) retries(r policy.Retry, lost *policy.Losses) {
	if r.Attempts <= 1 {
		return
	}
	p.RetryOn, p.NumRetries = "5xx,unavailable", r.Attempts-1
	reach := 1 + r.Jitter
	if r.Jitter < 1 && r.Base > 0 {
		lost.Add("Envoy draws a wait from 0 up to its length, whatever the jitter: base_interval is the longest that was asked for")
	}
	p.BaseInterval = max(time.Duration(reach*float64(r.Base)).Round(time.Millisecond), time.Millisecond)
	if r.Base == 0 {
		lost.Add("Envoy does not retry at once: base_interval is at least %s", p.BaseInterval)
	}
	if r.Max > 0 {
		p.MaxInterval = max(time.Duration(reach*float64(r.Max)).Round(time.Millisecond), p.BaseInterval)
	} else {
		lost.Add("waits are bounded: max_interval is %s", p.longestWait())
	}
	if r.Multiplier != 0 && r.Multiplier != 2 {
		lost.Add("waits double from retry to retry, they do not grow %g-fold", r.Multiplier)
	}
	if r.Budget > 0 {
		p.RetryBudget, p.BudgetPercent = true, math.Round(1e4*r.Budget)/100
	}
}
