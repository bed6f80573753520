package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
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

// maxAttempts is gRPC's cap on a retry policy.
const maxAttempts = 5

// leastBackoff stands for no wait: gRPC refuses 0.
const leastBackoff = time.Millisecond

func serviceConfig(e edge, p policy.Policy, _ Origin) (File, error) {
	var w warnings
	n, err := library.NeutralOf(p)
	if err != nil {
		return File{}, err
	}
	m := grpcconfig.MethodConfig{Name: []grpcconfig.Name{{}}}
	if method, ok := methods[e.String()]; ok {
		m.Name[0] = grpcconfig.Name{Service: &method[0], Method: &method[1]}
	} else {
		w.add("the gRPC method behind %s is not known here: the config names all methods ({}); narrow it to its service", e)
	}
	if strings.HasSuffix(e.callee, "postgres") {
		w.add("%s is a database connection, not gRPC: nothing reads this file there", e)
	}
	if n.CallTimeout > 0 {
		m.Timeout = new(grpcconfig.Duration(n.CallTimeout))
		if p.Deadline != n.CallTimeout {
			w.add("timeout %s was a timer that settles the caller only; gRPC's is a deadline: it also ends the call and the work below it", policy.FormatDuration(n.CallTimeout))
		}
	}
	c := grpcconfig.Config{MethodConfig: []grpcconfig.MethodConfig{m}}
	if p.Retry.Attempts > 1 {
		c.MethodConfig[0].RetryPolicy = retryPolicy(p.Retry, &w)
		if p.Retry.Budget > 0 {
			c.RetryThrottling = &grpcconfig.RetryThrottling{MaxTokens: 10, TokenRatio: p.Retry.Budget}
		}
	}
	if p.Breaker.Library != "" {
		w.add("gRPC's service config has no circuit breaker: %s is lost. Its outlier_detection balancer judges each address for itself and is not written", breakerWords(p.Breaker))
	}
	if n.MaxConcurrent > 0 {
		w.add("gRPC has no bound on a client's calls in flight: max_concurrent %d is lost (max_concurrent_streams is the server's setting)", n.MaxConcurrent)
	}
	if n.CallTimeout == 0 && p.Cancel == policy.Propagate {
		w.add("cancel propagate needs somebody who cancels: without a timeout nobody does")
	}
	w.around(p, fmt.Sprintf("grpc.WithKeepaliveParams with Time %s (grpc-go takes no less than 10s) and Timeout %s",
		policy.FormatDuration(p.Keepalive.Time), policy.FormatDuration(keepaliveTimeout(p))), "an interceptor around the call")
	w = append(w, trap.Sentences(grpcconfig.Traps(c))...)
	return File{"service-config." + e.callee + ".json", grpcconfig.Write(c), w}, nil
}

func retryPolicy(r policy.Retry, w *warnings) *grpcconfig.RetryPolicy {
	rp := &grpcconfig.RetryPolicy{
		MaxAttempts:          r.Attempts,
		InitialBackoff:       grpcconfig.Duration(max(r.Base, leastBackoff)),
		BackoffMultiplier:    r.Multiplier,
		RetryableStatusCodes: []grpcconfig.Code{"UNAVAILABLE"},
	}
	if rp.BackoffMultiplier == 0 {
		rp.BackoffMultiplier = 2
	}
	if r.Base < leastBackoff {
		w.add("a retry at once is not expressible: initialBackoff is %s", policy.FormatDuration(leastBackoff))
	}
	longest := r.Max
	if longest == 0 {
		longest = time.Duration(float64(rp.InitialBackoff) * math.Pow(rp.BackoffMultiplier, float64(min(r.Attempts, maxAttempts)-2)))
	}
	rp.MaxBackoff = grpcconfig.Duration(max(longest, leastBackoff))
	if r.Jitter != 0.2 {
		w.add("gRPC's jitter is fixed at 20 %%, not %g %%", 100*r.Jitter)
	}
	w.add("only UNAVAILABLE is retried: name further statuses if the method is idempotent")
	return rp
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
