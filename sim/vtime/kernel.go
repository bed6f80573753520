// Package vtime is the kernel of the simulator: integer virtual time, a queue of
// events, and processes that are coroutines. One goroutine runs a kernel at a
// time; two events that are due at the same instant run in the order in which
// they were scheduled, so the same program gives the same run.
package vtime

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Time is nanoseconds since the kernel began.
type Time int64

// Runner is what an event runs. A func is made one by Func; long-lived objects
// implement it themselves, so that scheduling them allocates nothing.
type Runner interface{ Run() }

// Func is a Runner made of a function.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// kind is what an event does.
type kind uint8

const (
	call   kind = iota // run r in the kernel's own context: it must not park
	start              // run r as a process
	resume             // go on with a parked process
	post               // hand op and arg to the machine
)

// slot is what a queued event points to. Entries of the queue hold the slot's
// number and generation and no pointers: moving them costs no write barrier, and
// stopping a timer is advancing its slot's generation. A slot is filled in place, with
// what its kind needs; the rest is whatever the event before left there.
type slot struct {
	gen    uint32
	kind   kind
	reason Reason
	p      *Proc
	r      Runner
	group  *Group
}

// soon is an event that is due at the present instant.
type soon struct {
	seq   uint64
	kind  kind
	p     *Proc
	r     Runner
	group *Group

	op, arg uint32 // of a post
}

// Kernel runs events in the order of their time, and of their scheduling where
// that is equal.
//
// An event is one dispatch: a timer or a message that falls due and runs its
// function, a process that begins, or a parked process that goes on. Timers that
// were stopped are not counted.
type Kernel struct {
	base   time.Time
	now    Time
	limit  Time
	seq    uint64
	events uint64

	queue queue
	ready ring[soon]
	slots []slot
	free  []uint32

	lanes    map[time.Duration]*Lane
	numbered []*Lane
	heads    heap // of each lane with timers the oldest, its slot being the lane's number

	machine  Machine  // nil where all is processes and calls
	upcoming []Posted // what the machine was last told of

	cur   *Proc // the process that runs; nil in the kernel's own context
	next  *Proc // who is to go on; nil to go back to the root
	idle  []*Proc
	all   []*Proc
	crew  *Crew // whom coroutines come from and go back to; nil for none
	live  int
	depth int // processes that have entered another

	ctx     context.Context // ends a Run early
	stopped bool            // Run is to return
	closing bool
	failure *ProcessPanic
}

// New is a kernel whose virtual time begins at base.
func New(base time.Time) *Kernel {
	return &Kernel{base: base.UTC(), queue: newQueue(), lanes: make(map[time.Duration]*Lane)}
}

// Hire makes crew the one whom the kernel has its coroutines and the memory of its
// queues from, before it runs; nil is none, and they are the kernel's own.
func (k *Kernel) Hire(crew *Crew) {
	if k.crew = crew; crew == nil {
		return
	}
	r := crew.room()
	k.queue.es = append(r.heap, k.queue.es...)
	k.slots, k.free = append(r.slots, k.slots...), append(r.free, k.free...)
	k.idle, k.all = append(r.idle, k.idle...), append(r.all, k.all...)
	if k.ready.len() == 0 {
		k.ready = ring[soon]{buf: r.ready}
	}
}

// Now is the present instant.
func (k *Kernel) Now() Time { return k.now }

// Clock is an instant as a time in UTC.
func (k *Kernel) Clock(t Time) time.Time { return k.base.Add(time.Duration(t)) }

// Events is how many events were dispatched so far.
func (k *Kernel) Events() uint64 { return k.events }

// Live is how many processes have begun and not ended.
func (k *Kernel) Live() int { return k.live }

// Current is the process that runs; nil in the kernel's own context.
func (k *Kernel) Current() *Proc { return k.cur }

// Timer is a scheduled event that can be stopped. The zero Timer is none.
type Timer struct {
	k    *Kernel
	slot uint32
	gen  uint32
}

// Stop takes the event back; false when it has run or was stopped before, or when its
// kernel has been closed.
func (t Timer) Stop() bool {
	if t.k == nil || int(t.slot) >= len(t.k.slots) || t.k.slots[t.slot].gen != t.gen {
		return false
	}
	t.k.release(t.slot)
	return true
}

// After runs r in the kernel's own context after d. r must not park.
func (k *Kernel) After(d time.Duration, r Runner) Timer {
	n, s := k.take()
	s.kind, s.r = call, r
	return k.schedule(d, n, s)
}

// StartAfter runs r as a process of g after d.
func (k *Kernel) StartAfter(d time.Duration, g *Group, r Runner) Timer {
	n, s := k.take()
	s.kind, s.r, s.group = start, r, g
	return k.schedule(d, n, s)
}

// Soon runs r in the kernel's own context at the present instant, after all that
// is already due.
func (k *Kernel) Soon(r Runner) {
	s := k.soon(call)
	s.r = r
}

// Start runs r as a process of g at the present instant. g may be nil.
func (k *Kernel) Start(g *Group, r Runner) {
	s := k.soon(start)
	s.r, s.group = r, g
}

// soon is an event at the present instant, to be filled with what its kind needs.
func (k *Kernel) soon(what kind) *soon {
	k.seq++
	s := k.ready.push()
	s.seq, s.kind = k.seq, what
	return s
}

// timer is After on the lane of d where there is one, and else in the heap.
func (k *Kernel) timer(d time.Duration, r Runner) Timer {
	if l := k.lanes[d]; l != nil {
		return l.After(r)
	}
	return k.After(d, r)
}

