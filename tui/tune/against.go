package tune

import (
	"fmt"
	"reflect"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/tui/screen"
)

// against makes this setting what those that follow are compared with, so that two can
// be seen side by side, or goes back to what was.
func (s *Screen) against() tea.Cmd {
	r := &s.runs
	switch {
	case r.kept:
		r.back(s.opt.Scenario)
		return tea.Batch(r.set(s.edges), screen.Say("compared with what was again"))
	case !r.changed():
		return screen.Say("turn a knob first: this is what was")
	}
	r.keepThis()
	return tea.Batch(r.start(true), screen.Say(fmt.Sprintf("kept: what follows is compared with this setting (%s)", s.runs.said())))
}

// asItWas says that the policies of no edge were changed.
func (s *Screen) asItWas() bool { return reflect.DeepEqual(s.edges, s.opt.Scenario.Edges) }

// keepThis makes "this" with its results what is compared with.
func (r *runs) keepThis() {
	if r.current != nil {
		r.stop()
	}
	r.was, r.kept = r.now, true
	r.scenario.Edges = r.edges
	r.now, r.this, r.edges = r.this, map[uint64]*sim.Result{}, nil
	r.gen++
	r.since = r.gen
	r.version++
}

// back makes what was that again.
func (r *runs) back(sc sim.Scenario) {
	if r.current != nil {
		r.stop()
	}
	r.scenario.Edges = sc.Edges
	r.now, r.was, r.kept = r.was, nil, false
	r.since = r.gen + 1 // set begins it
}

// compared is the policy of the chosen edge that this one is compared with.
func (s *Screen) compared() policy.Policy {
	if s.runs.kept {
		return s.runs.scenario.Edges[s.edgeName()]
	}
	return s.now()
}

// base names what is compared with.
func (r *runs) base() string {
	if r.kept {
		return "kept"
	}
	return "now"
}
