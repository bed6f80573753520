package failsafe

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// errOpen is the library's own error text.
const errOpen = "circuit breaker open"

// Machine is failsafe-go's CircuitBreaker. The library has no timers: only a call that
// asks for a permit, and only one that ends, look at the time.
type Machine struct {
	params Params
	rules  rules
	start  time.Time
	now    time.Duration // since start, never backwards
	u      float64       // the last dice handed in

	state policy.State // Closed, Open or HalfOpen
	// stats are the present state's: open keeps those of the state it came from, and
	// late results go on being counted in them.
	stats            *stats
	closed, halfOpen stats

	permits  uint          // left in half-open
	openedAt time.Duration // since start, in open
	delay    time.Duration // how long open lasts

	events []policy.Event
}

var _ policy.Breaker = (*Machine)(nil)

// New is a breaker constructed at start.
func New(p Params, start time.Time) *Machine {
	r := p.rules()
	m := &Machine{params: p, rules: r, start: start, halfOpen: stats{last: make([]bool, r.halfOpenCapacity())}}
	if r.period > 0 {
		m.closed.part = r.period.Nanoseconds() / parts
	} else {
		m.closed.last = make([]bool, r.closedCapacity())
	}
	m.stats = &m.closed
	return m
}

// Allow is TryAcquirePermit.
func (m *Machine) Allow(now time.Time, u float64) (policy.Ticket, policy.Verdict) {
	m.Advance(now)
	m.u = u
	if m.state == policy.Open && m.now-m.openedAt >= m.delay {
		m.enter(policy.HalfOpen)
	}
	switch {
	case m.state == policy.Open, m.state == policy.HalfOpen && m.permits == 0:
		return policy.Ticket{}, policy.Verdict{Reason: errOpen}
	case m.state == policy.HalfOpen:
		m.permits--
	}
	return policy.Ticket{At: m.start.Add(m.now), State: m.state, Probe: m.state == policy.HalfOpen}, policy.Verdict{Admitted: true}
}

// Record is RecordSuccess or RecordFailure. The breaker does not know whose result it
// is: in half-open a call from before the opening decides like a probe, and gives back
// a permit that it never took.
func (m *Machine) Record(now time.Time, _ policy.Ticket, o policy.Outcome) {
	m.Advance(now)
	m.stats.record(o.Code == policy.OK || o.Code == policy.Unrecorded, m.start.UnixNano()+int64(m.now))
	switch m.state {
	case policy.Closed:
		if m.tripped() {
			m.enter(policy.Open)
		}
	case policy.HalfOpen:
		switch successes, failures := m.verdict(); {
		case successes: // asked first: rounding can make both true
			m.enter(policy.Closed)
		case failures:
			m.enter(policy.Open)
		default:
			m.permits++
		}
	default: // open: counted, and decides nothing
	}
}

// tripped is asked after every result, a success too (failsafe-go v0.9.8,
// circuitbreaker/circuitstates.go, closedState).
func (m *Machine) tripped() bool {
	r := m.rules
	if m.stats.executions() < r.executions {
		return false
	}
	if r.rate != 0 {
		return m.stats.rate(m.stats.failures) >= r.rate
	}
	return m.stats.failures >= r.failures
}

// verdict of half-open: enough successes to close, or enough failures to open. More
// successes asked for than calls looked at wrap round in the library's unsigned
// arithmetic, so that no number of failures is enough.
func (m *Machine) verdict() (successes, failures bool) {
	r, s := m.rules, m.stats
	switch {
	case r.successes != 0:
		return s.successes >= r.successes, s.failures > r.successOf-r.successes
	case r.rate != 0:
		if s.executions() < r.executions {
			return false, false
		}
		return s.rate(s.successes) > 1-r.rate, s.rate(s.failures) >= r.rate
	}
	return s.successes > r.capacity-r.failures, s.failures >= r.failures
}

// enter changes the state, if it is another one.
func (m *Machine) enter(s policy.State) {
	if m.state == s {
		return
	}
	m.state = s
	switch s {
	case policy.Closed:
		m.stats = &m.closed
		m.stats.reset()
	case policy.HalfOpen:
		m.stats = &m.halfOpen
		m.stats.reset()
		m.permits = m.rules.halfOpenCapacity()
	default: // open keeps the statistics
		m.openedAt, m.delay = m.now, m.params.openFor(m.u)
	}
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: stateNames[s]})
}

