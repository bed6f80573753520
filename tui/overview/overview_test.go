package overview

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// chrome is the rows of the terminal that are the root's own.
const chrome = 3

func TestFrames(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]-chrome
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			s := tuitest.Loaded(New(), w, h)
			tuitest.Golden(t, fmt.Sprintf("%dx%d", size[0], size[1]), tuitest.Draw(s, w, h))
		})
	}
}

func TestFrameInASCII(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(), 80, 24-chrome), screen.GlyphsMsg{Level: glyph.ASCII})
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
	s := tuitest.Send(tuitest.Loaded(New(), 80, 24-chrome), screen.GlyphsMsg{Level: glyph.Block})
	tuitest.Golden(t, "block", tuitest.Draw(s, 80, 24-chrome))
}

func TestFrameBeforeData(t *testing.T) {
	tuitest.Golden(t, "empty", tuitest.Draw(New(), 80, 24-chrome))
}

func act(s screen.Screen, names ...string) (out []tea.Msg) {
	for _, name := range names {
		_, cmd := s.Update(screen.ActionMsg{Name: name})
		out = append(out, tuitest.Answers(cmd)...)
	}
	return out
}

func TestEnterGoesToTheProof(t *testing.T) {
	s := tuitest.Loaded(New(), 80, 21)
	want := []tea.Msg{
		screen.ShowMsg{Screen: "Locks", Subject: incident.Subject{PID: 48291, Relation: "stock_reservations", Mode: "SHARE", Waiters: 100}},
		screen.ShowMsg{Screen: "gRPC", Subject: incident.Subject{Edge: "order.inventory"}},
	}
	got := act(s, "open", "down", "down", "open")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("enter (-want +got):\n%s", diff)
	}
}

// TestCursorStaysOnItsLine: what comes in while somebody reads leaves the cursor where it is.
func TestCursorStaysOnItsLine(t *testing.T) {
	s := New()
	tuitest.Loaded(s, 80, 21)
	act(s, "down", "down", "down")
	was := s.rows[s.list.At].text
	more := tuitest.Incident()
	worse := more.Analysis.Findings[0]
	worse.ID = "worse"
	more.Analysis.Findings = append([]incident.Finding{worse}, more.Analysis.Findings...)
	tuitest.Send(s, more)
	if got := s.rows[s.list.At].text; got != was {
		t.Errorf("the cursor is on %q, and was on %q", got, was)
	}
	fresh := New()
	tuitest.Send(tuitest.Loaded(fresh, 80, 21), more)
	if fresh.list.At != 0 {
		t.Errorf("the cursor is on line %d, and nobody has moved it off the worst one", fresh.list.At)
	}
}

func TestYankCopiesTheStatementAlone(t *testing.T) {
	s := tuitest.Loaded(New(), 80, 21)
	got := act(s, "down", "yank")
	want := []tea.Msg{screen.CopyMsg{Text: "select pg_cancel_backend(48291);", What: "what to do"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("yank (-want +got):\n%s", diff)
	}
	md := act(s, "yank-markdown")[0].(screen.CopyMsg).Text
	for _, part := range []string{"lock covers 240 s of 1,397 s (17.2 %)", "the other 1,157 s", "```sql"} {
		if !strings.Contains(md, part) {
			t.Errorf("the Markdown lacks %q:\n%s", part, md)
		}
	}
}

// TestNoDataIsNoZero: a source that was not there must not look like one that
// saw nothing.
func TestNoDataIsNoZero(t *testing.T) {
	msg := tuitest.Incident()
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: tuitest.At("14:20:00")}, incident.Change{At: tuitest.At("14:50:00")})
	msg.View = ev.Snapshot()
	s := tuitest.Send(New(), screen.SizeMsg{W: 80, H: 21}, msg, screen.RangeMsg{Window: tuitest.Range}, screen.CursorMsg{At: tuitest.Cursor})
	text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
	for _, part := range []string{"at cursor no data  max shown no data", "waiting sessions  no data", "calls in flight   no data"} {
		if !strings.Contains(text, part) {
			t.Errorf("lacks %q:\n%s", part, text)
		}
	}
}

