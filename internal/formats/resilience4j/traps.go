package resilience4j

import (
	"fmt"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/resilience4j"
)

// Traps are what a config does that its keys do not say.
func Traps(c Config) []trap.Trap {
	l := lint{config: c}
	for _, name := range c.names() {
		if b, ok := effective(c.CircuitBreaker, name); ok {
			l.instance(name, b)
		}
	}
	return l.traps
}

// params are an instance's properties with all that it inherits.
type params = resilience4j.Params

// lint collects the traps of one instance after the other.
type lint struct {
	config Config
	group  string // instances, or configs where there are no instances
	name   string
	traps  []trap.Trap
}

func (l *lint) add(rule string, s trap.Severity, module, key, why, instead, what string, args ...any) {
	l.traps = append(l.traps, trap.Trap{
		Rule: "resilience4j/" + rule, Severity: s, Path: []string{"resilience4j", module, l.group, l.name, key},
		What: l.name + ": " + fmt.Sprintf(what, args...), Why: why, Instead: instead,
	})
}

const (
	breakers = "circuitbreaker"
	limiters = "timelimiter"
	retries  = "retry"
)

func (l *lint) instance(name string, b CircuitBreaker) {
	l.name, l.group = name, "instances"
	if !contains(l.config.CircuitBreaker.Instances, name) {
		l.group = "configs"
	}
	p, _ := l.config.params(name)
	l.limit(b, p)
	l.halfOpen(p)
	l.window(b, p)
	l.waits(b)
	l.exceptions(p)
	l.retry(p)
	if s := p.InitialState; s != "CLOSED" {
		l.add("initial-state", trap.Warning, breakers, "initialState",
			"it is the state at the start; only OPEN and HALF_OPEN end by themselves", "write CLOSED, or leave it out", "initialState %s", s)
	}
}

func (l *lint) limit(b CircuitBreaker, p params) {
	limit := p.TimeLimiter.TimeoutDuration
	if limit == 0 {
		l.add("no-timelimiter", trap.Error, breakers, "",
			"the breaker counts calls that have ended, so a hung call is invisible to it",
			"write resilience4j.timelimiter.instances."+l.name+".timeoutDuration: 5s", "no timelimiter")
		return
	}
	if b.SlowCallDurationThreshold != nil && p.SlowCallDurationThreshold >= limit {
		l.add("slow-never", trap.Warning, breakers, "slowCallDurationThreshold",
			"a slow call is cut off before it is slow", "write less than the time limit",
			"slowCallDurationThreshold %s is not below the timelimiter's %s", Duration(p.SlowCallDurationThreshold), Duration(limit))
	}
	l.add("work-goes-on", trap.Note, limiters, "timeoutDuration",
		"it cancels the future, which for a CompletableFuture does not stop the work", "", "timelimiter")
}

func (l *lint) halfOpen(p params) {
	bound, limit := p.MaxWaitDurationInHalfOpenState, p.TimeLimiter.TimeoutDuration
	switch {
	case bound == 0:
		l.add("half-open-forever", trap.Warning, breakers, "maxWaitDurationInHalfOpenState",
			"probes that hang leave the breaker half-open and rejecting for ever",
			"write the longest time that a probe may take, such as 30s", "maxWaitDurationInHalfOpenState 0")
	case bound <= limit:
		l.add("half-open-cut", trap.Warning, breakers, "maxWaitDurationInHalfOpenState",
			"half-open ends before a probe that hangs does, whatever the other probes say", "write more than the time limit",
			"maxWaitDurationInHalfOpenState %s is not above the timelimiter's %s", Duration(bound), Duration(limit))
	}
	if permitted, minimum := p.PermittedNumberOfCallsInHalfOpenState, p.MinimumNumberOfCalls; permitted > minimum {
		l.add("probes-above-minimum", trap.Warning, breakers, "permittedNumberOfCallsInHalfOpenState",
			fmt.Sprintf("half-open is decided after %d results", minimum),
			fmt.Sprintf("write minimumNumberOfCalls %d or more, or permit fewer", permitted),
			"permittedNumberOfCallsInHalfOpenState %d is more than minimumNumberOfCalls %d", permitted, minimum)
	}
}

