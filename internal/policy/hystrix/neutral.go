package hystrix

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// least stands for a threshold of 0 %, which any call reaches: to the neutral policy
// 0 is no rule at all.
const least = 1e-6

// Neutral is what these properties say to another library. A breaker that is off
// says nothing but its time limit and its places.
func (p Params) Neutral() policy.Neutral {
	n := policy.Neutral{CallTimeout: p.CallTimeout(), MaxConcurrent: p.Places()}
	if !p.Enabled || p.ForceClosed {
		return n
	}
	n.FailureRate = max(float64(p.ErrorThresholdPercentage)/100, least)
	n.MinCalls = p.RequestVolumeThreshold
	n.Window = p.Window()
	n.OpenFor = p.SleepWindow
	n.Probes = 1
	return n
}

// FromNeutral is the nearest that the library can express, and in words what it
// cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	if p.TimeoutEnabled = n.CallTimeout > 0; p.TimeoutEnabled {
		p.Timeout = whole(n.CallTimeout, time.Millisecond, "timeoutInMilliseconds", &lost)
	}
	if p.Enabled = n.FailureRate > 0 || n.Window > 0 || n.WindowCalls > 0; p.Enabled {
		p.breaker(n, &lost)
	}
	if n.MaxConcurrent > 0 {
		p.CoreSize = min(n.MaxConcurrent, most)
	} else {
		lost.Add("Hystrix always bounds the calls in flight: coreSize is the library's %d, and a call above it counts as a failure", p.CoreSize)
	}
	if n.TotalTimeout > 0 {
		lost.Add("Hystrix has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	if n.Retry.Attempts > 1 {
		lost.Add("Hystrix does not retry: %d attempts are the caller's to make", n.Retry.Attempts)
	}
	if n.Retry.Budget > 0 {
		lost.Add("Hystrix has no retry budget")
	}
	return p, lost
}

func (p *Params) breaker(n policy.Neutral, lost *policy.Losses) {
	switch percent := n.FailureRate * 100; {
	case percent <= 0:
		lost.Add("no rule on a failure rate was given: errorThresholdPercentage keeps the library's %d", p.ErrorThresholdPercentage)
	case percent > 100:
		p.ErrorThresholdPercentage = 101 // never reached
	case n.FailureRate <= least:
		p.ErrorThresholdPercentage = 0
	default:
		p.ErrorThresholdPercentage = max(int(math.Round(percent)), 1)
		if off := math.Abs(percent - float64(p.ErrorThresholdPercentage)); off > 0.02 {
			lost.Add("errorThresholdPercentage %.4g becomes %d: whole percentages only", percent, p.ErrorThresholdPercentage)
		}
	}
	p.RequestVolumeThreshold = min(n.MinCalls, most)
	switch {
	case n.WindowCalls > 0:
		lost.Add("Hystrix has no window of a number of calls: %d calls become the library's window of %s", n.WindowCalls, p.RollingStats)
	case n.Window > 0:
		p.RollingStats = whole(n.Window, p.HealthSnapshot, "metrics.rollingStats.timeInMilliseconds", lost)
	}
	if n.OpenFor > 0 {
		p.SleepWindow = whole(n.OpenFor, time.Millisecond, "sleepWindowInMilliseconds", lost)
	}
	if n.Growth.Factor > 1 {
		lost.Add("Hystrix's sleep window does not grow: a test call is let in every %s", p.SleepWindow)
	}
	if n.Growth.Jitter > 0 {
		lost.Add("Hystrix's sleep window has no jitter: breakers opened together test together")
	}
	if n.Probes > 1 {
		lost.Add("Hystrix lets one test call in every %s, not %d at once", p.SleepWindow, n.Probes)
	}
}

// whole rounds up to whole steps, within what a Java int holds.
func whole(d, step time.Duration, name string, lost *policy.Losses) time.Duration {
	up := min(d, longest).Truncate(step)
	if up < d && up+step <= longest {
		up += step
	}
	if up != d {
		lost.Add("%s %s becomes %s: whole steps of %s up to %s", name, d, up, step, longest)
	}
	return up
}