// TestSilence: no finding is good news only when somebody looked.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		last time.Time
		want string
	}{
		{time.Time{}, "no source has given evidence yet"},
		{tuitest.At("14:20:00"), "nothing wrong was found in the evidence"},
	} {
		ev := incident.NewEvidence()
		ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceDown, LastAt: c.last})
		s := tuitest.Send(New(), screen.SizeMsg{W: 80, H: 21}, screen.EvidenceMsg{View: ev.Snapshot(), Live: true})
		if text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); !strings.Contains(text, c.want) {
			t.Errorf("last evidence %v: lacks %q:\n%s", c.last, c.want, text)
		}
	}
}

// TestDrawAllocates: a frame at rest costs no more than the promised allocations.
func TestDrawAllocates(t *testing.T) {
	for _, size := range tuitest.Sizes {
		s := tuitest.Loaded(New(), size[0], size[1]-chrome)
		g := grid.New(size[0], size[1]-chrome)
		if n := testing.AllocsPerRun(20, func() { s.Draw(g.Canvas()) }); n > 64 {
			t.Errorf("%dx%d: %v allocations, at most 64", size[0], size[1], n)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	s := tuitest.Loaded(New(), 200, 47)
	g := grid.New(200, 47)
	b.ReportAllocs()
	for b.Loop() {
		g.Clear()
		s.Draw(g.Canvas())
	}
}

// BenchmarkDrawMovingCursor draws with the time cursor at another place each time.
func BenchmarkDrawMovingCursor(b *testing.B) {
	s := tuitest.Loaded(New(), 200, 47)
	g := grid.New(200, 47)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s, _ = s.Update(screen.CursorMsg{At: tuitest.Range.From.Add(time.Duration(i%1800) * time.Second)})
		g.Clear()
		s.Draw(g.Canvas())
	}
}

// TestWaitingWithoutALog: where no log tells of failures, the chart is of what is
// known.
func TestWaitingWithoutALog(t *testing.T) {
	ev := incident.NewEvidence()
	ev.Add(incident.Episode{
		Kind: incident.LockWait, From: tuitest.At("14:20:00"), To: tuitest.At("14:20:30"), ToErr: time.Second,
		Origin: incident.Origin{Group: "postgres", Name: "pg"}, Session: incident.Session{PID: 7}, Blockers: []incident.Blocker{{PID: 1, Hard: true}},
	})
	v := ev.Snapshot()
	s := tuitest.Send(New(), screen.SizeMsg{W: 80, H: 21}, screen.EvidenceMsg{View: v}, screen.RangeMsg{Window: v.Window}, screen.CursorMsg{At: tuitest.At("14:20:10")})
	text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
	for _, part := range []string{"waiting over time; failing/s no data", "waiting sessions  1 of max 1"} {
		if !strings.Contains(text, part) {
			t.Errorf("lacks %q:\n%s", part, text)
		}
	}
}

// TestSpanIsWhole: how long it lasted is not cut off by how sure we are.
func TestSpanIsWhole(t *testing.T) {
	for w := 60; w < 90; w++ {
		s := tuitest.Loaded(New(), w, 15)
		ev := tuitest.Incident()
		ev.Analysis.Confidence = incident.NoClearCause
		tuitest.Send(s, ev)
		if got := tuitest.Draw(s, w, 15).Lines()[0]; !strings.Contains(got, "INCIDENT  14:23:01Z to 14:46:18Z  23m17s ") || !strings.HasSuffix(got, " No clear cause") {
			t.Errorf("at %d columns: %q", w, got)
		}
	}
}

// TestNowIsNow: what fails still fails until now while requests are read, and until the
// last of them where the log has ended.
func TestNowIsNow(t *testing.T) {
	for state, want := range map[incident.SourceState]string{
		incident.SourceOK: "SO FAR  14:23:01Z to now  20s", incident.SourceDone: "SO FAR  14:23:01Z to 14:23:21Z  20s", incident.SourceDown: "SO FAR  14:23:01Z to 14:23:21Z  20s",
	} {
		ev := incident.NewEvidence()
		ev.Add(incident.Bucket{At: tuitest.At("14:23:20"), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/"}, Outcome: incident.UpstreamTimeout, Status: 502, Started: 1, Ended: 1, Origin: incident.Origin{Group: "gateway", Name: "gw"}})
		ev.SetSource(incident.SourceStatus{Name: "gw", Group: "gateway", State: state, LastAt: tuitest.At("14:23:21")})
		ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceOK, LastAt: tuitest.At("14:23:21")})
		hit := incident.Window{From: tuitest.At("14:23:01"), To: tuitest.At("14:23:21")}
		s := tuitest.Send(New(), screen.SizeMsg{W: 80, H: 21}, screen.EvidenceMsg{View: ev.Snapshot(), Analysis: incident.Analysis{Impact: hit}, Live: true})
		if got := tuitest.Draw(s, 80, 21).Lines()[0]; !strings.Contains(got, want) {
			t.Errorf("%s: %q lacks %q", state, got, want)
		}
	}
}

// TestServerLogAlone: a log and what it tells are one source, a holder whose lock it does
// not name holds one, and how long it did is told alike in the sentence and over the chart.
func TestServerLogAlone(t *testing.T) {
	ev := incident.NewEvidence()
	from, to := tuitest.At("14:20:00").Add(122*time.Millisecond), tuitest.At("14:21:02")
	ev.Add(incident.Episode{
		Kind: incident.LockWait, From: from, To: to, Relation: "orders",
		Origin: incident.Origin{Group: "postgres", Name: "pg.log"}, Session: incident.Session{PID: 7}, Blockers: []incident.Blocker{{PID: 1, Hard: true}},
	})
	ev.SetSource(incident.SourceStatus{Name: "pg.log", Group: incident.ServerLogGroup, State: incident.SourceDone, LastAt: to})
	v := ev.Snapshot()
	a := incident.Analysis{Sentence: "held a lock", Findings: []incident.Finding{{
		Role: incident.Trigger, Window: incident.Window{From: from, To: to}, GroupNames: []string{"postgres"}, Subject: incident.Subject{PID: 1, Relation: "orders"},
	}}}
	for _, size := range [][2]int{{80, 21}, {200, 47}} {
		s := tuitest.Send(New(), screen.SizeMsg{W: size[0], H: size[1]}, screen.EvidenceMsg{View: v, Analysis: a}, screen.RangeMsg{Window: v.Window}, screen.CursorMsg{At: tuitest.At("14:20:10")})
		text := strings.Join(tuitest.Draw(s, size[0], size[1]).Lines(), "\n")
		want := []string{"evidence [x] postgres  1 of 1 groups", " lock 62 s "}
		if size[0] > 160 {
			want = append(want, " 1 holds a lock on orders  blocks 1")
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%v lacks %q:\n%s", size, part, text)
			}
		}
	}
}

