package config

import (
	format "tripcurve/internal/formats/istio"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/istio"
	"tripcurve/internal/policy/library"
)

// istioYAML writes a DestinationRule and a VirtualService for the callee.
func istioYAML(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	params, err := istioParams(e, p, &w)
	if err != nil {
		return File{}, err
	}
	w.mesh(p, params.Timeout > 0 || params.PerTryTimeout > 0, "Istio")
	c := format.Of(e.callee, params, pinged(p))
	w = append(w, trap.Sentences(format.Traps(c))...)
	return File{"istio." + e.callee + ".yaml", comment(o) + format.Write(c), w}, nil
}

// istioParams are the policy in Istio's words. A policy that has Istio keeps its
// numbers as they are, under the limits that the policy sets beside them.
func istioParams(e edge, p policy.Policy, w *warnings) (istio.Params, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return istio.Params{}, err
	}
	switch p.Breaker.Library {
	case "istio":
		own, err := istio.Parse(p.Breaker.Params)
		if err != nil {
			return own, err
		}
		return withinIstio(own, n, p), nil
	case "":
		w.add("%s has no breaker: no outlierDetection is written; set one with %s.breaker=istio", e, e)
		n.FailureRate, n.MinCalls, n.WindowCalls = 1, 1, 1 // nothing is lost
		params, lost := istio.FromNeutral(n)
		*w = append(*w, lost...)
		params.Consecutive5xxErrors = 0
		return params, nil
	default:
		params, lost := istio.FromNeutral(n)
		*w = append(*w, lost...)
		if params.Attempts > 0 {
			w.add("retryOn %s: leave out what is not safe to repeat", params.RetryOn)
		}
		return params, nil
	}
}

// withinIstio is own under the limits and retries of its policy.
func withinIstio(own istio.Params, n policy.Neutral, p policy.Policy) istio.Params {
	was := own.Neutral()
	if p.Retry.Attempts > 1 {
		q, _ := istio.FromNeutral(n)
		own.RetryOn, own.Attempts, own.Backoff = q.RetryOn, q.Attempts, q.Backoff
		own.RetryBudget, own.BudgetPercent = q.RetryBudget, q.BudgetPercent
	}
	if n.CallTimeout != was.CallTimeout {
		if own.PerTryTimeout > 0 || own.Attempts > 0 {
			own.PerTryTimeout = n.CallTimeout
		} else {
			own.Timeout = n.CallTimeout
		}
	}
	if n.MaxConcurrent != was.MaxConcurrent {
		own.HTTP2MaxRequests = n.MaxConcurrent
	}
	return own
}
