package semian

import (
	"time"

	"tripcurve/internal/policy"
)

// stampsPerSecond of window_size are kept of each kind (Semian 0.28.2,
// lib/semian/pid_controller.rb, initialize).
const stampsPerSecond = 200

// Adaptive is the AdaptiveCircuitBreaker, a PID controller that moves a share of
// rejected calls. It has no states: closed is a share of 0, open one of 1, half-open
// everything between. The library's controller runs in a thread that sleeps from
// tick to tick and so drifts by its own work; here a tick is exact.
type Adaptive struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards
	tick   time.Duration // from update to update
	next   time.Duration // update, since start

	errors, successes, rejections window

	controller Controller
	baseline   baseline
	events     []policy.Event
}

var (
	_ policy.Breaker = (*Adaptive)(nil)
	_ policy.Sharer  = (*Adaptive)(nil)
)

// Controller is the state of the PID controller after its last update.
type Controller struct {
	RejectionRate  float64 // 0..1
	ErrorRate      float64 // 0..1, of the calls that ended in the window
	IdealErrorRate float64 // 0..1, the baseline
	P              float64 // the excess that the share does not answer yet
	Integral       float64
	Derivative     float64
}

// NewAdaptive is a breaker registered at start.
func NewAdaptive(p Params, start time.Time) *Adaptive {
	most := stampsPerSecond * p.WindowSize
	tick := time.Duration(p.AdaptiveCircuitBreakerSlidingInterval) * time.Second
	a := &Adaptive{
		params: p, start: start, tick: tick, next: tick,
		errors: window{most: most}, successes: window{most: most}, rejections: window{most: most},
	}
	a.reset()
	return a
}

// Allow is the first half of acquire: it rejects by the dice.
func (a *Adaptive) Allow(now time.Time, u float64) (policy.Ticket, policy.Verdict) {
	a.Advance(now)
	if u < a.controller.RejectionRate {
		a.rejections.push(a.now)
		a.publish("circuit_open")
		return policy.Ticket{}, policy.Verdict{Reason: openCircuitError}
	}
	a.publish("acquired")
	return policy.Ticket{At: a.start.Add(a.now), State: a.State()}, policy.Verdict{Admitted: true}
}

// Record is the second half of acquire.
func (a *Adaptive) Record(now time.Time, _ policy.Ticket, o policy.Outcome) {
	a.Advance(now)
	switch o.Code {
	case policy.OK:
		a.successes.push(a.now)
	case policy.Busy:
		a.publish("busy")
		a.errors.push(a.now)
	case policy.Failure, policy.Timeout:
		a.errors.push(a.now)
	default: // not listed, or not to mark circuits: neither error nor success
	}
}

// Advance makes the updates that are due.
func (a *Adaptive) Advance(now time.Time) {
	to := max(a.now, now.Sub(a.start))
	for a.next <= to {
		a.now = a.next
		a.next += a.tick
		a.update()
	}
	a.now = to
}

// update is one tick of the controller, in the library's order. Every product is
// converted on its own, so that no machine fuses it with the sum after it: the
// digits are the library's.
func (a *Adaptive) update() {
	p, c := a.params, &a.controller
	dt := a.tick.Seconds()

	c.ErrorRate = a.errorRate()
	a.baseline.learn(c.ErrorRate, p.IdealErrorRateEstimatorCapValue)
	c.IdealErrorRate = a.baseline.value

	excess := c.ErrorRate - c.IdealErrorRate
	if excess > 0 && excess <= float64(c.IdealErrorRate*p.DeadZoneRatio) {
		excess = 0
	}
	previous := c.P
	c.P = excess - float64((1-excess)*c.RejectionRate)
	c.Integral += float64(c.P * dt)
	c.Derivative = float64(p.KD*(c.P-previous)) / dt

	control := float64(p.KP*c.P) + float64(p.KI*c.Integral) + c.Derivative
	c.RejectionRate = clamp(c.RejectionRate+control, 0, 1)
	// Only now: this tick went by the whole integral.
	c.Integral = clamp(c.Integral, p.IntegralLowerCap, p.IntegralUpperCap)
}