// TestNothingBeforeNothing: without an impact there is no before, during and after.
func TestNothingBeforeNothing(t *testing.T) {
	e := incident.Impact{Before: incident.Counts{Requests: 9}}
	for _, c := range []struct {
		impact bool
		want   int
		says   string
	}{{true, 4, "before  9 requests"}, {false, 2, "in all  9 requests"}} {
		parts := endpointParts(e, c.impact)
		if len(parts) != c.want || !strings.HasPrefix(parts[1].Text, c.says) {
			t.Errorf("impact %v: %d parts, of which the second says %q", c.impact, len(parts), parts[1].Text)
		}
	}
}

// TestOtherImpacts: what the sentence does not speak of is in the list, and not under
// what was found innocent alone.
func TestOtherImpacts(t *testing.T) {
	msg := tuitest.Incident()
	msg.Analysis.Others = []incident.Window{{From: tuitest.At("14:49:00"), To: tuitest.At("14:50:30")}, {From: tuitest.At("14:51:00"), To: tuitest.At("14:51:10")}}
	s := New()
	tuitest.Send(s, screen.SizeMsg{W: 120, H: 33}, msg, screen.RangeMsg{Window: tuitest.Range}, screen.CursorMsg{At: tuitest.Cursor})
	at := slices.IndexFunc(s.rows, func(r row) bool { return r.word == "also" })
	if at < 0 || s.rows[at].text != "requests failed, too, from 14:49:00Z to 14:50:30Z, 1m30s, and 1 more time" || s.rows[at+1].endpoint == (incident.Endpoint{}) {
		t.Errorf("row %d of %+v", at, s.rows)
	}
}
