package config

import (
	format "tripcurve/internal/formats/envoy"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/envoy"
	"tripcurve/internal/policy/library"
)

// envoyYAML writes a bootstrap with one cluster, named like the callee, and a
// listener with the route to it.
func envoyYAML(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	params, err := envoyParams(e, p, &w)
	if err != nil {
		return File{}, err
	}
	w.mesh(p, params.Timeout > 0 || params.PerTryTimeout > 0, "Envoy")
	c := format.Of(e.callee, params, pinged(p))
	w = append(w, trap.Sentences(format.Traps(c))...)
	w.add("the addresses in the file are to be filled in: where the proxy listens, and where %s is", e.callee)
	return File{"envoy." + e.callee + ".yaml", comment(o) + format.Write(c), w}, nil
}

// mesh warns of what a proxy does that the caller's own code did not.
func (w *warnings) mesh(p policy.Policy, limited bool, proxy string) {
	if p.Cancel == policy.Detach && limited {
		w.add("a time limit of %s's resets the call: the work below it is cancelled where it listens, not left running", proxy)
	}
	if k := p.Keepalive; k.Time > 0 && !k.WithoutCalls {
		w.add("%s pings every %s, calls or not: the server must permit it (PermitWithoutStream, MinTime %s or less)",
			proxy, policy.FormatDuration(k.Time), policy.FormatDuration(k.Time))
	}
	if p.Fallback {
		w.add("fallback is code: where the answer is 503 or 504")
	}
}

// pinged is the keepalive with its time limit in full.
func pinged(p policy.Policy) policy.Keepalive {
	k := p.Keepalive
	if k.Time > 0 {
		k.Timeout = keepaliveTimeout(p)
	}
	return k
}

// comment is the origin as a first line.
func comment(o Origin) string {
	if line := o.Line(); line != "" {
		return "# " + line + "\n"
	}
	return ""
}

// envoyParams are the policy in Envoy's words. A policy that has Envoy keeps its
// numbers as they are, under the limits that the policy sets beside them.
func envoyParams(e edge, p policy.Policy, w *warnings) (envoy.Params, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return envoy.Params{}, err
	}
	switch p.Breaker.Library {
	case "envoy":
		own, err := envoy.Parse(p.Breaker.Params)
		if err != nil {
			return own, err
		}
		return withinEnvoy(own, n, p), nil
	case "":
		w.add("%s has no breaker: no outlier_detection is written; set one with %s.breaker=envoy", e, e)
		n.FailureRate, n.MinCalls, n.WindowCalls = 1, 1, 1 // nothing is lost
		params, lost := envoy.FromNeutral(n)
		*w = append(*w, lost...)
		params.Consecutive5xx, params.EnforcingSuccessRate = 0, 0
		params.HealthyPanicThreshold = envoy.Default().HealthyPanicThreshold
		return params, nil
	default:
		params, lost := envoy.FromNeutral(n)
		*w = append(*w, lost...)
		if params.Retries() {
			w.add("retry_on %s: leave out what is not safe to repeat", params.RetryOn)
		}
		return params, nil
	}
}

// withinEnvoy is own under the limits and retries of its policy.
func withinEnvoy(own envoy.Params, n policy.Neutral, p policy.Policy) envoy.Params {
	was := own.Neutral()
	if p.Retry.Attempts > 1 {
		q, _ := envoy.FromNeutral(n)
		own.RetryOn, own.NumRetries, own.BaseInterval, own.MaxInterval = q.RetryOn, q.NumRetries, q.BaseInterval, q.MaxInterval
		own.RetryBudget, own.BudgetPercent = q.RetryBudget, q.BudgetPercent
	}
	if n.CallTimeout != was.CallTimeout {
		if own.PerTryTimeout > 0 || own.Retries() {
			own.PerTryTimeout = n.CallTimeout
		} else {
			own.Timeout = n.CallTimeout
		}
	}
	if n.MaxConcurrent != was.MaxConcurrent {
		own.MaxRequests = n.MaxConcurrent
	}
	return own
}
