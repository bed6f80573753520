package resilience4j

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The library's defaults that the traps speak of.
const (
	defaultMinimumCalls = 100
	defaultWindowSize   = 100
	defaultPermitted    = 10
	defaultAttempts     = 3
)

// Traps are what a config does that its keys do not say.
func Traps(c Config) []string {
	var traps []string
	if c.CircuitBreaker != nil {
		for _, name := range slices.Sorted(maps.Keys(c.CircuitBreaker.Instances)) {
			traps = append(traps, c.breakerTraps(name)...)
		}
	}
	return traps
}

func (c Config) breakerTraps(name string) []string {
	b := c.CircuitBreaker.Instances[name]
	if b.BaseConfig != nil {
		b = b.over(c.CircuitBreaker.Configs[*b.BaseConfig])
	} else if base, ok := c.CircuitBreaker.Configs["default"]; ok {
		b = b.over(base)
	}
	var traps []string
	trap := func(format string, args ...any) {
		traps = append(traps, name+": "+fmt.Sprintf(format, args...))
	}
	minimum := value(b.MinimumNumberOfCalls, defaultMinimumCalls)
	permitted := value(b.PermittedNumberOfCallsInHalfOpenState, defaultPermitted)
	size := value(b.SlidingWindowSize, defaultWindowSize)

	if !has(c.TimeLimiter, name) && !has(c.TimeLimiter, "default") {
		trap("no timelimiter: the breaker counts calls that have ended, so a hung call is invisible to it")
	}
	if value(b.MaxWaitDurationInHalfOpenState, 0) == 0 {
		trap("maxWaitDurationInHalfOpenState 0: probes that hang leave the breaker half-open and rejecting for ever")
	}
	if permitted > minimum {
		trap("permittedNumberOfCallsInHalfOpenState %d is more than minimumNumberOfCalls %d: half-open is decided after %d results", permitted, minimum, minimum)
	}
	if value(b.SlidingWindowType, CountBased) == CountBased && minimum > size {
		trap("minimumNumberOfCalls %d is cut to slidingWindowSize %d", minimum, size)
	}
	if has(c.Retry, name) {
		attempts := value(c.Retry.Instances[name].MaxAttempts, defaultAttempts)
		trap("retry is outside the breaker: each of up to %d attempts is one call in its window", attempts)
	}
	if has(c.TimeLimiter, name) {
		if limit := c.TimeLimiter.Instances[name].TimeoutDuration; limit != nil && b.SlowCallDurationThreshold != nil && *b.SlowCallDurationThreshold >= *limit {
			trap("slowCallDurationThreshold %s is not below the timelimiter's %s: a slow call is cut off before it is slow", b.SlowCallDurationThreshold, limit)
		}
		trap("the timelimiter cancels the future, which for a CompletableFuture does not stop the work")
	}
	if value(b.SlidingWindowType, CountBased) == TimeBased && b.SlidingWindowSize == nil {
		trap("TIME_BASED without slidingWindowSize: the window is %s", time.Duration(size)*time.Second)
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
