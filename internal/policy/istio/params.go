// Package istio is what a DestinationRule and a VirtualService of Istio can say of
// Envoy's outlier detection, limits, time-outs and retries. Istio has no machine of
// its own: its settings become Envoy's.
package istio

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/envoy"
	"tripcurve/internal/policy/param"
)

// Version is the state of the API that the package follows.
const Version = "API 1.31"

// Params are the settings that decide anything, under Istio's names. Percentages
// are 0..100.
type Params struct {
	// Hosts is not Istio's: it is how many hosts the Service of the scenario has.
	Hosts int

	// DestinationRule, trafficPolicy.outlierDetection.
	Consecutive5xxErrors           int // 0 never
	ConsecutiveGatewayErrors       int // 0 never
	Interval                       time.Duration
	BaseEjectionTime               time.Duration
	MaxEjectionPercent             int // 0 is 10
	MinHealthPercent               int // 0 is no panic
	SplitExternalLocalOriginErrors bool
	ConsecutiveLocalOriginFailures int // 0 is 5

	// DestinationRule, trafficPolicy.connectionPool.http and retryBudget. A limit of
	// 0 is none, which Istio writes as 2^32 - 1.
	HTTP2MaxRequests    int
	MaxRetries          int
	RetryBudget         bool
	BudgetPercent       float64
	MinRetryConcurrency int

	// VirtualService, http[].
	Timeout       time.Duration // of the call with all its retries; 0 is none
	Attempts      int           // retries, the first attempt excluded
	PerTryTimeout time.Duration // 0 is Timeout
	RetryOn       string
	Backoff       time.Duration
}

// DefaultRetryOn is what a mesh retries unless it is told otherwise.
const DefaultRetryOn = "connect-failure,refused-stream,unavailable,cancelled"

// Default is what Istio takes for settings that are absent from an outlierDetection
// that is there. A route without retries is retried all the same: twice, as the
// mesh's defaultHttpRetryPolicy has it.
func Default() Params {
	return Params{
		Hosts:                          3,
		Consecutive5xxErrors:           5,
		Interval:                       10 * time.Second,
		BaseEjectionTime:               30 * time.Second,
		MaxEjectionPercent:             10,
		ConsecutiveLocalOriginFailures: 5,
		BudgetPercent:                  20,
		MinRetryConcurrency:            3,
		Attempts:                       2,
		RetryOn:                        DefaultRetryOn,
		Backoff:                        25 * time.Millisecond,
	}
}

// Factory ejects all hosts if need be, which Istio's own 10 % never does to three.
func Factory() map[string]string {
	return map[string]string{
		"timeout": "5s", "attempts": "0", "consecutive5xxErrors": "5", "interval": "10s", "baseEjectionTime": "30s", "maxEjectionPercent": "100",
	}
}

// Envoy is what Istio makes of p: neither success rates nor failure percentages,
// no longest ejection or jitter but Envoy's own.
func (p Params) Envoy() envoy.Params {
	e := envoy.Default()
	e.Hosts = p.Hosts
	e.Consecutive5xx = p.Consecutive5xxErrors
	e.ConsecutiveGatewayFailure = p.ConsecutiveGatewayErrors
	e.EnforcingConsecutiveGatewayFailure = 100 // the count is 0 where it is off
	e.EnforcingSuccessRate, e.EnforcingLocalOriginSuccessRate = 0, 0
	e.SplitLocal = p.SplitExternalLocalOriginErrors
	if p.ConsecutiveLocalOriginFailures > 0 {
		e.ConsecutiveLocalOriginFailure = p.ConsecutiveLocalOriginFailures
	}
	e.Interval, e.BaseEjectionTime = p.Interval, p.BaseEjectionTime
	if p.MaxEjectionPercent > 0 {
		e.MaxEjectionPercent = p.MaxEjectionPercent
	}
	e.HealthyPanicThreshold = float64(p.MinHealthPercent)
	e.MaxRequests, e.MaxRetries = bound(p.HTTP2MaxRequests), bound(p.MaxRetries)
	e.RetryBudget, e.BudgetPercent, e.MinRetryConcurrency = p.RetryBudget, p.BudgetPercent, p.MinRetryConcurrency
	e.Timeout, e.PerTryTimeout = p.Timeout, p.PerTryTimeout
	e.RetryOn, e.NumRetries, e.BaseInterval = p.RetryOn, p.Attempts, p.Backoff
	return e
}

// bound is a limit in Envoy's words: none is 2^32 - 1.
func bound(n int) int {
	if n == 0 {
		return min(math.MaxUint32, math.MaxInt)
	}
	return n
}

