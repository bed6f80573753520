package tui

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

func TestFrames(t *testing.T) {
	for _, size := range tuitest.Sizes {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			r := opened(size[0], size[1])
			r.View()
			tuitest.Golden(t, name, &r.frame.grid)
		})
	}
}

func TestColouredFrame(t *testing.T) {
	r := opened(80, 24)
	tuitest.GoldenText(t, "coloured", strings.ReplaceAll(r.View().Content, "\x1b", "ESC")+"\n")
}

func TestFrameWithoutColour(t *testing.T) {
	r := opened(80, 24)
	send(r, tea.ColorProfileMsg{Profile: colorprofile.ASCII})
	s := r.View().Content
	if m := regexp.MustCompile(`\x1b\[[0-9;]*\b(3[0-8]|4[0-8])\b[0-9;]*m`).FindString(s); m != "" {
		t.Errorf("a colour without colour: %q", m)
	}
	if !strings.Contains(s, "\x1b[0;1m") {
		t.Error("nothing is bold any more")
	}
}

func TestFirstFrameNeedsNoData(t *testing.T) {
	r := newRoot(Options{Name: "INC-2847", Load: func(context.Context) (EvidenceMsg, error) { return EvidenceMsg{}, nil }})
	if v := r.View(); v.Content != "" || !v.AltScreen {
		t.Errorf("at no size: %q, alternate screen %v", v.Content, v.AltScreen)
	}
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24})
	got := strings.Join(lines(r), "\n")
	for _, part := range []string{"INC-2847", "[1 Overview]", "reading INC-2847", "? help"} {
		if !strings.Contains(got, part) {
			t.Errorf("the skeleton lacks %q:\n%s", part, got)
		}
	}
}

// TestNothingChangedNothingMade: the same string comes back, at no cost.
func TestNothingChangedNothingMade(t *testing.T) {
	r := opened(200, 50)
	a := r.View().Content
	if n := testing.AllocsPerRun(20, func() { r.View() }); n > 0 {
		t.Errorf("%v allocations for a frame that did not change", n)
	}
	send(r, tea.FocusMsg{})
	if b := r.View().Content; a != b {
		t.Error("the frame changed without a reason")
	}
}

func TestSmallTerminal(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {10, 3}, {59, 18}, {60, 17}, {40, 10}} {
		got := strings.Join(lines(opened(size[0], size[1])), "\n")
		if size[0] >= 40 && (!strings.Contains(got, "need 60x18") || !strings.Contains(got, "pid 48291") || !strings.Contains(got, "INC-2847")) {
			t.Errorf("%v:\n%s", size, got)
		}
	}
}

// TestLineOneHasTheStateOfEverySource: also of one that has only begun, and since when
// one is down that was never reached.
func TestLineOneHasTheStateOfEverySource(t *testing.T) {
	r := newRoot(Options{Name: "now", Live: make(chan EvidenceMsg), NoAnimation: true})
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: tuitest.At("14:20:00")})
	for _, s := range []incident.SourceStatus{
		{Name: "a", State: incident.SourceStarting, Since: tuitest.At("14:24:58")},
		{Name: "b", State: incident.SourceOK, LastAt: tuitest.At("14:24:59")},
		{Name: "c", State: incident.SourceDegraded, LastAt: tuitest.At("14:24:00")},
		{Name: "d", State: incident.SourceDown, Since: tuitest.At("14:20:00")},
	} {
		s.Group = "test"
		ev.SetSource(s)
	}
	r.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
	r.Update(liveMsg(EvidenceMsg{Name: "now", View: ev.Snapshot(), Live: true}))
	r.Update(screen.TickMsg{Now: tuitest.At("14:25:00")})
	if head := lines(r)[0]; !strings.Contains(head, "a starting 2s  b ok 1s  c DEGRADED 1m00s  d DOWN 5m00s") {
		t.Errorf("line 1: %q", head)
	}
	r.Update(tea.WindowSizeMsg{Width: 60, Height: 18})
	if head := lines(r)[0]; !strings.Contains(head, "+1 DOWN") {
		t.Errorf("line 1 where there is little room: %q", head)
	}
}

func TestThemesAndGlyphs(t *testing.T) {
	r := opened(80, 24)
	for _, want := range []glyph.Level{glyph.Block, glyph.ASCII, glyph.Braille} {
		keys(r, "B")
		if r.common.Glyphs != want {
			t.Errorf("B gives %v, want %v", r.common.Glyphs, want)
		}
	}
	if diff := cmp.Diff("", newRoot(Options{Theme: "light"}).status.Text); diff != "" {
		t.Error(diff)
	}
	if got := newRoot(Options{Theme: "neon"}).status; !got.Bad {
		t.Error("a theme that is not there is not said to be missing")
	}
}

func BenchmarkViewUnchanged(b *testing.B) {
	r := opened(200, 50)
	b.ReportAllocs()
	for b.Loop() {
		r.View()
	}
}

func BenchmarkViewCursorMoves(b *testing.B) {
	r := opened(200, 50)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Update(screen.CursorMsg{At: tuitest.Range.From.Add(time.Duration(i%1800) * time.Second)})
		r.View()
	}
}

// TestMessageIsWhole: a message that is longer than the last line goes on above it,
// for what to do stands at its end; the next key takes it away.
func TestMessageIsWhole(t *testing.T) {
	for _, w := range []int{60, 80} {
		r := opened(w, 24)
		before := lines(r)
		send(r, screen.StatusMsg{Bad: true, Text: "the bundled incident is simulated at every start, and no file: `tripcurve simulate inc-2847 -o night.incident` makes one to write in"})
		got := lines(r)
		flat := strings.Join(strings.Fields(strings.Join(got[20:], " ")), " ")
		if !strings.HasSuffix(flat, "!! the bundled incident is simulated at every start, and no file: `tripcurve simulate inc-2847 -o night.incident` makes one to write in") {
			t.Errorf("at %d columns:\n%s", w, strings.Join(got[18:], "\n"))
		}
		keys(r, "esc")
		send(r, screen.StatusMsg{})
		if diff := cmp.Diff(before, lines(r)); diff != "" {
			t.Errorf("after the next key (-before +after):\n%s", diff)
		}
	}
	r := opened(60, 18)
	send(r, screen.StatusMsg{Text: strings.Repeat("very long words ", 100)})
	if got := lines(r); !strings.HasSuffix(got[17], "..") || strings.Contains(got[13], "very long words") {
		t.Errorf("a message without end:\n%s", strings.Join(got, "\n"))
	}
}
