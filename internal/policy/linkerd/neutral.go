package linkerd

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// step is how far above 1 - rate the threshold is put so that the rate itself
// trips: Linkerd trips strictly below its success rate.
const step = 0.0001

// Neutral is what these parameters say to another library. A rule on a rate comes
// before one on failures in a row, which is a window of that many calls, all
// failed. What Linkerd judges per endpoint is said of the whole.
func (p Params) Neutral() policy.Neutral {
	n := policy.Neutral{CallTimeout: p.Attempt()}
	if n.CallTimeout != p.RequestTimeout || p.Retries() {
		n.TotalTimeout = p.RequestTimeout
	}
	if p.Retries() {
		n.Retry.Attempts = p.RetryLimit + 1
	}
	switch {
	case p.FailureAccrual == Unified && p.Threshold > 0:
		n.FailureRate = min(math.Round((1-p.Threshold+step)*1e6)/1e6, 1)
		n.MinCalls, n.Window = p.MinRequests, p.Window
	case p.FailureAccrual != None && p.MaxFailures > 0:
		n.FailureRate, n.MinCalls, n.WindowCalls = 1, p.MaxFailures, p.MaxFailures
	default:
		return n
	}
	n.Probes = 1
	n.OpenFor = p.MinPenalty
	if p.MaxPenalty > p.MinPenalty {
		// The jitter only adds, and no penalty passes the largest.
		half := p.JitterRatio / 2
		n.OpenFor = time.Duration(float64(p.MinPenalty) * (1 + half)).Round(time.Microsecond)
		n.Growth = policy.Growth{Factor: 2, Max: p.MaxPenalty, Jitter: half / (1 + half)}
	}
	return n
}

// FromNeutral is the nearest that Linkerd can express, and in words what it cannot.
func FromNeutral(n policy.Neutral) (Params, []string) {
	p, lost := fromNeutral(n)
	switch {
	case p.FailureAccrual == Unified:
		lost.Add("success-rate-threshold %g is judged for each endpoint alone, over ten parts of the window; the unified mode needs a Linkerd of 2026", p.Threshold)
	case p.FailureAccrual == Consecutive && n.FailureRate == 1 && n.MinCalls == n.WindowCalls: // else it was said
		lost.Add("consecutive-max-failures %d counts the answers of each endpoint alone", p.MaxFailures)
	}
	return p, lost
}

func fromNeutral(n policy.Neutral) (Params, policy.Losses) {
	p := Default()
	var lost policy.Losses
	p.retries(n.Retry, &lost)
	p.limits(n, &lost)
	if n.MaxConcurrent > 0 {
		lost.Add("Linkerd has no bound on the calls in flight: %d is lost", n.MaxConcurrent)
	}
	if !p.rule(n, &lost) {
		return p, lost
	}
	p.penalty(n, &lost)
	if n.Probes > 1 {
		lost.Add("Linkerd lets one probe through to each endpoint, not %d", n.Probes)
	}
	return p, lost
}

func (p *Params) retries(r policy.Retry, lost *policy.Losses) {
	if r.Attempts <= 1 {
		return
	}
	p.RetryHTTP, p.RetryGRPC = "5xx", "unavailable"
	p.RetryLimit = r.Attempts - 1
	if r.Base > 0 {
		lost.Add("the waits between Linkerd's attempts cannot be set: %s and their growth and jitter are lost", policy.FormatDuration(r.Base))
	}
	if r.Budget > 0 {
		lost.Add("Linkerd's annotations have no retry budget: %g %% of calls is lost", 100*r.Budget)
	}
}

func (p *Params) limits(n policy.Neutral, lost *policy.Losses) {
	attempt := lost.Milliseconds(n.CallTimeout, "the call's time limit")
	p.RequestTimeout = lost.Milliseconds(n.TotalTimeout, "timeout-request")
	switch {
	case p.Retries() && attempt != p.RequestTimeout:
		p.RetryTimeout = attempt
	case p.Retries():
	case p.RequestTimeout == 0:
		p.RequestTimeout = attempt // one attempt is the call
	case attempt != p.RequestTimeout:
		p.ResponseTimeout = attempt
	}
}

// rule says whether there is one.
func (p *Params) rule(n policy.Neutral, lost *policy.Losses) bool {
	switch {
	case n.FailureRate <= 0:
		if n.OpenFor > 0 {
			lost.Add("no rule on a failure rate was given: failure-accrual is not set")
		}
		return false
	case n.FailureRate > 1:
		lost.Add("a failure rate above 100 %% never opens: failure-accrual is not set")
		return false
	case n.WindowCalls > 0:
		p.FailureAccrual = Consecutive
		p.MaxFailures = max(int(math.Ceil(n.FailureRate*float64(n.WindowCalls)-1e-9)), 1)
		if n.FailureRate < 1 || n.MinCalls != n.WindowCalls {
			lost.Add("Linkerd has no window of %d calls: %.4g %% of them become consecutive-max-failures %d, of one endpoint in a row",
				n.WindowCalls, 100*n.FailureRate, p.MaxFailures)
		}
	default:
		p.FailureAccrual, p.MaxFailures = Unified, 0
		p.Threshold = math.Round((1-n.FailureRate+step)*1e6) / 1e6
		p.Threshold = min(max(p.Threshold, step), 1)
		p.MinRequests = min(n.MinCalls, 1_000_000)
		if n.Window > 0 {
			p.Window = lost.Milliseconds(n.Window, "success-rate-window")
			if p.Window < 10*time.Millisecond {
				lost.Add("success-rate-window %s becomes 10ms, the shortest that the proxy takes", p.Window)
				p.Window = 10 * time.Millisecond
			}
		}
	}
	return true
}

func (p *Params) penalty(n policy.Neutral, lost *policy.Losses) {
	if n.OpenFor <= 0 {
		return
	}
	g := n.Growth
	if g.Factor <= 1 {
		if g.Jitter > 0 {
			lost.Add("a penalty that does not grow has no jitter either: %.4g %% is lost", 100*g.Jitter)
		}
		p.MinPenalty = max(lost.Milliseconds(n.OpenFor, "consecutive-min-penalty"), time.Millisecond)
		p.MaxPenalty, p.JitterRatio = p.MinPenalty, 0
		return
	}
	if g.Factor != 2 {
		lost.Add("the penalty doubles after each failed probe, it does not grow %g-fold", g.Factor)
	}
	g.Jitter = min(g.Jitter, 50.0/51) // the ratio is 100 at most
	p.JitterRatio = math.Round(2*g.Jitter/(1-g.Jitter)*1e6) / 1e6
	least := time.Duration(float64(n.OpenFor) * (1 - g.Jitter)).Round(10 * time.Microsecond)
	p.MinPenalty = max(lost.Milliseconds(least, "consecutive-min-penalty"), time.Millisecond)
	if g.Max == 0 {
		p.MaxPenalty = max(p.MaxPenalty, p.MinPenalty)
		lost.Add("penalties are bounded: consecutive-max-penalty is %s", policy.FormatDuration(p.MaxPenalty))
		return
	}
	p.MaxPenalty = max(lost.Milliseconds(g.Max, "consecutive-max-penalty"), p.MinPenalty)
}
