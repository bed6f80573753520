package serverlog

import (
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/internal/redact"
)

// locks follows the waits of a log. A process waits for at most one lock.
type locks struct {
	open    map[int]*wait // by pid
	ended   []*wait
	objects map[string]*contention // by object.text
	order   []*contention          // as they were first told
	fresh   []int                  // processes that others were told to wait for since the last look
	pinned  map[int]bool
	begun   int // waits
	lines   int // of log_lock_waits
	dropped int // waits beyond maxWaits
}

// wait is one wait as its lines tell it.
type wait struct {
	session    incident.Session
	mode       pglock.Mode
	on         *contention
	from, to   time.Time // to is the last time it was seen while it is open
	toErr      time.Duration
	open       bool
	instant    bool             // known from a deadlock alone: it was going on then
	relation   string           // of a row, by the CONTEXT line
	table      string           // the one that its statement is about
	ahead      []int            // in the queue, when first told
	deadlocked []deadlockedWith // whom it waited for in a cycle
	origin     incident.Origin
}

type deadlockedWith struct {
	pid  int
	mode pglock.Mode
}

// contention is all waits for one object.
type contention struct {
	object
	waits   []*wait
	byPID   map[int][]*wait
	reigns  []reign
	granted []grant
}

// reign is a time in which the same processes held the object. The server lists
// every holder in any mode, passers-by too: who is in all lists of a reign stays.
type reign struct {
	from, to time.Time // of the waits that tell of it; to is when it was last seen
	released time.Time // when the first of them got the lock; zero when none is known to
	holders  []int
}

// grant is a lock that a process got after a wait.
type grant struct {
	pid  int
	mode pglock.Mode
	at   time.Time
}

const (
	// maxWaits bounds the waits kept, maxReigns the changes of the holder and
	// maxGrants the holders known by their own waits, of one object.
	maxWaits, maxReigns, maxGrants = 50_000, 1_000, 1_000
	// maxHolders bounds the processes listed as holders of one object.
	maxHolders = 1_000
	// maxAhead bounds the queue kept of one wait.
	maxAhead = 500
	// sameWait is how far apart two lines may put the beginning of one wait: stamps
	// are cut to the millisecond, or with %t to the second.
	sameWait = 1100 * time.Millisecond
)

func newLocks() locks {
	return locks{open: map[int]*wait{}, objects: map[string]*contention{}, pinned: map[int]bool{}}
}

// message takes a line of log_lock_waits.
func (l *locks) message(e *entry, m lockMessage, origin incident.Origin) {
	l.lines++
	w := l.waitOf(e, m, origin)
	if w == nil {
		return
	}
	w.relation = either(w.relation, rowRelation(e.context))
	holders, queue, told := readQueue(e.detail)
	switch m.word {
	case acquired:
		w.on.got(w, e.at)
		l.end(w, e.at, 0)
		return
	case failedToAcquire:
		l.end(w, e.at, 0)
		return
	case stillWaiting, detectedDeadlock, avoidedDeadlock: // goes on, until another line says how it ended
	}
	w.to = incident.LaterOf(w.to, e.at)
	if !told {
		return
	}
	if i := slices.Index(queue, m.pid); w.ahead == nil && i > 0 {
		w.ahead = slices.Clone(queue[:min(i, maxAhead)])
	}
	for _, pid := range queue {
		if q := l.open[pid]; q != nil && q.on == w.on {
			q.to = incident.LaterOf(q.to, e.at)
		}
	}
	for _, pid := range holders {
		if !l.pinned[pid] && len(l.pinned) < maxPinned {
			l.pinned[pid] = true
			l.fresh = append(l.fresh, pid)
		}
	}
	w.on.told(w.from, e.at, holders)
}

// waitOf is the open wait that a line is about, or a new one.
func (l *locks) waitOf(e *entry, m lockMessage, origin incident.Origin) *wait {
	from := e.at.Add(-m.after)
	w := l.open[m.pid]
	if w != nil && (w.on.text != m.on.text || w.mode != m.mode || !w.instant && w.from.Sub(from).Abs() > sameWait) {
		l.end(w, w.to, max(0, from.Sub(w.to))) // its end was not logged
		w = nil
	}
	if w == nil {
		if w = l.begin(m.pid, m.mode, m.on, from, e, origin); w == nil {
			return nil
		}
	}
	if w.instant {
		w.from, w.instant = from, false
	}
	w.session.Query = either(w.session.Query, redact.MaskSecrets(clip(e.statement, maxText)))
	w.table = either(w.table, tableOf(e))
	return w
}

