package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/tui/screen"
	"tripcurve/tui/session"
	"tripcurve/tui/tuitest"
)

func TestOpensAtThePeak(t *testing.T) {
	r := opened(80, 24)
	at := r.common.Cursor
	if at.Before(tuitest.At("14:23:46")) || at.After(tuitest.At("14:27:01")) {
		t.Errorf("the cursor is at %v, want a moment with all sessions waiting", at)
	}
	if head := lines(r)[0]; !strings.Contains(head, "REPLAY") || !strings.Contains(head, "datadog absent") {
		t.Errorf("line 1: %s", head)
	}
}

// TestOpensWhereItWasLookedAt: in a recording in which nothing is wrong the window ends
// on the full ten seconds, where every source would have no data.
func TestOpensWhereItWasLookedAt(t *testing.T) {
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: tuitest.At("14:20:00")}, incident.Change{At: tuitest.At("14:30:00")})
	ev.SetSource(incident.SourceStatus{Name: "gateway", Group: "grpc", LastAt: tuitest.At("14:29:54")})
	r := newRoot(Options{Name: "healthy", NoAnimation: true})
	for _, m := range []tea.Msg{tea.WindowSizeMsg{Width: 80, Height: 24}, EvidenceMsg{Name: "healthy", View: ev.Snapshot()}} {
		r.Update(m)
	}
	if want := tuitest.At("14:29:54"); !r.common.Cursor.Equal(want) {
		t.Errorf("opened at %v, want %v", r.common.Cursor, want)
	}
	keys(r, "e", ".")
	if want := tuitest.At("14:29:54"); !r.common.Cursor.Equal(want) {
		t.Errorf("the newest is %v, want %v", r.common.Cursor, want)
	}
}

func TestTimeIsShared(t *testing.T) {
	r := opened(80, 24)
	keys(r, "0")
	was := r.common.Cursor
	keys(r, "2", "l")
	if !r.common.Cursor.After(was) {
		t.Error("l does not move the time cursor")
	}
	whole := r.common.Range
	keys(r, "+", "+")
	if got := r.common.Range.Length(); got < whole.Length()/5 || got > whole.Length()/3 {
		t.Errorf("zoomed twice to %v of %v", got, whole.Length())
	}
	if !r.common.Range.Has(r.common.Cursor) {
		t.Error("the cursor is out of sight")
	}
	keys(r, "0")
	if r.common.Range != whole {
		t.Errorf("0 shows %v, want %v", r.common.Range, whole)
	}
	keys(r, "e")
	if want := tuitest.At("14:27:01"); !r.common.Cursor.Equal(want) {
		t.Errorf("e goes to %v, want %v", r.common.Cursor, want)
	}
}

func TestLiveFollowsAndPauses(t *testing.T) {
	live := make(chan EvidenceMsg)
	r := newRoot(Options{Name: "now", Live: live, NoAnimation: true})
	view := func(to string) EvidenceMsg {
		ev := incident.NewEvidence()
		ev.Add(incident.Change{At: tuitest.At("14:20:00")}, incident.Change{At: tuitest.At(to)})
		ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceStale, LastAt: tuitest.At(to)})
		return EvidenceMsg{Name: "now", View: ev.Snapshot(), Live: true}
	}
	update := func(msgs ...tea.Msg) { // without the commands, which would wait
		for _, m := range msgs {
			r.Update(m)
		}
	}
	update(tea.WindowSizeMsg{Width: 80, Height: 24}, liveMsg(view("14:25:00")), screen.TickMsg{Now: tuitest.At("14:25:42")})
	if head := lines(r)[0]; !strings.Contains(head, "14:25:42Z LIVE at 14:25:00Z  pg STALE 42s") {
		t.Errorf("line 1: %q", head)
	}
	update(press("space"), liveMsg(view("14:26:00")), liveMsg(view("14:27:00")))
	if head := lines(r)[0]; !strings.Contains(head, "PAUSED (2 updates waiting)") || !r.common.Cursor.Equal(tuitest.At("14:25:00")) {
		t.Errorf("paused: %q, cursor %v", head, r.common.Cursor)
	}
	update(press("space"))
	if !r.common.Cursor.Equal(tuitest.At("14:27:00")) {
		t.Errorf("resumed at %v, want the newest", r.common.Cursor)
	}
	update(screen.CursorMsg{At: tuitest.At("14:22:00")}, liveMsg(view("14:28:00")))
	if head := lines(r)[0]; !r.common.Cursor.Equal(tuitest.At("14:22:00")) || !strings.Contains(head, "at 14:22:00Z") {
		t.Errorf("a moved cursor is dragged along: %v, %q", r.common.Cursor, head)
	}
}

