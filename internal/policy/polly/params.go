// Package polly is the circuit breaker of the .NET library Polly 8.7.0 and the
// strategies that the standard pipeline of Microsoft.Extensions.Http.Resilience puts
// around it: their options, the breaker's machine, the retries, and the way to and
// from the neutral policy.
package polly

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machine follows.
const Version = "8.7.0"

// Params are the properties of CircuitBreakerStrategyOptions, and those of the
// strategies around it under the names that they have in HttpStandardResilienceOptions.
// A strategy whose value is 0 is not there; the standard pipeline has them all.
type Params struct {
	FailureRatio      float64 // 0..1; trips at it
	MinimumThroughput int     // results in the window below which nothing trips
	SamplingDuration  time.Duration
	BreakDuration     time.Duration

	AttemptTimeout      time.Duration // around one attempt
	TotalRequestTimeout time.Duration // around all attempts
	PermitLimit         int           // calls in flight
	Retry               Retry
}

// Default is what the options of AddCircuitBreaker and AddRetry begin with, and no
// other strategy.
func Default() Params {
	return Params{
		FailureRatio:      0.1,
		MinimumThroughput: 100,
		SamplingDuration:  30 * time.Second,
		BreakDuration:     5 * time.Second,
		Retry:             Retry{Delay: 2 * time.Second, BackoffType: Constant},
	}
}

// Standard is what AddStandardResilienceHandler begins with: the package's own
// options for HTTP in the order limiter, total timeout, retry, breaker, attempt
// timeout.
func Standard() Params {
	p := Default()
	p.AttemptTimeout, p.TotalRequestTimeout = 10*time.Second, 30*time.Second
	p.PermitLimit = 1000
	p.Retry = Retry{MaxRetryAttempts: 3, Delay: 2 * time.Second, BackoffType: Exponential, UseJitter: true}
	return p
}

// Factory is half of the calls of 10 s, with a time limit of 5 s on each.
func Factory() map[string]string {
	return map[string]string{
		"FailureRatio": "0.5", "MinimumThroughput": "10", "SamplingDuration": "10s", "BreakDuration": "30s",
		"AttemptTimeout.Timeout": "5s",
	}
}

// The ranges that the options are validated against.
const (
	LeastDuration   = 500 * time.Millisecond // of sampling and break
	LeastTimeout    = 10 * time.Millisecond
	Longest         = 24 * time.Hour
	LeastThroughput = 2
	most            = math.MaxInt32
)

// Tick is the resolution of a TimeSpan.
const Tick = 100 * time.Nanosecond

