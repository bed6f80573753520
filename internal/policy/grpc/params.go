// Package grpc is what gRPC's service config says about time limits and retries, as
// grpc-go 1.85.0 carries it out: its parameters, the retries of one call, and the
// way to and from the neutral policy. It has no circuit breaker and no limit on the
// calls in flight.
package grpc

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release of grpc-go that is followed.
const Version = "1.85.0"

// MaxAttempts is what clients make of any larger number (grpc-go 1.85.0,
// service_config.go, defaultMaxCallAttempts; proposal A6).
const MaxAttempts = 5

// Params are what a service config says of one method, and of its channel's retry
// throttling.
type Params struct {
	// Timeout is a deadline over all attempts and the waits between them; 0 is none.
	// (A "0s" in the file is something else: every call fails at once.)
	Timeout time.Duration

	// Attempts is retryPolicy.maxAttempts, the first included; 1 is no retryPolicy,
	// and above MaxAttempts is MaxAttempts.
	Attempts             int
	InitialBackoff       time.Duration // above 0
	MaxBackoff           time.Duration // above 0; before the jitter
	BackoffMultiplier    float64       // above 0
	RetryableStatusCodes []Status      // at least one

	// MaxTokens is retryThrottling.maxTokens, 0 < n <= 1000; 0 is no throttling.
	MaxTokens  float64
	TokenRatio float64 // tokens that a success gives back, above 0
}

// Default has no time limit and no retries, as gRPC without a service config. A
// retryPolicy and retryThrottling have no defaults in gRPC, which refuses a config
// that leaves a part of them out; the parts here are those of the example in
// proposal A6.
func Default() Params {
	return Params{
		Attempts:       1,
		InitialBackoff: 100 * time.Millisecond, MaxBackoff: time.Second, BackoffMultiplier: 2,
		RetryableStatusCodes: []Status{Unavailable},
		TokenRatio:           0.1,
	}
}

// Factory gives every call a deadline and retries nothing.
func Factory() map[string]string {
	return map[string]string{"timeout": "5s", "retryPolicy.maxAttempts": "1"}
}

// longest is nine digits of seconds. gRPC takes twelve, which Go cannot hold.
const longest = 999_999_999 * time.Second

var table = param.Table[Params]{
	Library: "grpc",
	Default: Default,
	Hint:    hint,
	Always:  []string{"timeout", "retryPolicy.maxAttempts"},
	Params: []param.Of[Params]{
		duration(policy.Param{
			Name: "timeout", Unit: "s", Max: 60, Step: 0.5,
			Help: "deadline over all attempts and waits together: ends the call on both sides; none waits for ever",
		}, func(p *Params) *time.Duration { return &p.Timeout }, 0),
		param.Integer(policy.Param{
			Name: "retryPolicy.maxAttempts", Unit: "calls", Kind: policy.KindInteger, Default: 1, Min: 1, Max: MaxAttempts, Step: 1,
			Help: "all tries, the first included; 1 is no retryPolicy, and clients make no more than 5",
		}, func(p *Params) *int { return &p.Attempts }, 1, math.MaxInt32),
		duration(policy.Param{
			Name: "retryPolicy.initialBackoff", Unit: "s", Default: 0.1, Min: 0.01, Max: 5, Step: 0.05,
			Help: "wait before the second attempt, drawn from 80 % to 120 % of it",
		}, func(p *Params) *time.Duration { return &p.InitialBackoff }, time.Nanosecond),
		duration(policy.Param{
			Name: "retryPolicy.maxBackoff", Unit: "s", Default: 1, Min: 0.01, Max: 60, Step: 0.5,
			Help: "longest wait, before it is drawn from 80 % to 120 %",
		}, func(p *Params) *time.Duration { return &p.MaxBackoff }, time.Nanosecond),
		positive(policy.Param{
			Name: "retryPolicy.backoffMultiplier", Kind: policy.KindNumber, Default: 2, Min: 0.1, Max: 5, Step: 0.1,
			Help: "growth from wait to wait",
		}, func(p *Params) *float64 { return &p.BackoffMultiplier }),
		{
			Param: policy.Param{
				Name: "retryPolicy.retryableStatusCodes", Kind: policy.KindText,
				Help: "the statuses worth another attempt, such as UNAVAILABLE,RESOURCE_EXHAUSTED",
			},
			Set: setCodes,
			Get: func(p Params) string { return p.codes() },
		},
		param.Number(policy.Param{
			Name: "retryThrottling.maxTokens", Unit: "tokens", Kind: policy.KindNumber, Max: 1000, Step: 1,
			Help: "a failed attempt takes one of these, and at half of them or fewer nothing is retried; 0 is no throttling",
		}, func(p *Params) *float64 { return &p.MaxTokens }, 0, 1000),
		positive(policy.Param{
			Name: "retryThrottling.tokenRatio", Unit: "tokens", Kind: policy.KindNumber, Default: 0.1, Min: 0.01, Max: 1, Step: 0.01,
			Help: "tokens that a success gives back: in the long run retries as a share of successes",
		}, func(p *Params) *float64 { return &p.TokenRatio }),
	},
}

