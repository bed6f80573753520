// Package linkerd is the circuit breaking of the Linkerd proxy, which it calls
// failure accrual: it judges every endpoint of a Service for itself. Parameters,
// machine, retries, and the way to and from the neutral policy.
package linkerd

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
	"tripcurve/internal/policy/retry"
)

// Version is the state of the proxy that the machine follows.
const Version = "proxy of 2026-08-21"

// The modes of failure accrual.
const (
	None        = "none" // the annotation is absent
	Consecutive = "consecutive"
	Unified     = "unified"
)

// Params are what the annotations of a Service say, under the last parts of their
// names.
type Params struct {
	// Endpoints is not Linkerd's: it is how many endpoints the Service of the
	// scenario has.
	Endpoints int

	FailureAccrual string
	MaxFailures    int // in a row; 0 never
	MinPenalty     time.Duration
	MaxPenalty     time.Duration
	JitterRatio    float64 // up to this many times the penalty is added to it, 0..100

	// The rate belongs to the unified mode only.
	Threshold   float64 // success rate, 0..1, below which it trips; 0 never
	Window      time.Duration
	MinRequests int

	RequestTimeout  time.Duration // of the call with its retries; 0 is none
	ResponseTimeout time.Duration // of one attempt; 0 is none

	RetryHTTP    string // statuses that are retried, comma-separated; empty none
	RetryGRPC    string // the same for gRPC
	RetryLimit   int    // the first attempt excluded
	RetryTimeout time.Duration
}

// Default is what Linkerd takes for annotations that are absent.
func Default() Params {
	return Params{
		Endpoints:      3,
		FailureAccrual: None,
		MaxFailures:    7,
		MinPenalty:     time.Second,
		MaxPenalty:     time.Minute,
		JitterRatio:    0.5,
		Threshold:      0.8,
		Window:         10 * time.Second,
		MinRequests:    5,
		RetryLimit:     1,
	}
}

// Factory turns failure accrual on, for by itself it is not.
func Factory() map[string]string {
	return map[string]string{
		"failure-accrual": Consecutive, "consecutive-max-failures": "7", "consecutive-min-penalty": "1s",
		"consecutive-max-penalty": "1m", "consecutive-jitter-ratio": "0.5", "timeout-request": "5s",
	}
}

const year = 365 * 24 * time.Hour

// Annotations are Linkerd's names for the parameters.
var Annotations = map[string]string{
	"failure-accrual":           "balancer.linkerd.io/failure-accrual",
	"consecutive-max-failures":  "balancer.linkerd.io/failure-accrual-consecutive-max-failures",
	"consecutive-min-penalty":   "balancer.linkerd.io/failure-accrual-consecutive-min-penalty",
	"consecutive-max-penalty":   "balancer.linkerd.io/failure-accrual-consecutive-max-penalty",
	"consecutive-jitter-ratio":  "balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio",
	"success-rate-threshold":    "balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold",
	"success-rate-window":       "balancer.alpha.linkerd.io/failure-accrual-success-rate-window",
	"success-rate-min-requests": "balancer.alpha.linkerd.io/failure-accrual-success-rate-min-requests",
	"timeout-request":           "timeout.linkerd.io/request",
	"timeout-response":          "timeout.linkerd.io/response",
	"retry-http":                "retry.linkerd.io/http",
	"retry-grpc":                "retry.linkerd.io/grpc",
	"retry-limit":               "retry.linkerd.io/limit",
	"retry-timeout":             "retry.linkerd.io/timeout",
}

