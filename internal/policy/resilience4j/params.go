// Package resilience4j is resilience4j 2.4.0: its CircuitBreaker with parameters,
// machine and the way to and from the neutral policy, and the TimeLimiter, Bulkhead
// and Retry around the same call. The windows are the synchronised ones, the library's
// default.
package resilience4j

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machine follows.
const Version = "2.4.0"

// The words that the library has for its windows and states.
const (
	CountBased = "COUNT_BASED"
	TimeBased  = "TIME_BASED"

	stateClosed = "CLOSED"
	stateOpen   = "OPEN"
)

// states are the library's names, in its order.
var states = [...]string{
	policy.Closed: stateClosed, policy.Open: stateOpen, policy.HalfOpen: "HALF_OPEN", policy.Disabled: "DISABLED",
	policy.ForcedOpen: "FORCED_OPEN", policy.MetricsOnly: "METRICS_ONLY",
}

// Params are the properties of one instance of each module that decide anything.
// The modules besides the breaker are absent in their zero value.
type Params struct {
	FailureRateThreshold                         float64       // above 0, at most 100 %; trips at it
	SlowCallRateThreshold                        float64       // above 0, at most 100 %; trips at it
	SlowCallDurationThreshold                    time.Duration // a call is slow above it
	SlidingWindowType                            string        // CountBased or TimeBased
	SlidingWindowSize                            int           // calls, or whole seconds
	MinimumNumberOfCalls                         int           // calls in the window below which nothing trips
	WaitDurationInOpenState                      time.Duration // until half-open, the first time
	EnableExponentialBackoff                     bool
	ExponentialBackoffMultiplier                 float64       // of the wait, from opening to opening
	ExponentialMaxWaitDurationInOpenState        time.Duration // longest wait; 0 is none
	EnableRandomizedWait                         bool
	RandomizedWaitFactor                         float64       // 0..1: the wait is drawn from [1-f, 1+f] of its length
	PermittedNumberOfCallsInHalfOpenState        int           // in total
	MaxWaitDurationInHalfOpenState               time.Duration // 0 waits for the probes for ever
	TransitionToStateAfterWaitDuration           string        // OPEN or CLOSED
	AutomaticTransitionFromOpenToHalfOpenEnabled bool          // by a timer instead of the next call
	InitialState                                 string        // one of states
	RecordExceptions                             Exceptions    // empty records all as failures; what is not listed is a success
	IgnoreExceptions                             Exceptions    // neither success nor failure

	TimeLimiter TimeLimiter
	Bulkhead    Bulkhead
	Retry       Retry
}

// TimeLimiter gives up on a call.
type TimeLimiter struct {
	TimeoutDuration     time.Duration // 0 is no TimeLimiter
	CancelRunningFuture bool
}

// Bulkhead bounds the calls in flight.
type Bulkhead struct {
	MaxConcurrentCalls int           // 0 is no Bulkhead
	MaxWaitDuration    time.Duration // how long a call may wait for a place
}

// Default is what the library takes for properties that are absent, without a
// TimeLimiter, a Bulkhead and a Retry.
func Default() Params {
	return Params{
		FailureRateThreshold:                  50,
		SlowCallRateThreshold:                 100,
		SlowCallDurationThreshold:             time.Minute,
		SlidingWindowType:                     CountBased,
		SlidingWindowSize:                     100,
		MinimumNumberOfCalls:                  100,
		WaitDurationInOpenState:               time.Minute,
		ExponentialBackoffMultiplier:          1.5,
		RandomizedWaitFactor:                  0.5,
		PermittedNumberOfCallsInHalfOpenState: 10,
		TransitionToStateAfterWaitDuration:    stateOpen,
		InitialState:                          stateClosed,
		TimeLimiter:                           TimeLimiter{CancelRunningFuture: true},
		Retry: Retry{
			MaxAttempts: 1, WaitDuration: 500 * time.Millisecond,
			ExponentialBackoffMultiplier: 1.5, RandomizedWaitFactor: 0.5,
		},
	}
}

// Factory is a set for a service that is called some ten times a second: it closes
// the traps of the defaults, a window of 100 calls whatever the traffic, no time
// limit, and probes that may hang for ever.
func Factory() map[string]string {
	return map[string]string{
		"failureRateThreshold": "50", "slidingWindowType": TimeBased, "slidingWindowSize": "10", "minimumNumberOfCalls": "10",
		"waitDurationInOpenState": "30s", "permittedNumberOfCallsInHalfOpenState": "3", "maxWaitDurationInHalfOpenState": "30s",
		"timelimiter.timeoutDuration": "5s",
	}
}

