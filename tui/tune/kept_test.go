package tune

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/export/chosen"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

func keeping(t *testing.T, state string) (s *Screen, read func() (chosen.Set, error)) {
	t.Helper()
	own := scenario.INC2847().Edges
	path := chosen.Path(state, "inc-2847")
	s = New(Options{Scenario: scenario.INC2847(), Run: outline, Chosen: chosen.NewKeeper(path, "inc-2847", own)})
	tuitest.Send(tuitest.Loaded(s, 80, 21), screen.VisitMsg{})
	return s, func() (chosen.Set, error) { return chosen.Read(path, "inc-2847", own) }
}

func act(s *Screen, name, args string) { tuitest.Send(s, screen.ActionMsg{Name: name, Args: args}) }

// Every choice is in the file, looking alone changes nothing, and taking all back
// removes the file.
func TestWhatIsChosenIsKept(t *testing.T) {
	state := t.TempDir()
	s, read := keeping(t, state)
	kept := func(what, edge, field, value string) {
		t.Helper()
		set, err := read()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if set.Edge != edge || set.Screen != "Tune" {
			t.Errorf("%s: kept of %s on %s", what, set.Edge, set.Screen)
		}
		for _, c := range changesOf(edge, s.opt.Scenario.Edges[edge], set.Edges[edge]) {
			if c == edge+"."+field+"="+value {
				return
			}
		}
		t.Errorf("%s: no %s=%s in %+v", what, field, value, set.Edges[edge])
	}

	act(s, "edge", "order.payment")
	act(s, "down", "")
	if _, err := read(); !chosen.None(err) {
		t.Fatalf("only looked, and %v", err)
	}
	act(s, "library", "envoy")
	kept("a library", "order.payment", "breaker", "envoy")
	act(s, "set", "order.inventory.deadline=4s")
	kept("a value of another edge", "order.payment", "breaker", "envoy")
	act(s, "edge", "order.inventory")
	kept("going to an edge that was changed", "order.inventory", "deadline", "4s")
	act(s, "edge", "gateway.order")
	kept("going to one that was not", "order.inventory", "deadline", "4s")
	act(s, "undo", "") // goes back to the edge and takes the deadline back
	kept("undone", "order.payment", "breaker", "envoy")

	// Another start, in which nothing is chosen, leaves it alone.
	again, read := keeping(t, state)
	act(again, "edge", "")
	if set, err := read(); err != nil || set.Edge != "order.payment" {
		t.Errorf("after another start: %+v, %v", set, err)
	}
	act(s, "reset-all", "")
	if _, err := read(); !chosen.None(err) {
		t.Errorf("all as it was, and %v", err)
	}
}

// A state folder that cannot be written is said once, not on every step.
func TestAChoiceThatCannotBeKeptIsSaidOnce(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := keeping(t, state)
	said := 0
	var send func(msgs ...tea.Msg)
	send = func(msgs ...tea.Msg) {
		for _, m := range msgs {
			if f, ok := m.(screen.FailedMsg); ok {
				if !strings.Contains(f.Err.Error(), "is not kept for `tripcurve export config`") {
					t.Errorf("said %v", f.Err)
				}
				said++
			}
			_, cmd := s.Update(m)
			send(tuitest.Answers(cmd)...)
		}
	}
	for range 5 {
		send(screen.ActionMsg{Name: "set", Args: "order.inventory.deadline=4s"}, screen.ActionMsg{Name: "undo"})
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
}

// Going back to the choices of the beginning gives up what was chosen, and undoing that has
// it chosen again.
func TestAResetGivesUpWhatWasChosen(t *testing.T) {
	s, read := keeping(t, t.TempDir())
	first := s.Remember()
	act(s, "set", "order.inventory.deadline=4s")
	turned := s.Remember()
	tuitest.Send(s, tuitest.Answers(s.Recall(first))...)
	if _, err := read(); !chosen.None(err) || !s.asItWas() || s.runs.changed() {
		t.Errorf("after a reset: %v, changed %t", err, s.runs.changed())
	}
	tuitest.Send(s, tuitest.Answers(s.Recall(turned))...)
	if set, err := read(); err != nil || set.Edges["order.inventory"].Deadline != 4*time.Second || !s.runs.changed() {
		t.Errorf("after undoing it: %v, %+v", err, set)
	}
}

// What was turned is there again the next time, can be undone, and is not simulated
// before somebody looks.
func TestTurnedKnobsAreRemembered(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	if got := s.Remember(); got["set"] != "" || got["edge"] != "order.inventory" {
		t.Errorf("nothing was turned: %v", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "library", Args: "resilience4j"})
	focus(t, s, "deadline")
	press(t, s, "L", "e")
	choices := s.Remember()

	runs := 0
	again := New(Options{Scenario: s.opt.Scenario, Run: func(ctx context.Context, sc sim.Scenario) (*sim.Result, error) {
		runs++
		return outline(ctx, sc)
	}})
	tuitest.Send(again, tuitest.Answers(again.Recall(choices))...)
	if !reflect.DeepEqual(again.edges, s.edges) || again.edgeName() != s.edgeName() || runs != 0 {
		t.Errorf("edge %s and %d runs; of the policies differ %v", again.edgeName(), runs, changesOf("order.inventory", s.edges["order.inventory"], again.edges["order.inventory"]))
	}
	press(t, again, "z")
	if !again.asItWas() {
		t.Error("it cannot be undone")
	}
	odd := New(Options{Scenario: s.opt.Scenario})
	tuitest.Send(odd, tuitest.Answers(odd.Recall(map[string]string{"edge": "a.b", "set": "=\norder.inventory.deadline=soon\n\x1b[31m\norder.inventory.nosuch=1"}))...)
	if !odd.asItWas() || odd.edgeName() != "order.inventory" {
		t.Errorf("what cannot be set was: edge %s", odd.edgeName())
	}
}
