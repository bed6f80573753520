package tune

import (
	"math"
	"testing"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// A draft of the bundled night, whatever the setting, fails about as many orders as the
// night, at the same instants; where the beginning cannot be cut off it is whole.
func TestLongDraft(t *testing.T) {
	for _, deadline := range []time.Duration{0, 5 * time.Second} {
		sc := scenario.INC2847()
		sc.Edges = sc.Edges.Clone()
		p := sc.Edges["order.inventory"]
		p.Deadline = deadline
		sc.Edges["order.inventory"] = p
		whole, err := scenario.Run(t.Context(), sc, scenario.Observers{})
		if err != nil {
			t.Fatal(err)
		}
		d := Draft(sc)
		if want := whole.LockFrom.Add(-before); !d.Start.Equal(want) || !d.Start.Add(d.Length).Equal(sc.Start.Add(sc.Length)) {
			t.Errorf("it is of %s and %s, and should begin at %s", d.Start, d.Length, want)
		}
		draft, err := scenario.Run(t.Context(), d, scenario.Observers{})
		if err != nil {
			t.Fatal(err)
		}
		if off := math.Abs(float64(draft.Orders.Failed)/float64(whole.Orders.Failed) - 1); off > 0.15 {
			t.Errorf("deadline %s: %d orders fail in the draft, %d in the night", deadline, draft.Orders.Failed, whole.Orders.Failed)
		}
		if !draft.LockFrom.Equal(whole.LockFrom) || !draft.LockTo.Equal(whole.LockTo) || draft.RecoveredAt.Sub(whole.RecoveredAt).Abs() > 10*time.Second {
			t.Errorf("deadline %s: locked %s to %s, recovered %s; the night %s to %s, %s", deadline,
				draft.LockFrom, draft.LockTo, draft.RecoveredAt, whole.LockFrom, whole.LockTo, whole.RecoveredAt)
		}
	}
	sc := scenario.INC2847()
	sc.Faults = append(sc.Faults, sim.SlowReserve{At: 20 * time.Minute, For: time.Minute})
	if d := Draft(sc); !d.Start.Equal(sc.Start) || d.Length != sc.Length || len(d.Faults) != len(sc.Faults) {
		t.Errorf("a beginning that cannot be cut off was: %s, %s", d.Start, d.Length)
	}
}
