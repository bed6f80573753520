package tune

import (
	"math"
	"testing"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// A draft of the bundled night, whatever the setting, fails about as many orders as the
// night while it lasts; its lock is held at the same instants. It keeps what comes before its
// end, and where the beginning cannot be cut off it has that, too.
func TestLongDraft(t *testing.T) {
	for _, deadline := range []time.Duration{0, 2 * time.Second, 5 * time.Second} {
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
		if from, to := whole.LockFrom.Add(-before), whole.LockTo.Add(after); !d.Start.Equal(from) || !d.Start.Add(d.Length).Equal(to) {
			t.Errorf("it is of %s and %s, and should go from %s to %s", d.Start, d.Length, from, to)
		}
		draft, err := scenario.Run(t.Context(), d, scenario.Observers{})
		if err != nil {
			t.Fatal(err)
		}
		from := int(d.Start.Sub(sc.Start) / time.Second)
		got, want := notServed(draft, 0, len(draft.Failed)), notServed(whole, from, from+len(draft.Failed))
		if math.Abs(float64(got-want)) > 3*math.Sqrt(float64(got+want)) { // other customers: three deviations of two counts
			t.Errorf("deadline %s: %d orders fail in the draft, %d in these minutes of the night", deadline, got, want)
		}
		if !draft.LockFrom.Equal(whole.LockFrom) || !draft.LockTo.Equal(whole.LockTo) {
			t.Errorf("deadline %s: locked %s to %s; the night %s to %s", deadline, draft.LockFrom, draft.LockTo, whole.LockFrom, whole.LockTo)
		}
	}
	sc := scenario.INC2847()
	sc.Faults = append(sc.Faults, sim.SlowReserve{At: 20 * time.Minute, For: time.Minute}, sim.RestartService{At: 22 * time.Minute, Service: "order"})
	if d := Draft(sc); !d.Start.Equal(sc.Start) || d.Length != 21*time.Minute+after || len(d.Faults) != len(sc.Faults)-1 {
		t.Errorf("with a beginning that cannot be cut off it is of %s, %s and %v", d.Start, d.Length, d.Faults)
	}
}

// notServed counts the orders that ended in some seconds without having been served.
func notServed(r *sim.Result, from, to int) (n int) {
	for i := from; i < to; i++ {
		n += r.Failed[i] + r.Late[i] + r.Rejected[i]
	}
	return n
}
