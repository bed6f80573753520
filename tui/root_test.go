package tui

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/grid"
	"tripcurve/tui/tuitest"
)

func TestGoesPlaces(t *testing.T) {
	r := opened(80, 24)
	for _, c := range []struct{ keys, want string }{
		{"2", "Locks"},
		{"tab", "Gateway"},
		{"shift+tab", "Locks"},
		{"1", "Overview"},
		{"enter", "Locks"},
		{"esc", "Overview"}, // drilled in, and out again
		{"[", "Locks"},
		{"]", "Overview"},
		{"3", "Gateway"},
		{"enter", "Gateway"},
		{"esc", "Gateway"},
	} {
		keys(r, c.keys)
		if got := r.screens[r.at].Title(); got != c.want {
			t.Errorf("after %s on %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestLeaving(t *testing.T) {
	quits := func(cmd tea.Cmd) bool {
		return slices.ContainsFunc(tuitest.Answers(cmd), func(m tea.Msg) bool { _, ok := m.(tea.QuitMsg); return ok })
	}
	r := opened(80, 24)
	ctrlC := tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	_, cmd := r.Update(ctrlC)
	if quits(cmd) || !strings.Contains(lines(r)[23], "ctrl+c again leaves") {
		t.Error("one ctrl+c leaves, or is not answered")
	}
	if _, cmd = r.Update(ctrlC); !quits(cmd) {
		t.Error("the second ctrl+c does not leave")
	}
	r = opened(80, 24)
	keys(r, "enter")
	if _, cmd = r.Update(press("q")); quits(cmd) {
		t.Error("q leaves from below the top")
	}
	if _, cmd = r.Update(press("q")); !quits(cmd) {
		t.Error("q at the top does not leave")
	}
}

// TestRandomKeysAndSizes: whatever is pressed at whatever size, the frame has
// exactly its height and nothing is wider than the terminal.
func TestRandomKeysAndSizes(t *testing.T) {
	t.Chdir(t.TempDir()) // the keys may well export something
	seed := uint64(time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC).Unix())
	rnd := rand.New(rand.NewPCG(seed, 1))
	var all []string
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Screens: quick()})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, tuitest.Incident())
	for _, s := range r.screens {
		for _, a := range append(s.Actions(), r.global...) {
			all = append(all, a.Keys...)
		}
	}
	for _, skip := range []string{"ctrl+c", "ctrl+z", "q"} {
		all = slices.DeleteFunc(all, func(k string) bool { return k == skip })
	}
	all = append(all, "x", "5", ".", "backspace", "delete", "esc", "enter", "在")
	var trail []string
	for range 1500 {
		if rnd.IntN(8) == 0 {
			w, h := rnd.IntN(220), rnd.IntN(60)
			trail = append(trail, fmt.Sprintf("%dx%d", w, h))
			send(r, tea.WindowSizeMsg{Width: w, Height: h})
		} else {
			k := all[rnd.IntN(len(all))]
			trail = append(trail, k)
			_, cmd := r.Update(press(k))
			for _, msg := range tuitest.Answers(cmd) {
				if _, quit := msg.(tea.QuitMsg); !quit {
					send(r, msg)
				}
			}
		}
		sound(t, r, fmt.Sprintf("seed %d, after %v", seed, tail(trail)))
	}
}

// foreign is an escape sequence that is no colour or the like, as frames may not have.
var foreign = regexp.MustCompile(`\x1b(\[[0-9;]*[^0-9;m]|[^\[])`)

// sound fails where a frame has not its height, a line is too wide, the cursor is
// outside, or an escape is not ours.
func sound(t *testing.T, r *Root, when string) {
	t.Helper()
	v := r.View()
	rows := strings.Split(v.Content, "\n")
	if r.common.H > 0 && len(rows) != r.common.H {
		t.Fatalf("%d rows at %dx%d, %s", len(rows), r.common.W, r.common.H, when)
	}
	for y, line := range r.frame.grid.Lines() {
		if w := grid.Width(line); w > r.common.W {
			t.Fatalf("row %d is %d wide at %dx%d, %s", y, w, r.common.W, r.common.H, when)
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.Y < 0 || c.X >= r.common.W || c.Y >= r.common.H) {
		t.Fatalf("the cursor is at %d,%d of %dx%d, %s", c.X, c.Y, r.common.W, r.common.H, when)
	}
	if bad := foreign.FindString(v.Content); bad != "" {
		t.Fatalf("a sequence that is not ours: %q, %s", bad, when)
	}
}

func TestMouse(t *testing.T) {
	r := opened(80, 24)
	keys(r, "M")
	if v := r.View(); v.MouseMode != tea.MouseModeCellMotion {
		t.Errorf("mouse mode %v after M", v.MouseMode)
	}
	send(r, tea.MouseClickMsg{X: strings.Index(lines(r)[1], "Gateway"), Y: 1, Button: tea.MouseLeft})
	if got := r.screens[r.at].Title(); got != "Gateway" {
		t.Errorf("a click on a tab leads to %s", got)
	}
	send(r, tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	// A row of each list by its text, and the second time as enter.
	for key, text := range map[string]string{"1": "amplifier", "2": "RowExclusive", "3": "GET /api/orders/:id", "4": "Reserve", "5": "order restarted"} {
		r := opened(120, 36)
		keys(r, key, "g")
		click := func() bool {
			frame := lines(r)
			for y := range frame {
				if key == "1" { // its list is the lowest
					y = len(frame) - 1 - y
				}
				line := frame[y]
				if i := strings.Index(line, text); y > 2 && i >= 0 {
					before := r.View().Content
					send(r, tea.MouseClickMsg{X: grid.Width(line[:i]), Y: y, Button: tea.MouseLeft})
					return r.View().Content != before
				}
			}
			return false
		}
		if key != "2" && key != "4" && !click() { // the trees of these two have one line in view
			t.Errorf("screen %s: a click on %q does nothing", key, text)
		}
		was := r.at
		if key == "1" || key == "3" || key == "5" {
			if !click() {
				t.Errorf("screen %s: a second click on %q does nothing", key, text)
			}
		}
		if key == "1" && r.at == was {
			t.Error("a second click does not open the finding")
		}
	}
	r = opened(80, 24)
	keys(r, "K")
	before := r.View().Content
	send(r, tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if r.View().Content == before {
		t.Error("the wheel does not scroll the glossary")
	}
	send(r, tea.MouseClickMsg{X: 5, Y: 20, Button: tea.MouseLeft})
	if r.sheet == nil {
		t.Error("a click went through the glossary")
	}
}
