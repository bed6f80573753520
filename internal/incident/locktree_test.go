package incident

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
)

// outline prints a tree: one line per session, soft edges with a ~.
func outline(t LockTree) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d waiting, deepest %d", t.Waiting, t.Deepest)
	if len(t.Cycles) > 0 {
		fmt.Fprintf(&b, ", cycles %v", t.Cycles)
	}
	b.WriteByte('\n')
	var walk func(n *LockNode, depth int)
	walk = func(n *LockNode, depth int) {
		edge := ""
		if depth > 0 && !n.Hard {
			edge = "~"
		}
		fmt.Fprintf(&b, "%s%s%d", strings.Repeat("  ", depth), edge, n.PID)
		if n.Held != pglock.None {
			fmt.Fprintf(&b, " holds %s", n.Held)
		}
		if n.Wanted != pglock.None {
			fmt.Fprintf(&b, " wants %s", n.Wanted)
		}
		fmt.Fprintf(&b, " on %s since %s blocks %d\n", n.Relation, n.Since.Format("05"), n.Blocks)
		for _, c := range n.Children {
			walk(c, depth+1)
		}
	}
	for _, r := range t.Roots {
		walk(r, 0)
	}
	return b.String()
}

func TestLockTree(t *testing.T) {
	state := func(pid int, from float64, held pglock.Mode) Episode {
		return Episode{Kind: SessionState, From: sec(from), To: sec(60), Open: true, Session: Session{PID: pid, Query: "x"}, Held: held, Relation: "stock_reservations", Origin: pg}
	}
	wants := func(e Episode, m pglock.Mode) Episode { e.Wanted = m; return e }
	hard := func(pid int, m pglock.Mode) Blocker { return Blocker{PID: pid, Hard: true, Mode: m} }
	soft := func(pid int) Blocker { return Blocker{PID: pid} }
	worker := state(48292, 1, pglock.Share)
	worker.Session.LeaderPID = 48291
	for _, c := range []struct {
		name     string
		episodes []Episode
		want     string
	}{
		{"a CREATE INDEX and its parallel worker", []Episode{
			state(48291, 1, pglock.Share), worker,
			wait(51001, 3, 60, true, hard(48291, pglock.Share), hard(48292, pglock.Share)),
			wait(51000, 2, 60, true, hard(48291, pglock.Share), hard(48291, pglock.Share)),
		}, `
2 waiting, deepest 2
48291 holds SHARE on stock_reservations since 01 blocks 2
  51000 wants ROW EXCLUSIVE on stock_reservations since 02 blocks 0
  51001 wants ROW EXCLUSIVE on stock_reservations since 03 blocks 0
`},
		{"readers queue behind a waiting ALTER TABLE, writers stand under the holder", []Episode{
			state(40, 1, pglock.Share),
			wants(wait(50, 2, 60, true, hard(40, pglock.Share)), pglock.AccessExclusive),
			wants(wait(60, 3, 60, true, soft(50)), pglock.AccessShare),
			wants(wait(61, 4, 60, true, soft(50)), pglock.AccessShare),
			wait(70, 5, 60, true, hard(40, pglock.Share), soft(50)),
		}, `
4 waiting, deepest 3
40 holds SHARE on stock_reservations since 01 blocks 4
  50 wants ACCESS EXCLUSIVE on stock_reservations since 02 blocks 2
    ~60 wants ACCESS SHARE on stock_reservations since 03 blocks 0
    ~61 wants ACCESS SHARE on stock_reservations since 04 blocks 0
  70 wants ROW EXCLUSIVE on stock_reservations since 05 blocks 0
`},
		{"a holder that was never seen, and a prepared transaction", []Episode{
			wait(60, 2, 60, true, hard(7, pglock.Share)),
			wait(61, 3, 60, true, hard(0, pglock.RowExclusive)),
		}, `
2 waiting, deepest 2
0 holds ROW EXCLUSIVE on stock_reservations since 00 blocks 1
  61 wants ROW EXCLUSIVE on stock_reservations since 03 blocks 0
7 holds SHARE on stock_reservations since 00 blocks 1
  60 wants ROW EXCLUSIVE on stock_reservations since 02 blocks 0
`},
		{"a deadlock is no root, and one waits behind it", []Episode{
			wait(60, 2, 60, true, hard(61, pglock.Exclusive)),
			wait(61, 3, 60, true, hard(60, pglock.Exclusive)),
			wait(62, 4, 60, true, hard(61, pglock.Exclusive)),
		}, `
3 waiting, deepest 0, cycles [[60 61]]
`},
		{"a session that names itself", []Episode{wait(60, 2, 60, true, hard(60, pglock.Exclusive))}, `
1 waiting, deepest 0
`},
		{"the root with the most waiters first", []Episode{
			wait(60, 2, 60, true, hard(1, pglock.Share)),
			wait(61, 3, 60, true, hard(2, pglock.Share)),
			wait(62, 4, 60, true, hard(61, pglock.Exclusive)),
		}, `
3 waiting, deepest 3
2 holds SHARE on stock_reservations since 00 blocks 2
  61 holds EXCLUSIVE wants ROW EXCLUSIVE on stock_reservations since 03 blocks 1
    62 wants ROW EXCLUSIVE on stock_reservations since 04 blocks 0
1 holds SHARE on stock_reservations since 00 blocks 1
  60 wants ROW EXCLUSIVE on stock_reservations since 02 blocks 0
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := NewEvidence()
			for _, e := range c.episodes {
				ev.Add(e)
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), outline(ev.Snapshot().LockTree(sec(30)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkLockTree1000(b *testing.B) {
	ev := NewEvidence()
	for i := range 1000 {
		by := []Blocker{{PID: 1, Hard: true, Mode: pglock.Share}}
		for j := max(0, i-8); j < i; j++ {
			by = append(by, Blocker{PID: 51000 + j})
		}
		ev.Add(wait(51000+i, float64(i)/100, 60, true, by...))
	}
	v := ev.Snapshot()
	for b.Loop() {
		if t := v.LockTree(sec(30)); t.Waiting != 1000 || t.Roots[0].Blocks != 1000 {
			b.Fatal(t.Waiting, t.Roots[0].Blocks)
		}
	}
}
