package file

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// layout is every table of a file with its columns, as SQLite tells them.
func layout(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.Query(`SELECT m.name, c.cid, c.name, c.type, c."notnull", c.pk FROM main.sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' ORDER BY m.name, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var table, name, kind string
		var at, notNull, key int
		if err := rows.Scan(&table, &at, &name, &kind, &notNull, &key); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s.%d %s %s %d %d", table, at, name, kind, notNull, key))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// The first schema and all steps come to the schema that new files get.
func TestStepsComeToTheSchema(t *testing.T) {
	if Schema != len(steps)+1 {
		t.Fatalf("schema %d, and %d steps from the first", Schema, len(steps))
	}
	w, path := newFile(t)
	raised := reach(t, Schema)
	db, err := sql.Open("sqlite", raised)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if d := cmp.Diff(layout(t, w.db), layout(t, db)); d != "" {
		t.Errorf("%s (-schema.sql +schema 1 and the steps):\n%s", path, d)
	}
}

var old = incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceOK, LastAt: t0, Detail: "PostgreSQL 15"}

// reach is a file of an older schema, with something in it.
func reach(t *testing.T, version int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.incident")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile("testdata/schema1.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`PRAGMA synchronous = OFF`,
		string(first),
		`PRAGMA user_version = 1`,
		fmt.Sprintf(`PRAGMA application_id = %d`, applicationID),
		`INSERT INTO meta VALUES ('name', 'old'), ('created_ns', '1768487000000000000')`,
		fmt.Sprintf(`INSERT INTO source (name, grp, state, last_ns, detail) VALUES ('pg', 'postgres', 'ok', %d, 'PostgreSQL 15')`, t0.UnixNano()),
		`INSERT INTO origin VALUES (1, 'postgres', 'pg', '')`,
		fmt.Sprintf(`INSERT INTO change VALUES ('c1', %d, 'ddl', 'stock_reservations', 'CREATE INDEX', 1, 0, 0)`, t0.UnixNano()),
		`INSERT INTO series VALUES (1, 'k', 'x', '{}', '1', 'gauge', '', NULL, 1)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		 INSERT INTO point SELECT 1, 1768487000000000000 + i * 1000000000, i FROM n`,
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raise(tx, version), tx.Commit(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// holds wants the facts of reach, and these sources, in a file of this schema.
func holds(t *testing.T, path string, schema int, sources ...incident.SourceStatus) {
	t.Helper()
	v, meta := load(t, path)
	if d := cmp.Diff(sources, v.Sources); d != "" {
		t.Errorf("sources (-want +got):\n%s", d)
	}
	if meta.Name != "old" || len(v.Changes()) != 1 || len(v.AllSeries()) != 1 || len(v.AllSeries()[0].Points) != 5000 {
		t.Errorf("%q with %d changes and %d series", meta.Name, len(v.Changes()), len(v.AllSeries()))
	}
	s, err := Inspect(path)
	if err != nil || s.Schema != schema || len(s.Damage) > 0 {
		t.Errorf("schema %d, damage %v, %v; want schema %d", s.Schema, s.Damage, err, schema)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// left is what lies in a file's folder.
func left(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A file of an older schema is read as it is, also where nothing may be written, and copies
// of it are of this schema.
func TestLongReadingAnOlderFile(t *testing.T) {
	for version := 1; version < Schema; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := reach(t, version)
			before := read(t, path)
			holds(t, path, version, old)
			snapshot, trimmed, merged := other(t, "s.incident"), other(t, "t.incident"), other(t, "m.incident")
			if err := errors.Join(
				Snapshot(path, snapshot), Trim(path, trimmed, incident.Window{}), Merge(merged, path, path),
			); err != nil {
				t.Fatal(err)
			}
			holds(t, snapshot, version, old) // a copy of what is there
			holds(t, trimmed, Schema, old)
			holds(t, merged, Schema, old)
			if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(filepath.Dir(path), 0o700)
			holds(t, path, version, old)
			if !bytes.Equal(before, read(t, path)) || len(left(t, path)) != 1 {
				t.Errorf("reading changed something: %v", left(t, path))
			}
		})
	}
}

// It becomes one of this schema when it is added to, and is kept as it was.
func TestAddingToAnOlderFile(t *testing.T) {
	for version := 1; version < Schema; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := reach(t, version)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			before := read(t, path)
			w, err := Continue(path)
			if err != nil {
				t.Fatal(err)
			}
			kept := fmt.Sprintf("%s.schema%d", path, version)
			if u, was := w.Upgraded(); !was || u != (Upgrade{version, kept}) {
				t.Errorf("%+v, %t", u, was)
			}
			now := incident.SourceStatus{
				Name: "pg", Group: "postgres", State: incident.SourceDegraded, LastAt: t0, Detail: "sample missed",
				Since: t0.Add(time.Minute), Clock: incident.Clock{Ahead: -1500 * time.Microsecond, Within: 200 * time.Microsecond},
			}
			said := now
			said.Clock, said.Detail = incident.Clock{}, "still" // what is not said again stays
			for _, s := range []incident.SourceStatus{now, said} {
				if err := w.Append(nil, []incident.SourceStatus{s}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			now.Detail = "still"
			holds(t, path, Schema, now)
			holds(t, kept, version, old)
			if !bytes.Equal(before, read(t, kept)) {
				t.Error("what was kept is not what was there")
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			// The next time there is nothing to do.
			if w, err = Continue(path); err != nil {
				t.Fatal(err)
			}
			if u, was := w.Upgraded(); was {
				t.Errorf("again: %+v", u)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if names := left(t, path); !slices.Equal(names, []string{"old.incident", filepath.Base(kept)}) {
				t.Errorf("the folder has %v", names)
			}
		})
	}
}

// A link stays a link, a name that is taken stays with whoever has it, and a disk without
// second names gets a copy.
func TestWhatAnUpgradeKeeps(t *testing.T) {
	path := reach(t, 1)
	via := filepath.Join(t.TempDir(), "link.incident")
	if err := errors.Join(os.Symlink(path, via), os.WriteFile(path+".schema1", []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link = os.Link })
	link = func(from, to string) error {
		if _, err := os.Stat(to); err == nil {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: fs.ErrExist}
		}
		return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
	}
	w, err := Continue(via)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if u, _ := w.Upgraded(); u.Kept != path+".schema1-2" {
		t.Errorf("%+v", u)
	}
	if info, err := os.Lstat(via); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if string(read(t, path+".schema1")) != "mine" {
		t.Error("a file of that name was written over")
	}
	holds(t, via, Schema, old)
	holds(t, path+".schema1-2", 1, old)
}

// What an upgrade cannot do it leaves alone.
func TestUpgradesThatFail(t *testing.T) {
	unchanged := func(t *testing.T, path string, before []byte, err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("the error is %v, want the path and %q", err, says)
		}
		if !bytes.Equal(before, read(t, path)) {
			t.Error("the file changed")
		}
		holds(t, path, 1, old)
	}
	t.Run("open elsewhere", func(t *testing.T) {
		path := reach(t, 1)
		db, err := connect(path)
		if err != nil {
			t.Fatal(err)
		}
		// A recorder of an older program.
		if _, err := db.Exec(`PRAGMA journal_mode = WAL; PRAGMA user_version = 1`); err != nil {
			t.Fatal(err)
		}
		before := read(t, path)
		_, err = Continue(path)
		if !errors.Is(err, ErrInUse) {
			t.Errorf("the error is %v, want %v", err, ErrInUse)
		}
		unchanged(t, path, before, err, fmt.Sprintf("bring schema 1 up to %d in a copy", Schema))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		w, err := Continue(path)
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
	})
	t.Run("no place for the copy", func(t *testing.T) {
		path := reach(t, 1)
		before := read(t, path)
		part := filepath.Join(filepath.Dir(path), fmt.Sprintf(".old.incident.schema%d.part", Schema))
		if err := os.MkdirAll(filepath.Join(part, "full"), 0o700); err != nil { // stops root too
			t.Fatal(err)
		}
		_, err := Continue(path)
		unchanged(t, path, before, err, "not empty")
		if names := left(t, path); len(names) != 2 {
			t.Errorf("left behind: %v", names)
		}
	})
	t.Run("no second name and no room", func(t *testing.T) {
		path := reach(t, 1)
		before := read(t, path)
		t.Cleanup(func() { link, stage = os.Link, func(string) {} })
		link = func(string, string) error {
			stage = func(at string) { // the copy that is to be kept
				if at == "begun" {
					_ = os.Remove(path + ".schema1") // so that it cannot be written
					_ = os.Mkdir(path+".schema1", 0o700)
				}
			}
			return syscall.EPERM
		}
		_, err := Continue(path)
		unchanged(t, path, before, err, "copy")
		if names := left(t, path); slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".part") }) {
			t.Errorf("left behind: %v", names)
		}
	})
	t.Run("full disk", func(t *testing.T) {
		path := reach(t, 1)
		before := read(t, path)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestUpgraderToBeStopped$")
		cmd.Env = append(os.Environ(), "TRIPCURVE_TEST_UPGRADE="+path, "TRIPCURVE_TEST_STAGE=full")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("it was upgraded:\n%s", out)
		}
		unchanged(t, path, before, errors.New(string(out)), "takes no writes any more")
		if names := left(t, path); len(names) != 1 {
			t.Errorf("left behind: %v", names)
		}
	})
}

// Whoever kills an upgrade at any stage finds a whole file of that name, and the next
// upgrade clears what the killed one left.
func TestLongKilledUpgrades(t *testing.T) {
	stages := []string{"begun", "as it was", "copied", "kept", "renamed"}
	for i, at := range stages {
		t.Run(at, func(t *testing.T) {
			path := reach(t, 1)
			before := read(t, path)
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestUpgraderToBeStopped$")
			cmd.Env = append(os.Environ(), "TRIPCURVE_TEST_UPGRADE="+path, "TRIPCURVE_TEST_STAGE="+at)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}
			if at == "renamed" {
				holds(t, path, Schema, old)
			} else {
				holds(t, path, 1, old)
				if !bytes.Equal(before, read(t, path)) {
					t.Error("the file changed")
				}
			}
			w, err := Continue(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			holds(t, path, Schema, old)
			holds(t, path+".schema1", 1, old)
			if names := left(t, path); len(names) != 2 {
				t.Errorf("stage %d left behind: %v", i, names)
			}
		})
	}
}

func TestUpgraderToBeStopped(t *testing.T) {
	path, at := os.Getenv("TRIPCURVE_TEST_UPGRADE"), os.Getenv("TRIPCURVE_TEST_STAGE")
	if path == "" {
		return // it is the other half of TestLongKilledUpgrades and of a full disk
	}
	if at == "full" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
			t.Fatal(err)
		}
	}
	stage = func(now string) {
		if now == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	if _, err := Continue(path); err != nil {
		t.Fatal(err)
	}
}
