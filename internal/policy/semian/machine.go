package semian

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// openCircuitError is the library's rejection, of both machines.
const openCircuitError = "OpenCircuitError"

// New is the resource's breaker as the options choose it, registered at start.
func New(p Params, start time.Time) policy.Breaker {
	if p.AdaptiveCircuitBreaker {
		return NewAdaptive(p, start)
	}
	return NewClassic(p, start)
}

// Machine is the classic CircuitBreaker. It has no rate, no minimum of calls and no
// timers: it keeps the stamps of the last errors, and looks at the time when a call
// begins or fails.
type Machine struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards

	state     policy.State  // Closed, Open or HalfOpen
	errors    window        // stamps, since start
	successes int           // in half-open; kept after closing
	wait      time.Duration // open time of now, which a backoff lets grow
	events    []policy.Event
}

var _ policy.Breaker = (*Machine)(nil)

// NewClassic is a breaker registered at start.
func NewClassic(p Params, start time.Time) *Machine {
	return &Machine{params: p, start: start, errors: window{most: p.ErrorThreshold}, wait: p.openFor()}
}

// Allow is the first half of acquire.
func (m *Machine) Allow(now time.Time, _ float64) (policy.Ticket, policy.Verdict) {
	m.Advance(now)
	if m.state == policy.Open && m.waited() {
		m.halfOpen()
	}
	if m.state == policy.Open {
		m.publish("circuit_open")
		return policy.Ticket{}, policy.Verdict{Reason: openCircuitError}
	}
	// Half-open lets every call through: there is no limit on probes.
	m.publish("acquired")
	verdict := policy.Verdict{Admitted: true}
	if m.state == policy.HalfOpen {
		verdict.Limit = m.params.HalfOpenResourceTimeout
	}
	return policy.Ticket{At: m.start.Add(m.now), State: m.state, Probe: m.state == policy.HalfOpen}, verdict
}

// waited runs from the last error that was kept, not from the trip: calls begun
// before it that fail while open prolong it. An open breaker always has one (Semian
// 0.28.2, lib/semian/circuit_breaker.rb, error_timeout_expired?).
func (m *Machine) waited() bool {
	return m.errors.last()+m.wait < m.now
}

// Record is the second half of acquire. Late results count in whatever state is
// current.
func (m *Machine) Record(now time.Time, _ policy.Ticket, o policy.Outcome) {
	m.Advance(now)
	switch o.Code {
	case policy.OK:
		m.succeeded()
	case policy.Busy:
		// The bulkhead's own error is one of the library's, and those always count.
		m.publish("busy")
		m.failed()
	case policy.Failure, policy.Timeout:
		m.failed()
	default: // not listed, or not to mark circuits: neither error nor success
	}
}

func (m *Machine) succeeded() {
	if m.state != policy.HalfOpen {
		return
	}
	m.successes++
	if m.successes >= m.params.SuccessThreshold {
		m.close()
	}
}

func (m *Machine) failed() {
	m.keep()
	// A lumped error tests, too; in half-open any error opens.
	if m.state == policy.HalfOpen || m.state == policy.Closed && m.errors.n == m.params.ErrorThreshold {
		m.open()
	}
}

// keep drops the errors that have left the window, one exactly as old as the window
// is still in it, and keeps this one unless it is lumped with the last.
func (m *Machine) keep() {
	if m.params.ErrorThresholdTimeoutEnabled {
		m.errors.drop(m.now - m.params.Window())
	}
	if m.errors.n == 0 || m.errors.last() <= m.now-m.params.LumpingInterval {
		m.errors.push(m.now)
	}
}

func (m *Machine) open() {
	m.state = policy.Open
	m.publish("open")
}

// halfOpen is where the backoff grows: the first opening waits the initial timeout.
func (m *Machine) halfOpen() {
	m.state = policy.HalfOpen
	m.successes = 0
	if m.params.ExponentialBackoffErrorTimeout {
		grown := math.Round(float64(m.wait) * m.params.ExponentialBackoffMultiplier)
		m.wait = time.Duration(min(grown, float64(m.params.ErrorTimeout)))
	}
	m.publish("half_open")
}

func (m *Machine) close() {
	m.state = policy.Closed
	m.errors.clear()
	m.wait = m.params.openFor()
	m.publish("closed")
}

// Advance only tells the time: the library does nothing by itself.
func (m *Machine) Advance(now time.Time) { m.now = max(m.now, now.Sub(m.start)) }

// Due is never: half-open begins with the next call.
func (m *Machine) Due() (at time.Time, ok bool) { return time.Time{}, false }

// Take hands over the events since the last Take.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is the state without looking at the time.
func (m *Machine) State() policy.State { return m.state }

// Snapshot is the state, the number of errors kept (those that have left the window
// stay until the next error) and the last of them, the successes of the last
// half-open, and the open time. Times are in milliseconds since the start.
func (m *Machine) Snapshot() policy.Snapshot {
	last := math.NaN()
	if m.errors.n > 0 {
		last = float64(m.errors.last().Milliseconds())
	}
	s := policy.Snapshot{State: m.state, Stats: []policy.Stat{
		{Name: "errors", Value: float64(m.errors.n)},
		{Name: "last_error_ms", Value: last},
		{Name: "successes", Value: float64(m.successes)},
		{Name: "error_timeout_ms", Value: float64(m.wait.Milliseconds())},
	}}
	if m.state == policy.Open {
		s.Share = 1
	}
	return s
}

// Operate is reset, the only manual operation. It says closed even of a breaker
// that already is.
func (m *Machine) Operate(now time.Time, op policy.Operation) error {
	m.Advance(now)
	if op != policy.OpReset {
		return policy.ErrUnsupported
	}
	m.successes = 0
	m.close()
	return nil
}

func (m *Machine) publish(name string) {
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: name})
}

// window is lib/semian/simple_sliding_window.rb: the last stamps, oldest first, and
// no more than most of them. It is kept in a ring that grows as it fills.
type window struct {
	most  int
	ring  []time.Duration
	first int
	n     int
}

// last is the newest stamp of a window that is not empty.
func (w *window) last() time.Duration { return w.ring[w.at(w.n-1)] }

// at is the place in the ring of the i-th stamp.
func (w *window) at(i int) int {
	i += w.first
	if i >= len(w.ring) {
		i -= len(w.ring)
	}
	return i
}

// push keeps a stamp, in place of the oldest when the window is full.
func (w *window) push(stamp time.Duration) {
	if w.n == w.most {
		w.forget()
	}
	if w.n == len(w.ring) {
		grown := make([]time.Duration, min(max(8, 2*w.n), w.most))
		for i := range w.n {
			grown[i] = w.ring[w.at(i)]
		}
		w.ring, w.first = grown, 0
	}
	w.n++
	w.ring[w.at(w.n-1)] = stamp
}

// drop forgets the stamps before edge.
func (w *window) drop(edge time.Duration) {
	for w.n > 0 && w.ring[w.first] < edge {
		w.forget()
	}
}

func (w *window) forget() {
	w.first = w.at(1)
	w.n--
}

func (w *window) clear() { w.first, w.n = 0, 0 }
