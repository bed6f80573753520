package tui

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/session"
	"tripcurve/tui/tuitest"
)

func TestMain(m *testing.M) {
	after = func(time.Duration, func(time.Time) tea.Msg) tea.Cmd { return nil }
	os.Exit(m.Run())
}

// sitting is a root with the incident and a session at path.
func sitting(path string) *Root {
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Session: session.Open(path), Note: "reconstructed"})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, tuitest.Incident())
	return r
}

func TestASessionComesBack(t *testing.T) {
	path := session.Path(t.TempDir(), "INC-2847", "")
	r := sitting(path)
	if foot := lines(r)[23]; !strings.Contains(foot, "new here?") {
		t.Errorf("at the very first: %q", foot)
	}
	keys(r, "2")
	if foot := lines(r)[23]; !strings.Contains(foot, "reconstructed") {
		t.Errorf("after the hint: %q", foot)
	}
	asAtFirst := r.state().Choices
	keys(r, "s", "+", "m", "k", "3", "b", "/")
	typed(r, "!inventory")
	keys(r, "enter", "f")
	want := r.state()
	send(r, saveMsg{})

	r = sitting(path)
	got := r.state()
	if got.Screen != "Gateway" || !got.Full || got.Filters["Gateway"] != "!inventory" || got.Choices["Locks"]["sort"] != "wait" || got.Choices["Gateway"]["phase"] != "before" {
		t.Errorf("came back as %+v", got)
	}
	if !got.From.Equal(want.From) || !got.Cursor.Equal(want.Cursor) || !got.Marks["k"].Equal(want.Marks["k"]) || want.Marks["k"].IsZero() {
		t.Errorf("came back with %v %v %v, want %v %v %v", got.From, got.Cursor, got.Marks, want.From, want.Cursor, want.Marks)
	}
	if foot := lines(r)[23]; !strings.Contains(foot, "restored session from ") || !strings.Contains(foot, "ctrl+r resets") {
		t.Errorf("the last line: %q", foot)
	}
	keys(r, "/", "up")
	if got := r.prompt.input.Value(); got != "!inventory" {
		t.Errorf("recalled %q", got)
	}
	keys(r, "esc", "ctrl+r")
	if s := r.state(); s.Screen != "Overview" || s.Full || len(s.Filters)+len(s.Marks) != 0 || !s.From.IsZero() || !reflect.DeepEqual(s.Choices, asAtFirst) {
		t.Errorf("after a reset: %+v", s)
	}
	keys(r, "z")
	if s := r.state(); len(s.Filters) != 1 || len(s.Marks) != 1 || s.From.IsZero() || !reflect.DeepEqual(s.Choices, want.Choices) {
		t.Errorf("after undoing it: %+v", s)
	}
	keys(r, "Z")
	if s := r.state(); len(s.Filters)+len(s.Marks) != 0 || !reflect.DeepEqual(s.Choices, asAtFirst) {
		t.Errorf("after doing it again: %+v", s)
	}
}

