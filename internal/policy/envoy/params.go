// Package envoy is what the Envoy proxy has where others have a circuit breaker:
// outlier detection, which takes single hosts of a cluster out of the rotation,
// circuit_breakers, which bound calls and retries in flight, and the time limits
// and retries of a route. Parameters, machine, retries, and the way to and from the
// neutral policy.
package envoy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the state of the API and of the source that the machine follows.
const Version = "API of 2026-01-29"

// Params are the settings of a cluster and of the route to it that decide
// anything. Percentages are 0..100, as Envoy writes them.
type Params struct {
	// Hosts is not Envoy's: it is how many hosts the cluster of the scenario has.
	Hosts int

	// outlier_detection. A count of 0 never fires; an Enforcing share is that of
	// the detections that eject, the others are only logged.
	Consecutive5xx                     int
	EnforcingConsecutive5xx            int
	ConsecutiveGatewayFailure          int // 502, 503 and 504
	EnforcingConsecutiveGatewayFailure int
	// SplitLocal judges failures on this side of the wire by rules of their own.
	SplitLocal                             bool
	ConsecutiveLocalOriginFailure          int
	EnforcingConsecutiveLocalOriginFailure int
	Interval                               time.Duration // from sweep to sweep
	BaseEjectionTime                       time.Duration
	MaxEjectionTime                        time.Duration // 0 is 300 s, or BaseEjectionTime if that is longer
	MaxEjectionTimeJitter                  time.Duration
	MaxEjectionPercent                     int
	AlwaysEjectOneHost                     bool
	SuccessRateMinimumHosts                int
	SuccessRateRequestVolume               int
	SuccessRateStdevFactor                 int // in thousandths
	EnforcingSuccessRate                   int
	EnforcingLocalOriginSuccessRate        int
	FailurePercentageThreshold             int
	FailurePercentageMinimumHosts          int
	FailurePercentageRequestVolume         int
	EnforcingFailurePercentage             int
	EnforcingFailurePercentageLocalOrigin  int

	// HealthyPanicThreshold: below this share of healthy hosts ejections are
	// overlooked; 0 is never.
	HealthyPanicThreshold float64

	// circuit_breakers, priority DEFAULT.
	MaxRequests         int
	MaxRetries          int  // at once; overlooked beside a retry budget
	RetryBudget         bool // whether there is one
	BudgetPercent       float64
	MinRetryConcurrency int

	// The route.
	Timeout       time.Duration // of the call with all its retries; 0 is none
	PerTryTimeout time.Duration // 0 is none but Timeout
	RetryOn       string        // comma-separated; empty retries nothing
	NumRetries    int           // the first attempt excluded
	BaseInterval  time.Duration
	MaxInterval   time.Duration // 0 is ten times BaseInterval
}

// unlimited is how Envoy writes that there is no bound.
const unlimited = min(math.MaxUint32, math.MaxInt)

// Default is what Envoy takes for settings that are absent from an
// outlier_detection and a route that are there.
func Default() Params {
	return Params{
		Hosts:                                  3,
		Consecutive5xx:                         5,
		EnforcingConsecutive5xx:                100,
		ConsecutiveGatewayFailure:              5,
		ConsecutiveLocalOriginFailure:          5,
		EnforcingConsecutiveLocalOriginFailure: 100,
		Interval:                               10 * time.Second,
		BaseEjectionTime:                       30 * time.Second,
		MaxEjectionPercent:                     10,
		SuccessRateMinimumHosts:                5,
		SuccessRateRequestVolume:               100,
		SuccessRateStdevFactor:                 1900,
		EnforcingSuccessRate:                   100,
		EnforcingLocalOriginSuccessRate:        100,
		FailurePercentageThreshold:             85,
		FailurePercentageMinimumHosts:          5,
		FailurePercentageRequestVolume:         50,
		HealthyPanicThreshold:                  50,
		MaxRequests:                            1024,
		MaxRetries:                             3,
		BudgetPercent:                          20,
		MinRetryConcurrency:                    3,
		Timeout:                                15 * time.Second,
		NumRetries:                             1,
		BaseInterval:                           25 * time.Millisecond,
	}
}

// Factory ejects all hosts if need be and does not panic: Envoy's own defaults
// eject none of three hosts.
func Factory() map[string]string {
	return map[string]string{
		"timeout": "5s", "consecutive_5xx": "5", "interval": "10s", "base_ejection_time": "30s",
		"max_ejection_percent": "100", "healthy_panic_threshold": "0",
	}
}

const (
	millisecond = time.Millisecond
	longest     = 365 * 24 * time.Hour
)

