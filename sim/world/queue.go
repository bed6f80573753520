package world

import "tripcurve/sim/vtime"

// queue is who waits, first come first served.
type queue struct {
	first, last *waiter
	n           int
}

type waiter struct {
	p          *vtime.Proc
	prev, next *waiter
	queued     bool
	granted    bool
}

func (q *queue) push(w *waiter) {
	w.queued, w.prev, w.next = true, q.last, nil
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.n++
}

func (q *queue) remove(w *waiter) {
	if !w.queued {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
	q.n--
}

// wake hands something to the first who still waits; false when nobody does.
func (q *queue) wake() bool {
	for w := q.first; w != nil; w = q.first {
		q.remove(w)
		if w.p.Wake(granted) {
			w.granted = true
			return true
		}
	}
	return false
}

// refuse tells everybody who waits that there will be nothing.
func (q *queue) refuse() {
	for w := q.first; w != nil; w = q.first {
		q.remove(w)
		w.p.Wake(answered)
	}
}

// wait parks the running process in the queue until it is granted what it waits
// for, its context ends (Ended) or it is killed (Killed). had says that it was
// granted, which a process that is killed at the same instant must give back.
func (q *queue) wait(k *vtime.Kernel, c *vtime.Context) (why vtime.Reason, had bool) {
	w := &waiter{p: k.Current()}
	q.push(w)
	why = k.ParkUnder(c)
	q.remove(w)
	return why, w.granted
}
