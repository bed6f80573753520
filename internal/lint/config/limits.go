package config

import (
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
)

// The rules about time limits on one boundary.
var limitChecks = []check{
	{
		Rule: Rule{"policy/no-time-limit", trap.Error, "a call without a time limit waits for ever, and no breaker notices a call that has not ended"},
		covers: []string{
			"opossum/no-timeout", "opossum/disabled", "resilience4j/no-timelimiter", "hystrix/no-timeout", "grpc/no-timeout",
			"envoy/no-timeout", "istio/no-timeout", "linkerd/no-timeout",
		},
		look: func(b boundary) (what, why, instead string) {
			if !speech[b.format].timeout || b.limit() > 0 {
				return "", "", ""
			}
			return "no time limit", "a hung call is never over: its caller waits for ever, and no breaker notices it", "write a deadline, such as 5s"
		},
	},
	{
		Rule: Rule{"policy/breaker-timeout-above-callers", trap.Warning, "the breaker's own time limit never ends a call when the caller's is shorter"},
		look: func(b boundary) (what, why, instead string) {
			callers := policy.Shortest(b.policy.Timeout, b.policy.Deadline)
			if callers == 0 || b.own <= callers {
				return "", "", ""
			}
			return sprint("the breaker's timeout %s is above the caller's %s", b.own, callers),
				"the caller's ends the call first, so the breaker's timer never decides anything",
				sprint("write the breaker's timeout as %s or less", callers)
		},
	},
	{
		Rule: Rule{"policy/retries-exceed-total", trap.Warning, "attempts times the time limit of one attempt is more than the time limit over all of them"},
		covers: []string{
			"envoy/retries-cut", "envoy/no-per-try-timeout", "istio/retries-cut", "istio/no-per-try-timeout",
			"linkerd/retries-cut", "linkerd/no-retry-timeout",
		},
		look: func(b boundary) (what, why, instead string) {
			total := b.neutral.TotalTimeout
			if total == 0 || b.attempts() < 2 || b.longest() <= total {
				return "", "", ""
			}
			return sprint("%d attempts of %s take up to %s, more than the total of %s", b.attempts(), b.limit(), b.longest(), total),
				"the total ends the call in the middle of an attempt, and the last ones are never made",
				"make fewer attempts, shorten the limit of one, or allow more in total"
		},
	},
}
