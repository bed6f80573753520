package locktree

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// Lock modes by their numbers in PostgreSQL.
const (
	rowExclusive = 3
	share        = 5
)

var at = time.Date(2026, 1, 15, 14, 24, 40, 0, time.UTC)

func waiter(pid int, hard bool, since time.Duration) *incident.LockNode {
	return &incident.LockNode{
		Session: incident.Session{PID: pid, User: "inventory", State: "active"},
		Wanted:  rowExclusive, LockType: "relation", Relation: "stock_reservations", Since: at.Add(-since), Hard: hard,
	}
}

// tree is a migration that six writers wait for, one of them only in the queue.
func tree() incident.LockTree {
	root := &incident.LockNode{
		Session: incident.Session{
			PID: 48291, User: "migrator", Application: "psql", State: "active",
			Query: "CREATE INDEX i ON stock_reservations\n  (expires_at) -- password=hunter2 \x1b[2J",
		},
		Held: share, Relation: "stock_reservations", Since: at.Add(-99 * time.Second), Blocks: 7,
	}
	for i := range 6 {
		root.Children = append(root.Children, waiter(51000+i, true, time.Duration(60-i)*time.Second))
	}
	root.Children = append(root.Children, waiter(51900, false, time.Second))
	return incident.LockTree{At: at, Roots: []*incident.LockNode{root}, Waiting: 7, Deepest: 2}
}

func analysis() incident.Analysis {
	return incident.Analysis{
		Sentence: "pid 48291 holds SHARE",
		Findings: []incident.Finding{{Action: "select pg_cancel_backend(48291)"}},
	}
}

func TestTextFoldsEqualWaitersAndIsSafe(t *testing.T) {
	got := Text(tree(), analysis(), Options{})
	for _, want := range []string{
		"pid 48291 holds SHARE\n", "7 waiting, 1 root, deepest 2", "48291 migrator psql  holds SHARE on stock_reservations  since 14:23:01Z (1m39s)",
		"51000 inventory  wants ROW EXCLUSIVE", "2 more that block nobody", "what to do: select pg_cancel_backend(48291)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.ContainsAny(got, "\x1b") || strings.Contains(got, "hunter2") {
		t.Errorf("hostile text or a secret came through:\n%q", got)
	}
}

func TestNobodyWaits(t *testing.T) {
	got := Text(incident.LockTree{At: at}, incident.Analysis{Sentence: "Nobody waits."}, Options{})
	if d := cmp.Diff("Nobody waits.\n", got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestJSONTellsQueuedFromBlocked(t *testing.T) {
	got := New(tree(), analysis(), Options{})
	if got.Schema != Schema || len(got.Roots) != 1 || got.Cycles == nil {
		t.Fatalf("tree %+v", got)
	}
	root := got.Roots[0]
	if root.PID != 48291 || root.Held != "SHARE" || root.ForS != 99 || root.Queued || root.Blocks != 7 {
		t.Errorf("root %+v", root)
	}
	var queued []int
	for _, w := range root.Waiters {
		if w.Queued {
			queued = append(queued, w.PID)
		}
	}
	if d := cmp.Diff([]int{51900}, queued); d != "" {
		t.Errorf("waiters that are only behind in the queue (-want +got):\n%s", d)
	}
}
