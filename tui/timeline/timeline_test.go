package timeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// linked is the incident whose moments rest on facts that are there.
func linked(t *testing.T) screen.EvidenceMsg {
	t.Helper()
	msg := tuitest.Incident()
	var lock, session incident.ID
	for _, e := range msg.View.Episodes() {
		switch e.Kind {
		case incident.SessionState:
			session = e.ID()
		case incident.LockWait:
			if lock == "" || e.LockType == "tuple" {
				lock = e.ID()
			}
		case incident.PoolFull, incident.Gap:
		}
	}
	a := &msg.Analysis
	a.Derived = append([]incident.Moment{}, a.Derived...)
	a.Derived[0].Support = []incident.ID{session, lock, "episode/gone/1"}
	a.Derived[1].Support = []incident.ID{msg.View.Exemplars()[0].ID()}
	return msg
}

func loaded(t *testing.T, w, h int) *Screen {
	t.Helper()
	s, ok := tuitest.Send(New(Options{}), screen.SizeMsg{W: w, H: h - 3}, linked(t),
		screen.RangeMsg{Window: tuitest.Range}, screen.CursorMsg{At: tuitest.Cursor}).(*Screen)
	if !ok {
		t.Fatal("the screen became another one")
	}
	return s
}

func do(s *Screen, names ...string) {
	for _, n := range names {
		tuitest.Send(s, screen.ActionMsg{Name: n})
	}
}

func TestGolden(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]
		s := loaded(t, w, h)
		tuitest.Golden(t, fmt.Sprintf("timeline_%dx%d", w, h), tuitest.Draw(s, w, h-3))
		do(s, "top", "evidence", "down")
		tuitest.Golden(t, fmt.Sprintf("evidence_%dx%d", w, h), tuitest.Draw(s, w, h-3))
	}
	s := loaded(t, 80, 24)
	tuitest.Send(s, screen.GlyphsMsg{Level: glyph.ASCII})
	tuitest.Golden(t, "timeline_ascii_80x24", tuitest.Draw(s, 80, 21))
}

func TestBeforeAnyData(t *testing.T) {
	tuitest.Draw(New(Options{}), 80, 21)
	tuitest.Draw(New(Options{}), 0, 0)
}

// The time cursor and the selection follow each other, also among moments of
// the same instant.
func TestTheCursorIsShared(t *testing.T) {
	s := loaded(t, 80, 24)
	if got := s.selected().ID; got != "m3" {
		t.Errorf("at %s %s is selected, want the pool filling up", tuitest.Cursor, got)
	}
	_, cmd := s.Update(screen.ActionMsg{Name: "top"})
	for _, m := range tuitest.Answers(cmd) {
		if m, ok := m.(screen.CursorMsg); !ok || !m.At.Equal(tuitest.At("14:23:01")) {
			t.Errorf("selecting the first moment sends %v", m)
		}
		s.Update(m)
	}
	if got := s.selected().ID; got != "m1" {
		t.Errorf("%s is selected after the cursor went to it", got)
	}
	s.Update(screen.CursorMsg{At: tuitest.At("14:18:30")})
	if s.list.At != 0 {
		t.Errorf("moment %d is selected before anything happened", s.list.At)
	}
}

func TestEvidenceNamesItsPlace(t *testing.T) {
	s := loaded(t, 80, 24)
	do(s, "top")
	if len(s.evidence) != 3 {
		t.Fatalf("%d facts, want 3", len(s.evidence))
	}
	if !strings.Contains(s.evidence[0].text, "48291") || s.evidence[0].source != "pg" {
		t.Errorf("%+v", s.evidence[0])
	}
	if s.evidence[2].source != "not in this recording" {
		t.Errorf("a lost fact says %q", s.evidence[2].source)
	}
	if q := s.evidence[1].quote; strings.ContainsAny(q, "\x1b\u202e") {
		t.Errorf("unsafe quote %q", q)
	}
	do(s, "evidence")
	if s.Depth() != 1 {
		t.Error("the evidence has not the focus")
	}
	do(s, "back")
	if s.Depth() != 0 {
		t.Error("back did not leave the evidence")
	}
}

