package resilience4j

import (
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Machine is resilience4j's CircuitBreaker without its scheduler: where the library
// schedules a transition, the machine makes it at the next call that brings a later
// time.
type Machine struct {
	params    Params
	initial   policy.State
	after     policy.State // where a bounded half-open ends
	verdicts  [policy.Busy + 1]verdict
	threshold thresholds

	start time.Time
	now   time.Duration // since start, never backwards
	u     float64       // the last dice handed in

	state      policy.State
	attempts   int           // openings in a row, the present one included
	retryAfter time.Duration // since start, while open: half-open strictly after it
	permits    int           // while half-open
	told       [2]bool       // in metrics only: failure rate, slow call rate exceeded

	scheduled timer   // of the present state
	stray     []timer // of states that a reset has ended

	// metrics are those of the present state: opening keeps the ones that tripped.
	metrics            *metrics
	full, probes, none metrics

	events []policy.Event
}

// timer is a transition that the library's scheduler will make.
type timer struct {
	at     time.Duration // since start
	to     policy.State
	active bool
}

// verdict is what an outcome is to the breaker.
type verdict uint8

const (
	succeeded verdict = iota
	failed
	ignored
)

var _ policy.Breaker = (*Machine)(nil)

// New is a breaker constructed at start.
func New(p Params, start time.Time) *Machine {
	m := &Machine{
		params:  p,
		initial: stateOf(p.InitialState),
		after:   stateOf(p.TransitionToStateAfterWaitDuration),
		// The library's rates and thresholds are Java floats.
		threshold: thresholds{float32(p.FailureRateThreshold), float32(p.SlowCallRateThreshold), p.SlowCallDurationThreshold},
		start:     start,
		u:         0.5,
		probes:    newMetrics(CountBased, p.PermittedNumberOfCallsInHalfOpenState, p.MinimumNumberOfCalls, 0),
		full:      newMetrics(p.SlidingWindowType, p.SlidingWindowSize, p.MinimumNumberOfCalls, time.Duration(start.Nanosecond())),
		none:      newMetrics(CountBased, 0, 0, 0),
	}
	for code := range m.verdicts {
		m.verdicts[code] = p.verdictOf(policy.Code(code))
	}
	m.metrics = &m.full
	// An opening at the start is the first (resilience4j 2.4.0,
	// CircuitBreakerStateMachine, getCircuitBreakerStateObjectFromState).
	if m.initial == policy.HalfOpen {
		m.attempts = 1
	}
	m.enter(m.initial)
	return m
}

func stateOf(name string) policy.State {
	for s, n := range states {
		if n == name {
			return policy.State(s)
		}
	}
	return policy.Closed
}

// verdictOf asks the predicates of the library in its order: ignored before
// recorded, and what is not recorded is a success (resilience4j 2.4.0,
// CircuitBreakerStateMachine, handleThrowable).
func (p Params) verdictOf(code policy.Code) verdict {
	var classes []string
	switch code {
	case policy.OK, policy.Unrecorded:
		return succeeded
	case policy.Ignored:
		return ignored
	case policy.Timeout:
		classes = timeoutException
	case policy.Busy:
		classes = bulkheadFull
	default:
		if p.IgnoreExceptions.has(anyException) {
			return ignored
		}
		return failed
	}
	switch {
	case p.IgnoreExceptions.has(classes):
		return ignored
	case p.RecordExceptions != "" && !p.RecordExceptions.has(classes):
		return succeeded
	}
	return failed
}

// Allow is tryAcquirePermission.
func (m *Machine) Allow(now time.Time, u float64) (policy.Ticket, policy.Verdict) {
	m.advance(now)
	m.u = u
	// Half-open begins with the call that comes after the wait, not at its end.
	if m.state == policy.Open && m.now > m.retryAfter {
		_ = m.transition(policy.HalfOpen)
	}
	switch m.state {
	case policy.Open, policy.ForcedOpen:
		return m.reject()
	case policy.HalfOpen:
		if m.permits == 0 {
			return m.reject()
		}
		m.permits--
	default: // closed, disabled and metrics only let everything through
	}
	return policy.Ticket{At: now, State: m.state, Probe: m.state == policy.HalfOpen}, policy.Verdict{Admitted: true}
}

func (m *Machine) reject() (policy.Ticket, policy.Verdict) {
	m.metrics.notPermitted++
	m.publish("NOT_PERMITTED")
	return policy.Ticket{}, policy.Verdict{Reason: "CallNotPermittedException"}
}

// Record is onSuccess and onError: a result counts in whatever state it finds, also
// that of a call that began before the trip.
func (m *Machine) Record(now time.Time, t policy.Ticket, o policy.Outcome) {
	m.advance(now)
	v := m.verdicts[min(o.Code, policy.Busy)]
	switch v {
	case ignored:
		// A permit is given back also by a call that never took one.
		if m.state == policy.HalfOpen {
			m.permits++
		}
		m.publish("IGNORED_ERROR")
		return
	case failed:
		m.publish("ERROR")
	default:
		m.publish("SUCCESS")
	}
	if m.state == policy.Disabled || m.state == policy.ForcedOpen {
		return
	}
	m.metrics.record(m.now, v == failed, now.Sub(t.At) > m.threshold.slowCallDuration)
	m.check()
}

// check is asked after every result, a success too.
func (m *Machine) check() {
	failureRate, slowCallRate, enough := m.metrics.rates()
	if !enough {
		return
	}
	exceeded := [2]bool{failureRate >= m.threshold.failureRate, slowCallRate >= m.threshold.slowCallRate}
	switch m.state {
	case policy.Closed:
		if exceeded[0] || exceeded[1] {
			m.publishExceeded(exceeded)
			_ = m.transition(policy.Open)
		}
	case policy.HalfOpen:
		// Decided by the first result that makes the minimum, not by the last permit.
		if exceeded[0] || exceeded[1] {
			_ = m.transition(policy.Open)
		} else {
			_ = m.transition(policy.Closed)
		}
	case policy.MetricsOnly: // says each once
		m.publishExceeded([2]bool{exceeded[0] && !m.told[0], exceeded[1] && !m.told[1]})
		m.told[0], m.told[1] = m.told[0] || exceeded[0], m.told[1] || exceeded[1]
	default: // open: a late result is counted and changes nothing
	}
}

func (m *Machine) publishExceeded(exceeded [2]bool) {
	if exceeded[0] {
		m.publish("FAILURE_RATE_EXCEEDED")
	}
	if exceeded[1] {
		m.publish("SLOW_CALL_RATE_EXCEEDED")
	}
}

// illegal are the transitions that the library does not know (resilience4j 2.4.0,
// CircuitBreaker.StateTransition).
func illegal(from, to policy.State) bool {
	switch from {
	case policy.Closed:
		return to == policy.HalfOpen
	case policy.MetricsOnly:
		return to == policy.Open || to == policy.HalfOpen
	default:
		return false
	}
}

// transition goes to a state, also to the present one, which it then begins anew
// without telling anybody.
func (m *Machine) transition(to policy.State) error {
	from := m.state
	if illegal(from, to) {
		return policy.ErrIllegal
	}
	m.scheduled.active = false
	m.enter(to)
	m.publishTransition(from, to)
	return nil
}

// enter begins a state.
func (m *Machine) enter(s policy.State) {
	m.state = s
	switch s {
	case policy.Open:
		// The window comes along, and with it the number of calls not permitted. One
		// that comes from disabled or forced open holds no calls: there the library
		// divides by zero at the next late result, whose caller never hears of it
		// (resilience4j 2.4.0, FixedSizeSlidingWindowMetrics); here it is not counted.
		m.attempts++
		wait := m.params.openFor(m.attempts, m.u)
		m.retryAfter = m.now + wait
		if m.params.AutomaticTransitionFromOpenToHalfOpenEnabled {
			m.scheduled = timer{m.retryAfter, policy.HalfOpen, true}
		}
		return
	case policy.HalfOpen: // keeps the number of openings
		m.permits = m.params.PermittedNumberOfCallsInHalfOpenState
		m.metrics = &m.probes
		if wait := m.params.MaxWaitDurationInHalfOpenState.Truncate(time.Millisecond); wait > 0 {
			m.scheduled = timer{m.now + wait, m.after, true}
		}
	case policy.ForcedOpen:
		m.attempts++
		m.metrics = &m.none
	case policy.Disabled:
		m.attempts = 0
		m.metrics = &m.none
	default: // closed, metrics only
		m.attempts = 0
		m.metrics = &m.full
		m.told = [2]bool{}
	}
	m.metrics.reset(m.now)
}

// openFor is the wait of the n-th opening in a row, in whole milliseconds.
func (p Params) openFor(n int, u float64) time.Duration {
	wait := p.WaitDurationInOpenState.Milliseconds()
	switch {
	case p.EnableExponentialBackoff:
		wait = grown(wait, p.ExponentialBackoffMultiplier, n)
		if limit := p.ExponentialMaxWaitDurationInOpenState.Milliseconds(); limit > 0 {
			wait = min(wait, limit)
		}
	case p.EnableRandomizedWait:
		wait = randomized(wait, p.RandomizedWaitFactor, u)
	}
	return time.Duration(wait) * time.Millisecond
}

// grown is the n-th of growing waits in ms: each is the one before times the
// multiplier, cut to whole ms (resilience4j 2.4.0, IntervalFunction).
func grown(wait int64, multiplier float64, n int) int64 {
	for range n - 1 {
		next := int64(min(float64(wait)*multiplier, float64(longest.Milliseconds())))
		if next == wait {
			break // for good: at the longest, or too short to grow
		}
		wait = next
	}
	return wait
}

// randomized is a wait in ms with its random part, cut to whole ms (resilience4j
// 2.4.0, IntervalFunctionCompanion).
func randomized(wait int64, factor, u float64) int64 {
	delta := factor * float64(wait)
	lowest, highest := float64(wait)-delta, float64(wait)+delta
	return int64(lowest + float64(u*(highest-lowest)))
}

// Advance makes the transitions that the library's scheduler would have made up to
// now.
func (m *Machine) Advance(now time.Time) { m.advance(now) }

func (m *Machine) advance(now time.Time) {
	to := max(m.now, now.Sub(m.start))
	for m.scheduled.active || len(m.stray) > 0 {
		t := m.next()
		if t.at > to {
			break
		}
		due := *t
		m.now = due.at
		t.active = false
		m.forget()
		// The scheduler's thread swallows what is illegal.
		_ = m.transition(due.to)
	}
	m.now = to
}

// next is the timer that is due first.
func (m *Machine) next() *timer {
	first := &m.scheduled
	for i := range m.stray {
		if !first.active || m.stray[i].at < first.at {
			first = &m.stray[i]
		}
	}
	return first
}

// forget drops stray timers that have fired.
func (m *Machine) forget() {
	kept := m.stray[:0]
	for _, t := range m.stray {
		if t.active {
			kept = append(kept, t)
		}
	}
	m.stray = kept
}

// Due is when the scheduler makes the next transition: out of open when it is
// automatic, out of half-open when it is bounded.
func (m *Machine) Due() (at time.Time, ok bool) {
	if !m.scheduled.active && len(m.stray) == 0 {
		return time.Time{}, false
	}
	return m.start.Add(m.next().at), true
}

// Take hands over the events since the last Take.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is the state without advancing.
func (m *Machine) State() policy.State { return m.state }

// Snapshot is the state and the metrics under the names of the library's health
// indicator; rates are NaN below the minimum, where the library says -1.
func (m *Machine) Snapshot() policy.Snapshot {
	m.metrics.turn(m.now)
	c := m.metrics.total
	failureRate, slowCallRate := math.NaN(), math.NaN()
	if f, s, enough := m.metrics.rates(); enough {
		failureRate, slowCallRate = float64(f), float64(s)
	}
	s := policy.Snapshot{State: m.state, Stats: []policy.Stat{
		{Name: "failureRate", Value: failureRate},
		{Name: "slowCallRate", Value: slowCallRate},
		{Name: "bufferedCalls", Value: float64(c.calls)},
		{Name: "failedCalls", Value: float64(c.failed)},
		{Name: "slowCalls", Value: float64(c.slow)},
		{Name: "slowFailedCalls", Value: float64(c.slowFailed)},
		{Name: "notPermittedCalls", Value: float64(m.metrics.notPermitted)},
	}}
	if m.state == policy.Open || m.state == policy.ForcedOpen {
		s.Share = 1
	}
	return s
}

// Operate is one of the transitionTo methods, or reset().
func (m *Machine) Operate(now time.Time, op policy.Operation) error {
	m.advance(now)
	switch op {
	case policy.OpOpen:
		return m.transition(policy.Open)
	case policy.OpClose:
		return m.transition(policy.Closed)
	case policy.OpHalfOpen:
		return m.transition(policy.HalfOpen)
	case policy.OpForceOpen:
		return m.transition(policy.ForcedOpen)
	case policy.OpDisable:
		return m.transition(policy.Disabled)
	case policy.OpMetricsOnly:
		return m.transition(policy.MetricsOnly)
	case policy.OpReset:
		m.reset()
		return nil
	default:
		return policy.ErrUnsupported
	}
}

// reset closes from any state. It forgets to cancel what is scheduled: a bounded
// half-open that was reset opens the closed breaker when its time is over
// (resilience4j 2.4.0, CircuitBreakerStateMachine, reset, calls no preTransitionHook).
func (m *Machine) reset() {
	if m.scheduled.active {
		m.stray = append(m.stray, m.scheduled)
		m.scheduled.active = false
	}
	from := m.state
	m.enter(policy.Closed)
	m.publishTransition(from, policy.Closed)
	m.publish("RESET")
}

// publish tells of an event unless the state keeps silent.
func (m *Machine) publish(name string) {
	if m.state != policy.Disabled && m.state != policy.ForcedOpen {
		m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: name})
	}
}