const (
	most    = 1_000_000 // calls and seconds of a window
	longest = 366 * 24 * time.Hour
)

var table = param.Table[Params]{
	Library:  "resilience4j",
	Word:     "property",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always: []string{
		"failureRateThreshold", "slidingWindowType", "slidingWindowSize", "minimumNumberOfCalls",
		"waitDurationInOpenState", "permittedNumberOfCallsInHalfOpenState", "maxWaitDurationInHalfOpenState",
	},
	Params: []param.Of[Params]{
		percentage(policy.Param{
			Name: "failureRateThreshold", Unit: "%", Kind: policy.KindNumber, Default: 50, Min: 1, Max: 100, Step: 5,
			Help: "opens at this share of failed calls among those that have ended in the window",
		}, func(p *Params) *float64 { return &p.FailureRateThreshold }),
		percentage(policy.Param{
			Name: "slowCallRateThreshold", Unit: "%", Kind: policy.KindNumber, Default: 100, Min: 1, Max: 100, Step: 5,
			Help: "opens at this share of slow calls, failed or not; 100 only when all are slow",
		}, func(p *Params) *float64 { return &p.SlowCallRateThreshold }),
		param.Duration(policy.Param{
			Name: "slowCallDurationThreshold", Unit: "s", Kind: policy.KindDuration, Default: 60, Min: 0.1, Max: 60, Step: 0.1,
			Help: "a call that took longer is slow",
		}, func(p *Params) *time.Duration { return &p.SlowCallDurationThreshold }, 1, longest),
		param.Choice(policy.Param{
			Name: "slidingWindowType",
			Help: "what slidingWindowSize counts: calls, or seconds of the clock",
		}, func(p *Params) *string { return &p.SlidingWindowType }, CountBased, TimeBased),
		param.Integer(policy.Param{
			Name: "slidingWindowSize", Unit: "calls or s", Kind: policy.KindInteger, Default: 100, Min: 1, Max: 200, Step: 1,
			Help: "the window: this many calls, or this many whole seconds",
		}, func(p *Params) *int { return &p.SlidingWindowSize }, 1, most),
		param.Integer(policy.Param{
			Name: "minimumNumberOfCalls", Unit: "calls", Kind: policy.KindInteger, Default: 100, Min: 1, Max: 200, Step: 1,
			Help: "calls that must have ended in the window before it can open; in a window of calls at most its size",
		}, func(p *Params) *int { return &p.MinimumNumberOfCalls }, 1, most),
		param.Duration(policy.Param{
			Name: "waitDurationInOpenState", Unit: "s", Kind: policy.KindDuration, Default: 60, Min: 0.5, Max: 120, Step: 0.5,
			Help: "stays open this long; the next call after it is a probe",
		}, func(p *Params) *time.Duration { return &p.WaitDurationInOpenState }, time.Millisecond, longest),
		param.Switch(policy.Param{
			Name: "enableExponentialBackoff", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "the open time grows from opening to opening until it closes; not together with enableRandomizedWait",
		}, func(p *Params) *bool { return &p.EnableExponentialBackoff }),
		multiplier("exponentialBackoffMultiplier", "growth of the open time, with enableExponentialBackoff",
			func(p *Params) *float64 { return &p.ExponentialBackoffMultiplier }),
		maximum("exponentialMaxWaitDurationInOpenState", "longest open time, with enableExponentialBackoff; 0 is no bound", 600,
			func(p *Params) *time.Duration { return &p.ExponentialMaxWaitDurationInOpenState }),
		param.Switch(policy.Param{
			Name: "enableRandomizedWait", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "the open time is random; not together with enableExponentialBackoff",
		}, func(p *Params) *bool { return &p.EnableRandomizedWait }),
		factor("randomizedWaitFactor", "the open time is up to this share longer or shorter, with enableRandomizedWait",
			func(p *Params) *float64 { return &p.RandomizedWaitFactor }),
		param.Integer(policy.Param{
			Name: "permittedNumberOfCallsInHalfOpenState", Unit: "calls", Kind: policy.KindInteger, Default: 10, Min: 1, Max: 50, Step: 1,
			Help: "probes let through in half-open, in total; decided after as many results, or minimumNumberOfCalls if that is less",
		}, func(p *Params) *int { return &p.PermittedNumberOfCallsInHalfOpenState }, 1, most),
		param.Duration(policy.Param{
			Name: "maxWaitDurationInHalfOpenState", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 120, Step: 0.5,
			Help: "ends half-open after this long without a decision; 0 waits for ever",
		}, func(p *Params) *time.Duration { return &p.MaxWaitDurationInHalfOpenState }, 0, longest),
		param.Choice(policy.Param{
			Name: "transitionToStateAfterWaitDuration",
			Help: "the state after maxWaitDurationInHalfOpenState",
		}, func(p *Params) *string { return &p.TransitionToStateAfterWaitDuration }, stateOpen, stateClosed),
		param.Switch(policy.Param{
			Name: "automaticTransitionFromOpenToHalfOpenEnabled", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "half-open by a timer, without waiting for a call",
		}, func(p *Params) *bool { return &p.AutomaticTransitionFromOpenToHalfOpenEnabled }),
		param.Choice(policy.Param{
			Name: "initialState",
			Help: "the state at the start",
		}, func(p *Params) *string { return &p.InitialState }, states[:]...),
		exceptions("recordExceptions", "classes of exceptions that count as failures, separated by commas; all others then count as successes, and so does a time-out that is not listed",
			func(p *Params) *Exceptions { return &p.RecordExceptions }),
		exceptions("ignoreExceptions", "classes of exceptions that count neither as failure nor as success, separated by commas",
			func(p *Params) *Exceptions { return &p.IgnoreExceptions }),

		param.Duration(policy.Param{
			Name: "timelimiter.timeoutDuration", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 30, Step: 0.5,
			Help: "gives up on a call after this long; 0 is no TimeLimiter (one that says nothing has 1s)",
		}, func(p *Params) *time.Duration { return &p.TimeLimiter.TimeoutDuration }, 0, longest),
		param.Switch(policy.Param{
			Name: "timelimiter.cancelRunningFuture", Kind: policy.KindSwitch, Default: 1, Max: 1, Step: 1,
			Help: "cancels the future of a call given up; the work behind a CompletableFuture runs on all the same",
		}, func(p *Params) *bool { return &p.TimeLimiter.CancelRunningFuture }),
		param.Integer(policy.Param{
			Name: "bulkhead.maxConcurrentCalls", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 500, Step: 10,
			Help: "calls in flight; one more is rejected, which inside the breaker is a failure; 0 is no Bulkhead (one that says nothing has 25)",
		}, func(p *Params) *int { return &p.Bulkhead.MaxConcurrentCalls }, 0, most),
		param.Duration(policy.Param{
			Name: "bulkhead.maxWaitDuration", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 10, Step: 0.1,
			Help: "how long a call's thread may wait for a place; simulated as 0",
		}, func(p *Params) *time.Duration { return &p.Bulkhead.MaxWaitDuration }, 0, longest),
		param.Integer(policy.Param{
			Name: "retry.maxAttempts", Unit: "calls", Kind: policy.KindInteger, Default: 1, Min: 1, Max: 10, Step: 1,
			Help: "attempts, the first included; 1 is no Retry (one that says nothing makes 3)",
		}, func(p *Params) *int { return &p.Retry.MaxAttempts }, 1, most),
		param.Duration(policy.Param{
			Name: "retry.waitDuration", Unit: "s", Kind: policy.KindDuration, Default: 0.5, Min: 0, Max: 10, Step: 0.1,
			Help: "wait before the second attempt",
		}, func(p *Params) *time.Duration { return &p.Retry.WaitDuration }, 0, longest),
		param.Switch(policy.Param{
			Name: "retry.enableExponentialBackoff", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "the wait grows from attempt to attempt",
		}, func(p *Params) *bool { return &p.Retry.EnableExponentialBackoff }),
		multiplier("retry.exponentialBackoffMultiplier", "growth of the wait, with retry.enableExponentialBackoff",
			func(p *Params) *float64 { return &p.Retry.ExponentialBackoffMultiplier }),
		maximum("retry.exponentialMaxWaitDuration", "longest wait, with retry.enableExponentialBackoff; 0 is no bound", 60,
			func(p *Params) *time.Duration { return &p.Retry.ExponentialMaxWaitDuration }),
		param.Switch(policy.Param{
			Name: "retry.enableRandomizedWait", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "the wait is random; it may also grow",
		}, func(p *Params) *bool { return &p.Retry.EnableRandomizedWait }),
		factor("retry.randomizedWaitFactor", "the wait is up to this share longer or shorter, with retry.enableRandomizedWait",
			func(p *Params) *float64 { return &p.Retry.RandomizedWaitFactor }),
		exceptions("retry.retryExceptions", "classes of exceptions that are worth another attempt, separated by commas; empty is all",
			func(p *Params) *Exceptions { return &p.Retry.RetryExceptions }),
		exceptions("retry.ignoreExceptions", "classes of exceptions that are not, separated by commas",
			func(p *Params) *Exceptions { return &p.Retry.IgnoreExceptions }),
	},
}

