package locks

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// chrome is the rows of the terminal that are the root's own.
const chrome = 3

func TestFrames(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]-chrome
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			s := tuitest.Loaded(New(""), w, h)
			tuitest.Golden(t, fmt.Sprintf("%dx%d", size[0], size[1]), tuitest.Draw(s, w, h))
		})
	}
}

func TestFrameInASCII(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(""), 80, 24-chrome), screen.GlyphsMsg{Level: glyph.ASCII})
	g := tuitest.Draw(s, 80, 24-chrome)
	tuitest.Golden(t, "ascii", g)
	for y, line := range g.Lines() {
		for _, r := range line {
			if r > '~' && r != '在' && r != '庫' && r != '予' && r != '約' {
				t.Errorf("line %d has %q: %s", y, r, line)
			}
		}
	}
}

func TestFrameInBlocks(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(""), 80, 24-chrome), screen.GlyphsMsg{Level: glyph.Block})
	tuitest.Golden(t, "block", tuitest.Draw(s, 80, 24-chrome))
}

func TestFrameBeforeData(t *testing.T) {
	tuitest.Golden(t, "empty", tuitest.Draw(New(""), 80, 24-chrome))
}

func act(s screen.Screen, names ...string) (out []tea.Msg) {
	for _, name := range names {
		_, cmd := s.Update(screen.ActionMsg{Name: name})
		out = append(out, tuitest.Answers(cmd)...)
	}
	return out
}

