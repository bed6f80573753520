// Package failsafe is the circuit breaker of the Go library failsafe-go v0.9.8 and
// what the library puts around it: its builders' arguments, its machine, its
// retries, and its way to and from the neutral policy.
package failsafe

import (
	"errors"
	"fmt"
	"math"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machine follows.
const Version = "v0.9.8"

// Params are the arguments of the library's builders. Those of the circuit breaker
// have no prefix; the others are policies of their own, composed around it.
type Params struct {
	// What opens. The builder has three calls for it, and which one is meant the
	// numbers say: a rate or an execution threshold is WithFailureRateThreshold; else
	// a period is WithFailureThresholdPeriod; else it is WithFailureThresholdRatio.
	FailureThreshold            int           // failures
	FailureThresholdingCapacity int           // of that many calls ended last; 0 is FailureThreshold
	FailureRateThreshold        float64       // 0..1 of the calls ended; compared with the rate rounded to 1 %
	FailureExecutionThreshold   int           // calls ended before the rate is looked at
	FailureThresholdingPeriod   time.Duration // the window in time, in ten parts; 0 counts calls

	// What closes; without a SuccessThreshold it is what opens, turned round.
	SuccessThreshold            int // successes
	SuccessThresholdingCapacity int // of that many calls; 0 is SuccessThreshold

	// How long it stays open.
	Delay              time.Duration
	DelayMin, DelayMax time.Duration // WithRandomDelay, in place of Delay when both are set
	Jitter             time.Duration // varied by up to this much either way
	JitterFactor       float64       // or by this share of the delay

	Timeout        time.Duration // timeout.New around one attempt; 0 is none
	TotalTimeout   time.Duration // timeout.New around all attempts; 0 is none
	MaxConcurrency int           // bulkhead.New; 0 is none
	Retry          Retry
}

// Default is what the builders take for calls that are not made. Timeouts, bulkhead
// and retries are policies of their own and absent.
func Default() Params {
	return Params{
		FailureThreshold: 1,
		Delay:            time.Minute,
		Retry:            Retry{DelayFactor: 2, BudgetMinConcurrency: 3},
	}
}

// Factory is half of the calls of 10 s, with a time limit of 5 s on each.
func Factory() map[string]string {
	return map[string]string{
		"failureRateThreshold": "0.5", "failureExecutionThreshold": "10", "failureThresholdingPeriod": "10s",
		"delay": "30s", "successThreshold": "1", "timeout.timeLimit": "5s",
	}
}

const (
	longest    = 365 * 24 * time.Hour // no time of this library is longer
	mostCounts = 1_000_000
	parts      = 10 // of a period
)

var table = param.Table[Params]{
	Library:  "failsafe-go",
	Word:     "argument",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always:   []string{"delay"},
	Params: []param.Of[Params]{
		param.Integer(policy.Param{
			Name: "failureThreshold", Unit: "calls", Kind: policy.KindInteger, Default: 1, Min: 1, Max: 100, Step: 1,
			Help: "opens with this many failures among the calls that ended last; without effect beside failureRateThreshold",
		}, func(p *Params) *int { return &p.FailureThreshold }, 0, mostCounts),
		param.Integer(policy.Param{
			Name: "failureThresholdingCapacity", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 200, Step: 1,
			Help: "how many calls that ended last are looked at; 0 is as many as failureThreshold",
		}, func(p *Params) *int { return &p.FailureThresholdingCapacity }, 0, mostCounts),
		param.Number(policy.Param{
			Name: "failureRateThreshold", Kind: policy.KindRatio, Default: 0, Min: 0, Max: 1, Step: 0.05,
			Help: "opens when this share of the calls that ended has failed, both rounded to 1 %; 0 counts failures instead",
		}, func(p *Params) *float64 { return &p.FailureRateThreshold }, 0, 1),
		param.Integer(policy.Param{
			Name: "failureExecutionThreshold", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 200, Step: 1,
			Help: "calls that ended in the period before the rate is looked at",
		}, func(p *Params) *int { return &p.FailureExecutionThreshold }, 0, mostCounts),
		param.Duration(policy.Param{
			Name: "failureThresholdingPeriod", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 120, Step: 1,
			Help: "the window in time, which forgets a tenth at a time; 0 looks at the calls that ended last",
		}, func(p *Params) *time.Duration { return &p.FailureThresholdingPeriod }, 0, longest),
		param.Integer(policy.Param{
			Name: "successThreshold", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 50, Step: 1,
			Help: "closes with this many successes in half-open; 0 decides by what opens",
		}, func(p *Params) *int { return &p.SuccessThreshold }, 0, mostCounts),
		param.Integer(policy.Param{
			Name: "successThresholdingCapacity", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 50, Step: 1,
			Help: "calls at once in half-open, of which successThreshold must succeed; 0 is as many as successThreshold",
		}, func(p *Params) *int { return &p.SuccessThresholdingCapacity }, 0, mostCounts),
		param.Duration(policy.Param{
			Name: "delay", Unit: "s", Kind: policy.KindDuration, Default: 60, Min: 0.5, Max: 120, Step: 0.5,
			Help: "stays open this long, then half-open with the next call",
		}, func(p *Params) *time.Duration { return &p.Delay }, 0, longest),
		param.Duration(policy.Param{
			Name: "delayMin", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 120, Step: 0.5,
			Help: "with delayMax: each opening lasts a random time between the two, in place of delay",
		}, func(p *Params) *time.Duration { return &p.DelayMin }, 0, longest),
		param.Duration(policy.Param{
			Name: "delayMax", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 120, Step: 0.5,
			Help: "with delayMin: each opening lasts a random time between the two, in place of delay",
		}, func(p *Params) *time.Duration { return &p.DelayMax }, 0, longest),
		param.Duration(policy.Param{
			Name: "jitter", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 30, Step: 0.5,
			Help: "each opening lasts up to this much longer or shorter",
		}, func(p *Params) *time.Duration { return &p.Jitter }, 0, longest),
		param.Number(policy.Param{
			Name: "jitterFactor", Kind: policy.KindRatio, Default: 0, Min: 0, Max: 1, Step: 0.05,
			Help: "each opening lasts up to this share longer or shorter; without effect beside jitter",
		}, func(p *Params) *float64 { return &p.JitterFactor }, 0, 1),

		param.Duration(policy.Param{
			Name: "timeout.timeLimit", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 30, Step: 0.5,
			Help: "cancels the context of an attempt after this long, and waits for the attempt; 0 is none",
		}, func(p *Params) *time.Duration { return &p.Timeout }, 0, longest),
		param.Duration(policy.Param{
			Name: "timeout.total", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 60, Step: 0.5,
			Help: "a second timeout, around all attempts and their waits; 0 is none",
		}, func(p *Params) *time.Duration { return &p.TotalTimeout }, 0, longest),
		param.Integer(policy.Param{
			Name: "bulkhead.maxConcurrency", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 500, Step: 10,
			Help: "calls in flight; one more is rejected, which inside the breaker is a failure; 0 is no bulkhead",
		}, func(p *Params) *int { return &p.MaxConcurrency }, 0, mostCounts),
		param.Integer(policy.Param{
			Name: "retry.maxRetries", Unit: "calls", Kind: policy.KindInteger, Default: 0, Min: 0, Max: 10, Step: 1,
			Help: "attempts after the first; -1 without end; 0 is no retry policy (a retry policy that says nothing makes 2)",
		}, func(p *Params) *int { return &p.Retry.MaxRetries }, -1, mostCounts),
		param.Duration(policy.Param{
			Name: "retry.delay", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 10, Step: 0.1,
			Help: "wait before a retry",
		}, func(p *Params) *time.Duration { return &p.Retry.Delay }, 0, longest),
		param.Duration(policy.Param{
			Name: "retry.maxDelay", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 60, Step: 0.5,
			Help: "longest wait of a backoff; 0 waits the same each time",
		}, func(p *Params) *time.Duration { return &p.Retry.MaxDelay }, 0, longest),
		param.Number(policy.Param{
			Name: "retry.delayFactor", Kind: policy.KindNumber, Default: 2, Min: 1, Max: 5, Step: 0.1,
			Help: "growth of a backoff from wait to wait",
		}, func(p *Params) *float64 { return &p.Retry.DelayFactor }, 0, 1000),
		param.Duration(policy.Param{
			Name: "retry.jitter", Unit: "s", Kind: policy.KindDuration, Default: 0, Min: 0, Max: 10, Step: 0.1,
			Help: "each wait is up to this much longer or shorter",
		}, func(p *Params) *time.Duration { return &p.Retry.Jitter }, 0, longest),
		param.Number(policy.Param{
			Name: "retry.jitterFactor", Kind: policy.KindRatio, Default: 0, Min: 0, Max: 1, Step: 0.05,
			Help: "each wait is up to this share longer or shorter; without effect beside retry.jitter",
		}, func(p *Params) *float64 { return &p.Retry.JitterFactor }, 0, 1),
		param.Switch(policy.Param{
			Name: "retry.abortOnRejection", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "AbortOnErrors(circuitbreaker.ErrOpen, bulkhead.ErrFull): what was rejected is not tried again; else it is, like every error",
		}, func(p *Params) *bool { return &p.Retry.AbortOnRejection }),
		param.Number(policy.Param{
			Name: "budget.maxRate", Kind: policy.KindRatio, Default: 0, Min: 0, Max: 1, Step: 0.05,
			Help: "retries allowed as a share of all calls in flight; 0 is no budget (a budget that says nothing allows 0.2)",
		}, func(p *Params) *float64 { return &p.Retry.BudgetMaxRate }, 0, 1),
		param.Integer(policy.Param{
			Name: "budget.minConcurrency", Unit: "calls", Kind: policy.KindInteger, Default: 3, Min: 0, Max: 50, Step: 1,
			Help: "retries in flight that the budget always allows",
		}, func(p *Params) *int { return &p.Retry.BudgetMinConcurrency }, 0, mostCounts),
	},
}

func hint(name string) error {
	switch name {
	case "delayFunc":
		return errors.New("failsafe-go's WithDelayFunc is code and not modelled here: leave it out")
	case "maxAttempts", "retry.maxAttempts":
		return errors.New("failsafe-go counts the attempts after the first here: retry.maxRetries is one less than maxAttempts")
	}
	return nil
}

func validate(p Params) error {
	switch c := p.rules(); {
	case p.DelayMin > 0 != (p.DelayMax > 0):
		return errors.New("delayMin and delayMax go together: with one of them only, the library does not wait at all")
	case p.FailureThresholdingPeriod > 0 && p.FailureThresholdingPeriod < parts:
		return fmt.Errorf("failureThresholdingPeriod %s has no tenth: the library divides by zero", p.FailureThresholdingPeriod)
	case c.closedCapacity() == 0 && p.FailureThresholdingPeriod == 0, c.halfOpenCapacity() == 0:
		return errors.New("failureThreshold 0 leaves no call to look at: the library divides by zero")
	case p.Retry.MaxRetries < 0 && p.Retry.Delay == 0:
		return errors.New("retry.maxRetries -1 without a retry.delay tries for ever without a pause, for as long as the breaker is open: give it a delay")
	}
	return nil
}

// rules are the fields that the builder's calls leave behind (failsafe-go v0.9.8,
// circuitbreaker/circuitbreakerbuilder.go).
type rules struct {
	failures, capacity   uint
	rate                 float64
	executions           uint
	period               time.Duration
	successes, successOf uint
}

func (p Params) rules() rules {
	r := rules{
		failures:   uint(p.FailureThreshold),
		capacity:   orElse(p.FailureThresholdingCapacity, p.FailureThreshold),
		rate:       p.FailureRateThreshold,
		executions: uint(p.FailureExecutionThreshold),
		period:     p.FailureThresholdingPeriod,
		successes:  uint(p.SuccessThreshold),
		successOf:  orElse(p.SuccessThresholdingCapacity, p.SuccessThreshold),
	}
	if !p.byRate() && r.period > 0 { // WithFailureThresholdPeriod
		r.capacity, r.executions = r.failures, r.failures
	}
	return r
}

// byRate says that the builder's WithFailureRateThreshold is meant.
func (p Params) byRate() bool { return p.FailureRateThreshold > 0 || p.FailureExecutionThreshold > 0 }

func orElse(n, other int) uint {
	if n == 0 {
		return uint(other)
	}
	return uint(n)
}

// closedCapacity is how many calls a count window in closed holds.
func (r rules) closedCapacity() uint {
	if r.executions != 0 {
		return r.executions
	}
	return r.capacity
}

// halfOpenCapacity is how many calls a count window in half-open holds, and how many
// calls may be in flight there.
func (r rules) halfOpenCapacity() uint {
	if r.successOf != 0 {
		return r.successOf
	}
	return r.closedCapacity()
}

// List is the parameters that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters that can be set.
func Names() []string { return table.Names() }

// Check says whether the library takes value for its argument name and returns it
// as it is written here.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except the delay.
func (p Params) Map() map[string]string { return table.Map(p) }

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	r := p.rules()
	if p.Timeout == 0 {
		trap("no timeout: a call that hangs is never seen as a failure, and a hung probe keeps its permit in half-open for ever")
	} else {
		trap("timeout %s cancels the context and waits for the call: one that does not look at its context runs on, and the breaker sees the failure only at its end", policy.FormatDuration(p.Timeout))
	}
	switch {
	case r.rate > 0:
		trap("rates are rounded to 1 %%: it opens from a share of %s on", percent(opensAt(r.rate)))
		if r.executions <= 1 {
			trap("failureExecutionThreshold %d: one failure in a quiet period opens the breaker", r.executions)
		}
		if p.FailureThreshold != Default().FailureThreshold || p.FailureThresholdingCapacity != 0 {
			trap("failureThreshold has no effect beside failureRateThreshold")
		}
	case r.failures == 0:
		trap("failureThreshold 0: every result opens the breaker, a success too")
	case r.failures == 1:
		trap("failureThreshold 1: a single failure opens the breaker")
	case r.failures > r.closedCapacity() && r.period == 0:
		trap("failureThreshold %d is more than the %d calls that are looked at: it never opens", r.failures, r.closedCapacity())
	}
	if r.successes > r.successOf {
		trap("successThreshold %d is more than the %d calls that are looked at: it never closes, and opens only by hand", r.successes, r.successOf)
	}
	if permits := r.halfOpenCapacity(); permits > 1 {
		trap("half-open lets %d calls in at once, and more when calls from before the opening end meanwhile: each gives back a permit that it never took", permits)
	}
	if p.MaxConcurrency > 0 {
		trap("the bulkhead stands inside the breaker: a call that finds it full is a failure and can open the breaker")
	}
	p.Retry.traps(trap)
	return traps
}

// opensAt is the least share that is rounded to a threshold or above it: the middle
// between two steps of 1 % is rounded up.
func opensAt(rate float64) float64 { return math.Max(math.Ceil(rate*100-1e-9)-0.5, 0) / 100 }

// percent is a share as people read it.
func percent(r float64) string { return fmt.Sprintf("%g %%", math.Round(r*1e6)/1e4) }
