package locks

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// tree is the lock tree at the cursor as lines, gathered once per view, cursor,
// filter and order.
type tree struct {
	version uint64
	cursor  time.Time
	filter  string
	stale   bool

	at      time.Time // of the sample
	summary string
	empty   string // why there are no lines
	rows    []row
	need    widths
}

// row is one line: a session, or several equal waiters folded.
type row struct {
	key    string
	node   *incident.LockNode // of folded ones the one that waits longest
	depth  int
	last   bool // of its siblings
	stems  uint64
	folded int  // how many sessions the line stands for, 0: one, unfolded
	branch bool // has something to fold
	open   bool

	name, user, lock, relation, since, blocks, statement string
}

// foldFrom is how many equal waiters become one line: a hundred lines that say
// the same help nobody.
const foldFrom = 3

func (s *Screen) gather() *tree {
	t := &s.tree
	if !t.stale && t.version == s.Version && t.cursor.Equal(s.Cursor) && t.filter == s.Filter.Text {
		return t
	}
	was := ""
	if s.list.At < len(t.rows) {
		was = t.rows[s.list.At].key
	}
	*t = tree{version: s.Version, cursor: s.Cursor, filter: s.Filter.Text, at: s.Cursor}
	if why := s.blind(); why != "" {
		t.empty, t.summary = why, text.NoData
		return t
	}
	times := s.View.SampleTimes(incident.Window{From: s.View.Window.From, To: s.Cursor.Add(1)})
	if len(times) > 0 {
		t.at = times[len(times)-1]
	}
	lt := s.View.LockTree(t.at)
	t.summary = text.Plural(len(lt.Roots), "root") + ", " + text.Count(lt.Waiting) + " waiting, deepest " + text.Count(lt.Deepest)
	if len(lt.Cycles) > 0 {
		t.summary += ", " + text.Plural(len(lt.Cycles), "cycle") + " (deadlock?)"
	}
	s.add(t, lt.Roots, nil, 0, 0)
	t.measure()
	if len(t.rows) == 0 {
		t.empty = "nobody waits for a lock at this instant; w goes to the worst one"
		if s.Filter.Active() && len(lt.Roots) > 0 {
			t.empty = "no session matches the filter"
		}
	}
	s.list.Clamp(len(t.rows))
	if s.list.Moved() {
		s.list.Follow(len(t.rows), func(i int) bool { return t.rows[i].key == was })
	}
	return t
}

// blind says why nothing can be said about locks at the cursor; empty when
// something can.
func (s *Screen) blind() string {
	if !s.View.Sees("postgres") {
		return "no data: Postgres was not looked at"
	}
	for _, g := range s.View.Gaps("postgres") {
		if g.Active(s.Cursor) {
			return "no data: " + redact.Line(g.Origin.Name) + " gave nothing from " + text.Clock(g.From) + " to " + text.Clock(g.To) + "  " + redact.Flat(g.Text)
		}
	}
	return ""
}

// add appends siblings and what hangs below them. stems has a bit for every
// depth whose line goes on further down.
func (s *Screen) add(t *tree, nodes []*incident.LockNode, parent *incident.LockNode, depth int, stems uint64) {
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(n *incident.LockNode) bool { return !s.kept(n) })
	slices.SortStableFunc(nodes, s.compare)
	groups := group(nodes)
	for i, g := range groups {
		last := i == len(groups)-1
		below := stems
		if !last && depth > 0 {
			below |= 1 << min(depth, 63)
		}
		if len(g) < foldFrom {
			for k, n := range g {
				s.addNode(t, n, depth, last && k == len(g)-1, stems, below)
			}
			continue
		}
		r := s.foldedRow(t, g, parent, depth, last, stems)
		t.rows = append(t.rows, r)
		if r.open {
			for k, n := range g {
				s.addNode(t, n, depth+1, k == len(g)-1, below, below|1<<min(depth+1, 63))
			}
		}
	}
}

