package config

import (
	"time"

	format "tripcurve/internal/formats/linkerd"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/linkerd"
)

// linkerdYAML writes the annotations of the callee's Service, to be merged into it.
func linkerdYAML(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	params, err := linkerdParams(e, p, &w)
	if err != nil {
		return File{}, err
	}
	if k := p.Keepalive; k.Time > 0 {
		w.add("keepalive %s is no annotation of Linkerd's: set it on the channel", policy.FormatDuration(k.Time))
		p.Keepalive = policy.Keepalive{}
	}
	w.mesh(p, params.Attempt() > 0, "Linkerd")
	c := format.Of(e.callee, params)
	w = append(w, trap.Sentences(format.Traps(c))...)
	w.add("the file is a part of the Service %s: kubectl patch service %s --patch-file linkerd.%s.yaml", e.callee, e.callee, e.callee)
	return File{"linkerd." + e.callee + ".yaml", comment(o) + format.Write(c), w}, nil
}

// linkerdParams are the policy in Linkerd's words. A policy that has Linkerd keeps
// its numbers as they are, under the limits that the policy sets beside them.
func linkerdParams(e edge, p policy.Policy, w *warnings) (linkerd.Params, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return linkerd.Params{}, err
	}
	switch p.Breaker.Library {
	case "linkerd":
		own, err := linkerd.Parse(p.Breaker.Params)
		if err != nil {
			return own, err
		}
		w.beside(p.MaxConcurrent)
		return withinLinkerd(own, n, p), nil
	case "":
		w.add("%s has no breaker: no failure accrual is written; set one with %s.breaker=linkerd", e, e)
		params, lost := linkerd.FromNeutral(n)
		*w = append(*w, lost...)
		return params, nil
	default:
		params, lost := linkerd.FromNeutral(n)
		*w = append(*w, lost...)
		if params.Retries() {
			w.add("retry.linkerd.io/http %s and /grpc %s: leave out what is not safe to repeat", params.RetryHTTP, params.RetryGRPC)
		}
		return params, nil
	}
}

func (w *warnings) beside(maxConcurrent int) {
	if maxConcurrent > 0 {
		w.add("Linkerd has no bound on the calls in flight: max_concurrent %d is lost", maxConcurrent)
	}
}

// withinLinkerd is own under the limits and retries of its policy.
func withinLinkerd(own linkerd.Params, n policy.Neutral, p policy.Policy) linkerd.Params {
	was := own.Neutral()
	if p.Retry.Attempts > 1 {
		q, _ := linkerd.FromNeutral(n)
		own.RetryHTTP, own.RetryGRPC, own.RetryLimit = q.RetryHTTP, q.RetryGRPC, q.RetryLimit
	}
	if limit := n.CallTimeout.Round(time.Millisecond); n.CallTimeout != was.CallTimeout {
		switch {
		case own.Retries():
			own.RetryTimeout = limit
		case own.RequestTimeout == 0 || own.ResponseTimeout == 0:
			own.RequestTimeout = limit
		default:
			own.ResponseTimeout = limit
		}
	}
	return own
}
