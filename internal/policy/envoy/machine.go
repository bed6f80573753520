package envoy

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/policy"
)

// Machine is the outlier detector of one cluster together with the load balancer
// that asks it and the cluster's bound on requests, as one Envoy process has them.
// It has no states: calls are turned away when no host is left (UH) or too many
// are in flight (UO).
//
// Source: source/common/upstream/outlier_detection_impl.cc unless said otherwise.
type Machine struct {
	params Params
	start  time.Time
	now    time.Duration // since start, never backwards
	sweep  time.Duration // since start: the next interval timer

	hosts   []host
	healthy []int // hosts that are not ejected, ascending
	next    int   // of the round robin
	panics  bool

	requests int // in flight
	// ejections is the gauge ejections_active, from which the percent rule is
	// judged. It is not the number of ejected hosts: see sweepRates.
	ejections int
	enforced  int // ejections_enforced_total
	overflow  int // ejections_overflow

	u                float64
	ranked, measured []int // what a sweep works in
	events           []policy.Event
}

var (
	_ policy.Breaker = (*Machine)(nil)
	_ policy.Sharer  = (*Machine)(nil)
	_ policy.Chooser = (*Machine)(nil)
)

// host is the monitor of one host.
type host struct {
	ejected bool
	since   time.Duration // of the latest ejection
	back    time.Duration // of the latest return
	times   int           // the multiplier of the ejection time
	jitter  time.Duration

	failures5xx, failuresGateway, failuresLocal int // in a row
	external, local                             rate

	names    [detections]string // of its events
	returned string
}

// rate is what an interval's sweep looks at.
type rate struct{ total, success int }

func (r rate) percent() float64 { return 100 * float64(r.success) / float64(r.total) }

// detection is a kind of finding about a host.
type detection int

const (
	consecutive5xx detection = iota
	consecutiveGateway
	consecutiveLocal
	successRate
	successRateLocal
	failurePercentage
	failurePercentageLocal
	detections
)

// detectionNames are Envoy's OutlierEjectionType.
var detectionNames = [detections]string{
	"CONSECUTIVE_5XX", "CONSECUTIVE_GATEWAY_FAILURE", "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
	"SUCCESS_RATE", "SUCCESS_RATE_LOCAL_ORIGIN", "FAILURE_PERCENTAGE", "FAILURE_PERCENTAGE_LOCAL_ORIGIN",
}

// New is a cluster configured at start, when its interval timer begins to run.
func New(p Params, start time.Time) *Machine {
	m := &Machine{params: p, start: start, sweep: p.Interval, hosts: make([]host, p.Hosts), healthy: make([]int, 0, p.Hosts)}
	for i := range m.hosts {
		for d := range m.hosts[i].names {
			m.hosts[i].names[d] = fmt.Sprintf("ejected %d %s", i, detectionNames[d])
		}
		m.hosts[i].returned = fmt.Sprintf("unejected %d", i)
	}
	m.rebalance()
	return m
}

// Allow chooses a host, then asks for a place among the requests: a call to a
// cluster without hosts is UH however many are in flight (source/common/router/
// router.cc, decodeHeaders; source/common/conn_pool/conn_pool_base.cc).
func (m *Machine) Allow(now time.Time, u float64) (policy.Ticket, policy.Verdict) {
	m.advance(now)
	m.u = u
	chosen, ok := m.choose()
	if !ok {
		return policy.Ticket{}, policy.Verdict{Reason: "UH"}
	}
	if m.requests >= m.params.MaxRequests {
		return policy.Ticket{}, policy.Verdict{Reason: "UO"}
	}
	m.requests++
	return policy.Ticket{At: now, State: policy.Closed, Held: true, Host: chosen}, policy.Verdict{Admitted: true}
}

// choose is the round robin over the healthy hosts, in panic over all.
func (m *Machine) choose() (int, bool) {
	if m.panics {
		m.next++
		return (m.next - 1) % len(m.hosts), true
	}
	if len(m.healthy) == 0 {
		return 0, false
	}
	m.next++
	return m.healthy[(m.next-1)%len(m.healthy)], true
}