func multiplier(name, help string, at func(*Params) *float64) param.Of[Params] {
	return param.Number(policy.Param{Name: name, Kind: policy.KindNumber, Default: 1.5, Min: 1, Max: 5, Step: 0.1, Help: help}, at, 0.001, 1000)
}

func maximum(name, help string, slider float64, at func(*Params) *time.Duration) param.Of[Params] {
	return param.Duration(policy.Param{Name: name, Unit: "s", Kind: policy.KindDuration, Max: slider, Step: 1, Help: help}, at, 0, longest)
}

func factor(name, help string, at func(*Params) *float64) param.Of[Params] {
	return param.Number(policy.Param{Name: name, Kind: policy.KindRatio, Default: 0.5, Max: 1, Step: 0.05, Help: help}, at, 0, 1)
}

// percentage is above 0, for the library refuses 0.
func percentage(p policy.Param, at func(*Params) *float64) param.Of[Params] {
	o := param.Number(p, at, 0, 100)
	set := o.Set
	o.Set = func(s *Params, v string) error {
		was := *at(s)
		if err := set(s, v); err != nil || *at(s) == 0 {
			*at(s) = was
			return fmt.Errorf("%q is not a percentage above 0, up to 100", v)
		}
		return nil
	}
	return o
}

func exceptions(name, help string, at func(*Params) *Exceptions) param.Of[Params] {
	return param.Of[Params]{
		Param: policy.Param{Name: name, Kind: policy.KindText, Help: help},
		Set: func(s *Params, v string) error {
			e, err := parseExceptions(v)
			if err != nil {
				return err
			}
			*at(s) = e
			return nil
		},
		Get: func(s Params) string { return string(*at(&s)) },
	}
}

