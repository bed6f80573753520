package hystrix

import (
	"time"

	"tripcurve/internal/policy"
)

// Machine is a command's HystrixCircuitBreakerImpl, its health stream, and the pool
// or semaphore that its calls need a place of.
//
// What it follows is the code of 1.5.11 and 1.5.18 (HystrixCircuitBreaker.java:
// allowRequest, isOpen, allowSingleTest, markSuccess; HystrixCommandMetrics.java:
// HealthCounts.plus, resetStream; metric/consumer/HealthCountsStream.java and
// BucketedRollingCounterStream.java; HystrixThreadPool.java; AbstractCommand.java:
// applyHystrixSemantics). The rules of the breaker itself are taken from descriptions
// of that code, those of the metrics, the stream and the pool were read in it. Assumed,
// for nothing here ran the library: the stream's
// timer ticks exactly every interval from its first subscription on and before
// whatever else happens in the same instant; a call that reaches its time limit
// gives its thread back at once, as one that heeds the interrupt does; a command's
// fallback takes no time.
type Machine struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards

	open                   bool
	openedOrLastTested     int64 // Unix ms
	forceOpen, forceClosed bool

	free   int // places left in the pool or the semaphore
	health health
	events []policy.Event
}

var _ policy.Breaker = (*Machine)(nil)

// New is a command first used at start.
func New(p Params, start time.Time) *Machine {
	return &Machine{
		params: p, start: start, forceOpen: p.ForceOpen, forceClosed: p.ForceClosed,
		free: p.Places(), health: newHealth(p.RollingStats, p.HealthSnapshot),
	}
}

// Allow is the beginning of a command: the breaker first, then a place.
func (m *Machine) Allow(now time.Time, _ float64) (policy.Ticket, policy.Verdict) {
	m.advance(now)
	allowed, test := m.allowRequest()
	if !allowed {
		// A short-circuited call is in no count: it does not dilute the rate.
		m.publish("SHORT_CIRCUITED")
		return policy.Ticket{}, policy.Verdict{Reason: "SHORT_CIRCUITED"}
	}
	if m.free < 1 {
		// Rejected by the pool after the breaker let it pass: it counts as a failure,
		// and if it was the test call, the test is spent.
		reason := "THREAD_POOL_REJECTED"
		if m.params.Strategy == Semaphore {
			reason = "SEMAPHORE_REJECTED"
		}
		m.health.add(true)
		m.publish(reason)
		return policy.Ticket{}, policy.Verdict{Reason: reason}
	}
	m.free--
	return policy.Ticket{At: now, State: m.State(), Probe: test, Held: true}, policy.Verdict{Admitted: true}
}

func (m *Machine) allowRequest() (allowed, test bool) {
	switch {
	case !m.params.Enabled:
		return true, false
	case m.forceOpen:
		return false, false
	case m.forceClosed:
		m.isOpen() // it goes on judging, so that it is open at once when no longer forced
		return true, false
	case !m.isOpen():
		return true, false
	}
	test = m.allowSingleTest()
	return test, test
}

// isOpen is where the breaker trips: when a call asks, never when one ends.
func (m *Machine) isOpen() bool {
	if m.open {
		return true
	}
	h := m.health.latest
	if h.total < m.params.RequestVolumeThreshold || h.errorPercentage() < m.params.ErrorThresholdPercentage {
		return false
	}
	m.open = true
	m.openedOrLastTested = m.millis()
	return true
}

// allowSingleTest lets one call in after each sleep window, strictly after it, and
// whatever became of the test before. There is no half-open state.
func (m *Machine) allowSingleTest() bool {
	now := m.millis()
	if now <= m.openedOrLastTested+m.params.SleepWindow.Milliseconds() {
		return false
	}
	m.openedOrLastTested = now
	return true
}

// Record is the end of a command, or of its time limit.
func (m *Machine) Record(now time.Time, t policy.Ticket, o policy.Outcome) {
	m.advance(now)
	m.free++
	switch o.Code {
	case policy.OK, policy.Unrecorded: // a command that hides its error has succeeded
		m.publish("SUCCESS")
		m.markSuccess()
		m.health.add(false)
	case policy.Ignored: // HystrixBadRequestException
		m.publish("BAD_REQUEST")
	case policy.Timeout:
		m.publish("TIMEOUT")
		m.health.add(true)
	default:
		m.publish("FAILURE")
		m.health.add(true)
	}
}

