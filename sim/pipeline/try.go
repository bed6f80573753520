package pipeline

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// try is one attempt on its way: at the client until it has its answer or goes on
// without, at the server until the endpoint has ended. It fills one cache line.
type try struct {
	link        // in its connection's list
	id   uint64 // whose draws the endpoint takes
	// end of its context; once it has been sent, what was left then: grpc-timeout.
	end   vtime.Time
	call  int32 // none when the caller has gone on
	guard int32
	conn  int32
	frame int32 // at the server; none
	life  uint32
	flow  uint32 // of its connection when it was sent
	resp  outcome
	ep    uint16
	size  uint16
	state tryState
	users int8 // the client, the request or its frame, and the resets under way
	own   bool // end is the caller's own time limit and not a deadline
	total bool // the time limit is that over all attempts
	holds bool // a place of the guard's limit
	heard bool // the server has heard that nobody waits
}

type tryState uint8

const (
	tryWaiting tryState = iota // for a stream
	tryOpen
	tryLost // its connection has failed, which the client is about to hear
	tryOver // the client is done with it
)

// launch sends an attempt that was let through, under its time limits. Under
// Detach with a time limit of the caller's own, the caller goes on when that is
// over and the attempt lives on by itself.
func (m *machine) launch(c int32, v *call, g *guard, limit time.Duration) {
	f := m.frames.at(v.frame)
	b := g.Times.Bounds(limit, m.outerLimit(c, v), m.left(v, g))
	now := m.k.Now()
	detach := g.policy.Cancel == policy.Detach
	race := detach && b.Wait > 0 && !b.Ends
	n := m.tries.take()
	t := m.tries.at(n)
	*t = try{
		call: c, guard: v.guard, ep: uint16(v.ep), life: t.life + 1, end: never, frame: none, total: b.Total,
		holds: g.Inner.Limit, users: 1, size: f.size,
	}
	if int(n) == len(m.limits) {
		m.limits = append(m.limits, 0)
	}
	v.try = n
	d := b.Deadline
	if !race && b.Wait > 0 && (d == 0 || b.Wait <= d) {
		d, t.own = b.Wait, true
	}
	if m.o.HandlerKeys {
		t.id = f.descend(detach, race, d > 0)
	} else {
		t.id = v.id + vtime.Mix(uint64(v.attempt))
	}
	if !detach && f.deadline != never {
		t.end = f.deadline
	}
	if d > 0 {
		if at := now + vtime.Time(d); at < t.end {
			t.end = at
			m.limit(g, d, event(evTryEnd, m.limits[n]), n)
		} else {
			t.own = false // the caller's own deadline comes first
		}
	}
	if race {
		m.limit(g, b.Wait, event(evTryWait, m.limits[n]), n)
	}
	if !detach && f.ended != 0 {
		t.state = tryOver
		m.tryDone(n, t, outcome{code: f.ended})
		return
	}
	t.conn = m.choose(v, f.replica)
	m.send(n, t)
}

// outerLimit is what a breaker outside the retries allows an attempt; 0 is no limit.
func (m *machine) outerLimit(c int32, v *call) time.Duration {
	if !v.passed {
		return 0
	}
	return m.ticketOf(c).limit
}

// limit sets the timer of a time limit, on a lane where the limit is always the same.
func (m *machine) limit(g *guard, d time.Duration, op uint32, n int32) {
	switch {
	case g.waitLane != nil && d == g.Times.Call:
		g.waitLane.Post(op, uint32(n))
	case g.endLane != nil && d == g.policy.Deadline:
		g.endLane.Post(op, uint32(n))
	default:
		m.k.Post(d, op, uint32(n))
	}
}

// descend is the tag that the coded handlers would give to an attempt's endpoint:
// each context on the way is a fork of the one above it.
func (f *frame) descend(detach, race, bounded bool) uint64 {
	at := f
	var below frame
	into := func() {
		id := at.fork()
		below = frame{id: id}
		at = &below
	}
	if detach && f.try != none { // a customer's own context never ends and needs no detaching
		into()
	}
	if race {
		into()
	}
	if bounded {
		into()
	}
	return at.fork()
}

// choose is the connection on which an attempt goes: to which replica of the callee.
func (m *machine) choose(v *call, replica int32) int32 {
	g := &m.guards[v.guard]
	st := &m.edges[g.edge]
	e := &m.g.edges[g.edge]
	from := replica - m.g.services[e.from].first
	to := &m.g.services[e.to]
	first := st.conn + from*to.n
	if to.n == 1 {
		return first
	}
	last := &st.turns[from]
	switch to.balance {
	case sim.Shards:
		if op := &m.g.ops[m.frames.at(v.frame).pc]; op.n > 1 {
			return first + v.index%to.n
		}
		return first + int32(m.choice.At(v.id)*float64(to.n))
	case sim.LeastRequests:
		best := none
		for i := range to.n {
			at := (*last + 1 + i) % to.n
			if !m.conns[first+at].down && (best == none || m.conns[first+at].load() < m.conns[first+best].load()) {
				best = at
			}
		}
		if best == none {
			best = (*last + 1) % to.n
		}
		*last = best
	default:
		for range to.n {
			if *last = (*last + 1) % to.n; !m.conns[first+*last].down {
				break
			}
		}
	}
	return first + *last
}

