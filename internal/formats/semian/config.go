// Package semian is the configuration of the Ruby library Semian 0.28.2 as text:
// the semian: key in the YAML of an adapter (database.yml), which can be read back,
// and a Semian.register call in Ruby.
package semian

import (
	"math"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/semian"
)

// Config is the breakers of one file, in its order.
type Config []Breaker

// Breaker is one semian: key.
type Breaker struct {
	Name    string   // the option name, else the section that the key stands in
	Path    []string // keys from the root of the file to the options
	Options Options
}

// Options are what Semian.register takes. Times are in seconds, and an absent key
// has the library's default. The three that the library requires have none.
type Options struct {
	Name                             *string  `json:"name"`
	CircuitBreaker                   *bool    `json:"circuit_breaker"` // true
	ErrorThreshold                   *int     `json:"error_threshold" min:"1" max:"1000000"`
	ErrorTimeout                     *float64 `json:"error_timeout" min:"0.001" max:"31536000"`
	SuccessThreshold                 *int     `json:"success_threshold" min:"1" max:"1000000"`
	ErrorThresholdTimeout            *float64 `json:"error_threshold_timeout" min:"0.001" max:"31536000"` // error_timeout
	ErrorThresholdTimeoutEnabled     *bool    `json:"error_threshold_timeout_enabled"`                    // true
	LumpingInterval                  *float64 `json:"lumping_interval" min:"0" max:"31536000"`            // 0
	ExponentialBackoffErrorTimeout   *bool    `json:"exponential_backoff_error_timeout"`
	ExponentialBackoffInitialTimeout *float64 `json:"exponential_backoff_initial_timeout" min:"0.001" max:"31536000"` // 1
	ExponentialBackoffMultiplier     *float64 `json:"exponential_backoff_multiplier" above:"1" max:"1000"`            // 2
	HalfOpenResourceTimeout          *float64 `json:"half_open_resource_timeout" min:"0.001" max:"31536000"`

	AdaptiveCircuitBreaker          *bool    `json:"adaptive_circuit_breaker"`
	KP                              *float64 `json:"kp" min:"-1000" max:"1000"`                            // 1
	KI                              *float64 `json:"ki" min:"-1000" max:"1000"`                            // 0.2
	KD                              *float64 `json:"kd" min:"-1000" max:"1000"`                            // 0
	WindowSize                      *int     `json:"window_size" min:"1" max:"3600"`                       // 10
	InitialErrorRate                *float64 `json:"initial_error_rate" min:"0" max:"1"`                   // 0.05
	DeadZoneRatio                   *float64 `json:"dead_zone_ratio" min:"0" max:"1000"`                   // 0.25
	IdealErrorRateEstimatorCapValue *float64 `json:"ideal_error_rate_estimator_cap_value" min:"0" max:"1"` // 0.1
	IntegralUpperCap                *float64 `json:"integral_upper_cap" min:"-1000000" max:"1000000"`      // 10
	IntegralLowerCap                *float64 `json:"integral_lower_cap" min:"-1000000" max:"1000000"`      // -10
	DualCircuitBreaker              *bool    `json:"dual_circuit_breaker"`

	Bulkhead *bool    `json:"bulkhead"` // true
	Tickets  *int     `json:"tickets" min:"1" max:"1000000"`
	Quota    *float64 `json:"quota" above:"0" max:"1"`        // of the registered workers
	Timeout  *float64 `json:"timeout" min:"0" max:"31536000"` // wait for a ticket, 0

	OpenCircuitServerErrors *bool `json:"open_circuit_server_errors"`
	ForceConfigValidation   *bool `json:"force_config_validation"`

	Dynamic              *skipped `json:"dynamic"`
	ThreadSafetyDisabled *skipped `json:"thread_safety_disabled"`
	Permissions          *skipped `json:"permissions"`
}

// skipped is a value that decides nothing here.
type skipped struct{}

func (*skipped) ReadNode(*source.Node) error { return nil }

