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
	rows   map[int]*Row      // sessions by pid, parallel workers folded into their leader
	order  []int             // pids in rows, ascending
	leader map[int]int       // of parallel workers
	queue  map[object][]*Row // waiters of one object, in the order of their arrival
	held   map[object][]*Row // holders of one object
}

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
		queue: map[object][]*Row{}, held: map[object][]*Row{},
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
		}
		for i, l := range r.Held {
			on := l.on()
			if !slices.ContainsFunc(r.Held[:i], func(l Lock) bool { return l.on() == on }) {
				g.held[on] = append(g.held[on], r)
			}
		}
	}
	for on, q := range g.queue {
		slices.SortStableFunc(q, func(a, b *Row) int { return arrival(a).Compare(arrival(b)) })
		g.queue[on] = reordered(q)
	}
	return g
}

// reordered puts a queue into the server's order, given the order of arrival: who
// holds the object already and asks for more stands in front of the first who
// waits for that, or the two would wait for each other (PostgreSQL,
// storage/lmgr/proc.c, ProcSleep).
func reordered(arrived []*Row) []*Row {
	queue := arrived[:0:0]
	for i, w := range arrived {
		at := i
		if held := w.holds(w.Wait.on()); len(held) > 0 {
			at = slices.IndexFunc(queue, func(q *Row) bool {
				return slices.ContainsFunc(held, func(m pglock.Mode) bool { return pglock.Conflicts(m, q.Wait.Mode) })
			})
			if at < 0 {
				at = i
			}
		}
		queue = slices.Insert(queue, at, w)
	}
	return queue
}

// holds are the modes in which a session holds an object.
func (r *Row) holds(on object) (modes []pglock.Mode) {
	for _, l := range r.Held {
		if l.on() == on {
			modes = append(modes, l.Mode)
		}
	}
	return modes
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
		pids = g.derive(w)
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
// conflicting mode, and who waits ahead for one.
func (g *graph) derive(w *Row) []int {
	var pids []int
	for _, h := range g.held[w.Wait.on()] {
		if h != w && heldAgainst(h, w.Wait.Lock) != pglock.None {
			pids = append(pids, h.PID)
		}
	}
	q := g.queue[w.Wait.on()]
	n := 0
	for i := slices.Index(q, w) - 1; i >= 0 && n < maxSoft; i-- {
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
