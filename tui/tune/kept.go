package tune

import (
	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/screen"
)

// keptMsg is the end of keeping what was chosen.
type keptMsg struct{ err error }

// keep has what is chosen written to its file, away from the event loop.
func (s *Screen) keep() tea.Cmd {
	k := s.opt.Chosen
	if k == nil {
		return nil
	}
	if !s.asItWas() {
		k.Put(s.turnedEdge(), s.Title(), s.edges)
	} else {
		k.Forget()
	}
	return func() tea.Msg { return keptMsg{k.Flush()} }
}

// turnedEdge is the edge whose knobs were turned: the chosen one, unless it is as it
// was while another is not (:set, and undo, reach any edge).
func (s *Screen) turnedEdge() string {
	if s.turned() {
		return s.edgeName()
	}
	for _, name := range s.names {
		if len(changesOf(name, s.opt.Scenario.Edges[name], s.edges[name])) > 0 {
			return name
		}
	}
	return s.edgeName()
}

// kept says once that keeping does not work, not on every step of a slider.
func (s *Screen) kept(msg keptMsg) tea.Cmd {
	say := msg.err != nil && !s.unkept
	s.unkept = msg.err != nil
	if say {
		return screen.Fail(msg.err)
	}
	return nil
}