// params are the options over the library's defaults.
func (o Options) params() semian.Params {
	p := semian.Default()
	set(&p.ErrorThreshold, o.ErrorThreshold)
	set(&p.SuccessThreshold, o.SuccessThreshold)
	seconds(&p.ErrorTimeout, o.ErrorTimeout)
	seconds(&p.ErrorThresholdTimeout, o.ErrorThresholdTimeout)
	set(&p.ErrorThresholdTimeoutEnabled, o.ErrorThresholdTimeoutEnabled)
	seconds(&p.LumpingInterval, o.LumpingInterval)
	set(&p.ExponentialBackoffErrorTimeout, o.ExponentialBackoffErrorTimeout)
	seconds(&p.ExponentialBackoffInitialTimeout, o.ExponentialBackoffInitialTimeout)
	set(&p.ExponentialBackoffMultiplier, o.ExponentialBackoffMultiplier)
	seconds(&p.HalfOpenResourceTimeout, o.HalfOpenResourceTimeout)
	set(&p.AdaptiveCircuitBreaker, o.AdaptiveCircuitBreaker)
	set(&p.KP, o.KP)
	set(&p.KI, o.KI)
	set(&p.KD, o.KD)
	set(&p.WindowSize, o.WindowSize)
	set(&p.InitialErrorRate, o.InitialErrorRate)
	set(&p.DeadZoneRatio, o.DeadZoneRatio)
	set(&p.IdealErrorRateEstimatorCapValue, o.IdealErrorRateEstimatorCapValue)
	set(&p.IntegralUpperCap, o.IntegralUpperCap)
	set(&p.IntegralLowerCap, o.IntegralLowerCap)
	if is(o.Bulkhead, true) {
		set(&p.Tickets, o.Tickets)
	}
	return p
}

// FromParams are the options that say p: the three that the library requires, what
// differs from its defaults, and bulkhead: false where there are no tickets. Wrong
// ones are to raise an error rather than to write a line into a log.
func FromParams(name string, p semian.Params) Options {
	def := semian.Default()
	o := Options{Name: &name, ForceConfigValidation: new(true)}
	if p.Tickets > 0 {
		o.Tickets = &p.Tickets
	} else {
		o.Bulkhead = new(false)
	}
	if p.AdaptiveCircuitBreaker {
		o.AdaptiveCircuitBreaker = new(true)
		o.KP, o.KI, o.KD = unless(p.KP, def.KP), unless(p.KI, def.KI), unless(p.KD, def.KD)
		o.WindowSize = unless(p.WindowSize, def.WindowSize)
		o.InitialErrorRate = unless(p.InitialErrorRate, def.InitialErrorRate)
		o.DeadZoneRatio = unless(p.DeadZoneRatio, def.DeadZoneRatio)
		o.IdealErrorRateEstimatorCapValue = unless(p.IdealErrorRateEstimatorCapValue, def.IdealErrorRateEstimatorCapValue)
		o.IntegralUpperCap = unless(p.IntegralUpperCap, def.IntegralUpperCap)
		o.IntegralLowerCap = unless(p.IntegralLowerCap, def.IntegralLowerCap)
		return o
	}
	o.ErrorThreshold, o.SuccessThreshold = &p.ErrorThreshold, &p.SuccessThreshold
	o.ErrorTimeout = new(p.ErrorTimeout.Seconds())
	if p.ErrorThresholdTimeoutEnabled {
		o.ErrorThresholdTimeout = unless(p.ErrorThresholdTimeout.Seconds(), 0)
	} else { // the library takes the two together for a contradiction
		o.ErrorThresholdTimeoutEnabled = new(false)
	}
	o.LumpingInterval = unless(p.LumpingInterval.Seconds(), 0)
	if p.ExponentialBackoffErrorTimeout {
		o.ExponentialBackoffErrorTimeout = new(true)
		o.ExponentialBackoffInitialTimeout = new(p.ExponentialBackoffInitialTimeout.Seconds())
		o.ExponentialBackoffMultiplier = &p.ExponentialBackoffMultiplier
	}
	o.HalfOpenResourceTimeout = unless(p.HalfOpenResourceTimeout.Seconds(), 0)
	return o
}

// unless is v, or nothing where it is the default.
func unless[T comparable](v, def T) *T {
	if v == def {
		return nil
	}
	return &v
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func seconds(to *time.Duration, from *float64) {
	if from != nil {
		*to = time.Duration(math.Round(*from * float64(time.Second)))
	}
}

// is says whether a switch is on; def is its default.
func is(b *bool, def bool) bool {
	if b == nil {
		return def
	}
	return *b
}