func hint(name string) error {
	switch name {
	case "ringBufferSizeInClosedState":
		return errors.New("ringBufferSizeInClosedState is of versions before 1.0: write slidingWindowSize")
	case "ringBufferSizeInHalfOpenState":
		return errors.New("ringBufferSizeInHalfOpenState is of versions before 1.0: write permittedNumberOfCallsInHalfOpenState")
	case "timeoutDuration", "cancelRunningFuture":
		return fmt.Errorf("%s is the TimeLimiter's: write timelimiter.%s", name, name)
	case "maxConcurrentCalls", "maxWaitDuration":
		return fmt.Errorf("%s is the Bulkhead's: write bulkhead.%s", name, name)
	case "maxAttempts", "waitDuration", "exponentialMaxWaitDuration", "retryExceptions":
		return fmt.Errorf("%s is the Retry's: write retry.%s", name, name)
	case "recordFailurePredicate", "recordResultPredicate", "ignoreExceptionPredicate", "slidingWindowSynchronizationStrategy":
		return fmt.Errorf("%s decides nothing here: leave it out", name)
	}
	return nil
}

func validate(p Params) error {
	if p.EnableExponentialBackoff && p.EnableRandomizedWait {
		return errors.New("enableExponentialBackoff and enableRandomizedWait are both on: the application does not start")
	}
	return nil
}

// List is the properties that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all properties that can be set.
func Names() []string { return table.Names() }

// Known says what is wrong with a property's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether the library takes value for its property name and returns it
// as it is written here.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads properties under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except what decides at a glance.
func (p Params) Map() map[string]string { return table.Map(p) }

// minimum is how many calls must have ended in the window: a window of calls never
// holds more than its size (resilience4j 2.4.0, CircuitBreakerMetrics).
func (p Params) minimum() int {
	if p.SlidingWindowType == CountBased {
		return min(p.MinimumNumberOfCalls, p.SlidingWindowSize)
	}
	return p.MinimumNumberOfCalls
}

