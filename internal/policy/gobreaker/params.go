// Package gobreaker is the circuit breaker of the Go library sony/gobreaker
// v2.4.0: its settings, its machine, and its way to and from the neutral policy.
package gobreaker

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machine follows.
const Version = "v2.4.0"

// The rules that stand for a ReadyToTrip function, which the library asks after
// every failure in closed.
const (
	Consecutive = "consecutive" // ConsecutiveFailures > consecutiveFailures: the library's own
	Requests    = "requests"    // TotalFailures / Requests: calls in flight are in the denominator
	Completed   = "completed"   // TotalFailures / (TotalSuccesses + TotalFailures)
)

// Params are the fields of Settings that decide anything, and the numbers in the
// ReadyToTrip function.
type Params struct {
	MaxRequests  int           // calls let through in half-open, and successes that close; 0 is 1
	Interval     time.Duration // the window in closed; 0 never clears the counts
	BucketPeriod time.Duration // part of a rolling window; 0 is a fixed window
	Timeout      time.Duration // open until half-open, not a time limit on calls; 0 is 60 s
	ReadyToTrip  string        // Consecutive, Requests or Completed

	ConsecutiveFailures int     // Consecutive trips above it
	MinRequests         int     // of the other two rules' denominator
	FailureRatio        float64 // 0..1; the other two rules trip at it

	// IsExcluded answers true for the errors that an outcome calls Ignored; without
	// it they are failures. What IsSuccessful answers is the outcome's to say
	// (Unrecorded).
	IsExcluded bool
}

// Default is what the library takes for settings that are absent. It has no ratio
// of its own: those are the numbers that a ratio begins with here.
func Default() Params {
	return Params{
		MaxRequests:         1,
		Timeout:             60 * time.Second,
		ReadyToTrip:         Consecutive,
		ConsecutiveFailures: 5,
		MinRequests:         10,
		FailureRatio:        0.5,
	}
}

// Factory is half of the calls that ended in a rolling window of 10 s.
func Factory() map[string]string {
	return map[string]string{
		"Interval": "10s", "BucketPeriod": "1s", "Timeout": "30s", "MaxRequests": "1",
		"ReadyToTrip": Completed, "minRequests": "10", "failureRatio": "0.5",
	}
}

const (
	longest    = 365 * 24 * time.Hour // no setting of this library is longer
	mostCounts = min(math.MaxUint32, math.MaxInt)
	mostBucket = 100_000 // more would be memory, not precision
)

var table = param.Table[Params]{
	Library:  "gobreaker",
	Word:     "setting",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always:   []string{"Timeout", "ReadyToTrip"},
	Params: []param.Of[Params]{
		param.Integer(policy.Param{
			Name: "MaxRequests", Unit: "calls", Kind: policy.KindInteger, Default: 1, Min: 1, Max: 50, Step: 1,
			Help: "calls let through in half-open, all of which must succeed; 0 is 1",
		}, func(p *Params) *int { return &p.MaxRequests }, 0, mostCounts),
		param.Duration(policy.Param{
			Name: "Interval", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 120, Step: 1,
			Help: "the window in closed; 0 never clears the counts",
		}, func(p *Params) *time.Duration { return &p.Interval }, 0, longest),
		param.Duration(policy.Param{
			Name: "BucketPeriod", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 60, Step: 0.5,
			Help: "part of a rolling window, of which Interval is rounded up to a multiple; 0 is a fixed window, cleared as a whole",
		}, func(p *Params) *time.Duration { return &p.BucketPeriod }, 0, longest),
		param.Duration(policy.Param{
			Name: "Timeout", Unit: "s", Kind: policy.KindDuration, Default: 60, Min: 0.5, Max: 120, Step: 0.5,
			Help: "stays open this long, then half-open with the next call; not a time limit on calls; 0 is 60s",
		}, func(p *Params) *time.Duration { return &p.Timeout }, 0, longest),
		param.Choice(policy.Param{
			Name: "ReadyToTrip", Max: 2, Step: 1,
			Help: "opens on failures in a row (the library's own rule), or on the share of failures in all calls begun (requests) or ended (completed)",
		}, func(p *Params) *string { return &p.ReadyToTrip }, Consecutive, Requests, Completed),
		param.Integer(policy.Param{
			Name: "consecutiveFailures", Unit: "calls", Kind: policy.KindInteger, Default: 5, Min: 0, Max: 100, Step: 1,
			Help: "with ReadyToTrip consecutive: opens with one more failure in a row than this",
		}, func(p *Params) *int { return &p.ConsecutiveFailures }, 0, mostCounts),
		param.Integer(policy.Param{
			Name: "minRequests", Unit: "calls", Kind: policy.KindInteger, Default: 10, Min: 0, Max: 200, Step: 1,
			Help: "with ReadyToTrip requests or completed: that many calls before the share is looked at",
		}, func(p *Params) *int { return &p.MinRequests }, 0, mostCounts),
		param.Number(policy.Param{
			Name: "failureRatio", Kind: policy.KindRatio, Default: 0.5, Min: 0, Max: 1, Step: 0.05,
			Help: "with ReadyToTrip requests or completed: opens when this share of the calls has failed",
		}, func(p *Params) *float64 { return &p.FailureRatio }, 0, 1),
		param.Switch(policy.Param{
			Name: "IsExcluded", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "errors to be ignored, such as a caller that went away, are neither success nor failure; else they are failures",
		}, func(p *Params) *bool { return &p.IsExcluded }),
	},
}

