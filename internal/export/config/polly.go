package config

import (
	"fmt"
	"math"

	format "tripcurve/internal/formats/polly"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/polly"
)

// pollySettings writes one section of an appsettings.json, named like the callee, for
// the standard pipeline of Microsoft.Extensions.Http.Resilience.
func pollySettings(e edge, p policy.Policy, o Origin) (File, error) {
	params, w, err := pollyParams(e, p)
	if err != nil {
		return File{}, err
	}
	params = standard(params, &w)
	if p.Deadline > 0 {
		w.add("deadline %s: the pipeline cancels the request but gives it no deadline, so none is sent to the server; with gRPC set CallOptions.Deadline", policy.FormatDuration(p.Deadline))
	}
	if p.Cancel == policy.Detach {
		w.add("cancel detach: the pipeline cancels what it times out; a call that does not look at its token is not timed out at all")
	}
	w.around(p, fmt.Sprintf("SocketsHttpHandler.KeepAlivePingDelay %s and KeepAlivePingTimeout %s", polly.FormatTimeSpan(p.Keepalive.Time), polly.FormatTimeSpan(keepaliveTimeout(p))),
		"AddFallback, outside the pipeline")
	c := format.Config{{Name: e.callee, Path: []string{format.Section, e.callee}, Options: format.Of(params)}}
	w = append(w, trap.Sentences(format.Traps(c))...)
	var head []string
	if line := o.Line(); line != "" {
		head = append(head, line)
	}
	head = append(head, fmt.Sprintf(`Polly %s: AddHttpClient("%s").AddStandardResilienceHandler(configuration.GetSection("%s:%s"))`, polly.Version, e.callee, format.Section, e.callee))
	return File{"polly." + e.callee + ".json", format.Write(c, head...), w}, nil
}

// pollyParams are the policy in Polly's options. A policy that has Polly keeps its
// numbers as they are, and what else it says goes around them.
func pollyParams(e edge, p policy.Policy) (polly.Params, warnings, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return polly.Params{}, nil, err
	}
	var w warnings
	if p.Breaker.Library == "" {
		w.add("%s has no breaker, but the standard pipeline always has one: MinimumThroughput %d keeps it closed; set one with %s.breaker=polly", e, math.MaxInt32, e)
		n.FailureRate, n.MinCalls = 1, math.MaxInt32
	}
	params, losses := polly.FromNeutral(n)
	if p.Breaker.Library == "polly" {
		own, err := polly.Parse(p.Breaker.Params)
		if err != nil {
			return own, nil, err
		}
		own.AttemptTimeout, own.PermitLimit = params.AttemptTimeout, params.PermitLimit
		losses = nil
		if p.Retry.Attempts > 1 { // the edge's retries stand in for the library's
			around := own.Neutral()
			around.Retry = p.Retry
			params, losses = polly.FromNeutral(around)
			own.Retry = params.Retry
		}
		params = own
	}
	return params, append(w, losses...), nil
}

// standard gives every strategy of the standard pipeline a value, for it has them all,
// and one that its validators let pass.
func standard(p polly.Params, w *warnings) polly.Params {
	if p.TotalRequestTimeout == 0 {
		p.TotalRequestTimeout = polly.Longest
		w.add("the standard pipeline always has a TotalRequestTimeout: none becomes %s, the longest", polly.FormatTimeSpan(p.TotalRequestTimeout))
	}
	if p.AttemptTimeout == 0 {
		p.AttemptTimeout = min(p.SamplingDuration/2, p.TotalRequestTimeout).Truncate(polly.Tick)
		w.add("the standard pipeline always has an AttemptTimeout: none becomes %s, the longest that SamplingDuration %s allows",
			polly.FormatTimeSpan(p.AttemptTimeout), polly.FormatTimeSpan(p.SamplingDuration))
	}
	if p.AttemptTimeout > p.TotalRequestTimeout {
		w.add("AttemptTimeout %s becomes TotalRequestTimeout's %s: a longer one stops the application at start", polly.FormatTimeSpan(p.AttemptTimeout), polly.FormatTimeSpan(p.TotalRequestTimeout))
		p.AttemptTimeout = p.TotalRequestTimeout
	}
	if longest := polly.Longest / 2; p.AttemptTimeout > longest {
		w.add("AttemptTimeout %s becomes %s: SamplingDuration must be twice as long, and is a day at most", polly.FormatTimeSpan(p.AttemptTimeout), polly.FormatTimeSpan(longest))
		p.AttemptTimeout = longest
	}
	if least := 2 * p.AttemptTimeout; p.SamplingDuration < least {
		w.add("SamplingDuration %s becomes %s: less than twice AttemptTimeout stops the application at start", polly.FormatTimeSpan(p.SamplingDuration), polly.FormatTimeSpan(least))
		p.SamplingDuration = least
	}
	return p
}

// percent is a share in percent, without the digits of a float's noise.
func percent(share float64) float64 { return math.Round(share*1e6) / 1e4 }
