package main

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestClosedInTheMiddle: the terminal's window is closed, or it becomes nothing and
// comes back. Where one was is kept.
func TestClosedInTheMiddle(t *testing.T) {
	// Under nohup the program would live on, rightly; what is caught here it does not inherit.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"))
	term.waitFor("pid 48291")
	term.send("3")
	term.waitFor("[3 Gateway]")
	term.resize(1, 1)
	term.resize(40, 10)
	term.waitFor("need 60x18")
	term.resize(80, 24)
	term.waitFor("[3 Gateway]")
	for range 3 { // by the shell, and by the system when the shell has ended
		if err := term.cmd.Process.Signal(syscall.SIGHUP); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	kept, err := os.ReadFile(filepath.Join(term.cmd.Dir, ".local", "state", "tripcurve", "sessions", "inc-2847.json"))
	if err != nil || !strings.Contains(string(kept), `"screen": "Gateway"`) {
		t.Errorf("kept %s, %v", kept, err)
	}
}
