// Package semian is the circuit breaker of the Ruby library Semian 0.28.2: its
// options, its two machines (the classic one, which counts errors, and the adaptive
// one, which rejects a share of the calls), and its way to and from the neutral
// policy. All times of the library are in seconds.
package semian

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machines follow.
const Version = "0.28.2"

// Params are the options of Semian.register that decide anything. The library has
// one breaker per resource and process.
type Params struct {
	// Classic.
	SuccessThreshold int           // successes in half-open that close
	ErrorThreshold   int           // errors in the window that open
	ErrorTimeout     time.Duration // open until half-open, from the last error on
	// ErrorThresholdTimeout is the window of the errors; 0 is ErrorTimeout.
	ErrorThresholdTimeout        time.Duration
	ErrorThresholdTimeoutEnabled bool          // false never forgets an error
	LumpingInterval              time.Duration // an error sooner than this after the last one kept is not kept

	ExponentialBackoffErrorTimeout   bool
	ExponentialBackoffInitialTimeout time.Duration // the first open time; ErrorTimeout is the longest then
	ExponentialBackoffMultiplier     float64       // > 1

	// HalfOpenResourceTimeout shortens the client's own time limit of calls that
	// begin in half-open, where the adapter can; 0 leaves it alone.
	HalfOpenResourceTimeout time.Duration

	// Tickets bound the calls in flight of all processes of a host; 0 is
	// "bulkhead: false".
	Tickets int

	// Adaptive.
	AdaptiveCircuitBreaker bool
	KP, KI, KD             float64 // gains of the controller
	WindowSize             int     // seconds
	InitialErrorRate       float64 // 0..1, the baseline to begin with
	DeadZoneRatio          float64 // an excess up to this share of the baseline is none
	// IdealErrorRateEstimatorCapValue is the highest error rate, 0..1, that the
	// baseline learns from.
	IdealErrorRateEstimatorCapValue       float64
	IntegralUpperCap, IntegralLowerCap    float64
	AdaptiveCircuitBreakerSlidingInterval int // seconds from tick to tick, of the whole process
}

// Default is what the library takes for options that are absent. It has none for
// the two thresholds and the open time: those here are of its documentation's
// example.
func Default() Params {
	return Params{
		SuccessThreshold:                      2,
		ErrorThreshold:                        3,
		ErrorTimeout:                          10 * time.Second,
		ErrorThresholdTimeoutEnabled:          true,
		ExponentialBackoffInitialTimeout:      time.Second,
		ExponentialBackoffMultiplier:          2,
		KP:                                    1,
		KI:                                    0.2,
		WindowSize:                            10,
		InitialErrorRate:                      0.05,
		DeadZoneRatio:                         0.25,
		IdealErrorRateEstimatorCapValue:       0.1,
		IntegralUpperCap:                      10,
		IntegralLowerCap:                      -10,
		AdaptiveCircuitBreakerSlidingInterval: 1,
	}
}

// Factory is three errors in 10 s, open for 10 s, closed by two successes.
func Factory() map[string]string {
	return map[string]string{"success_threshold": "2", "error_threshold": "3", "error_timeout": "10"}
}

const (
	longest = 365 * 24 * time.Hour
	counts  = 1_000_000
	// slidingInterval is an environment variable, and so of the whole process.
	slidingInterval = "SEMIAN_ADAPTIVE_CIRCUIT_BREAKER_SLIDING_INTERVAL"
)

var required = []string{"success_threshold", "error_threshold", "error_timeout"}

