package world

import (
	"tripcurve/internal/pglock"
	"tripcurve/sim/vtime"
)

// Table is one relation's place in the lock manager: what is granted, and who
// waits in which order.
type Table struct {
	Name    string
	granted [pglock.AccessExclusive + 1]int // sessions by mode
	queue   []*request
}

// request is a session waiting for a table lock.
type request struct {
	s       *Session
	mode    pglock.Mode
	p       *vtime.Proc
	granted bool
}

// held is what a session has on one table: bit m for mode m.
type held struct {
	t     *Table
	modes uint16
}

// on is the modes that s holds on t.
func (s *Session) on(t *Table) uint16 {
	for _, h := range s.held {
		if h.t == t {
			return h.modes
		}
	}
	return 0
}

// blocked says whether others hold a mode on t that conflicts with the wanted one.
func (t *Table) blocked(s *Session, wanted pglock.Mode) bool {
	own := s.on(t)
	for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
		if n := t.granted[m]; n > 0 && pglock.Conflicts(m, wanted) && n-int(own>>m&1) > 0 {
			return true
		}
	}
	return false
}

func conflictsAny(modes uint16, wanted pglock.Mode) bool {
	for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
		if modes>>m&1 != 0 && pglock.Conflicts(m, wanted) {
			return true
		}
	}
	return false
}

// lock takes a table lock for s, in the running process, behind whoever waits for
// a conflicting one (a soft block). As in PostgreSQL, a session that already holds
// a lock on which an earlier waiter waits is put before that waiter, for behind it
// both would wait for ever. c may be nil.
func (d *Database) lock(s *Session, t *Table, wanted pglock.Mode, c *vtime.Context) error {
	own := s.on(t)
	if own>>wanted&1 != 0 {
		return nil
	}
	at, ahead := len(t.queue), uint16(0)
	for i, r := range t.queue {
		if conflictsAny(own, r.mode) {
			at = i
			break
		}
		ahead |= 1 << r.mode
	}
	if !conflictsAny(ahead, wanted) && !t.blocked(s, wanted) {
		t.grant(s, wanted)
		return nil
	}
	r := &request{s: s, mode: wanted, p: d.w.K.Current()}
	t.queue = append(t.queue, nil)
	copy(t.queue[at+1:], t.queue[at:])
	t.queue[at] = r
	s.waits(t, wanted)
	d.waiting++
	d.waitingMax = max(d.waitingMax, d.waiting)
	why := d.w.K.ParkUnder(c)
	if !r.granted {
		r.done()
		t.leave(r)
	}
	switch why {
	case vtime.Killed:
		d.w.K.Unwind()
	case vtime.Ended:
		return c.Err()
	default: // granted
	}
	return nil
}

// done is the end of the wait.
func (r *request) done() {
	r.s.d.waiting--
	r.s.waits(nil, pglock.None)
}

func (t *Table) grant(s *Session, m pglock.Mode) {
	t.granted[m]++
	for i := range s.held {
		if s.held[i].t == t {
			s.held[i].modes |= 1 << m
			return
		}
	}
	s.held = append(s.held, held{t, 1 << m})
}

func (t *Table) leave(r *request) {
	for i, o := range t.queue {
		if o == r {
			t.queue = append(t.queue[:i], t.queue[i+1:]...)
			break
		}
	}
	t.wake()
}

// release gives back all that s holds, as the end of a transaction does.
func (s *Session) release() {
	for _, h := range s.held {
		for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
			if h.modes>>m&1 != 0 {
				h.t.granted[m]--
			}
		}
	}
	all := s.held
	s.held = s.held[:0]
	for _, h := range all {
		h.t.wake()
	}
}

// wake grants what can be granted, from the front of the queue: whoever stays
// there blocks the conflicting ones behind.
func (t *Table) wake() {
	if len(t.queue) == 0 {
		return
	}
	var ahead uint16
	rest := t.queue[:0]
	for _, r := range t.queue {
		if !conflictsAny(ahead, r.mode) && !t.blocked(r.s, r.mode) && r.p.Wake(granted) {
			r.granted = true
			r.done()
			t.grant(r.s, r.mode)
			continue
		}
		ahead |= 1 << r.mode
		rest = append(rest, r)
	}
	clear(t.queue[len(rest):])
	t.queue = rest
}

// rowLocks are the rows that transactions have locked and others may wait for,
// first come first served.
type rowLocks struct {
	k    *vtime.Kernel
	rows map[string]*Pool
}

// lock locks a row for the running process, or answers c's error when that ends
// first. c may be nil.
func (l *rowLocks) lock(c *vtime.Context, row string) (unlock func(), err error) {
	p := l.rows[row]
	if p == nil {
		if l.rows == nil {
			l.rows = make(map[string]*Pool)
		}
		p = NewPool(l.k, 1)
		l.rows[row] = p
	}
	if err := p.Acquire(c); err != nil {
		return nil, err
	}
	return func() {
		p.Release()
		if p.Used() == 0 {
			delete(l.rows, row)
		}
	}, nil
}
