package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/grpc"
	"tripcurve/internal/policy/library"
)

// methods are the gRPC methods behind the edges of the bundled pipeline.
var methods = map[string][2]string{
	"gateway.order":      {"order.Order", "Checkout"},
	"gateway.order_read": {"order.Order", "GetOrder"},
	"gateway.inventory":  {"inventory.Inventory", "GetStock"},
	"gateway.payment":    {"payment.Payment", "CreateIntent"},
	"order.inventory":    {"inventory.Inventory", "Reserve"},
	"order.payment":      {"payment.Payment", "CreateIntent"},
}

func serviceConfig(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	name := grpcconfig.Name{}
	if method, ok := methods[e.String()]; ok {
		name = grpcconfig.Name{Service: &method[0], Method: &method[1]}
	} else {
		w.add("the gRPC method behind %s is not known here: the config names all methods ({}); narrow it to its service", e)
	}
	params, err := w.grpcParams(e, p)
	if err != nil {
		return File{}, err
	}
	c := grpcconfig.Of(name, params)
	c.Comment = o.Line()
	if params.Timeout == 0 && p.Cancel == policy.Propagate {
		w.add("cancel propagate needs somebody who cancels: without a timeout nobody does")
	}
	w.around(p, grpcGoKeepalive(p), "an interceptor around the call")
	w.traps(grpcconfig.Traps(c))
	return File{"service-config." + e.callee + ".json", grpcconfig.Write(c), w}, nil
}

// grpcParams are the policy in the words of a service config. A policy that has gRPC
// keeps its numbers as they are, and what else it says is added to them.
func (w *warnings) grpcParams(e edge, p policy.Policy) (grpc.Params, error) {
	if strings.HasSuffix(e.callee, "postgres") {
		w.add("%s is a database connection, not gRPC: nothing reads this file there", e)
	}
	n, err := library.NeutralOf(p)
	if err != nil {
		return grpc.Params{}, err
	}
	own := p.Breaker.Library == "grpc"
	if own {
		params, err := grpc.Parse(p.Breaker.Params)
		if err != nil {
			return params, err
		}
		if params.Attempts > 1 && p.Retry.Attempts > 1 {
			return params, fmt.Errorf("the edge makes %d attempts and its service config %d of each: say only one of the two", p.Retry.Attempts, params.Attempts)
		}
		if p.Retry.Attempts <= 1 {
			if limit := policy.Shortest(p.Timeout, p.Deadline); limit > 0 && (params.Timeout == 0 || limit < params.Timeout) {
				w.deadline(p, limit)
				params.Timeout = limit
			}
			w.unbounded(n.MaxConcurrent)
			return params, nil
		}
	} else if p.Breaker.Library != "" {
		w.add("gRPC's service config has no circuit breaker: %s is lost. Its outlier_detection balancer judges each address for itself and is not written", breakerWords(p.Breaker))
	}
	params, losses := grpc.FromNeutral(policy.Neutral{CallTimeout: n.CallTimeout, TotalTimeout: n.TotalTimeout, Retry: n.Retry})
	if n.CallTimeout > 0 && params.Timeout == n.CallTimeout {
		w.deadline(p, n.CallTimeout)
	}
	*w = append(*w, losses...)
	if params.Attempts > 1 {
		w.add("only UNAVAILABLE is retried: name further statuses if the method is idempotent")
	}
	w.unbounded(n.MaxConcurrent)
	return params, nil
}

// traps warns of what was written. That the timeout covers the retries was said where
// it did not.
func (w *warnings) traps(traps []trap.Trap) {
	covers := slices.ContainsFunc(*w, func(s string) bool { return strings.Contains(s, "covers all attempts") })
	for _, t := range traps {
		if !covers || t.Rule != "grpc/timeout-covers-retries" {
			*w = append(*w, t.String())
		}
	}
}

// deadline warns where a time limit was no deadline.
func (w *warnings) deadline(p policy.Policy, limit time.Duration) {
	if p.Deadline == limit || p.Breaker.Library == "grpc" && p.Timeout != limit {
		return
	}
	w.add("timeout %s was a timer that settles the caller only; gRPC's is a deadline: it also ends the call and the work below it", policy.FormatDuration(limit))
}

func (w *warnings) unbounded(concurrent int) {
	if concurrent > 0 {
		w.add("gRPC has no bound on a client's calls in flight: max_concurrent %d is lost (max_concurrent_streams is the server's setting)", concurrent)
	}
}

// breakerWords names what a target without breakers leaves out. A time limit on the
// call is not among it.
func breakerWords(b policy.BreakerSpec) string {
	var params []string
	for _, name := range slices.Sorted(maps.Keys(b.Params)) {
		if name != "timeout" {
			params = append(params, name+" "+b.Params[name])
		}
	}
	if len(params) == 0 {
		return b.Library
	}
	return b.Library + " (" + strings.Join(params, ", ") + ")"
}
