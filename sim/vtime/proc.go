package vtime

import (
	"fmt"
	"iter"
	"runtime/debug"
	"time"
)

// Reason says why a parked process goes on. The values from 16 up are free for
// those who wake.
type Reason uint8

const (
	None    Reason = iota
	Killed         // the process must put its house in order and call Unwind
	Ended          // the context that it was parked under has ended
	TimeOut        // its timer fell due
)

type state uint8

const (
	idle state = iota
	running
	parked
	woken
)

// Proc is a process: sequential code on a coroutine of its own. When it has
// ended, its coroutine is used for the next one.
type Proc struct {
	k      *Kernel // nil while it rests with a crew
	state  state
	reason Reason
	killed bool
	drives bool // it has entered another process and waits for that to give way
	r      Runner
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool

	group        *Group
	older, newer *Proc // within the group

	ctx             *Context // parked under it
	before, further *Proc    // parked under the same context
}

// Group is a set of processes that live and die together: a service.
type Group struct{ oldest, newest *Proc }

// Kill unwinds every process of the group, oldest first.
func (g *Group) Kill() {
	for p := g.oldest; p != nil; p = p.newer {
		p.Kill()
	}
}

// Len counts the group's processes.
func (g *Group) Len() (n int) {
	for p := g.oldest; p != nil; p = p.newer {
		n++
	}
	return n
}

func (g *Group) add(p *Proc) {
	p.older, p.newer = g.newest, nil
	if g.newest != nil {
		g.newest.newer = p
	} else {
		g.oldest = p
	}
	g.newest = p
}

func (g *Group) remove(p *Proc) {
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		g.oldest = p.newer
	}
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		g.newest = p.older
	}
	p.older, p.newer = nil, nil
}

// ProcessPanic is a panic of a process, with the stack that it happened on.
type ProcessPanic struct {
	Value any
	Stack []byte
}

func (p *ProcessPanic) Error() string {
	return fmt.Sprintf("process panicked: %v\n%s", p.Value, p.Stack)
}

// unwinding is the panic that ends a killed process from within.
type unwinding struct{}

// Unwind ends the running process, which was killed, running its deferred
// functions.
func (k *Kernel) Unwind() { panic(unwinding{}) }

// Contain runs r in the running process as a member of g: whoever kills g unwinds
// the process as far as here and no further. True means that this happened. It is
// for work of one service that runs on the coroutine of another's process.
func (k *Kernel) Contain(g *Group, r Runner) (killed bool) {
	p := k.cur
	home := p.group
	p.join(g)
	defer func() {
		// All of a kernel that closes unwinds as far as the process's own beginning:
		// recovering here and panicking again would walk its stack twice more.
		if !k.closing {
			if v := recover(); v != nil {
				if _, ok := v.(unwinding); !ok {
					panic(v)
				}
			}
		}
		p.join(home)
		killed, p.killed = p.killed, k.closing
	}()
	r.Run()
	return false
}

// join moves p to another group; nil is none.
func (p *Proc) join(g *Group) {
	if p.group != nil {
		p.group.remove(p)
	}
	if p.group = g; g != nil {
		g.add(p)
	}
}

// assign gives an idle coroutine, or a new one, something to run.
func (k *Kernel) assign(r Runner, g *Group) *Proc {
	var p *Proc
	if n := len(k.idle) - 1; n >= 0 {
		p = k.idle[n]
		k.idle = k.idle[:n]
	} else {
		if p = k.crew.take(); p == nil {
			p = new(Proc)
			p.next, p.stop = iter.Pull(p.loop)
		}
		p.k = k
		k.all = append(k.all, p)
	}
	p.begin(r, g)
	return p
}

func (p *Proc) begin(r Runner, g *Group) {
	p.r, p.state, p.killed = r, running, false
	p.join(g)
	p.k.live++
}

// loop is the coroutine: one process after the other.
func (p *Proc) loop(yield func(struct{}) bool) {
	p.yield = yield
	for {
		growStack(0)
		p.body()
		if p.k.failure != nil || !p.rest() {
			p.k.idle = append(p.k.idle, p)
			if !p.wait(0) {
				return
			}
		}
	}
}

// growStack makes the coroutine's stack 8 KB while there is next to nothing on it: at
// first, and again when the collector has shrunk that of one that rested. Handlers
// need that much, and a stack that grows under them is copied frame by frame, twice:
// a sixth of the time of a run with thousands of processes. Having a large frame is
// enough: with i = 0 the room in it is not even touched.
//
//go:noinline
func growStack(i int) byte {
	if i == 0 {
		return 0
	}
	var room [5 << 10]byte
	room[i] = 1
	return room[i/2]
}

