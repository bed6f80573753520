package tune

import (
	"fmt"
	"slices"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// The scales of what libraries have in common.
func ms(path string, lo, hi float64) Knob {
	return Knob{Path: "breaker." + path, Shows: "ms", Lo: lo, Hi: hi, Log: true}
}

func span(path string, lo, hi float64) Knob {
	return Knob{Path: "breaker." + path, Unit: "s", Lo: lo, Hi: hi, Log: true}
}

func seconds(path string, lo, hi float64) Knob {
	return Knob{Path: "breaker." + path, Shows: "s", Lo: lo, Hi: hi, Log: true}
}

func percent(path string) Knob {
	return Knob{Path: "breaker." + path, Shows: "%", Lo: 10, Hi: 90, Step: 5}
}

func ratio(path string) Knob { return Knob{Path: "breaker." + path, Lo: 0.1, Hi: 0.9, Step: 0.05} }

func count(path string, lo, hi float64) Knob {
	return Knob{Path: "breaker." + path, Lo: lo, Hi: hi, Log: true, Step: 1}
}

func some(path string, choices ...string) Knob {
	return Knob{Path: "breaker." + path, Choices: choices}
}

// spaces are the parameters of each library that are searched; the others keep what
// choosing the library writes. Left out is what turns the breaker off, what only a
// fleet of many hosts has use for, and what names errors.
var spaces = map[string]Space{
	"opossum": {
		ms("timeout", 250, 20_000), percent("errorThresholdPercentage"), ms("resetTimeout", 1000, 60_000),
		{Path: "breaker.rollingCountTimeout", Shows: "ms", Lo: 5000, Hi: 60_000, Log: true, Step: 1000},
		{Path: "breaker.volumeThreshold", Lo: 0, Hi: 30, Step: 1},
	},
	"resilience4j": {
		span("timelimiter.timeoutDuration", 0.25, 20), percent("failureRateThreshold"), span("waitDurationInOpenState", 1, 60),
		some("slidingWindowType", "TIME_BASED", "COUNT_BASED"), count("slidingWindowSize", 5, 100), count("minimumNumberOfCalls", 1, 30),
		count("permittedNumberOfCallsInHalfOpenState", 1, 10), span("slowCallDurationThreshold", 0.25, 20), percent("slowCallRateThreshold"),
	},
	"hystrix": {
		ms("execution.isolation.thread.timeoutInMilliseconds", 250, 20_000), percent("circuitBreaker.errorThresholdPercentage"),
		ms("circuitBreaker.sleepWindowInMilliseconds", 1000, 60_000),
		{Path: "breaker.metrics.rollingStats.timeInMilliseconds", Shows: "ms", Lo: 5000, Hi: 60_000, Log: true, Step: 1000},
		count("circuitBreaker.requestVolumeThreshold", 1, 30), count("coreSize", 10, 200),
	},
	"grpc": {
		span("timeout", 0.25, 20), count("retryPolicy.maxAttempts", 1, 5), span("retryPolicy.initialBackoff", 0.05, 5),
		some("retryThrottling.maxTokens", "0", "10", "100"),
	},
	"envoy": {
		span("timeout", 0.25, 20), count("consecutive_5xx", 1, 20), span("interval", 1, 30), span("base_ejection_time", 1, 60),
		count("max_requests", 10, 1000),
	},
	"istio": {
		span("timeout", 0.25, 20), count("consecutive5xxErrors", 1, 20), span("interval", 1, 30), span("baseEjectionTime", 1, 60),
		count("http2MaxRequests", 10, 1000),
		{Path: "breaker.attempts", Lo: 0, Hi: 2, Step: 1},
		span("perTryTimeout", 0.25, 20),
	},
	"gobreaker": {
		some("ReadyToTrip", "consecutive", "requests", "completed"), count("consecutiveFailures", 1, 20), ratio("failureRatio"), count("minRequests", 1, 30),
		{Path: "breaker.Interval", Unit: "s", Lo: 5, Hi: 60, Log: true, Step: 1},
		span("Timeout", 1, 60), count("MaxRequests", 1, 10),
	},
	"failsafe-go": {
		span("timeout.timeLimit", 0.25, 20), ratio("failureRateThreshold"), count("failureExecutionThreshold", 1, 30),
		{Path: "breaker.failureThresholdingPeriod", Unit: "s", Lo: 5, Hi: 60, Log: true, Step: 1},
		span("delay", 1, 60), count("successThreshold", 1, 5),
	},
	"polly": {
		span("AttemptTimeout.Timeout", 0.25, 20), ratio("FailureRatio"), count("MinimumThroughput", 2, 30), span("SamplingDuration", 5, 60), span("BreakDuration", 1, 60),
	},
	"semian": {
		count("error_threshold", 1, 20), seconds("error_threshold_timeout", 5, 60), seconds("error_timeout", 1, 60), count("success_threshold", 1, 5),
		{Path: "breaker.half_open_resource_timeout", Shows: "s", Lo: 0, Hi: 5, Step: 0.5},
	},
	"linkerd": {
		span("timeout-request", 0.25, 20), some("failure-accrual", "consecutive", "unified"), count("consecutive-max-failures", 1, 20),
		span("consecutive-min-penalty", 0.5, 30), ratio("success-rate-threshold"), span("success-rate-window", 5, 60), count("success-rate-min-requests", 1, 30),
	},
}

// calls are the knobs of the call, whatever the library.
var calls = Space{
	{Path: "deadline", Unit: "s", Lo: 0.25, Hi: 20, Log: true},
	{Path: "timeout", Unit: "s", Lo: 0.25, Hi: 20, Log: true},
	{Path: "attempts", Lo: 1, Hi: 4, Step: 1},
	{Path: "backoff", Unit: "s", Lo: 0.01, Hi: 2, Log: true},
	{Path: "retry_budget", Lo: 0.05, Hi: 0.5, Step: 0.05},
	{Path: "keepalive", Unit: "s", Lo: 10, Hi: 60, Log: true, Step: 1},
	{Path: "max_concurrent", Lo: 5, Hi: 200, Log: true, Step: 1},
}

// CallKnobs are the names of the knobs that Options.Calls can add.
func CallKnobs() (names []string) {
	for _, k := range calls {
		names = append(names, k.Path)
	}
	return names
}

// SpaceOf is what is searched for a library on an edge: the library's own parameters,
// what the edge already says of its calls, and the call's knobs that are asked for.
func SpaceOf(l library.Library, today policy.Policy, asked []string) (Space, error) {
	space, ok := spaces[l.Name]
	if !ok {
		return nil, fmt.Errorf("it is not known which parameters of %s to search", l.Name)
	}
	space = slices.Clone(space)
	for _, name := range asked {
		if !slices.Contains(CallKnobs(), name) {
			return nil, policy.Unknown("knob of the call", name, CallKnobs())
		}
	}
	own := policy.Policy{}
	for _, k := range calls {
		now, err := today.Get(k.Path)
		if err != nil {
			return nil, err
		}
		unset, _ := own.Get(k.Path)
		if slices.Contains(asked, k.Path) || now != unset {
			space = append(space, k)
		}
	}
	return space, nil
}
