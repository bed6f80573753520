// Package opossum is the circuit breaker of the Node library opossum 10.0.0
// (its lib/ is the same as 9.0.0's): its parameters, its machine, and its way to
// and from the neutral policy.
package opossum

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machine follows.
const Version = "10.0.0"

// Params are the options of new CircuitBreaker(action, options) that decide
// anything.
type Params struct {
	Timeout                  time.Duration // settles the caller, not the action; 0 is no limit
	ErrorThresholdPercentage float64       // 0..100 of the fires in the window; trips strictly above
	ResetTimeout             time.Duration // open until half-open; 0 is 1 ms
	RollingCountTimeout      time.Duration // the window; 0 is 10 s
	RollingCountBuckets      int           // 0 is 10
	VolumeThreshold          int           // fires in the window below which nothing trips
	Capacity                 int           // calls in flight; time-outs free a place although the action runs on
	AllowWarmUp              bool          // no trip during the first RollingCountTimeout
	Enabled                  bool          // false lets everything through
	// FiltersTimeout and FiltersLocked: errorFilter answers true for the library's
	// own errors ETIMEDOUT and ESEMLOCKED, which then count as successes. What it
	// answers for the action's errors is the outcome's to say (Unrecorded).
	FiltersTimeout, FiltersLocked bool
}

// Default is what the library takes for options that are absent.
func Default() Params {
	return Params{
		Timeout:                  10 * time.Second,
		ErrorThresholdPercentage: 50,
		ResetTimeout:             30 * time.Second,
		RollingCountTimeout:      10 * time.Second,
		RollingCountBuckets:      10,
		Capacity:                 unlimited,
		Enabled:                  true,
	}
}

// Factory is the set of the order pipeline's own withBreaker: 5 s, 50 %, 30 s.
func Factory() map[string]string {
	return map[string]string{"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000"}
}

// maxTimer is the longest time that Node's timers take. A longer one does not
// wait longer: it fires after 1 ms.
const maxTimer = (1<<31 - 1) * time.Millisecond

var table = param.Table[Params]{
	Library: "opossum",
	Word:    "option",
	Default: Default,
	Hint:    hint,
	Always:  slices.Collect(maps.Keys(Factory())),
	Params: []param.Of[Params]{
		{
			Param: policy.Param{
				Name: "timeout", Unit: "ms", Kind: policy.KindNumber, Default: 10000, Min: 0, Max: 30000, Step: 500,
				Help: "gives up on a call after this long; the call runs on; 0 or false never",
			},
			Set: func(p *Params, v string) error {
				if v == "false" {
					v = "0"
				}
				return milliseconds(&p.Timeout, v)
			},
			Get: func(p Params) string {
				if p.Timeout == 0 {
					return "false"
				}
				return inMilliseconds(p.Timeout)
			},
		},
		param.Number(policy.Param{
			Name: "errorThresholdPercentage", Unit: "%", Kind: policy.KindNumber, Default: 50, Min: 0, Max: 100, Step: 5,
			Help: "opens above (not at) this share of failed calls among all calls fired in the window, rejected ones included",
		}, func(p *Params) *float64 { return &p.ErrorThresholdPercentage }, 0, 100),
		timerOption(policy.Param{
			Name: "resetTimeout", Unit: "ms", Kind: policy.KindNumber, Default: 30000, Min: 500, Max: 120000, Step: 500,
			Help: "stays open this long, then lets one probe through",
		}, func(p *Params) *time.Duration { return &p.ResetTimeout }),
		timerOption(policy.Param{
			Name: "rollingCountTimeout", Unit: "ms", Kind: policy.KindNumber, Default: 10000, Min: 1000, Max: 60000, Step: 1000,
			Help: "length of the window in which calls are counted",
		}, func(p *Params) *time.Duration { return &p.RollingCountTimeout }),
		integerOption(policy.Param{
			Name: "rollingCountBuckets", Unit: "buckets", Kind: policy.KindInteger, Default: 10, Min: 1, Max: 60, Step: 1,
			Help: "parts of the window; it forgets one part at a time",
		}, func(p *Params) *int { return &p.RollingCountBuckets }, 100_000),
		integerOption(policy.Param{
			Name: "volumeThreshold", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 100, Step: 1,
			Help: "calls fired in the window before it can open; 0 opens on the first failure after a quiet window",
		}, func(p *Params) *int { return &p.VolumeThreshold }, unlimited),
		integerOption(policy.Param{
			Name: "capacity", Unit: "calls", Kind: policy.KindInteger, Default: unlimited, Min: 1, Max: 500, Step: 1,
			Help: "calls in flight; one more is rejected and counts as a failure",
		}, func(p *Params) *int { return &p.Capacity }, unlimited),
		param.Switch(policy.Param{
			Name: "allowWarmUp", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "never opens during the first window after the start",
		}, func(p *Params) *bool { return &p.AllowWarmUp }),
		param.Switch(policy.Param{
			Name: "enabled", Kind: policy.KindSwitch, Default: 1, Max: 1, Step: 1,
			Help: "false lets every call through, without time limit or statistics",
		}, func(p *Params) *bool { return &p.Enabled }),
		{
			Param: policy.Param{
				Name: "errorFilter", Kind: policy.KindText,
				Help: "the library's own error codes (ETIMEDOUT, ESEMLOCKED) that its filter lets count as success",
			},
			Set: filter,
			Get: func(p Params) string {
				var codes []string
				if p.FiltersTimeout {
					codes = append(codes, "ETIMEDOUT")
				}
				if p.FiltersLocked {
					codes = append(codes, "ESEMLOCKED")
				}
				return strings.Join(codes, ",")
			},
		},
	},
}

