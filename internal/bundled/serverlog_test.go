package bundled

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/collectors/postgres/serverlog"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

// lockLog is the server's log of the first night of TestRealGroundTruth, which writes
// it: CREATE INDEX for 8.6 s under a shop's writes, log_lock_waits on, deadlock_timeout
// 200 ms, PostgreSQL 15.
const (
	lockLog    = "testdata/share_lock.csv"
	lockLogPID = 3380
)

// byLog is the lock that a server's log alone tells of.
func byLog(t *testing.T, path string, more ...incident.Fact) (incident.Finding, incident.Analysis) {
	t.Helper()
	ev := incident.NewEvidence()
	r := serverlog.NewReader()
	sum, err := r.Import(context.Background(), path, serverlog.Options{}, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ev.Add(r.Finish()...)
	ev.SetSource(sum.Source())
	ev.Add(more...)
	a := cause.Analyze(ev.Snapshot(), cause.Options{})
	i := slices.IndexFunc(a.Findings, func(f incident.Finding) bool { return f.Cause == "lock_root" })
	if i < 0 {
		t.Fatalf("%s tells of no lock: %s", path, a.Sentence)
	}
	return a.Findings[i], a
}

// TestRootByServerLogAlone: who held the lock, on what and for how long, by a log
// without any sample of pg_locks. It has no line of the holder's own, so that neither
// user nor statement are known; that it is no request follows from what it stopped.
func TestRootByServerLogAlone(t *testing.T) {
	f, a := byLog(t, lockLog)
	if f.Role != incident.Trigger || f.Subject.PID != lockLogPID || f.Subject.Relation != "stock_reservations" {
		t.Errorf("%s: %+v", f.Claim, f.Subject)
	}
	if n := f.Window.Length(); n < 8*time.Second || n > 10*time.Second {
		t.Errorf("it was held for %s, by the log: %s", n, f.Claim)
	}
	if f.Confidence != incident.Possible {
		t.Errorf("%s of one group of sources, expected Possible", f.Confidence)
	}
	if !slices.ContainsFunc(f.Detail, func(d string) bool { return strings.Contains(d, "SHARE or stronger") }) {
		t.Errorf("what the mode must be is not said: %q", f.Detail)
	}
	t.Log(a.Sentence)
}