// arrive is a request reaching the server.
func (m *machine) arrive(n int32, t *try) {
	c := &m.conns[t.conn]
	if t.heard || t.flow != c.flow {
		m.leave(n, t)
		return
	}
	i := m.newFrame(c.to, int32(t.ep), t.id, t.size)
	f := m.frames.at(i)
	f.try, t.frame = n, i
	st := &m.edges[c.edge]
	if st.fail > 0 && m.failures.At(t.id) < st.fail {
		m.fail(i, unavailable)
		return
	}
	if t.end != never {
		left := t.end
		f.deadline = m.k.Now() + left
		f.late = left <= 0
		if f.late {
			f.ended = deadlineCode
		} else if t.state != tryOpen {
			m.armDeadline(t)
		}
	}
	m.admit(i)
}

// armDeadline sets the timer of an endpoint's own deadline, when its client is done
// with the attempt. Until then there is no need of one: the client's own end comes a
// network delay earlier, and then this is called.
func (m *machine) armDeadline(t *try) {
	if t.frame == none {
		return
	}
	if f := m.frames.at(t.frame); f.deadline != never && !f.late {
		m.k.Post(time.Duration(f.deadline-m.k.Now()), event(evFrameEnd, f.life), uint32(t.frame))
	}
}

// respond is an endpoint having ended.
func (m *machine) respond(n int32, o outcome) {
	t := m.tries.at(n)
	t.frame = none
	if !t.heard && t.state == tryOpen && m.carriesAnswer(t.conn) {
		t.resp = o
		m.wire(t.conn, event(evAnswer, t.life), n, t.id+2)
	}
	m.leave(n, t)
}

// answer is the answer reaching the client.
func (m *machine) answer(n int32, t *try) {
	m.conns[t.conn].lastRead = m.k.Now()
	m.close(t)
	m.tryDone(n, t, t.resp)
}

// tryDeadline is the end of an attempt's context.
func (m *machine) tryDeadline(n int32) {
	t := m.tries.at(n)
	o := outcome{code: deadlineCode}
	if t.own {
		o = m.guards[t.guard].timedOut(t.total)
	}
	m.leaveTry(n, o)
}

// tryAbandonedByRace is the caller's own timer running out while the attempt lives
// on.
func (m *machine) tryAbandonedByRace(n int32) {
	t := m.tries.at(n)
	c := t.call
	t.call = none
	m.attemptEnded(c, m.guards[t.guard].timedOut(t.total))
}

// leaveTry is the client going on without an answer: it resets the stream, which the
// server hears of where the flow still carries anything.
func (m *machine) leaveTry(n int32, o outcome) {
	t := m.tries.at(n)
	switch t.state {
	case tryWaiting:
		m.unlistTry(&m.conns[t.conn].waiting, t)
		t.state = tryOver
	case tryOpen:
		m.close(t)
		if m.carriesRequest(t.conn) {
			m.tell(n, t)
		}
	case tryLost, tryOver:
		t.state = tryOver
	}
	m.tryDone(n, t, o)
}

// lost is the client hearing that an attempt's connection has failed.
func (m *machine) lost(n int32) {
	t := m.tries.at(n)
	t.state = tryOver
	m.tryDone(n, t, unavailable)
}

// tell lets the server know, a network delay later, that nobody waits.
func (m *machine) tell(n int32, t *try) {
	t.users++
	m.wire(t.conn, event(evReset, t.life), n, t.id+3)
}

// heardReset is RST_STREAM, or the loss of the connection, arriving at the server.
func (m *machine) heardReset(n int32) {
	t := m.tries.at(n)
	t.heard = true
	if t.frame != none {
		m.cancel(t.frame)
	}
	m.leave(n, t)
}

// tryDone is the client being done with an attempt.
func (m *machine) tryDone(n int32, t *try, o outcome) {
	m.limits[n]++
	if t.holds {
		m.guards[t.guard].inFlight--
	}
	c := t.call
	t.call = none
	m.leave(n, t)
	if c != none {
		m.attemptEnded(c, o)
	}
}

// leave is one of an attempt's users being done with it.
func (m *machine) leave(n int32, t *try) {
	if t.users--; t.users == 0 {
		t.life++
		m.tries.give(n)
	}
}
