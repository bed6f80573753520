package terminal

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

func newDisplay(w, h int) *display {
	d := &display{env: []string{"TERM=xterm-256color"}, profile: colorprofile.TrueColor}
	d.resize(w, h)
	return d
}

// view is what a screen may show: h lines of w cells in a few styles, some of them two
// cells wide.
func view(r *rand.Rand, w, h int) tea.View {
	var b strings.Builder
	for y := range h {
		if y > 0 {
			b.WriteByte('\n')
		}
		for x := 0; x < w; {
			n := min(w-x, 1+r.IntN(12))
			fmt.Fprintf(&b, "\x1b[%dm", []int{0, 1, 31, 42, 97}[r.IntN(5)])
			for i := 0; i < n; {
				if s := []string{"a", "b", " ", "─", "⣿", "界"}[r.IntN(6)]; ansi.StringWidth(s) <= n-i {
					b.WriteString(s)
					i += ansi.StringWidth(s)
				}
			}
			if r.IntN(20) > 0 { // else the style goes on, over the end of the line too
				b.WriteString("\x1b[m")
			}
			x += n
		}
	}
	v := tea.NewView(b.String())
	if r.IntN(3) == 0 {
		v.Cursor = tea.NewCursor(r.IntN(w), r.IntN(h))
	}
	if r.IntN(3) == 0 {
		v.MouseMode = tea.MouseModeCellMotion
	}
	v.WindowTitle = []string{"", "one", "two"}[r.IntN(3)]
	return v
}

// seen is all that an emulator shows: of a blank the colour below it, of other cells all.
func seen(e *vt.Emulator) string {
	var b strings.Builder
	for y := range e.Height() {
		for x := range e.Width() {
			c := e.CellAt(x, y)
			if c == nil || c.IsZero() { // the second half of a wide one
				continue
			}
			style := c.Style
			if c.Content == " " {
				style = uv.Style{Bg: style.Bg}
			}
			b.WriteString(style.String() + c.Content + "\x1b[m")
		}
		b.WriteByte('\n')
	}
	if !e.CursorHidden() {
		fmt.Fprintln(&b, "cursor at", e.CursorPosition())
	}
	return b.String()
}

// TestFramesAreWhatIsShown writes frame after frame to one terminal, and the last alone to
// another: both show the same, whatever changed between and however often the size did.
func TestFramesAreWhatIsShown(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		w, h := 2+r.IntN(60), 2+r.IntN(20)
		d, terminal := newDisplay(w, h), vt.NewEmulator(w, h)
		d.whole = seed%2 == 0
		var last tea.View
		for step := range 12 {
			if r.IntN(4) == 0 {
				w, h = 2+r.IntN(60), 2+r.IntN(20)
				terminal.Resize(w, h)
				d.resize(w, h)
			}
			if r.IntN(3) > 0 || step == 0 || strings.Count(last.Content, "\n") != h-1 {
				last = view(r, w, h)
			} else { // as a cursor moves: one line is another
				lines := strings.Split(last.Content, "\n")
				lines[r.IntN(len(lines))] = view(r, w, 1).Content
				last.Content = strings.Join(lines, "\n")
			}
			write(t, terminal, d.frame(nil, last))

			alone := vt.NewEmulator(w, h)
			write(t, alone, newDisplay(w, h).frame(nil, last))
			if got, want := seen(terminal), seen(alone); got != want {
				t.Fatalf("seed %d, step %d, %dx%d: the terminal shows\n%s\nwant\n%s", seed, step, w, h, got, want)
			}
			if b := d.frame(nil, last); len(b) > 0 {
				t.Fatalf("seed %d, step %d: the same frame again takes %q", seed, step, b)
			}
		}
		write(t, terminal, d.leave(nil))
		if terminal.IsAltScreen() || terminal.CursorHidden() {
			t.Fatalf("seed %d: left with alternate screen %v, cursor hidden %v", seed, terminal.IsAltScreen(), terminal.CursorHidden())
		}
		if b := d.leave(nil); len(b) > 0 {
			t.Fatalf("seed %d: left twice with %q", seed, b)
		}
	}
}

func write(t *testing.T, e *vt.Emulator, b []byte) {
	t.Helper()
	if _, err := e.Write(b); err != nil {
		t.Fatal(err)
	}
}

