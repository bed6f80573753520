package vtime

import "time"

// Machine is a state machine that runs in the kernel's own context beside, or in
// place of, processes. Its events carry two numbers and no pointers, need no slot
// and are never stopped: the machine knows itself which of them have become stale.
// op is below 1<<31.
type Machine interface {
	// Step is an event falling due; false says that it was stale, and it is then
	// not counted.
	Step(op, arg uint32) bool
	// Stale says whether an event that has not fallen due would do nothing, so that
	// a lane need not carry it to the end.
	Stale(op, arg uint32) bool
	// Prefetch is told, where a great many events are queued, of those that are the
	// next to fall due, in no order: it can read what they will need, so that the
	// processor fetches it for all of them at once and not for one after the other.
	// It must change nothing.
	Prefetch(next []Posted)
}

// Posted is an event of a machine.
type Posted struct{ Op, Arg uint32 }

// direct marks an entry's slot as a machine's op; its gen is then the arg.
const direct = 1 << 31

// Attach gives the kernel its machine; there is one.
func (k *Kernel) Attach(m Machine) {
	k.machine = m
	k.queue.refilled = k.prefetch
}

// prefetchFrom is how many events are so many that what they need may not be in a cache.
const prefetchFrom = 2048

// prefetch tells the machine of its events among the entries, if there are many behind.
func (k *Kernel) prefetch(next []entry) {
	if k.queue.n < prefetchFrom {
		return
	}
	k.upcoming = k.upcoming[:0]
	for i := range next {
		if e := &next[i]; e.slot&direct != 0 {
			k.upcoming = append(k.upcoming, Posted{e.slot &^ direct, e.gen})
		}
	}
	k.machine.Prefetch(k.upcoming)
}

// Post hands op and arg to the machine after d.
func (k *Kernel) Post(d time.Duration, op, arg uint32) {
	k.seq++
	k.queue.push(entry{at: k.due(d), seq: k.seq, slot: direct | op, gen: arg})
}

// PostSoon hands op and arg to the machine at the present instant, after all that
// is already due.
func (k *Kernel) PostSoon(op, arg uint32) {
	s := k.soon(post)
	s.op, s.arg = op, arg
}

// Post hands op and arg to the machine after the lane's duration.
func (l *Lane) Post(op, arg uint32) {
	k := l.k
	k.seq++
	l.push(entry{at: k.due(l.d), seq: k.seq, slot: direct | op, gen: arg})
}

// dispatch runs one event of the machine; false when it was stale.
func (k *Kernel) dispatch(op, arg uint32) bool {
	cur := k.cur
	k.cur = nil
	live := k.machine.Step(op, arg)
	if live {
		k.count()
	}
	k.cur = cur
	return live
}

// stale says whether a lane's entry would do nothing.
func (k *Kernel) stale(e *entry) bool {
	if e.slot&direct != 0 {
		return k.machine.Stale(e.slot&^direct, e.gen)
	}
	return k.slots[e.slot].gen != e.gen
}