func TestFilter(t *testing.T) {
	s := loaded(t, 80, 24)
	f, err := screen.ParseFilter("pool")
	if err != nil {
		t.Fatal(err)
	}
	tuitest.Send(s, screen.FilterMsg{Filter: f})
	if len(s.shown) != 1 {
		t.Errorf("%d moments match, want 1", len(s.shown))
	}
}

// TestNoMomentIsSaid: an empty list says why it is empty, at every size.
func TestNoMomentIsSaid(t *testing.T) {
	for _, size := range append([][2]int{{60, 18}}, tuitest.Sizes...) {
		s := loaded(t, size[0], size[1])
		f, err := screen.ParseFilter("no such thing")
		if err != nil {
			t.Fatal(err)
		}
		tuitest.Send(s, screen.FilterMsg{Filter: f})
		if text := strings.Join(tuitest.Draw(s, size[0], size[1]-3).Lines(), "\n"); !strings.Contains(text, "no moment matches the filter") {
			t.Errorf("%v does not say that nothing matches:\n%s", size, text)
		}
	}
}

func TestYank(t *testing.T) {
	s := loaded(t, 80, 24)
	do(s, "top", "down")
	for name, want := range map[string]string{
		"yank":          "14:23:01Z first failing POST /api/orders [access.log, byte 8123990]",
		"yank-markdown": "| 14:23:01Z | first failing POST /api/orders | access.log, byte 8123990 | measured |\n",
	} {
		_, cmd := s.Update(screen.ActionMsg{Name: name})
		got := tuitest.Answers(cmd)
		if len(got) != 1 {
			t.Fatalf("%s sends %v", name, got)
		}
		if m, ok := got[0].(screen.CopyMsg); !ok || m.Text != want {
			t.Errorf("%s copies %q, want %q", name, m.Text, want)
		}
	}
}

// What people wrote stands in its lanes, and the phases in one of their own, with the
// one that one is in above.
func TestPeoplesEntriesAndPhases(t *testing.T) {
	msg := tuitest.Incident()
	ev := incident.NewEvidence()
	ev.Add(msg.View.Facts()...)
	at := tuitest.Range.From.Truncate(time.Minute)
	var written []incident.Written
	for i, e := range []incident.Entry{
		{Start: at.Add(10 * time.Minute), Precision: time.Minute, Text: "rolled back", Kind: incident.KAction, Confidence: "stated"},
		{Start: at.Add(5 * time.Minute), End: at.Add(28 * time.Minute), Text: "phase 1: locked", Kind: incident.KPhase, Progress: incident.Done, Confidence: "assumed"},
		{Start: at.Add(28 * time.Minute), Text: "phase 2: restart", Kind: incident.KPhase, Progress: incident.Done, Confidence: "assumed"},
		{Start: at.Add(240 * time.Hour), Open: true, Text: "phase 3: breakers", Kind: incident.KPhase, Track: incident.RemediationTrack, Progress: incident.InProgress, Confidence: "assumed"},
		{Start: at.Add(2400 * time.Hour), Text: "phase 4: a queue", Kind: incident.KPhase, Track: incident.RemediationTrack, Progress: incident.Planned, Confidence: "assumed"},
	} {
		e.ID = incident.EntryID("test", fmt.Sprint(i))
		written = append(written, incident.WriteEntry(e))
	}
	ev.SetWritten(incident.PackWritten(slices.Values(written)))
	msg.View = ev.Snapshot()
	for _, size := range tuitest.Sizes {
		s := tuitest.Send(New(Options{}), screen.SizeMsg{W: size[0], H: size[1] - 3}, msg, screen.RangeMsg{Window: tuitest.Range}, screen.CursorMsg{At: tuitest.Cursor})
		tuitest.Golden(t, fmt.Sprintf("phases_%dx%d", size[0], size[1]), tuitest.Draw(s, size[0], size[1]-3))
	}
}