// markSuccess closes on the success of any call, also of one begun before the trip.
// It runs before the success is counted, which is therefore the first of the new
// stream (AbstractCommand.java: markOnCompleted comes before handleCommandEnd).
func (m *Machine) markSuccess() {
	if m.open {
		m.open = false
		m.health.reset(m.now)
	}
}

// Advance does what the library's timers would have done up to now.
func (m *Machine) Advance(now time.Time) { m.advance(now) }

func (m *Machine) advance(now time.Time) {
	m.now = max(m.now, now.Sub(m.start))
	m.health.turn(m.now)
}

// Due is never: the timer behind the snapshots changes no state.
func (m *Machine) Due() (at time.Time, ok bool) { return time.Time{}, false }

// millis is System.currentTimeMillis().
func (m *Machine) millis() int64 { return m.start.Add(m.now).UnixMilli() }

// Take hands over the events since the last Take, which are HystrixEventType's. The
// library has none for opening and closing.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is the state without asking: a breaker whose window is bad is closed until
// the next call asks.
func (m *Machine) State() policy.State {
	switch {
	case !m.params.Enabled:
		return policy.Disabled
	case m.forceOpen:
		return policy.ForcedOpen
	case m.forceClosed:
		return policy.Disabled
	case m.open:
		return policy.Open
	default:
		return policy.Closed
	}
}

// Snapshot is the state and the health counts that the breaker looks at.
func (m *Machine) Snapshot() policy.Snapshot {
	h := m.health.latest
	s := policy.Snapshot{State: m.State(), Stats: []policy.Stat{
		{Name: "totalRequests", Value: float64(h.total)},
		{Name: "errorCount", Value: float64(h.errors)},
		{Name: "errorPercentage", Value: float64(h.errorPercentage())},
	}}
	if s.State == policy.Open || s.State == policy.ForcedOpen {
		s.Share = 1
	}
	return s
}

// Operate sets forceOpen or forceClosed while the command is in use, as Hystrix'
// dynamic properties allow.
func (m *Machine) Operate(now time.Time, op policy.Operation) error {
	m.advance(now)
	switch op {
	case policy.OpForceOpen:
		m.forceOpen = true
	case policy.OpDisable:
		m.forceOpen, m.forceClosed = false, true
	case policy.OpEnable:
		m.forceOpen, m.forceClosed = false, false
	default:
		return policy.ErrUnsupported
	}
	return nil
}

func (m *Machine) publish(name string) {
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: name})
}

// counts are HealthCounts, or the part of them in one bucket.
type counts struct{ total, errors int }

// errorPercentage is cut to a whole number, and computed in this order: 29 of 100
// are 28.999... %, which is 28 (HystrixCommandMetrics.HealthCounts).
func (c counts) errorPercentage() int {
	if c.total == 0 {
		return 0
	}
	share := float64(c.errors) / float64(c.total)
	return int(share * 100)
}

// health is the stream of health counts: buckets as long as the snapshot interval,
// seen only when they are full. It does not have the buckets of
// metrics.rollingStats.numBuckets, which are for the dashboard.
type health struct {
	interval time.Duration
	next     time.Duration // since start: when the bucket being filled is full
	filling  counts
	full     []counts // a ring
	oldest   int
	latest   counts // the sum of the full ones
}

func newHealth(window, interval time.Duration) health {
	return health{interval: interval, next: interval, full: make([]counts, window/interval)}
}

func (h *health) add(failed bool) {
	h.filling.total++
	if failed {
		h.filling.errors++
	}
}

// turn completes the buckets that are full by at.
func (h *health) turn(at time.Duration) {
	if at < h.next {
		return
	}
	turns := int64((at-h.next)/h.interval) + 1
	h.next += time.Duration(turns) * h.interval
	for range min(turns, int64(len(h.full))+1) {
		gone := &h.full[h.oldest]
		h.latest.total += h.filling.total - gone.total
		h.latest.errors += h.filling.errors - gone.errors
		*gone, h.filling = h.filling, counts{}
		if h.oldest++; h.oldest == len(h.full) {
			h.oldest = 0
		}
	}
}

// reset begins a new stream, whose buckets are counted from then on.
func (h *health) reset(at time.Duration) {
	clear(h.full)
	h.filling, h.latest, h.oldest = counts{}, counts{}, 0
	h.next = at + h.interval
}
