// Package resilience4j is the Spring Boot configuration of resilience4j 2.4.0 as
// text: the circuit breakers, time limiters, retries and bulkheads of an
// application.yml.
package resilience4j

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
)

// Config is what stands under the key resilience4j. Absent keys have the library's
// defaults.
type Config struct {
	CircuitBreaker *Module[CircuitBreaker] `json:"circuitbreaker"`
	TimeLimiter    *Module[TimeLimiter]    `json:"timelimiter"`
	Retry          *Module[Retry]          `json:"retry"`
	Bulkhead       *Module[Bulkhead]       `json:"bulkhead"`

	// Known, but not read.
	RateLimiter        *skipped `json:"ratelimiter"`
	ThreadPoolBulkhead *skipped `json:"threadPoolBulkhead"`
	ScheduledExecutor  *skipped `json:"scheduled"`
}

// Module is one kind of part, by instance.
type Module[T any] struct {
	Configs   map[string]T `json:"configs"` // what an instance's baseConfig names
	Instances map[string]T `json:"instances"`

	Metrics                   *skipped `json:"metrics"`
	Tags                      *skipped `json:"tags"`
	CircuitBreakerAspectOrder *skipped `json:"circuitBreakerAspectOrder"`
	TimeLimiterAspectOrder    *skipped `json:"timeLimiterAspectOrder"`
	RetryAspectOrder          *skipped `json:"retryAspectOrder"`
	BulkheadAspectOrder       *skipped `json:"bulkheadAspectOrder"`
}

// CircuitBreaker instance.
type CircuitBreaker struct {
	BaseConfig                                   *string     `json:"baseConfig"`
	FailureRateThreshold                         *float64    `json:"failureRateThreshold" above:"0" max:"100"`  // %, 50
	SlowCallRateThreshold                        *float64    `json:"slowCallRateThreshold" above:"0" max:"100"` // %, 100
	SlowCallDurationThreshold                    *Duration   `json:"slowCallDurationThreshold"`                 // 60s
	SlidingWindowType                            *WindowType `json:"slidingWindowType"`                         // COUNT_BASED
	SlidingWindowSize                            *int        `json:"slidingWindowSize" min:"1"`                 // calls or seconds, 100
	MinimumNumberOfCalls                         *int        `json:"minimumNumberOfCalls" min:"1"`              // 100
	WaitDurationInOpenState                      *Duration   `json:"waitDurationInOpenState"`                   // 60s
	EnableExponentialBackoff                     *bool       `json:"enableExponentialBackoff"`
	ExponentialBackoffMultiplier                 *float64    `json:"exponentialBackoffMultiplier" above:"0"` // 1.5
	ExponentialMaxWaitDurationInOpenState        *Duration   `json:"exponentialMaxWaitDurationInOpenState"`
	EnableRandomizedWait                         *bool       `json:"enableRandomizedWait"`
	RandomizedWaitFactor                         *float64    `json:"randomizedWaitFactor" min:"0" max:"1"`          // 0.5
	PermittedNumberOfCallsInHalfOpenState        *int        `json:"permittedNumberOfCallsInHalfOpenState" min:"1"` // 10
	MaxWaitDurationInHalfOpenState               *Duration   `json:"maxWaitDurationInHalfOpenState"`                // 0 is for ever, 0
	TransitionToStateAfterWaitDuration           *After      `json:"transitionToStateAfterWaitDuration"`            // OPEN
	AutomaticTransitionFromOpenToHalfOpenEnabled *bool       `json:"automaticTransitionFromOpenToHalfOpenEnabled"`
	InitialState                                 *State      `json:"initialState"` // CLOSED
	RecordExceptions                             []string    `json:"recordExceptions"`
	IgnoreExceptions                             []string    `json:"ignoreExceptions"`

	RecordFailurePredicate               *skipped `json:"recordFailurePredicate"`
	RecordResultPredicate                *skipped `json:"recordResultPredicate"`
	IgnoreExceptionPredicate             *skipped `json:"ignoreExceptionPredicate"`
	IgnoreClassBindingExceptions         *skipped `json:"ignoreClassBindingExceptions"`
	RegisterHealthIndicator              *skipped `json:"registerHealthIndicator"`
	AllowHealthIndicatorToFail           *skipped `json:"allowHealthIndicatorToFail"`
	EventConsumerBufferSize              *skipped `json:"eventConsumerBufferSize"`
	WritableStackTraceEnabled            *skipped `json:"writableStackTraceEnabled"`
	SlidingWindowSynchronizationStrategy *skipped `json:"slidingWindowSynchronizationStrategy"`
}

// TimeLimiter instance.
type TimeLimiter struct {
	BaseConfig              *string   `json:"baseConfig"`
	TimeoutDuration         *Duration `json:"timeoutDuration"`     // 1s
	CancelRunningFuture     *bool     `json:"cancelRunningFuture"` // true
	EventConsumerBufferSize *skipped  `json:"eventConsumerBufferSize"`
}