// TestListenTakesTheNewest: a slow screen skips views, and never holds the
// sender up for long; it stops with its context.
func TestListenTakesTheNewest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	live := make(chan EvidenceMsg, 3)
	r := newRoot(Options{Live: live, Context: ctx})
	for _, name := range []string{"a", "b", "c"} {
		live <- EvidenceMsg{Name: name}
	}
	if got := r.listen()().(liveMsg); got.Name != "c" {
		t.Errorf("took %q, want the newest", got.Name)
	}
	cancel()
	if got := r.listen()(); got != nil {
		t.Errorf("after the end: %v", got)
	}
}

func TestLoadingFails(t *testing.T) {
	r := newRoot(Options{Name: "x", NoAnimation: true, Theme: "dark", Load: func(context.Context) (EvidenceMsg, error) {
		return EvidenceMsg{}, errors.New("open x.incident: not an incident file\x1b[2J")
	}})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, r.load()())
	got := strings.Join(lines(r), "\n")
	if !strings.Contains(got, `!! open x.incident: not an incident file\x1b[2J`) {
		t.Errorf("the failure is not shown, or not made harmless:\n%s", got)
	}
}

// TestLiveCursorStaysWhereSomebodyLooked: the window's end is rounded up, and
// nobody has seen that instant yet.
func TestLiveCursorStaysWhereSomebodyLooked(t *testing.T) {
	ev := incident.NewEvidence()
	pg := incident.Origin{Group: "postgres", Name: "pg"}
	seen := tuitest.At("14:20:10").Add(300 * time.Millisecond)
	for pid := range 5 {
		ev.Add(incident.Episode{
			Kind: incident.LockWait, From: tuitest.At("14:20:00"), To: seen, Open: true, Origin: pg,
			Session: incident.Session{PID: 100 + pid}, Blockers: []incident.Blocker{{PID: 1, Hard: true}},
		})
	}
	e := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	ev.Add(incident.Bucket{At: tuitest.At("14:20:10"), Width: time.Second, Endpoint: e, Status: 502, Started: 1, Ended: 1, Origin: incident.Origin{Group: "gateway", Name: "gw"}})
	ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", LastAt: seen})
	r := newRoot(Options{Name: "live", Theme: "dark", NoAnimation: true, Live: make(chan EvidenceMsg)})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, EvidenceMsg{Name: "live", View: ev.Snapshot(), Live: true})
	if !r.common.Cursor.Equal(seen) || !r.follow {
		t.Errorf("cursor at %s, following %v, want %s", r.common.Cursor, r.follow, seen)
	}
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "waiting sessions  5 of max 5") {
		t.Errorf("five wait:\n%s", got)
	}
}

// TestRestIsCalledWhenKeysEnd: once where somebody is has been written down, and not while
// they go on.
func TestRestIsCalledWhenKeysEnd(t *testing.T) {
	rested := 0
	r := newRoot(Options{Name: "INC-2847", NoAnimation: true, Rest: func() { rested++ }, Session: session.Open(session.Path(t.TempDir(), "INC-2847", ""))})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, tuitest.Incident())
	r.saving = true // a key came
	send(r, restMsg{})
	if rested != 0 {
		t.Error("it rests while keys come")
	}
	send(r, saveMsg{}, restMsg{}) // the tests' clock brings no restMsg by itself
	if rested != 1 {
		t.Errorf("it rested %d times after it was written down", rested)
	}
}

// TestLoadedIsCalledOnce: a second after the first evidence, and not once more.
func TestLoadedIsCalledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var calls []time.Duration
		r := newRoot(Options{Name: "INC-2847", NoAnimation: true, Loaded: func() { calls = append(calls, time.Since(begin)) }})
		msg := tuitest.Incident()
		send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, msg, msg)
		if len(calls) != 1 || calls[0] != settle {
			t.Errorf("called after %v, want once after %v", calls, settle)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		r = newRoot(Options{Name: "INC-2847", NoAnimation: true, Context: ctx, Loaded: func() { t.Error("called when the screens were left") }})
		send(r, msg)
	})
}
