package export

import "tripcurve/internal/policy"

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

func thresholds() []Target { return nil }