// Record is the end of a request. What it means to the detector is a status.
func (m *Machine) Record(now time.Time, t policy.Ticket, o policy.Outcome) {
	m.advance(now)
	m.requests--
	switch {
	case o.Code == policy.Timeout:
		m.localFailure(t.Host, 504, true)
	case o.Local, o.Code == policy.Failure && o.Status == 0:
		m.localFailure(t.Host, 503, false)
	case o.Status != 0:
		m.answer(t.Host, o.Status)
	case o.Code == policy.OK, o.Code == policy.Unrecorded:
		m.answer(t.Host, 200)
	default: // Ignored and Busy ended without an answer and say nothing about the host
	}
}

// answer is an answer of the host. With the split it shows that connecting went
// well, which Envoy books when the connection is ready, here at the end of the
// request (source/common/router/upstream_request.cc, onPoolReady).
func (m *Machine) answer(i, status int) {
	if m.params.SplitLocal {
		m.localSuccess(i)
	}
	m.status(i, status)
}

// localFailure is a time-out or a failed connection: a status like any other
// unless the split gives local failures a count of their own. A request that timed
// out had its connection.
func (m *Machine) localFailure(i, status int, connected bool) {
	if !m.params.SplitLocal {
		m.status(i, status)
		return
	}
	if connected {
		m.localSuccess(i)
	}
	h := &m.hosts[i]
	h.local.total++
	h.failuresLocal++
	if h.failuresLocal == m.params.ConsecutiveLocalOriginFailure && !h.ejected {
		m.eject(i, consecutiveLocal)
		h.failuresLocal = 0
	}
}

func (m *Machine) localSuccess(i int) {
	h := &m.hosts[i]
	h.local.total++
	h.local.success++
	h.failuresLocal = 0
}

// status is putHttpResponseCode. A counter fires when it equals its setting, not
// above it, and is zeroed then, whether or not the host was ejected for it. While
// the host is ejected it is not: late answers are counted and nothing more.
func (m *Machine) status(i, status int) {
	h := &m.hosts[i]
	h.external.total++
	if status < 500 || status > 599 {
		h.external.success++
		h.failures5xx, h.failuresGateway = 0, 0
		return
	}
	if status >= 502 && status <= 504 {
		h.failuresGateway++
		if h.failuresGateway == m.params.ConsecutiveGatewayFailure && !h.ejected {
			m.eject(i, consecutiveGateway)
			h.failuresGateway = 0
		}
	} else {
		h.failuresGateway = 0
	}
	h.failures5xx++
	if h.failures5xx == m.params.Consecutive5xx && !h.ejected {
		m.eject(i, consecutive5xx)
		h.failures5xx = 0
	}
}

// eject is ejectHost: unless too many are out already, or the dice decide that this
// detection is only logged.
func (m *Machine) eject(i int, why detection) {
	p := &m.params
	allowed := 100*float64(m.ejections+1)/float64(len(m.hosts)) <= float64(p.MaxEjectionPercent)
	if p.AlwaysEjectOneHost && m.ejections == 0 {
		allowed = true
	}
	if !allowed {
		m.overflow++
		return
	}
	if share := m.enforcing(why); share < 100 && (share == 0 || m.dice()*100 >= float64(share)) {
		return
	}
	h := &m.hosts[i]
	m.ejections++
	m.enforced++
	h.ejected, h.since = true, m.now
	// Whole milliseconds, the longest included.
	h.jitter = time.Duration(m.dice()*float64(p.MaxEjectionTimeJitter/time.Millisecond+1)) * time.Millisecond
	if time.Duration(h.times)*p.BaseEjectionTime < p.longestEjection()+p.BaseEjectionTime {
		h.times++
	}
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: h.names[why]})
	m.rebalance()
}

func (m *Machine) enforcing(why detection) int {
	p := &m.params
	switch why {
	case consecutive5xx:
		return p.EnforcingConsecutive5xx
	case consecutiveGateway:
		return p.EnforcingConsecutiveGatewayFailure
	case consecutiveLocal:
		return p.EnforcingConsecutiveLocalOriginFailure
	case successRate:
		return p.EnforcingSuccessRate
	case successRateLocal:
		return p.EnforcingLocalOriginSuccessRate
	case failurePercentage:
		return p.EnforcingFailurePercentage
	default:
		return p.EnforcingFailurePercentageLocalOrigin
	}
}

