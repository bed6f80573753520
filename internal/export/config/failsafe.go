package config

import (
	"fmt"
	"strings"

	format "tripcurve/internal/formats/failsafe"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/failsafe"
	"tripcurve/internal/policy/library"
)

func failsafeGo(e edge, p policy.Policy, o Origin) (File, error) {
	params, w, err := failsafeParams(e, p)
	if err != nil {
		return File{}, err
	}
	if p.Deadline > 0 {
		w.add("deadline %s: failsafe-go's timeout cancels the context but gives it no deadline, so none is sent to the server; context.WithTimeout(e.Context(), ...) in the call sends it", policy.FormatDuration(p.Deadline))
	}
	w.around(p, grpcGoKeepalive(p), "fallback.NewWithFunc, outside the retries")
	s := format.Snippet{Service: e.callee, Origin: o.Line(), Notes: w, NoBreaker: p.Breaker.Library == ""}
	return File{goFile("failsafe", e.callee), format.Write(params, s), w}, nil
}

// failsafeParams are the policy in failsafe-go's arguments. A policy that has
// failsafe-go keeps its numbers as they are, and what else it says goes around them.
func failsafeParams(e edge, p policy.Policy) (failsafe.Params, warnings, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return failsafe.Params{}, nil, err
	}
	var w warnings
	if p.Breaker.Library == "" {
		w.add("%s has no breaker: none is written; set one with %s.breaker=failsafe-go", e, e)
		// Any threshold will do, for it is not written.
		n.FailureRate, n.WindowCalls, n.MinCalls = 1, 1, 1
	}
	params, losses := failsafe.FromNeutral(n)
	if p.Breaker.Library == "failsafe-go" {
		own, err := failsafe.Parse(p.Breaker.Params)
		if err != nil {
			return own, nil, err
		}
		own.Timeout, own.MaxConcurrency = params.Timeout, params.MaxConcurrency
		losses = nil
		if p.Retry.Attempts > 1 { // the edge's retries stand in for the library's
			around := own.Neutral()
			around.Retry = p.Retry
			params, losses = failsafe.FromNeutral(around)
			own.Retry = params.Retry
		}
		params = own
	}
	w = append(w, losses...)
	if p.Breaker.Library == "" {
		return params, w, nil
	}
	return params, append(w, params.Traps()...), nil
}

func grpcGoKeepalive(p policy.Policy) string {
	params := fmt.Sprintf("grpc.WithKeepaliveParams with Time %s (grpc-go takes no less than 10s) and Timeout %s",
		policy.FormatDuration(p.Keepalive.Time), policy.FormatDuration(keepaliveTimeout(p)))
	if p.Keepalive.WithoutCalls {
		params += ", PermitWithoutStream on both sides"
	}
	return params
}

// goFile is the name of a Go file: without an underscore, behind which go build would
// read a platform or a test.
func goFile(what, service string) string {
	return what + "-" + strings.NewReplacer("_", "-", ".", "-").Replace(service) + ".go"
}
