package opossum

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Machine is opossum's CircuitBreaker without its timers: where the library sets
// a timer, the machine does the work at the next call that brings a later time.
type Machine struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards

	state        policy.State // Closed, Open, HalfOpen or ShutDown
	enabled      bool
	pendingClose bool // half-open and the one probe not yet taken
	warmUp       bool
	deaf         bool // shut down: listeners and timers are gone

	resetTimer bool
	resetAt    time.Duration // since start, while resetTimer
	warmUntil  time.Duration // since start, while warmUp

	free   int // places left of capacity
	window window
	events []policy.Event
}

var _ policy.Breaker = (*Machine)(nil)

// New is a breaker constructed at start.
func New(p Params, start time.Time) *Machine {
	return &Machine{
		params:  p,
		start:   start,
		enabled: p.Enabled,
		warmUp:  p.AllowWarmUp,
		// A window of 0 falls back to 10 s in the statistics only; the warm-up's
		// timer takes the option as it is (opossum 10.0.0, lib/status.js and
		// lib/circuit.js, constructors).
		warmUntil: timer(p.RollingCountTimeout),
		free:      p.Capacity,
		window:    newWindow(p.RollingCountTimeout, p.RollingCountBuckets),
	}
}

// timer is how long Node's setTimeout waits: never less than 1 ms.
func timer(d time.Duration) time.Duration {
	return max(d, time.Millisecond)
}

// Allow is fire().
func (m *Machine) Allow(now time.Time, _ float64) (policy.Ticket, policy.Verdict) {
	m.advance(now)
	if m.state == policy.ShutDown {
		return policy.Ticket{}, policy.Verdict{Reason: "ESHUTDOWN"}
	}
	// Counted before anything can reject the call, so rejected calls dilute the
	// error rate (opossum 10.0.0, lib/circuit.js, call).
	m.count(fires)
	if !m.enabled {
		return policy.Ticket{At: now, State: policy.Disabled}, policy.Verdict{Admitted: true}
	}
	if m.state != policy.Closed && !m.pendingClose {
		m.count(rejects)
		m.publish("reject")
		return policy.Ticket{}, policy.Verdict{Reason: "EOPENBREAKER"}
	}
	probe := m.pendingClose
	m.pendingClose = false
	if m.free < 1 {
		// A call without a place is a failure like any other: it can trip the
		// breaker, and in half-open it does.
		m.count(semaphoreRejections)
		m.publish("semaphoreLocked")
		m.settle(m.params.FiltersLocked)
		return policy.Ticket{}, policy.Verdict{Reason: "ESEMLOCKED"}
	}
	m.free--
	return policy.Ticket{At: now, State: m.state, Probe: probe, Held: true}, policy.Verdict{Admitted: true}
}

// Record is the end of the action's promise, or of its time limit.
func (m *Machine) Record(now time.Time, t policy.Ticket, o policy.Outcome) {
	m.advance(now)
	if !t.Held {
		return // begun while disabled: the library hands the promise through
	}
	m.free++ // also after a time-out, although the action runs on
	switch o.Code {
	case policy.OK, policy.Unrecorded:
		m.settle(true)
	case policy.Timeout:
		m.count(timeouts)
		m.publish("timeout")
		m.settle(m.params.FiltersTimeout)
	default: // the library knows no error that is neither success nor failure
		m.settle(false)
	}
}

// settle books one ended call. Any call decides half-open, also one begun before
// the trip.
func (m *Machine) settle(success bool) {
	if success {
		m.count(successes)
		// The library's own listener closes before the user's hears of the success.
		if m.state == policy.HalfOpen && !m.deaf {
			m.close()
		}
		m.publish("success")
		return
	}
	m.count(failures)
	m.publish("failure")
	if m.tripped() {
		m.open()
	}
}

// tripped is asked after a failure only (opossum 10.0.0, lib/circuit.js, fail).
// The fires of the window may be 0 while failures are not, when the time limit is
// longer than the window: the rate is then infinite.
func (m *Machine) tripped() bool {
	switch {
	case m.warmUp: // not even from half-open
		return false
	case m.state == policy.HalfOpen:
		return true
	case m.window.sum[fires] < m.params.VolumeThreshold:
		return false
	}
	rate := float64(m.window.sum[failures]) / float64(m.window.sum[fires]) * 100
	return rate > m.params.ErrorThresholdPercentage
}

func (m *Machine) open() {
	if m.state == policy.Open {
		return
	}
	m.state = policy.Open
	m.pendingClose = false
	m.publish("open")
	if !m.deaf {
		m.resetTimer = true
		m.resetAt = m.now + timer(m.params.ResetTimeout)
	}
}

// close keeps the window: with a reset time shorter than the window the next
// single failure can trip again.
func (m *Machine) close() {
	if m.state == policy.Closed {
		return
	}
	m.resetTimer = false
	m.state = policy.Closed
	m.pendingClose = false
	m.publish("close")
}

