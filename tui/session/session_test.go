package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func state() State {
	at := time.Date(2026, 1, 15, 14, 25, 0, 0, time.UTC)
	return State{
		Screen: "Locks", Cursor: at, From: at.Add(-time.Minute), To: at.Add(time.Minute), Full: true,
		Filters: map[string]string{"Gateway": "!inventory"}, Marks: map[string]time.Time{"a": at},
		Choices: map[string]map[string]string{"Locks": {"sort": "wait"}},
	}
}

func TestComesBack(t *testing.T) {
	path := Path(t.TempDir(), "INC-2847", "/var/night.incident")
	k := Open(path)
	if !k.First || !k.State.Saved.IsZero() || k.Note != "" {
		t.Errorf("before anything: %+v", k)
	}
	k.Put(state())
	k.Type(":goto 14:25")
	k.Type("/postgres://u:hunter2@db/x")
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	again := Open(path)
	if again.First || again.State.Saved.IsZero() {
		t.Errorf("%+v", again)
	}
	again.State.Saved = time.Time{}
	want := state()
	want.Schema = schema
	if diff := cmp.Diff(want, again.State); diff != "" {
		t.Error(diff)
	}
	if len(again.Typed) != 2 || again.Typed[0] != ":goto 14:25" || strings.Contains(again.Typed[1], "hunter2") {
		t.Errorf("typed %q", again.Typed)
	}
	if other := Open(Path(filepath.Dir(filepath.Dir(path)), "INC-2847", "/tmp/other.incident")); !other.State.Saved.IsZero() || len(other.Typed) != 2 {
		t.Errorf("another incident of the name: %+v", other)
	}
}

// TestDamagedFilesAreSetAside: whatever stands there, the screens open, and nothing of
// it is thrown away.
func TestDamagedFilesAreSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "torn": `{"schema": "tripcurve.session/1", "cur`, "text": "hello", "binary": "\x00\xff\xfe",
		"of a later version": `{"schema": "tripcurve.session/9"}`, "of another shape": `{"schema": "tripcurve.session/1", "marks": [1]}`,
		"huge": strings.Repeat(" ", most+1),
	} {
		path := Path(t.TempDir(), "x", "")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k := Open(path)
		if !strings.Contains(k.Note, path+".damaged") || !k.State.Saved.IsZero() {
			t.Errorf("%s: note %q, %+v", name, k.Note, k.State)
		}
		if got, err := os.ReadFile(path + ".damaged"); err != nil || string(got) != text {
			t.Errorf("%s: what was there is gone: %v", name, err)
		}
		k.Put(state())
		if err := k.Flush(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again := Open(path); again.State.Screen != "Locks" || again.Note != "" {
			t.Errorf("%s: afterwards %+v", name, again)
		}
	}
}

// TestAFolderThatCannotBeWritten: an error that says so, and the next try has it all.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "state")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	path := Path(blocked, "x", "")
	k := Open(path)
	k.Put(state())
	k.Type(":help")
	for range 2 {
		if err := k.Flush(); err == nil || !strings.Contains(err.Error(), "where you are is not kept") || !strings.Contains(err.Error(), blocked) {
			t.Fatalf("got %v", err)
		}
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	if again := Open(path); again.State.Screen != "Locks" || len(again.Typed) != 1 {
		t.Errorf("%+v", again)
	}
	var none *Keeper
	none.Put(state())
	none.Type(":x")
	if err := none.Flush(); err != nil {
		t.Error(err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	path := Path(t.TempDir(), "x", "")
	k := Open(path)
	for range 3 * kept {
		k.Type(":zoom-in")
	}
	k.Type(":last\nof all\x1b[2J")
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	got := Open(path).Typed
	if len(got) != kept || strings.ContainsAny(got[kept-1], "\x1b\n") || !strings.HasPrefix(got[kept-1], ":last") {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}

// TestOldSessionsAreForgotten: a flight recorder's recordings do not pile up sessions.
func TestOldSessionsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sessions"), 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range sessions + 20 {
		name := filepath.Join(dir, "sessions", fmt.Sprintf("night-%03d.json", i))
		if err := errors.Join(os.WriteFile(name, []byte("{}"), 0o600), os.Chtimes(name, old, old.Add(time.Duration(i)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	k := Open(Path(dir, "now", ""))
	k.Put(state())
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "sessions", "*.json"))
	if err != nil || len(names) != sessions {
		t.Fatalf("%d sessions, %v", len(names), err)
	}
	if filepath.Base(names[0]) != "night-021.json" || Open(k.path).State.Screen != "Locks" {
		t.Errorf("the oldest is %s", names[0])
	}
}
