package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestClosedInTheMiddle: the terminal's window is closed, or it becomes nothing and
// comes back. Where one was is kept.
func TestClosedInTheMiddle(t *testing.T) {
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"))
	term.waitFor("pid 48291")
	term.send("3")
	term.waitFor("[3 Gateway]")
	term.resize(1, 1)
	term.resize(40, 10)
	term.waitFor("need 60x18")
	term.resize(80, 24)
	term.waitFor("[3 Gateway]")
	if err := term.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	term.waitExit()
	kept, err := os.ReadFile(filepath.Join(term.cmd.Dir, ".local", "state", "tripcurve", "sessions", "inc-2847.json"))
	if err != nil || !strings.Contains(string(kept), `"screen": "Gateway"`) {
		t.Errorf("kept %s, %v", kept, err)
	}
}
