package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// terminal is a program on a pseudo-terminal with an emulator behind it, which
// also answers the queries that a real terminal answers.
type terminal struct {
	tb      testing.TB
	cmd     *exec.Cmd
	pty     *os.File
	emu     *vt.Emulator  // written and looked at under mu; its answers are a pipe
	changed chan struct{} // has a token after every write of the program
	started time.Time

	closed bool // by kill
	mu     sync.Mutex
	raw    bytes.Buffer // everything the program wrote
	wrote  time.Time    // when the last of it was read
	blind  bool         // the emulator is left out, for its work would be timed as well
	exited chan struct{}
	mute   chan struct{} // closed when the emulator answers no more
	err    error
}

// builtDir holds the binaries that builtBinaries made; TestMain removes it.
var builtDir string

// builtBinaries builds the real program and the yardstick once per test run.
var builtBinaries = sync.OnceValues(func() (dir string, err error) {
	dir, err = os.MkdirTemp("", "tripcurve-test")
	if err != nil {
		return "", err
	}
	builtDir = dir
	for out, pkg := range map[string]string{"tripcurve": ".", "bare": "./testdata/bare"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, out), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", errors.Join(err, errors.New(string(text)))
		}
	}
	return dir, nil
})

func binary(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := builtBinaries()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// patience is how long a terminal is waited for: a busy machine with two processors needs it.
const patience = time.Minute

// startTerminal runs a program on a terminal of the given size in a clean
// environment with an empty home.
func startTerminal(tb testing.TB, cols, rows int, env []string, program string, args ...string) *terminal {
	tb.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = tb.TempDir()
	cmd.Env = append([]string{
		"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8",
	}, env...)
	t := &terminal{
		tb: tb, cmd: cmd, emu: vt.NewEmulator(cols, rows),
		changed: make(chan struct{}, 1), exited: make(chan struct{}), mute: make(chan struct{}), started: time.Now(),
	}
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)})
	if err != nil {
		tb.Fatal(err)
	}
	t.pty = f
	go func() { // the emulator's answers to queries; ends with kill
		defer close(t.mute)
		_, _ = io.Copy(f, t.emu)
	}()
	go t.pump()
	tb.Cleanup(t.kill)
	return t
}

// pump feeds the emulator until the program's side of the terminal closes.
func (t *terminal) pump() {
	buf := make([]byte, 32<<10)
	for {
		n, err := t.pty.Read(buf)
		if n > 0 {
			at := time.Now()
			t.mu.Lock()
			t.wrote = at
			t.raw.Write(buf[:n])
			if !t.blind {
				_, _ = t.emu.Write(buf[:n])
			}
			t.mu.Unlock()
			select {
			case t.changed <- struct{}{}:
			default:
			}
		}
		if err != nil {
			break
		}
	}
	t.err = t.cmd.Wait()
	close(t.exited)
}

func (t *terminal) kill() {
	if t.closed {
		return
	}
	t.closed = true
	select {
	case <-t.exited:
	default:
		_ = t.cmd.Process.Kill()
		<-t.exited
	}
	if answers, ok := t.emu.InputPipe().(io.Closer); ok {
		_ = answers.Close()
	}
	<-t.mute
	_ = t.emu.Close()
	_ = t.pty.Close()
}

// screen is the text on the terminal, lines without trailing blanks.
func (t *terminal) screen() string {
	t.mu.Lock()
	lines := strings.Split(t.emu.String(), "\n")
	t.mu.Unlock()
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return strings.Join(lines, "\n")
}

// output is everything that the program wrote so far.
func (t *terminal) output() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raw.String()
}

// waitUntil waits for the screen to satisfy ok and says how long after the
// program's start that was.
func (t *terminal) waitUntil(what string, ok func(screen string) bool) time.Duration {
	t.tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if ok(t.screen()) {
			return time.Since(t.started)
		}
		select {
		case <-t.changed:
		case <-t.exited:
			if ok(t.screen()) {
				return time.Since(t.started)
			}
			t.tb.Fatalf("the program ended (%v) before %s; the screen was:\n%s\nall output: %q", t.err, what, t.screen(), t.output())
		case <-deadline.C:
			t.tb.Fatalf("no %s within %v; the screen is:\n%s", what, patience, t.screen())
		}
	}
}

func (t *terminal) waitFor(text string) time.Duration {
	t.tb.Helper()
	return t.waitUntil("\""+text+"\" on the screen", func(s string) bool { return strings.Contains(s, text) })
}

func (t *terminal) send(keys string) {
	t.tb.Helper()
	if _, err := t.pty.WriteString(keys); err != nil {
		t.tb.Fatal(err)
	}
}

// resize gives the terminal another size, as a window that is pulled does.
func (t *terminal) resize(cols, rows int) {
	t.tb.Helper()
	t.mu.Lock()
	t.emu.Resize(cols, rows)
	t.mu.Unlock()
	if err := pty.Setsize(t.pty, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		t.tb.Fatal(err)
	}
}

// waitExit waits for the program to end and returns its exit code.
func (t *terminal) waitExit() int {
	t.tb.Helper()
	select {
	case <-t.exited:
		return t.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		screen, before := t.screen(), len(t.output())
		_ = t.cmd.Process.Signal(syscall.SIGQUIT) // it tells what every goroutine does
		select {
		case <-t.exited:
		case <-time.After(5 * time.Second):
		}
		t.tb.Fatalf("the program does not end; the screen is:\n%s\nits goroutines:\n%s", screen, t.output()[before:])
		return -1
	}
}