var table = param.Table[Params]{
	Library: "polly",
	Word:    "property",
	Default: Default,
	Hint:    hint,
	Always:  []string{"FailureRatio", "MinimumThroughput", "SamplingDuration", "BreakDuration"},
	Params: []param.Of[Params]{
		param.Number(policy.Param{
			Name: "FailureRatio", Kind: policy.KindRatio, Default: 0.1, Max: 1, Step: 0.05,
			Help: "opens when this share of the results in the window are failures",
		}, func(p *Params) *float64 { return &p.FailureRatio }, 0, 1),
		param.Integer(policy.Param{
			Name: "MinimumThroughput", Unit: "calls", Kind: policy.KindInteger, Default: 100, Min: 2, Max: 200, Step: 1,
			Help: "results in the window before it can open",
		}, func(p *Params) *int { return &p.MinimumThroughput }, LeastThroughput, most),
		timeSpan(policy.Param{
			Name: "SamplingDuration", Default: 30, Min: 0.5, Max: 120, Step: 0.5,
			Help: "length of the window, which forgets up to a tenth at a time",
		}, func(p *Params) *time.Duration { return &p.SamplingDuration }, LeastDuration, false),
		timeSpan(policy.Param{
			Name: "BreakDuration", Default: 5, Min: 0.5, Max: 120, Step: 0.5,
			Help: "stays open this long, then half-open with the next call",
		}, func(p *Params) *time.Duration { return &p.BreakDuration }, LeastDuration, false),
		timeSpan(policy.Param{
			Name: "AttemptTimeout.Timeout", Max: 30, Step: 0.5,
			Help: "cancels an attempt after this long and waits for it to end; 0 is no such strategy (the standard pipeline has 10 s)",
		}, func(p *Params) *time.Duration { return &p.AttemptTimeout }, LeastTimeout, true),
		timeSpan(policy.Param{
			Name: "TotalRequestTimeout.Timeout", Max: 120, Step: 0.5,
			Help: "cancels the call with all its attempts after this long; 0 is no such strategy (the standard pipeline has 30 s)",
		}, func(p *Params) *time.Duration { return &p.TotalRequestTimeout }, LeastTimeout, true),
		param.Integer(policy.Param{
			Name: "RateLimiter.PermitLimit", Unit: "calls", Kind: policy.KindInteger, Max: 1000, Step: 10,
			Help: "calls in flight; one more is rejected outside the breaker; 0 is no such strategy (the standard pipeline has 1000)",
		}, func(p *Params) *int { return &p.PermitLimit }, 0, most),
		param.Integer(policy.Param{
			Name: "Retry.MaxRetryAttempts", Unit: "calls", Kind: policy.KindInteger, Max: 10, Step: 1,
			Help: "attempts after the first; 2147483647 is without end; 0 is no such strategy (the standard pipeline has 3)",
		}, func(p *Params) *int { return &p.Retry.MaxRetryAttempts }, 0, most),
		timeSpan(policy.Param{
			Name: "Retry.Delay", Default: 2, Max: 30, Step: 0.1,
			Help: "wait before a retry, or the first of waits that grow",
		}, func(p *Params) *time.Duration { return &p.Retry.Delay }, 0, true),
		param.Choice(policy.Param{
			Name: "Retry.BackoffType", Max: 2, Step: 1,
			Help: "how the wait grows: not at all, by Delay each time, or twofold (the standard pipeline's)",
		}, func(p *Params) *string { return &p.Retry.BackoffType }, Constant, Linear, Exponential),
		param.Switch(policy.Param{
			Name: "Retry.UseJitter", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "draws the waits: within 25 % where they are constant or linear, a distribution of its own where exponential (the standard pipeline's)",
		}, func(p *Params) *bool { return &p.Retry.UseJitter }),
		timeSpan(policy.Param{
			Name: "Retry.MaxDelay", Max: 120, Step: 0.5,
			Help: "longest wait, its jitter included; 0 is no bound",
		}, func(p *Params) *time.Duration { return &p.Retry.MaxDelay }, 0, true),
	},
}

// timeSpan is a time that the library takes from least to a day, or 0 where that
// stands for none.
func timeSpan(p policy.Param, at func(*Params) *time.Duration, least time.Duration, none bool) param.Of[Params] {
	p.Unit, p.Kind = "s", policy.KindDuration
	return param.Of[Params]{
		Param: p,
		Set: func(s *Params, v string) error {
			d, err := time.ParseDuration(v)
			if strings.Contains(v, ":") {
				d, err = ParseTimeSpan(v)
			}
			if err != nil {
				return fmt.Errorf("%q is not a time: write 5s or 00:00:05", v)
			}
			if (d < least || d > Longest) && (d != 0 || !none) {
				return fmt.Errorf("%q is not from %s to %s", v, policy.FormatDuration(least), policy.FormatDuration(Longest))
			}
			if d%Tick != 0 {
				return fmt.Errorf("%q is not a whole number of ticks of %s", v, Tick)
			}
			*at(s) = d
			return nil
		},
		Get: func(s Params) string { return policy.FormatDuration(*at(&s)) },
	}
}

// ParseTimeSpan reads a time as .NET's TimeSpan.Parse does: [d.]hh:mm[:ss[.fffffff]],
// and a bare number, which is days.
func ParseTimeSpan(text string) (time.Duration, error) {
	digits, negative := strings.CutPrefix(text, "-")
	days, clock := "0", digits
	if i := strings.IndexByte(digits, '.'); i >= 0 && strings.IndexByte(digits[i:], ':') >= 0 {
		days, clock = digits[:i], digits[i+1:]
	} else if !strings.Contains(digits, ":") {
		days, clock = digits, "0:0"
	}
	parts := strings.Split(clock, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, strconv.ErrSyntax
	}
	var d time.Duration
	add := func(text string, below uint64, unit time.Duration) error {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n >= below {
			return strconv.ErrRange
		}
		d += time.Duration(n) * unit
		return nil
	}
	err := errors.Join(add(days, 100_000, 24*time.Hour), add(parts[0], 24, time.Hour), add(parts[1], 60, time.Minute))
	if len(parts) == 3 {
		seconds, fraction, dot := strings.Cut(parts[2], ".")
		if !dot {
			fraction = "0"
		}
		if fraction == "" || len(fraction) > 7 {
			return 0, strconv.ErrSyntax
		}
		err = errors.Join(err, add(seconds, 60, time.Second), add((fraction + "000000")[:7], 10_000_000, Tick))
	}
	if negative {
		d = -d
	}
	return d, err
}