// hint says more about names that other parts of gRPC have.
func hint(name string) error {
	switch name {
	case "grpc.max_concurrent_streams", "max_concurrent_streams":
		return fmt.Errorf("%s is the server's: a client's bound on its own calls is the edge's max_concurrent", name)
	case "hedgingPolicy":
		return fmt.Errorf("grpc-go does not carry out a hedgingPolicy, and it is not modelled here")
	case "deadline":
		return fmt.Errorf("a call's own deadline is the edge's deadline; the service config has a timeout")
	}
	return nil
}

// positive is a number above 0.
func positive(p policy.Param, at func(*Params) *float64) param.Of[Params] {
	o := param.Number(p, at, 0, math.MaxFloat64)
	number := o.Set
	o.Set = func(s *Params, v string) error {
		var n Params
		if err := number(&n, v); err != nil || *at(&n) == 0 {
			return fmt.Errorf("%q is not a number above 0", v)
		}
		return number(s, v)
	}
	return o
}

// duration is a time in gRPC's notation, "0.25s". least is the shortest; where that
// is 0, 0 is none.
func duration(p policy.Param, at func(*Params) *time.Duration, least time.Duration) param.Of[Params] {
	return param.Of[Params]{
		Param: p,
		Set: func(s *Params, v string) error {
			if least == 0 && (v == "none" || v == "off") {
				v = "0s"
			}
			d, err := time.ParseDuration(v)
			if err != nil {
				return fmt.Errorf("%q is not a duration: write 5s or 0.25s", v)
			}
			if d < least || d > longest {
				return fmt.Errorf("%q is not from %s to %s", v, Seconds(least), Seconds(longest))
			}
			*at(s) = d
			return nil
		},
		Get: func(s Params) string {
			if d := *at(&s); d != 0 {
				return Seconds(d)
			}
			return "none"
		},
	}
}

// Seconds is a duration as proto3's JSON has it: decimal seconds, "0.25s".
func Seconds(d time.Duration) string {
	text := strconv.FormatInt(int64(d/time.Second), 10)
	if nanos := d % time.Second; nanos > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", nanos), "0")
	}
	return text + "s"
}

func (p Params) codes() string {
	names := make([]string, len(p.RetryableStatusCodes))
	for i, s := range p.RetryableStatusCodes {
		names[i] = s.String()
	}
	return strings.Join(names, ",")
}

func setCodes(p *Params, v string) error {
	var codes []Status
	for name := range strings.SplitSeq(v, ",") {
		s, err := ParseStatus(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		if !slices.Contains(codes, s) {
			codes = append(codes, s)
		}
	}
	p.RetryableStatusCodes = codes
	return nil
}

// List is the parameters that can be set.
func List() []policy.Param { return table.List() }

// Names are the names of all parameters.
func Names() []string { return table.Names() }

// Check says whether gRPC takes value for its parameter name and returns it as a
// service config writes it.
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads parameters under their own names over the defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the parameters' own names.
func (p Params) Map() map[string]string { return table.Map(p) }

// Traps are what these parameters do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	if p.Timeout == 0 {
		trap("no timeout: a call without a deadline of its own waits for ever")
	}
	if p.Attempts <= 1 {
		return traps
	}
	if p.Attempts > MaxAttempts {
		trap("retryPolicy.maxAttempts %d: clients make no more than %d attempts", p.Attempts, MaxAttempts)
	}
	if p.Timeout > 0 {
		trap("timeout %s covers all attempts together; there is no time limit for one attempt, so a hang is never retried", Seconds(p.Timeout))
		if waits := p.Waits(); waits >= p.Timeout {
			trap("waits between attempts of %s: they alone reach the timeout, so the last attempts are never made", Seconds(waits))
		}
	}
	if p.Retryable(DeadlineExceeded) {
		trap("DEADLINE_EXCEEDED among the statuses to retry: a call that ran into its own deadline is over; it is retried only when the server said so")
	}
	if p.MaxTokens == 0 {
		trap("no retryThrottling: retries multiply the load by up to %d when everything fails", p.attempts())
	}
	trap("a server may set the wait itself (grpc-retry-pushback-ms) or forbid the retry; a simulated callee does neither")
	return traps
}

// Waits is the sum of all waits between attempts, without jitter.
func (p Params) Waits() time.Duration {
	var sum time.Duration
	for n := 1; n < p.attempts(); n++ {
		sum += p.backoff(n, 0.5)
	}
	return sum
}

// Status is the status of a gRPC call, by its number.
type Status uint32

// The statuses that decide something here.
const (
	OK               Status = 0
	DeadlineExceeded Status = 4
	Unavailable      Status = 14
)

// statuses in the order of their numbers, 0 to 16.
var statuses = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// StatusNames are the names of all statuses, in the order of their numbers.
func StatusNames() []string { return slices.Clone(statuses) }

// ParseStatus reads a status by its name or number.
func ParseStatus(text string) (Status, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(statuses) {
		return Status(n), nil
	}
	i := slices.Index(statuses, strings.ToUpper(text))
	if i < 0 {
		return 0, policy.Unknown("gRPC status", text, statuses)
	}
	return Status(i), nil
}

func (s Status) String() string {
	if int(s) < len(statuses) {
		return statuses[s]
	}
	return strconv.Itoa(int(s))
}
