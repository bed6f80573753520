package semian

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Neutral is what these parameters say to another library. There is no rule on a
// rate: MinCalls is the number of errors in the window that opens. An adaptive
// breaker has no thresholds to hand on.
func (p Params) Neutral() policy.Neutral {
	n := policy.Neutral{MaxConcurrent: p.Tickets}
	if p.AdaptiveCircuitBreaker {
		n.Window = time.Duration(p.WindowSize) * time.Second
		return n
	}
	n.MinCalls = p.ErrorThreshold
	n.OpenFor = p.openFor()
	n.Probes = p.SuccessThreshold
	if p.ErrorThresholdTimeoutEnabled {
		n.Window = p.Window()
	}
	if p.ExponentialBackoffErrorTimeout {
		n.Growth = policy.Growth{Factor: p.ExponentialBackoffMultiplier, Max: p.ErrorTimeout}
	}
	return n
}

// openMost bounds an open time that grows without bound elsewhere.
const openMost = 5 * time.Minute

// FromNeutral is the nearest that the library can express, and in words what it
// cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	p.openTimes(n, &lost)
	if n.Probes > 0 {
		p.SuccessThreshold = min(n.Probes, counts)
	}
	// A number of errors and no rate is the library's own way.
	own := n.FailureRate <= 0 && n.MinCalls > 0 && n.WindowCalls == 0
	if own {
		p.ErrorThreshold = min(n.MinCalls, counts)
		p.window(n, &lost)
	} else {
		p.errors(n, &lost)
		lost.Add("half-open lets every call through, however many probes are meant: success_threshold %d is how many successes close", p.SuccessThreshold)
		lost.Add("error_timeout runs from the last error, not from the trip: calls begun before the trip that fail while open prolong it")
	}
	if n.CallTimeout > 0 {
		lost.Add("Semian has no time limit on calls: the client's own has to be %s, or a call that hangs is never seen as an error", policy.FormatDuration(n.CallTimeout))
	}
	if n.TotalTimeout > 0 {
		lost.Add("Semian has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	if n.MaxConcurrent > 0 {
		p.Tickets = min(n.MaxConcurrent, counts)
	}
	if n.MaxConcurrent > 0 && !own {
		lost.Add("tickets %d are of all processes of a host together, a call without one counts as an error, and under threads (Puma, Sidekiq) they must be off", p.Tickets)
	}
	if n.Retry.Attempts > 1 {
		lost.Add("Semian does not retry: %s", attempts(n.Retry))
	}
	return p, lost
}

// errors is the number of errors that stands for a rate.
func (p *Params) errors(n policy.Neutral, lost *policy.Losses) {
	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: error_threshold keeps %d", p.ErrorThreshold)
		if n.Window <= 0 {
			return
		}
	case n.MinCalls <= 1:
		lost.Add("Semian counts errors in each process, not a rate, and no number of calls was given to take %s of: error_threshold keeps %d; write %s of the calls that one process makes in the window",
			percent(min(n.FailureRate, 1)), p.ErrorThreshold, percent(min(n.FailureRate, 1)))
	default:
		calls, rate := n.MinCalls, min(n.FailureRate, 1)
		// A rate of 0.1 of 30 calls is 3 errors, whatever the last digit of 0.1 says.
		p.ErrorThreshold = max(int(math.Ceil(math.Min(rate*float64(calls), counts)-1e-9)), 1)
		lost.Add("Semian counts errors in each process, not a rate: error_threshold %d is %s of the %d calls that must be in the window; at more calls it opens at a lower rate, so write %s of the calls that one process makes in the window",
			p.ErrorThreshold, percent(rate), calls, percent(rate))
	}
	if n.WindowCalls > 0 {
		lost.Add("Semian has no window of a number of calls: %d calls become errors within %s", n.WindowCalls, policy.FormatDuration(p.Window()))
		return
	}
	p.window(n, lost)
}

// window is the time for which errors count.
func (p *Params) window(n policy.Neutral, lost *policy.Losses) {
	switch {
	case n.Window <= 0:
		p.ErrorThresholdTimeoutEnabled = false
	case n.Window > longest:
		p.ErrorThresholdTimeout = longest
		lost.Add("error_threshold_timeout %s becomes %s", policy.FormatDuration(n.Window), policy.FormatDuration(longest))
	case n.Window != p.ErrorTimeout:
		p.ErrorThresholdTimeout = n.Window
	}
}

// openTimes are the open time and its growth.
func (p *Params) openTimes(n policy.Neutral, lost *policy.Losses) {
	first := p.ErrorTimeout
	if n.OpenFor > 0 {
		first = min(max(n.OpenFor, time.Millisecond), longest)
		if first != n.OpenFor {
			lost.Add("error_timeout %s becomes %s", policy.FormatDuration(n.OpenFor), policy.FormatDuration(first))
		}
	}
	p.ErrorTimeout = first
	if n.Growth.Factor > 1 {
		p.ExponentialBackoffErrorTimeout = true
		p.ExponentialBackoffInitialTimeout = first
		p.ExponentialBackoffMultiplier = min(n.Growth.Factor, 1000)
		p.ErrorTimeout = min(n.Growth.Max, longest)
		if n.Growth.Max <= 0 {
			p.ErrorTimeout = max(openMost, first)
			lost.Add("an open time that grows must have a bound: error_timeout %s", policy.FormatDuration(p.ErrorTimeout))
		}
	}
	if n.Growth.Jitter > 0 {
		lost.Add("Semian's error_timeout has no jitter: processes whose breakers opened together try again together")
	}
}

// attempts says what a caller that retries has to know.
func attempts(r policy.Retry) string {
	s := fmt.Sprintf("%d attempts are the caller's to make", r.Attempts)
	if r.Base > 0 {
		s += fmt.Sprintf(" (first wait %s", policy.FormatDuration(r.Base))
		if r.Max > 0 {
			s += fmt.Sprintf(", longest %s", policy.FormatDuration(r.Max))
		}
		if r.Jitter > 0 {
			s += ", jitter " + percent(r.Jitter)
		}
		s += ")"
	}
	if r.Budget > 0 {
		s += fmt.Sprintf(", and their budget of %s of calls the caller's to keep", percent(r.Budget))
	}
	return s + "; each attempt is one call to the breaker"
}

// percent is a ratio as people read it.
func percent(r float64) string { return fmt.Sprintf("%g %%", math.Round(r*1e6)/1e4) }
