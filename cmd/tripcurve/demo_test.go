package main

import (
	"strings"
	"testing"

	"tripcurve/internal/bundled"
	"tripcurve/tui"
	"tripcurve/tui/demo"
)

// theirs says that the screens have the whole terminal: no caption is below them.
func theirs(screen string) bool {
	lines := strings.Split(screen, "\n")
	return !strings.Contains(screen, "the screens are yours\n") && strings.Contains(lines[len(lines)-1], "? help")
}

// TestDemo lets the tour run to its end on a small terminal. What a stop speaks of is
// waited for: 30 s in vain, if it were not on the screen.
func TestDemo(t *testing.T) {
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "demo", "--speed", "50")
	term.waitFor("tour 1/11")
	term.waitFor("INC-2847: checkouts failed for 23 minutes")
	term.waitFor("203 orders fail")
	term.waitFor("tour 9/11  pressed c")
	term.waitUntil("the end", func(s string) bool { return theirs(s) && strings.Contains(s, "[1 Overview]") })
	term.send("q")
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestDemoGivesWay pauses the tour, takes it over, and leaves another one by ctrl+c.
func TestDemoGivesWay(t *testing.T) {
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "demo", "--speed", "0.1")
	term.waitFor("checkouts failed for 23 minutes")
	term.send(" ")
	term.waitFor("PAUSED")
	term.waitFor("space go on")
	term.send("\r")
	term.waitFor("tour 2/11  pressed 2")
	term.send("3")
	term.waitUntil("Gateway on the whole terminal", func(s string) bool { return theirs(s) && strings.Contains(s, "[3 Gateway]") })
	term.send("q")
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d after q", code)
	}

	term = startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "demo")
	term.waitFor("tour 1/11")
	term.send("\x03")
	term.leavesInOrder()
}

// TestLongDemoOnAWideTerminal walks the tour where it has the most room.
func TestLongDemoOnAWideTerminal(t *testing.T) {
	n := 0
	err := demo.Play(t.Context(), tourOptions(), 200, 45, func(demo.Stop) error {
		n++
		return nil
	})
	if err != nil || n < 10 {
		t.Errorf("%d stops, %v", n, err)
	}
}

// tourOptions are the screens of the tour, without a terminal.
func tourOptions() tui.Options {
	return tui.Options{Name: bundled.Name, Note: reconstructed, Load: loadBundled}
}
