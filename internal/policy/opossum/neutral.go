package opossum

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// step is how far below a rate the threshold is put so that the rate itself
// trips: the library trips strictly above its percentage.
const step = 0.01

// Neutral is what these parameters say to another library. A disabled breaker says
// nothing: it neither opens nor limits anything.
func (p Params) Neutral() policy.Neutral {
	if !p.Enabled {
		return policy.Neutral{}
	}
	n := policy.Neutral{
		CallTimeout: p.Timeout,
		FailureRate: math.Round((p.ErrorThresholdPercentage+step)*1e6) / 1e8, // 0.3001, not 0.30010000000000003
		MinCalls:    p.VolumeThreshold,
		Window:      p.RollingCountTimeout,
		OpenFor:     timer(p.ResetTimeout),
		Probes:      1,
	}
	if n.Window == 0 {
		n.Window = Default().RollingCountTimeout
	}
	if p.Capacity < unlimited {
		n.MaxConcurrent = p.Capacity
	}
	return n
}

// FromNeutral is the nearest that the library can express, and in words what it
// cannot, and what the same numbers mean here.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p, lost := fromNeutral(n)
	if n.FailureRate > 0 {
		lost.Add("errorThresholdPercentage %g is of the calls begun, those in flight and those rejected among them, not of the calls ended: a hang reaches it later",
			p.ErrorThresholdPercentage)
	}
	if n.MaxConcurrent > 0 {
		lost.Add("capacity %d does not hold a call that timed out, though its work goes on", p.Capacity)
	}
	return p, lost
}

func fromNeutral(n policy.Neutral) (Params, policy.Losses) {
	p := Default()
	var lost policy.Losses

	p.Timeout = whole(n.CallTimeout, "timeout", &lost)
	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: errorThresholdPercentage keeps the library's %g", p.ErrorThresholdPercentage)
	default:
		// Two decimals keep 0.5001 and 50 the same over a round trip.
		p.ErrorThresholdPercentage = math.Round((n.FailureRate*100-step)*100) / 100
		if p.ErrorThresholdPercentage < 0 || p.ErrorThresholdPercentage > 100 {
			p.ErrorThresholdPercentage = min(max(p.ErrorThresholdPercentage, 0), 100)
		}
	}
	p.VolumeThreshold = n.MinCalls
	switch {
	case n.WindowCalls > 0:
		lost.Add("opossum has no window of a number of calls: %d calls become the library's window of %s", n.WindowCalls, p.RollingCountTimeout)
	case n.Window > 0:
		p.RollingCountTimeout = whole(n.Window, "rollingCountTimeout", &lost)
	}
	if n.OpenFor > 0 {
		p.ResetTimeout = whole(n.OpenFor, "resetTimeout", &lost)
	}
	if n.Growth.Factor > 1 {
		lost.Add("opossum's resetTimeout does not grow: every opening lasts %s", p.ResetTimeout)
	}
	if n.Growth.Jitter > 0 {
		lost.Add("opossum's resetTimeout has no jitter: breakers opened together probe together")
	}
	if n.Probes > 1 {
		lost.Add("opossum lets one probe through, not %d", n.Probes)
	}
	if n.MaxConcurrent > 0 {
		p.Capacity = n.MaxConcurrent
	}
	if n.TotalTimeout > 0 {
		lost.Add("opossum has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	if n.Retry.Attempts > 1 {
		lost.Add("opossum does not retry: %d attempts are the caller's to make", n.Retry.Attempts)
	}
	if n.Retry.Budget > 0 {
		lost.Add("opossum has no retry budget")
	}
	return p, lost
}

// whole rounds up to the milliseconds that Node's timers take.
func whole(d time.Duration, name string, lost *policy.Losses) time.Duration {
	up := lost.Milliseconds(d, name)
	if up > maxTimer {
		lost.Add("%s %s becomes %s, the longest that Node's timers take", name, d, maxTimer)
		up = maxTimer
	}
	return up
}
