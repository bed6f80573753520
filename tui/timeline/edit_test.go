package timeline

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// book keeps what is written in memory, with the changes for undo.
type book struct {
	all    []incident.Written
	before [][]incident.Written
	log    []string
	broken error
}

func (b *book) Ready() error { return b.broken }

func (b *book) Write(role, action string, written ...incident.Written) (*incident.Writings, error) {
	if b.broken != nil {
		return nil, b.broken
	}
	b.before = append(b.before, slices.Clone(b.all))
	for _, w := range written {
		b.all = slices.DeleteFunc(slices.Clone(b.all), func(have incident.Written) bool { return have.ID == w.ID })
		if len(w.Fields)+len(w.Comments) > 0 {
			b.all = append(b.all, w)
		}
		b.log = append(b.log, action+" by "+role)
	}
	return incident.PackWritten(slices.Values(b.all)), nil
}

func (b *book) Undo(string) (undone []incident.Written, all *incident.Writings, err error) {
	n := len(b.before)
	undone, b.all, b.before = b.all, b.before[n-1], b.before[:n-1]
	b.log = append(b.log, "undo")
	return undone, incident.PackWritten(slices.Values(b.all)), nil
}

// author is the screen with somebody who writes; what is written comes back as it does
// from the root.
type author struct {
	*Screen
	t    *testing.T
	msg  screen.EvidenceMsg
	said []string
}

func write(t *testing.T, opt Options) *author {
	t.Helper()
	a := &author{Screen: New(opt), t: t, msg: linked(t)}
	a.send(screen.SizeMsg{W: 80, H: 21}, a.msg, screen.RangeMsg{Window: tuitest.Range}, screen.CursorMsg{At: tuitest.Cursor})
	return a
}

func (a *author) send(msgs ...tea.Msg) {
	for _, msg := range msgs {
		switch msg := msg.(type) {
		case screen.WrittenMsg:
			m := a.msg
			m.View = m.View.WithWritten(msg.Written)
			a.Update(m)
			continue
		case screen.StatusMsg:
			a.said = append(a.said, msg.Text)
		case screen.FailedMsg:
			a.said = append(a.said, "!! "+msg.Err.Error())
		}
		_, cmd := a.Update(msg)
		a.send(tuitest.Answers(cmd)...)
	}
}

func (a *author) do(names ...string) {
	for _, n := range names {
		a.send(screen.ActionMsg{Name: n})
	}
}