// inert are settings that change no decision.
var inert = []string{"Name", "OnStateChange"}

func hint(name string) error {
	switch {
	case name == "IsSuccessful":
		return errors.New("gobreaker's IsSuccessful is code: an error that it lets pass is an outcome that counts as a success")
	case slices.Contains(inert, name):
		return fmt.Errorf("gobreaker's setting %s changes no decision of the breaker: leave it out", name)
	}
	return nil
}

func validate(p Params) error {
	if n := p.buckets(); n > mostBucket {
		return fmt.Errorf("an Interval of %s in parts of BucketPeriod %s are %d buckets: no more than %d",
			policy.FormatDuration(p.Interval), policy.FormatDuration(p.BucketPeriod), n, mostBucket)
	}
	return nil
}

// buckets is into how many parts the window falls; 1 is no rolling window.
func (p Params) buckets() int64 {
	if p.Interval <= 0 || p.BucketPeriod <= 0 {
		return 1
	}
	return int64((p.Interval + p.BucketPeriod - 1) / p.BucketPeriod)
}

// Span is the window as the library keeps it: a multiple of BucketPeriod, 0 when
// the counts are never cleared.
func (p Params) Span() time.Duration {
	if p.Interval > 0 && p.BucketPeriod > 0 {
		return time.Duration(p.buckets()) * p.BucketPeriod
	}
	return p.Interval
}

// Rolling says that the window moves by parts instead of being cleared as a whole.
func (p Params) Rolling() bool { return p.buckets() >= 2 }

// probes is MaxRequests as the library takes it.
func (p Params) probes() int { return max(p.MaxRequests, 1) }

// openFor is Timeout as the library takes it.
func (p Params) openFor() time.Duration {
	if p.Timeout <= 0 {
		return Default().Timeout
	}
	return p.Timeout
}

// List is the parameters that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters that can be set.
func Names() []string { return table.Names() }

// Check says whether the library takes value for its setting name and returns it
// as the library writes it.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except the rule and the open time.
func (p Params) Map() map[string]string { return table.Map(p) }

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	trap("Timeout %s is how long the breaker stays open, not a time limit: a call that hangs is never seen as a failure, and a hung probe leaves the breaker half-open and rejecting for ever; give every call a deadline", policy.FormatDuration(p.openFor()))
	if p.Interval == 0 && p.ReadyToTrip != Consecutive {
		trap("Interval 0 never clears the counts: after a healthy day no outage brings the share of failures to %s", percent(p.FailureRatio))
	}
	if p.Interval == 0 && p.BucketPeriod > 0 {
		trap("BucketPeriod has no effect without Interval")
	}
	if p.Interval > 0 && !p.Rolling() {
		trap("Interval %s is a fixed window: calls in flight at its edge are forgotten, and when calls take longer than the window it never opens", policy.FormatDuration(p.Span()))
	}
	if p.Interval > 0 && p.BucketPeriod >= p.Interval {
		trap("BucketPeriod %s is no part of Interval %s: the window is fixed and %s long", policy.FormatDuration(p.BucketPeriod), policy.FormatDuration(p.Interval), policy.FormatDuration(p.Span()))
	} else if s := p.Span(); s != p.Interval {
		trap("Interval %s becomes %s, a multiple of BucketPeriod", policy.FormatDuration(p.Interval), policy.FormatDuration(s))
	}
	if p.ReadyToTrip == Requests {
		trap("calls in flight are in the denominator: under load a hang is let through until it times out and about %s of the window more", percent(p.FailureRatio))
	}
	if p.ReadyToTrip != Consecutive && p.MinRequests <= 1 {
		trap("minRequests %d: one failure in a quiet window opens the breaker", p.MinRequests)
	}
	if p.MaxRequests == 0 {
		trap("MaxRequests 0 is 1")
	}
	return traps
}

// percent is a ratio as people read it.
func percent(r float64) string { return fmt.Sprintf("%g %%", math.Round(r*1e6)/1e4) }