// TestASessionThatDoesNotFit: of another version, or edited by hand, it opens all the
// same.
func TestASessionThatDoesNotFit(t *testing.T) {
	path := session.Path(t.TempDir(), "INC-2847", "")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"schema": "tripcurve.session/1", "saved": "2026-01-15T15:00:00Z", "screen": "Nowhere", "cursor": "1999-01-01T00:00:00Z",
		"from": "1999-01-01T00:00:00Z", "to": "1999-01-02T00:00:00Z", "filters": {"Locks": "(", "Gone": "x"},
		"marks": {"?": "2026-01-15T14:25:00Z", "": "2026-01-15T14:25:00Z", "long": "2026-01-15T14:25:00Z"}, "choices": {"Locks": {"sort": "colour"}, "Gateway": {"phase": ""}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := sitting(path)
	fresh := opened(80, 24).state()
	if s := r.state(); s.Screen != "Overview" || !s.Cursor.Equal(fresh.Cursor) || !s.From.IsZero() || len(s.Filters)+len(s.Marks) != 0 || s.Choices["Locks"]["sort"] != "waiters" {
		t.Errorf("came back as %+v", s)
	}
	if err := os.WriteFile(path, []byte("{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if foot := said(sitting(path)); !strings.Contains(foot, "!! the session was damaged and begins anew; it is kept as ") {
		t.Errorf("a damaged one: %q", foot)
	}
}

// TestAStateFolderThatCannotBeWritten is said once, and everything else works.
func TestAStateFolderThatCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	r := sitting(session.Path(blocked, "INC-2847", ""))
	keys(r, "2")
	send(r, saveMsg{})
	if foot := said(r); !strings.Contains(foot, "!! where you are is not kept") {
		t.Errorf("not said: %q", foot)
	}
	keys(r, "j")
	send(r, saveMsg{})
	if foot := lines(r)[23]; strings.Contains(foot, "!!") {
		t.Errorf("said again: %q", foot)
	}
}

func TestMarks(t *testing.T) {
	r := opened(80, 24)
	was := r.common.Cursor
	keys(r, "'")
	if got := r.status.Text; !strings.Contains(got, "no marks") {
		t.Errorf("' without marks: %q", got)
	}
	keys(r, "m", "a")
	if head := lines(r)[0]; !strings.Contains(head, "mark a") {
		t.Errorf("the first line: %q", head)
	}
	keys(r, "l", "l", "m", "!")
	if got := r.status; !got.Bad || !strings.Contains(got.Text, "not a letter") {
		t.Errorf("m and !: %+v", got)
	}
	keys(r, "m", "esc", "'")
	if got := r.status.Text; !strings.Contains(got, "a "+was.Format("15:04:05Z")) {
		t.Errorf("' says %q", got)
	}
	keys(r, "a")
	if !r.common.Cursor.Equal(was) {
		t.Errorf("' and a go to %v, want %v", r.common.Cursor, was)
	}
	keys(r, "5")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, " marks ") {
		t.Errorf("the timeline has no lane of marks:\n%s", got)
	}
	keys(r, "1", "z")
	if len(r.common.Marks) != 0 {
		t.Error("z does not take the mark back")
	}
	keys(r, "Z", ":")
	typed(r, "unmark a")
	keys(r, "enter")
	if len(r.common.Marks) != 0 {
		t.Error(":unmark a leaves it")
	}
}

func TestPlaying(t *testing.T) {
	r := opened(80, 24)
	at := tuitest.At("14:25:00")
	send(r, press("}"), press("}"), press("}"))
	keys(r, "space")
	if head := lines(r)[0]; !strings.Contains(head, "PLAY 10x") {
		t.Errorf("the first line: %q", head)
	}
	from := r.common.Cursor
	step := func(d time.Duration) {
		at = at.Add(d)
		send(r, playMsg{at: at, run: r.player.run})
	}
	step(0)
	step(250 * time.Millisecond)
	step(time.Hour) // a terminal that stopped for long does not make it jump
	if got, want := r.common.Cursor.Sub(from), 2500*time.Millisecond+2500*time.Millisecond+10*time.Second; got != want {
		t.Errorf("moved by %v, want %v", got, want)
	}
	keys(r, "{", "{", "{", "{", "space")
	was := r.common.Cursor
	step(250 * time.Millisecond)
	if !r.common.Cursor.Equal(was) {
		t.Error("it plays on after a stop")
	}
	keys(r, ".")
	keys(r, "space") // from the end it plays again
	if !r.common.Cursor.Equal(r.common.Range.From) {
		t.Errorf("plays from %v", r.common.Cursor)
	}
	send(r, playMsg{at: at, run: r.player.run - 1}) // of the play before
	keys(r, "}", "}", "}", "}", "}", "}", "}")
	for range 10_000 {
		if !r.player.on {
			break
		}
		step(time.Second)
	}
	if r.player.on || !r.common.Cursor.Equal(r.common.View.Window.To) || !strings.Contains(r.status.Text, "the end") {
		t.Errorf("at the end: on %v, %v, %q", r.player.on, r.common.Cursor, r.status.Text)
	}
}