// dice is the last one handed in, and after that numbers spread evenly from it: a
// sweep that ejects several hosts needs more than one.
func (m *Machine) dice() float64 {
	u := m.u
	m.u += math.Phi - 1
	m.u -= math.Floor(m.u)
	return u
}

// Advance does the sweeps up to now.
func (m *Machine) Advance(now time.Time) { m.advance(now) }

func (m *Machine) advance(now time.Time) {
	to := max(m.now, now.Sub(m.start))
	for m.sweep <= to {
		if m.idle() {
			m.sweep += (to - m.sweep).Truncate(m.params.Interval)
		}
		m.now = m.sweep
		m.interval()
		m.sweep += m.params.Interval
	}
	m.now = to
}

// idle says that a sweep would find nothing and change nothing.
func (m *Machine) idle() bool {
	for i := range m.hosts {
		if h := &m.hosts[i]; h.ejected || h.times > 0 || h.external.total > 0 || h.local.total > 0 {
			return false
		}
	}
	return true
}

// interval is onIntervalTimer: first hosts return, then the rates of the interval
// that just ended are looked at, then the multipliers fall.
func (m *Machine) interval() {
	for i := range m.hosts {
		h := &m.hosts[i]
		if h.ejected && min(m.params.BaseEjectionTime*time.Duration(h.times), m.params.longestEjection())+h.jitter <= m.now-h.since {
			m.uneject(i)
		}
	}
	m.sweepRates(successRate, failurePercentage, func(h *host) rate { return h.external })
	m.sweepRates(successRateLocal, failurePercentageLocal, func(h *host) rate { return h.local })
	for i := range m.hosts {
		h := &m.hosts[i]
		h.external, h.local = rate{}, rate{}
		// A whole interval in the rotation: not yet at the sweep of its return.
		if !h.ejected && h.times > 0 && m.now-h.back >= m.params.Interval {
			h.times--
		}
	}
}

// uneject gives the host its full share at once; all its counters start at 0.
func (m *Machine) uneject(i int) {
	h := &m.hosts[i]
	h.ejected = false
	h.back = m.now
	h.failures5xx, h.failuresGateway, h.failuresLocal = 0, 0, 0
	m.ejections--
	m.events = append(m.events, policy.Event{At: m.start.Add(m.now), Name: h.returned})
	m.rebalance()
}

// sweepRates is processSuccessRateEjections: the hosts that had enough requests in
// the interval are compared with each other and with the threshold. Who is judged
// is settled before either rule ejects, and ejectHost does not look whether the
// host is out already: one that breaks both rules is counted in ejections_active
// twice and taken out of it once, so that the percent rule is stricter ever after.
func (m *Machine) sweepRates(byRate, byPercentage detection, of func(*host) rate) {
	p := &m.params
	m.ranked, m.measured = m.ranked[:0], m.measured[:0]
	sum := 0.0
	for i := range m.hosts {
		r := of(&m.hosts[i])
		if m.hosts[i].ejected || r.total == 0 {
			continue
		}
		if r.total >= p.SuccessRateRequestVolume {
			m.ranked = append(m.ranked, i)
			sum += r.percent()
		}
		if r.total >= p.FailurePercentageRequestVolume {
			m.measured = append(m.measured, i)
		}
	}
	if n := len(m.ranked); n > 0 && n >= p.SuccessRateMinimumHosts {
		mean, variance := sum/float64(n), 0.0
		for _, i := range m.ranked {
			off := of(&m.hosts[i]).percent() - mean
			variance += off * off
		}
		variance /= float64(n)
		least := mean - float64(p.SuccessRateStdevFactor)/1000*math.Sqrt(variance)
		for _, i := range m.ranked {
			if of(&m.hosts[i]).percent() < least {
				m.eject(i, byRate)
			}
		}
	}
	if n := len(m.measured); n > 0 && n >= p.FailurePercentageMinimumHosts {
		for _, i := range m.measured {
			if 100-of(&m.hosts[i]).percent() >= float64(p.FailurePercentageThreshold) {
				m.eject(i, byPercentage)
			}
		}
	}
}