func count(name, help string, most float64, at func(*Params) *int) param.Of[Params] {
	return param.Integer(policy.Param{
		Name: name, Unit: "calls", Kind: policy.KindInteger, Default: float64(*at(new(Default()))), Max: most, Step: 1, Help: help,
	}, at, 0, math.MaxInt32)
}

func percent(name, help string, at func(*Params) *int) param.Of[Params] {
	return param.Integer(policy.Param{
		Name: name, Unit: "%", Kind: policy.KindInteger, Default: float64(*at(new(Default()))), Max: 100, Step: 5, Help: help,
	}, at, 0, 100)
}

// span is a duration; where it is 0 it is absent, and otherwise 1 ms at least.
func span(name, help string, least time.Duration, most float64, at func(*Params) *time.Duration) param.Of[Params] {
	o := param.Duration(policy.Param{
		Name: name, Unit: "s", Kind: policy.KindDuration, Default: at(new(Default())).Seconds(),
		Min: least.Seconds(), Max: most, Step: 0.5, Help: help,
	}, at, least, 365*24*time.Hour)
	set := o.Set
	o.Set = func(p *Params, v string) error {
		before := *at(p)
		if err := set(p, v); err != nil {
			return err
		}
		if *at(p)%time.Millisecond != 0 {
			*at(p) = before
			return fmt.Errorf("%q is not a whole number of milliseconds", v)
		}
		return nil
	}
	return o
}

var table = param.Table[Params]{
	Library: "istio",
	Word:    "field",
	Default: Default,
	Hint:    hint,
	Always:  []string{"timeout", "attempts", "consecutive5xxErrors", "interval", "baseEjectionTime", "maxEjectionPercent"},
	Params: []param.Of[Params]{
		span("timeout", "ends the call with all its retries; 0s never", 0, 60,
			func(p *Params) *time.Duration { return &p.Timeout }),
		span("perTryTimeout", "ends one attempt; 0s leaves it to timeout", 0, 60,
			func(p *Params) *time.Duration { return &p.PerTryTimeout }),
		count("consecutive5xxErrors", "ejects a host at this many 5xx answers in a row; time-outs count as 504, failed connections as 503; 0 never", 50,
			func(p *Params) *int { return &p.Consecutive5xxErrors }),
		count("consecutiveGatewayErrors", "the same for 502, 503 and 504 alone; 0 never", 50,
			func(p *Params) *int { return &p.ConsecutiveGatewayErrors }),
		span("interval", "from sweep to sweep: ejected hosts return only then", time.Millisecond, 60,
			func(p *Params) *time.Duration { return &p.Interval }),
		span("baseEjectionTime", "a host is out for this long times the number of its ejections, up to 300 s", time.Millisecond, 300,
			func(p *Params) *time.Duration { return &p.BaseEjectionTime }),
		percent("maxEjectionPercent", "share of the hosts that may be out at once: 10, also where 0 is written, is none of fewer than 10 hosts",
			func(p *Params) *int { return &p.MaxEjectionPercent }),
		percent("minHealthPercent", "with fewer healthy hosts than this all hosts get calls, ejected or not; 0 never: then no healthy host means no call",
			func(p *Params) *int { return &p.MinHealthPercent }),
		param.Switch(policy.Param{Name: "splitExternalLocalOriginErrors", Kind: policy.KindSwitch, Max: 1, Step: 1, Help: "counts time-outs and failed connections apart from answers"},
			func(p *Params) *bool { return &p.SplitExternalLocalOriginErrors }),
		count("consecutiveLocalOriginFailures", "with the split: ejects at this many failed connections or time-outs in a row; 5 also where 0 is written", 50,
			func(p *Params) *int { return &p.ConsecutiveLocalOriginFailures }),
		count("http2MaxRequests", "calls in flight, over HTTP/1 too; 0 is no bound", 2000,
			func(p *Params) *int { return &p.HTTP2MaxRequests }),
		count("maxRetries", "retries in flight or waiting; 0 is no bound", 100,
			func(p *Params) *int { return &p.MaxRetries }),
		param.Switch(policy.Param{Name: "retryBudget", Kind: policy.KindSwitch, Max: 1, Step: 1, Help: "bounds retries by a share of the calls in flight instead of maxRetries"},
			func(p *Params) *bool { return &p.RetryBudget }),
		param.Number(policy.Param{Name: "retryBudget.percent", Unit: "%", Kind: policy.KindNumber, Default: 20, Max: 100, Step: 5, Help: "retries in flight as a share of the calls in flight"},
			func(p *Params) *float64 { return &p.BudgetPercent }, 0, 100),
		count("retryBudget.minRetryConcurrency", "retries in flight that the budget allows in any case", 100,
			func(p *Params) *int { return &p.MinRetryConcurrency }),
		count("attempts", "retries after the first attempt; 2 unless the route says otherwise", 10,
			func(p *Params) *int { return &p.Attempts }),
		{
			Param: policy.Param{Name: "retryOn", Kind: policy.KindText, Help: "what is retried: Envoy's words and HTTP statuses, comma-separated"},
			Set:   retryOn,
			Get:   func(p Params) string { return p.RetryOn },
		},
		span("backoff", "the first retry waits a random time up to this, each further one up to twice as long, up to ten times", time.Millisecond, 10,
			func(p *Params) *time.Duration { return &p.Backoff }),
		param.Integer(policy.Param{Name: "hosts", Unit: "hosts", Kind: policy.KindInteger, Default: 3, Min: 1, Max: 50, Step: 1, Help: "not Istio's: how many hosts the simulated Service has"},
			func(p *Params) *int { return &p.Hosts }, 1, 1000),
	},
}