// publishTransition is published in every state.
func (m *Machine) publishTransition(from, to policy.State) {
	if from != to {
		m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: transitions[from][to]})
	}
}

// transitions are the names of the events: CLOSED_TO_OPEN.
var transitions = func() (names [len(states)][len(states)]string) {
	for from, f := range states {
		for to, t := range states {
			names[from][to] = f + "_TO_" + t
		}
	}
	return names
}()

// thresholds are what a window is held against.
type thresholds struct {
	failureRate, slowCallRate float32 // %
	slowCallDuration          time.Duration
}

// metrics is a window over ended calls: a ring of the last ones, or of whole seconds
// of the clock, not of the breaker's own (resilience4j 2.4.0,
// FixedSizeSlidingWindowMetrics and SlidingTimeWindowMetrics).
type metrics struct {
	minimum      int32
	total        counts
	notPermitted int

	calls []call
	next  int // where the next call goes

	seconds []counts
	newest  int
	second  int64         // of the newest, since the one in which the breaker started
	offset  time.Duration // of the start within its second
}

type call struct{ failed, slow bool }

// counts are the calls of a window or of one of its seconds.
type counts struct{ calls, failed, slow, slowFailed int32 }

// newMetrics cuts the minimum for a window of calls, which never holds more than its
// size.
func newMetrics(kind string, size, minimum int, offset time.Duration) metrics {
	if kind == TimeBased {
		return metrics{minimum: int32(minimum), seconds: make([]counts, size), offset: offset}
	}
	return metrics{minimum: int32(min(minimum, size)), calls: make([]call, size)}
}

