package polly

import (
	"time"

	"tripcurve/internal/policy"
)

// Machine is Polly's CircuitStateController with the AdvancedCircuitBehavior and the
// rolling health metrics that AddCircuitBreaker gives it.
//
// What it follows was read in Polly.Core: CircuitBreakerResilienceStrategy.cs,
// Controller/CircuitStateController.cs and AdvancedCircuitBehavior.cs,
// Health/HealthMetrics.cs and RollingHealthMetrics.cs. The metrics' other kind, for
// less than 200 ms, is out of reach: SamplingDuration is half a second at least.
// Assumed, for nothing here ran the library: nothing overtakes within the lock, and
// the clock is exact to the tick.
type Machine struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards

	state        policy.State  // Closed, Open, HalfOpen, or ForcedOpen for Isolated
	blockedUntil time.Duration // since start, while open
	health       health
	events       []policy.Event
}

var _ policy.Breaker = (*Machine)(nil)

// New is a breaker built at start.
func New(p Params, start time.Time) *Machine {
	return &Machine{params: p, start: start, health: newHealth(p.SamplingDuration)}
}

// Allow is OnActionPreExecute. The call that finds the break over is the one probe:
// until a result comes, all others are rejected, however long that takes.
func (m *Machine) Allow(now time.Time, _ float64) (policy.Ticket, policy.Verdict) {
	m.advance(now)
	probe := m.state == policy.Open && m.now >= m.blockedUntil
	if probe {
		m.state = policy.HalfOpen
		m.publish("OnCircuitHalfOpened")
	}
	switch {
	case m.state == policy.ForcedOpen:
		return policy.Ticket{}, policy.Verdict{Reason: "IsolatedCircuitException"}
	case m.state != policy.Closed && !probe:
		return policy.Ticket{}, policy.Verdict{Reason: "BrokenCircuitException"}
	}
	return policy.Ticket{At: now, State: m.state, Probe: probe}, policy.Verdict{Admitted: true}
}

// Record is the outcome of a callback. Any call decides half-open, also one begun
// before the trip.
func (m *Machine) Record(now time.Time, _ policy.Ticket, o policy.Outcome) {
	m.advance(now)
	switch o.Code {
	case policy.OK, policy.Unrecorded, policy.Ignored:
		// ShouldHandle knows no third answer: what is no failure is a success.
		m.unhandled()
	default:
		m.handled()
	}
}

func (m *Machine) unhandled() {
	m.health.add(m.now, false)
	if m.state == policy.HalfOpen {
		m.close()
	}
}

// handled is a failure. It can trip in closed only; in open and isolated it is
// counted, in half-open not even that.
func (m *Machine) handled() {
	switch m.state {
	case policy.HalfOpen:
		m.open()
	case policy.Closed:
		m.health.add(m.now, true)
		if m.health.throughput() >= m.params.MinimumThroughput && m.health.failureRate() >= m.params.FailureRatio {
			m.open()
		}
	default:
		m.health.add(m.now, true)
	}
}

// open keeps the window.
func (m *Machine) open() {
	m.state = policy.Open
	m.blockedUntil = m.now + m.params.BreakDuration
	m.publish("OnCircuitOpened")
}

// close clears the window, even when there was nothing to close.
func (m *Machine) close() {
	was := m.state
	m.state = policy.Closed
	m.health.reset()
	if was != policy.Closed {
		m.publish("OnCircuitClosed")
	}
}

// Advance has nothing to do: the library sets no timer.
func (m *Machine) Advance(now time.Time) { m.advance(now) }

func (m *Machine) advance(now time.Time) { m.now = max(m.now, now.Sub(m.start)) }

// Due is never: half-open begins with the next call.
func (m *Machine) Due() (at time.Time, ok bool) { return time.Time{}, false }

// Take hands over the events since the last Take, under their telemetry names.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is CircuitBreakerStateProvider.CircuitState; Isolated is ForcedOpen.
func (m *Machine) State() policy.State { return m.state }

// Snapshot is the state and the health info as the last result left it: looking does
// not move the window.
func (m *Machine) Snapshot() policy.Snapshot {
	s := policy.Snapshot{State: m.state, Stats: []policy.Stat{
		{Name: "Throughput", Value: float64(m.health.throughput())},
		{Name: "FailureCount", Value: float64(m.health.failures)},
		{Name: "FailureRate", Value: m.health.failureRate()},
	}}
	if m.state == policy.Open || m.state == policy.ForcedOpen {
		s.Share = 1
	}
	return s
}

// Operate is CircuitBreakerManualControl's IsolateAsync (OpForceOpen) or CloseAsync.
func (m *Machine) Operate(now time.Time, op policy.Operation) error {
	m.advance(now)
	switch op {
	case policy.OpForceOpen:
		m.open()
		m.state = policy.ForcedOpen
	case policy.OpClose:
		m.close()
	default:
		return policy.ErrUnsupported
	}
	return nil
}

func (m *Machine) publish(name string) {
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: name})
}

// parts of the window; with a window that is no multiple of them there may be one
// more slice alive, and one is new before the oldest goes.
const (
	parts = 10
	alive = parts + 2
)

// health is RollingHealthMetrics: a queue of time slices that traffic opens. A slice
// begins with the first result after the one before it is full, so the slices are
// aligned to nothing, and silence opens none.
type health struct {
	sampling, part      time.Duration
	successes, failures int

	queue       [alive]slice // a ring
	first, live int
}

type slice struct {
	startedAt           time.Duration
	successes, failures int
}

func newHealth(sampling time.Duration) health {
	return health{sampling: sampling, part: (sampling / parts).Truncate(Tick)}
}

func (h *health) add(now time.Duration, failed bool) {
	s := h.current(now)
	if failed {
		h.failures++
		s.failures++
	} else {
		h.successes++
		s.successes++
	}
}

// current is the slice of a result, after those that began a whole window ago have
// been dropped.
func (h *health) current(now time.Duration) *slice {
	if h.live == 0 || now-h.at(h.live-1).startedAt >= h.part {
		h.live++
		*h.at(h.live - 1) = slice{startedAt: now}
	}
	for old := h.at(0); now-old.startedAt >= h.sampling; old = h.at(0) {
		h.successes -= old.successes
		h.failures -= old.failures
		h.live--
		if h.first++; h.first == alive {
			h.first = 0
		}
	}
	return h.at(h.live - 1)
}

// at is the i-th slice of the queue, the oldest first.
func (h *health) at(i int) *slice {
	if i += h.first; i >= alive {
		i -= alive
	}
	return &h.queue[i]
}

func (h *health) throughput() int { return h.successes + h.failures }

// failureRate is 0 of nothing.
func (h *health) failureRate() float64 {
	if h.throughput() == 0 {
		return 0
	}
	return float64(h.failures) / float64(h.throughput())
}

func (h *health) reset() { *h = newHealth(h.sampling) }