// retryOn takes Envoy's words and HTTP statuses.
func retryOn(p *Params, v string) error {
	for word := range strings.SplitSeq(v, ",") {
		word = strings.TrimSpace(word)
		if status, err := strconv.Atoi(word); v == "" || err == nil && status >= 100 && status <= 599 {
			continue
		}
		if !slices.Contains(envoy.Conditions(), word) {
			return fmt.Errorf("%q is neither an HTTP status nor among %s", word, strings.Join(envoy.Conditions(), ", "))
		}
	}
	if v == "" {
		v = DefaultRetryOn
	}
	p.RetryOn = v
	return nil
}

func hint(name string) error {
	switch name {
	case "consecutiveErrors":
		return errors.New("consecutiveErrors is deprecated, and Istio counted gateway errors by it: write consecutive5xxErrors or consecutiveGatewayErrors")
	case "maxConnections", "http1MaxPendingRequests", "maxRequestsPerConnection":
		return fmt.Errorf("%s decides nothing where all calls share HTTP/2 connections: http2MaxRequests bounds them", name)
	case "outlierDetectionHttpErrorCodes", "retryIgnorePreviousHosts", "retryRemoteLocalities", "retryBudget.budgetInterval":
		return fmt.Errorf("%s is Istio's but not modelled here: leave it out", name)
	case "maxEjectionTime", "maxEjectionTimeJitter", "failurePercentageThreshold":
		return fmt.Errorf("%s is not Istio's: it is Envoy's, and needs an EnvoyFilter", name)
	}
	return nil
}

// List is the parameters that can be set.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters.
func Names() []string { return table.Names() }

// Known says what is wrong with a parameter's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether Istio takes value for its field name and returns it as written
// here.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under Istio's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under Istio's own names, leaving out what has Istio's default except
// what makes up an outlier detection.
func (p Params) Map() map[string]string { return table.Map(p) }

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	e := p.Envoy()
	switch {
	case e.Ejectable() == 0:
		trap("maxEjectionPercent %d of %d hosts is none: nothing is ever ejected", e.MaxEjectionPercent, p.Hosts)
	case e.Ejectable() == p.Hosts && p.MinHealthPercent == 0:
		trap("maxEjectionPercent %d with minHealthPercent 0: all %d hosts can be ejected, and then every call is answered 503 (UH)", e.MaxEjectionPercent, p.Hosts)
	case p.MinHealthPercent > 0:
		trap("with fewer than minHealthPercent %d %% of the hosts healthy all get calls again, ejected or not: a dependency that fails as a whole is never cut off", p.MinHealthPercent)
	}
	if p.Consecutive5xxErrors == 0 && p.ConsecutiveGatewayErrors == 0 {
		trap("consecutive5xxErrors 0 and consecutiveGatewayErrors 0: no rule on answers ejects")
	}
	if p.Consecutive5xxErrors > 0 && p.ConsecutiveGatewayErrors >= p.Consecutive5xxErrors {
		trap("consecutiveGatewayErrors %d is not below consecutive5xxErrors %d and has no effect", p.ConsecutiveGatewayErrors, p.Consecutive5xxErrors)
	}
	if p.Timeout == 0 && p.PerTryTimeout == 0 {
		trap("no timeout: a hung call is never seen as a failure")
	}
	if e.Retries() && p.Timeout > 0 && p.PerTryTimeout > 0 && time.Duration(p.Attempts+1)*p.PerTryTimeout > p.Timeout {
		trap("%d attempts of %s are longer than timeout %s, which cuts off the last", p.Attempts+1, policy.FormatDuration(p.PerTryTimeout), policy.FormatDuration(p.Timeout))
	}
	if e.Retries() && p.MaxRetries == 0 && !p.RetryBudget {
		trap("attempts %d without maxRetries or retryBudget: retries are not bounded, and multiply the load on a dependency that fails", p.Attempts)
	}
	trap("failures in a row are all that Istio can judge by: a host that fails half of its calls is hardly ever ejected")
	return traps
}
