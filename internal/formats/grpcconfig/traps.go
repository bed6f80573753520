package grpcconfig

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// maxAttempts is what gRPC clients make of any larger number.
const maxAttempts = 5

// Traps are what a config does that its keys do not say.
func Traps(c Config) []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	if len(c.MethodConfig) == 0 {
		trap("no methodConfig: calls have no time limit and wait for ever")
	}
	for _, m := range c.MethodConfig {
		who := m.names()
		if m.Timeout == nil {
			trap("%s: no timeout: a call without a deadline of its own waits for ever", who)
		} else if *m.Timeout == 0 {
			trap("%s: timeout 0s: every call fails at once with DEADLINE_EXCEEDED", who)
		}
		if m.HedgingPolicy != nil {
			trap("%s: hedgingPolicy is not implemented by grpc-go", who)
		}
		if m.RetryPolicy != nil {
			m.RetryPolicy.traps(who, m.Timeout, c.RetryThrottling == nil, trap)
		}
	}
	return traps
}

func (r RetryPolicy) traps(who string, timeout *Duration, unbounded bool, trap func(string, ...any)) {
	if r.MaxAttempts > maxAttempts {
		trap("%s: maxAttempts %d: clients make no more than %d attempts", who, r.MaxAttempts, maxAttempts)
	}
	if slices.Contains(r.RetryableStatusCodes, "DEADLINE_EXCEEDED") {
		trap("%s: a call that ran into its own deadline is over: DEADLINE_EXCEEDED is retried only when the server said it", who)
	}
	if timeout != nil {
		trap("%s: timeout %s covers all attempts together; there is no time limit for one attempt, so a hang is never retried", who, time.Duration(*timeout))
		if waits := r.waits(); waits >= time.Duration(*timeout) {
			trap("%s: the waits between attempts (%s) alone reach the timeout %s", who, waits, time.Duration(*timeout))
		}
	}
	if unbounded {
		trap("%s: retries without retryThrottling multiply the load by up to %d when everything fails", who, min(r.MaxAttempts, maxAttempts))
	}
}

// waits is the sum of all waits between attempts, without jitter.
func (r RetryPolicy) waits() time.Duration {
	sum := 0.0
	for n := range min(r.MaxAttempts, maxAttempts) - 1 {
		sum += min(float64(r.InitialBackoff)*math.Pow(r.BackoffMultiplier, float64(n)), float64(r.MaxBackoff))
	}
	return time.Duration(sum)
}

func (m MethodConfig) names() string {
	var names []string
	for _, n := range m.Name {
		switch {
		case n.Service == nil:
			names = append(names, "all methods")
		case n.Method == nil:
			names = append(names, *n.Service)
		default:
			names = append(names, *n.Service+"/"+*n.Method)
		}
	}
	if len(names) == 0 {
		return "no method"
	}
	return strings.Join(names, ", ")
}
