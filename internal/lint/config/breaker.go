package config

import (
	"slices"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/library"
)

// wedged are the libraries whose half-open state lasts as long as its probe does.
var wedged = []string{library.NeutralName, "opossum", "resilience4j", "polly", "gobreaker", "failsafe-go"}

// keepsWindow are the libraries whose window survives the closing of the breaker; a
// breaker that names no library may become one of them.
var keepsWindow = []string{"opossum", library.NeutralName}

// The rules about one breaker.
var breakerChecks = []check{
	{
		Rule:   Rule{"policy/hung-probe-forever", trap.Warning, "a probe that hangs leaves the breaker half-open and rejecting for ever"},
		covers: []string{"opossum/no-timeout", "opossum/disabled", "resilience4j/half-open-forever"},
		look: func(b boundary) (what, why, instead string) {
			lib := b.policy.Breaker.Library
			if !slices.Contains(wedged, lib) || b.limit() > 0 || !speech[b.format].timeout {
				return "", "", ""
			}
			if wait := b.policy.Breaker.Params["maxWaitDurationInHalfOpenState"]; wait != "" && wait != "0" && wait != "0s" {
				return "", "", ""
			}
			if lib == library.NeutralName {
				lib = "a library without a bound of its own"
			}
			return "a hung probe is never over", lib + " stays half-open and rejects every other call for as long as its probe runs", "write a deadline, such as 5s"
		},
	},
	{
		Rule:   Rule{"policy/reset-in-window", trap.Warning, "a breaker that closes while its window still holds the failures opens again on the next one"},
		covers: []string{"opossum/reset-in-window"},
		look: func(b boundary) (what, why, instead string) {
			n := b.neutral
			if !slices.Contains(keepsWindow, b.policy.Breaker.Library) || n.OpenFor == 0 || n.OpenFor >= n.Window {
				return "", "", ""
			}
			return sprint("open for %s, less than the window of %s", n.OpenFor, n.Window),
				"a library that keeps its window when it closes opens again on the next single failure",
				"stay open for longer than the window"
		},
	},
	{
		Rule: Rule{"policy/late-failures-prolong", trap.Warning, "Semian's open time runs from the last error: calls that take longer to fail than it is open keep it open"},
		look: func(b boundary) (what, why, instead string) {
			open := b.neutral.OpenFor
			if b.policy.Breaker.Library != "semian" || open == 0 || b.limit() <= open {
				return "", "", ""
			}
			return sprint("a time limit of %s, longer than the open time of %s", b.limit(), open),
				"calls begun before it opened fail while it is open, and each of them begins the open time anew",
				sprint("write an error_timeout above %s, or a shorter time limit", b.limit())
		},
	},
	{
		Rule:   Rule{"policy/no-minimum", trap.Warning, "without a minimum of calls one failure after a quiet window opens the breaker"},
		covers: []string{"opossum/volume-zero", "resilience4j/minimum-one", "hystrix/volume-low", "linkerd/one-failure"},
		look: func(b boundary) (what, why, instead string) {
			n := b.neutral
			if b.policy.Breaker.Library == "" || n.FailureRate == 0 || n.FailureRate > 1 || n.MinCalls > 1 || n.WindowCalls > 0 {
				return "", "", ""
			}
			return sprint("no minimum of calls (%d)", n.MinCalls), "after a quiet window one failure opens the breaker", "write the calls that make a rate mean something, such as 10"
		},
	},
}