func count(name, unit, help string, most float64, at func(*Params) *int) param.Of[Params] {
	return param.Integer(policy.Param{
		Name: name, Unit: unit, Kind: policy.KindInteger, Default: float64(*at(new(Default()))), Max: most, Step: 1, Help: help,
	}, at, 0, unlimited)
}

func percent(name, help string, at func(*Params) *int) param.Of[Params] {
	return param.Integer(policy.Param{
		Name: name, Unit: "%", Kind: policy.KindInteger, Default: float64(*at(new(Default()))), Max: 100, Step: 5, Help: help,
	}, at, 0, 100)
}

func span(name, help string, least time.Duration, most float64, at func(*Params) *time.Duration) param.Of[Params] {
	return param.Duration(policy.Param{
		Name: name, Unit: "s", Kind: policy.KindDuration, Default: at(new(Default())).Seconds(),
		Min: least.Seconds(), Max: most, Step: 0.5, Help: help,
	}, at, least, longest)
}

func toggle(name, help string, at func(*Params) *bool) param.Of[Params] {
	return param.Switch(policy.Param{Name: name, Kind: policy.KindSwitch, Max: 1, Step: 1, Help: help}, at)
}

var table = param.Table[Params]{
	Library:  "envoy",
	Word:     "field",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always:   []string{"timeout", "consecutive_5xx", "interval", "base_ejection_time", "max_ejection_percent", "healthy_panic_threshold"},
	Params: []param.Of[Params]{
		span("timeout", "ends the call with all its retries; 0s never", 0, 60,
			func(p *Params) *time.Duration { return &p.Timeout }),
		span("per_try_timeout", "ends one attempt; 0s leaves it to timeout", 0, 60,
			func(p *Params) *time.Duration { return &p.PerTryTimeout }),
		count("consecutive_5xx", "calls", "ejects a host at this many 5xx answers in a row; time-outs count as 504, failed connections as 503", 50,
			func(p *Params) *int { return &p.Consecutive5xx }),
		percent("enforcing_consecutive_5xx", "share of those detections that eject; the others are only logged",
			func(p *Params) *int { return &p.EnforcingConsecutive5xx }),
		count("consecutive_gateway_failure", "calls", "the same for 502, 503 and 504 alone", 50,
			func(p *Params) *int { return &p.ConsecutiveGatewayFailure }),
		percent("enforcing_consecutive_gateway_failure", "share of those detections that eject: 0 by default, so none",
			func(p *Params) *int { return &p.EnforcingConsecutiveGatewayFailure }),
		toggle("split_external_local_origin_errors", "counts time-outs and failed connections apart from answers",
			func(p *Params) *bool { return &p.SplitLocal }),
		count("consecutive_local_origin_failure", "calls", "with the split: ejects at this many failed connections or time-outs in a row", 50,
			func(p *Params) *int { return &p.ConsecutiveLocalOriginFailure }),
		percent("enforcing_consecutive_local_origin_failure", "share of those detections that eject",
			func(p *Params) *int { return &p.EnforcingConsecutiveLocalOriginFailure }),
		span("interval", "from sweep to sweep: rates are looked at, and hosts return, only then", millisecond, 60,
			func(p *Params) *time.Duration { return &p.Interval }),
		span("base_ejection_time", "a host is out for this long times the number of its ejections", millisecond, 300,
			func(p *Params) *time.Duration { return &p.BaseEjectionTime }),
		span("max_ejection_time", "longest ejection; 0s is 300 s, or base_ejection_time if that is longer", 0, 600,
			func(p *Params) *time.Duration { return &p.MaxEjectionTime }),
		span("max_ejection_time_jitter", "up to this long is added to each ejection", 0, 60,
			func(p *Params) *time.Duration { return &p.MaxEjectionTimeJitter }),
		percent("max_ejection_percent", "share of the hosts that may be out at once: 10 of fewer than 10 hosts is none",
			func(p *Params) *int { return &p.MaxEjectionPercent }),
		toggle("always_eject_one_host", "one host may be out whatever max_ejection_percent says",
			func(p *Params) *bool { return &p.AlwaysEjectOneHost }),
		count("success_rate_minimum_hosts", "hosts", "hosts with enough requests before success rates are compared", 100,
			func(p *Params) *int { return &p.SuccessRateMinimumHosts }),
		count("success_rate_request_volume", "calls", "requests of a host in one interval before its success rate is compared", 1000,
			func(p *Params) *int { return &p.SuccessRateRequestVolume }),
		count("success_rate_stdev_factor", "", "thousandths of the standard deviation by which a host may lag behind the mean", 5000,
			func(p *Params) *int { return &p.SuccessRateStdevFactor }),
		percent("enforcing_success_rate", "share of those detections that eject",
			func(p *Params) *int { return &p.EnforcingSuccessRate }),
		percent("enforcing_local_origin_success_rate", "the same for local failures, with the split",
			func(p *Params) *int { return &p.EnforcingLocalOriginSuccessRate }),
		percent("failure_percentage_threshold", "ejects a host at this share of failed requests in one interval",
			func(p *Params) *int { return &p.FailurePercentageThreshold }),
		count("failure_percentage_minimum_hosts", "hosts", "hosts with enough requests before the share is looked at", 100,
			func(p *Params) *int { return &p.FailurePercentageMinimumHosts }),
		count("failure_percentage_request_volume", "calls", "requests of a host in one interval before its share is looked at", 1000,
			func(p *Params) *int { return &p.FailurePercentageRequestVolume }),
		percent("enforcing_failure_percentage", "share of those detections that eject: 0 by default, so none",
			func(p *Params) *int { return &p.EnforcingFailurePercentage }),
		percent("enforcing_failure_percentage_local_origin", "the same for local failures, with the split",
			func(p *Params) *int { return &p.EnforcingFailurePercentageLocalOrigin }),
		param.Number(policy.Param{
			Name: "healthy_panic_threshold", Unit: "%", Kind: policy.KindNumber, Default: 50, Max: 100, Step: 5,
			Help: "with fewer healthy hosts than this all hosts get calls, ejected or not; 0 never: then no healthy host means no call",
		}, func(p *Params) *float64 { return &p.HealthyPanicThreshold }, 0, 100),
		count("max_requests", "calls", "calls in flight; one more is answered 503 at once", 2000,
			func(p *Params) *int { return &p.MaxRequests }),
		count("max_retries", "calls", "retries in flight or waiting; overlooked beside a retry budget", 100,
			func(p *Params) *int { return &p.MaxRetries }),
		toggle("retry_budget", "bounds retries by a share of the calls in flight instead of max_retries",
			func(p *Params) *bool { return &p.RetryBudget }),
		param.Number(policy.Param{
			Name: "budget_percent", Unit: "%", Kind: policy.KindNumber, Default: 20, Max: 100, Step: 5,
			Help: "retries in flight as a share of the calls in flight",
		}, func(p *Params) *float64 { return &p.BudgetPercent }, 0, 100),
		count("min_retry_concurrency", "calls", "retries in flight that the budget allows in any case", 100,
			func(p *Params) *int { return &p.MinRetryConcurrency }),
		{
			Param: policy.Param{Name: "retry_on", Kind: policy.KindText, Help: "what is retried, such as 5xx,unavailable; empty retries nothing"},
			Set:   retryOn,
			Get:   func(p Params) string { return p.RetryOn },
		},
		count("num_retries", "calls", "retries after the first attempt", 10,
			func(p *Params) *int { return &p.NumRetries }),
		span("base_interval", "the first retry waits a random time up to this, each further one up to twice as long", millisecond, 10,
			func(p *Params) *time.Duration { return &p.BaseInterval }),
		span("max_interval", "no retry waits longer; 0s is ten times base_interval", 0, 60,
			func(p *Params) *time.Duration { return &p.MaxInterval }),
		param.Integer(policy.Param{
			Name: "hosts", Unit: "hosts", Kind: policy.KindInteger, Default: 3, Min: 1, Max: 50, Step: 1,
			Help: "not Envoy's: how many hosts the simulated cluster has",
		}, func(p *Params) *int { return &p.Hosts }, 1, 1000),
	},
}

