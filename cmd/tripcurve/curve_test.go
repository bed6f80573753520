package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tripcurve/internal/config"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
	"tripcurve/tui/tune"
)

// TestCommandBehindATripCurve runs the command that the Tune screen gives for its trip
// curve, whose breaker does not see what the call's own deadline ends: it says what the
// screen says.
func TestCommandBehindATripCurve(t *testing.T) {
	s := tune.New(tune.Options{
		Scenario: scenario.INC2847(),
		Run: func(context.Context, sim.Scenario) (*sim.Result, error) {
			return nil, errors.New("nobody looks at runs here")
		},
	})
	tuitest.Loaded(s, 160, 47)
	set := func(value string) screen.ActionMsg { return screen.ActionMsg{Name: "set", Args: value} }
	tuitest.Send(
		s, screen.VisitMsg{}, set("order.inventory.breaker=opossum"), set("order.inventory.breaker.timeout=9s"),
		set("order.inventory.breaker.rollingCountTimeout=4s"), set("order.inventory.deadline=2500ms"), screen.ActionMsg{Name: "curve"},
	)
	_, parts := s.Behind()
	var command string
	for _, p := range parts {
		if p.Head == "trip curve, this" {
			command = p.Quote
		}
	}
	args, ok := strings.CutPrefix(strings.ReplaceAll(command, "\\\n", " "), "tripcurve ")
	if !ok || !strings.Contains(args, "--deadline 2.5s") {
		t.Fatalf("the command is %q", command)
	}
	var stdout, stderr bytes.Buffer
	env := func(string) string { return "" }
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: env, paths: config.FindPaths(env)}
	if code := a.execute(t.Context(), append(strings.Fields(args), "--mode", "hangs", "--format", "json")); code != 0 {
		t.Fatalf("%s: exit code %d: %s", command, code, &stderr)
	}
	var said struct {
		Curves []struct {
			Points []struct {
				Share float64  `json:"failing_share"`
				Open  *float64 `json:"open_after_s"`
				Calls float64  `json:"calls_let_in"`
			}
		}
		Healthy []struct {
			PerDay float64 `json:"trips_per_day"`
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	points := said.Curves[0].Points
	last := points[len(points)-1] // the screen's incident has none of its own: everything fails
	if last.Share != 1 || last.Open == nil {
		t.Fatalf("at last %+v", last)
	}
	shown := strings.Join(tuitest.Draw(s, 160, 47).Lines(), "\n")
	for _, want := range []string{
		fmt.Sprintf("at 100 %%: %.1f s, now no breaker; %.0f calls let in", *last.Open, last.Calls),
		fmt.Sprintf("false trips/day at 1 %%: %.3g", said.Healthy[0].PerDay),
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the screen does not say %q:\n%s", want, shown)
		}
	}
}
