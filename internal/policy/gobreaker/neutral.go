package gobreaker

import (
	"fmt"
	"math"

	"tripcurve/internal/policy"
)

// parts is into how many buckets a window from elsewhere is cut.
const parts = 10

// Neutral is what these parameters say to another library. Failures in a row are the
// same as a window of that many calls, all of which failed.
func (p Params) Neutral() policy.Neutral {
	n := policy.Neutral{OpenFor: p.openFor(), Probes: p.probes()}
	if p.ReadyToTrip == Consecutive {
		row := p.ConsecutiveFailures + 1
		n.FailureRate, n.MinCalls, n.WindowCalls = 1, row, row
		return n
	}
	n.FailureRate, n.MinCalls, n.Window = p.FailureRatio, p.MinRequests, p.Span()
	return n
}

// FromNeutral is the nearest that the library can express, and in words what it
// cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p := Default()
	var lost policy.Losses

	if n.OpenFor > 0 {
		p.Timeout = min(n.OpenFor, longest)
	}
	p.MaxRequests = max(n.Probes, 1)
	row := n.WindowCalls > 0 && n.FailureRate >= 1 && n.MinCalls >= n.WindowCalls
	switch {
	case n.FailureRate <= 0:
		lost.Add("no rule on a failure rate was given: the library's own opens on %d failures in a row", p.ConsecutiveFailures+1)
	case row:
		p.ConsecutiveFailures = n.WindowCalls - 1
	default:
		p.ReadyToTrip, p.FailureRatio, p.MinRequests = Completed, min(n.FailureRate, 1), n.MinCalls
		p.window(n, &lost)
	}
	if n.FailureRate > 1 {
		lost.Add("a failure rate of %s is never reached elsewhere; here the breaker opens when all calls fail", percent(n.FailureRate))
	}
	if row && n.MinCalls > n.WindowCalls {
		lost.Add("%d calls never are in a window of %d: opens on %d failures in a row", n.MinCalls, n.WindowCalls, n.WindowCalls)
	}
	if n.CallTimeout > 0 {
		lost.Add("gobreaker has no time limit on calls: give each call a context with a deadline of %s, or a hang is never seen and a hung probe rejects for ever", policy.FormatDuration(n.CallTimeout))
	}
	if n.TotalTimeout > 0 {
		lost.Add("gobreaker has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	if n.Growth.Factor > 1 {
		lost.Add("gobreaker's Timeout does not grow: every opening lasts %s", policy.FormatDuration(p.Timeout))
	}
	if n.Growth.Jitter > 0 {
		lost.Add("gobreaker's Timeout has no jitter: breakers opened together probe together")
	}
	if n.MaxConcurrent > 0 {
		lost.Add("gobreaker does not bound the calls in flight: %d is the caller's to keep", n.MaxConcurrent)
	}
	if n.Retry.Attempts > 1 {
		lost.Add("gobreaker does not retry: %s", attempts(n.Retry))
	}
	return p, lost
}

// window is the time window of a ratio, in parts where time can be cut.
func (p *Params) window(n policy.Neutral, lost *policy.Losses) {
	switch {
	case n.WindowCalls > 0:
		lost.Add("gobreaker has no window of %d calls: its counts are never cleared (Interval 0), so a long healthy time hides failures; set Interval and BucketPeriod", n.WindowCalls)
	case n.Window <= 0:
		// Counts never cleared, there as here.
	case n.Window < parts || n.Window > longest:
		p.Interval = min(n.Window, longest)
		lost.Add("a window of %s cannot be cut into buckets: it is fixed, and cleared as a whole", policy.FormatDuration(p.Interval))
	default:
		p.BucketPeriod = (n.Window + parts - 1) / parts
		p.Interval = p.BucketPeriod * parts
		if p.Interval != n.Window {
			lost.Add("Interval %s becomes %s, a multiple of BucketPeriod", policy.FormatDuration(n.Window), policy.FormatDuration(p.Interval))
		}
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
			s += fmt.Sprintf(", jitter %g %%", math.Round(100*r.Jitter*100)/100)
		}
		s += ")"
	}
	if r.Budget > 0 {
		s += fmt.Sprintf(", and their budget of %g %% of calls the caller's to keep", math.Round(100*r.Budget*100)/100)
	}
	return s + "; each attempt is one call to the breaker"
}
