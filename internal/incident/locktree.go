package incident

import (
	"cmp"
	"slices"
	"time"

	"tripcurve/internal/pglock"
)

// LockTree is who waited for whom at one instant.
type LockTree struct {
	At      time.Time
	Roots   []*LockNode // wait for nobody; most waiters first
	Waiting int         // sessions that wait, also those behind a cycle
	Deepest int         // sessions in the longest chain, the root counted; 0 without waiters
	Cycles  [][]int     // pids that wait for each other: deadlock candidates, not roots
}

// LockNode is one session of the tree. A session that several others block
// stands once: under a holder rather than under somebody ahead in the queue.
type LockNode struct {
	Session
	Held     pglock.Mode // by which it blocks; None when unknown or when it only queues
	Wanted   pglock.Mode // None for a root
	Relation string      // waited for; of a root: on which most of its waiters wait
	LockType string
	Since    time.Time // of a waiter: the wait began; of a root: its transaction, or first seen
	Hard     bool      // the parent holds a conflicting lock; else it is only ahead in the queue
	Blocks   int       // sessions that wait for it, directly or not
	Children []*LockNode
}

// LockTree is who waits for whom at an instant; shortly after the last look, as
// that look had it, and At says so.
func (v *View) LockTree(at time.Time) LockTree {
	if last, ok := v.lastLook(at); ok {
		at = last
	}
	return newLockGraph(v, at).tree()
}

// lockGraph is the waits of one instant by leader pid.
type lockGraph struct {
	at       time.Time
	waits    map[int]*Episode // the wait of each waiting session
	states   map[int]*Episode // what is known of sessions
	blockers map[int][]Blocker
	leaders  map[int]int // of parallel workers that hold or wait
}

func newLockGraph(v *View, at time.Time) *lockGraph {
	g := &lockGraph{at: at, waits: map[int]*Episode{}, states: map[int]*Episode{}, blockers: map[int][]Blocker{}, leaders: map[int]int{}}
	v.EachEpisode(func(e *Episode) {
		if e.Kind != LockWait && e.Kind != SessionState || !e.Active(at) {
			return
		}
		pid := e.Session.Leader()
		if pid != e.Session.PID {
			g.leaders[e.Session.PID] = pid
		}
		if e.Kind == SessionState {
			if have := g.states[pid]; have == nil || e.Session.PID == pid && !e.To.Before(have.To) {
				g.states[pid] = e
			}
			return
		}
		// A worker's wait is its leader's; of two waits the later one goes on.
		if have := g.waits[pid]; have == nil || have.Session.PID != pid || e.From.After(have.From) && e.Session.PID == pid {
			g.waits[pid] = e
		}
		g.blockers[pid] = append(g.blockers[pid], e.BlockersAt(at)...)
	})
	for pid, list := range g.blockers {
		g.blockers[pid] = g.distinct(pid, list)
	}
	return g
}

// distinct folds blockers of one waiter: workers into their leaders, repeats
// into one, and nobody blocks himself.
func (g *lockGraph) distinct(waiter int, list []Blocker) []Blocker {
	kept := make([]Blocker, 0, len(list))
	for _, b := range list {
		if leader, ok := g.leaders[b.PID]; ok {
			b.PID = leader
		}
		if b.PID == waiter {
			continue
		}
		i := slices.IndexFunc(kept, func(have Blocker) bool { return have.PID == b.PID })
		if i < 0 {
			kept = append(kept, b)
			continue
		}
		if b.Hard && !kept[i].Hard {
			kept[i].Hard, kept[i].Mode = true, b.Mode
		} else if b.Hard == kept[i].Hard {
			kept[i].Mode = max(kept[i].Mode, b.Mode)
		}
	}
	slices.SortFunc(kept, func(a, b Blocker) int { return cmp.Compare(a.PID, b.PID) })
	return kept
}

func (g *lockGraph) tree() LockTree {
	t := LockTree{At: g.at, Waiting: len(g.waits)}
	inCycle := map[int]bool{}
	for _, cycle := range g.cycles() {
		t.Cycles = append(t.Cycles, cycle)
		for _, pid := range cycle {
			inCycle[pid] = true
		}
	}
	nodes := map[int]*LockNode{}
	node := func(pid int) *LockNode {
		if nodes[pid] == nil {
			nodes[pid] = g.node(pid)
		}
		return nodes[pid]
	}
	var roots []*LockNode
	for _, pid := range keys(g.waits) {
		for _, b := range g.blockers[pid] {
			if g.waits[b.PID] == nil && nodes[b.PID] == nil {
				roots = append(roots, node(b.PID))
			}
		}
		if inCycle[pid] || len(g.blockers[pid]) == 0 {
			continue
		}
		p := g.parent(pid)
		child := node(pid)
		child.Hard = p.Hard
		parent := node(p.PID)
		parent.Children = append(parent.Children, child)
		if p.Hard {
			parent.Held = max(parent.Held, p.Mode)
		}
	}
	behind := g.behind()
	for _, r := range roots {
		r.Blocks = len(reach(behind, r.PID))
		r.count()
		r.Relation, r.LockType = r.contended()
		t.Deepest = max(t.Deepest, r.depth())
	}
	slices.SortFunc(roots, compareNodes)
	t.Roots = roots
	return t
}

