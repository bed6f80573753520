package export

import (
	"errors"
	"slices"

	"tripcurve/internal/export/config"
	"tripcurve/internal/policy"
	"tripcurve/tui/screen"
)

// groupThresholds heads the targets that hold a policy.
const groupThresholds = "thresholds"

// Proposed is the edge whose thresholds are exported until another one is
// chosen on the Tune screen.
const Proposed = "order.inventory"

// Proposal is what is exported until something else is chosen: the postmortem's
// breaker, 5 s, 50 %, 30 s, on the edge that hung.
func Proposal(now policy.Edges) policy.Edges {
	edges := now.Clone()
	if err := edges.Set(Proposed+".breaker", "opossum"); err != nil {
		return now // no such edge here, or no such library
	}
	return edges
}

// aim puts the cursor on the library that was just chosen on the Tune screen: its
// config is what one comes for.
func (s *Screen) aim(msg screen.PolicyMsg) {
	library := msg.Edges[msg.Edge].Breaker.Library
	if !msg.Turned || library == "" || s.turned && s.edge == msg.Edge && s.edges[s.edge].Breaker.Library == library {
		return
	}
	i := slices.IndexFunc(s.targets, func(t Target) bool { return t.Group == groupThresholds && t.Name == library })
	if i >= 0 {
		s.list.At = i
	}
}

// origin says whose values the thresholds are.
func (s *Screen) origin() string {
	switch {
	case s.turned:
		return s.edge + ": your values of the Tune screen"
	case s.edge == Proposed:
		return s.edge + ": the postmortem's 5 s, 50 %, 30 s; a knob turned on the Tune screen replaces them"
	}
	return s.edge + ": as it was in the incident; turn its knobs on the Tune screen"
}

// thresholds are the chosen edge's policy in the words of each library.
func thresholds() (list []Target) {
	for _, name := range config.Targets() {
		list = append(list, Target{groupThresholds, name, "", func(s State) (Artifact, error) {
			p, ok := s.Edges[s.Edge]
			if !ok {
				return Artifact{}, errors.New("no edge is chosen: choose one on the Tune screen")
			}
			f, err := config.Render(s.Edge, p, name, config.Origin{Incident: s.Name, Set: s.From})
			if err != nil {
				return Artifact{}, err
			}
			return Artifact{File: f.Name, Data: []byte(f.Text), Text: f.Text, Warnings: f.Warnings}, nil
		}})
	}
	return list
}
