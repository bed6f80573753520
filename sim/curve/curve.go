// Package curve computes trip curves: how long a breaker takes to open against
// the share of calls that fail, for errors and for hangs, with how many calls it
// lets in until then, and how often it opens on a healthy day. It runs the exact
// machines of the libraries on call outcomes alone, without a pipeline around them.
package curve

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// Setting is one breaker whose curve is wanted.
type Setting struct {
	Name    string // for the legend: "opossum", "opossum/fast"
	Library string
	Params  map[string]string // the library's own names and units; an absent one has the library's own default
	// Timeout is the caller's own time limit beside the library's; a call that it
	// ends is an error like any other to the breaker. 0 is none.
	Timeout time.Duration
}

// OfPolicy is the setting of one edge's policy.
func OfPolicy(name string, p policy.Policy) Setting {
	return Setting{
		Name: name, Library: p.Breaker.Library, Params: p.Breaker.Params,
		Timeout: policy.Shortest(p.Timeout, p.Deadline),
	}
}

// OfNeutral is what a library makes of neutral numbers, and in words what it
// cannot keep of them.
func OfNeutral(l library.Library, n policy.Neutral) (Setting, []string) {
	params, losses := l.FromNeutral(n)
	return Setting{Name: l.Name, Library: l.Name, Params: params}, losses
}

// Same are the numbers with which libraries are compared: 50 % of at least 10
// calls in 10 s, open for 30 s, calls ended after timeout.
func Same(timeout time.Duration) policy.Neutral {
	return policy.Neutral{
		CallTimeout: timeout, FailureRate: 0.5, MinCalls: 10, Window: 10 * time.Second, OpenFor: 30 * time.Second, Probes: 1,
	}
}

// ErrNoBreaker is a setting whose library has no breaker.
var ErrNoBreaker = errors.New("has no circuit breaker")

// Check says what is wrong with a setting, if anything.
func (s Setting) Check() error {
	b, err := s.build()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", s.Name, err)
	case b.Breaker == nil:
		return fmt.Errorf("%s: %w", s.Name, ErrNoBreaker)
	}
	return nil
}

// Own says whether the setting has a time limit on calls of its own, the
// library's or the caller's.
func (s Setting) Own() bool {
	b, err := s.build()
	return err == nil && policy.Shortest(b.CallTimeout, b.TotalTimeout, s.Timeout) > 0
}

func (s Setting) build() (library.Built, error) {
	return library.New(policy.BreakerSpec{Library: s.Library, Params: s.Params}, epoch)
}

// epoch is when every breaker is constructed: on a whole second, for windows that
// follow the clock.
var epoch = time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)

// Mode is how calls fail.
type Mode uint8

const (
	Errors Mode = iota // an answer that is an error, as soon as a good one
	Hangs              // no answer until a time limit ends the call
)

func (m Mode) String() string {
	if m == Hangs {
		return "hangs"
	}
	return "errors"
}

// Arrivals is how calls come.
type Arrivals uint8

const (
	// Poisson: independent callers; the failing begins anywhere in the machine's
	// windows, elsewhere for each seed.
	Poisson Arrivals = iota
	// Regular: one call each 1/rate from the construction on, and the failing
	// begins with a call on a whole second: the least favourable to no one, and
	// what can be computed by hand.
	Regular
)

func (a Arrivals) String() string {
	if a == Regular {
		return "regular"
	}
	return "poisson"
}

// Words is the arrivals for people.
func (a Arrivals) Words() string {
	if a == Regular {
		return "one each 1/rate"
	}
	return "Poisson"
}