// begin opens a wait; nil when there are too many.
func (l *locks) begin(pid int, mode pglock.Mode, on object, from time.Time, e *entry, origin incident.Origin) *wait {
	if len(l.open)+len(l.ended) >= maxWaits {
		l.dropped++
		return nil
	}
	c := l.objects[on.text]
	if c == nil {
		c = &contention{object: on, byPID: map[int][]*wait{}}
		l.objects[on.text] = c
		l.order = append(l.order, c)
	}
	w := &wait{session: incident.Session{PID: pid}, mode: mode, on: c, from: from, to: from, open: true, origin: e.in(origin)}
	if e.pid == pid || e.pid == 0 && e.message != deadlockMessage {
		w.session = e.session()
		w.session.PID = pid
	}
	c.waits = append(c.waits, w)
	c.byPID[pid] = append(c.byPID[pid], w)
	l.open[pid] = w
	l.begun++
	return w
}

func (l *locks) end(w *wait, at time.Time, err time.Duration) {
	w.to, w.toErr, w.open = incident.LaterOf(w.from, at), err, false
	l.ended = append(l.ended, w)
	delete(l.open, w.session.PID)
}

// over ends the wait of a process that goes on: a cancelled statement says when, of
// any other entry we know that it came later.
func (l *locks) over(e *entry) {
	w := l.open[e.pid]
	if e.pid == 0 || w == nil {
		return
	}
	switch {
	case e.state == "40P01" || e.message == deadlockMessage:
		l.end(w, e.at, time.Millisecond) // it was waiting when the deadlock was found
	case isError(e):
		l.end(w, e.at, 0)
	case e.at.After(w.to):
		l.end(w, w.to, e.at.Sub(w.to))
	}
}

// deadlock takes a cycle: everybody in it was waiting then.
func (l *locks) deadlock(e *entry, cycle []edge, queries map[int]string, origin incident.Origin) {
	for _, x := range cycle {
		w := l.open[x.waiter]
		if w != nil && w.on.text != x.on.text {
			l.end(w, w.to, max(0, e.at.Sub(w.to)))
			w = nil
		}
		if w == nil {
			if w = l.begin(x.waiter, x.mode, x.on, e.at, e, origin); w == nil {
				return
			}
			w.instant = true
		}
		w.to = incident.LaterOf(w.to, e.at)
		w.session.Query = either(w.session.Query, redact.MaskSecrets(clip(queries[x.waiter], maxText)))
		if len(w.deadlocked) < maxCycle {
			w.deadlocked = append(w.deadlocked, deadlockedWith{x.holder, heldOn(x.on)})
		}
		if !l.pinned[x.holder] && len(l.pinned) < maxPinned {
			l.pinned[x.holder] = true
			l.fresh = append(l.fresh, x.holder)
		}
	}
}

// stopped ends all waits: the server went down, or came up.
func (l *locks) stopped(at time.Time) {
	pids := make([]int, 0, len(l.open))
	for pid := range l.open {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	for _, pid := range pids {
		w := l.open[pid]
		l.end(w, w.to, max(0, at.Sub(w.to)))
		if n := len(w.on.reigns); n > 0 && w.on.reigns[n-1].released.IsZero() {
			w.on.reigns[n-1].released = incident.LaterOf(w.to, at)
		}
	}
}

// told says who held the object at an instant, by the line of a wait.
func (c *contention) told(from, at time.Time, holders []int) {
	if len(holders) == 0 {
		return
	}
	holders = holders[:min(len(holders), maxHolders)]
	n := len(c.reigns)
	if n == 0 || !c.reigns[n-1].released.IsZero() {
		if n > 0 {
			from = incident.LaterOf(from, c.reigns[n-1].released)
		}
		c.reign(reign{from: from, to: at, holders: slices.Clone(holders)})
		return
	}
	now := &c.reigns[n-1]
	both := slices.DeleteFunc(slices.Clone(holders), func(pid int) bool { return !slices.Contains(now.holders, pid) })
	if len(both) == 0 { // the lock has changed hands, and whoever got it had not waited for long
		c.reign(reign{from: incident.LaterOf(at, now.to), to: at, holders: slices.Clone(holders)})
		return
	}
	now.holders, now.to = both, incident.LaterOf(now.to, at)
	if from.Before(now.from) && n == 1 {
		now.from = from
	}
}

func (c *contention) reign(r reign) {
	if len(c.reigns) < maxReigns {
		c.reigns = append(c.reigns, r)
	}
}

// got says that a waiter has the lock.
func (c *contention) got(w *wait, at time.Time) {
	if n := len(c.reigns); n > 0 && c.reigns[n-1].released.IsZero() {
		c.reigns[n-1].released = at
	}
	if len(c.granted) < maxGrants {
		c.granted = append(c.granted, grant{w.session.PID, w.mode, at})
	}
}

// heldOn is the mode in which an object is held by its nature: a transaction holds
// its own id exclusively. None for objects that can be held in several.
func heldOn(o object) pglock.Mode {
	if o.lockType == "transactionid" || o.lockType == "virtualxid" {
		return pglock.Exclusive
	}
	return pglock.None
}