// errorRate is that of the calls which ended within the window, one exactly as old
// as it is included. Rejected calls are not in it.
func (a *Adaptive) errorRate() float64 {
	edge := a.now - time.Duration(a.params.WindowSize)*time.Second
	a.errors.drop(edge)
	a.successes.drop(edge)
	a.rejections.drop(edge)
	if a.errors.n+a.successes.n == 0 {
		return 0
	}
	return float64(a.errors.n) / float64(a.errors.n+a.successes.n)
}

// clamp keeps the sign of a zero, which min and max do not.
func clamp(x, lo, hi float64) float64 {
	if x < lo {
		return lo
	}
	if x > hi {
		return hi
	}
	return x
}

// baseline is lib/semian/simple_exponential_smoother.rb: the error rate that is
// normal here.
type baseline struct {
	value     float64
	learnt    int // observations, those above the cap not counted
	confident int // observations of the first half hour
}

// The weights of an observation above and below the baseline: it is slow to believe
// in a worse one, and in half an hour's time slower still.
const (
	youngUp, youngDown = 0.0017, 0.078
	grownUp, grownDown = 0.0009, 0.039

	youngMinutes = 30
)

func (b *baseline) learn(rate, most float64) {
	if rate > most {
		return
	}
	b.learnt++
	up, down := youngUp, youngDown
	if b.learnt >= b.confident {
		up, down = grownUp, grownDown
	}
	alpha := down
	if rate > b.value {
		alpha = up
	}
	b.value = float64(alpha*rate) + float64((1-alpha)*b.value)
}

// Due is the next update, with or without traffic.
func (a *Adaptive) Due() (at time.Time, ok bool) { return a.start.Add(a.next), true }

// Share is the share of calls rejected now.
func (a *Adaptive) Share() float64 { return a.controller.RejectionRate }

// Take hands over the events since the last Take. What the library's thread says of
// its own updates is not among them.
func (a *Adaptive) Take() []policy.Event {
	taken := a.events
	a.events = a.events[:0]
	return taken
}

// State is what the library's closed?, open? and half_open? answer.
func (a *Adaptive) State() policy.State {
	switch a.controller.RejectionRate {
	case 0:
		return policy.Closed
	case 1:
		return policy.Open
	default:
		return policy.HalfOpen
	}
}

// Controller is what the last update left.
func (a *Adaptive) Controller() Controller { return a.controller }

// Snapshot is the controller, and the stamps kept of each kind.
func (a *Adaptive) Snapshot() policy.Snapshot {
	c := a.controller
	return policy.Snapshot{State: a.State(), Share: c.RejectionRate, Stats: []policy.Stat{
		{Name: "rejection_rate", Value: c.RejectionRate},
		{Name: "error_rate", Value: c.ErrorRate},
		{Name: "ideal_error_rate", Value: c.IdealErrorRate},
		{Name: "success", Value: float64(a.successes.n)},
		{Name: "error", Value: float64(a.errors.n)},
		{Name: "rejected", Value: float64(a.rejections.n)},
	}}
}

// Operate is reset, the only manual operation. It forgets the baseline, too; the
// next update comes when it would have come.
func (a *Adaptive) Operate(now time.Time, op policy.Operation) error {
	a.Advance(now)
	if op != policy.OpReset {
		return policy.ErrUnsupported
	}
	a.reset()
	return nil
}

func (a *Adaptive) reset() {
	a.errors.clear()
	a.successes.clear()
	a.rejections.clear()
	a.controller = Controller{IdealErrorRate: a.params.InitialErrorRate}
	a.baseline = baseline{
		value: a.params.InitialErrorRate,
		// Whole observations a minute, as the library counts them.
		confident: 60 / a.params.AdaptiveCircuitBreakerSlidingInterval * youngMinutes,
	}
}

func (a *Adaptive) publish(name string) {
	a.events = append(a.events, policy.Event{At: a.start.Add(a.now), Name: name})
}
