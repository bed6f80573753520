package pipeline

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// ticketOf is what a call has of its breaker and its retries, beside it in memory
// so that edges without either never touch it.
func (m *machine) ticketOf(c int32) *ticket {
	for int(c) >= len(m.tickets.blocks)<<blockBits {
		m.tickets.blocks = append(m.tickets.blocks, new([blockSize]ticket))
	}
	return m.tickets.at(c)
}

// reasonBusy is the reason of a rejection by the guard itself and not by its breaker.
const reasonBusy = "max_concurrent"

// enter asks for a place and for the breaker's leave, in the stage's order. ok is
// false when the call is turned away, with o.
func (m *machine) enter(v *call, s library.Stage) (t policy.Ticket, asked bool, limit time.Duration, o outcome, ok bool) {
	g := &m.guards[v.guard]
	full := s.Limit && int(g.inFlight) >= g.Max
	if full && s.LimitFirst {
		return t, false, 0, m.turnedAway(g, reasonBusy), false
	}
	if s.Breaker {
		now := m.advance(v.guard, g)
		ticket, verdict := g.Breaker.Allow(now, m.dice.At(v.id+uint64(v.attempt)<<1))
		m.settle(v.guard, g, now)
		if !verdict.Admitted {
			return t, false, 0, m.turnedAway(g, verdict.Reason), false
		}
		if full {
			g.Breaker.Record(now, ticket, policy.Outcome{Code: policy.Busy})
			m.settle(v.guard, g, now)
		}
		t, asked, limit = ticket, true, verdict.Limit
	}
	if full {
		return t, false, 0, m.turnedAway(g, reasonBusy), false
	}
	if s.Limit {
		g.inFlight++
	}
	return t, asked, limit, o, true
}

func (m *machine) turnedAway(g *guard, reason string) outcome {
	m.edges[g.edge].res.Rejected++
	return m.rejectionOf(g.edge, reason)
}

// record tells the breaker how what it admitted ended, once.
func (m *machine) record(n int32, t policy.Ticket, o policy.Outcome) {
	g := &m.guards[n]
	now := m.advance(n, g)
	g.Breaker.Record(now, t, o)
	m.settle(n, g, now)
}

// begins makes a call.
func (m *machine) begins(c int32, v *call, g *guard) {
	m.edges[g.edge].res.Calls++
	if g.Outer.Limit || g.Outer.Breaker {
		t, asked, limit, o, ok := m.enter(v, g.Outer)
		if !ok {
			m.done(c, o)
			return
		}
		if v.passed = asked; asked {
			own := m.ticketOf(c)
			own.outer, own.limit = t, limit
		}
	}
	if g.retries {
		m.ticketOf(c).tries = g.Plan.Begin()
	}
	m.attempt(c, v, g)
}

// attempt makes the next try of a call, and further ones while they are turned away
// and may be made again at once.
func (m *machine) attempt(c int32, v *call, g *guard) {
	for {
		v.attempt++
		t, asked, limit, o, ok := m.enter(v, g.Inner)
		if ok {
			if v.asked = asked; asked {
				m.ticketOf(c).inner = t
			}
			v.tried = m.k.Now()
			m.edges[g.edge].res.Attempts++
			m.launch(c, v, g, limit)
			return
		}
		if !m.again(c, v, g, o, true) {
			return
		}
	}
}

// attemptEnded is the caller's end of an attempt.
func (m *machine) attemptEnded(c int32, o outcome) {
	v := m.calls.at(c)
	g := &m.guards[v.guard]
	v.try = none
	if o.timedOut() {
		m.edges[g.edge].res.TimedOut++
	}
	if v.asked {
		v.asked = false
		told := g.record(o, time.Duration(m.k.Now()-v.tried))
		if o.flags&abandoned != 0 {
			told.Code = policy.Ignored
		}
		m.record(v.guard, m.ticketOf(c).inner, told)
	}
	if m.again(c, v, g, o, false) {
		m.attempt(c, v, g)
	}
}