var table = param.Table[Params]{
	Library:  "semian",
	Word:     "option",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always:   required,
	Params: []param.Of[Params]{
		param.Integer(policy.Param{
			Name: "error_threshold", Unit: "errors", Kind: policy.KindInteger, Default: 3, Min: 1, Max: 50, Step: 1,
			Help: "opens with this many errors in the window, in each process for itself; there is no rate",
		}, func(p *Params) *int { return &p.ErrorThreshold }, 1, counts),
		seconds(policy.Param{
			Name: "error_timeout", Default: 10, Min: 0.5, Max: 120, Step: 0.5,
			Help: "stays open this long after the last error (not after the trip), then half-open with the next call",
		}, func(p *Params) *time.Duration { return &p.ErrorTimeout }, time.Millisecond),
		param.Integer(policy.Param{
			Name: "success_threshold", Unit: "calls", Kind: policy.KindInteger, Default: 2, Min: 1, Max: 50, Step: 1,
			Help: "successes in half-open that close; half-open lets every call through, and one error opens again",
		}, func(p *Params) *int { return &p.SuccessThreshold }, 1, counts),
		seconds(policy.Param{
			Name: "error_threshold_timeout", Default: 0, Min: 0, Max: 120, Step: 0.5,
			Help: "the window of the errors; 0 is error_timeout",
		}, func(p *Params) *time.Duration { return &p.ErrorThresholdTimeout }, 0),
		param.Switch(policy.Param{
			Name: "error_threshold_timeout_enabled", Kind: policy.KindSwitch, Default: 1, Max: 1, Step: 1,
			Help: "false never forgets an error: those of different days add up",
		}, func(p *Params) *bool { return &p.ErrorThresholdTimeoutEnabled }),
		seconds(policy.Param{
			Name: "lumping_interval", Default: 0, Min: 0, Max: 30, Step: 0.1,
			Help: "an error sooner than this after the last one kept is not kept",
		}, func(p *Params) *time.Duration { return &p.LumpingInterval }, 0),
		param.Switch(policy.Param{
			Name: "exponential_backoff_error_timeout", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "the open time grows from opening to opening up to error_timeout, until the breaker closes",
		}, func(p *Params) *bool { return &p.ExponentialBackoffErrorTimeout }),
		seconds(policy.Param{
			Name: "exponential_backoff_initial_timeout", Default: 1, Min: 0.1, Max: 60, Step: 0.1,
			Help: "with exponential_backoff_error_timeout: the first open time",
		}, func(p *Params) *time.Duration { return &p.ExponentialBackoffInitialTimeout }, time.Millisecond),
		param.Number(policy.Param{
			Name: "exponential_backoff_multiplier", Kind: policy.KindNumber, Default: 2, Min: 1.1, Max: 5, Step: 0.1,
			Help: "with exponential_backoff_error_timeout: each open time is this many times the last",
		}, func(p *Params) *float64 { return &p.ExponentialBackoffMultiplier }, 1, 1000),
		seconds(policy.Param{
			Name: "half_open_resource_timeout", Default: 0, Min: 0, Max: 10, Step: 0.1,
			Help: "the client's own time limit for calls that begin in half-open, where the adapter can (not gRPC); 0 leaves it alone",
		}, func(p *Params) *time.Duration { return &p.HalfOpenResourceTimeout }, 0),
		param.Integer(policy.Param{
			Name: "tickets", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 500, Step: 1,
			Help: "calls in flight of all processes of a host; one more is rejected and counts as an error; 0 is bulkhead: false",
		}, func(p *Params) *int { return &p.Tickets }, 0, counts),
		param.Switch(policy.Param{
			Name: "adaptive_circuit_breaker", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "rejects a share of the calls, moved once a second by a PID controller on the error rate; the options above decide nothing then",
		}, func(p *Params) *bool { return &p.AdaptiveCircuitBreaker }),
		gain("kp", 1, "adaptive: gain on the error rate above the baseline", func(p *Params) *float64 { return &p.KP }),
		gain("ki", 0.2, "adaptive: gain on its sum over time", func(p *Params) *float64 { return &p.KI }),
		gain("kd", 0, "adaptive: gain on its change", func(p *Params) *float64 { return &p.KD }),
		param.Integer(policy.Param{
			Name: "window_size", Unit: "s", Kind: policy.KindInteger, Default: 10, Min: 1, Max: 120, Step: 1,
			Help: "adaptive: window of the error rate in whole seconds; it keeps 200 calls of a kind for each second",
		}, func(p *Params) *int { return &p.WindowSize }, 1, 3600),
		param.Number(policy.Param{
			Name: "initial_error_rate", Kind: policy.KindRatio, Default: 0.05, Max: 1, Step: 0.01,
			Help: "adaptive: the baseline to begin with",
		}, func(p *Params) *float64 { return &p.InitialErrorRate }, 0, 1),
		param.Number(policy.Param{
			Name: "dead_zone_ratio", Kind: policy.KindNumber, Default: 0.25, Max: 2, Step: 0.05,
			Help: "adaptive: an error rate above the baseline by no more than this share of it is let pass",
		}, func(p *Params) *float64 { return &p.DeadZoneRatio }, 0, 1000),
		param.Number(policy.Param{
			Name: "ideal_error_rate_estimator_cap_value", Kind: policy.KindRatio, Default: 0.1, Max: 1, Step: 0.01,
			Help: "adaptive: the baseline does not learn from error rates above this",
		}, func(p *Params) *float64 { return &p.IdealErrorRateEstimatorCapValue }, 0, 1),
		param.Number(policy.Param{
			Name: "integral_upper_cap", Kind: policy.KindNumber, Default: 10, Max: 20, Step: 0.5,
			Help: "adaptive: the sum over time is no more than this",
		}, func(p *Params) *float64 { return &p.IntegralUpperCap }, -counts, counts),
		param.Number(policy.Param{
			Name: "integral_lower_cap", Kind: policy.KindNumber, Default: -10, Min: -20, Step: 0.5,
			Help: "adaptive: the sum over time is no less than this",
		}, func(p *Params) *float64 { return &p.IntegralLowerCap }, -counts, counts),
		param.Integer(policy.Param{
			Name: slidingInterval, Unit: "s", Kind: policy.KindInteger, Default: 1, Min: 1, Max: 10, Step: 1,
			Help: "adaptive: from one move of the share to the next; an environment variable, for the whole process",
		}, func(p *Params) *int { return &p.AdaptiveCircuitBreakerSlidingInterval }, 1, 60),
	},
}