// FormatTimeSpan writes a time as .NET's TimeSpan.ToString does: 00:00:05,
// 00:00:00.5000000, 1.00:00:00.
func FormatTimeSpan(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	days := ""
	if n := d / (24 * time.Hour); n > 0 {
		days = strconv.Itoa(int(n)) + "."
	}
	d %= 24 * time.Hour
	text := fmt.Sprintf("%s%s%02d:%02d:%02d", sign, days, d/time.Hour, d/time.Minute%60, d/time.Second%60)
	if ticks := d % time.Second / Tick; ticks > 0 {
		text += fmt.Sprintf(".%07d", ticks)
	}
	return text
}

func hint(name string) error {
	switch name {
	case "FailureThreshold":
		return errors.New("its name is FailureRatio since Polly 8, a share from 0 to 1")
	case "DurationOfBreak":
		return errors.New("its name is BreakDuration since Polly 8")
	case "BreakDurationGenerator", "ShouldHandle", "Retry.ShouldHandle", "Retry.DelayGenerator":
		return fmt.Errorf("%s is code and not modelled here: leave it out", name)
	case "Retry.ShouldRetryAfterHeader":
		return errors.New("Retry.ShouldRetryAfterHeader is not modelled here: no callee here sends a Retry-After header")
	case "RateLimiter.QueueLimit":
		return errors.New("RateLimiter.QueueLimit is not modelled here: a call without a permit is rejected")
	}
	return nil
}

// List is the properties that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all properties that can be set.
func Names() []string { return table.Names() }

// Known says what is wrong with a property's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether the library takes value for its property name and returns it
// as it is written here. Times are accepted as "5s" or "00:00:05".
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads properties under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except the breaker's four.
func (p Params) Map() map[string]string { return table.Map(p) }

// Traps are what these properties do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	if p.AttemptTimeout == 0 {
		trap("no AttemptTimeout: a call that hangs is never seen as a failure, and a hung probe leaves the breaker half-open and rejecting for ever")
	} else {
		trap("AttemptTimeout cancels the token and waits for the call: one that does not look at its token is never timed out, and as a probe it leaves the breaker half-open for ever")
		if p.SamplingDuration < 2*p.AttemptTimeout {
			trap("SamplingDuration %s is less than twice AttemptTimeout %s: the standard pipeline refuses to start with it", p.SamplingDuration, p.AttemptTimeout)
		}
		if p.AttemptTimeout < p.SamplingDuration {
			opens := p.AttemptTimeout + time.Duration(p.FailureRatio*float64(p.SamplingDuration-p.AttemptTimeout))
			trap("under load a hang is let through for about %s before the breaker opens, because it counts calls at their end", opens.Round(100*time.Millisecond))
		}
	}
	if p.FailureRatio == 0 {
		trap("FailureRatio 0: any failure opens the breaker once there are %d results", p.MinimumThroughput)
	}
	perSecond := float64(p.MinimumThroughput) / p.SamplingDuration.Seconds()
	trap("below %.3g calls/s there are never MinimumThroughput %d results in %s: the breaker never opens", perSecond, p.MinimumThroughput, p.SamplingDuration)
	trap("an error that ShouldHandle does not match counts as a success, and so does a cancelled call: in half-open it closes the breaker")
	if p.TotalRequestTimeout > 0 {
		trap("TotalRequestTimeout cancels the attempt that it meets, which the breaker counts as a success")
		if p.AttemptTimeout > p.TotalRequestTimeout {
			trap("AttemptTimeout %s is longer than TotalRequestTimeout %s: the standard pipeline refuses to start with it", p.AttemptTimeout, p.TotalRequestTimeout)
		}
	}
	if r := p.Retry; r.MaxRetryAttempts > 0 {
		trap("Retry is outside the breaker: each attempt is one call to it, and MaxRetryAttempts %d does not count the first", r.MaxRetryAttempts)
		if !r.UseJitter && r.Delay > 0 {
			trap("Retry without UseJitter: callers that failed together try again together")
		}
	}
	return traps
}