// Options say what traffic the breakers are put under.
type Options struct {
	Rate     float64 // calls per second
	Arrivals Arrivals
	Modes    []Mode
	Shares   []float64 // of the calls that fail, in (0, 1]
	// Timeout ends the calls of a setting that has no time limit of its own; 0
	// lets them hang for ever.
	Timeout time.Duration
	WarmUp  time.Duration // healthy traffic before the failing begins
	Horizon time.Duration // a breaker that did not open within this is said never to
	Latency time.Duration // of an answer, good or bad
	// Turned is the share of calls turned away from which a breaker that has no
	// states, or judges hosts one by one, counts as open.
	Turned float64
	Seeds  int // runs for each point: seeds Seed, Seed+1, ...
	Seed   uint64
	// Healthy are the shares of failing calls on a healthy day whose false trips
	// are counted, over HealthyLength in all.
	Healthy       []float64
	HealthyLength time.Duration
	Workers       int // the answer does not depend on their number
}

// Defaults is 20 calls/s as independent callers make them, 40 shares, 5 seeds.
func Defaults() Options {
	return Options{
		Rate: 20, Modes: []Mode{Errors, Hangs}, Shares: Shares(40), Timeout: 5 * time.Second,
		WarmUp: 30 * time.Second, Horizon: 120 * time.Second, Latency: 20 * time.Millisecond,
		Turned: 0.5, Seeds: 5, Seed: 1,
		Healthy: []float64{0.001, 0.01}, HealthyLength: 12 * time.Hour,
		Workers: 1,
	}
}

// Shares are n failing shares up to 1: three below 10 %, where only breakers that
// count errors open, the others evenly from 10 % on, where the thresholds are.
func Shares(n int) []float64 {
	var s []float64
	if n >= 8 {
		s = append(s, 0.01, 0.02, 0.05)
		for even := n - len(s) - 1; len(s) < n; {
			i := len(s) - 3
			s = append(s, math.Round(1e6*(0.1+0.9*float64(i)/float64(even)))/1e6)
		}
		return s
	}
	for i := range n {
		s = append(s, float64(i+1)/float64(n))
	}
	return s
}

// limits of what is computed: above them a run takes minutes and says no more.
const (
	maxRate  = 100_000
	maxCalls = 50_000_000 // of healthy days, which are made as they are needed
	maxKept  = 10_000_000 // of the runs that fail, over all seeds: 24 bytes each, and all of them in flight where nothing ends them
	maxRuns  = 1_000_000
	maxSeeds = 1000
)

func (o Options) check() error {
	switch {
	case !(o.Rate > 0) || o.Rate > maxRate:
		return fmt.Errorf("rate %g calls/s: expected above 0, %d at most", o.Rate, maxRate)
	case o.Horizon <= 0:
		return fmt.Errorf("horizon %s: expected a time above 0", o.Horizon)
	case o.WarmUp < 0, o.Latency < 0, o.Timeout < 0, o.HealthyLength < 0:
		return fmt.Errorf("warm-up %s, latency %s, timeout %s, healthy length %s: expected no negative time",
			o.WarmUp, o.Latency, o.Timeout, o.HealthyLength)
	case len(o.Healthy) > 0 && o.Rate*o.HealthyLength.Seconds() > maxCalls:
		return fmt.Errorf("%g calls/s over a healthy length of %s: more than %d calls: shorten it", o.Rate, o.HealthyLength, maxCalls)
	case !(o.Turned > 0) || o.Turned > 1:
		return fmt.Errorf("open from %g of the calls turned away on: expected above 0, 1 at most", o.Turned)
	case o.Seeds < 1 || o.Seeds > maxSeeds:
		return fmt.Errorf("%d seeds: expected 1 to %d", o.Seeds, maxSeeds)
	case o.Rate*(o.WarmUp+phases+o.Horizon).Seconds()*float64(o.Seeds) > maxKept:
		return fmt.Errorf("%g calls/s over a horizon of %s from %d seeds: more than %d calls to keep: shorten the horizon, or take fewer seeds", o.Rate, o.Horizon, o.Seeds, maxKept)
	case len(o.Shares) == 0 || len(o.Modes) == 0:
		return errors.New("no share of failing calls, or no way of failing, to compute")
	}
	for _, s := range slices.Concat(o.Shares, o.Healthy) {
		if !(s > 0) || s > 1 {
			return fmt.Errorf("failing share %g: expected above 0, 1 at most", s)
		}
	}
	return nil
}