// again says whether a call makes its next attempt now; else it has ended, or waits
// for the attempt.
func (m *machine) again(c int32, v *call, g *guard, o outcome, rejected bool) bool {
	wait, more := m.judge(c, v, g, o, rejected)
	if !more {
		m.ends(c, v, o)
		return false
	}
	// A caller that has gone gets no further attempt, and the attempt's own error
	// says more than its going. A total time limit that ends in the wait is an
	// answer of its own.
	left := m.left(v, g)
	over := g.Times.Total > 0 && left <= wait
	if over && left > 0 {
		wait, o = left, g.tooLate()
	}
	v.held = o
	switch {
	case v.frame == none || m.frames.at(v.frame).ended != 0 || over && left <= 0:
		m.givenUp(c, v, o)
		return false
	case wait > 0:
		v.sleeps, v.over = true, over
		m.k.Post(wait, event(evRetry, v.life), uint32(c))
		return false
	}
	return m.next(c, v)
}

// retryNow is the end of the wait before an attempt.
func (m *machine) retryNow(c int32) {
	v := m.calls.at(c)
	v.sleeps = false
	if v.over {
		m.givenUp(c, v, v.held)
		return
	}
	if m.next(c, v) {
		m.attempt(c, v, &m.guards[v.guard])
	}
}

// next begins the next attempt, if the budget still allows it.
func (m *machine) next(c int32, v *call) bool {
	if m.ticketOf(c).tries.Again() {
		return true
	}
	m.ends(c, v, v.held)
	return false
}

// givenUp ends a call whose next attempt was decided on and is not made after all.
func (m *machine) givenUp(c int32, v *call, o outcome) {
	v.sleeps = false
	if tries := &m.ticketOf(c).tries; tries.Again() {
		tries.GivenUp()
	}
	m.ends(c, v, o)
}

// left is what is left of a call's total time limit.
func (m *machine) left(v *call, g *guard) time.Duration {
	return g.Times.Total - time.Duration(m.k.Now()-v.began)
}

// judge says whether an attempt that ended so is made again, and after which wait.
func (m *machine) judge(c int32, v *call, g *guard, o outcome, rejected bool) (wait time.Duration, more bool) {
	if !g.retries {
		return 0, false
	}
	tries := &m.ticketOf(c).tries
	switch {
	case o.ok():
		tries.Succeeded()
	case o.flags&abandoned != 0 || !m.worth(v, g, o, rejected):
		tries.GivenUp()
	default:
		var u float64
		if !g.Plan.Steady {
			u = m.dice.At(v.id + uint64(v.attempt)<<1 + 1)
		}
		return tries.Failed(u)
	}
	return 0, false
}

// worth says whether an attempt that failed may be made again as far as its outcome
// goes. After the total time limit none is; gRPC counts such an attempt for its
// throttling all the same.
func (m *machine) worth(v *call, g *guard, o outcome, rejected bool) bool {
	if g.Times.Total > 0 && m.left(v, g) <= 0 && g.Times.Ending != library.EndDeadline {
		return false
	}
	switch {
	case rejected:
		return g.Plan.Rejected
	case g.Plan.Retries != nil:
		return g.Plan.Retries(uint32(o.code))
	default:
		return o.retryable()
	}
}

// ends is the end of a call, whatever became of it.
func (m *machine) ends(c int32, v *call, o outcome) {
	g := &m.guards[v.guard]
	if g.retries {
		m.ticketOf(c).tries.End()
	}
	if g.Outer.Limit {
		g.inFlight--
	}
	if v.passed {
		told := g.record(o, time.Duration(m.k.Now()-v.began))
		if o.reject != 0 && m.rejections[o.reject].edge == g.edge { // by a limit inside the retries
			told.Code, told.Status = policy.Busy, 0
		}
		if o.flags&abandoned != 0 {
			told.Code = policy.Ignored
		}
		m.record(v.guard, m.ticketOf(c).outer, told)
	}
	if o.ok() {
		m.edges[g.edge].res.OK++
	}
	m.done(c, o)
}