func seconds(p policy.Param, at func(*Params) *time.Duration, lo time.Duration) param.Of[Params] {
	p.Unit, p.Kind = "s", policy.KindNumber
	return param.Seconds(p, at, lo, longest)
}

func gain(name string, def float64, help string, at func(*Params) *float64) param.Of[Params] {
	return param.Number(policy.Param{Name: name, Kind: policy.KindNumber, Default: def, Max: 5, Step: 0.05, Help: help}, at, -1000, 1000)
}

// inert are options that change no decision; unmodelled ones do, and a simulation
// that left them out in silence would be false.
var (
	inert      = []string{"name", "dynamic", "thread_safety_disabled", "force_config_validation", "permissions"}
	unmodelled = []string{"quota", "timeout", "dual_circuit_breaker", "open_circuit_server_errors"}
)

func hint(name string) error {
	switch {
	case name == "bulkhead":
		return errors.New("semian's bulkhead is said by tickets: 0 is bulkhead: false")
	case name == "circuit_breaker":
		return errors.New("semian with circuit_breaker: false has no breaker: give the edge none")
	case name == "exceptions":
		return errors.New("semian's exceptions are code: an error that is not listed is an outcome to be ignored")
	case slices.Contains(unmodelled, name):
		return fmt.Errorf("semian has the option %s, but it is not modelled here: leave it out", name)
	case slices.Contains(inert, name):
		return fmt.Errorf("semian's option %s changes no decision of the breaker: leave it out", name)
	}
	return nil
}

// validate is strict where the library only writes a line into its log unless
// force_config_validation is on (Semian 0.28.2,
// lib/semian/configuration_validator.rb).
func validate(p Params) error {
	if p.AdaptiveCircuitBreaker {
		if p.IntegralLowerCap > p.IntegralUpperCap {
			return fmt.Errorf("integral_lower_cap %g is above integral_upper_cap %g", p.IntegralLowerCap, p.IntegralUpperCap)
		}
		return nil
	}
	if p.Lumped() {
		return fmt.Errorf("with lumping_interval %s, %d errors take longer than error_threshold_timeout %s: the breaker can never open",
			inSeconds(p.LumpingInterval), p.ErrorThreshold, inSeconds(p.Window()))
	}
	if p.ExponentialBackoffErrorTimeout && p.ExponentialBackoffMultiplier <= 1 {
		return fmt.Errorf("exponential_backoff_multiplier %g is not above 1", p.ExponentialBackoffMultiplier)
	}
	return nil
}

