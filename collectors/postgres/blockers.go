package postgres

import (
	"cmp"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// maxSoft bounds the soft blockers kept of one waiter to those nearest ahead of
// it: 1,000 sessions queued for one row have 499,500 pairs and say no more.
const maxSoft = 8

// graph answers who blocks whom in one sample.
type graph struct {
	rows   map[int]*Row              // sessions by pid, parallel workers folded into their leader
	order  []int                     // pids in rows, ascending
	leader map[int]int               // of parallel workers
	wanted map[object]uint16         // modes, as bits, that its waiters want
	queue  map[object][]*Row         // waiters of one object, in the order of their queue
	held   map[object]*[modes][]*Row // holders of one object by mode
}

const modes = int(pglock.AccessExclusive) + 1

// parallel says whether a row is a parallel worker's: what it holds goes to its
// leader's row.
func (s *Sample) parallel() bool {
	for i := range s.Rows {
		if s.Rows[i].LeaderPID != 0 {
			return true
		}
	}
	return false
}

// newGraph reads a sample and leaves it as it was.
func newGraph(x Sample) *graph {
	g := &graph{
		rows: make(map[int]*Row, len(x.Rows)), order: make([]int, 0, len(x.Rows)), leader: map[int]int{},
		queue: map[object][]*Row{}, wanted: map[object]uint16{}, held: map[object]*[modes][]*Row{},
	}
	rows := x.Rows
	if x.parallel() {
		rows = slices.Clone(rows)
	}
	for i := range rows {
		r := &rows[i]
		if r.LeaderPID != 0 && r.LeaderPID != r.PID {
			g.leader[r.PID] = r.LeaderPID
			continue
		}
		if g.rows[r.PID] == nil {
			g.order = append(g.order, r.PID)
		}
		g.rows[r.PID] = r
	}
	slices.Sort(g.order)
	for i := range rows { // what a worker holds or awaits is its leader's
		r := &rows[i]
		lead := g.rows[g.leader[r.PID]]
		if g.leader[r.PID] == 0 || lead == nil {
			continue
		}
		lead.Held = append(slices.Clip(lead.Held), r.Held...)
		if lead.Wait == nil {
			lead.Wait = r.Wait
		}
	}
	for _, pid := range g.order {
		r := g.rows[pid]
		if r.Wait != nil {
			on := r.Wait.on()
			g.queue[on] = append(g.queue[on], r)
			g.wanted[on] |= 1 << r.Wait.Mode
		}
		for _, l := range r.Held {
			on := l.on()
			h := g.held[on]
			if h == nil {
				h = &[modes][]*Row{}
				g.held[on] = h
			}
			h[l.Mode] = append(h[l.Mode], r)
		}
	}
	for on, q := range g.queue {
		slices.SortStableFunc(q, func(a, b *Row) int { return arrival(a).Compare(arrival(b)) })
		g.queue[on] = g.corrected(reordered(q))
	}
	return g
}

// reordered puts a queue into the server's order, given the order of arrival: who
// holds the object already and asks for more stands in front of the first who
// waits for that, or the two would wait for each other (PostgreSQL,
// storage/lmgr/proc.c, ProcSleep).
func reordered(arrived []*Row) []*Row {
	var queued uint16 // modes that those in the queue want, as bits
	queue := make([]*Row, 0, len(arrived))
	for _, w := range arrived {
		at := len(queue)
		if against := w.against(); against&queued != 0 {
			at = slices.IndexFunc(queue, func(q *Row) bool { return against&(1<<q.Wait.Mode) != 0 })
		}
		queued |= 1 << w.Wait.Mode
		queue = slices.Insert(queue, at, w)
	}
	return queue
}

// against are the modes, as bits, that a waiter keeps others from by what it holds
// of the object that it waits for.
func (r *Row) against() (bits uint16) {
	on := r.Wait.on()
	for _, l := range r.Held {
		if l.on() == on {
			bits |= pglock.Conflicting(l.Mode)
		}
	}
	return bits
}

// corrected moves the waiters of which the server has told whom they wait for to
// where they must stand: before those that stood there then and are not among these.
// The deadlock detector moves waiters so when a ring can be broken by that
// (PostgreSQL, storage/lmgr/deadlock.c).
func (g *graph) corrected(q []*Row) []*Row {
	var told []*Row
	for _, w := range q {
		if w.Wait.behind.pids != nil {
			told = append(told, w)
		}
	}
	slices.SortStableFunc(told, func(a, b *Row) int { return a.Wait.behind.at.Compare(b.Wait.behind.at) })
	for _, w := range told {
		at := slices.Index(q, w)
		to := slices.IndexFunc(q[:at], func(ahead *Row) bool {
			return pglock.Conflicts(ahead.Wait.Mode, w.Wait.Mode) && arrival(ahead).Before(w.Wait.behind.at) &&
				!slices.ContainsFunc(w.Wait.behind.pids, func(pid int) bool { return pid == ahead.PID || g.leader[pid] == ahead.PID })
		})
		if to >= 0 {
			q = slices.Insert(slices.Delete(q, at, at+1), to, w)
		}
	}
	return q
}

// rings are waiters that may wait for each other by standing behind one another in
// a queue, at most so many. Whoever is behind a ring, or ahead of it, is left out.
func (g *graph) rings(most int) (pids []int) {
	if !g.softly() {
		return nil
	}
	blockers, blocked := map[int][]int{}, map[int]int{} // edges between waiters; how many wait for each
	var free []int
	for _, pid := range g.order {
		w := g.rows[pid]
		if w.Wait == nil {
			continue
		}
		for _, b := range g.derive(w, 8*maxSoft) {
			if r := g.rows[b]; r != nil && r.Wait != nil {
				blockers[pid] = append(blockers[pid], b)
				blocked[b]++
			}
		}
	}
	// Nobody in a ring is waited for by nobody; nor, the other way, waits for nobody.
	for pid := range blockers {
		if blocked[pid] == 0 {
			free = append(free, pid)
		}
	}
	for len(free) > 0 {
		pid := free[len(free)-1]
		free = free[:len(free)-1]
		for _, b := range blockers[pid] {
			if blocked[b]--; blocked[b] == 0 {
				free = append(free, b)
			}
		}
		delete(blockers, pid)
	}
	for again := true; again; {
		again = false
		for pid, list := range blockers {
			list = slices.DeleteFunc(list, func(b int) bool { return blockers[b] == nil })
			if blockers[pid] = list; len(list) == 0 {
				delete(blockers, pid)
				again = true
			}
		}
	}
	for _, pid := range g.order {
		if len(pids) < most && blockers[pid] != nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// softly says whether anybody may stand behind somebody else who waits.
func (g *graph) softly() bool {
	for on, wanted := range g.wanted {
		for m := range modes {
			if wanted&(1<<m) != 0 && wanted&pglock.Conflicting(pglock.Mode(m)) != 0 && len(g.queue[on]) > 1 {
				return true
			}
		}
	}
	return false
}

// movable are the waiters that may have been moved, because somebody ahead of them
// waits for another mode that conflicts; those nearest to the head of a queue first.
func (g *graph) movable() (pids []int) {
	type place struct{ at, pid int }
	var places []place
	for _, q := range g.queue {
		var ahead uint16
		for at, w := range q {
			if ahead&pglock.Conflicting(w.Wait.Mode)&^(1<<w.Wait.Mode) != 0 {
				places = append(places, place{at, w.PID})
			}
			ahead |= 1 << w.Wait.Mode
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.pid, b.pid)) })
	for _, p := range places {
		pids = append(pids, p.pid)
	}
	return pids
}

// arrival in a lock's queue: measured, the order of waitstart is the order of
// the queue but for those that reordered moves.
func arrival(r *Row) time.Time {
	if !r.Wait.Since.IsZero() {
		return r.Wait.Since
	}
	return r.QueryStart
}

// blockers of a waiting row: hard ones first, each pid once.
func (g *graph) blockers(w *Row) []incident.Blocker {
	pids := w.Wait.Blockers
	if pids == nil {
		pids = g.derive(w, maxSoft)
	}
	var hard []incident.Blocker
	var soft []*Row
	seen := map[int]bool{w.PID: true}
	for _, pid := range pids {
		if lead := g.leader[pid]; lead != 0 {
			pid = lead
		}
		if seen[pid] {
			continue
		}
		seen[pid] = true
		b := g.rows[pid]
		if b == nil { // gone, or a kind of process that has no row
			hard = append(hard, incident.Blocker{PID: pid, Hard: true})
			continue
		}
		mode := heldAgainst(b, w.Wait.Lock)
		switch queued := b.Wait != nil && b.Wait.on() == w.Wait.on(); {
		case mode == pglock.None && queued:
			soft = append(soft, b)
		default:
			hard = append(hard, incident.Blocker{PID: pid, Hard: true, Mode: mode})
		}
	}
	slices.SortFunc(hard, func(a, b incident.Blocker) int { return cmp.Compare(a.PID, b.PID) })
	slices.SortFunc(soft, func(a, b *Row) int {
		return cmp.Or(arrival(b).Compare(arrival(a)), cmp.Compare(a.PID, b.PID))
	})
	for _, b := range soft[:min(maxSoft, len(soft))] {
		hard = append(hard, incident.Blocker{PID: b.PID, Mode: b.Wait.Mode})
	}
	return hard
}

// derive finds the blockers by the rules of the lock manager: who holds a
// conflicting mode, and who waits ahead for one, of these at most so many.
func (g *graph) derive(w *Row, most int) []int {
	var pids []int
	if held := g.held[w.Wait.on()]; held != nil {
		for mode, rows := range held {
			if !pglock.Conflicts(pglock.Mode(mode), w.Wait.Mode) {
				continue
			}
			for _, h := range rows {
				if h != w {
					pids = append(pids, h.PID)
				}
			}
		}
	}
	if g.wanted[w.Wait.on()]&pglock.Conflicting(w.Wait.Mode) == 0 {
		return pids
	}
	q := g.queue[w.Wait.on()]
	n := 0
	for i := slices.Index(q, w) - 1; i >= 0 && n < most; i-- {
		if pglock.Conflicts(q[i].Wait.Mode, w.Wait.Mode) {
			pids = append(pids, q[i].PID)
			n++
		}
	}
	return pids
}

// heldAgainst is the strongest mode in which b holds what stands in the way of
// wanted; None when it holds nothing of the kind.
func heldAgainst(b *Row, wanted Lock) pglock.Mode {
	strongest := pglock.None
	for _, l := range b.Held {
		if l.on() == wanted.on() && pglock.Conflicts(l.Mode, wanted.Mode) {
			strongest = max(strongest, l.Mode)
		}
	}
	return strongest
}