// Traps are what these properties do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	d := policy.FormatDuration
	switch p.InitialState {
	case stateClosed:
	case states[policy.Disabled], states[policy.MetricsOnly]:
		trap("initialState %s: every call goes through until somebody closes the breaker by hand", p.InitialState)
	case states[policy.ForcedOpen]:
		trap("initialState %s: every call is rejected until somebody closes the breaker by hand", p.InitialState)
	default:
		trap("initialState %s: the first calls are rejected", p.InitialState)
	}
	limit := p.TimeLimiter.TimeoutDuration
	if limit == 0 {
		trap("no TimeLimiter: the breaker counts calls that have ended, so a hung call is invisible to it")
	} else {
		trap("the TimeLimiter gives up on the future only: behind a CompletableFuture the work runs on")
		if p.SlowCallDurationThreshold >= limit && p.SlowCallDurationThreshold != Default().SlowCallDurationThreshold {
			trap("slowCallDurationThreshold %s is not below timelimiter.timeoutDuration %s: a slow call is cut off before it is slow", d(p.SlowCallDurationThreshold), d(limit))
		}
		if !p.Counts(policy.Timeout) {
			trap("a time-out is no failure here: recordExceptions or ignoreExceptions leave java.util.concurrent.TimeoutException out")
		}
	}
	if p.MaxWaitDurationInHalfOpenState == 0 {
		trap("maxWaitDurationInHalfOpenState 0: probes that hang leave the breaker half-open and rejecting for ever")
	} else if p.MaxWaitDurationInHalfOpenState <= limit {
		trap("maxWaitDurationInHalfOpenState %s is not above timelimiter.timeoutDuration %s: half-open ends before a hung probe does", d(p.MaxWaitDurationInHalfOpenState), d(limit))
	}
	minimum, permitted := p.MinimumNumberOfCalls, p.PermittedNumberOfCallsInHalfOpenState
	if permitted > minimum {
		trap("permittedNumberOfCallsInHalfOpenState %d is more than minimumNumberOfCalls %d: half-open is decided after %d results", permitted, minimum, minimum)
	}
	if p.minimum() < minimum {
		trap("minimumNumberOfCalls %d is cut to slidingWindowSize %d", minimum, p.minimum())
	}
	if p.minimum() == 1 {
		trap("minimumNumberOfCalls 1: one failure after a quiet window opens the breaker")
	}
	if p.SlowCallRateThreshold == 100 && p.SlowCallDurationThreshold != Default().SlowCallDurationThreshold {
		trap("slowCallRateThreshold 100: slow calls open the breaker only when all calls are slow")
	}
	if p.FailureRateThreshold < 1 || p.SlowCallRateThreshold < 1 {
		trap("a threshold below 1 %%: Spring Boot's properties begin at 1, the builder above 0")
	}
	if p.Bulkhead.MaxConcurrentCalls > 0 && p.Counts(policy.Busy) {
		trap("the Bulkhead stands inside the breaker: a call that finds it full is a failure and can open the breaker")
	}
	p.Retry.traps(trap)
	return traps
}

// Exceptions are names of classes, separated by commas.
type Exceptions string

// Classes are the names, one by one.
func (e Exceptions) Classes() []string {
	if e == "" {
		return nil
	}
	return strings.Split(string(e), ",")
}

// ExceptionsOf is a list of classes as it is kept here.
func ExceptionsOf(classes []string) Exceptions { return Exceptions(strings.Join(classes, ",")) }

func parseExceptions(v string) (Exceptions, error) {
	if v == "" {
		return "", nil
	}
	var classes []string
	for c := range strings.SplitSeq(v, ",") {
		c = strings.TrimSpace(c)
		if c == "" || strings.ContainsFunc(c, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"'#[]{}:`, r) }) {
			return "", fmt.Errorf("%s is not the name of a class: write java.util.concurrent.TimeoutException", strconv.Quote(c))
		}
		classes = append(classes, c)
	}
	return ExceptionsOf(classes), nil
}

// has says whether one of the classes, which go from an exception's own to its
// ancestors, is among e.
func (e Exceptions) has(classes []string) bool {
	return slices.ContainsFunc(e.Classes(), func(c string) bool { return slices.Contains(classes, c) })
}

// The exceptions of the library's own, with their ancestors. What an exception of
// the call itself is, is the outcome's to say; but every exception is one.
var (
	anyException     = []string{"java.lang.Exception", "java.lang.Throwable"}
	timeoutException = append([]string{"java.util.concurrent.TimeoutException"}, anyException...)
	bulkheadFull     = append([]string{"io.github.resilience4j.bulkhead.BulkheadFullException", "java.lang.RuntimeException"}, anyException...)
	callNotPermitted = append([]string{"io.github.resilience4j.circuitbreaker.CallNotPermittedException", "java.lang.RuntimeException"}, anyException...)
)

// Counts says whether an outcome is a failure to the breaker.
func (p Params) Counts(code policy.Code) bool { return p.verdictOf(code) == failed }
