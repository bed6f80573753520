package gateway

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/tuitest"
)

// chrome is the rows of the terminal that are the root's own.
const chrome = 3

func TestFrames(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]-chrome
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			s := tuitest.Loaded(New(Options{}), w, h)
			tuitest.Golden(t, fmt.Sprintf("%dx%d", size[0], size[1]), tuitest.Draw(s, w, h))
		})
	}
}

func TestFrameInASCII(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(Options{}), 80, 24-chrome), screen.GlyphsMsg{Level: glyph.ASCII})
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
	s := tuitest.Send(tuitest.Loaded(New(Options{}), 80, 24-chrome), screen.GlyphsMsg{Level: glyph.Block})
	tuitest.Golden(t, "block", tuitest.Draw(s, 80, 24-chrome))
}

func TestFrameBeforeData(t *testing.T) {
	tuitest.Golden(t, "empty", tuitest.Draw(New(Options{}), 80, 24-chrome))
}

func act(s screen.Screen, names ...string) (out []tea.Msg) {
	for _, name := range names {
		_, cmd := s.Update(screen.ActionMsg{Name: name})
		for _, msg := range tuitest.Answers(cmd) {
			if m, ok := msg.(tableMsg); ok {
				s.Update(m)
				continue
			}
			out = append(out, msg)
		}
	}
	return out
}

func TestPhasesAndGroups(t *testing.T) {
	s := New(Options{})
	tuitest.Loaded(s, 80, 21)
	for _, c := range []struct {
		act  string
		want string
	}{
		{"", "POST /api/orders: 1,248 requests, 1,221 failed (97.8 %), p50 30,000 ms, p99 30,000 ms, first failed 14:23:01Z"},
		{"phase", "GET /api/orders/:id: 1,505 requests, 0 failed (0.0 %), p50 8.0 ms, p99 8.0 ms, first failed -"},
		{"phase", "GET /api/orders/:id: 1,410 requests, 0 failed (0.0 %), p50 8.0 ms, p99 8.0 ms, first failed -"},
		{"phase", "POST /api/orders: 1,768 requests, 1,221 failed (69.1 %), p50 30,000 ms, p99 30,000 ms, first failed 14:23:01Z"},
		{"group", "502: 1,221 requests, 1,221 failed (100.0 %), p50 - ms, p99 - ms, first failed 14:23:01Z"},
	} {
		if c.act != "" {
			act(s, c.act)
		}
		if got := s.table.rows[0].plain(); got != c.want {
			t.Errorf("after %q:\n got %s\nwant %s", c.act, got, c.want)
		}
	}
}

// TestCursorStaysOnItsRow: b shows the same endpoint before and during, and what a filter
// leaves of the rows has the cursor among it.
func TestCursorStaysOnItsRow(t *testing.T) {
	s := New(Options{})
	tuitest.Loaded(s, 80, 21)
	selected := func() string { return s.table.shown(s.Filter)[s.list.At].label }
	filter := func(text string) {
		f, err := screen.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		tuitest.Send(s, screen.FilterMsg{Filter: f})
	}
	act(s, "phase")
	if got := selected(); got != "POST /api/orders" {
		t.Errorf("%s before what happened to POST /api/orders", got)
	}
	act(s, "bottom")
	last := selected()
	filter(last + "$")
	if got := selected(); got != last {
		t.Errorf("a filter for %s shows %s", last, got)
	}
	filter("")
	if got := selected(); got != last {
		t.Errorf("%s after the filter for %s", got, last)
	}
}

func TestLinesBehindARow(t *testing.T) {
	s := New(Options{})
	tuitest.Loaded(s, 80, 21)
	act(s, "lines", "down")
	if s.Depth() != 1 {
		t.Fatalf("depth %d on the lines, want 1", s.Depth())
	}
	g := tuitest.Draw(s, 80, 21)
	tuitest.Golden(t, "lines", g)
	if text := strings.Join(g.Lines(), ""); strings.Contains(text, "\x1b") {
		t.Error("an escape sequence of a log line is on the screen")
	}
	want := []tea.Msg{screen.CursorMsg{At: tuitest.At("14:45:47").Add(680 * time.Millisecond)}}
	if diff := cmp.Diff(want, act(s, "lines")); diff != "" {
		t.Errorf("enter on a line (-want +got):\n%s", diff)
	}
	act(s, "back")
	if s.Depth() != 0 {
		t.Errorf("depth %d after back, want 0", s.Depth())
	}
}

// TestOneCountAtATime: a question asked while counting is asked again at its end.
func TestOneCountAtATime(t *testing.T) {
	s := New(Options{})
	tuitest.Loaded(s, 80, 21)
	_, first := s.Update(screen.ActionMsg{Name: "phase"})
	_, second := s.Update(screen.ActionMsg{Name: "phase"})
	if first == nil || second != nil {
		t.Fatalf("commands %v and %v, want one", first != nil, second != nil)
	}
	_, third := s.Update(first())
	if third == nil {
		t.Fatal("the newer question was not asked")
	}
	s.Update(third())
	if got := s.table.query.window.From; !got.Equal(tuitest.At("14:46:18")) {
		t.Errorf("the table counts from %v, want the phase after", got)
	}
}

