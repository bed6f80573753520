package polly

import (
	"fmt"
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
	var losses []string
	lose := func(format string, args ...any) { losses = append(losses, fmt.Sprintf(format, args...)) }

	switch {
	case n.FailureRate <= 0:
		lose("no rule on a failure rate was given: FailureRatio keeps the library's %g", p.FailureRatio)
	case n.FailureRate > 1:
		p.FailureRatio = 1
		lose("a failure rate of %.4g is never reached elsewhere; here the breaker opens when all calls fail", n.FailureRate)
	case n.FailureRate <= least:
		p.FailureRatio = 0
	default:
		p.FailureRatio = n.FailureRate
	}
	if p.MinimumThroughput = min(n.MinCalls, most); n.MinCalls < LeastThroughput {
		p.MinimumThroughput = LeastThroughput
		lose("MinimumThroughput %d becomes %d, the least that Polly takes", n.MinCalls, LeastThroughput)
	}
	switch {
	case n.WindowCalls > 0:
		lose("Polly has no window of a number of calls: %d calls become the library's window of %s", n.WindowCalls, p.SamplingDuration)
	case n.Window > 0:
		p.SamplingDuration = span(n.Window, LeastDuration, "SamplingDuration", lose)
	}
	if n.OpenFor > 0 {
		p.BreakDuration = span(n.OpenFor, LeastDuration, "BreakDuration", lose)
	}
	if n.Growth.Factor > 1 {
		lose("Polly's BreakDuration does not grow by itself: every opening lasts %s (BreakDurationGenerator is code)", policy.FormatDuration(p.BreakDuration))
	}
	if n.Growth.Jitter > 0 {
		lose("Polly's BreakDuration has no jitter: breakers opened together probe together (BreakDurationGenerator is code)")
	}
	if n.Probes > 1 {
		lose("Polly lets one probe through, not %d", n.Probes)
	}
	if n.CallTimeout > 0 {
		p.AttemptTimeout = span(n.CallTimeout, LeastTimeout, "AttemptTimeout", lose)
	}
	if n.TotalTimeout > 0 {
		p.TotalRequestTimeout = span(n.TotalTimeout, LeastTimeout, "TotalRequestTimeout", lose)
	}
	p.PermitLimit = min(n.MaxConcurrent, most)
	p.Retry = fromNeutral(n.Retry, lose)
	return p, losses
}

// span is a time within the library's range, in whole ticks.
func span(d, shortest time.Duration, name string, lose func(string, ...any)) time.Duration {
	within := min(max(d, shortest), Longest).Truncate(Tick)
	if within != d {
		lose("%s %s becomes %s: Polly takes from %s to %s", name, d, within, policy.FormatDuration(shortest), policy.FormatDuration(Longest))
	}
	return within
}
