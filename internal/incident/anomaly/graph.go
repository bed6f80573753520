package anomaly

import (
	"cmp"
	"math"
	"slices"
)

// Component is one node of a call graph with one measure before and during: a
// latency, or the share of requests that failed. More is worse.
type Component struct {
	Name     string
	Effect   Effect  // of its measure; Before and During in one unit for the whole graph
	Requests float64 // that it answered during
	// EdgeOnly is a caller's view of somebody else, a load balancer, a client
	// library: it shows a call, it is no component.
	EdgeOnly bool
}

// Graph is who calls whom, by the components' indexes.
type Graph struct {
	Components []Component
	Calls      [][]int // callees of each component
}

// Share is how much of the symptom is a component's own.
type Share struct {
	Component int
	Name      string
	Excess    float64 // (During - Before) times requests, at least 0
	Own       float64 // what the callees' excess does not explain
	Share     float64 // of the symptom's excess, 0..1
	Score     float64
	Anomalous bool
	Connected bool // to the symptom, by components that are all anomalous
}

// Priors and weights of the score.
const (
	edgePrior      = 0.05 // an edge is no component
	apartPath      = 0.5  // anomalous, and nothing anomalous leads to it
	quietPath      = 0.2  // not anomalous itself
	shareOffset    = 0.15 // what an anomalous component has though its callees explain all of it
	anonymousExess = 1e-12
)

// OwnExcess ranks components by how much of the symptom is their own. Latency
// and failures add up along calls, so what the callees explain is subtracted:
//
//	excess(v) = max(0, during - before) * requests
//	own(v)    = max(0, excess(v) - sum of its callees' excess)
//	share(v)  = min(1, own(v) / excess(symptom))
//	score(v)  = log1p(robust z) * (0.15 + share(v)) * prior(v) * path(v)
//
// The order is by score, then by the largest single z, then by name.
func (g Graph) OwnExcess(symptom int) []Share {
	list := make([]Share, len(g.Components))
	for i, c := range g.Components {
		list[i] = Share{Component: i, Name: c.Name, Excess: c.excess(), Anomalous: c.Effect.Anomalous()}
	}
	for _, i := range g.connected(symptom) {
		list[i].Connected = true
	}
	var whole float64
	if symptom >= 0 && symptom < len(list) {
		whole = list[symptom].Excess
	}
	for i := range list {
		s, c := &list[i], g.Components[i]
		explained := 0.0
		for _, callee := range g.callees(i) {
			explained += list[callee].Excess
		}
		s.Own = max(0, s.Excess-explained)
		if whole > anonymousExess {
			s.Share = min(1, s.Own/whole)
		}
		z := max(0, c.Effect.Median)
		if math.IsNaN(z) {
			z = 0
		}
		prior, path := 1.0, 1.0
		if c.EdgeOnly {
			prior = edgePrior
		}
		switch {
		case !s.Anomalous:
			path = quietPath
		case !s.Connected:
			path = apartPath
		}
		s.Score = math.Log1p(z) * (shareOffset + s.Share) * prior * path
	}
	slices.SortStableFunc(list, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(g.Components[b.Component].Effect.Max, g.Components[a.Component].Effect.Max), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func (c Component) excess() float64 {
	e := (c.Effect.During - c.Effect.Before) * c.Requests
	if !(e > 0) { // NaN too
		return 0
	}
	return e
}

func (g Graph) callees(i int) []int {
	if i < len(g.Calls) {
		return g.Calls[i]
	}
	return nil
}

// connected are the components to which a way of anomalous ones leads from the
// symptom. An edge's view of a call passes the way on whether it was measured or
// not; the symptom itself is where the way begins.
func (g Graph) connected(symptom int) []int {
	if symptom < 0 || symptom >= len(g.Components) {
		return nil
	}
	seen := make([]bool, len(g.Components))
	seen[symptom] = true
	way := []int{symptom}
	for k := 0; k < len(way); k++ {
		for _, callee := range g.callees(way[k]) {
			if !seen[callee] && (g.Components[callee].Effect.Anomalous() || g.Components[callee].EdgeOnly) {
				seen[callee] = true
				way = append(way, callee)
			}
		}
	}
	return way
}