func (s *Screen) addNode(t *tree, n *incident.LockNode, depth int, last bool, stems, below uint64) {
	r := row{
		key: "pid " + strconv.Itoa(n.PID), node: n, depth: depth, last: last, stems: stems,
		branch: len(n.Children) > 0, open: true,
		name: strconv.Itoa(n.PID), user: redact.Line(n.User), since: s.age(t, n), statement: redact.Flat(n.Query),
		relation: redact.Line(n.Relation),
	}
	if open, ok := s.open[r.key]; ok {
		r.open = open
	}
	r.lock = "waits " + n.Wanted.String()
	if n.Wanted == 0 {
		r.lock = "holds " + n.Held.String()
		if n.Held == 0 {
			r.lock = "holds a lock"
		}
	} else if n.LockType != "" && n.LockType != "relation" {
		r.lock = "waits " + redact.Line(n.LockType)
	}
	if n.Blocks > 0 {
		r.blocks = text.Count(n.Blocks)
	}
	t.rows = append(t.rows, r)
	if r.open {
		s.add(t, n.Children, n, depth+1, below)
	}
}

func (s *Screen) foldedRow(t *tree, g []*incident.LockNode, parent *incident.LockNode, depth int, last bool, stems uint64) row {
	waits := make([]time.Duration, 0, len(g))
	oldest := g[0]
	for _, n := range g {
		waits = append(waits, t.at.Sub(n.Since))
		if n.Since.Before(oldest.Since) {
			oldest = n
		}
	}
	slices.Sort(waits)
	r := row{
		key: "fold", node: oldest, depth: depth, last: last, stems: stems, folded: len(g), branch: true,
		name: text.Count(len(g)) + " alike", user: redact.Line(oldest.User), relation: redact.Line(oldest.Relation), lock: "waits " + oldest.Wanted.String(),
		since: text.Dur(waits[len(waits)-1]), statement: "median " + text.Dur(waits[len(waits)/2]) + "  " + redact.Flat(oldest.Query),
	}
	if oldest.LockType != "" && oldest.LockType != "relation" {
		r.lock = "waits " + redact.Line(oldest.LockType)
	}
	if parent != nil {
		r.key += " under " + strconv.Itoa(parent.PID)
	}
	r.key += " " + likeness(oldest)
	r.open = s.open[r.key]
	return r
}

func (s *Screen) age(t *tree, n *incident.LockNode) string {
	if n.Since.IsZero() {
		return "-"
	}
	return text.Dur(t.at.Sub(n.Since))
}

// kept says whether a session or one behind it matches the filter.
func (s *Screen) kept(n *incident.LockNode) bool {
	if s.Filter.Match(strconv.Itoa(n.PID), n.User, n.Application, n.Query, n.Relation, n.Wanted.String(), n.Held.String()) {
		return true
	}
	return slices.ContainsFunc(n.Children, s.kept)
}

func (s *Screen) compare(a, b *incident.LockNode) int {
	switch s.sort {
	case byWait:
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.PID, b.PID))
	case byPID:
		return cmp.Compare(a.PID, b.PID)
	default: // byWaiters
		return cmp.Or(cmp.Compare(b.Blocks, a.Blocks), a.Since.Compare(b.Since), cmp.Compare(a.PID, b.PID))
	}
}

// likeness is what equal waiters have in common.
func likeness(n *incident.LockNode) string {
	return n.User + "\x00" + n.Wanted.Catalog() + "\x00" + n.Relation + "\x00" + n.LockType + "\x00" + strconv.FormatBool(n.Hard) + "\x00" + n.Query
}

// group puts equal waiters that block nobody together, at the place of the
// first of them; everybody else is a group of one.
func group(nodes []*incident.LockNode) [][]*incident.LockNode {
	var out [][]*incident.LockNode
	at := map[string]int{}
	for _, n := range nodes {
		if len(n.Children) == 0 && n.Wanted != 0 {
			k := likeness(n)
			if i, ok := at[k]; ok {
				out[i] = append(out[i], n)
				continue
			}
			at[k] = len(out)
		}
		out = append(out, []*incident.LockNode{n})
	}
	return out
}

// waiters is how many sessions waited over the range.
type waiters struct {
	version uint64
	window  incident.Window
	step    time.Duration
	values  []float64
}

func (s *Screen) gatherWaiters() *waiters {
	w := &s.series
	if w.version != s.Version || w.window != s.Range {
		*w = waiters{version: s.Version, window: s.Range, step: screen.StepFor(s.Range.Length(), 240)}
		w.values = s.View.LockWaiters(s.Range, w.step)
	}
	return w
}
