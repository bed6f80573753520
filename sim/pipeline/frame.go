package pipeline

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// frame is one endpoint at work on one request, in one replica. What every request
// needs comes first, in two cache lines; the rest is for transactions.
type frame struct {
	link            // in the queue that it waits in
	id       uint64 // whose draws it takes
	began    vtime.Time
	deadline vtime.Time // its context ends then; never is no deadline

	epoch   uint32 // of its present wait
	life    uint32 // counts the uses of the object
	born    uint32 // counts all frames, for their order; 0 when the object is not in use
	replica int32
	ep      int32
	pc      int32
	try     int32 // the attempt that it answers; none for a client's request and a job
	session int32 // the client's
	job     int32
	fault   int32  // it is the session of a LockTable fault: its number, from 1
	round   uint32 // of all its loops so far, for its draws

	// Of a call or a fan-out.
	calls   int32 // the first of its calls under way; none
	pending int32
	needed  int32   // answers
	failed  outcome // the last that failed
	pool    int32   // whose connection its transaction has; none

	size    uint16 // of the request
	wait    waiting
	ended   uint8 // 0, or the code with which its context ended
	late    bool  // its deadline has passed
	busy    bool  // it has a worker
	given   bool  // it was given what it waited for, and is about to go on
	issuing bool
	missed  bool // the last step of calls failed, and was to Continue
	mode    uint8
	nTables uint8
	nRows   uint8

	forks  uint64
	begun  vtime.Time // its statement
	wanted int32      // pool, table or row waited for
	loops  [maxNested + 1]uint16
	held   [maxLocks]heldTable
	locked [maxLocks]heldRow
	_      [16]byte // to whole cache lines
}

// never is the deadline of what has none.
const never = vtime.Time(math.MaxInt64)

// waiting is what a frame waits for.
type waiting uint8

const (
	waitNothing waiting = iota
	waitWorker
	waitWork
	waitPool
	waitTable
	waitRow
	waitExec
	waitCalls
)

// newFrame begins an endpoint at a replica. It runs when there is a worker for it.
func (m *machine) newFrame(replica, ep int32, id uint64, size uint16) int32 {
	i := m.frames.take()
	f := m.frames.at(i)
	m.born++
	f.id, f.forks, f.born = id, 0, m.born
	f.began, f.deadline = m.k.Now(), never
	f.replica, f.ep, f.pc = replica, ep, m.g.endpoints[ep].begin
	f.try, f.session, f.job, f.fault = none, none, none, 0
	f.epoch++
	f.life++
	f.wait, f.ended, f.late, f.busy, f.given = waitNothing, 0, false, false, false
	f.size, f.round, f.calls, f.issuing, f.missed = size, 0, none, false, false
	f.pool, f.nTables, f.nRows = none, 0, 0
	m.rec.endpoints[ep].started++
	return i
}

// admit gives a new frame a worker, lets it wait for one, or turns it away.
func (m *machine) admit(i int32) {
	f := m.frames.at(i)
	r := &m.replicas[f.replica]
	s := &m.g.services[r.service]
	switch {
	case s.workers == 0:
	case r.busy < s.workers && r.waiting.n == 0:
		r.busy++
		f.busy = true
	case s.backlog != Unbounded && r.waiting.n >= s.backlog:
		m.rec.endpoints[f.ep].turnedAway++
		m.fail(i, unavailable)
		return
	default:
		f.wait = waitWorker
		r.waiting.push(i, m.frameLink)
		return
	}
	m.run(i)
}

// freeWorker hands a worker to who waits longest.
func (m *machine) freeWorker(replica int32) {
	r := &m.replicas[replica]
	if r.waiting.n == 0 {
		r.busy--
		return
	}
	i := r.waiting.first
	r.waiting.remove(i, m.frameLink)
	m.frames.at(i).busy = true
	m.give(i)
}

// give lets a frame that waits go on, at the present instant.
func (m *machine) give(i int32) {
	f := m.frames.at(i)
	f.given = true
	f.epoch++
	m.k.PostSoon(event(evFrame, f.epoch), uint32(i))
}

// proceed is the end of a frame's wait.
func (m *machine) proceed(i int32, f *frame) {
	f.epoch++
	was := f.wait
	f.wait, f.given = waitNothing, false
	if f.fault != 0 {
		m.lockTaken(i)
		return
	}
	switch was {
	case waitWorker:
		if f.ended != 0 {
			m.fail(i, outcome{code: f.ended})
			return
		}
	case waitPool, waitTable, waitRow: // held since it was given
	default:
	}
	if was != waitWorker {
		f.pc++
	}
	m.run(i)
}

// sleep lets a frame wait for a time.
func (m *machine) sleep(i int32, f *frame, why waiting, d time.Duration) {
	f.wait = why
	m.k.Post(d, event(evFrame, f.epoch), uint32(i))
}

// key is that of a frame's next draw: of this step in this round, whatever else the
// request or others have done.
func (m *machine) key(f *frame, o *op) uint64 {
	if m.o.HandlerKeys {
		return f.fork()
	}
	return f.id + vtime.Mix(o.key+uint64(f.round))
}

// fork is vtime.Tag's.
func (f *frame) fork() uint64 {
	f.forks++
	return vtime.Mix(f.id + vtime.Mix(f.forks))
}

