package anomaly_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident/anomaly"
)

// timed is a component with 100 requests whose latency went from 10 ms to a value.
func timed(name string, during float64) anomaly.Component {
	usual := make([]float64, 100)
	for i := range usual {
		usual[i] = 10 + 0.1*float64(i%5-2)
	}
	return anomaly.Component{Name: name, Requests: 100, Effect: anomaly.NewBaseline(usual, 0).Effect([]float64{during, during, during}, anomaly.Up)}
}

func order(list []anomaly.Share) []string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

func TestOwnExcessBlamesTheDeepest(t *testing.T) {
	// gateway -> order -> inventory; order -> payment. All but payment are slow,
	// for inventory is.
	g := anomaly.Graph{
		Components: []anomaly.Component{timed("gateway", 520), timed("order", 515), timed("inventory", 505), timed("payment", 10)},
		Calls:      [][]int{{1}, {2, 3}, nil, nil},
	}
	list := g.OwnExcess(0)
	if list[0].Name != "inventory" || list[0].Share < 0.9 || !list[0].Connected {
		t.Errorf("first is %+v, want inventory with nearly all of it", list[0])
	}
	for _, s := range list {
		if s.Name == "order" && math.Abs(s.Own-1000) > 1e-6 { // 505 ms more than usual, of which 495 are inventory's
			t.Errorf("order's own is %g ms, want 1,000", s.Own)
		}
		if s.Name == "payment" && (s.Anomalous || s.Excess != 0) {
			t.Errorf("payment: %+v, want innocent", s)
		}
	}
}

func TestOwnExcessLeavesEdgesBehind(t *testing.T) {
	remote := timed("inventory_remote", 505)
	remote.EdgeOnly = true
	g := anomaly.Graph{
		Components: []anomaly.Component{timed("order", 510), remote, timed("inventory", 500)},
		Calls:      [][]int{{1}, {2}, nil},
	}
	list := g.OwnExcess(0)
	if d := cmp.Diff("inventory", list[0].Name); d != "" {
		t.Error(d)
	}
	if last := list[len(list)-1]; last.Name != "inventory_remote" {
		t.Errorf("last is %s: a view of a call is no component", last.Name)
	}
}

// What is slow by itself and calls nobody that is, and nobody slow calls it, is
// put behind what the symptom leads to.
func TestOwnExcessOfTheUnconnected(t *testing.T) {
	g := anomaly.Graph{
		Components: []anomaly.Component{timed("gateway", 500), timed("batch", 505)},
		Calls:      [][]int{nil, nil},
	}
	list := g.OwnExcess(0)
	if d := cmp.Diff([]string{"gateway", "batch"}, order(list)); d != "" {
		t.Error(d)
	}
	if list[1].Connected {
		t.Error("batch is connected to nothing")
	}
}

func TestOwnExcessSurvivesAnything(t *testing.T) {
	for name, g := range map[string]anomaly.Graph{
		"empty":       {},
		"a cycle":     {Components: []anomaly.Component{timed("a", 50), timed("b", 60)}, Calls: [][]int{{1}, {0}}},
		"itself":      {Components: []anomaly.Component{timed("a", 50)}, Calls: [][]int{{0}}},
		"no measure":  {Components: []anomaly.Component{{Name: "a"}, timed("b", nan)}},
		"calls short": {Components: []anomaly.Component{timed("a", 50), timed("b", 60)}, Calls: [][]int{{1}}},
	} {
		for symptom := -1; symptom <= len(g.Components); symptom++ {
			for _, s := range g.OwnExcess(symptom) {
				if math.IsNaN(s.Score) || s.Score < 0 {
					t.Errorf("%s, symptom %d: %+v", name, symptom, s)
				}
			}
		}
	}
}

// bigGraph is a tree of n nodes in which the last is slow and with it its callers.
func bigGraph(n int) (anomaly.Graph, []anomaly.Edge) {
	var g anomaly.Graph
	var edges []anomaly.Edge
	slow := map[int]bool{}
	for i := n - 1; i > 0; i = (i - 1) / 2 {
		slow[i] = true
	}
	slow[0] = true
	g.Calls = make([][]int, n)
	for i := range n {
		c := timed(fmt.Sprintf("n%d", i), 10)
		if slow[i] {
			c = timed(fmt.Sprintf("n%d", i), 500)
		}
		g.Components = append(g.Components, c)
		if i > 0 {
			g.Calls[(i-1)/2] = append(g.Calls[(i-1)/2], i)
			edges = append(edges, anomaly.Edge{
				Caller: fmt.Sprintf("n%d", (i-1)/2), Callee: c.Name,
				ClientBefore: 12, ClientDuring: c.Effect.During + 5, ServerBefore: 10, ServerDuring: c.Effect.During,
			})
		}
	}
	return g, edges
}
