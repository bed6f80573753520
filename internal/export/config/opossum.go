package config

import (
	"fmt"
	"time"

	format "tripcurve/internal/formats/opossum"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/opossum"
)

func opossumJSON(e edge, p policy.Policy, o Origin) (File, error) {
	params, w, err := opossumParams(e, p)
	if err != nil {
		return File{}, err
	}
	if p.Deadline > 0 {
		w.add("deadline %s is not opossum's: give it to the call ({ deadline: Date.now() + %d }), as the target opossum-js does", policy.FormatDuration(p.Deadline), p.Deadline.Milliseconds())
	} else if p.Cancel == policy.Propagate {
		w.add("cancel propagate: opossum cancels nothing; a deadline on the call does")
	}
	w.around(p, grpcJSKeepalive(p), "breaker.fallback(f)")
	return File{"breaker." + e.callee + ".json", format.Write(params, o.Line()), w}, nil
}

func opossumModule(e edge, p policy.Policy, o Origin) (File, error) {
	params, w, err := opossumParams(e, p)
	if err != nil {
		return File{}, err
	}
	m := format.Module{Service: e.callee, Origin: o.Line(), Deadline: policy.Shortest(p.Deadline, params.Timeout), Notes: w}
	switch {
	case m.Deadline == 0:
		w.add("no time limit anywhere: the calls have no deadline either")
	case p.Deadline == 0:
		w.add("the policy has no deadline; the module sets one of %s, the breaker's timeout, so that a call given up also ends", policy.FormatDuration(m.Deadline))
	}
	w.around(p, grpcJSKeepalive(p), "pass it to withBreaker as the third argument")
	return File{"breaker." + e.callee + ".js", format.WriteModule(params, m), w}, nil
}

// opossumParams are the policy's breaker in opossum's options. A policy that has
// opossum keeps its numbers as they are.
func opossumParams(e edge, p policy.Policy) (opossum.Params, warnings, error) {
	var w warnings
	if p.Breaker.Library == "" {
		params := opossum.Default()
		params.Enabled = false
		params.Timeout = p.Timeout
		w.add("%s has no breaker: enabled false is all there is to write; set one with %s.breaker=opossum", e, e)
		if p.Timeout > 0 {
			w.add("a disabled breaker keeps no time limit either: timeout %s stays with the caller", policy.FormatDuration(p.Timeout))
		}
		w.retries(p.Retry)
		return params, w, nil
	}
	var params opossum.Params
	if p.Breaker.Library == "opossum" {
		var err error
		if params, err = opossum.Parse(p.Breaker.Params); err != nil {
			return params, nil, err
		}
	} else {
		n, err := library.NeutralOf(p)
		if err != nil {
			return params, nil, err
		}
		n.Retry = policy.Retry{} // said below
		params, w = opossum.FromNeutral(n)
	}
	if p.Timeout > 0 && (params.Timeout == 0 || p.Timeout < params.Timeout) {
		w.add("timeout is the caller's own timer of %s, which is shorter than the breaker's", policy.FormatDuration(p.Timeout))
		params.Timeout = p.Timeout.Round(time.Millisecond)
	}
	if p.MaxConcurrent > 0 && p.MaxConcurrent < params.Capacity {
		params.Capacity = p.MaxConcurrent
	}
	w = append(w, trap.Sentences(format.Traps(params))...)
	w.retries(p.Retry)
	return params, w, nil
}

func (w *warnings) retries(r policy.Retry) {
	if r.Attempts > 1 {
		budget := ""
		if r.Budget > 0 {
			budget = fmt.Sprintf(", nor their budget of %g %% of calls", 100*r.Budget)
		}
		w.add("opossum does not retry: the %d attempts and their waits are the caller's to make%s; each attempt is one call to the breaker", r.Attempts, budget)
	}
}

func grpcJSKeepalive(p policy.Policy) string {
	options := fmt.Sprintf("'grpc.keepalive_time_ms': %d, 'grpc.keepalive_timeout_ms': %d", p.Keepalive.Time.Milliseconds(), keepaliveTimeout(p).Milliseconds())
	if p.Keepalive.WithoutCalls {
		options += ", 'grpc.keepalive_permit_without_calls': 1"
	}
	return options
}