// rebalance is the load balancer's view after a host has left or come back.
func (m *Machine) rebalance() {
	m.healthy = m.healthy[:0]
	for i := range m.hosts {
		if !m.hosts[i].ejected {
			m.healthy = append(m.healthy, i)
		}
	}
	m.panics = m.inPanic()
}

// overprovisioning is Envoy's default factor, in percent.
const overprovisioning = 140

// inPanic says that too few hosts are healthy for ejections to be believed: fewer
// than the threshold, but never as long as the healthy ones, counted 1.4-fold, are
// as many as all (source/extensions/load_balancing_policies/common/
// load_balancer_impl.cc, recalculatePerPriorityPanic and isHostSetInPanic).
func (m *Machine) inPanic() bool {
	if overprovisioning*len(m.healthy)/len(m.hosts) >= 100 {
		return false
	}
	return 100*float64(len(m.healthy))/float64(len(m.hosts)) < m.panicThreshold()
}

// panicThreshold is cut to whole percent, and computed in this order: 29 % are
// 28.999... %, which is 28 (source/common/protobuf/utility.cc, convertPercent, for
// all that its macro is called PROTOBUF_PERCENT_TO_ROUNDED_INTEGER_OR_DEFAULT).
func (m *Machine) panicThreshold() float64 {
	share := m.params.HealthyPanicThreshold / 100
	return math.Trunc(100 * share)
}

// Due is the next sweep, as long as it can change anything: a host is out, or an
// interval with requests is to be judged.
func (m *Machine) Due() (at time.Time, ok bool) {
	for i := range m.hosts {
		h := &m.hosts[i]
		if h.ejected || h.external.total > 0 && m.judges() || h.local.total > 0 && m.judgesLocal() {
			return m.start.Add(m.sweep), true
		}
	}
	return time.Time{}, false
}

// judges says that a sweep can eject at all.
func (m *Machine) judges() bool {
	p := &m.params
	return p.EnforcingFailurePercentage > 0 && p.FailurePercentageMinimumHosts <= p.Hosts ||
		p.EnforcingSuccessRate > 0 && p.SuccessRateMinimumHosts <= p.Hosts
}

func (m *Machine) judgesLocal() bool {
	p := &m.params
	return p.EnforcingFailurePercentageLocalOrigin > 0 && p.FailurePercentageMinimumHosts <= p.Hosts ||
		p.EnforcingLocalOriginSuccessRate > 0 && p.SuccessRateMinimumHosts <= p.Hosts
}

// Take hands over the events since the last Take: the entries of Envoy's outlier
// event log that changed something, with the host's number.
func (m *Machine) Take() []policy.Event {
	taken := m.events
	m.events = m.events[:0]
	return taken
}

// State is Open while no call gets through for want of a host, and Closed
// otherwise: Envoy has no state between.
func (m *Machine) State() policy.State {
	if len(m.healthy) == 0 && !m.panics {
		return policy.Open
	}
	return policy.Closed
}

// Share is the share of the hosts that get no calls; in panic all do.
func (m *Machine) Share() float64 {
	if m.panics {
		return 0
	}
	return 1 - float64(len(m.healthy))/float64(len(m.hosts))
}

// Hosts is how many the cluster has, ejected or not.
func (m *Machine) Hosts() int { return len(m.hosts) }

// Snapshot is the state and Envoy's own statistics of the cluster; lb_healthy_panic,
// there a counter, is 1 while it panics.
func (m *Machine) Snapshot() policy.Snapshot {
	panics := 0.0
	if m.panics {
		panics = 1
	}
	return policy.Snapshot{State: m.State(), Share: m.Share(), Stats: []policy.Stat{
		{Name: "membership_healthy", Value: float64(len(m.healthy))},
		{Name: "lb_healthy_panic", Value: panics},
		{Name: "upstream_rq_active", Value: float64(m.requests)},
		{Name: "ejections_active", Value: float64(m.ejections)},
		{Name: "ejections_enforced_total", Value: float64(m.enforced)},
		{Name: "ejections_overflow", Value: float64(m.overflow)},
	}}
}

// Operate: a host cannot be ejected by hand.
func (m *Machine) Operate(now time.Time, _ policy.Operation) error {
	m.advance(now)
	return policy.ErrUnsupported
}