func TestNoGatewayIsNoData(t *testing.T) {
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: tuitest.At("14:20:00")}, incident.Change{At: tuitest.At("14:50:00")})
	s := tuitest.Send(New(Options{}), screen.SizeMsg{W: 80, H: 21}, screen.EvidenceMsg{View: ev.Snapshot()}, screen.RangeMsg{Window: tuitest.Range})
	text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
	if !strings.Contains(text, "no data: no gateway log was read") || strings.Contains(text, "max 0") {
		t.Errorf("no log looks like no failures:\n%s", text)
	}
}

func TestQuantile(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		q    incident.Quantile
		want string
	}{
		{incident.Quantile{}, "-"},
		{incident.Quantile{Lo: 29700 * ms, Hi: 30300 * ms}, "30,000"},
		{incident.Quantile{Lo: 10900 * time.Microsecond, Hi: 11100 * time.Microsecond}, "11"},
		{incident.Quantile{Lo: 10 * time.Second, Capped: true}, ">10,000"},
	} {
		if got := quantile(c.q); got != c.want {
			t.Errorf("%v: got %q, want %q", c.q, got, c.want)
		}
	}
}

// TestHeatMap: how long the selected row's requests took, and nothing where nobody
// knows.
func TestHeatMap(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(Options{}), 120, 33), screen.ActionMsg{Name: "view"})
	tuitest.Golden(t, "heat_120x36", tuitest.Draw(s, 120, 33))
	s = tuitest.Send(s, screen.ActionMsg{Name: "group", Args: "status"})
	if got := strings.Join(tuitest.Draw(s, 120, 33).Lines(), "\n"); !strings.Contains(got, "latency by status is not kept") {
		t.Errorf("by status:\n%s", got)
	}
	s = tuitest.Send(s, screen.ActionMsg{Name: "group", Args: "endpoint"}, screen.RangeMsg{Window: incident.Window{From: tuitest.At("14:00:00"), To: tuitest.At("14:01:00")}})
	if got := strings.Join(tuitest.Draw(s, 120, 33).Lines(), "\n"); !strings.Contains(got, "no durations of these requests in the shown range") {
		t.Errorf("where nothing is known:\n%s", got)
	}
}

// TestNoNumberIsCut above the chart, for it would be another one.
func TestNoNumberIsCut(t *testing.T) {
	for _, w := range []int{60, 61, 67, 76, 80} {
		s := tuitest.Loaded(New(Options{}), w, 15)
		got := tuitest.Draw(s, w, 15).Lines()[1]
		m := regexp.MustCompile(`max.* b 504 ([0-9.]+)`).FindStringSubmatch(got)
		if m == nil || m[1] != text.Number(highest(s.(*Screen).table.bad[1].values)) {
			t.Errorf("at %d columns: %q", w, got)
		}
		s = tuitest.Send(s, screen.ActionMsg{Name: "view"})
		if got := tuitest.Draw(s, w, 15).Lines()[1]; !strings.Contains(got, "POST /api/orders by end") || strings.Contains(got, "v:") && !strings.HasSuffix(got, "v: failures") {
			t.Errorf("heat map at %d columns: %q", w, got)
		}
	}
}

// TestOnlyALockIsALock: what is no lock is not called one over the chart, and where no log
// was read there is no rate whose step could be told.
func TestOnlyALockIsALock(t *testing.T) {
	for subject, want := range map[incident.Subject]string{
		{}:                            " trigger ",
		{PID: 7, Relation: "orders"}:  "⠤ lock ⠤",
		{PID: 7, Mode: "SHARE"}:       " SHARE lock ",
		{Pool: "max_connections: pg"}: " trigger ",
	} {
		ev := incident.NewEvidence()
		ev.Add(incident.Change{At: tuitest.At("14:20:00")}, incident.Change{At: tuitest.At("14:50:00")})
		msg := screen.EvidenceMsg{View: ev.Snapshot(), Analysis: incident.Analysis{Findings: []incident.Finding{{Role: incident.Trigger, Window: tuitest.Range, Subject: subject}}}}
		s := tuitest.Send(New(Options{}), screen.SizeMsg{W: 80, H: 21}, msg, screen.RangeMsg{Window: tuitest.Range})
		text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
		if !strings.Contains(text, want) || strings.Contains(text, "over 0s") || !strings.Contains(text, "failing/s by end no data") {
			t.Errorf("%+v: lacks %q, or tells a step:\n%s", subject, want, text)
		}
	}
}
