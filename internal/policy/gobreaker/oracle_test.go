package gobreaker

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sony "github.com/sony/gobreaker/v2"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

var (
	errFailed   = errors.New("failed")
	errExcluded = errors.New("excluded")
	errIgnored  = errors.New("counts as a success")
)

// caller is a way of making calls through the real library.
type caller interface {
	// begin asks for a call; end is nil when it was rejected.
	begin() (end func(error), err error)
	State() sony.State
	Counts() sony.Counts
}

type twoStep struct {
	*sony.TwoStepCircuitBreaker[int]
}

func (c twoStep) begin() (func(error), error) { return c.Allow() }

// execute runs every call in a goroutine of its own, as users do.
type execute struct {
	*sony.CircuitBreaker[int]
}

func (c execute) begin() (func(error), error) {
	running, end, rejected := make(chan struct{}), make(chan error), make(chan error, 1)
	go func() {
		_, err := c.Execute(func() (int, error) {
			close(running)
			return 0, <-end
		})
		rejected <- err
	}()
	select {
	case <-running:
		return func(err error) {
			end <- err
			synctest.Wait()
		}, nil
	case err := <-rejected:
		return nil, err
	}
}

func TestRealLibraryInTwoSteps(t *testing.T) {
	against(t, "the real v2.4.0, two-step", 1000, func(s sony.Settings) caller { return twoStep{sony.NewTwoStepCircuitBreaker[int](s)} })
}

func TestRealLibraryExecutes(t *testing.T) {
	against(t, "the real v2.4.0, Execute", 100, func(s sony.Settings) caller { return execute{sony.NewCircuitBreaker[int](s)} })
}

// against holds the machine against the real library in cases of random settings
// and some 200 random steps each. The library reads the clock of a bubble, which
// stands still but for the steps.
func against(t *testing.T, what string, cases int, construct func(sony.Settings) caller) {
	set(t, "rapid.checks", fmt.Sprint(cases))
	set(t, "rapid.steps", "200")
	set(t, "rapid.shrinktime", "5s")
	set(t, "rapid.nofailfile", "true") // the seed is printed
	steps := 0
	differ := 0
	t.Cleanup(func() { policytest.Report(t, "gobreaker", what, steps, differ) })
	rapid.Check(t, func(rt *rapid.T) {
		differ = 1
		rapid.SyncTest(rt, func(rt *rapid.T) {
			p := anySettings(rt)
			o := &oracle{T: rt, ours: New(p, time.Now())}
			settings := realSettings(p)
			settings.OnStateChange = func(_ string, _, to sony.State) { o.events = append(o.events, to.String()) }
			o.real = construct(settings)
			rt.Cleanup(func() {
				for _, f := range o.flying { // no goroutine may outlive its bubble
					f.end(nil)
				}
			})
			rt.Repeat(map[string]func(*rapid.T){
				"begin": o.begin,
				"call":  o.call,
				"end":   o.end,
				"look":  o.look,
				"wait":  o.wait,
				"":      func(*rapid.T) { o.compare(); steps++ },
			})
		})
		differ = 0
	})
}

// set sets a flag for one test.
func set(t *testing.T, name, value string) {
	was := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, was) })
}

// unit is what times are multiples of, or one nanosecond more or less, so that many
// fall on the edge of a window or of the open time.
const unit = 100 * time.Millisecond

// anySettings are small, so that everything happens in a few dozen steps.
func anySettings(t *rapid.T) Params {
	p := Params{
		MaxRequests:         rapid.IntRange(0, 4).Draw(t, "MaxRequests"),
		Timeout:             unit * time.Duration(rapid.SampledFrom([]int{0, 1, 5, 20}).Draw(t, "Timeout")),
		ReadyToTrip:         rapid.SampledFrom([]string{Consecutive, Requests, Completed}).Draw(t, "ReadyToTrip"),
		ConsecutiveFailures: rapid.IntRange(0, 6).Draw(t, "consecutiveFailures"),
		MinRequests:         rapid.IntRange(0, 8).Draw(t, "minRequests"),
		FailureRatio:        rapid.SampledFrom([]float64{0, 0.1, 0.25, 1. / 3, 0.5, 0.75, 1}).Draw(t, "failureRatio"),
		IsExcluded:          rapid.Bool().Draw(t, "IsExcluded"),
	}
	if rapid.Bool().Draw(t, "window") {
		p.Interval = unit * time.Duration(rapid.IntRange(1, 40).Draw(t, "Interval"))
		p.BucketPeriod = unit * time.Duration(rapid.SampledFrom([]int{0, 1, 3, 7, 10, 60}).Draw(t, "BucketPeriod"))
	}
	return p
}