// Retry instance.
type Retry struct {
	BaseConfig                   *string   `json:"baseConfig"`
	MaxAttempts                  *int      `json:"maxAttempts" min:"1"` // the first included, 3
	WaitDuration                 *Duration `json:"waitDuration"`        // 500ms
	EnableExponentialBackoff     *bool     `json:"enableExponentialBackoff"`
	ExponentialBackoffMultiplier *float64  `json:"exponentialBackoffMultiplier" above:"0"` // 1.5
	ExponentialMaxWaitDuration   *Duration `json:"exponentialMaxWaitDuration"`
	EnableRandomizedWait         *bool     `json:"enableRandomizedWait"`
	RandomizedWaitFactor         *float64  `json:"randomizedWaitFactor" min:"0" max:"1"` // 0.5
	RetryExceptions              []string  `json:"retryExceptions"`
	IgnoreExceptions             []string  `json:"ignoreExceptions"`

	RetryExceptionPredicate         *skipped `json:"retryExceptionPredicate"`
	ResultPredicate                 *skipped `json:"resultPredicate"`
	IntervalBiFunction              *skipped `json:"intervalBiFunction"`
	ConsumeResultBeforeRetryAttempt *skipped `json:"consumeResultBeforeRetryAttempt"`
	IgnoreClassBindingExceptions    *skipped `json:"ignoreClassBindingExceptions"`
	FailAfterMaxAttempts            *skipped `json:"failAfterMaxAttempts"`
	EventConsumerBufferSize         *skipped `json:"eventConsumerBufferSize"`
}

// Bulkhead instance.
type Bulkhead struct {
	BaseConfig              *string   `json:"baseConfig"`
	MaxConcurrentCalls      *int      `json:"maxConcurrentCalls" min:"1"` // 25
	MaxWaitDuration         *Duration `json:"maxWaitDuration"`            // 0
	EventConsumerBufferSize *skipped  `json:"eventConsumerBufferSize"`
	WritableStackTrace      *skipped  `json:"writableStackTraceEnabled"`
}

// skipped is a value that decides nothing here.
type skipped struct{}

func (*skipped) ReadNode(*source.Node) error { return nil }

// Duration is a time as Spring reads it.
type Duration time.Duration

// ReadNode takes 500ms, 5s, 1m, 1h, a number of milliseconds, or ISO 8601 (PT5S).
func (d *Duration) ReadNode(n *source.Node) error {
	const want = "a duration such as 500ms, 5s or PT5S"
	if n.Kind != source.String && n.Kind != source.Number {
		return n.Wrong(want)
	}
	parsed, err := parse(n.Text)
	if err != nil || parsed < 0 {
		return n.Wrong(want)
	}
	*d = Duration(parsed)
	return nil
}

func parse(text string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(text, 10, 52); err == nil && ms < int64(1<<63-1)/int64(time.Millisecond) {
		return time.Duration(ms) * time.Millisecond, nil
	}
	if iso, ok := strings.CutPrefix(strings.ToUpper(text), "PT"); ok {
		return time.ParseDuration(strings.ToLower(iso))
	}
	// Spring's simple form is one whole number and one unit.
	digits := strings.TrimRight(text, "nmsuh")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return time.ParseDuration(text)
}

// String is d as Spring reads it: one whole number and the largest unit up to
// seconds that fits.
func (d Duration) String() string {
	t := time.Duration(d)
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}} {
		if t%u.unit == 0 {
			return strconv.FormatInt(int64(t/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(t), 10) + "ns"
}

// WindowType is COUNT_BASED or TIME_BASED.
type WindowType string

const (
	CountBased WindowType = "COUNT_BASED"
	TimeBased  WindowType = "TIME_BASED"
)

// ReadNode takes the two in either case, as Spring does.
func (w *WindowType) ReadNode(n *source.Node) error {
	s, err := choice(n, string(CountBased), string(TimeBased))
	*w = WindowType(s)
	return err
}

// State is a state of the breaker.
type State string

// ReadNode takes the library's states.
func (s *State) ReadNode(n *source.Node) error {
	c, err := choice(n, "CLOSED", "OPEN", "HALF_OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY")
	*s = State(c)
	return err
}

// After is the state in which a half-open that takes too long ends.
type After string

// ReadNode takes the two that the library allows.
func (a *After) ReadNode(n *source.Node) error {
	c, err := choice(n, "OPEN", "CLOSED")
	*a = After(c)
	return err
}

func choice(n *source.Node, among ...string) (string, error) {
	s := strings.ReplaceAll(strings.ToUpper(n.Text), "-", "_")
	if n.Kind != source.String || !slices.Contains(among, s) {
		return "", n.Wrong(strings.Join(among, " or "))
	}
	return s, nil
}
