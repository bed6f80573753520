package scenario

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
)

// shortNight is INC-2847 until shortly after the pool is full.
func shortNight() sim.Scenario {
	sc := INC2847()
	sc.Length = 6 * time.Minute
	return sc
}

// One, two and eight workers give the same results to the bit, and the n-th is
// what its own seed gives alone.
func TestReplicationsDoNotDependOnWorkers(t *testing.T) {
	sc := shortNight()
	var got [][]*sim.Result
	for _, workers := range []int{1, 2, 8} {
		rs, err := RunSeeds(context.Background(), sc, 6, workers)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rs)
	}
	for _, other := range got[1:] {
		if diff := cmp.Diff(got[0], other); diff != "" {
			t.Error(diff)
		}
	}
	again := sc
	again.Seed = got[0][3].Seed
	if diff := cmp.Diff(got[0][3], runOf(t, again, Observers{})); diff != "" {
		t.Errorf("the fourth replication's seed gives another run alone: %s", diff)
	}
	nights, seeds := map[int]bool{}, map[uint64]bool{sc.Seed: true}
	for _, r := range got[0] {
		nights[r.Orders.Started], seeds[r.Seed] = true, true
	}
	if len(nights) < 4 || len(seeds) != 7 {
		t.Errorf("six replications gave %d different nights by %d seeds, the scenario's own among them", len(nights), len(seeds))
	}
}

func TestReplicationsCanBeCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := RunSeeds(ctx, shortNight(), 6, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("called off before the first: %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	p := replicate.Plan{N: 1000, Workers: 2, Progress: func(done, _ int) {
		if done == 2 {
			cancel()
		}
		if done > 10 {
			t.Errorf("%d were made", done)
		}
	}}
	if _, err := Replicate(ctx, shortNight(), p); !errors.Is(err, context.Canceled) {
		t.Errorf("called off after the second: %v", err)
	}
}

// A policy changes nothing of who comes when: that is what pairs replications.
func TestReplicationsShareTheirCustomers(t *testing.T) {
	sc := shortNight()
	today, err := RunSeeds(context.Background(), sc, 12, 2)
	if err != nil {
		t.Fatal(err)
	}
	changed := with(t, "order.inventory.deadline=5s")
	changed.Length = sc.Length
	other, err := RunSeeds(context.Background(), changed, 12, 2)
	if err != nil {
		t.Fatal(err)
	}
	var a, b []float64
	for i := range today {
		if diff := cmp.Diff(today[i].Started, other[i].Started); diff != "" {
			t.Fatalf("replication %d: other arrivals under another policy: %s", i+1, diff)
		}
		a, b = append(a, float64(today[i].Orders.Failed)), append(b, float64(other[i].Orders.Failed))
	}
	d, err := output.Paired(a, b, 0.95)
	if err != nil || d.Reduction < 1 {
		t.Errorf("common random numbers do not help: %+v, %v", d, err)
	}
}

func TestReplicateUntil(t *testing.T) {
	failed := func(r *sim.Result) float64 { return float64(r.Orders.Failed) }
	rule := output.Rule{Relative: 0.5, Most: 40, Level: 0.95}
	rs, stop, err := ReplicateUntil(context.Background(), shortNight(), replicate.Plan{Workers: 2}, rule, failed)
	if err != nil || stop != output.Precise || len(rs) != 10 {
		t.Errorf("%d replications, stop %d, %v", len(rs), stop, err)
	}
}