// conditions are the words of retry_on, for HTTP and for gRPC. Envoy overlooks any
// other in silence.
var conditions = []string{
	"5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
	"refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure",
	"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
}

// Conditions are the words of retry_on.
func Conditions() []string { return slices.Clone(conditions) }

func retryOn(p *Params, v string) error {
	for word := range strings.SplitSeq(v, ",") {
		if word = strings.TrimSpace(word); v != "" && !slices.Contains(conditions, word) {
			return fmt.Errorf("%q is not among %s, and Envoy would overlook it in silence", word, strings.Join(conditions, ", "))
		}
	}
	p.RetryOn = v
	return nil
}

func hint(name string) error {
	switch name {
	case "max_connections", "max_pending_requests", "max_connection_pools", "track_remaining":
		return fmt.Errorf("%s decides nothing where all calls share HTTP/2 connections: max_requests bounds them", name)
	case "successful_active_health_check_uneject_host", "per_try_idle_timeout", "idle_timeout":
		return fmt.Errorf("%s is Envoy's but not modelled here: leave it out", name)
	case "enabled", "resetTimeout":
		return errors.New("there is no breaker in Envoy that opens and closes: base_ejection_time is how long a host is out")
	}
	return nil
}

func validate(p Params) error {
	if p.MaxEjectionTime > 0 && p.MaxEjectionTime < p.BaseEjectionTime {
		return fmt.Errorf("max_ejection_time %s is shorter than base_ejection_time %s: Envoy refuses the cluster",
			policy.FormatDuration(p.MaxEjectionTime), policy.FormatDuration(p.BaseEjectionTime))
	}
	if p.MaxInterval > 0 && p.MaxInterval < p.BaseInterval {
		return fmt.Errorf("max_interval %s is shorter than base_interval %s: Envoy refuses the route",
			policy.FormatDuration(p.MaxInterval), policy.FormatDuration(p.BaseInterval))
	}
	return nil
}