// node is what is known of a session: all of it, or the pid alone.
func (g *lockGraph) node(pid int) *LockNode {
	n := &LockNode{Session: Session{PID: pid}}
	if s := g.states[pid]; s != nil {
		n.Session, n.Held = s.Session, s.Held
		n.PID = pid
		n.Since, n.Relation, n.LockType = s.From, s.Relation, s.LockType
		if !s.Session.XactStart.IsZero() {
			n.Since = s.Session.XactStart
		}
	}
	if w := g.waits[pid]; w != nil {
		if n.Query == "" {
			n.Session = w.Session
			n.PID = pid
		}
		n.Wanted, n.Relation, n.LockType, n.Since = w.Wanted, w.Relation, w.LockType, w.From
	}
	return n
}

// parent is the blocker to stand under: a holder before a queued one, one that
// waits for nobody before one that waits, the oldest first.
func (g *lockGraph) parent(pid int) Blocker {
	return slices.MinFunc(g.blockers[pid], func(a, b Blocker) int {
		rank := func(x Blocker) (r int) {
			if !x.Hard {
				r += 2
			}
			if g.waits[x.PID] != nil {
				r++
			}
			return r
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), g.since(a.PID).Compare(g.since(b.PID)), cmp.Compare(a.PID, b.PID))
	})
}

func (g *lockGraph) since(pid int) time.Time {
	if w := g.waits[pid]; w != nil {
		return w.From
	}
	if s := g.states[pid]; s != nil {
		return s.From
	}
	return time.Time{}
}

// behind is the graph turned round: who waits directly for each session.
func (g *lockGraph) behind() map[int][]int {
	m := map[int][]int{}
	for pid, list := range g.blockers {
		for _, b := range list {
			m[b.PID] = append(m[b.PID], pid)
		}
	}
	return m
}

func reach(edges map[int][]int, from int) map[int]bool {
	seen := map[int]bool{from: true}
	for todo := []int{from}; len(todo) > 0; {
		pid := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, next := range edges[pid] {
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	delete(seen, from)
	return seen
}

// cycles are the strongly connected components of more than one session
// (Tarjan, without recursion: queues may be thousands long).
func (g *lockGraph) cycles() [][]int {
	type frame struct{ pid, edge int }
	index, low := map[int]int{}, map[int]int{}
	onStack := map[int]bool{}
	var stack []int
	var found [][]int
	for _, start := range keys(g.waits) {
		if _, seen := index[start]; seen {
			continue
		}
		visit := func(pid int) frame {
			index[pid], low[pid] = len(index), len(index)
			stack = append(stack, pid)
			onStack[pid] = true
			return frame{pid: pid}
		}
		calls := []frame{visit(start)}
		for len(calls) > 0 {
			f := &calls[len(calls)-1]
			if f.edge < len(g.blockers[f.pid]) {
				next := g.blockers[f.pid][f.edge].PID
				f.edge++
				if _, seen := index[next]; !seen {
					calls = append(calls, visit(next))
				} else if onStack[next] {
					low[f.pid] = min(low[f.pid], index[next])
				}
				continue
			}
			pid := f.pid
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				up := calls[len(calls)-1].pid
				low[up] = min(low[up], low[pid])
			}
			if low[pid] != index[pid] {
				continue
			}
			i := slices.Index(stack, pid)
			part := slices.Clone(stack[i:])
			stack = stack[:i]
			for _, p := range part {
				onStack[p] = false
			}
			if len(part) > 1 {
				slices.Sort(part)
				found = append(found, part)
			}
		}
	}
	slices.SortFunc(found, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return found
}

// count sets Blocks below a root and orders children by it.
func (n *LockNode) count() int {
	below := 0
	for _, c := range n.Children {
		below += 1 + c.count()
	}
	n.Blocks = max(n.Blocks, below)
	slices.SortFunc(n.Children, compareNodes)
	return below
}

func (n *LockNode) depth() int {
	deepest := 0
	for _, c := range n.Children {
		deepest = max(deepest, c.depth())
	}
	return deepest + 1
}

// contended is the relation and lock type that most children wait for. A root whose
// waiters all stand under another one is known by its own episode alone.
func (n *LockNode) contended() (relation, lockType string) {
	if len(n.Children) == 0 {
		return n.Relation, n.LockType
	}
	type thing struct{ relation, lockType string }
	counts := map[thing]int{}
	var best thing
	for _, c := range n.Children {
		x := thing{c.Relation, c.LockType}
		if counts[x]++; counts[x] > counts[best] || best == (thing{}) {
			best = x
		}
	}
	return best.relation, best.lockType
}

func compareNodes(a, b *LockNode) int {
	return cmp.Or(cmp.Compare(b.Blocks, a.Blocks), a.Since.Compare(b.Since), cmp.Compare(a.PID, b.PID))
}

func keys[V any](m map[int]V) []int {
	list := make([]int, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
