package linkerd

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Machine is the failure accrual of all endpoints of one Service, as one client
// proxy has it, with the balancer in front of them. The proxy's words are turned
// round: a gate that is open lets calls through, one that is shut does not.
//
// Calls go to the ready endpoints in turn; the real balancer prefers the faster of
// two at random. With no endpoint ready a call is rejected at once; the real one
// lets it wait for up to its fail-fast timeout of three seconds first.
//
// Source: linkerd/app/outbound/src/http/breaker/consecutive_failures.rs and
// unified.rs unless said otherwise.
type Machine struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards

	endpoints []endpoint
	ready     []int // those that take calls, ascending
	next      int   // of the round robin

	u      float64
	events []policy.Event
}

var (
	_ policy.Breaker = (*Machine)(nil)
	_ policy.Sharer  = (*Machine)(nil)
	_ policy.Chooser = (*Machine)(nil)
)

// endpoint is one breaker.
type endpoint struct {
	gate     gate
	failures int // in a row
	window   window
	probes   int           // that have failed since it was shut, and so doubled the penalty
	until    time.Duration // since start, while shut
	probed   bool          // in probation: its one call is taken

	names [gates]string // of its events
}

// gate is the state of an endpoint.
type gate int

const (
	open gate = iota
	shut
	probation
)

// gates is how many there are.
const gates = 3

var gateNames = [gates]string{"open", "shut", "probation"}

// New is a Service seen first at start.
func New(p Params, start time.Time) *Machine {
	m := &Machine{params: p, start: start, endpoints: make([]endpoint, p.Endpoints), ready: make([]int, 0, p.Endpoints)}
	for i := range m.endpoints {
		e := &m.endpoints[i]
		e.window = newWindow(p.Window)
		for g := range e.names {
			e.names[g] = fmt.Sprintf("%s %d", gateNames[g], i)
		}
	}
	m.rebalance()
	return m
}

// Allow chooses an endpoint that is ready.
func (m *Machine) Allow(now time.Time, u float64) (policy.Ticket, policy.Verdict) {
	m.advance(now)
	m.u = u
	if len(m.ready) == 0 {
		return policy.Ticket{}, policy.Verdict{Reason: "failfast"}
	}
	i := m.ready[m.next%len(m.ready)]
	m.next++
	t := policy.Ticket{At: now, State: policy.Closed, Host: i}
	if e := &m.endpoints[i]; e.gate == probation {
		t.State, t.Probe = policy.HalfOpen, true
		e.probed = true
		m.rebalance()
	}
	return t, policy.Verdict{Admitted: true}
}

// class is what a response is to the breaker.
type class int

const (
	silent  class = iota // the call ended without a response
	success              // anything but the others
	limited              // 429: a failure to the rate only
	failure              // 5xx, gRPC's failures, errors of the connection, time-outs
)

// classify: a time-out is an error of the endpoint's own stack and so a failure
// (linkerd/app/outbound/src/http/endpoint.rs, EnforceTimeouts), a call that its
// caller gave up is nothing (linkerd/proxy/http/src/classify/channel.rs: a future
// that is dropped sends no class).
func classify(o policy.Outcome) class {
	switch {
	case o.Code == policy.Timeout, o.Local:
		return failure
	case o.Status == 429:
		return limited
	case o.Status >= 500:
		return failure
	case o.Status != 0, o.Code == policy.OK, o.Code == policy.Unrecorded:
		return success
	case o.Code == policy.Failure:
		return failure
	default: // Ignored, Busy
		return silent
	}
}

// Record is a response. Whose call it was does not matter: in probation the next
// response of the endpoint decides, and while it is shut none counts.
func (m *Machine) Record(now time.Time, t policy.Ticket, o policy.Outcome) {
	m.advance(now)
	c := classify(o)
	e := &m.endpoints[t.Host]
	if c == silent {
		return
	}
	switch e.gate {
	case open:
		if m.trips(e, c) {
			e.probes = 0
			m.shut(t.Host)
		}
	case probation:
		if c == success || c == limited && m.params.FailureAccrual == Consecutive {
			m.reopen(t.Host)
		} else {
			e.probes++
			m.shut(t.Host)
		}
	case shut:
	}
}

// trips books a response of an endpoint that is open. Failures in a row come before
// the rate. A 429 ends their row, although it counts against the rate.
func (m *Machine) trips(e *endpoint, c class) bool {
	p := &m.params
	if p.FailureAccrual == None {
		return false
	}
	if c == failure {
		e.failures++
	} else {
		e.failures = 0
	}
	if p.FailureAccrual == Unified && p.Threshold > 0 {
		e.window.add(m.now, c == success)
	}
	if p.MaxFailures > 0 && e.failures >= p.MaxFailures {
		return true
	}
	return p.FailureAccrual == Unified && p.Threshold > 0 && e.window.below(p.Threshold, p.MinRequests)
}