// openFor is one open time. The library throws its dice for the random delay and once
// more for the jitter; the second throw here is made of the digits of the first.
func (p Params) openFor(u float64) time.Duration {
	d := p.Delay
	if p.DelayMin > 0 && p.DelayMax > 0 {
		lo, hi := float64(p.DelayMin), float64(p.DelayMax)
		d = time.Duration(u*(hi-lo) + lo)
		_, u = math.Modf(u * 1024)
	}
	return max(jittered(d, p.Jitter, p.JitterFactor, u), 0)
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

// State is the library's State, which looks at no time.
func (m *Machine) State() policy.State { return m.state }

// Snapshot is the state and the library's Metrics.
func (m *Machine) Snapshot() policy.Snapshot {
	s := policy.Snapshot{State: m.state, Stats: []policy.Stat{
		{Name: "Executions", Value: float64(m.stats.executions())},
		{Name: "Failures", Value: float64(m.stats.failures)},
		{Name: "FailureRate", Value: m.stats.rate(m.stats.failures)},
		{Name: "Successes", Value: float64(m.stats.successes)},
		{Name: "SuccessRate", Value: m.stats.rate(m.stats.successes)},
	}}
	if m.state == policy.Open {
		s.Share = 1
	}
	return s
}

// Operate is Open, Close or HalfOpen.
func (m *Machine) Operate(now time.Time, op policy.Operation) error {
	m.Advance(now)
	switch op {
	case policy.OpOpen:
		m.enter(policy.Open)
	case policy.OpClose:
		m.enter(policy.Closed)
	case policy.OpHalfOpen:
		m.enter(policy.HalfOpen)
	default:
		return policy.ErrUnsupported
	}
	return nil
}

// stateNames are the texts of the library's State.
var stateNames = [...]string{policy.Closed: "closed", policy.Open: "open", policy.HalfOpen: "half-open"}

// stats are the results that ended last, by number or by time (failsafe-go v0.9.8,
// internal/util/stats.go and windows.go).
type stats struct {
	successes, failures uint

	// By number: a ring of results, true being a success.
	last   []bool
	filled uint
	next   uint

	// By time: ten parts, aligned to the Unix epoch.
	part    int64 // length in ns; 0 is by number
	newest  int64 // number of the newest part since the epoch
	buckets [parts]struct{ successes, failures uint }
}

func (s *stats) executions() uint { return s.successes + s.failures }

// rate is the share of n in the results, 0..1 in steps of 1 %.
func (s *stats) rate(n uint) float64 {
	all := s.executions()
	if all == 0 {
		return 0
	}
	return math.Round(float64(n)/float64(all)*100) / 100
}

// record adds a result at a time since the epoch, in ns.
func (s *stats) record(success bool, at int64) {
	if s.part > 0 {
		b := s.bucket(at)
		if success {
			b.successes++
		} else {
			b.failures++
		}
	} else {
		s.push(success)
	}
	if success {
		s.successes++
	} else {
		s.failures++
	}
}

// push puts a result in the place of the oldest.
func (s *stats) push(success bool) {
	switch {
	case s.filled < uint(len(s.last)):
		s.filled++
	case s.last[s.next]:
		s.successes--
	default:
		s.failures--
	}
	s.last[s.next] = success
	if s.next++; s.next == uint(len(s.last)) {
		s.next = 0
	}
}

// bucket is the newest part, after forgetting those that are over. Nothing is
// forgotten by looking: only a result does it.
func (s *stats) bucket(at int64) *struct{ successes, failures uint } {
	if now := at / s.part; now > s.newest {
		for i := range min(parts, now-s.newest) {
			b := &s.buckets[(s.newest+i+1)%parts]
			s.successes -= b.successes
			s.failures -= b.failures
			*b = struct{ successes, failures uint }{}
		}
		s.newest = now
	}
	return &s.buckets[s.newest%parts]
}

// reset begins anew.
func (s *stats) reset() {
	*s = stats{last: s.last, part: s.part}
}
