package resilience4j

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/resilience4j"
)

// What a module has when nothing is said of it.
const (
	defaultTimeout    = time.Second
	defaultAttempts   = 3
	defaultConcurrent = 25
)

// Policies are the policies that a file states, by instance: what the modules of one
// name say together, with the configs that they build on. Without any instance it is
// configs.default, under that name. What is code in the application is no part of
// them, and said.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := map[string]policy.Policy{}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, name := range c.names() {
		if p, ok := c.policy(name, note); ok {
			policies[name] = p
		}
	}
	if c.reorders() {
		note("the aspect orders are left out: a policy has the documented one, Retry(CircuitBreaker(TimeLimiter(Bulkhead(call))))")
	}
	if c.RateLimiter != nil || c.ThreadPoolBulkhead != nil {
		note("rate limiters and thread pool bulkheads are no part of a policy")
	}
	return policies, notes
}

// names are those of the instances, or of the default config where there are none.
func (c Config) names() []string {
	all := map[string]bool{}
	collect(all, c.CircuitBreaker)
	collect(all, c.TimeLimiter)
	collect(all, c.Retry)
	collect(all, c.Bulkhead)
	if len(all) == 0 && c.CircuitBreaker != nil {
		if _, ok := c.CircuitBreaker.Configs[defaultConfig]; ok {
			all[defaultConfig] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func collect[T any](names map[string]bool, m *Module[T]) {
	if m != nil {
		for name := range m.Instances {
			names[name] = true
		}
	}
}

func (c Config) policy(name string, note func(string, ...any)) (policy.Policy, bool) {
	p, breaker := c.params(name)
	say := func(format string, args ...any) { note("%s: "+format, append([]any{name}, args...)...) }
	if p.TimeLimiter.TimeoutDuration > 0 && name != defaultConfig && !contains(c.TimeLimiter.Instances, name) {
		say("timelimiter.configs.default is taken to hold for it")
	}
	for _, code := range c.code(name) {
		say("%s is code and left out", code)
	}
	if !breaker { // nothing that the machine needs: the edge keeps it itself
		if p.Retry.RetryExceptions != "" || p.Retry.IgnoreExceptions != "" {
			say("the retry's exceptions are left out: which errors are retried is the callee's protocol to say")
		}
		if p.Bulkhead.MaxWaitDuration > 0 {
			say("the bulkhead's maxWaitDuration is left out: a call without a place is rejected at once")
		}
		p.InitialState = "DISABLED"
		n := p.Neutral()
		edge := policy.Policy{Timeout: n.CallTimeout, MaxConcurrent: n.MaxConcurrent, Retry: n.Retry}
		// Only who writes it means it: the library's default is true.
		if t, _ := effective(c.TimeLimiter, name); value(t.CancelRunningFuture, false) {
			edge.Cancel = policy.Propagate
		}
		return edge, true
	}
	params := p.Map()
	if _, err := resilience4j.Parse(params); err != nil {
		say("left out: %v", err)
		return policy.Policy{}, false
	}
	return policy.Policy{Breaker: policy.BreakerSpec{Library: "resilience4j", Params: params}}, true
}

// code are the keys of an instance that name code of the application.
func (c Config) code(name string) []string {
	var keys []string
	add := func(key string, s *skipped) {
		if s != nil {
			keys = append(keys, key)
		}
	}
	b, _ := effective(c.CircuitBreaker, name)
	add("recordFailurePredicate", b.RecordFailurePredicate)
	add("recordResultPredicate", b.RecordResultPredicate)
	add("ignoreExceptionPredicate", b.IgnoreExceptionPredicate)
	r, _ := effective(c.Retry, name)
	add("retryExceptionPredicate", r.RetryExceptionPredicate)
	add("resultPredicate", r.ResultPredicate)
	add("intervalBiFunction", r.IntervalBiFunction)
	return keys
}

// reorders says that the file changes which part is around which.
func (c Config) reorders() bool {
	return c.CircuitBreaker != nil && c.CircuitBreaker.CircuitBreakerAspectOrder != nil || c.Retry != nil && c.Retry.RetryAspectOrder != nil ||
		c.TimeLimiter != nil && c.TimeLimiter.TimeLimiterAspectOrder != nil || c.Bulkhead != nil && c.Bulkhead.BulkheadAspectOrder != nil
}

// defaultConfig is the config that instances build on which name none.
const defaultConfig = "default"

// effective is an instance with what it inherits; false when the module has neither
// the instance nor, where there are no instances to go by, the config of that name.
//
// An instance that names no config builds on the one of its own name, for a circuit
// breaker, or on "default". A config builds on the one that it names; one of the other
// modules that names none builds on "default" (resilience4j 2.4.0,
// CommonCircuitBreakerConfigurationProperties and its siblings).
func effective[T any](m *Module[T], name string) (T, bool) {
	var v T
	if m == nil {
		return v, false
	}
	breaker := reflect.TypeFor[T]() == reflect.TypeFor[CircuitBreaker]()
	v, ok := m.Instances[name]
	if !ok {
		if v, ok = m.Configs[name]; !ok || name != defaultConfig {
			return v, false
		}
		return v, true
	}
	next := baseOf(v)
	if next == "" && breaker && contains(m.Configs, name) {
		next = name
	} else if next == "" {
		next = defaultConfig
	}
	for seen := map[string]bool{}; contains(m.Configs, next) && !seen[next]; {
		seen[next] = true
		base := m.Configs[next]
		v = over(v, base)
		if next = baseOf(base); next == "" && !breaker {
			next = defaultConfig
		}
	}
	return v, true
}

func contains[T any](m map[string]T, name string) bool {
	_, ok := m[name]
	return ok
}

func baseOf(v any) string {
	if base := reflect.ValueOf(v).FieldByName("BaseConfig").Interface().(*string); base != nil {
		return *base
	}
	return ""
}

// over is v with base's values where v has none.
func over[T any](v, base T) T {
	to, from := reflect.ValueOf(&v).Elem(), reflect.ValueOf(base)
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return v
}

// params are an instance's properties, and whether it has a circuit breaker. A
// TimeLimiter that only has a default config is taken to hold for every instance.
func (c Config) params(name string) (resilience4j.Params, bool) {
	p := resilience4j.Default()
	b, breaker := effective(c.CircuitBreaker, name)
	if breaker {
		b.into(&p)
	}
	t, ok := effective(c.TimeLimiter, name)
	if !ok && c.TimeLimiter != nil {
		t, ok = c.TimeLimiter.Configs[defaultConfig]
	}
	if ok {
		p.TimeLimiter.TimeoutDuration = time.Duration(value(t.TimeoutDuration, Duration(defaultTimeout)))
		set(&p.TimeLimiter.CancelRunningFuture, t.CancelRunningFuture)
	}
	if r, ok := effective(c.Retry, name); ok {
		r.into(&p.Retry)
	}
	if l, ok := effective(c.Bulkhead, name); ok {
		p.Bulkhead.MaxConcurrentCalls = value(l.MaxConcurrentCalls, defaultConcurrent)
		p.Bulkhead.MaxWaitDuration = time.Duration(value(l.MaxWaitDuration, 0))
	}
	return p, breaker
}

func (b CircuitBreaker) into(p *resilience4j.Params) {
	set(&p.FailureRateThreshold, b.FailureRateThreshold)
	set(&p.SlowCallRateThreshold, b.SlowCallRateThreshold)
	setDuration(&p.SlowCallDurationThreshold, b.SlowCallDurationThreshold)
	p.SlidingWindowType = string(value(b.SlidingWindowType, CountBased))
	set(&p.SlidingWindowSize, b.SlidingWindowSize)
	set(&p.MinimumNumberOfCalls, b.MinimumNumberOfCalls)
	setDuration(&p.WaitDurationInOpenState, b.WaitDurationInOpenState)
	if b.WaitDurationInOpenState != nil { // else the library looks at nothing of the following
		set(&p.EnableExponentialBackoff, b.EnableExponentialBackoff)
		set(&p.EnableRandomizedWait, b.EnableRandomizedWait)
	}
	set(&p.ExponentialBackoffMultiplier, b.ExponentialBackoffMultiplier)
	if b.ExponentialBackoffMultiplier != nil { // else the library overlooks the bound
		setDuration(&p.ExponentialMaxWaitDurationInOpenState, b.ExponentialMaxWaitDurationInOpenState)
	}
	set(&p.RandomizedWaitFactor, b.RandomizedWaitFactor)
	set(&p.PermittedNumberOfCallsInHalfOpenState, b.PermittedNumberOfCallsInHalfOpenState)
	setDuration(&p.MaxWaitDurationInHalfOpenState, b.MaxWaitDurationInHalfOpenState)
	p.TransitionToStateAfterWaitDuration = string(value(b.TransitionToStateAfterWaitDuration, "OPEN"))
	set(&p.AutomaticTransitionFromOpenToHalfOpenEnabled, b.AutomaticTransitionFromOpenToHalfOpenEnabled)
	p.InitialState = string(value(b.InitialState, "CLOSED"))
	p.RecordExceptions = resilience4j.ExceptionsOf(b.RecordExceptions)
	p.IgnoreExceptions = resilience4j.ExceptionsOf(b.IgnoreExceptions)
}

func (r Retry) into(p *resilience4j.Retry) {
	p.MaxAttempts = value(r.MaxAttempts, defaultAttempts)
	setDuration(&p.WaitDuration, r.WaitDuration)
	if r.WaitDuration != nil { // else the library looks at nothing of the following
		set(&p.EnableExponentialBackoff, r.EnableExponentialBackoff)
		set(&p.EnableRandomizedWait, r.EnableRandomizedWait)
	}
	set(&p.ExponentialBackoffMultiplier, r.ExponentialBackoffMultiplier)
	if r.ExponentialBackoffMultiplier != nil && (!p.EnableRandomizedWait || r.RandomizedWaitFactor != nil) {
		setDuration(&p.ExponentialMaxWaitDuration, r.ExponentialMaxWaitDuration)
	}
	// The library overlooks the factor of a wait that grows by the default.
	if !p.EnableExponentialBackoff || r.ExponentialBackoffMultiplier != nil {
		set(&p.RandomizedWaitFactor, r.RandomizedWaitFactor)
	}
	p.RetryExceptions = resilience4j.ExceptionsOf(r.RetryExceptions)
	p.IgnoreExceptions = resilience4j.ExceptionsOf(r.IgnoreExceptions)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func setDuration(to *time.Duration, from *Duration) {
	if from != nil {
		*to = time.Duration(*from)
	}
}

func value[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// Add puts properties into c as an instance of every module that they need; without a
// breaker there is none of the circuit breaker. What decides is written also where it
// is the default, so that the file can be read by itself.
func (c *Config) Add(name string, p resilience4j.Params, breaker bool) {
	if breaker {
		put(&c.CircuitBreaker, name, breakerOf(p))
	}
	if t := p.TimeLimiter; t.TimeoutDuration > 0 {
		put(&c.TimeLimiter, name, TimeLimiter{TimeoutDuration: new(Duration(t.TimeoutDuration)), CancelRunningFuture: new(t.CancelRunningFuture)})
	}
	if p.Retry.MaxAttempts > 1 {
		put(&c.Retry, name, retryOf(p.Retry))
	}
	if l := p.Bulkhead; l.MaxConcurrentCalls > 0 {
		v := Bulkhead{MaxConcurrentCalls: new(l.MaxConcurrentCalls)}
		if l.MaxWaitDuration > 0 {
			v.MaxWaitDuration = new(Duration(l.MaxWaitDuration))
		}
		put(&c.Bulkhead, name, v)
	}
}

func put[T any](m **Module[T], name string, v T) {
	if *m == nil {
		*m = &Module[T]{Instances: map[string]T{}}
	}
	(*m).Instances[name] = v
}

func breakerOf(p resilience4j.Params) CircuitBreaker {
	def := resilience4j.Default()
	b := CircuitBreaker{
		FailureRateThreshold:                         new(p.FailureRateThreshold),
		SlidingWindowType:                            new(WindowType(p.SlidingWindowType)),
		SlidingWindowSize:                            new(p.SlidingWindowSize),
		MinimumNumberOfCalls:                         new(p.MinimumNumberOfCalls),
		WaitDurationInOpenState:                      new(Duration(p.WaitDurationInOpenState)),
		PermittedNumberOfCallsInHalfOpenState:        new(p.PermittedNumberOfCallsInHalfOpenState),
		MaxWaitDurationInHalfOpenState:               new(Duration(p.MaxWaitDurationInHalfOpenState)),
		SlowCallRateThreshold:                        unless(p.SlowCallRateThreshold, def.SlowCallRateThreshold),
		SlowCallDurationThreshold:                    (*Duration)(unless(p.SlowCallDurationThreshold, def.SlowCallDurationThreshold)),
		TransitionToStateAfterWaitDuration:           (*After)(unless(p.TransitionToStateAfterWaitDuration, def.TransitionToStateAfterWaitDuration)),
		InitialState:                                 (*State)(unless(p.InitialState, def.InitialState)),
		AutomaticTransitionFromOpenToHalfOpenEnabled: unless(p.AutomaticTransitionFromOpenToHalfOpenEnabled, false),
		EnableExponentialBackoff:                     unless(p.EnableExponentialBackoff, false),
		ExponentialBackoffMultiplier:                 unless(p.ExponentialBackoffMultiplier, def.ExponentialBackoffMultiplier),
		ExponentialMaxWaitDurationInOpenState:        (*Duration)(unless(p.ExponentialMaxWaitDurationInOpenState, 0)),
		EnableRandomizedWait:                         unless(p.EnableRandomizedWait, false),
		RandomizedWaitFactor:                         unless(p.RandomizedWaitFactor, def.RandomizedWaitFactor),
		RecordExceptions:                             p.RecordExceptions.Classes(),
		IgnoreExceptions:                             p.IgnoreExceptions.Classes(),
	}
	// Without its multiplier a bound is overlooked.
	if p.EnableExponentialBackoff || b.ExponentialMaxWaitDurationInOpenState != nil {
		b.ExponentialBackoffMultiplier = new(p.ExponentialBackoffMultiplier)
	}
	if p.EnableRandomizedWait {
		b.RandomizedWaitFactor = new(p.RandomizedWaitFactor)
	}
	return b
}

func retryOf(r resilience4j.Retry) Retry {
	def := resilience4j.Default().Retry
	v := Retry{
		MaxAttempts:                  new(r.MaxAttempts),
		WaitDuration:                 new(Duration(r.WaitDuration)),
		EnableExponentialBackoff:     unless(r.EnableExponentialBackoff, false),
		ExponentialBackoffMultiplier: unless(r.ExponentialBackoffMultiplier, def.ExponentialBackoffMultiplier),
		ExponentialMaxWaitDuration:   (*Duration)(unless(r.ExponentialMaxWaitDuration, 0)),
		EnableRandomizedWait:         unless(r.EnableRandomizedWait, false),
		RandomizedWaitFactor:         unless(r.RandomizedWaitFactor, def.RandomizedWaitFactor),
		RetryExceptions:              r.RetryExceptions.Classes(),
		IgnoreExceptions:             r.IgnoreExceptions.Classes(),
	}
	// Without its multiplier a bound is overlooked, and so is the factor.
	if r.EnableExponentialBackoff || v.ExponentialMaxWaitDuration != nil {
		v.ExponentialBackoffMultiplier = new(r.ExponentialBackoffMultiplier)
	}
	if r.EnableRandomizedWait {
		v.RandomizedWaitFactor = new(r.RandomizedWaitFactor)
	}
	return v
}

// unless is v, or nil where it is the default.
func unless[T comparable](v, def T) *T {
	if v == def {
		return nil
	}
	return &v
}
