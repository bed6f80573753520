package file

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// A file of schema 1 is read as it is, and becomes one of this schema when it is
// added to.
func TestAFileOfTheFirstSchema(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "old.incident")
	w, err := Create(path, "old", at)
	if err != nil {
		t.Fatal(err)
	}
	old := incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceOK, LastAt: at, Detail: "PostgreSQL 15"}
	if err := w.Append(nil, []incident.SourceStatus{old}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"since_ns", "clock_ns", "clock_err_ns"} {
		if _, err := db.Exec("ALTER TABLE source DROP COLUMN " + s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec("PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	holds := func(want ...incident.SourceStatus) {
		t.Helper()
		ev, _, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, ev.Snapshot().Sources); d != "" {
			t.Errorf("sources (-want +got):\n%s", d)
		}
	}
	holds(old)
	if s, err := Inspect(path); err != nil || s.Schema != 1 || s.Sources[0].Since != nil || s.Sources[0].ClockAhead != nil {
		t.Errorf("%+v, %v", s, err)
	}

	if w, err = Continue(path); err != nil {
		t.Fatal(err)
	}
	now := incident.SourceStatus{
		Name: "pg", Group: "postgres", State: incident.SourceDegraded, LastAt: at, Detail: "sample missed",
		Since: at.Add(time.Minute), Clock: incident.Clock{Ahead: -1500 * time.Microsecond, Within: 200 * time.Microsecond},
	}
	if err := w.Append(nil, []incident.SourceStatus{now}); err != nil {
		t.Fatal(err)
	}
	said := now
	said.Clock, said.Detail = incident.Clock{}, "still" // what is not said again stays
	if err := w.Append(nil, []incident.SourceStatus{said}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	now.Detail = "still"
	holds(now)
	s, err := Inspect(path)
	if err != nil || s.Schema != Schema || len(s.Damage) > 0 || s.Sources[0].ClockAhead == nil || *s.Sources[0].ClockAhead != -1.5 || *s.Sources[0].ClockWithin != 0.2 {
		t.Errorf("%+v, %v", s, err)
	}
}
