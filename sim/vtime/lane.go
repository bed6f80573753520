package vtime

import "time"

// Lane holds the timers of one duration. They fall due in the order in which
// they were set, so only the oldest sits in the heap: ten thousand pending
// 30-second timeouts cost the heap one entry.
type Lane struct {
	k       *Kernel
	d       time.Duration
	pending ring[entry]
	slot    uint32 // of the heap's entry
}

// Lane is the lane of d, made when it is first asked for.
func (k *Kernel) Lane(d time.Duration) *Lane {
	l := k.lanes[d]
	if l == nil {
		l = &Lane{k: k, d: d}
		n, s := k.take()
		s.kind, s.lane = head, l
		l.slot = n
		k.lanes[d] = l
	}
	return l
}

// After runs r in the kernel's own context after the lane's duration.
func (l *Lane) After(r Runner) Timer {
	n, s := l.k.take()
	s.kind, s.r = call, r
	return l.schedule(n, s)
}

// Start runs r as a process of g after the lane's duration.
func (l *Lane) Start(g *Group, r Runner) Timer {
	n, s := l.k.take()
	s.kind, s.r, s.group = start, r, g
	return l.schedule(n, s)
}

// Resume wakes p after the lane's duration, if it is then still parked. Whoever
// is woken by something else first must stop the timer.
func (l *Lane) Resume(p *Proc, why Reason) Timer {
	n, s := l.k.take()
	s.kind, s.p, s.reason = resume, p, why
	return l.schedule(n, s)
}

// schedule queues the event of a slot that has been filled.
func (l *Lane) schedule(n uint32, s *slot) Timer {
	k := l.k
	k.seq++
	e := entry{at: k.due(l.d), seq: k.seq, slot: n, gen: s.gen}
	l.push(e)
	return Timer{k, n, e.gen}
}

func (l *Lane) push(e entry) {
	*l.pending.push() = e
	if l.pending.len() == 1 {
		l.k.heap.push(l.entry(e))
	}
}

// entry is the heap's entry for the lane's oldest timer.
func (l *Lane) entry(oldest entry) entry {
	oldest.slot, oldest.gen = l.slot, l.k.slots[l.slot].gen
	return oldest
}

// advance takes the oldest timer, which is on top of the heap, and puts the
// oldest of the rest that is not stopped in its place. live is false when the
// timer taken had been stopped.
func (l *Lane) advance() (e entry, live bool) {
	k := l.k
	e = *l.pending.pop()
	for l.pending.len() > 0 && k.stale(l.pending.front()) {
		l.pending.pop()
	}
	if l.pending.len() > 0 {
		k.heap.replace(l.entry(*l.pending.front()))
	} else {
		k.heap.take()
	}
	return e, !k.stale(&e)
}