// realSettings are those that the exporter writes into Go source.
func realSettings(p Params) sony.Settings {
	s := sony.Settings{
		MaxRequests: uint32(p.MaxRequests), Interval: p.Interval, BucketPeriod: p.BucketPeriod, Timeout: p.Timeout,
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, errIgnored) },
		ReadyToTrip: func(c sony.Counts) bool {
			n := c.Requests
			switch p.ReadyToTrip {
			case Consecutive:
				return c.ConsecutiveFailures > uint32(p.ConsecutiveFailures)
			case Completed:
				n = c.TotalSuccesses + c.TotalFailures
			}
			return n >= uint32(p.MinRequests) && float64(c.TotalFailures)/float64(n) >= p.FailureRatio
		},
	}
	if p.ReadyToTrip == Consecutive && p.ConsecutiveFailures == 5 {
		s.ReadyToTrip = nil // the library's own rule
	}
	if p.IsExcluded {
		s.IsExcluded = func(err error) bool { return errors.Is(err, errExcluded) }
	}
	return s
}

// oracle is both, side by side.
type oracle struct {
	*rapid.T
	ours   *Machine
	real   caller
	events []string // of the real one
	flying []flight
}

type flight struct {
	ticket policy.Ticket
	end    func(error)
}

func (o *oracle) begin(t *rapid.T) {
	ticket, verdict := o.ours.Allow(time.Now(), 0)
	end, err := o.real.begin()
	if verdict.Admitted != (err == nil) || err != nil && err.Error() != verdict.Reason {
		t.Fatalf("ours admits: %v %q, the real one answers: %v", verdict.Admitted, verdict.Reason, err)
	}
	if err == nil {
		o.flying = append(o.flying, flight{ticket, end})
	}
}

// outcomes, failures first among equals: most cases are about them.
var outcomes = []struct {
	code policy.Code
	err  error
}{
	{policy.OK, nil},
	{policy.Failure, errFailed},
	{policy.Failure, errFailed},
	{policy.Timeout, errFailed},
	{policy.Ignored, errExcluded},
	{policy.Unrecorded, errIgnored},
}

func (o *oracle) end(t *rapid.T) {
	if len(o.flying) == 0 {
		return
	}
	o.finish(t, rapid.IntRange(0, len(o.flying)-1).Draw(t, "call"))
}

func (o *oracle) finish(t *rapid.T, i int) {
	f := o.flying[i]
	o.flying = append(o.flying[:i], o.flying[i+1:]...)
	out := rapid.SampledFrom(outcomes).Draw(t, "outcome")
	o.ours.Record(time.Now(), f.ticket, policy.Outcome{Code: out.code})
	f.end(out.err)
}

// call begins and ends in one instant.
func (o *oracle) call(t *rapid.T) {
	before := len(o.flying)
	if o.begin(t); len(o.flying) > before {
		o.finish(t, before)
	}
}

func (o *oracle) wait(t *rapid.T) {
	time.Sleep(max(unit*time.Duration(rapid.IntRange(0, 12).Draw(t, "time"))+time.Duration(rapid.IntRange(-1, 1).Draw(t, "ns")), 0))
}

func (o *oracle) look(t *rapid.T) {
	if ours, real := stateNames[o.ours.Observe(time.Now())], o.real.State().String(); ours != real {
		t.Fatalf("ours is %s, the real one %s", ours, real)
	}
}

// compare looks without moving the state, as the library's State would.
func (o *oracle) compare() {
	if diff := cmp.Diff(Counts(o.real.Counts()), o.ours.Counts()); diff != "" {
		o.Fatalf("counts (-real +ours):\n%s", diff)
	}
	var ours []string
	for _, e := range o.ours.Take() {
		if !e.At.Equal(time.Now()) {
			o.Fatalf("%s at %s, and now is %s", e.Name, e.At, time.Now())
		}
		ours = append(ours, e.Name)
	}
	if diff := cmp.Diff(o.events, ours); diff != "" {
		o.Fatalf("events (-real +ours):\n%s", diff)
	}
	o.events = nil
}
