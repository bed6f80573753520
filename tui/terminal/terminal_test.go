package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
)

// pair is a terminal, and what is written to it so far, until the test ends.
func pair(t *testing.T, w, h uint16) (tty *os.File, until func(text string) string) {
	t.Helper()
	far, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(far, &pty.Winsize{Cols: w, Rows: h}); err != nil {
		t.Fatal(err)
	}
	pieces := make(chan string, 100)
	go func() {
		defer close(pieces)
		buf := make([]byte, 4096)
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			pieces <- string(buf[:n])
		}
	}()
	t.Cleanup(func() { _, _ = tty.Close(), far.Close() })
	return tty, func(text string) string {
		t.Helper()
		var all strings.Builder
		for !strings.Contains(all.String(), text) {
			select {
			case s := <-pieces:
				all.WriteString(s)
			case <-time.After(20 * time.Second):
				t.Fatalf("no %q in %q", text, all.String())
			}
		}
		return all.String()
	}
}

func state(t *testing.T, f *os.File) string {
	t.Helper()
	s, err := term.GetState(f.Fd())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v", *s)
}

// TestTerminalIsGivenBack: while a program has it, and while it has left it to a shell.
func TestTerminalIsGivenBack(t *testing.T) {
	tty, until := pair(t, 90, 30)
	before := state(t, tty)
	painted := make(chan struct{})
	term, err := Open(Options{Keys: tty, Out: tty, Env: []string{"TERM=xterm"}, FPS: 120, Painted: func() { close(painted) }})
	if err != nil {
		t.Fatal(err)
	}
	raw := state(t, tty)
	if before == raw {
		t.Error("the keys are not raw")
	}
	if w, h := term.Size(); w != 90 || h != 30 {
		t.Errorf("its size is %dx%d", w, h)
	}
	term.Show(tea.NewView("first"))
	until("first")
	<-painted
	if err := term.Leave(); err != nil {
		t.Fatal(err)
	}
	until(ansi.ResetModeAltScreenSaveCursor)
	if d := cmp.Diff(before, state(t, tty)); d != "" {
		t.Errorf("left with other modes:\n%s", d)
	}
	if err := term.Return(); err != nil {
		t.Fatal(err)
	}
	if out := until("first"); !strings.Contains(out, ansi.SetModeAltScreenSaveCursor) {
		t.Errorf("taken again with %q", out)
	}
	if d := cmp.Diff(raw, state(t, tty)); d != "" {
		t.Errorf("taken again with other modes:\n%s", d)
	}
	if _, err := term.Write([]byte("plain")); err != nil {
		t.Fatal(err)
	}
	until("plain")
	for range 2 { // the second time there is nothing to give back
		if err := term.Close(); err != nil {
			t.Fatal(err)
		}
	}
	until(ansi.ResetModeAltScreenSaveCursor)
	if d := cmp.Diff(before, state(t, tty)); d != "" {
		t.Errorf("given back with other modes:\n%s", d)
	}
}

// opened is a terminal of which nobody reads anything yet, and its far end.
func opened(t *testing.T) (far, tty *os.File, term *Terminal) {
	t.Helper()
	far, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if term, err = Open(Options{Keys: tty, Out: tty, Env: []string{"TERM=xterm"}, FPS: 120}); err != nil {
		t.Fatal(err)
	}
	return far, tty, term
}

// TestTerminalThatIsGone: of a window that was closed there is nothing to give back.
func TestTerminalThatIsGone(t *testing.T) {
	far, tty, term := opened(t)
	term.Show(tea.NewView("shown"))
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if err := term.Close(); err != nil {
		t.Error(err)
	}
	if err := tty.Close(); err != nil {
		t.Error(err)
	}
}

// TestFullTerminal: one that is made to refuse what it has no room for gets all of it later.
func TestFullTerminal(t *testing.T) {
	far, tty, term := opened(t)
	if err := syscall.SetNonblock(int(tty.Fd()), true); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("0123456789", 50_000)
	fmt.Fprint(term, long)
	term.Show(tea.NewView("shown"))
	seen := make(chan string)
	go func() {
		b, _ := io.ReadAll(far)
		seen <- string(b)
	}()
	if err := errors.Join(term.Close(), tty.Close()); err != nil {
		t.Error(err)
	}
	if all := <-seen; !strings.HasPrefix(all, long) || !strings.Contains(all, "shown") || !strings.HasSuffix(all, ansi.SetModeTextCursorEnable) {
		t.Errorf("%d bytes came, the last of them %q", len(all), all[max(0, len(all)-200):])
	}
	if err := far.Close(); err != nil {
		t.Error(err)
	}
}

