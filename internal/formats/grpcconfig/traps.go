package grpcconfig

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/trap"
)

// maxAttempts is what gRPC clients make of any larger number.
const maxAttempts = 5

// Traps are what a config does that its keys do not say.
func Traps(c Config) []trap.Trap {
	if len(c.MethodConfig) == 0 {
		return []trap.Trap{{
			Rule: "grpc/no-timeout", What: "no methodConfig",
			Why:     "calls have no time limit and wait for ever",
			Instead: `write "methodConfig": [{"name": [{}], "timeout": "5s"}]`,
		}}
	}
	var traps []trap.Trap
	for i, m := range c.MethodConfig {
		traps = append(traps, m.traps([]string{"methodConfig", strconv.Itoa(i)}, c.RetryThrottling == nil)...)
	}
	return traps
}

func (m MethodConfig) traps(at []string, unbounded bool) []trap.Trap {
	var traps []trap.Trap
	who := m.names()
	if m.Timeout == nil {
		traps = append(traps, trap.Trap{
			Rule: "grpc/no-timeout", Path: at, What: who + ": no timeout",
			Why:     "a call without a deadline of its own waits for ever",
			Instead: `write "timeout": "5s"`,
		})
	} else if *m.Timeout == 0 {
		traps = append(traps, trap.Trap{
			Rule: "grpc/zero-timeout", Path: trap.At(at, "timeout"), What: who + ": timeout 0s",
			Why:     "every call fails at once with DEADLINE_EXCEEDED",
			Instead: `0 is not "none": leave the key out for none, or write a time`,
		})
	}
	if m.HedgingPolicy != nil {
		traps = append(traps, trap.Trap{
			Rule: "grpc/hedging-not-in-go", Severity: trap.Warning, Path: trap.At(at, "hedgingPolicy"),
			What: who + ": hedgingPolicy", Why: "it is not implemented by grpc-go",
			Instead: "write a retryPolicy, or hedge in code",
		})
	}
	if m.RetryPolicy != nil {
		traps = append(traps, m.RetryPolicy.traps(trap.At(at, "retryPolicy"), who, m.Timeout, unbounded)...)
	}
	return traps
}

func (r RetryPolicy) traps(at []string, who string, timeout *Duration, unbounded bool) []trap.Trap {
	var traps []trap.Trap
	if r.MaxAttempts > maxAttempts {
		traps = append(traps, trap.Trap{
			Rule: "grpc/attempts-capped", Severity: trap.Warning, Path: trap.At(at, "maxAttempts"),
			What:    fmt.Sprintf("%s: maxAttempts %d", who, r.MaxAttempts),
			Why:     fmt.Sprintf("clients make no more than %d attempts", maxAttempts),
			Instead: fmt.Sprintf("write %d or less", maxAttempts),
		})
	}
	if slices.Contains(r.RetryableStatusCodes, "DEADLINE_EXCEEDED") {
		traps = append(traps, trap.Trap{
			Rule: "grpc/retry-own-deadline", Severity: trap.Warning, Path: trap.At(at, "retryableStatusCodes"),
			What:    who + ": DEADLINE_EXCEEDED among the statuses to retry",
			Why:     "a call that ran into its own deadline is over: it is retried only when the server said so",
			Instead: "leave it out and retry UNAVAILABLE",
		})
	}
	if timeout != nil {
		traps = append(traps, trap.Trap{
			Rule: "grpc/timeout-covers-retries", Severity: trap.Note, Path: trap.At(at, "maxAttempts"),
			What: fmt.Sprintf("%s: timeout %s", who, time.Duration(*timeout)),
			Why:  "it covers all attempts together; there is no time limit for one attempt, so a hang is never retried",
		})
		if waits := r.waits(); waits >= time.Duration(*timeout) {
			traps = append(traps, trap.Trap{
				Rule: "grpc/waits-reach-timeout", Severity: trap.Warning, Path: trap.At(at, "initialBackoff"),
				What:    fmt.Sprintf("%s: waits between attempts of %s", who, waits),
				Why:     fmt.Sprintf("they alone reach the timeout %s, so the last attempts are never made", time.Duration(*timeout)),
				Instead: "shorten maxBackoff or make fewer attempts",
			})
		}
	}
	if unbounded {
		traps = append(traps, trap.Trap{
			Rule: "grpc/retries-unbounded", Severity: trap.Warning, Path: trap.At(at, "maxAttempts"),
			What:    who + ": retries without retryThrottling",
			Why:     fmt.Sprintf("they multiply the load by up to %d when everything fails", min(r.MaxAttempts, maxAttempts)),
			Instead: `write "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1} beside methodConfig`,
		})
	}
	return traps
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