func (a *author) keys(names ...string) {
	named := map[string]rune{"enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace}
	for _, n := range names {
		if code, ok := named[n]; ok {
			a.send(tea.KeyPressMsg{Code: code})
			continue
		}
		for _, r := range n {
			a.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

func (a *author) text() string {
	return strings.Join(tuitest.Draw(a.Screen, 80, 21).Lines(), "\n")
}

func (a *author) last() string {
	if len(a.said) == 0 {
		return ""
	}
	return a.said[len(a.said)-1]
}

func TestAddEditHideCommentUndoRedo(t *testing.T) {
	var b book
	a := write(t, Options{Keep: &b})
	a.do("add")
	if !a.Capturing() {
		t.Fatal("a opens no form")
	}
	tuitest.Golden(t, "form_80x24", tuitest.Draw(a.Screen, 80, 21))
	a.keys("rolled back order to v41", "enter")
	if a.Capturing() || !strings.Contains(a.last(), "added: 14:25:23Z rolled back order to v41; z takes it back") {
		t.Fatalf("said %q:\n%s", a.last(), a.text())
	}
	if m := a.selected(); m.Text != "rolled back order to v41" || m.Lane != "people" {
		t.Errorf("%+v is selected, want the new entry", m)
	}
	a.do("edit")
	a.keys(" (canary)", "enter")
	a.do("comment")
	a.keys("seen in the channel", "enter")
	a.do("evidence")
	if got := a.text(); !strings.Contains(got, "rolled back order to v41 (canary)") || !strings.Contains(got, "on-call engineer: seen in the channel") {
		t.Errorf("edited and commented:\n%s", got)
	}
	a.do("back", "hide")
	if len(a.shown) != 5 {
		t.Errorf("%d moments are shown, want the 5 of the evidence", len(a.shown))
	}
	a.do("hidden")
	if got := a.text(); !strings.Contains(got, "(hidden) rolled back") {
		t.Errorf("with what is hidden:\n%s", got)
	}
	a.do("undo", "undo", "undo", "undo", "undo")
	if len(b.all) != 0 || !strings.Contains(a.last(), "nothing was changed here") {
		t.Errorf("after undoing all %d entries are written, said %q", len(b.all), a.last())
	}
	a.do("redo", "redo", "redo", "redo", "redo")
	if len(b.all) != 1 || b.all[0].Fields["hidden"] != "true" || len(b.all[0].Comments) != 1 || a.last() != "nothing was undone here" {
		t.Errorf("after doing all again: %+v, said %q", b.all, a.last())
	}
	want := "add edit comment hide undo undo undo undo redo redo redo redo"
	if got := strings.ReplaceAll(strings.Join(b.log, " "), " by on-call engineer", ""); got != want {
		t.Errorf("the audit has %q, want %q", got, want)
	}
}

// TestADerivedEntryKeepsItsEvidence: only what was changed of it is written.
func TestADerivedEntryKeepsItsEvidence(t *testing.T) {
	var b book
	a := write(t, Options{Keep: &b, Role: "author"})
	a.do("top", "edit")
	a.keys(", without CONCURRENTLY", "enter")
	if len(b.all) != 1 || !b.all[0].Derived || len(b.all[0].Fields) != 1 || b.log[0] != "edit by author" {
		t.Fatalf("written %+v, %v", b.all, b.log)
	}
	m := a.selected()
	if !strings.HasSuffix(m.Text, ", without CONCURRENTLY") || len(m.Support) == 0 || !m.At.Equal(tuitest.At("14:23:01")) {
		t.Errorf("it is now %+v", m)
	}
	a.do("pin")
	if b.all[0].Fields["pinned"] != "true" {
		t.Errorf("pinned: %+v", b.all)
	}
}

// TestNothingWrittenIsLost: a mistake, and a file that takes nothing, leave the form
// open with what was typed.
func TestNothingWrittenIsLost(t *testing.T) {
	var b book
	a := write(t, Options{Keep: &b})
	a.do("add")
	a.keys("enter")
	if !strings.Contains(a.text(), "!! the text is empty") {
		t.Errorf("an empty text:\n%s", a.text())
	}
	a.edit.form.Focus("start")
	for range 12 {
		a.keys("backspace")
	}
	a.keys("soon")
	a.edit.form.Focus("text")
	a.keys("paged the team", "enter")
	if !strings.Contains(a.text(), `"soon" is no instant`) {
		t.Errorf("a time that is none:\n%s", a.text())
	}
	for range 4 {
		a.keys("backspace")
	}
	a.keys("14:31Z")
	b.broken = errors.New("night.incident: the disk takes no writes any more")
	a.keys("enter")
	if got := a.text(); !strings.Contains(got, "takes no writes any more") || !strings.Contains(got, "paged the team") {
		t.Errorf("a file that takes nothing:\n%s", got)
	}
	b.broken = nil
	a.keys("enter")
	if len(b.all) != 1 || b.all[0].Fields["start"] != "2026-01-15T14:31:00Z" || b.all[0].Fields["precision"] != time.Minute.String() {
		t.Errorf("in the end %+v", b.all)
	}
	a.do("add")
	a.edit.form.Focus("start")
	for range 12 {
		a.keys("backspace")
	}
	a.keys("14:31Z")
	a.edit.form.Focus("text")
	a.keys("paged the team", "enter")
	if !strings.Contains(a.text(), "has this entry already") {
		t.Errorf("the same again:\n%s", a.text())
	}
}

// TestReadOnly: who cannot write is told before they type.
func TestReadOnly(t *testing.T) {
	a := write(t, Options{Why: "the bundled incident is no file"})
	for _, name := range []string{"add", "edit", "hide", "comment", "undo", "pin"} {
		a.do(name)
		if a.Capturing() || a.last() != "!! the bundled incident is no file" {
			t.Errorf("%s: said %q", name, a.last())
		}
	}
	a = write(t, Options{Keep: &book{broken: errors.New("open x: permission denied")}})
	a.do("add")
	if a.Capturing() || a.last() != "!! open x: permission denied" {
		t.Errorf("a file that may not be written: %q", a.last())
	}
}

// TestPhasesAreEditedToo: X lists them by their numbers, and what is changed of them is
// kept as of any entry.
func TestPhasesAreEditedToo(t *testing.T) {
	var b book
	a := write(t, Options{Keep: &b})
	phase := incident.WriteEntry(incident.Entry{ID: "p1", Start: tuitest.At("14:46:18"), Text: "the restart", Kind: incident.KPhase, Lane: "phases", Confidence: "assumed"})
	b.all = append(b.all, phase)
	a.send(screen.WrittenMsg{Written: incident.PackWritten(slices.Values(b.all))})
	if len(a.shown) != 5 {
		t.Errorf("%d moments, the phase is none", len(a.shown))
	}
	a.do("hidden", "bottom")
	if m := a.selected(); m.Text != "the restart" || m.Key != '1' {
		t.Fatalf("%+v is selected", m)
	}
	a.do("edit")
	a.keys(" of order", "enter")
	if b.all[0].Fields["text"] != "the restart of order" || b.all[0].Fields["kind"] != "phase" {
		t.Errorf("kept %+v, said %q", b.all, a.last())
	}
	if got := a.text(); !strings.Contains(got, "1 14:46:18Z the restart of order") {
		t.Errorf("listed:\n%s", got)
	}
}

// TestBeforeAnyEvidence: what people know is written down before any source has told
// anything, with the time of now.
func TestBeforeAnyEvidence(t *testing.T) {
	var b book
	a := &author{Screen: New(Options{Keep: &b}), t: t, msg: screen.EvidenceMsg{View: incident.NewEvidence().Snapshot(), Live: true}}
	a.send(screen.SizeMsg{W: 80, H: 21}, a.msg, screen.TickMsg{Now: tuitest.At("14:25:42")})
	a.do("add")
	a.keys("paged the team", "enter")
	if len(b.all) != 1 || b.all[0].Fields["start"] != "2026-01-15T14:25:42Z" {
		t.Fatalf("kept %+v:\n%s", b.all, a.text())
	}
	if got := a.text(); !strings.Contains(got, "no evidence yet") || !strings.Contains(got, "14:25:42Z paged the team") {
		t.Errorf("shown:\n%s", got)
	}
}

// TestLiveMeansNow: with the cursor at the newest evidence, and what the cursor says
// when somebody has moved it.
func TestLiveMeansNow(t *testing.T) {
	a := write(t, Options{Keep: &book{}})
	live := a.msg
	live.Live = true
	now := tuitest.At("14:59:00")
	a.send(live, screen.TickMsg{Now: now}, screen.CursorMsg{At: live.View.Window.To})
	if got := a.blank("").Start; !got.Equal(now) {
		t.Errorf("at the newest evidence %v, want now", got)
	}
	a.send(screen.CursorMsg{At: tuitest.Cursor})
	if got := a.blank("").Start; !got.Equal(tuitest.Cursor) {
		t.Errorf("at a moved cursor %v", got)
	}
}
