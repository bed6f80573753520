package semian

import (
	"fmt"

	"tripcurve/internal/policy"
)

// Policies are the policies that a file states: each breaker with its options as
// they are. The file knows of no deadline, no keepalive and no retry; the time limit
// of a call is the client's.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := make(map[string]policy.Policy, len(c))
	var notes []string
	for _, b := range c {
		o := b.Options
		note := func(format string, args ...any) { notes = append(notes, b.Name+": "+fmt.Sprintf(format, args...)) }
		params := o.params()
		if is(o.CircuitBreaker, true) {
			policies[b.Name] = policy.Policy{Breaker: policy.BreakerSpec{Library: "semian", Params: params.Map()}}
		} else {
			policies[b.Name] = policy.Policy{MaxConcurrent: params.Tickets}
			note("circuit_breaker: false: it has no breaker")
		}
		if is(o.Bulkhead, true) && o.Quota != nil {
			note("quota %s of the registered workers is no number of calls: no bound is carried over", number(*o.Quota))
		}
		if params.Tickets > 0 && o.Timeout != nil && *o.Timeout > 0 {
			note("timeout %s, the wait for a ticket, is lost: a call without one is rejected at once", number(*o.Timeout))
		}
		if is(o.DualCircuitBreaker, false) {
			note("dual_circuit_breaker: only the breaker that adaptive_circuit_breaker chooses is carried over")
		}
	}
	return policies, notes
}