var table = param.Table[Params]{
	Library:  "linkerd",
	Word:     "annotation",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always:   []string{"failure-accrual", "consecutive-max-failures", "consecutive-min-penalty", "consecutive-max-penalty", "consecutive-jitter-ratio"},
	Params: []param.Of[Params]{
		param.Choice(policy.Param{Name: "failure-accrual", Max: 2, Step: 1, Help: "failures in a row, these and a success rate, or none at all, which is what an absent annotation means"},
			func(p *Params) *string { return &p.FailureAccrual }, None, Consecutive, Unified),
		param.Integer(policy.Param{Name: "consecutive-max-failures", Unit: "calls", Kind: policy.KindInteger, Default: 7, Max: 50, Step: 1, Help: "shuts an endpoint at this many failures in a row; 0 never"},
			func(p *Params) *int { return &p.MaxFailures }, 0, min(math.MaxUint32, math.MaxInt)),
		milliseconds(policy.Param{Name: "consecutive-min-penalty", Default: 1, Max: 60, Help: "an endpoint is shut for this long, twice as long after each failed probe"},
			0, func(p *Params) *time.Duration { return &p.MinPenalty }),
		milliseconds(policy.Param{Name: "consecutive-max-penalty", Default: 60, Max: 600, Help: "but never longer than this, jitter included"},
			time.Millisecond, func(p *Params) *time.Duration { return &p.MaxPenalty }),
		param.Number(policy.Param{Name: "consecutive-jitter-ratio", Kind: policy.KindNumber, Default: 0.5, Max: 2, Step: 0.1, Help: "up to this many times the penalty is added to it"},
			func(p *Params) *float64 { return &p.JitterRatio }, 0, 100),
		param.Number(policy.Param{Name: "success-rate-threshold", Kind: policy.KindNumber, Default: 0.8, Max: 1, Step: 0.05, Help: "unified: shuts an endpoint whose success rate is below this; 0 never"},
			func(p *Params) *float64 { return &p.Threshold }, 0, 1),
		milliseconds(policy.Param{Name: "success-rate-window", Default: 10, Max: 60, Help: "unified: the window of the success rate, in ten parts"},
			time.Millisecond, func(p *Params) *time.Duration { return &p.Window }),
		param.Integer(policy.Param{Name: "success-rate-min-requests", Unit: "calls", Kind: policy.KindInteger, Default: 5, Max: 100, Step: 1, Help: "unified: responses in the window before the rate is looked at"},
			func(p *Params) *int { return &p.MinRequests }, 0, 1_000_000),
		milliseconds(policy.Param{Name: "timeout-request", Max: 60, Help: "ends the call with its retries; 0s never"},
			0, func(p *Params) *time.Duration { return &p.RequestTimeout }),
		milliseconds(policy.Param{Name: "timeout-response", Max: 60, Help: "ends the wait for one response; 0s never"},
			0, func(p *Params) *time.Duration { return &p.ResponseTimeout }),
		{
			Param: policy.Param{Name: "retry-http", Kind: policy.KindText, Help: "HTTP statuses that are retried: 5xx, gateway-error, 503, 500-599; empty none"},
			Set:   retryHTTP,
			Get:   func(p Params) string { return p.RetryHTTP },
		},
		{
			Param: policy.Param{Name: "retry-grpc", Kind: policy.KindText, Help: "gRPC statuses that are retried: cancelled, deadline-exceeded, internal, resource-exhausted, unavailable; empty none"},
			Set:   retryGRPC,
			Get:   func(p Params) string { return p.RetryGRPC },
		},
		param.Integer(policy.Param{Name: "retry-limit", Unit: "calls", Kind: policy.KindInteger, Default: 1, Max: 10, Step: 1, Help: "retries after the first attempt"},
			func(p *Params) *int { return &p.RetryLimit }, 0, math.MaxUint16),
		milliseconds(policy.Param{Name: "retry-timeout", Max: 60, Help: "an attempt that has not answered after this long is given up and made again; 0s never"},
			0, func(p *Params) *time.Duration { return &p.RetryTimeout }),
		param.Integer(policy.Param{Name: "endpoints", Unit: "endpoints", Kind: policy.KindInteger, Default: 3, Min: 1, Max: 50, Step: 1, Help: "not Linkerd's: how many endpoints the simulated Service has"},
			func(p *Params) *int { return &p.Endpoints }, 1, 1000),
	},
}

// milliseconds is a duration in whole milliseconds, for Linkerd takes no fractions.
func milliseconds(p policy.Param, least time.Duration, at func(*Params) *time.Duration) param.Of[Params] {
	p.Unit, p.Kind, p.Step = "s", policy.KindDuration, 0.5
	o := param.Duration(p, at, least, year)
	set := o.Set
	o.Set = func(s *Params, v string) error {
		before := *at(s)
		if err := set(s, v); err != nil {
			return err
		}
		if *at(s)%time.Millisecond != 0 {
			*at(s) = before
			return fmt.Errorf("%q is not a whole number of milliseconds", v)
		}
		return nil
	}
	return o
}

func retryHTTP(p *Params, v string) error {
	for word := range strings.SplitSeq(v, ",") {
		if v == "" || word == "5xx" || word == "gateway-error" {
			continue
		}
		from, to, isRange := strings.Cut(word, "-")
		if !isRange {
			to = from
		}
		lo, errLo := strconv.Atoi(from)
		hi, errHi := strconv.Atoi(to)
		if errLo != nil || errHi != nil || lo < 100 || hi > 599 || lo > hi {
			return fmt.Errorf("%q is not 5xx, gateway-error, a status such as 503 or a range such as 500-599", word)
		}
	}
	p.RetryHTTP = v
	return nil
}

func retryGRPC(p *Params, v string) error {
	for word := range strings.SplitSeq(v, ",") {
		if _, ok := grpcStatuses[word]; v != "" && !ok {
			return fmt.Errorf("%q is not one of %s", word, strings.Join(slices.Sorted(maps.Keys(grpcStatuses)), ", "))
		}
	}
	p.RetryGRPC = v
	return nil
}

