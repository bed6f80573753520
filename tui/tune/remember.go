package tune

import (
	"reflect"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Remember is the edge and what was turned, as --set takes it, a line each.
func (s *Screen) Remember() map[string]string {
	return map[string]string{"edge": s.edgeName(), "set": strings.Join(s.edges.Since(s.opt.Scenario.Edges), "\n")}
}

// Recall turns the knobs as Remember said, the others as they were; what cannot be set is
// left as it was. Nothing is simulated before somebody looks.
func (s *Screen) Recall(choices map[string]string) tea.Cmd {
	if i := slices.Index(s.names, choices["edge"]); i >= 0 {
		s.edge = i
	}
	edges := s.opt.Scenario.Edges.Clone()
	for line := range strings.Lines(choices["set"]) {
		if path, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			_ = edges.Set(path, value) // of another version, or by hand
		}
	}
	if reflect.DeepEqual(edges, s.edges) {
		s.relist()
		return nil
	}
	s.undo = append(s.undo, past{s.edge, s.edges})
	s.edges = edges
	s.relist()
	s.runs.take(edges)
	cmd := s.chosen()
	if s.visited || s.asItWas() { // a reset or its undoing: else it is as it was kept
		cmd = tea.Batch(cmd, s.keep())
	}
	if s.visited {
		cmd = tea.Batch(cmd, s.runs.start(true))
	}
	return cmd
}
