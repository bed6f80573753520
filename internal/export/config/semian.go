package config

import (
	"math"
	"strings"
	"time"

	format "tripcurve/internal/formats/semian"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/semian"
)

// semianYAML writes the semian: key of an adapter's section.
func semianYAML(e edge, p policy.Policy, o Origin) (File, error) {
	params, _, w, err := semianParams(e, p)
	if err != nil {
		return File{}, err
	}
	var head []string
	if line := o.Line(); line != "" {
		head = append(head, line)
	}
	head = append(head, "Semian "+semian.Version+", for the adapter's section (production: in database.yml). Times in seconds.")
	return File{"semian." + e.callee + ".yml", format.Write(semianOptions(e, p, params), head), w}, nil
}

// semianRuby writes a call of Semian.register.
func semianRuby(e edge, p policy.Policy, o Origin) (File, error) {
	params, limit, w, err := semianParams(e, p)
	if err != nil {
		return File{}, err
	}
	s := format.Snippet{Client: format.GRPC, Limit: limit, Origin: o.Line(), Notes: w}
	if strings.HasSuffix(e.callee, "postgres") {
		s.Client = format.Postgres
	}
	return File{"semian." + e.callee + ".rb", format.WriteRuby(semianOptions(e, p, params), s), w}, nil
}

// semianOptions are the options of an edge; one without a breaker gets none.
func semianOptions(e edge, p policy.Policy, params semian.Params) format.Options {
	options := format.FromParams(e.callee, params)
	if p.Breaker.Library != "" {
		return options
	}
	return format.Options{Name: options.Name, CircuitBreaker: new(false), Bulkhead: options.Bulkhead, Tickets: options.Tickets, ForceConfigValidation: options.ForceConfigValidation}
}

// semianParams are the policy's breaker in Semian's options, and the time limit
// that the client has to keep. A policy that has Semian keeps its numbers as they
// are.
func semianParams(e edge, p policy.Policy) (semian.Params, time.Duration, warnings, error) {
	var w warnings
	params := semian.Default()
	n, err := library.NeutralOf(p)
	if err != nil {
		return params, 0, nil, err
	}
	switch p.Breaker.Library {
	case "":
		w.add("%s has no breaker: circuit_breaker: false is all there is to write; set one with %s.breaker=semian", e, e)
	case "semian":
		if params, err = semian.Parse(p.Breaker.Params); err != nil {
			return params, 0, nil, err
		}
	default:
		thresholds := n // the rest is said below
		thresholds.CallTimeout, thresholds.TotalTimeout, thresholds.MaxConcurrent, thresholds.Retry = 0, 0, 0, policy.Retry{}
		params, w = semian.FromNeutral(thresholds)
	}
	params.Tickets = n.MaxConcurrent
	if n.CallTimeout > 0 {
		w.add("time limit %s is not Semian's: the client's own (deadline: of a gRPC call) must be %s, or a call that hangs is never seen", policy.FormatDuration(n.CallTimeout), policy.FormatDuration(n.CallTimeout))
	} else {
		w.add("the policy has no time limit either: a call that hangs is never seen as an error")
	}
	if open := params.Neutral().OpenFor; p.Breaker.Library != "" && n.CallTimeout > open && open > 0 {
		w.add("time limit %s is longer than the open time %s: a call begun before the breaker opened fails while it is open and begins the open time anew", policy.FormatDuration(n.CallTimeout), policy.FormatDuration(open))
	}
	if n.TotalTimeout > 0 {
		w.add("Semian has no time limit over several attempts: %s is the caller's to keep", policy.FormatDuration(n.TotalTimeout))
	}
	if r := n.Retry; r.Attempts > 1 {
		w.add("Semian does not retry: the %d attempts and their waits are the caller's to make; each attempt is one call to the breaker", r.Attempts)
		if r.Budget > 0 {
			w.add("Semian has no retry budget: %g %% of calls is the caller's to keep", math.Round(r.Budget*1e4)/100)
		}
	}
	if s := params.AdaptiveCircuitBreakerSlidingInterval; params.AdaptiveCircuitBreaker && s != 1 {
		w.add("the interval of %d s is no option but the environment variable SEMIAN_ADAPTIVE_CIRCUIT_BREAKER_SLIDING_INTERVAL=%d, for the whole process", s, s)
	}
	if p.Cancel == policy.Propagate && p.Deadline == 0 {
		w.add("cancel propagate: Semian cancels nothing; a deadline on the call does")
	}
	w.around(p, "'grpc.keepalive_time_ms' and 'grpc.keepalive_timeout_ms' in channel_args", "rescue Semian::OpenCircuitError")
	for _, t := range format.Traps(format.Config{{Name: e.callee, Options: semianOptions(e, p, params)}}) {
		// What another library's numbers become has said these already.
		said := t.Rule == "semian/all-probes" || t.Rule == "semian/from-last-error"
		if p.Breaker.Library == "semian" || !said {
			w.add("%s", t)
		}
	}
	return params, n.CallTimeout, w, nil
}