// inert are options that change no decision; unmodelled ones do, and a simulation
// that left them out in silence would be false.
var (
	inert = []string{
		"name", "group", "rollingPercentilesEnabled", "enableSnapshots", "rotateBucketController",
		"cacheTTL", "cacheSize", "cacheGetKey", "cacheTransport", "coalesceTTL", "coalesceSize", "coalesceResetOn",
	}
	unmodelled = []string{"abortController", "autoRenewAbortController", "cache", "coalesce", "state", "status"}
)

// hint says more about a name than that it is none of the options.
func hint(name string) error {
	switch {
	case name == "errorThreshold":
		return errors.New("opossum has no option errorThreshold and would ignore it in silence, opening on the first failure: " +
			"a percentage is errorThresholdPercentage, a number of calls is volumeThreshold")
	case name == "maxFailures":
		return errors.New("opossum no longer looks at maxFailures: use errorThresholdPercentage and volumeThreshold")
	case slices.Contains(unmodelled, name):
		return fmt.Errorf("opossum has the option %s, but it is not modelled here: leave it out", name)
	case slices.Contains(inert, name):
		return fmt.Errorf("opossum's option %s changes no decision of the breaker: leave it out", name)
	}
	return nil
}

// List is the parameters that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters that can be set.
func Names() []string { return table.Names() }

// Known says what is wrong with an option's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether the library takes value for its option name and returns it
// as the library writes it. Durations are accepted as milliseconds or as "5s".
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except the three that everybody looks for.
func (p Params) Map() map[string]string { return table.Map(p) }

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	span := p.RollingCountTimeout
	if span == 0 {
		span = Default().RollingCountTimeout
		trap("rollingCountTimeout 0 falls back to %s", span)
	}
	if !p.Enabled {
		trap("enabled false: every call goes through, without a time limit")
		return traps
	}
	if p.VolumeThreshold == 0 {
		trap("volumeThreshold 0: after a quiet window (%s without calls) one failure opens the breaker for %s", span, p.ResetTimeout)
	}
	switch {
	case p.Timeout == 0:
		trap("timeout false: a hang is never seen as a failure, and a hung probe leaves the breaker half-open and rejecting for ever")
	case p.Timeout >= span:
		trap("timeout %s is not shorter than rollingCountTimeout %s: calls leave the window before their failure enters it, so the rate can pass 100 %%", p.Timeout, span)
	default:
		through := p.Timeout + time.Duration(p.ErrorThresholdPercentage/100*float64(span))
		trap("under load a hang is let through for about %s before the breaker opens (timeout + errorThresholdPercentage of rollingCountTimeout), because calls in flight and rejected calls dilute the rate",
			through.Round(10*time.Millisecond))
	}
	if p.ResetTimeout < span {
		trap("resetTimeout %s is shorter than rollingCountTimeout %s: closing keeps the window, so the next single failure can open it again", p.ResetTimeout, span)
	}
	if p.ErrorThresholdPercentage == 100 {
		trap("errorThresholdPercentage 100: the breaker opens strictly above it, so failing calls alone do not open it")
	}
	if p.Capacity < unlimited {
		trap("capacity %d: a call above it counts as a failure and can open the breaker; time-outs free a place although the work goes on, so it does not bound the real concurrency", p.Capacity)
	}
	if p.Timeout > 0 {
		trap("timeout settles the caller only: the call runs on, and its result is thrown away")
	}
	return traps
}

// timerOption is a time that the library hands to a timer of Node.
func timerOption(p policy.Param, at func(*Params) *time.Duration) param.Of[Params] {
	return param.Of[Params]{
		Param: p,
		Set:   func(s *Params, v string) error { return milliseconds(at(s), v) },
		Get:   func(s Params) string { return inMilliseconds(*at(&s)) },
	}
}

// integerOption is strict where the library is not: what is no whole number
// becomes its default there, without a word.
func integerOption(p policy.Param, at func(*Params) *int, most int) param.Of[Params] {
	o := param.Integer(p, at, 0, most)
	strict := o.Set
	o.Set = func(s *Params, v string) error {
		err := strict(s, v)
		if _, notWhole := strconv.Atoi(v); err != nil && notWhole != nil {
			return fmt.Errorf("%w (the library would take its default in silence)", err)
		}
		return err
	}
	return o
}

// milliseconds reads "5000" (the library's own) or "5s".
func milliseconds(to *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if n, numErr := strconv.ParseFloat(v, 64); numErr == nil {
		if n < 0 || n > float64(maxTimer/time.Millisecond) || n != math.Trunc(n) {
			return timerError(v)
		}
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	if err != nil {
		return fmt.Errorf("%q is not a time: write 5000 (milliseconds) or 5s", v)
	}
	if d < 0 || d > maxTimer || d != d.Truncate(time.Millisecond) {
		return timerError(v)
	}
	*to = d
	return nil
}

func timerError(v string) error {
	return fmt.Errorf("%q: Node's timers take whole milliseconds from 0 to %d; beyond that they fire at once", v, maxTimer/time.Millisecond)
}

func inMilliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func filter(p *Params, v string) error {
	p.FiltersTimeout, p.FiltersLocked = false, false
	if v == "" {
		return nil
	}
	for code := range strings.SplitSeq(v, ",") {
		switch strings.TrimSpace(code) {
		case "ETIMEDOUT":
			p.FiltersTimeout = true
		case "ESEMLOCKED":
			p.FiltersLocked = true
		default:
			return fmt.Errorf("%q is not one of the library's own error codes ETIMEDOUT and ESEMLOCKED; an error of the call itself is the caller's to classify", code)
		}
	}
	return nil
}
