package polly

import (
	"time"

	"tripcurve/internal/policy"
)

// least stands for a ratio of 0, which any failure reaches: to the neutral policy 0
// is no rule at all.
const least = 1e-6

// Neutral is what these properties say to another library.
func (p Params) Neutral() policy.Neutral {
	return policy.Neutral{
		CallTimeout:   p.AttemptTimeout,
		TotalTimeout:  p.TotalRequestTimeout,
		FailureRate:   max(p.FailureRatio, least),
		MinCalls:      p.MinimumThroughput,
		Window:        p.SamplingDuration,
		OpenFor:       p.BreakDuration,
		Probes:        1,
		MaxConcurrent: p.PermitLimit,
		Retry:         p.Retry.neutral(),
	}
}

// FromNeutral is the nearest that the library can express, and in words what it
// cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: FailureRatio keeps the library's %g", p.FailureRatio)
	case n.FailureRate > 1:
		p.FailureRatio = 1
		lost.Add("a failure rate of %.4g is never reached elsewhere; here the breaker opens when all calls fail", n.FailureRate)
	case n.FailureRate <= least:
		p.FailureRatio = 0
	default:
		p.FailureRatio = n.FailureRate
	}
	if p.MinimumThroughput = min(n.MinCalls, most); n.MinCalls < LeastThroughput {
		p.MinimumThroughput = LeastThroughput
		lost.Add("MinimumThroughput %d becomes %d, the least that Polly takes", n.MinCalls, LeastThroughput)
	}
	switch {
	case n.WindowCalls > 0:
		lost.Add("Polly has no window of a number of calls: %d calls become the library's window of %s", n.WindowCalls, p.SamplingDuration)
	case n.Window > 0:
		p.SamplingDuration = span(n.Window, LeastDuration, "SamplingDuration", &lost)
	}
	if n.OpenFor > 0 {
		p.BreakDuration = span(n.OpenFor, LeastDuration, "BreakDuration", &lost)
	}
	if n.Growth.Factor > 1 {
		lost.Add("Polly's BreakDuration does not grow by itself: every opening lasts %s (BreakDurationGenerator is code)", policy.FormatDuration(p.BreakDuration))
	}
	if n.Growth.Jitter > 0 {
		lost.Add("Polly's BreakDuration has no jitter: breakers opened together probe together (BreakDurationGenerator is code)")
	}
	if n.Probes > 1 {
		lost.Add("Polly lets one probe through, not %d", n.Probes)
	}
	if n.CallTimeout > 0 {
		p.AttemptTimeout = span(n.CallTimeout, LeastTimeout, "AttemptTimeout", &lost)
	}
	if n.TotalTimeout > 0 {
		p.TotalRequestTimeout = span(n.TotalTimeout, LeastTimeout, "TotalRequestTimeout", &lost)
	}
	p.PermitLimit = min(n.MaxConcurrent, most)
	p.Retry = fromNeutral(n.Retry, &lost)
	return p, lost
}

// span is a time within the library's range, in whole ticks.
func span(d, shortest time.Duration, name string, lost *policy.Losses) time.Duration {
	within := min(max(d, shortest), Longest).Truncate(Tick)
	if within != d {
		lost.Add("%s %s becomes %s: Polly takes from %s to %s", name, d, within, policy.FormatDuration(shortest), policy.FormatDuration(Longest))
	}
	return within
}
