package tui

import (
	"context"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
	"tripcurve/tui/tune"
)

// send gives the root messages and, to the end, what its commands answer.
// Timers are left out: they would wait.
func send(r *Root, msgs ...tea.Msg) {
	for _, msg := range msgs {
		_, cmd := r.Update(msg)
		send(r, tuitest.Answers(cmd)...)
	}
}

// opened is a root with the incident, at a size.
func opened(w, h int) *Root {
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true})
	send(r, tea.WindowSizeMsg{Width: w, Height: h}, tuitest.Incident())
	return r
}

var named = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
	"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "space": {Code: tea.KeySpace, Text: " "},
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"shift+left": {Code: tea.KeyLeft, Mod: tea.ModShift}, "shift+right": {Code: tea.KeyRight, Mod: tea.ModShift},
	"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"backspace": {Code: tea.KeyBackspace}, "f1": {Code: tea.KeyF1}, "delete": {Code: tea.KeyDelete},
}

// press is the key that a binding names.
func press(name string) tea.KeyPressMsg {
	if m, ok := named[name]; ok {
		return m
	}
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(rest[0]), Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func keys(r *Root, names ...string) {
	for _, n := range names {
		send(r, press(n))
	}
}

func typed(r *Root, text string) {
	for _, c := range text {
		send(r, tea.KeyPressMsg{Code: c, Text: string(c)})
	}
}

func lines(r *Root) []string {
	r.View()
	return r.frame.grid.Lines()
}

// said is what the last rows say, as one line: a long message takes several.
func said(r *Root) string {
	l := lines(r)
	return strings.Join(strings.Fields(strings.Join(l[len(l)-longest:], " ")), " ")
}

// quick are all screens, of which Tune simulates once for all tests and answers the
// same to every question.
func quick() []screen.Screen {
	all := screens(Options{})
	all[5] = tune.New(tune.Options{Context: context.Background(), Scenario: scenario.INC2847(), Run: func(context.Context, sim.Scenario) (*sim.Result, error) { return simulated() }})
	return all
}

var simulated = sync.OnceValues(func() (*sim.Result, error) { return simulate(context.Background(), scenario.INC2847()) })

func tail(s []string) []string { return s[max(0, len(s)-12):] }
