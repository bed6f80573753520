package failsafe

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

var errFailed = errors.New("failed")

type breaker = circuitbreaker.CircuitBreaker[int]

// caller is a way of making calls through the real library: end is nil when the call
// was rejected.
type caller func(b breaker, limit time.Duration) (end func(error), err error)

// permits asks for a permit and records the result, which is known at the function's
// end only.
func permits(b breaker, limit time.Duration) (func(error), error) {
	if !b.TryAcquirePermit() {
		return nil, circuitbreaker.ErrOpen
	}
	begun := time.Now()
	return func(err error) {
		if limit > 0 && time.Since(begun) > limit {
			err = timeout.ErrExceeded
		}
		b.RecordError(err)
	}, nil
}

// executor runs every call in a goroutine of its own, as users do, in a timeout inside
// the breaker. The function ignores its context.
func executor(b breaker, limit time.Duration) (func(error), error) {
	policies := []failsafe.Policy[int]{b}
	if limit > 0 {
		policies = append(policies, timeout.New[int](limit))
	}
	running, end, rejected := make(chan struct{}), make(chan error), make(chan error, 1)
	go func() {
		rejected <- failsafe.With(policies...).Run(func() error {
			close(running)
			return <-end
		})
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

func TestRealLibraryWithPermits(t *testing.T) {
	against(t, "the real v0.9.8, permits and results", 700, permits)
}

func TestRealLibraryExecutes(t *testing.T) {
	against(t, "the real v0.9.8, With(breaker, timeout)", 100, executor)
}

// against holds the machine against the real library in cases of random settings
// and some 200 random steps each. The library reads the clock of a bubble, which
// stands still but for the steps.
func against(t *testing.T, what string, cases int, begin caller) {
	set(t, "rapid.checks", fmt.Sprint(cases))
	set(t, "rapid.steps", "200")
	set(t, "rapid.shrinktime", "5s")
	set(t, "rapid.nofailfile", "true") // the seed is printed
	steps, differ := 0, 0
	t.Cleanup(func() { policytest.Report(t, "failsafe-go", what, steps, differ) })
	rapid.Check(t, func(rt *rapid.T) {
		differ = 1
		rapid.SyncTest(rt, func(rt *rapid.T) {
			p := anyParams(rt)
			o := &oracle{T: rt, ours: New(p, time.Now()), call: begin}
			o.real = builder(p).OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
				o.events = append(o.events, e.NewState.String())
			}).Build()
			rt.Cleanup(func() {
				for _, f := range o.flying { // no goroutine may outlive its bubble
					f.end(nil)
				}
			})
			rt.Repeat(map[string]func(*rapid.T){
				"begin":   o.begin,
				"call":    o.once,
				"end":     o.end,
				"operate": o.operate,
				"wait":    o.wait,
				"":        func(*rapid.T) { o.compare(); steps++ },
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
// fall on the edge of a window or of the delay.
const unit = 100 * time.Millisecond

// anyParams are small, so that everything happens in a few dozen steps.
func anyParams(t *rapid.T) Params {
	for {
		p := Default()
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		p.FailureThreshold = draw("failureThreshold", 0, 5)
		p.FailureThresholdingCapacity = draw("failureThresholdingCapacity", 0, 12)
		switch rapid.SampledFrom([]string{"count", "period", "rate", "rate of the last calls"}).Draw(t, "form") {
		case "period":
			p.FailureThresholdingPeriod = unit * time.Duration(draw("failureThresholdingPeriod", 1, 60))
		case "rate":
			p.FailureThresholdingPeriod = unit * time.Duration(draw("failureThresholdingPeriod", 1, 60))
			fallthrough
		case "rate of the last calls":
			p.FailureRateThreshold = rapid.SampledFrom([]float64{0, 0.01, 0.25, 0.33, 1. / 3, 0.5, 0.67, 0.75, 1}).Draw(t, "failureRateThreshold")
			p.FailureExecutionThreshold = draw("failureExecutionThreshold", 0, 10)
		}
		if rapid.Bool().Draw(t, "successes") {
			p.SuccessThreshold = draw("successThreshold", 0, 4)
			p.SuccessThresholdingCapacity = draw("successThresholdingCapacity", 0, 6)
		}
		p.Delay = unit * time.Duration(rapid.SampledFrom([]int{0, 1, 5, 20}).Draw(t, "delay"))
		switch rapid.SampledFrom([]string{"", "", "random", "jitter", "jitterFactor"}).Draw(t, "dice") {
		case "random":
			p.DelayMin, p.DelayMax = unit*time.Duration(draw("delayMin", 1, 10)), unit*time.Duration(draw("delayMax", 1, 20))
		case "jitter":
			p.Jitter = unit * time.Duration(draw("jitter", 1, 10))
		case "jitterFactor":
			p.JitterFactor = rapid.SampledFrom([]float64{0.1, 0.5, 1}).Draw(t, "jitterFactor")
		}
		if rapid.Bool().Draw(t, "timeout") {
			// Never in the instant of a step, for nobody says who is first then.
			p.Timeout = unit*time.Duration(draw("timeLimit", 0, 10)) + unit/2
		}
		if validate(p) == nil {
			return p
		}
	}
}

// builder makes the library's calls that p stands for.
func builder(p Params) circuitbreaker.Builder[int] {
	b := circuitbreaker.NewBuilder[int]().WithDelay(p.Delay)
	if p.FailureThresholdingCapacity > 0 {
		b.WithFailureThresholdRatio(uint(p.FailureThreshold), uint(p.FailureThresholdingCapacity))
	} else {
		b.WithFailureThreshold(uint(p.FailureThreshold))
	}
	if p.byRate() {
		b.WithFailureRateThreshold(p.FailureRateThreshold, uint(p.FailureExecutionThreshold), p.FailureThresholdingPeriod)
	} else if p.FailureThresholdingPeriod > 0 {
		b.WithFailureThresholdPeriod(uint(p.FailureThreshold), p.FailureThresholdingPeriod)
	}
	if p.SuccessThresholdingCapacity > 0 {
		b.WithSuccessThresholdRatio(uint(p.SuccessThreshold), uint(p.SuccessThresholdingCapacity))
	} else if p.SuccessThreshold > 0 {
		b.WithSuccessThreshold(uint(p.SuccessThreshold))
	}
	if p.DelayMin > 0 {
		b.WithRandomDelay(p.DelayMin, p.DelayMax)
	}
	return b.WithJitter(p.Jitter).WithJitterFactor(p.JitterFactor)
}

// oracle is both, side by side.
type oracle struct {
	*rapid.T
	ours   *Machine
	real   breaker
	call   caller
	events []string // of the real one
	flying []flight
}

type flight struct {
	at     time.Time
	ticket policy.Ticket
	end    func(error)
}

func (o *oracle) begin(t *rapid.T) {
	ticket, verdict := o.ours.Allow(time.Now(), 0.5)
	end, err := o.call(o.real, o.ours.params.Timeout)
	if verdict.Admitted != (err == nil) || err != nil && err.Error() != verdict.Reason {
		t.Fatalf("ours admits: %v %q, the real one answers: %v", verdict.Admitted, verdict.Reason, err)
	}
	if err == nil {
		o.flying = append(o.flying, flight{time.Now(), ticket, end})
	}
}

func (o *oracle) end(t *rapid.T) {
	if len(o.flying) > 0 {
		o.finish(t, rapid.IntRange(0, len(o.flying)-1).Draw(t, "call"))
	}
}

func (o *oracle) finish(t *rapid.T, i int) {
	f := o.flying[i]
	o.flying = append(o.flying[:i], o.flying[i+1:]...)
	var out policy.Outcome
	var err error
	if rapid.Bool().Draw(t, "fails") {
		out.Code, err = policy.Failure, errFailed
	}
	if limit := o.ours.params.Timeout; limit > 0 && time.Since(f.at) > limit {
		out.Code = policy.Timeout
	}
	o.ours.Record(time.Now(), f.ticket, out)
	f.end(err)
}

// once begins and ends in one instant.
func (o *oracle) once(t *rapid.T) {
	before := len(o.flying)
	if o.begin(t); len(o.flying) > before {
		o.finish(t, before)
	}
}

func (o *oracle) operate(t *rapid.T) {
	// By hand seldom, or nothing would ever happen by itself.
	op := rapid.SampledFrom([]policy.Operation{policy.OpReset, policy.OpEnable, policy.OpOpen, policy.OpClose, policy.OpHalfOpen}).Draw(t, "operation")
	switch op {
	case policy.OpOpen:
		o.real.Open()
	case policy.OpClose:
		o.real.Close()
	case policy.OpHalfOpen:
		o.real.HalfOpen()
	default: // the library has no other
	}
	if err := o.ours.Operate(time.Now(), op); err != nil && !errors.Is(err, policy.ErrUnsupported) {
		t.Fatal(err)
	}
}

func (o *oracle) wait(t *rapid.T) {
	time.Sleep(max(unit*time.Duration(rapid.IntRange(0, 12).Draw(t, "time"))+time.Duration(rapid.IntRange(-1, 1).Draw(t, "ns")), 0))
}

func (o *oracle) compare() {
	m := o.real.Metrics()
	real := []float64{float64(m.Executions()), float64(m.Failures()), m.FailureRate(), float64(m.Successes()), m.SuccessRate()}
	snap := o.ours.Snapshot()
	ours := make([]float64, len(real))
	for i, s := range snap.Stats {
		ours[i] = s.Value
	}
	if diff := cmp.Diff(real, ours); diff != "" {
		o.Fatalf("executions, failures, rate, successes, rate (-real +ours):\n%s", diff)
	}
	if ours, real := stateNames[o.ours.State()], o.real.State().String(); ours != real {
		o.Fatalf("ours is %s, the real one %s", ours, real)
	}
	opened := false
	var events []string
	for _, e := range o.ours.Take() {
		if !e.At.Equal(time.Now()) {
			o.Fatalf("%s at %s, and now is %s", e.Name, e.At, time.Now())
		}
		events = append(events, e.Name)
		opened = opened || e.Name == "open"
	}
	if diff := cmp.Diff(o.events, events); diff != "" {
		o.Fatalf("events (-real +ours):\n%s", diff)
	}
	o.events = nil
	if opened && o.ours.State() == policy.Open {
		o.dice()
	}
}

// dice holds a delay that was just drawn against its bounds. The library throws dice of
// its own, so from here on ours has the same.
func (o *oracle) dice() {
	p := o.ours.params
	real := o.real.RemainingDelay()
	a, b := p.openFor(0), p.openFor(1-1e-16)
	if p.DelayMin == 0 && p.Jitter == 0 && p.JitterFactor == 0 && real != o.ours.delay || real < min(a, b) || real > max(a, b) {
		o.Fatalf("open for %s, ours from %s to %s", real, a, b)
	}
	o.ours.delay = real
}