// TestModesAreGivenBack counts what is switched on and off until the terminal is left.
func TestModesAreGivenBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	d := newDisplay(20, 5)
	d.whole = true
	var all []byte
	for range 30 {
		all = d.frame(all, view(r, 20, 5))
		if r.IntN(5) == 0 {
			all = d.byGraphemes(all)
		}
	}
	all = d.leave(all)
	for _, m := range []struct{ what, on, off string }{
		{"the alternate screen", ansi.SetModeAltScreenSaveCursor, ansi.ResetModeAltScreenSaveCursor},
		{"bracketed paste", ansi.SetModeBracketedPaste, ansi.ResetModeBracketedPaste},
		{"whole frames", ansi.SetModeSynchronizedOutput, ansi.ResetModeSynchronizedOutput},
		{"graphemes", ansi.SetModeUnicodeCore, ansi.ResetModeUnicodeCore},
		{"kitty's keys", ansi.PushKittyKeyboard(1), ansi.PopKittyKeyboard(1)},
		{"the title", pushTitle, popTitle},
		{"xterm's keys", ansi.SetModifyOtherKeys2, ansi.ResetModifyOtherKeys},
	} {
		on, off := strings.Count(string(all), m.on), strings.Count(string(all), m.off)
		if on == 0 || on != off || strings.LastIndex(string(all), m.off) < strings.LastIndex(string(all), m.on) {
			t.Errorf("%s: on %d times, off %d", m.what, on, off)
		}
	}
	for _, m := range []struct{ what, on, off string }{
		{"the mouse", ansi.SetModeMouseExtSgr, ansi.ResetModeMouseExtSgr},
		{"a hidden cursor", ansi.ResetModeTextCursorEnable, ansi.SetModeTextCursorEnable},
	} {
		if on, off := strings.LastIndex(string(all), m.on), strings.LastIndex(string(all), m.off); on < 0 || off < on {
			t.Errorf("%s: last on at %d, off at %d", m.what, on, off)
		}
	}
}

// TestLinuxConsole: it prints what it does not know, up to Linux 5.7 what begins with ESC [ >,
// and has no title.
func TestLinuxConsole(t *testing.T) {
	d := newDisplay(20, 5)
	d.console = true
	v := tea.NewView("what is shown")
	v.WindowTitle, v.MouseMode = "a title", tea.MouseModeCellMotion
	all := string(d.leave(d.frame(nil, v)))
	for _, unknown := range []string{"\x1b[>", "\x1b[<", "\x1b]", "t"} {
		if strings.Contains(strings.ReplaceAll(all, "what is shown", ""), unknown) {
			t.Errorf("%q is in %q", unknown, all)
		}
	}
}

// TestCursorWhileCellsChange: where a terminal shows frames cell by cell, its cursor must
// not be seen to draw them.
func TestCursorWhileCellsChange(t *testing.T) {
	d := newDisplay(10, 2)
	with := func(s string) tea.View {
		v := tea.NewView(s)
		v.Cursor = tea.NewCursor(1, 1)
		return v
	}
	d.frame(nil, with("aaaa\nbbbb"))
	b := string(d.frame(nil, with("aaca\nbbbb")))
	if !strings.HasPrefix(b, ansi.ResetModeTextCursorEnable) || !strings.HasSuffix(b, ansi.SetModeTextCursorEnable) {
		t.Errorf("cells changed with %q", b)
	}
	d.whole = true
	b = string(d.frame(nil, with("aada\nbbbb")))
	if strings.Contains(b, ansi.ResetModeTextCursorEnable) || !strings.HasPrefix(b, ansi.SetModeSynchronizedOutput) || !strings.HasSuffix(b, ansi.ResetModeSynchronizedOutput) {
		t.Errorf("a whole frame is %q", b)
	}
}

// TestColorsChange: other colours are those of every cell, also of those that stay.
func TestColorsChange(t *testing.T) {
	d := newDisplay(10, 1)
	v := tea.NewView("\x1b[38;2;255;0;0mred\x1b[m")
	if b := string(d.frame(nil, v)); !strings.Contains(b, "38;2;255;0;0") {
		t.Errorf("true colour is %q", b)
	}
	d.setProfile(colorprofile.ANSI)
	if b := string(d.frame(nil, v)); strings.Contains(b, "38;2") || !strings.Contains(b, "red") {
		t.Errorf("of 16 colours it is %q", b)
	}
	d.setProfile(colorprofile.ANSI)
	if b := d.frame(nil, v); len(b) > 0 {
		t.Errorf("the same colours take %q", b)
	}
}

// BenchmarkFrame is one line of 200 times 50 that changes, as when a cursor moves.
func BenchmarkFrame(b *testing.B) {
	lines := make([]string, 50)
	for i := range lines {
		lines[i] = strings.Repeat(fmt.Sprintf("\x1b[%dmword %2d ─── ⣿⣿⣿ \x1b[m", 31+i%7, i), 10)
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	lines[25] = "\x1b[7m" + ansi.Strip(lines[25]) + "\x1b[m"
	other := tea.NewView(strings.Join(lines, "\n"))
	d := newDisplay(200, 50)
	d.frame(nil, v)
	var buf []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		buf = d.frame(buf[:0], []tea.View{other, v}[i%2])
	}
	b.ReportMetric(float64(len(buf)), "B/frame")
}