// run takes a frame through its steps until it waits or has answered.
func (m *machine) run(i int32) {
	f := m.frames.at(i)
	for {
		o := &m.g.ops[f.pc]
		switch o.kind {
		case opWork:
			if f.ended != 0 {
				m.fail(i, outcome{code: f.ended})
				return
			}
			m.sleep(i, f, waitWork, m.taken(f, &o.time, m.works[m.g.endpoints[f.ep].service].At(m.key(f, o))))
			return
		case opExec:
			m.exec(i, f, o)
			return
		case opCall:
			if !m.issue(i, f, o) {
				return
			}
		case opBegin:
			if !m.begin(i, f, o) {
				return
			}
		case opTable:
			if !m.lockTable(i, f, o) {
				return
			}
		case opRow:
			if !m.lockRow(i, f, o) {
				return
			}
		case opEnd:
			m.commit(f)
		case opEnqueue:
			m.enqueue(o, m.key(f, o), f.size)
		case opMaybe:
			if m.choice.At(m.key(f, o)) >= o.share {
				f.pc = o.to
				continue
			}
		case opWhen:
			if f.missed != o.failed {
				f.pc = o.to
				continue
			}
		case opRepeat:
			n := o.n
			if o.bySize {
				n = int32(f.size)
			}
			f.loops[o.what] = uint16(max(n, 1))
		case opLoop:
			f.round++
			if f.loops[o.what]--; f.loops[o.what] > 0 {
				f.pc = o.to
				continue
			}
		case opReturn:
			m.finish(i, answered)
			return
		default:
			panic(fmt.Sprintf("pipeline: operation %d", o.kind))
		}
		f.pc++
	}
}

// taken is a drawn time, longer where a fault slows the endpoint.
func (m *machine) taken(f *frame, d *sim.Dist, u float64) time.Duration {
	t := d.Draw(u)
	if m.slowed {
		t = time.Duration(float64(t) * m.slow[int(f.ep)*len(m.replicas)+int(f.replica)])
	}
	return t
}

// fail ends a frame at once with what went wrong.
func (m *machine) fail(i int32, o outcome) { m.finish(i, o) }

// finish ends a frame: it gives everything back and answers.
func (m *machine) finish(i int32, o outcome) {
	f := m.frames.at(i)
	m.letGo(i, f)
	m.rec.endpointEnded(f, o, m.k.Now())
	try, session, job, replica, busy := f.try, f.session, f.job, f.replica, f.busy
	f.born = 0
	f.life++
	f.epoch++
	forks := f.forks
	m.frames.give(i)
	if busy {
		m.freeWorker(replica)
	}
	switch {
	case try != none:
		m.respond(try, o.onTheWire())
	case session != none:
		m.sessionAnswered(session, o, forks)
	case job != none:
		m.jobDone(job, o)
	}
}

// letGo takes a frame out of what it waits in and gives back what it holds.
func (m *machine) letGo(i int32, f *frame) {
	switch f.wait {
	case waitWorker:
		if !f.given {
			m.replicas[f.replica].waiting.remove(i, m.frameLink)
		}
	case waitPool:
		if !f.given {
			p := &m.pools[f.wanted]
			p.waiting.remove(i, m.frameLink)
			m.rec.pools[p.spec].waiting--
		}
	case waitTable:
		if !f.given {
			m.leaveTable(i, f)
		}
	case waitRow:
		if !f.given {
			m.leaveRow(i, f)
		}
	default:
	}
	f.wait = waitNothing
	m.commit(f)
}

// deadline is a frame's context running out of time.
func (m *machine) deadline(i int32) {
	f := m.frames.at(i)
	f.late = true
	if f.ended == 0 {
		f.ended = deadlineCode
		m.contextEnded(i, f, deadlineCode)
		return
	}
	// A statement that did not hear of its caller's going has the deadline still.
	if m.inTransaction(f) && m.hears(f) {
		m.interrupt(i, outcome{code: deadlineCode})
	}
}

// cancel is a frame's context being cancelled.
func (m *machine) cancel(i int32) {
	f := m.frames.at(i)
	if f.ended == 0 {
		f.ended = canceledCode
		m.contextEnded(i, f, canceledCode)
	}
}

func (m *machine) contextEnded(i int32, f *frame, code uint8) {
	switch {
	case f.wait == waitWorker || f.wait == waitWork:
		m.interrupt(i, outcome{code: code})
	case f.wait == waitCalls:
		m.callsHear(f, code)
	case m.inTransaction(f) && m.hears(f):
		m.interrupt(i, outcome{code: code})
	}
}

func (m *machine) inTransaction(f *frame) bool {
	return f.wait == waitPool || f.wait == waitTable || f.wait == waitRow || f.wait == waitExec
}

// hears says whether the statements of a frame's transaction know that its context
// has ended: of a deadline always, of its caller's going as the policy has it.
func (m *machine) hears(f *frame) bool {
	return f.late || f.ended != 0 && m.g.pools[m.g.ops[f.pc].what].cancel == policy.Propagate
}

// interrupt ends a frame's wait with a failure, unless it was given what it waited
// for at this very instant.
func (m *machine) interrupt(i int32, o outcome) {
	f := m.frames.at(i)
	if f.given {
		return
	}
	m.fail(i, o)
}

// endedCode is the code of a frame whose context ended and whose statement hears it.
func (f *frame) endedCode() uint8 {
	if f.late {
		return deadlineCode
	}
	return f.ended
}