// shutDown ends timers, statistics and events. A call still running then can trip
// the breaker all the same: it leaves ShutDown for Open, and being disabled lets
// every call through (seen in opossum 10.0.0, lib/circuit.js, shutdown and fail).
func (m *Machine) shutDown() {
	m.publish("shutdown")
	m.enabled = false
	m.deaf = true
	m.resetTimer = false
	m.state = policy.ShutDown
}

// Advance does what the library's timers would have done up to now.
func (m *Machine) Advance(now time.Time) { m.advance(now) }

func (m *Machine) advance(now time.Time) {
	m.now = max(m.now, now.Sub(m.start))
	if m.deaf {
		return
	}
	m.window.turn(m.now)
	if m.warmUp && m.now >= m.warmUntil {
		m.warmUp = false
	}
	if m.resetTimer && m.now >= m.resetAt {
		m.resetTimer = false
		m.state = policy.HalfOpen
		m.pendingClose = true
		m.events = append(m.events, policy.Event{At: m.start.Add(m.resetAt), Name: "halfOpen"})
	}
}

// Due is when the reset timer fires, with or without traffic.
func (m *Machine) Due() (at time.Time, ok bool) {
	return m.start.Add(m.resetAt), m.resetTimer
}

// Take hands over the events since the last Take. The library's own "fire" is not
// among them: it says no more than that Allow was called.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is Disabled while the breaker lets everything through, whatever its timers
// do to the state underneath.
func (m *Machine) State() policy.State {
	if !m.enabled && m.state != policy.ShutDown {
		return policy.Disabled
	}
	return m.state
}

// PendingClose says that the breaker is half-open and waits for its probe.
func (m *Machine) PendingClose() bool { return m.pendingClose }

// WarmUp says that the breaker is young and does not trip.
func (m *Machine) WarmUp() bool { return m.warmUp }

// Snapshot is the state and the sums of the window.
func (m *Machine) Snapshot() policy.Snapshot {
	s := policy.Snapshot{State: m.State(), Stats: make([]policy.Stat, kinds)}
	if s.State == policy.Open || s.State == policy.ShutDown {
		s.Share = 1
	}
	for k, name := range names {
		s.Stats[k] = policy.Stat{Name: name, Value: float64(m.window.sum[k])}
	}
	return s
}

// Operate is open(), close(), enable(), disable() or shutdown().
func (m *Machine) Operate(now time.Time, op policy.Operation) error {
	m.advance(now)
	switch op {
	case policy.OpOpen:
		m.open()
	case policy.OpClose:
		m.close()
	case policy.OpEnable:
		m.enabled = true
	case policy.OpDisable:
		m.enabled = false
	case policy.OpShutDown:
		m.shutDown()
	default:
		return policy.ErrUnsupported
	}
	return nil
}

func (m *Machine) publish(name string) {
	if !m.deaf {
		m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: name})
	}
}

func (m *Machine) count(k kind) {
	if !m.deaf {
		m.window.add(k)
	}
}

// kind is one of the statistics that decide or are shown.
type kind int

const (
	fires kind = iota
	successes
	failures
	timeouts
	rejects
	semaphoreRejections
	kinds
)

var names = [kinds]string{"fires", "successes", "failures", "timeouts", "rejects", "semaphoreRejections"}

// window is the ring of buckets of lib/status.js: turned by a timer from
// construction on, not aligned to any clock, and written in its newest bucket
// only. It spans between n-1 and n intervals.
type window struct {
	buckets  [][kinds]int
	newest   int
	sum      [kinds]int
	interval time.Duration
	next     time.Duration // since start: when the newest bucket is closed
}

// newWindow floors the interval to whole milliseconds, so 1,000 ms in 7 buckets
// turn every 142 ms and span 994 ms; 0 falls back to the default.
func newWindow(span time.Duration, buckets int) window {
	if span == 0 {
		span = Default().RollingCountTimeout
	}
	if buckets == 0 {
		buckets = Default().RollingCountBuckets
	}
	interval := timer((span / time.Duration(buckets)).Truncate(time.Millisecond))
	return window{buckets: make([][kinds]int, buckets), interval: interval, next: interval}
}

// turn opens a new bucket for every interval that has passed by at. A bucket left
// for good is taken out of the sums.
func (w *window) turn(at time.Duration) {
	if at < w.next {
		return
	}
	turns := int64((at-w.next)/w.interval) + 1
	w.next += time.Duration(turns) * w.interval
	for range min(turns, int64(len(w.buckets))) {
		w.newest++
		if w.newest == len(w.buckets) {
			w.newest = 0
		}
		oldest := &w.buckets[w.newest]
		for k, n := range oldest {
			w.sum[k] -= n
		}
		*oldest = [kinds]int{}
	}
}

func (w *window) add(k kind) {
	w.buckets[w.newest][k]++
	w.sum[k]++
}

// unlimited is JavaScript's Number.MAX_SAFE_INTEGER, the library's capacity when
// none is given.
const unlimited = min(1<<53-1, math.MaxInt)
