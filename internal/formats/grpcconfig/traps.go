package grpcconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/grpc"
)

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
	if c.RetryThrottling != nil && !slices.ContainsFunc(c.MethodConfig, func(m MethodConfig) bool { return m.RetryPolicy != nil || m.HedgingPolicy != nil }) {
		traps = append(traps, trap.Trap{
			Rule: "grpc/throttling-unused", Severity: trap.Note, Path: []string{"retryThrottling"},
			What: "retryThrottling without a retryPolicy", Why: "there are no retries to throttle",
			Instead: "leave it out, or write a retryPolicy",
		})
	}
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
	} else if m.Timeout.Duration == 0 {
		traps = append(traps, trap.Trap{
			Rule: "grpc/zero-timeout", Path: trap.At(at, "timeout"), What: who + ": timeout 0s",
			Why:     "every call fails at once with DEADLINE_EXCEEDED",
			Instead: `0 is not "none": leave the key out for none, or write a time`,
		})
	}
	if m.Timeout != nil && m.Timeout.Short {
		whole := m.Timeout.Truncate(time.Second)
		traps = append(traps, trap.Trap{
			Rule: "grpc/short-fraction", Severity: trap.Warning, Path: trap.At(at, "timeout"),
			What:    fmt.Sprintf("%s: timeout %s", who, grpc.Seconds(m.Timeout.Duration)),
			Why:     fmt.Sprintf("grpc-js takes the decimals for nanoseconds, however many there are, and ends the call after %s", whole),
			Instead: fmt.Sprintf(`write all nine: "%d.%09ds"`, whole/time.Second, m.Timeout.Duration-whole),
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

func (r RetryPolicy) traps(at []string, who string, timeout *Timeout, unbounded bool) []trap.Trap {
	var traps []trap.Trap
	if r.MaxAttempts > grpc.MaxAttempts {
		traps = append(traps, trap.Trap{
			Rule: "grpc/attempts-capped", Severity: trap.Warning, Path: trap.At(at, "maxAttempts"),
			What:    fmt.Sprintf("%s: maxAttempts %d", who, r.MaxAttempts),
			Why:     fmt.Sprintf("clients make no more than %d attempts", grpc.MaxAttempts),
			Instead: fmt.Sprintf("write %d or less", grpc.MaxAttempts),
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
			What: fmt.Sprintf("%s: timeout %s", who, timeout.Duration),
			Why:  "it covers all attempts together; there is no time limit for one attempt, so a hang is never retried",
		})
		if waits := r.params(grpc.Default()).Waits(); waits >= timeout.Duration {
			traps = append(traps, trap.Trap{
				Rule: "grpc/waits-reach-timeout", Severity: trap.Warning, Path: trap.At(at, "initialBackoff"),
				What:    fmt.Sprintf("%s: waits between attempts of %s", who, waits),
				Why:     fmt.Sprintf("they alone reach the timeout %s, so the last attempts are never made", timeout.Duration),
				Instead: "shorten maxBackoff or make fewer attempts",
			})
		}
	}
	if unbounded {
		traps = append(traps, trap.Trap{
			Rule: "grpc/retries-unbounded", Severity: trap.Warning, Path: trap.At(at, "maxAttempts"),
			What:    who + ": retries without retryThrottling",
			Why:     fmt.Sprintf("they multiply the load by up to %d when everything fails", min(r.MaxAttempts, grpc.MaxAttempts)),
			Instead: `write "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1} beside methodConfig`,
		})
	}
	return traps
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