func (k *Kernel) due(d time.Duration) Time {
	if d < 0 {
		d = 0
	}
	if at := k.now + Time(d); at >= k.now {
		return at
	}
	return math.MaxInt64
}

// schedule queues the event of a slot that has been filled.
func (k *Kernel) schedule(d time.Duration, n uint32, s *slot) Timer {
	k.seq++
	k.queue.push(entry{at: k.due(d), seq: k.seq, slot: n, gen: s.gen})
	return Timer{k, n, s.gen}
}

// take is a free slot.
func (k *Kernel) take() (uint32, *slot) {
	if n := len(k.free) - 1; n >= 0 {
		i := k.free[n]
		k.free = k.free[:n]
		return i, &k.slots[i]
	}
	i := len(k.slots)
	k.slots = append(k.slots, slot{})
	return uint32(i), &k.slots[i]
}

// release empties a slot; whatever still names its old generation is stale.
func (k *Kernel) release(i uint32) {
	k.slots[i].gen++
	k.free = append(k.free, i)
}

// step dispatches the next event. A call is run here; a process to begin (r) or
// to resume (p) is handed to whoever drives the kernel. done says that there is
// nothing left to do before the limit.
func (k *Kernel) step() (p *Proc, r Runner, g *Group, done bool) {
	for {
		if k.stopped || k.closing {
			return nil, nil, nil, true
		}
		top := k.queue.top()
		var l *Lane
		if h := k.heads.top(); h != nil && (top == nil || h.before(top)) {
			top, l = h, k.numbered[h.slot]
		}
		if k.ready.len() > 0 {
			if top == nil || top.at > k.now || top.seq > k.ready.front().seq {
				s := k.ready.pop() // read before anything is queued in its place
				if s.kind == post {
					k.dispatch(s.op, s.arg)
					continue
				}
				k.count()
				switch s.kind {
				case start:
					return nil, s.r, s.group, false
				case resume:
					return s.p, nil, nil, false
				default: // call
					k.run(s.r)
				}
				continue
			}
		}
		if top == nil || top.at > k.limit {
			return nil, nil, nil, true
		}
		e := *top
		if l == nil {
			k.queue.take()
		} else if e = l.advance(e.seq); e.seq == 0 {
			continue
		}
		if e.at < k.now {
			panic(fmt.Sprintf("vtime: event %d is due at %d ns, before the present %d ns", e.seq, e.at, k.now))
		}
		if e.slot&direct != 0 {
			k.now = e.at
			if !k.dispatch(e.slot&^direct, e.gen) && l != nil {
				l.prune()
			}
			continue
		}
		if k.slots[e.slot].gen != e.gen {
			continue
		}
		k.now = e.at
		k.count()
		ev := &k.slots[e.slot] // read before anything is queued in its place
		k.release(e.slot)
		switch ev.kind {
		case start:
			return nil, ev.r, ev.group, false
		case resume:
			if ev.p.state != parked {
				continue
			}
			ev.p.state = woken
			ev.p.reason = ev.reason
			return ev.p, nil, nil, false
		default: // call
			k.run(ev.r)
		}
	}
}

// run is one event in the kernel's own context, on whose stack soever.
func (k *Kernel) run(r Runner) {
	cur := k.cur
	k.cur = nil
	r.Run()
	k.cur = cur
}

// count counts an event and looks now and then whether the run was called off.
func (k *Kernel) count() {
	k.events++
	if k.events&4095 == 0 && k.ctx != nil && k.ctx.Err() != nil {
		k.stopped = true
	}
}

// Run dispatches every event that is due at or before until and leaves the time
// there. It returns ctx's error when that ended first. A panic of a process
// comes out of Run as a *ProcessPanic.
func (k *Kernel) Run(ctx context.Context, until Time) error {
	if until < k.now {
		panic(fmt.Sprintf("vtime: run until %d ns, before the present %d ns", until, k.now))
	}
	k.ctx, k.limit, k.stopped = ctx, until, false
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		p := k.next
		if k.next = nil; p == nil {
			q, r, g, done := k.step()
			if done {
				break
			}
			if p = q; p == nil {
				p = k.assign(r, g)
			}
		}
		k.enter(p)
	}
	if k.stopped {
		return ctx.Err()
	}
	k.now = until
	return nil
}

// enter switches from the root to a process until it gives the kernel back.
func (k *Kernel) enter(p *Proc) {
	k.cur = p
	p.next()
	k.cur = nil
	if f := k.failure; f != nil {
		k.failure = nil
		panic(f)
	}
}

// Close unwinds every process and ends its coroutine, or gives it back to the crew.
// The kernel is of no use afterwards.
func (k *Kernel) Close() {
	k.closing = true
	var failure *ProcessPanic
	for _, p := range k.all { // deferred functions may not begin processes any more
		p.killed = true
		if p.state == parked || p.state == woken {
			p.reason = Killed
			p.state = woken
			k.cur = p
			p.next()
			if failure == nil {
				failure = k.failure
			}
			k.failure = nil
		}
		k.cur = nil
		if p.k = nil; k.crew == nil || failure != nil {
			p.stop()
		}
	}
	if k.crew != nil && failure == nil {
		k.crew.give(k.all, room{heap: k.queue.es, ready: k.ready.buf, slots: k.slots, free: k.free, idle: k.idle})
	}
	k.all, k.idle, k.next = nil, nil, nil
	// Another kernel may have their memory by now, and a timer of this one must stop none of its events.
	k.queue, k.ready, k.slots, k.free = newQueue(), ring[soon]{}, nil, nil
	if failure != nil {
		panic(failure)
	}
}
