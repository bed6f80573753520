package gobreaker

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// The library's own error texts.
const (
	errOpenState       = "circuit breaker is open"
	errTooManyRequests = "too many requests"
)

// Machine is gobreaker's CircuitBreaker. The library has no timers: time is looked
// at when a call begins, when it ends, and when somebody asks for the state.
type Machine struct {
	params  Params
	probes  uint32
	span    time.Duration // of the window, 0 without one
	openFor time.Duration
	start   time.Time
	now     time.Duration // since start, never backwards

	state policy.State // Closed, Open or HalfOpen
	// generation counts the changes of state and the edges of fixed windows. A call
	// of an older one is not heard of any more when it ends.
	generation uint64
	since      time.Duration // when the generation began
	expires    bool          // it ends by itself
	expiry     time.Duration // and after, not at, this time
	turn       time.Duration // when the newest bucket of a rolling window is over

	window window
	events []policy.Event
}

var _ policy.Breaker = (*Machine)(nil)

// New is a breaker constructed at start, which is when a fixed window begins.
func New(p Params, start time.Time) *Machine {
	m := &Machine{
		params:  p,
		probes:  uint32(p.probes()),
		span:    p.Span(),
		openFor: p.openFor(),
		start:   start,
		window:  window{buckets: make([]Counts, p.buckets())},
	}
	m.begin()
	return m
}

// Allow is the first half of Execute.
func (m *Machine) Allow(now time.Time, _ float64) (policy.Ticket, policy.Verdict) {
	m.Observe(now)
	switch {
	case m.state == policy.Open:
		return policy.Ticket{}, policy.Verdict{Reason: errOpenState}
	case m.state == policy.HalfOpen && m.window.valid() >= m.probes:
		return policy.Ticket{}, policy.Verdict{Reason: errTooManyRequests}
	}
	m.window.request()
	return policy.Ticket{
		At: m.start.Add(m.now), State: m.state, Era: m.generation, Probe: m.state == policy.HalfOpen,
	}, policy.Verdict{Admitted: true}
}

// Record is the second half of Execute.
func (m *Machine) Record(now time.Time, t policy.Ticket, o policy.Outcome) {
	m.Observe(now)
	// Late results decide nothing: neither the state they come too late for nor the
	// next fixed window.
	if t.Era != m.generation {
		return
	}
	age := m.age(t.At.Sub(m.start))
	switch {
	case o.Code == policy.Ignored && m.params.IsExcluded:
		m.window.exclude(age)
	case o.Code == policy.OK, o.Code == policy.Unrecorded:
		m.window.succeed(age)
		if m.state == policy.HalfOpen && m.window.sum.ConsecutiveSuccesses >= m.probes {
			m.enter(policy.Closed)
		}
	case m.state == policy.HalfOpen:
		m.enter(policy.Open)
	default:
		m.window.fail(age)
		if m.readyToTrip() {
			m.enter(policy.Open)
		}
	}
}

// readyToTrip is asked after a failure in closed only, also when the failure's own
// bucket has left the window (gobreaker v2.4.0, gobreaker.go, onFailure).
func (m *Machine) readyToTrip() bool {
	c := m.window.sum
	n := c.TotalSuccesses + c.TotalFailures
	switch m.params.ReadyToTrip {
	case Consecutive:
		return uint64(c.ConsecutiveFailures) > uint64(m.params.ConsecutiveFailures)
	case Requests:
		n = c.Requests
	}
	// An empty window has no ratio: 0/0 is not at the threshold.
	return uint64(n) >= uint64(m.params.MinRequests) && float64(c.TotalFailures)/float64(n) >= m.params.FailureRatio
}

// Observe is the library's State(): looking moves the state.
func (m *Machine) Observe(now time.Time) policy.State {
	m.Advance(now)
	switch {
	case m.expires && m.now > m.expiry:
		if m.state == policy.Open {
			m.enter(policy.HalfOpen)
		} else {
			m.begin() // a fixed window ends, and all counts with it
		}
	case m.now >= m.turn:
		age := m.age(m.now)
		m.window.grow(age)
		m.turn = m.since + time.Duration(age+1)*m.params.BucketPeriod
	}
	return m.state
}

// enter changes the state.
func (m *Machine) enter(s policy.State) {
	m.state = s
	m.begin()
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: stateNames[s]})
}

// begin starts a generation.
func (m *Machine) begin() {
	m.generation++
	m.since = m.now
	m.window.clear()
	m.expires, m.turn = false, math.MaxInt64
	switch {
	case m.state == policy.Open:
		m.expires, m.expiry = true, m.now+m.openFor
	case m.state == policy.HalfOpen: // until the probes have decided
	case m.rolling():
		m.turn = m.now + m.params.BucketPeriod
	case m.span > 0:
		m.expires, m.expiry = true, m.now+m.span
	}
}

func (m *Machine) rolling() bool { return len(m.window.buckets) >= 2 }

// age is the number of the bucket of a rolling window at an instant of this
// generation, from 0. In half-open the buckets stand still.
func (m *Machine) age(at time.Duration) uint64 {
	if m.state != policy.Closed || !m.rolling() {
		return 0
	}
	return uint64((at - m.since) / m.params.BucketPeriod)
}