// reset begins an empty window.
func (w *metrics) reset(now time.Duration) {
	w.total, w.notPermitted, w.next = counts{}, 0, 0
	clear(w.seconds)
	w.turn(now)
}

func (w *metrics) record(now time.Duration, failed, slow bool) {
	c := call{failed, slow}
	switch {
	case w.seconds != nil:
		w.turn(now)
		w.seconds[w.newest].add(c, 1)
	case len(w.calls) == 0:
		return
	default:
		if int(w.total.calls) == len(w.calls) {
			w.total.add(w.calls[w.next], -1)
		}
		w.calls[w.next] = c
		if w.next++; w.next == len(w.calls) {
			w.next = 0
		}
	}
	w.total.add(c, 1)
}

func (c *counts) add(one call, n int32) {
	c.calls += n
	if one.failed {
		c.failed += n
	}
	if one.slow {
		c.slow += n
	}
	if one.failed && one.slow {
		c.slowFailed += n
	}
}

// turn forgets the seconds that have left the window. It spans the present second
// and size - 1 before it.
func (w *metrics) turn(now time.Duration) {
	if w.seconds == nil {
		return
	}
	second := int64((now + w.offset) / time.Second)
	for range min(second-w.second, int64(len(w.seconds))) {
		if w.newest++; w.newest == len(w.seconds) {
			w.newest = 0
		}
		oldest := &w.seconds[w.newest]
		w.total.calls -= oldest.calls
		w.total.failed -= oldest.failed
		w.total.slow -= oldest.slow
		w.total.slowFailed -= oldest.slowFailed
		*oldest = counts{}
	}
	w.second = second
}

// rates are in percent, as Java floats; false below the minimum.
func (w *metrics) rates() (failureRate, slowCallRate float32, enough bool) {
	n := w.total.calls
	if n == 0 || n < w.minimum {
		return 0, 0, false
	}
	return float32(w.total.failed) * 100 / float32(n), float32(w.total.slow) * 100 / float32(n), true
}