func TestStepsSamples(t *testing.T) {
	s := tuitest.Loaded(New(""), 80, 21)
	got := act(s, "previous-sample", "next-sample")
	want := []tea.Msg{
		screen.CursorMsg{At: tuitest.At("14:25:22")},
		screen.CursorMsg{At: tuitest.At("14:25:24")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestFoldsEqualWaiters(t *testing.T) {
	s := New("")
	tuitest.Loaded(s, 80, 21)
	if n := len(s.gather().rows); n != 6 {
		t.Errorf("%d lines folded, want 6", n)
	}
	act(s, "bottom", "fold")
	if n := len(s.gather().rows); n != 6+96 {
		t.Errorf("%d lines unfolded, want 102", n)
	}
	act(s, "fold", "top", "fold")
	if n := len(s.gather().rows); n != 1 {
		t.Errorf("%d lines with the root folded, want 1", n)
	}
}

func TestSortsAndFilters(t *testing.T) {
	s := New("")
	tuitest.Loaded(s, 80, 21)
	act(s, "sort", "sort")
	if s.sort != byPID {
		t.Errorf("sorted by %s after two presses, want pid", orders[s.sort])
	}
	f, err := screen.ParseFilter("51210")
	if err != nil {
		t.Fatal(err)
	}
	tuitest.Send(s, screen.FilterMsg{Filter: f})
	var names []string
	for _, r := range s.gather().rows {
		names = append(names, r.name)
	}
	if diff := cmp.Diff([]string{"48291", "51002", "51207", "51210"}, names); diff != "" {
		t.Errorf("a filter keeps who leads to a match (-want +got):\n%s", diff)
	}
	tuitest.Send(s, screen.CursorMsg{At: tuitest.At("14:40:00")})
	if got := s.gather().empty; !strings.HasPrefix(got, "nobody waits") {
		t.Errorf("where nobody waits, the filter is blamed: %q", got)
	}
}

// TestCursorStaysOnItsSession: another order, or another sample, has the same session under
// the cursor, for y copies its statement; who has not moved sees the worst one.
func TestCursorStaysOnItsSession(t *testing.T) {
	s := New("")
	tuitest.Loaded(s, 80, 21)
	selected := func() string { return s.gather().rows[s.list.At].name }
	act(s, "down", "down")
	was := selected()
	act(s, "sort", "sort", "sort")
	act(s, "next-sample")
	f, err := screen.ParseFilter(was)
	if err != nil {
		t.Fatal(err)
	}
	tuitest.Send(s, screen.FilterMsg{Filter: f})
	tuitest.Send(s, screen.FilterMsg{})
	if got := selected(); got != was {
		t.Errorf("pid %s is selected after pid %s was", got, was)
	}
	act(s, "bottom")
	tuitest.Send(s, screen.FilterMsg{Filter: f})
	tuitest.Send(s, screen.CursorMsg{At: tuitest.At("14:20:00")})
	if got := s.gather().rows; len(got) != 0 || s.list.At != 0 {
		t.Errorf("%d rows before the lock, the cursor on %d", len(got), s.list.At)
	}
}

func TestTreeAsText(t *testing.T) {
	s := tuitest.Loaded(New(""), 80, 21)
	got := act(s, "yank-markdown")[0].(screen.CopyMsg)
	tuitest.GoldenText(t, "tree", got.Text)
}

func TestAdvice(t *testing.T) {
	for _, c := range []struct{ query, state, want string }{
		{"CREATE INDEX i ON t (a)", "", "CREATE INDEX CONCURRENTLY i ON t (a);"},
		{"create unique index i on t (a)", "", "create unique index CONCURRENTLY i on t (a);"},
		{"CREATE INDEX CONCURRENTLY i ON t (a)", "", "SET lock_timeout = '2s';"},
		{"DROP INDEX i", "", "DROP INDEX CONCURRENTLY i;"},
		{"REINDEX TABLE t", "", "REINDEX TABLE CONCURRENTLY t;"},
		{"ALTER TABLE t ADD COLUMN a int", "", "SET lock_timeout = '2s';"},
		{"UPDATE t SET a = 1", "idle in transaction", `ALTER ROLE "mi""g" SET idle_in_transaction_session_timeout = '30s';`},
		{"", "", "SET lock_timeout = '2s';"},
	} {
		n := &incident.LockNode{Session: incident.Session{Query: c.query, State: c.state, User: `mi"g`}}
		if got := prevent(n)[0]; got != c.want {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
	}
}

// TestGapIsNoData: where Postgres was not looked at, nobody is said not to wait.
// TestHeadsStandApart: where nobody waits no row makes the columns wide enough.
func TestHeadsStandApart(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(""), 80, 24-chrome), screen.CursorMsg{At: tuitest.At("14:20:00")})
	if got := strings.Join(tuitest.Draw(s, 80, 24-chrome).Lines(), "\n"); !strings.Contains(got, "   PID  USER  LOCK ") {
		t.Errorf("the heads run into each other:\n%s", got)
	}
}

func TestGapIsNoData(t *testing.T) {
	ev := incident.NewEvidence()
	ev.Add(incident.Episode{
		Kind: incident.Gap, From: tuitest.At("14:20:00"), To: tuitest.At("14:30:00"), Text: "connection refused",
		Origin: incident.Origin{Group: "postgres", Name: "pg"},
	})
	ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", LastAt: tuitest.At("14:40:00")})
	s := tuitest.Send(New(""), screen.SizeMsg{W: 80, H: 21}, screen.EvidenceMsg{View: ev.Snapshot()}, screen.CursorMsg{At: tuitest.Cursor})
	text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
	if !strings.Contains(text, "no data: pg gave nothing from 14:20:00Z to 14:30:00Z") || strings.Contains(text, "nobody waits") {
		t.Errorf("a gap is not called one:\n%s", text)
	}
}

// TestWaitsOfALog: where a server's log was read, nobody says that pg_locks was asked, and
// a holder whose lock is not known holds one all the same.
func TestWaitsOfALog(t *testing.T) {
	ev := incident.NewEvidence()
	from := incident.Origin{Group: "postgres", Name: "pg.log", File: "4711", From: 10, To: 90}
	ev.Add(
		incident.Episode{Kind: incident.SessionState, From: tuitest.At("14:20:00"), To: tuitest.At("14:30:00"), Relation: "orders", Session: incident.Session{PID: 999}, Origin: from},
		incident.Episode{
			Kind: incident.LockWait, From: tuitest.At("14:20:00"), To: tuitest.At("14:30:00"), Wanted: 3 /* ROW EXCLUSIVE */, LockType: "relation", Relation: "orders",
			Session: incident.Session{PID: 1000}, Blockers: []incident.Blocker{{PID: 999, Hard: true}}, Origin: from,
		},
	)
	ev.SetSource(incident.SourceStatus{Name: "pg.log", Group: "postgres", State: incident.SourceDone, LastAt: tuitest.At("14:40:00")})
	s := New("select 1")
	tuitest.Send(s, screen.SizeMsg{W: 80, H: 21}, screen.EvidenceMsg{View: ev.Snapshot()}, screen.CursorMsg{At: tuitest.Cursor})
	if got := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); !strings.Contains(got, "holds a lock on orders, waits for nobody") {
		t.Errorf("the holder:\n%s", got)
	}
	for range 2 { // the holder, then the waiter
		_, parts := s.Behind()
		var got strings.Builder
		for _, p := range parts {
			got.WriteString(p.Head + "\n" + p.Text + "\n" + p.Quote + "\n")
		}
		if !strings.Contains(got.String(), "lock waits by the server's log") || strings.Contains(got.String(), "pg_stat_activity") || strings.Contains(got.String(), "select 1") {
			t.Errorf("behind it:\n%s", got.String())
		}
		act(s, "down")
	}
}