func (l *lint) window(b CircuitBreaker, p params) {
	minimum, size := p.MinimumNumberOfCalls, p.SlidingWindowSize
	switch counted := p.SlidingWindowType == string(CountBased); {
	case counted && minimum > size:
		l.add("minimum-cut", trap.Warning, breakers, "minimumNumberOfCalls",
			"a window of calls never holds more than its size",
			"write a minimum within the window", "minimumNumberOfCalls %d is cut to slidingWindowSize %d", minimum, size)
	case !counted && b.SlidingWindowSize == nil:
		l.add("window-size-default", trap.Warning, breakers, "slidingWindowType",
			fmt.Sprintf("the window is %s", time.Duration(size)*time.Second), "write slidingWindowSize in whole seconds",
			"TIME_BASED without slidingWindowSize")
	}
	if minimum == 1 {
		l.add("minimum-one", trap.Warning, breakers, "minimumNumberOfCalls",
			"one failure after a quiet window opens the breaker", "write the calls that make a rate mean something, such as 10", "minimumNumberOfCalls 1")
	}
	if b.SlowCallDurationThreshold != nil && p.SlowCallRateThreshold == 100 {
		l.add("slow-all", trap.Warning, breakers, "slowCallDurationThreshold",
			"slow calls open the breaker only when all calls are slow", "write slowCallRateThreshold, such as 50",
			"slowCallDurationThreshold %s with slowCallRateThreshold 100", Duration(p.SlowCallDurationThreshold))
	}
	l.percent("failureRateThreshold", p.FailureRateThreshold)
	l.percent("slowCallRateThreshold", p.SlowCallRateThreshold)
}

func (l *lint) percent(key string, rate float64) {
	if rate < 1 {
		l.add("below-one-percent", trap.Error, breakers, key,
			"Spring Boot takes 1 to 100 and does not start", "write 1 or more, or set it in code, where it begins above 0", "%s %g", key, rate)
	}
}

// waits are the intervals: what the library overlooks without what belongs to it.
func (l *lint) waits(b CircuitBreaker) {
	grows, random := value(b.EnableExponentialBackoff, false), value(b.EnableRandomizedWait, false)
	switch {
	case grows && random:
		l.add("both-waits", trap.Error, breakers, "enableRandomizedWait",
			"the application does not start", "leave one of the two to the other instances", "enableRandomizedWait beside enableExponentialBackoff, one of them inherited")
	case (grows || random) && b.WaitDurationInOpenState == nil:
		l.add("wait-overlooked", trap.Error, breakers, enabled(grows),
			"it is overlooked: the breaker is open for 60s each time", "write waitDurationInOpenState, such as 30s",
			"%s without waitDurationInOpenState", enabled(grows))
	case grows && b.ExponentialMaxWaitDurationInOpenState != nil && b.ExponentialBackoffMultiplier == nil:
		l.add("bound-overlooked", trap.Error, breakers, "exponentialMaxWaitDurationInOpenState",
			"it is overlooked: the open time grows without bound", "write exponentialBackoffMultiplier, too, such as 1.5",
			"exponentialMaxWaitDurationInOpenState without exponentialBackoffMultiplier")
	}
}

func enabled(grows bool) string {
	if grows {
		return "enableExponentialBackoff"
	}
	return "enableRandomizedWait"
}

func (l *lint) exceptions(p params) {
	if p.TimeLimiter.TimeoutDuration > 0 && !p.Counts(policy.Timeout) {
		key := "recordExceptions"
		if p.RecordExceptions == "" {
			key = "ignoreExceptions"
		}
		l.add("timeout-not-counted", trap.Error, breakers, key,
			"a time-out is no failure to the breaker, so it never opens on a hang",
			"record java.util.concurrent.TimeoutException", "%s leaves time-outs out", key)
	}
	if p.Bulkhead.MaxConcurrentCalls > 0 && p.Counts(policy.Busy) {
		l.add("bulkhead-counts", trap.Note, "bulkhead", "maxConcurrentCalls",
			"it stands inside the breaker: a call that finds it full is a failure and can open the breaker", "", "bulkhead")
	}
}

func (l *lint) retry(p params) {
	r, ok := effective(l.config.Retry, l.name)
	if !ok || p.Retry.MaxAttempts <= 1 {
		return
	}
	l.add("attempts-counted", trap.Note, retries, "maxAttempts",
		fmt.Sprintf("each of up to %d attempts is one call in its window", p.Retry.MaxAttempts), "", "retry is outside the breaker")
	if p.Retry.Plan().Rejected {
		l.add("rejections-retried", trap.Note, retries, "maxAttempts",
			"a call that the open breaker rejects is retried, too",
			"write ignoreExceptions: [io.github.resilience4j.circuitbreaker.CallNotPermittedException]", "retry of every exception")
	}
	grows, random := value(r.EnableExponentialBackoff, false), value(r.EnableRandomizedWait, false)
	switch {
	case (grows || random) && r.WaitDuration == nil:
		l.add("wait-overlooked", trap.Error, retries, enabled(grows),
			"it is overlooked: the wait is 500ms each time", "write waitDuration, such as 500ms", "%s without waitDuration", enabled(grows))
	case grows && r.ExponentialMaxWaitDuration != nil && p.Retry.ExponentialMaxWaitDuration == 0:
		l.add("bound-overlooked", trap.Error, retries, "exponentialMaxWaitDuration",
			"it is overlooked: the wait grows without bound", "write exponentialBackoffMultiplier and, with a random wait, randomizedWaitFactor, too",
			"exponentialMaxWaitDuration without what it needs")
	}
}