func hint(name string) error {
	for short, annotation := range Annotations {
		if name == annotation {
			return fmt.Errorf("%s is called %s here", annotation, short)
		}
	}
	if name == "timeout.linkerd.io/idle" || name == "timeout-idle" {
		return errors.New("timeout.linkerd.io/idle is Linkerd's but not modelled here: leave it out")
	}
	return nil
}

func validate(p Params) error {
	if p.MinPenalty > p.MaxPenalty {
		return fmt.Errorf("consecutive-min-penalty %s is more than consecutive-max-penalty %s: Linkerd drops the whole failure accrual",
			policy.FormatDuration(p.MinPenalty), policy.FormatDuration(p.MaxPenalty))
	}
	if p.FailureAccrual == Unified && p.Threshold > 0 && p.Window < 10*time.Millisecond {
		return fmt.Errorf("success-rate-window %s is less than 10ms: the proxy refuses the policy", p.Window)
	}
	return nil
}

// List is the parameters that can be set.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters.
func Names() []string { return table.Names() }

// Known says what is wrong with a parameter's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether Linkerd takes value for its annotation name and returns it as
// written here.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters over Linkerd's defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p, leaving out what has Linkerd's default except what makes up a
// failure accrual.
func (p Params) Map() map[string]string { return table.Map(p) }

// Retries says whether calls are made again at all.
func (p Params) Retries() bool { return p.RetryHTTP+p.RetryGRPC != "" && p.RetryLimit > 0 }

// Attempt is the time limit of one attempt; 0 is none. The proxy takes RetryTimeout
// off the last attempt (retry.rs, set_extensions); here that one has it too.
func (p Params) Attempt() time.Duration {
	limit := policy.Shortest(p.ResponseTimeout, p.RequestTimeout)
	if p.Retries() {
		limit = policy.Shortest(limit, p.RetryTimeout)
	}
	return limit
}

// Plan is the retries; nil when there are none. They are made at once: the proxy's
// own short back-off cannot be set. A call that found no endpoint ready is made again
// too, for another backend may have one (linkerd/app/outbound/src/http/logical/policy/
// route/retry.rs, retryable_error).
func (p Params) Plan() *retry.Plan {
	if !p.Retries() {
		return nil
	}
	return &retry.Plan{Attempts: p.RetryLimit + 1, Steady: true, Retries: p.retriable(), Rejected: true}
}

// The gRPC statuses by their words in retry-grpc.
var grpcStatuses = map[string]uint32{
	"cancelled": 1, "deadline-exceeded": 4, "resource-exhausted": 8, "internal": 13, "unavailable": unavailable,
}

const unavailable = 14

// retriable says which gRPC statuses are retried. Those of retry-http are not among
// them, for a gRPC call that fails does so in its trailers, under the status 200. An
// attempt that ran into its time limit, which is UNAVAILABLE here, is retried whatever
// the lists say.
func (p Params) retriable() func(status uint32) bool {
	all := []uint32{unavailable}
	for word := range strings.SplitSeq(p.RetryGRPC, ",") {
		if status, ok := grpcStatuses[word]; ok {
			all = append(all, status)
		}
	}
	return func(status uint32) bool { return slices.Contains(all, status) }
}

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	switch p.FailureAccrual {
	case None:
		trap("without failure-accrual there is no circuit breaking at all")
	case Consecutive:
		if p.MaxFailures == 0 {
			trap("consecutive-max-failures 0: nothing is ever shut")
		} else {
			trap("failures in a row: an endpoint that fails half of its calls is hardly ever shut")
		}
	case Unified:
		if p.MaxFailures == 0 && p.Threshold == 0 {
			trap("consecutive-max-failures 0 and success-rate-threshold 0: nothing is ever shut")
		}
		if p.Threshold > 0 && p.MinRequests <= 1 {
			trap("success-rate-min-requests %d: one failure after a quiet window shuts an endpoint", p.MinRequests)
		}
	}
	if p.FailureAccrual != None && p.Attempt() == 0 {
		trap("no timeout: a hung call is never seen as a failure, and a hung probe keeps its endpoint shut for ever")
	}
	if p.Retries() && p.RetryTimeout > 0 && policy.Shortest(p.RequestTimeout, p.ResponseTimeout) == 0 {
		trap("retry-timeout %s does not hold for the last attempt: without timeout-request a hang is never ended there", policy.FormatDuration(p.RetryTimeout))
	}
	if p.Retries() && p.RequestTimeout > 0 && time.Duration(p.RetryLimit+1)*p.Attempt() > p.RequestTimeout {
		trap("%d attempts of %s are longer than timeout-request %s, which cuts off the last",
			p.RetryLimit+1, policy.FormatDuration(p.Attempt()), policy.FormatDuration(p.RequestTimeout))
	}
	return traps
}
