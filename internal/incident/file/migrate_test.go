package file

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"os"
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
	if _, err := db.Exec("DROP TABLE entry; DROP TABLE audit; CREATE TABLE moment (id TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID; PRAGMA user_version = 1"); err != nil {
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

// A disk that was full took the head of the file at a checkpoint, and not the pages
// behind it: they are in the log, and the file can be read.
func TestAHeadThatIsAheadOfItsPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full.incident")
	w, err := Create(path, "full", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	points := make([]incident.Point, 5000)
	for i := range points {
		points[i] = incident.Point{At: at.Add(time.Duration(i) * time.Second), V: float64(i)}
	}
	if err := w.Append([]incident.Fact{incident.Series{Name: "x", Unit: "1", Points: points}}, nil); err != nil {
		t.Fatal(err)
	}
	// What the checkpoint would have written first: the page that counts the others.
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const header, frame, page = 32, 24, 4096
	var first []byte
	for from := header; from+frame+page <= len(wal); from += frame + page {
		if binary.BigEndian.Uint32(wal[from:]) == 1 {
			first = wal[from+frame : from+frame+page]
		}
	}
	if first == nil {
		t.Fatal("the log has no first page")
	}
	copied := filepath.Join(t.TempDir(), "full.incident")
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(main, first)
	for name, text := range map[string][]byte{copied: main, copied + "-wal": wal} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Inspect(copied); err != nil || len(s.Damage) > 0 {
		t.Fatalf("%+v, %v", s.Damage, err)
	}
	ev, _, err := Load(copied)
	if err != nil {
		t.Fatal(err)
	}
	if all := ev.Snapshot().AllSeries(); len(all) != 1 || len(all[0].Points) != len(points) {
		t.Errorf("%d series", len(all))
	}
	if err := os.Remove(copied + "-wal"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(copied); !errors.Is(err, ErrCorrupt) {
		t.Errorf("without its log: %v, want that it is cut short", err)
	}
}
