package config

import (
	"math"

	format "tripcurve/internal/formats/gobreaker"
	"tripcurve/internal/formats/gosource"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/gobreaker"
	"tripcurve/internal/policy/library"
)

func gobreakerGo(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	s := format.Snippet{Service: e.callee, Origin: o.Line(), Never: p.Breaker.Library == ""}
	params := gobreaker.Default()
	n, err := library.NeutralOf(p)
	if err != nil {
		return File{}, err
	}
	switch p.Breaker.Library {
	case "":
		w.add("%s has no breaker: the one written never opens; set one with %s.breaker=gobreaker", e, e)
	case "gobreaker":
		if params, err = gobreaker.Parse(p.Breaker.Params); err != nil {
			return File{}, err
		}
	default:
		thresholds := n // the rest is said below
		thresholds.CallTimeout, thresholds.TotalTimeout, thresholds.MaxConcurrent, thresholds.Retry = 0, 0, 0, policy.Retry{}
		params, w = gobreaker.FromNeutral(thresholds)
	}
	if !s.Never {
		w = append(w, params.Traps()...)
	}
	if s.Limit = n.CallTimeout; s.Limit > 0 {
		w.add("time limit %s is not gobreaker's: context.WithTimeout(ctx, %s) around each call", policy.FormatDuration(s.Limit), gosource.Duration(s.Limit))
	} else if !s.Never {
		w.add("the policy has no time limit either: a hang is let through for ever")
	}
	if n.TotalTimeout > 0 {
		w.add("gobreaker has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	if n.MaxConcurrent > 0 {
		w.add("gobreaker does not bound the calls in flight: max_concurrent %d is the caller's to keep", n.MaxConcurrent)
	}
	if r := n.Retry; r.Attempts > 1 {
		w.add("gobreaker does not retry: the %d attempts and their waits are the caller's to make; each attempt is one call to the breaker", r.Attempts)
		if r.Budget > 0 {
			w.add("gobreaker has no retry budget: %g %% of calls is the caller's to keep", math.Round(r.Budget*1e4)/100)
		}
	}
	w.around(p, grpcGoKeepalive(p), "where Execute returns an error")
	s.Notes = w
	return File{goFile("gobreaker", e.callee), format.Write(params, s), w}, nil
}
