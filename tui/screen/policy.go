package screen

import "tripcurve/internal/policy"

// PolicyMsg tells all screens which policies the user has chosen, and on which
// edge.
type PolicyMsg struct {
	Edge  string
	Edges policy.Edges // not to be changed by who gets it
	// Turned says that the edge's policy is another than it had when it failed.
	Turned bool
}

// VisitMsg tells a screen that it is looked at from now on; what is costly may
// begin then.
type VisitMsg struct{}