// shut keeps the endpoint out for its penalty: the smallest, doubled by every failed
// probe up to the largest, and a random part of it on top, but no further than the
// largest (linkerd/exp-backoff/src/lib.rs, base and jitter).
func (m *Machine) shut(i int) {
	e := &m.endpoints[i]
	base := m.params.MinPenalty
	for range e.probes {
		if base >= m.params.MaxPenalty/2 {
			base = m.params.MaxPenalty
			break
		}
		base *= 2
	}
	jitter := float64(base) * m.params.JitterRatio * m.dice()
	penalty := m.params.MaxPenalty
	if jitter < float64(penalty-base) {
		penalty = base + time.Duration(jitter)
	}
	e.until = m.now + penalty
	m.turn(i, shut, m.now)
}

// dice is the last one handed in, and after that numbers spread evenly from it.
func (m *Machine) dice() float64 {
	u := m.u
	m.u += math.Phi - 1
	m.u -= math.Floor(m.u)
	return u
}

// reopen forgets what was before: the row, the window and the doubled penalties.
func (m *Machine) reopen(i int) {
	e := &m.endpoints[i]
	e.failures = 0
	e.window.clear(m.now)
	m.turn(i, open, m.now)
}

func (m *Machine) turn(i int, g gate, at time.Duration) {
	e := &m.endpoints[i]
	e.gate, e.probed = g, false
	m.events = append(m.events, policy.Event{At: m.start.Add(at), Name: e.names[g]})
	m.rebalance()
}

// Advance ends the penalties that are over.
func (m *Machine) Advance(now time.Time) { m.advance(now) }

func (m *Machine) advance(now time.Time) {
	m.now = max(m.now, now.Sub(m.start))
	if len(m.ready) == len(m.endpoints) {
		return
	}
	for i := range m.endpoints {
		if e := &m.endpoints[i]; e.gate == shut && e.until <= m.now {
			m.turn(i, probation, e.until)
		}
	}
}

// rebalance is the balancer's view after an endpoint has changed.
func (m *Machine) rebalance() {
	m.ready = m.ready[:0]
	for i := range m.endpoints {
		if e := &m.endpoints[i]; e.gate == open || e.gate == probation && !e.probed {
			m.ready = append(m.ready, i)
		}
	}
}

// Due is when the next penalty ends.
func (m *Machine) Due() (at time.Time, ok bool) {
	var next time.Duration
	for i := range m.endpoints {
		if e := &m.endpoints[i]; e.gate == shut && (!ok || e.until < next) {
			next, ok = e.until, true
		}
	}
	return m.start.Add(next), ok
}

// Take hands over the events since the last Take: the state that an endpoint's gate
// went into, in the proxy's words, and the endpoint's number.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is Closed while one endpoint is open, HalfOpen while none is but one is in
// probation, and Open while all are shut.
func (m *Machine) State() policy.State {
	state := policy.Open
	for i := range m.endpoints {
		switch m.endpoints[i].gate {
		case open:
			return policy.Closed
		case probation:
			state = policy.HalfOpen
		case shut:
		}
	}
	return state
}

// Share is the share of the endpoints that are not open.
func (m *Machine) Share() float64 {
	n := 0
	for i := range m.endpoints {
		if m.endpoints[i].gate != open {
			n++
		}
	}
	return float64(n) / float64(len(m.endpoints))
}

// Hosts is how many endpoints the Service has, ready or not.
func (m *Machine) Hosts() int { return len(m.endpoints) }

// Snapshot is the state and the proxy's gauge outbound_http_balancer_endpoints by
// endpoint_state.
func (m *Machine) Snapshot() policy.Snapshot {
	return policy.Snapshot{State: m.State(), Share: m.Share(), Stats: []policy.Stat{
		{Name: "endpoints_ready", Value: float64(len(m.ready))},
		{Name: "endpoints_pending", Value: float64(len(m.endpoints) - len(m.ready))},
	}}
}

// Operate: nothing can be done by hand.
func (m *Machine) Operate(now time.Time, _ policy.Operation) error {
	m.advance(now)
	return policy.ErrUnsupported
}

// window is the ring of ten buckets of success_rate.rs. It is turned by the
// responses alone; its slices begin when the endpoint opened.
type window struct {
	buckets [10]struct{ success, total int }
	newest  int
	width   time.Duration
	began   time.Duration // since start: the newest bucket's slice
}

func newWindow(span time.Duration) window {
	return window{width: max(span, 10*time.Millisecond) / 10}
}

func (w *window) add(at time.Duration, ok bool) {
	steps := int64((at - w.began) / w.width)
	w.began += time.Duration(steps) * w.width
	for range min(steps, int64(len(w.buckets))) {
		w.newest = (w.newest + 1) % len(w.buckets)
		w.buckets[w.newest] = struct{ success, total int }{}
	}
	b := &w.buckets[w.newest]
	b.total++
	if ok {
		b.success++
	}
}

// below is strict, and asks for minimum responses.
func (w *window) below(threshold float64, minimum int) bool {
	success, total := 0, 0
	for _, b := range w.buckets {
		success += b.success
		total += b.total
	}
	return total >= minimum && float64(success)/float64(total) < threshold
}

func (w *window) clear(at time.Duration) {
	*w = window{width: w.width, began: at}
}
