package resilience4j

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"tripcurve/internal/formats/trap"
)

// The library's defaults that the traps speak of.
const (
	defaultMinimumCalls = 100
	defaultWindowSize   = 100
	defaultPermitted    = 10
	defaultAttempts     = 3
)

// Traps are what a config does that its keys do not say.
func Traps(c Config) []trap.Trap {
	var traps []trap.Trap
	if c.CircuitBreaker != nil {
		for _, name := range slices.Sorted(maps.Keys(c.CircuitBreaker.Instances)) {
			traps = append(traps, c.breakerTraps(name)...)
		}
	}
	return traps
}

func (c Config) breakerTraps(name string) []trap.Trap {
	b := c.CircuitBreaker.Instances[name]
	if b.BaseConfig != nil {
		b = b.over(c.CircuitBreaker.Configs[*b.BaseConfig])
	} else if base, ok := c.CircuitBreaker.Configs["default"]; ok {
		b = b.over(base)
	}
	var traps []trap.Trap
	at := func(kind, key string) []string { return []string{"resilience4j", kind, "instances", name, key} }
	add := func(rule string, s trap.Severity, path []string, why, instead, what string, args ...any) {
		traps = append(traps, trap.Trap{
			Rule: "resilience4j/" + rule, Severity: s, Path: path,
			What: name + ": " + fmt.Sprintf(what, args...), Why: why, Instead: instead,
		})
	}
	minimum := value(b.MinimumNumberOfCalls, defaultMinimumCalls)
	permitted := value(b.PermittedNumberOfCallsInHalfOpenState, defaultPermitted)
	size := value(b.SlidingWindowSize, defaultWindowSize)

	if !has(c.TimeLimiter, name) && !has(c.TimeLimiter, "default") {
		add("no-timelimiter", trap.Error, at("circuitbreaker", ""),
			"the breaker counts calls that have ended, so a hung call is invisible to it",
			"write resilience4j.timelimiter.instances."+name+".timeoutDuration: 5s", "no timelimiter")
	}
	if value(b.MaxWaitDurationInHalfOpenState, 0) == 0 {
		add("half-open-forever", trap.Warning, at("circuitbreaker", "maxWaitDurationInHalfOpenState"),
			"probes that hang leave the breaker half-open and rejecting for ever",
			"write the longest time that a probe may take, such as 30s", "maxWaitDurationInHalfOpenState 0")
	}
	if permitted > minimum {
		add("probes-above-minimum", trap.Warning, at("circuitbreaker", "permittedNumberOfCallsInHalfOpenState"),
			fmt.Sprintf("half-open is decided after %d results", minimum),
			fmt.Sprintf("write minimumNumberOfCalls %d or more, or permit fewer", permitted),
			"permittedNumberOfCallsInHalfOpenState %d is more than minimumNumberOfCalls %d", permitted, minimum)
	}
	if value(b.SlidingWindowType, CountBased) == CountBased && minimum > size {
		add("minimum-cut", trap.Warning, at("circuitbreaker", "minimumNumberOfCalls"),
			"a window of calls never holds more than its size",
			"write a minimum within the window", "minimumNumberOfCalls %d is cut to slidingWindowSize %d", minimum, size)
	}
	if has(c.Retry, name) {
		attempts := value(c.Retry.Instances[name].MaxAttempts, defaultAttempts)
		add("attempts-counted", trap.Note, at("retry", "maxAttempts"),
			fmt.Sprintf("each of up to %d attempts is one call in its window", attempts), "", "retry is outside the breaker")
	}
	if has(c.TimeLimiter, name) {
		if limit := c.TimeLimiter.Instances[name].TimeoutDuration; limit != nil && b.SlowCallDurationThreshold != nil && *b.SlowCallDurationThreshold >= *limit {
			add("slow-never", trap.Warning, at("circuitbreaker", "slowCallDurationThreshold"),
				"a slow call is cut off before it is slow", "write less than the time limit",
				"slowCallDurationThreshold %s is not below the timelimiter's %s", b.SlowCallDurationThreshold, limit)
		}
		add("work-goes-on", trap.Note, at("timelimiter", "timeoutDuration"),
			"it cancels the future, which for a CompletableFuture does not stop the work", "", "timelimiter")
	}
	if value(b.SlidingWindowType, CountBased) == TimeBased && b.SlidingWindowSize == nil {
		add("window-size-default", trap.Warning, at("circuitbreaker", "slidingWindowType"),
			fmt.Sprintf("the window is %s", time.Duration(size)*time.Second), "write slidingWindowSize in whole seconds",
			"TIME_BASED without slidingWindowSize")
	}
	return traps
}

// over is b with base's values where b has none, for the keys that traps look at.
func (b CircuitBreaker) over(base CircuitBreaker) CircuitBreaker {
	fill(&b.MinimumNumberOfCalls, base.MinimumNumberOfCalls)
	fill(&b.PermittedNumberOfCallsInHalfOpenState, base.PermittedNumberOfCallsInHalfOpenState)
	fill(&b.SlidingWindowSize, base.SlidingWindowSize)
	fill(&b.SlidingWindowType, base.SlidingWindowType)
	fill(&b.MaxWaitDurationInHalfOpenState, base.MaxWaitDurationInHalfOpenState)
	fill(&b.SlowCallDurationThreshold, base.SlowCallDurationThreshold)
	return b
}

func fill[T any](to **T, from *T) {
	if *to == nil {
		*to = from
	}
}

func value[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

func has[T any](m *Module[T], name string) bool {
	if m == nil {
		return false
	}
	_, instance := m.Instances[name]
	_, config := m.Configs[name]
	return instance || config
}