// TestHeed: what a terminal says of itself changes how it is written to.
func TestHeed(t *testing.T) {
	there := tea.ModeReportMsg{Mode: ansi.ModeSynchronizedOutput, Value: ansi.ModeReset}
	for _, c := range []struct {
		sync  Sync
		says  tea.Msg
		whole bool
	}{
		{Ask, nil, false},
		{Ask, there, true},
		{Ask, tea.ModeReportMsg{Mode: ansi.ModeSynchronizedOutput, Value: ansi.ModeNotRecognized}, false},
		{On, nil, true},
		{Off, there, false},
	} {
		tty, until := pair(t, 80, 24)
		term, err := Open(Options{Keys: tty, Out: tty, Env: []string{"TERM=xterm"}, FPS: 120, Sync: c.sync})
		if err != nil {
			t.Fatal(err)
		}
		term.Heed(c.says)
		term.Show(tea.NewView("shown"))
		if out := until("shown"); strings.Contains(out, ansi.SetModeSynchronizedOutput) != c.whole {
			t.Errorf("sync %v after %+v: %q", c.sync, c.says, out)
		}
		term.Heed(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeReset})
		term.Show(tea.NewView("shown"))
		until(ansi.SetModeUnicodeCore)
		if err := term.Close(); err != nil {
			t.Fatal(err)
		}
		until(ansi.ResetModeUnicodeCore)
	}
}

func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		env  []string
		sync Sync
		want string
	}{
		{[]string{"TERM=xterm"}, Ask, ansi.RequestModeSynchronizedOutput + ansi.RequestModeUnicodeCore},
		{[]string{"TERM=xterm"}, Off, ansi.RequestModeUnicodeCore},
		{[]string{"TERM=xterm"}, On, ansi.RequestModeUnicodeCore},
		{[]string{"TERM=xterm-256color", "SSH_TTY=/dev/pts/1"}, Ask, ""},
		{[]string{"TERM=xterm-256color", "TERM_PROGRAM=Apple_Terminal"}, Ask, ""},
		{[]string{"TERM=linux"}, Ask, ""},
		{[]string{"TERM=xterm-256color", "TERM_PROGRAM=vscode"}, Off, ansi.RequestModeUnicodeCore},
		{[]string{"TERM=xterm-kitty", "SSH_TTY=/dev/pts/1"}, Off, ansi.RequestModeUnicodeCore},
	} {
		if got := questions(Options{Env: c.env, Sync: c.sync}); got != c.want {
			t.Errorf("%v, sync %v: asked %q, want %q", c.env, c.sync, got, c.want)
		}
	}
}

func TestParseSync(t *testing.T) {
	for s, want := range map[string]Sync{"": Ask, "auto": Ask, "on": On, "off": Off} {
		if got, err := ParseSync(s); got != want || err != nil {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	if _, err := ParseSync("often"); err == nil || !strings.Contains(err.Error(), "auto, on, off") {
		t.Errorf("often: %v", err)
	}
}

// TestSizeOfWhatHasNone: a serial line says that it has no columns.
func TestSizeOfWhatHasNone(t *testing.T) {
	tty, _ := pair(t, 0, 0)
	for _, c := range []struct {
		env  []string
		w, h int
	}{
		{nil, 80, 24},
		{[]string{"COLUMNS=132", "LINES=43"}, 132, 43},
		{[]string{"COLUMNS=-3", "LINES=many"}, 80, 24},
	} {
		term := Terminal{opt: Options{Out: tty, Env: c.env}}
		if w, h := term.Size(); w != c.w || h != c.h {
			t.Errorf("%v: %dx%d, want %dx%d", c.env, w, h, c.w, c.h)
		}
	}
}

// TestWatch sends this process the signals that a terminal's kernel and a shell send.
func TestWatch(t *testing.T) {
	tty, _ := pair(t, 100, 40)
	term := Terminal{opt: Options{Out: tty}}
	ctx, stop := context.WithCancel(t.Context())
	sizes, goes, done := make(chan [2]int, 100), make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		term.Watch(ctx, func(w, h int) { sizes <- [2]int{w, h} }, func() { goes <- struct{}{} })
	}()
	for got := false; !got; { // until it listens
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-sizes:
			if got = true; s != [2]int{100, 40} {
				t.Errorf("resized to %v", s)
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	<-goes
	stop()
	<-done
}

// TestRetake: a shell wrote to the terminal and changed its modes; once only for who left it.
func TestRetake(t *testing.T) {
	tty, until := pair(t, 90, 30)
	before := state(t, tty)
	took, err := Open(Options{Keys: tty, Out: tty, Env: []string{"TERM=xterm"}, FPS: 120})
	if err != nil {
		t.Fatal(err)
	}
	raw, was := state(t, tty), took.keys
	took.Show(tea.NewView("first"))
	until("first")
	if err := term.Restore(tty.Fd(), was); err != nil {
		t.Fatal(err)
	}
	if err := took.Retake(); err != nil {
		t.Fatal(err)
	}
	out := until("first")
	if on, off := strings.Count(out, ansi.SetModeAltScreenSaveCursor), strings.Count(out, ansi.ResetModeAltScreenSaveCursor); on != 1 || off != 1 {
		t.Errorf("taken back with %q", out)
	}
	if d := cmp.Diff(raw, state(t, tty)); d != "" {
		t.Errorf("taken back with other modes:\n%s", d)
	}
	if err := errors.Join(took.Leave(), took.Retake()); err != nil { // the process goes on, and Return comes
		t.Fatal(err)
	}
	if d := cmp.Diff(before, state(t, tty)); d != "" {
		t.Errorf("taken back from a shell before Return:\n%s", d)
	}
	if err := errors.Join(took.Return(), took.Retake(), took.Close()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, state(t, tty)); d != "" {
		t.Errorf("given back with other modes:\n%s", d)
	}
}