// Result is the curves of all settings, setting by setting, mode by mode.
type Result struct {
	Options   Options
	Curves    []Curve
	Healthy   []Healthy
	Decisions uint64 // calls that asked a breaker, for benchmarks
}

// Curve is one setting under one way of failing.
type Curve struct {
	Setting Setting
	Mode    Mode
	Limit   time.Duration // what ends a hanging call; 0 nothing
	Points  []Point       // in the order of Options.Shares
}

// Point is one failing share over all seeds.
type Point struct {
	Share float64
	Runs  []Run // in the order of the seeds
}

// Run is one seed: what happened from the beginning of the failing on.
type Run struct {
	OpenAfter time.Duration // Never when it did not open within the horizon
	Calls     int           // let in until it opened, or until the horizon
	Failed    int           // those of them that failed or hung
}

// Never is the OpenAfter of a run in which the breaker did not open.
const Never time.Duration = math.MaxInt64

// Never counts the runs in which the breaker did not open.
func (p Point) Never() int {
	n := 0
	for _, r := range p.Runs {
		if r.OpenAfter == Never {
			n++
		}
	}
	return n
}

// OpenAfter is the q-quantile over the seeds of the time to open, Never when it
// lies among the runs that did not open: those count as longer than any, so that
// nothing is averaged over the lucky ones.
func (p Point) OpenAfter(q float64) time.Duration {
	times := make([]time.Duration, len(p.Runs))
	for i, r := range p.Runs {
		times[i] = r.OpenAfter
	}
	slices.Sort(times)
	lo, hi, part := between(len(times), q)
	if times[lo] == Never || part > 0 && times[hi] == Never {
		return Never
	}
	return times[lo] + time.Duration(part*float64(times[hi]-times[lo]))
}

// Calls is the q-quantile over the seeds of the calls let in. Of runs that did not
// open it is as many as came within the horizon, a lower bound.
func (p Point) Calls(q float64) float64 {
	return quantile(p.Runs, q, func(r Run) int { return r.Calls })
}

// Failed is Calls for those of them that failed or hung.
func (p Point) Failed(q float64) float64 {
	return quantile(p.Runs, q, func(r Run) int { return r.Failed })
}

func quantile(runs []Run, q float64, of func(Run) int) float64 {
	ns := make([]int, len(runs))
	for i, r := range runs {
		ns[i] = of(r)
	}
	slices.Sort(ns)
	lo, hi, part := between(len(ns), q)
	return float64(ns[lo]) + part*float64(ns[hi]-ns[lo])
}

// between is the two places in n sorted values around a quantile, and how far it
// lies from the first towards the second.
func between(n int, q float64) (lo, hi int, part float64) {
	at := q * float64(n-1)
	lo = int(at)
	return lo, min(lo+1, n-1), at - float64(lo)
}

// Healthy is one setting on healthy days in which a small share of calls fails.
type Healthy struct {
	Setting  Setting
	Share    float64       // of calls that fail, at once
	Length   time.Duration // over all seeds
	Calls    int
	Trips    int // times it opened; opening again from half-open is the same trip
	Rejected int // calls turned away
}

// PerDay is the false trips per day.
func (h Healthy) PerDay() float64 { return float64(h.Trips) / days(h.Length) }

// AtMost is what a rate of no trips at all can still be, per day: with 95 %
// confidence below 3 divided by the time in which none was seen.
func (h Healthy) AtMost() float64 { return 3 / days(h.Length) }

func days(d time.Duration) float64 { return d.Hours() / 24 }

// RejectedShare is the share of the calls that were turned away, 0..1.
func (h Healthy) RejectedShare() float64 {
	if h.Calls == 0 {
		return 0
	}
	return float64(h.Rejected) / float64(h.Calls)
}
