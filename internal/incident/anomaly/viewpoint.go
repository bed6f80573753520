package anomaly

import (
	"cmp"
	"slices"
)

// Edge is one call as both ends time it.
type Edge struct {
	Caller, Callee                                         string
	ClientBefore, ClientDuring, ServerBefore, ServerDuring float64 // latencies in one unit; NaN when not known
}

// Gap is what the caller waited more than the callee worked: network, queueing,
// a pool, connecting.
func (e Edge) Gap() (before, during float64) {
	return e.ClientBefore - e.ServerBefore, e.ClientDuring - e.ServerDuring
}

// Growth is by how much the gap grew, at least 0; 0 when an end is not known.
func (e Edge) Growth() float64 {
	before, during := e.Gap()
	if g := during - before; g > 0 {
		return g
	}
	return 0
}

// GapShare is what a node has of the gaps on its edges.
type GapShare struct {
	Node  string
	Edges int
	Mean  float64 // growth of its gaps by the number of its edges, in the latencies' unit
}

// NodeGaps ranks nodes by the growth of the gaps on their edges, by the number of
// their edges: the sum alone would have caller and callee tie, and the node that
// all gaps share has the larger mean.
func NodeGaps(edges []Edge) []GapShare {
	byNode := map[string]*GapShare{}
	add := func(node string, g float64) {
		s := byNode[node]
		if s == nil {
			s = &GapShare{Node: node}
			byNode[node] = s
		}
		s.Edges++
		s.Mean += g
	}
	for _, e := range edges {
		g := e.Growth()
		add(e.Caller, g)
		if e.Callee != e.Caller {
			add(e.Callee, g)
		}
	}
	list := make([]GapShare, 0, len(byNode))
	for _, s := range byNode {
		s.Mean /= float64(s.Edges)
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b GapShare) int {
		return cmp.Or(cmp.Compare(b.Mean, a.Mean), cmp.Compare(a.Node, b.Node))
	})
	return list
}