// wait is an idle coroutine waiting for its next process; false ends it. It waits in a
// frame of more than a quarter of the stack, which the collector therefore leaves as
// large as it is: shrinking the stacks of thousands that rest and growing them again
// was a thirtieth of a night's time. As in growStack, the room is not touched.
//
//go:noinline
func (p *Proc) wait(i int) bool {
	if i == 0 {
		return p.yield(struct{}{})
	}
	var room [5 << 9]byte
	room[i] = 1
	return room[i/2] == 0
}

// body runs one process to its end.
func (p *Proc) body() {
	defer p.end()
	p.r.Run()
}

func (p *Proc) end() {
	if v := recover(); v != nil {
		if _, ok := v.(unwinding); !ok {
			p.k.failure = &ProcessPanic{Value: v, Stack: debug.Stack()}
		}
	}
	p.join(nil)
	p.r, p.state = nil, idle
	p.k.live--
}

// rest drives the kernel on the coroutine of a process that has ended. True
// means that it found another process to be.
func (p *Proc) rest() bool {
	k := p.k
	k.cur = nil
	q, r, g, done := k.step()
	if done {
		return false
	}
	if q != nil {
		k.next = q
		return false
	}
	p.begin(r, g)
	k.cur = p
	return true
}

// Park stops the running process until it is woken. When the answer is Killed,
// the caller must leave whatever queue it is in and call Unwind.
//
// A parked process drives the kernel on its own stack for as long as nobody else
// has to run, so that a sleep through which nothing happens costs no switch.
func (k *Kernel) Park() Reason {
	p := k.cur
	if p == nil {
		panic("vtime: park outside a process")
	}
	if p.killed {
		return Killed
	}
	p.state = parked
	q, r, g, done := k.step()
	if q != p {
		switch {
		case done:
		case q != nil:
			k.next = q
		default:
			k.next = k.assign(r, g)
		}
		p.giveWay()
	}
	k.cur = p
	p.state = running
	if p.killed {
		return Killed
	}
	return p.reason
}

// maxDepth bounds how many processes have entered one another: the way back leads
// through all of them, and of one that hung long ago nothing is in the processor's
// cache any more.
const maxDepth = 32

// giveWay lets the kernel's next process run, and whoever follows, until it is p's turn
// again. It enters that process from here, as the root would: that saves the switch to
// the root, and where p is next the one from there. Processes that take turns, such as
// a call and its caller, cost half the switches; no order of turns costs more of them. A
// process that has entered another cannot be entered, only gone back to.
func (p *Proc) giveWay() {
	k := p.k
	for k.next != p {
		q := k.next
		if q == nil || q.drives || k.depth == maxDepth {
			p.yield(struct{}{})
			return
		}
		p.drives = true
		k.depth++
		k.next, k.cur = nil, q
		q.next()
		k.depth--
		p.drives = false
	}
	k.next = nil
}

// ParkUnder is Park that also ends, with Ended, when c does. c may be nil.
func (k *Kernel) ParkUnder(c *Context) Reason {
	if c == nil {
		return k.Park()
	}
	if c.err != nil {
		return Ended
	}
	p := k.cur
	c.join(p)
	why := k.Park()
	c.leave(p)
	return why
}

// Wake lets a parked process go on at the present instant. The first to wake it
// gives the reason; false when it was not parked.
func (p *Proc) Wake(why Reason) bool {
	if p.state != parked {
		return false
	}
	p.state, p.reason = woken, why
	s := p.k.soon(resume)
	s.p = p
	return true
}

// Kill unwinds the process: at the present instant when it is parked, at its
// next park when it runs.
func (p *Proc) Kill() {
	p.killed = true
	p.Wake(Killed)
}

// Sleep parks the running process for d, or until c ends. The answer is TimeOut,
// Ended or Killed.
func (k *Kernel) Sleep(c *Context, d time.Duration) Reason {
	if c != nil && c.err != nil {
		return Ended
	}
	n, s := k.take()
	s.kind, s.p, s.reason = resume, k.cur, TimeOut
	t := k.schedule(d, n, s)
	why := k.ParkUnder(c)
	if why != TimeOut {
		t.Stop()
	}
	return why
}