// Advance only tells the time: the library does nothing by itself.
func (m *Machine) Advance(now time.Time) { m.now = max(m.now, now.Sub(m.start)) }

// Due is never: half-open begins with the next call.
func (m *Machine) Due() (at time.Time, ok bool) { return time.Time{}, false }

// Take hands over the changes of state since the last Take.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is the state without looking at the time.
func (m *Machine) State() policy.State { return m.state }

// Counts are the library's Counts of the present generation.
func (m *Machine) Counts() Counts { return m.window.sum }

// Snapshot is the state and the library's Counts.
func (m *Machine) Snapshot() policy.Snapshot {
	c := m.window.sum
	s := policy.Snapshot{State: m.state, Stats: []policy.Stat{
		{Name: "Requests", Value: float64(c.Requests)},
		{Name: "TotalSuccesses", Value: float64(c.TotalSuccesses)},
		{Name: "TotalFailures", Value: float64(c.TotalFailures)},
		{Name: "TotalExclusions", Value: float64(c.TotalExclusions)},
		{Name: "ConsecutiveSuccesses", Value: float64(c.ConsecutiveSuccesses)},
		{Name: "ConsecutiveFailures", Value: float64(c.ConsecutiveFailures)},
	}}
	if m.state == policy.Open {
		s.Share = 1
	}
	return s
}

// Operate refuses everything: the library has no manual operation.
func (m *Machine) Operate(now time.Time, _ policy.Operation) error {
	m.Advance(now)
	return policy.ErrUnsupported
}

// stateNames are the texts of the library's State.
var stateNames = [...]string{policy.Closed: "closed", policy.Open: "open", policy.HalfOpen: "half-open"}

// Counts are what the library hands to ReadyToTrip, under its names.
type Counts struct {
	Requests             uint32 // calls let through, those in flight included
	TotalSuccesses       uint32
	TotalFailures        uint32
	TotalExclusions      uint32
	ConsecutiveSuccesses uint32
	ConsecutiveFailures  uint32
}

// window is the ring of counter.go: the sum, and the buckets that it is the sum of.
// A result belongs to the bucket in which its call was let through.
type window struct {
	sum     Counts
	newest  uint64 // number of the newest bucket, from 0
	buckets []Counts
}

// valid are the calls that take a place in half-open: excluded ones give it back.
func (w *window) valid() uint32 { return w.sum.Requests - w.sum.TotalExclusions }

func (w *window) request() {
	w.sum.Requests++
	w.bucket(w.newest).Requests++
}

func (w *window) bucket(age uint64) *Counts { return &w.buckets[age%uint64(len(w.buckets))] }

// gone says that a bucket has left the window, and its calls' results with it.
func (w *window) gone(age uint64) bool { return w.newest-age >= uint64(len(w.buckets)) }

func (w *window) succeed(age uint64) {
	if w.gone(age) {
		return
	}
	for _, c := range [...]*Counts{&w.sum, w.bucket(age)} {
		c.TotalSuccesses++
		c.ConsecutiveSuccesses++
		c.ConsecutiveFailures = 0
	}
}

func (w *window) fail(age uint64) {
	if w.gone(age) {
		return
	}
	for _, c := range [...]*Counts{&w.sum, w.bucket(age)} {
		c.TotalFailures++
		c.ConsecutiveFailures++
		c.ConsecutiveSuccesses = 0
	}
}

func (w *window) exclude(age uint64) {
	if w.gone(age) {
		return
	}
	w.sum.TotalExclusions++
	w.bucket(age).TotalExclusions++
}

func (w *window) clear() {
	w.sum, w.newest = Counts{}, 0
	clear(w.buckets)
}

// grow opens buckets until the newest has this number. A gap as long as the window
// clears it.
func (w *window) grow(age uint64) {
	if age-w.newest >= uint64(len(w.buckets)) && age > w.newest {
		w.clear()
		w.newest = age
		return
	}
	for w.newest < age {
		w.newest++
		oldest := w.bucket(w.newest)
		w.sum.forget(*oldest)
		*oldest = Counts{}
	}
}

// forget takes a bucket out of the sum. A row of like results is shortened only when
// it is all of its kind that the window has: the bucket's own last row and everything
// in the others (gobreaker v2.4.0, counter.go, subtract). A row is booked in the order
// in which calls end, a bucket in the order in which they began, so this is the
// library's guess, and in a rolling window with late results not the true row.
func (c *Counts) forget(b Counts) {
	if c.ConsecutiveSuccesses == b.ConsecutiveSuccesses+c.TotalSuccesses-b.TotalSuccesses {
		c.ConsecutiveSuccesses -= b.ConsecutiveSuccesses
	}
	if c.ConsecutiveFailures == b.ConsecutiveFailures+c.TotalFailures-b.TotalFailures {
		c.ConsecutiveFailures -= b.ConsecutiveFailures
	}
	c.Requests -= b.Requests
	c.TotalSuccesses -= b.TotalSuccesses
	c.TotalFailures -= b.TotalFailures
	c.TotalExclusions -= b.TotalExclusions
}