// Lumped says that the errors of a full window, as far apart as they must be, are
// more than the window holds.
func (p Params) Lumped() bool {
	return p.LumpingInterval.Seconds()*float64(p.ErrorThreshold-1) > p.Window().Seconds()
}

// Window is how long an error is remembered while the breaker is closed.
func (p Params) Window() time.Duration {
	if p.ErrorThresholdTimeout == 0 {
		return p.ErrorTimeout
	}
	return p.ErrorThresholdTimeout
}

// openFor is the first open time.
func (p Params) openFor() time.Duration {
	if p.ExponentialBackoffErrorTimeout {
		return p.ExponentialBackoffInitialTimeout
	}
	return p.ErrorTimeout
}

// List is the parameters that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters that can be set.
func Names() []string { return table.Names() }

// Known says what is wrong with an option's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether the library takes value for its option name and returns it
// as the library writes it, in seconds where it is a time.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except the three that it requires. The adaptive breaker requires none.
func (p Params) Map() map[string]string {
	m := table.Map(p)
	if p.AdaptiveCircuitBreaker {
		for name, v := range table.Map(Default()) {
			if m[name] == v {
				delete(m, name)
			}
		}
	}
	return m
}

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	trap("Semian has no time limit on calls and sees only what the client raises: a call that hangs without a time limit of the client's is never seen as an error")
	if p.AdaptiveCircuitBreaker {
		trap("adaptive_circuit_breaker: above %d successes a second in one process it measures too high an error rate, for it keeps no more than that many of each kind for each second of window_size", stampsPerSecond)
		trap("adaptive_circuit_breaker: with all calls rejected nothing is measured, and the quiet is learnt as baseline: a few calls go through every 15 s or so, and after the recovery half of them are still rejected for seconds")
		return traps
	}
	trap("error_threshold %d is counted in every process for itself: a host with n of them takes up to n times as many errors before all are open", p.ErrorThreshold)
	trap("half-open lets every call through, not one probe: with calls that hang the whole load is let in until the first of them fails")
	if !p.ErrorThresholdTimeoutEnabled {
		trap("error_threshold_timeout_enabled false: no error is ever forgotten, those of different days add up to error_threshold")
		if p.ErrorThresholdTimeout > 0 {
			trap("error_threshold_timeout %s has no effect beside error_threshold_timeout_enabled false", inSeconds(p.ErrorThresholdTimeout))
		}
	}
	if p.LumpingInterval > p.openFor() {
		trap("lumping_interval %s is longer than the open time %s: an error in half-open opens again but leaves the old stamp, so the very next call is half-open again", inSeconds(p.LumpingInterval), inSeconds(p.openFor()))
	}
	if p.HalfOpenResourceTimeout > 0 {
		trap("half_open_resource_timeout works with Mysql2, Trilogy, Net::HTTP and Redis; the gRPC and PostgreSQL adapters change nothing")
	}
	if p.ExponentialBackoffErrorTimeout && p.ExponentialBackoffInitialTimeout > p.ErrorTimeout {
		trap("exponential_backoff_initial_timeout %s is longer than error_timeout %s, to which the second open time falls", inSeconds(p.ExponentialBackoffInitialTimeout), inSeconds(p.ErrorTimeout))
	}
	if p.Tickets > 0 {
		trap("tickets %d are shared by all processes of a host; a call without one counts as an error and can open the breaker; under threads (Puma, Sidekiq) they must be off", p.Tickets)
	}
	return traps
}

// inSeconds is a time as the library writes it, with its unit.
func inSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s" }
