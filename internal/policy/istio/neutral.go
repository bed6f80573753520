package istio

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Neutral is what these parameters say to another library: what Envoy makes of them
// says it.
func (p Params) Neutral() policy.Neutral { return p.Envoy().Neutral() }

// longestEjection is Envoy's default, which Istio cannot change.
const longestEjection = 300 * time.Second

// FromNeutral is the nearest that Istio can express, and in words what it cannot.
// All hosts may be ejected, and there is no panic: else nothing would ever open.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p, lost := fromNeutral(n)
	if n.OpenFor > 0 && p.Consecutive5xxErrors > 0 {
		if n.FailureRate == 1 && n.MinCalls == n.WindowCalls { // else it was said
			lost.Add("consecutive5xxErrors %d counts the answers of each host alone", p.Consecutive5xxErrors)
		}
		lost.Add("an ejected host returns at a sweep, up to %s after baseEjectionTime %s",
			policy.FormatDuration(p.Interval), policy.FormatDuration(p.BaseEjectionTime))
	}
	return p, lost
}

func fromNeutral(n policy.Neutral) (Params, policy.Losses) {
	p := Default()
	var lost policy.Losses
	p.MaxEjectionPercent = 100
	p.limits(n, &lost)
	p.rule(n, &lost)
	p.ejection(n, &lost)
	if n.Probes > 0 {
		lost.Add("Istio has no probes: a host that returns gets its full share of calls at once")
	}
	p.HTTP2MaxRequests = n.MaxConcurrent
	p.retries(n.Retry, &lost)
	return p, lost
}

func (p *Params) limits(n policy.Neutral, lost *policy.Losses) {
	attempt := lost.Milliseconds(n.CallTimeout, "perTryTimeout")
	p.Timeout = lost.Milliseconds(n.TotalTimeout, "timeout")
	switch {
	case p.Timeout == 0 && n.Retry.Attempts <= 1:
		p.Timeout = attempt // one attempt is the call
	case p.Timeout > 0 && attempt > p.Timeout: // it would never end an attempt
	case attempt != p.Timeout:
		p.PerTryTimeout = attempt
	}
}

func (p *Params) rule(n policy.Neutral, lost *policy.Losses) {
	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: consecutive5xxErrors keeps Istio's %d", p.Consecutive5xxErrors)
		return
	case n.FailureRate > 1:
		p.Consecutive5xxErrors = 0
		lost.Add("a failure rate above 100 %% never opens: consecutive5xxErrors is 0")
		return
	}
	calls := n.WindowCalls
	if calls == 0 {
		calls = n.MinCalls
	}
	p.Consecutive5xxErrors = max(int(math.Ceil(n.FailureRate*float64(calls)-1e-9)), 1)
	switch {
	case n.WindowCalls == 0:
		lost.Add("Istio cannot judge by a failure rate: %.4g %% of %d calls or more within %s become consecutive5xxErrors %d, failures of one host in a row",
			100*n.FailureRate, n.MinCalls, policy.FormatDuration(n.Window), p.Consecutive5xxErrors)
	case n.FailureRate < 1 || n.MinCalls != n.WindowCalls:
		lost.Add("Istio has no window of %d calls: %.4g %% of them become consecutive5xxErrors %d, failures of one host in a row",
			n.WindowCalls, 100*n.FailureRate, p.Consecutive5xxErrors)
	}
}

func (p *Params) ejection(n policy.Neutral, lost *policy.Losses) {
	if n.OpenFor <= 0 {
		return
	}
	p.BaseEjectionTime = lost.Milliseconds(n.OpenFor, "baseEjectionTime")
	if n.Growth.Jitter > 0 {
		lost.Add("Istio has no jitter on ejections: %.4g %% is lost", 100*n.Growth.Jitter)
	}
	longest := max(longestEjection, p.BaseEjectionTime)
	switch g := n.Growth; {
	case g.Factor > 1:
		lost.Add("ejections grow linearly, by baseEjectionTime from one to the next up to %s, not %g-fold",
			policy.FormatDuration(longest), g.Factor)
	case g.Max != longest && longest > p.BaseEjectionTime:
		lost.Add("ejections grow by baseEjectionTime from one to the next, up to %s; Istio cannot change that", policy.FormatDuration(longest))
	}
}

func (p *Params) retries(r policy.Retry, lost *policy.Losses) {
	p.Attempts = 0
	if r.Attempts <= 1 {
		return
	}
	p.Attempts, p.RetryOn = r.Attempts-1, "5xx,unavailable"
	reach := 1 + r.Jitter
	if r.Jitter < 1 && r.Base > 0 {
		lost.Add("Envoy draws a wait from 0 up to its length, whatever the jitter: backoff is the longest that was asked for")
	}
	p.Backoff = max(time.Duration(reach*float64(r.Base)).Round(time.Millisecond), time.Millisecond)
	if r.Base == 0 {
		lost.Add("Istio does not retry at once: backoff is at least %s", p.Backoff)
	}
	if longest := 10 * p.Backoff; time.Duration(reach*float64(r.Max)).Round(time.Millisecond) != longest {
		lost.Add("the longest wait cannot be set: it is ten times backoff, %s", policy.FormatDuration(longest))
	}
	if r.Multiplier != 0 && r.Multiplier != 2 {
		lost.Add("waits double from retry to retry, they do not grow %g-fold", r.Multiplier)
	}
	if r.Budget > 0 {
		p.RetryBudget, p.BudgetPercent = true, math.Round(1e4*r.Budget)/100
	}
}
