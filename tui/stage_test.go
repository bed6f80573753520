package tui

import (
	"errors"
	"io"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/creack/pty"

	"tripcurve/tui/terminal"
)

// fragile breaks where it is told to.
type fragile struct{ at string }

func (f fragile) breaks(at string) {
	if f.at == at {
		panic("boom in " + at)
	}
}

func (f fragile) cmd() tea.Msg { f.breaks("a command"); return nil }

func (f fragile) Init() tea.Cmd { f.breaks("Init"); return nil }

func (f fragile) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	f.breaks("Update")
	well := func() tea.Msg { return nil }
	switch f.at {
	case "a command":
		return f, f.cmd
	case "a batch":
		f.at = "a command"
		return f, tea.Batch(well, tea.Batch(f.cmd, well))
	case "a sequence":
		f.at = "a command"
		return f, tea.Sequence(well, tea.Sequence(well, f.cmd))
	}
	return f, nil
}

func (f fragile) View() tea.View { f.breaks("View"); return tea.NewView("fine") }

// TestPanicEndsTheProgram: wherever it is, Run's program ends, says what broke and where, and
// the terminal has been left when it does.
func TestPanicEndsTheProgram(t *testing.T) {
	for _, at := range []string{"raise", "Init", "Update", "View", "a command", "a batch", "a sequence"} {
		t.Run(at, func(t *testing.T) {
			far, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			seen := make(chan string)
			go func() {
				b, _ := io.ReadAll(far)
				seen <- string(b)
			}()
			s := &stage{raise: func() tea.Model {
				fragile{at}.breaks("raise")
				return fragile{at}
			}}
			s.out, err = terminal.Open(terminal.Options{Keys: tty, Out: tty, FPS: 120, Failed: func(err error) { t.Error(err) }})
			if err != nil {
				t.Fatal(err)
			}
			p := tea.NewProgram(s, tea.WithoutRenderer(), tea.WithInput(nil), tea.WithOutput(io.Discard), tea.WithWindowSize(80, 24))
			s.send = p.Send
			_, err = p.Run()
			err = errors.Join(err, s.broke, s.out.Close(), tty.Close())
			out := <-seen // all of it, before the far end is closed
			err = errors.Join(err, far.Close())
			if err == nil || !strings.Contains(err.Error(), "boom in") || !strings.Contains(err.Error(), "stage_test.go") {
				t.Errorf("error %v", err)
			}
			if strings.Contains(out, "boom") || strings.Count(out, "1049h") != strings.Count(out, "1049l") {
				t.Errorf("the terminal was sent %q", out)
			}
		})
	}
}

func TestMessagesForTheTerminal(t *testing.T) {
	far, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = far.Close(), tty.Close() }()
	out, err := terminal.Open(terminal.Options{Keys: tty, Out: tty, FPS: 120})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}()
	if msg := ahead(out, tea.RawMsg{Msg: "\x1b]52;c;eA==\x07"}); msg != nil {
		t.Errorf("what is written as it is came on as %v", msg)
	}
	b := make([]byte, 100)
	if n, err := far.Read(b); string(b[:n]) != "\x1b]52;c;eA==\x07" || err != nil {
		t.Errorf("written was %q, %v", b[:n], err)
	}
	if msg := ahead(out, tea.SuspendMsg{}); msg != (tea.SuspendMsg{}) {
		t.Errorf("suspending became %v", msg)
	}
	if msg, ok := ahead(out, tea.ResumeMsg{}).(tea.WindowSizeMsg); !ok {
		t.Errorf("resuming became %v, not the size that may have changed", msg)
	}
	if msg := ahead(out, tea.FocusMsg{}); msg != (tea.FocusMsg{}) {
		t.Errorf("another message became %v", msg)
	}
}

func TestColors(t *testing.T) {
	for _, c := range []struct {
		mode string
		env  []string
		want colorprofile.Profile
		bad  bool
	}{
		{"", nil, colorprofile.NoTTY, false}, // what is written to here is no terminal
		{"auto", []string{"TERM=xterm-256color", "TTY_FORCE=1"}, colorprofile.ANSI256, false},
		{"auto", []string{"TERM=xterm-256color", "TTY_FORCE=1", "NO_COLOR="}, colorprofile.ANSI256, false},
		{"auto", []string{"TERM=xterm-256color", "TTY_FORCE=1", "NO_COLOR=yes"}, colorprofile.ASCII, false},
		{"never", nil, colorprofile.ASCII, false},
		{"256", []string{"NO_COLOR=1"}, colorprofile.ANSI256, false},
		{"pink", nil, 0, true},
	} {
		got, err := Colors(c.mode, c.env, io.Discard)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%q %v: %v, %v", c.mode, c.env, got, err)
		}
	}
}

type killed struct{ n int }

func (k *killed) Kill() { k.n++ }

func TestPanicBesideTheScreen(t *testing.T) {
	var k killed
	err := <-guarded(&k, func() { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") || k.n != 1 {
		t.Errorf("error %v, killed %d times", err, k.n)
	}
	if err := <-guarded(&k, func() {}); err != nil || k.n != 1 {
		t.Errorf("without a panic: %v, killed %d times", err, k.n)
	}
}
