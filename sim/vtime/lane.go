package vtime

import "time"

// Lane holds the timers of one duration. They fall due in the order in which
// they were set, so only the oldest is compared with others: ten thousand pending
// 30-second timeouts are one entry among the lanes' heads. Those that were stopped are
// dropped when their turn comes, or when there is no room for one more.
type Lane struct {
	k       *Kernel
	d       time.Duration
	pending ring[entry]
	n       uint32 // of the kernel's lanes
}

// Lane is the lane of d, made when it is first asked for.
func (k *Kernel) Lane(d time.Duration) *Lane {
	l := k.lanes[d]
	if l == nil {
		l = &Lane{k: k, d: d, n: uint32(len(k.numbered))}
		k.lanes[d] = l
		k.numbered = append(k.numbered, l)
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
	if l.pending.full() {
		l.prune()
	}
	*l.pending.push() = e
	if l.pending.len() == 1 {
		e.slot = l.n
		l.k.heads.push(e)
	}
}

// prune drops timers that were stopped or are stale, as far as none that will fire is
// before them, and never the last. The head stays as it was, and is then too early.
func (l *Lane) prune() {
	for l.pending.len() > 1 && l.k.stale(l.pending.front()) {
		l.pending.pop()
	}
}

// advance takes the oldest timer, whose head is on top, and puts the head of the next
// in its place. Where the head was of one that has been dropped, it puts that of the
// oldest there and returns nothing: seq is 0.
func (l *Lane) advance(head uint64) (e entry) {
	if l.pending.front().seq == head {
		e = *l.pending.pop()
		for l.pending.len() > 0 && l.stopped(l.pending.front()) {
			l.pending.pop()
		}
		if l.pending.len() == 0 {
			l.k.heads.pop()
			return e
		}
	}
	next := *l.pending.front()
	next.slot = l.n
	l.k.heads.replace(next)
	return e
}

// stopped says whether a timer was stopped; of a machine's event it does not: most are
// handed over, and the machine looks then.
func (l *Lane) stopped(e *entry) bool {
	return e.slot&direct == 0 && l.k.slots[e.slot].gen != e.gen
}