// List is the parameters that can be set.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters.
func Names() []string { return table.Names() }

// Known says what is wrong with a parameter's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether Envoy takes value for its field name and returns it as
// written here.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under Envoy's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under Envoy's own names, leaving out what has Envoy's default except
// what makes up an outlier detection.
func (p Params) Map() map[string]string { return table.Map(p) }

// Retries says whether the route retries at all.
func (p Params) Retries() bool { return p.RetryOn != "" && p.NumRetries > 0 }

// longestEjection is MaxEjectionTime with its default.
func (p Params) longestEjection() time.Duration {
	if p.MaxEjectionTime > 0 {
		return p.MaxEjectionTime
	}
	return max(300*time.Second, p.BaseEjectionTime)
}

// Ejectable is how many of the hosts may be out at once.
func (p Params) Ejectable() int {
	n := 0
	for n < p.Hosts && 100*float64(n+1)/float64(p.Hosts) <= float64(p.MaxEjectionPercent) {
		n++
	}
	if p.AlwaysEjectOneHost {
		n = max(n, 1)
	}
	return n
}

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	switch {
	case p.Ejectable() == 0:
		trap("max_ejection_percent %d of %d hosts is none: nothing is ever ejected", p.MaxEjectionPercent, p.Hosts)
	case p.Ejectable() == p.Hosts && p.HealthyPanicThreshold == 0:
		trap("all %d hosts can be ejected and there is no panic: then every call is answered 503 (UH)", p.Hosts)
	case p.HealthyPanicThreshold > 0:
		trap("with fewer than %g %% of the hosts healthy all get calls again, ejected or not: a dependency that fails as a whole is never cut off", p.HealthyPanicThreshold)
	}
	if p.EnforcingConsecutive5xx == 0 || p.Consecutive5xx == 0 {
		if p.EnforcingFailurePercentage == 0 && p.EnforcingConsecutiveGatewayFailure == 0 {
			trap("no rule on failures ejects: consecutive_5xx is off, the others enforce 0 %%")
		}
	}
	if p.EnforcingFailurePercentage > 0 && p.FailurePercentageMinimumHosts > p.Hosts {
		trap("failure_percentage_minimum_hosts %d is more than the %d hosts: the share is never looked at", p.FailurePercentageMinimumHosts, p.Hosts)
	}
	if p.Timeout == 0 && p.PerTryTimeout == 0 {
		trap("no timeout: a hung call is never seen as a failure")
	}
	if p.Retries() {
		p.retryTraps(trap)
	}
	trap("an ejected host returns at a sweep, up to %s after its time, without a probe and with its full share of calls", policy.FormatDuration(p.Interval))
	return traps
}

func (p Params) retryTraps(trap func(string, ...any)) {
	attempts := time.Duration(p.NumRetries + 1)
	switch {
	case p.Timeout > 0 && p.PerTryTimeout == 0:
		trap("retries without per_try_timeout: a hung attempt uses up the timeout of %s, and nothing is retried", policy.FormatDuration(p.Timeout))
	case p.Timeout > 0 && attempts*p.PerTryTimeout > p.Timeout:
		trap("%d attempts of %s are longer than timeout %s, which cuts off the last", attempts, policy.FormatDuration(p.PerTryTimeout), policy.FormatDuration(p.Timeout))
	}
	if !p.RetryBudget && p.MaxRetries <= 3 {
		trap("max_retries %d bounds the retries of the whole cluster at once, their waits included", p.MaxRetries)
	}
	trap("each of up to %d attempts is one request to the outlier detection", attempts)
}

// Detects says whether any rule could eject a host.
func (p Params) Detects() bool {
	local := p.SplitLocal && (p.ConsecutiveLocalOriginFailure > 0 && p.EnforcingConsecutiveLocalOriginFailure > 0 ||
		p.EnforcingLocalOriginSuccessRate > 0 || p.EnforcingFailurePercentageLocalOrigin > 0)
	return local || p.Consecutive5xx > 0 && p.EnforcingConsecutive5xx > 0 ||
		p.ConsecutiveGatewayFailure > 0 && p.EnforcingConsecutiveGatewayFailure > 0 ||
		p.EnforcingSuccessRate > 0 || p.EnforcingFailurePercentage > 0
}
