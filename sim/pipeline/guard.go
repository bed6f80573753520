package pipeline

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/retry"
	"tripcurve/sim/vtime"
)

// guard carries out the policy of one edge for one replica of the caller, as
// services/host.Guard does for a process.
type guard struct {
	*shape
	edge     int32
	inFlight int32
	state    policy.State // as last noted
	due      time.Time    // when the breaker's timer fires; zero for none
	epoch    uint32       // of that timer
	waitLane *vtime.Lane  // of the caller's own time limit
	endLane  *vtime.Lane  // of the deadline
}

// call is one guarded call and its attempts.
type call struct {
	next    int32 // of the same frame
	frame   int32
	guard   int32
	ep      int32 // called
	index   int32 // of the fan-out
	attempt uint32
	try     int32 // under way; none
	life    uint32
	id      uint64 // whose draws it takes
	began   vtime.Time
	tried   vtime.Time // its present attempt began
	over    bool       // the total time limit ends the present wait
	sleeps  bool       // between two attempts
	asked   bool       // its present attempt has a ticket
	passed  bool       // it has a ticket of its own, outside the attempts
	held    outcome    // what it ends with if no further attempt is made
}

// ticket is what a call has of its breaker, and of its retries.
type ticket struct {
	inner, outer policy.Ticket
	limit        time.Duration // what the breaker outside the retries allows an attempt; 0 is no limit
	tries        retry.Call
}

// newGuard puts the guard's policy together, as a process that begins does.
func (m *machine) newGuard(n int32) error {
	g := &m.guards[n]
	p := m.g.edges[g.edge].policy
	built, err := library.New(p.Breaker, m.now())
	if err != nil {
		return err
	}
	s, err := newShape(p, built)
	if err != nil {
		return err
	}
	*g = guard{shape: s, edge: g.edge, epoch: g.epoch + 1}
	if s.Breaker != nil {
		g.state = s.Breaker.State()
	}
	if s.Times.Call > 0 {
		g.waitLane = m.k.Lane(s.Times.Call)
	}
	if p.Deadline > 0 {
		g.endLane = m.k.Lane(p.Deadline)
	}
	return nil
}

// issue begins the calls of a step; false when the frame waits for them or has
// failed.
func (m *machine) issue(i int32, f *frame, o *op) bool {
	g := m.edges[o.what].guard + f.replica - m.g.services[m.g.edges[o.what].from].first
	f.pending, f.needed, f.failed = o.n, o.need, outcome{}
	f.issuing, f.wait = true, waitCalls
	for n := range o.n {
		c := m.calls.take()
		v := m.calls.at(c)
		*v = call{
			next: f.calls, frame: i, guard: g, ep: o.to, index: n, try: none, life: v.life + 1,
			began: m.k.Now(), id: f.id + vtime.Mix(o.key+uint64(f.round)+uint64(n)<<40),
		}
		f.calls = c
		m.begins(c, v, &m.guards[g])
		if f.needed <= 0 || f.pending < f.needed {
			break
		}
	}
	f.issuing = false
	return m.settled(i, f, o)
}

// settled says whether the frame can go on after its calls: enough were answered,
// or Continue. It fails the frame when too few can be.
func (m *machine) settled(i int32, f *frame, o *op) bool {
	switch {
	case f.needed <= 0 || f.pending < f.needed && o.resume:
		m.dropCalls(f)
		f.wait, f.missed = waitNothing, f.needed > 0
		return true
	case f.pending < f.needed:
		m.dropCalls(f)
		f.wait = waitNothing
		m.fail(i, f.failed)
		return false
	default:
		return false
	}
}

// dropCalls leaves the calls that nobody waits for any more: cancelled or running
// on, as the policy has it. They make no further attempts.
func (m *machine) dropCalls(f *frame) {
	for f.calls != none {
		c := f.calls
		v := m.calls.at(c)
		f.calls, v.frame = v.next, none
		gone := outcome{code: canceledCode, flags: abandoned}
		switch {
		case v.sleeps:
			m.givenUp(c, v, gone)
		case m.guards[v.guard].policy.Cancel == policy.Propagate:
			m.leaveTry(v.try, gone)
		}
	}
}

// callsHear is the context of a frame ending while its calls are under way.
func (m *machine) callsHear(f *frame, code uint8) {
	life, pc, round := f.life, f.pc, f.round
	for c := f.calls; c != none; {
		v := m.calls.at(c)
		next := v.next
		switch {
		case v.sleeps:
			m.givenUp(c, v, v.held)
		case m.guards[v.guard].policy.Cancel == policy.Propagate:
			m.leaveTry(v.try, outcome{code: code})
		}
		if f.life != life || f.wait != waitCalls || f.pc != pc || f.round != round {
			return // it has gone on, and dropped the rest
		}
		c = next
	}
}

// done is a call telling its frame how it ended.
func (m *machine) done(c int32, o outcome) {
	v := m.calls.at(c)
	i, g := v.frame, v.guard
	v.life++
	m.calls.give(c)
	if i == none {
		return
	}
	f := m.frames.at(i)
	m.unlist(f, c, v.next)
	f.pending--
	if o.ok() {
		f.needed--
	} else {
		o.flags |= ofCall
		if m.guards[g].policy.Fallback && !o.business() {
			o.flags = ofCall | degraded
			o.code = unavailableCode
		}
		f.failed = o
	}
	if f.issuing {
		return
	}
	op := &m.g.ops[f.pc]
	if m.settled(i, f, op) {
		f.pc++
		m.run(i)
	}
}

// unlist takes a call out of its frame's list.
func (m *machine) unlist(f *frame, c, next int32) {
	if f.calls == c {
		f.calls = next
		return
	}
	for p := f.calls; p != none; {
		v := m.calls.at(p)
		if v.next == c {
			v.next = next
			return
		}
		p = v.next
	}
}

// transition notes a change of the breaker's state. It looks at the state and not at the
// events' names, which every library chooses for itself.
func (m *machine) transition(n int32, g *guard) {
	s := g.Breaker.State()
	if s == g.state {
		return
	}
	g.state = s
	m.rec.breaker(m, n, g.edge, s)
}

// advance brings the breaker up to now; transitions that time alone made are noted
// before a call can undo them.
func (m *machine) advance(n int32, g *guard) time.Time {
	now := m.now()
	g.Breaker.Advance(now)
	m.transition(n, g)
	return now
}

// settle notes what an operation changed and keeps the timer set to the breaker's
// next own change.
func (m *machine) settle(n int32, g *guard, now time.Time) {
	m.transition(n, g)
	g.Breaker.Take() // nobody reads them, and untaken they would pile up
	at, ok := g.Breaker.Due()
	if ok && at.Equal(g.due) || !ok && g.due.IsZero() {
		return
	}
	g.epoch++
	g.due = time.Time{}
	if ok {
		g.due = at
		m.k.Post(at.Sub(now), event(evBreaker, g.epoch), uint32(n))
	}
}

// wakeBreaker does what the library's own timer would have done.
func (m *machine) wakeBreaker(n int32) {
	g := &m.guards[n]
	if now := m.now(); !now.Before(g.due) {
		g.due = time.Time{}
	}
	m.settle(n, g, m.advance(n, g))
}
