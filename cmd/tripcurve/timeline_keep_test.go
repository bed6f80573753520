package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/tui/timeline"
)

// TestTheScreensTimelineIsKept: in a file and in a recording that goes on, with the
// audit, and an undo that can be done again.
func TestTheScreensTimelineIsKept(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 31, 0, 0, time.UTC)
	entry := incident.Entry{ID: "e1", Start: at, Text: "rolled back", Kind: incident.KAction, Confidence: "stated"}
	for name, keeper := range map[string]func(path string) (timeline.Keeper, func()){
		"file": func(path string) (timeline.Keeper, func()) {
			w, err := file.Create(path, "night", at)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return &fileTimeline{path: path}, func() {}
		},
		"recording": func(path string) (timeline.Keeper, func()) {
			l, err := newLive(path, keeping{}, at)
			if err != nil {
				t.Fatal(err)
			}
			return liveTimeline{l}, func() {
				if v, fresh := l.newest(); !fresh || v.Written.Len() != 1 {
					t.Errorf("the screens get %+v, new %v", v.Written, fresh)
				}
				if err := l.close(); err != nil {
					t.Error(err)
				}
				if err := (liveTimeline{l}).Ready(); err == nil || !strings.Contains(err.Error(), "has ended") {
					t.Errorf("after the end: %v", err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "night.incident")
			k, end := keeper(path)
			if err := k.Ready(); err != nil {
				t.Fatal(err)
			}
			all, err := k.Write("author", "add", incident.WriteEntry(entry))
			if err != nil || all.Len() != 1 {
				t.Fatalf("%+v, %v", all, err)
			}
			undone, all, err := k.Undo("author")
			if err != nil || all.Len() != 0 || len(undone) != 1 || undone[0].Fields["text"] != "rolled back" {
				t.Fatalf("undo: %+v, %+v, %v", undone, all, err)
			}
			if all, err = k.Write("author", "redo", undone...); err != nil || all.Len() != 1 {
				t.Fatalf("redo: %+v, %v", all, err)
			}
			end()
			r, err := file.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			audit, err := r.Audit()
			if err != nil || len(audit) != 3 || audit[0].Role != "author" || audit[2].Action != "redo" {
				t.Errorf("audit %+v, %v", audit, err)
			}
		})
	}
}

// TestATimelineThatCannotBeWritten: a file without leave to write, one that is gone, and
// a recording whose disk failed say so and name themselves.
func TestATimelineThatCannotBeWritten(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone.incident")
	k := &fileTimeline{path: gone}
	if err := k.Ready(); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("a file that is gone: %v", err)
	}
	if _, err := k.Write("author", "add"); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("a file that is gone: %v", err)
	}
	text := filepath.Join(t.TempDir(), "notes.incident")
	if err := os.WriteFile(text, []byte("no incident, but long enough to have a header of its own, which is a hundred bytes in SQLite's files; so it is"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (&fileTimeline{path: text}).Undo("author"); err == nil || !strings.Contains(err.Error(), "not an incident file") {
		t.Errorf("a file of another kind: %v", err)
	}
	l, err := newLive(filepath.Join(t.TempDir(), "night.incident"), keeping{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.stop(file.ErrFull)
	l.mu.Unlock()
	if _, err := (liveTimeline{l}).Write("author", "add"); err == nil || !strings.Contains(err.Error(), "no room left on disk") {
		t.Errorf("a full disk: %v", err)
	}
}
