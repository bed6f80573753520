package cause

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// A server's log without DETAIL lines has waits and not for whom: that is no cycle,
// and not nobody.
func TestWaitsForWhoKnowsWhom(t *testing.T) {
	t0 := time.Date(2026, 1, 15, 14, 23, 31, 0, time.UTC)
	wait := func(pid int, by ...int) incident.Episode {
		e := incident.Episode{
			Kind: incident.LockWait, From: t0, To: t0.Add(9 * time.Second), Open: true, Session: incident.Session{PID: pid},
			Wanted: pglock.Share, LockType: "relation", Relation: "stock_reservations",
			Origin: incident.Origin{Group: "postgres_log", Name: "pg.log"},
		}
		for _, b := range by {
			e.Blockers = append(e.Blockers, incident.Blocker{PID: b, Hard: true, Mode: pglock.Share})
		}
		return e
	}
	for _, c := range []struct {
		name, says, checked string
		waits               []incident.Episode
	}{
		{"nobody named", "2 sessions wait for locks, and no source says for whom", "locks: not known, 2 sessions waited, and no source says for whom", []incident.Episode{wait(1), wait(2)}},
		{"two cycles", "4 sessions wait for locks in a cycle: 1 2, and 3 4", "", []incident.Episode{wait(1, 2), wait(2, 1), wait(3, 4), wait(4, 3)}},
	} {
		ev := incident.NewEvidence()
		for _, w := range c.waits {
			ev.Add(w)
		}
		ev.SetSource(incident.SourceStatus{Name: "pg.log", Group: "postgres_log", State: incident.SourceDone})
		a := Analyze(ev.Snapshot(), Options{})
		if !strings.HasPrefix(a.Sentence, c.says) {
			t.Errorf("%s: %q, want %q", c.name, a.Sentence, c.says)
		}
		if c.checked != "" && !slices.Contains(a.Checked, c.checked) {
			t.Errorf("%s: checked %q", c.name, a.Checked)
		}
	}
}
