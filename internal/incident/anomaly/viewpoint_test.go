package anomaly_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident/anomaly"
)

// Three callers wait for inventory's pool: their view grows, its own does not.
// Each edge has one caller and one callee, so only the number of edges tells them
// apart.
func TestNodeGapsBlameTheSharedEnd(t *testing.T) {
	edge := func(caller, callee string, during float64) anomaly.Edge {
		return anomaly.Edge{Caller: caller, Callee: callee, ClientBefore: 12, ClientDuring: during, ServerBefore: 10, ServerDuring: 11}
	}
	got := anomaly.NodeGaps([]anomaly.Edge{
		edge("order", "inventory", 511), edge("search", "inventory", 511), edge("admin", "inventory", 511),
		edge("order", "payment", 13), edge("search", "catalogue", 13), edge("admin", "users", 13),
	})
	want := anomaly.GapShare{Node: "inventory", Edges: 3, Mean: 498}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
	if got[1].Mean != 249 {
		t.Errorf("second is %+v, want a caller with half", got[1])
	}
}

func TestEdgeGrowth(t *testing.T) {
	for name, c := range map[string]struct {
		e    anomaly.Edge
		want float64
	}{
		"grew":          {anomaly.Edge{ClientBefore: 12, ClientDuring: 60, ServerBefore: 10, ServerDuring: 20}, 38},
		"the callee is": {anomaly.Edge{ClientBefore: 12, ClientDuring: 512, ServerBefore: 10, ServerDuring: 510}, 0},
		"shrank":        {anomaly.Edge{ClientBefore: 50, ClientDuring: 12, ServerBefore: 10, ServerDuring: 10}, 0},
		"one end only":  {anomaly.Edge{ClientBefore: 12, ClientDuring: 512, ServerBefore: nan, ServerDuring: nan}, 0},
	} {
		if got := c.e.Growth(); got != c.want {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
}
