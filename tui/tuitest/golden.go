package tuitest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
)

// Sizes are those of golden frames.
var Sizes = [][2]int{{60, 18}, {80, 24}, {120, 36}, {200, 50}}

// Range is what time axes show in the tests, Cursor where the time cursor is.
var (
	Range  = incident.Window{From: At("14:18:00"), To: At("14:51:00")}
	Cursor = At("14:25:23")
)

// Loaded gives a screen the size, the incident, the range and the cursor.
func Loaded(s screen.Screen, w, h int) screen.Screen {
	return Send(s, screen.SizeMsg{W: w, H: h}, Incident(), screen.RangeMsg{Window: Range}, screen.CursorMsg{At: Cursor})
}

// Send gives a screen messages and, to the end, what its commands answer.
func Send(s screen.Screen, msgs ...tea.Msg) screen.Screen {
	for _, msg := range msgs {
		var cmd tea.Cmd
		s, cmd = s.Update(msg)
		s = Send(s, Answers(cmd)...)
	}
	return s
}

// Answers runs a command and those it is made of.
func Answers(cmd tea.Cmd) (out []tea.Msg) {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			out = append(out, Answers(c)...)
		}
	default:
		out = append(out, msg)
	}
	return out
}

// Draw draws a screen at a size.
func Draw(s screen.Screen, w, h int) *grid.Grid {
	g := grid.New(w, h)
	s.Draw(g.Canvas())
	return g
}

// Golden compares a frame, as text and then as styles, with testdata/NAME.txt.
// TRIPCURVE_UPDATE=1 writes it.
func Golden(t *testing.T, name string, g *grid.Grid) {
	t.Helper()
	GoldenText(t, name, strings.Join(g.Lines(), "\n")+"\n\n"+strings.Join(g.Styles(theme.Letter), "\n")+"\n")
}

// GoldenText compares text with testdata/NAME.txt.
func GoldenText(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("golden frame (TRIPCURVE_UPDATE=1 writes it): %v", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs from its golden frame (-want +got):\n%s", name, diff)
	}
}
