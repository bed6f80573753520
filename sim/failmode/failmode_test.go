package failmode

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// TestLongMatrix: every mode is run and comes out as it must; the code as it was written
// then has its gaps, and ours none.
func TestLongMatrix(t *testing.T) {
	rows, err := Run(context.Background(), scenario.INC2847(), Options{Seeds: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	gaps := []string{"partial_reservation", "hung_probe", "herd", "orphans_swept", "down_an_hour", "hang_in_payment"}
	for _, r := range rows {
		for _, c := range r.Cells {
			want := c.Config == "ours" || !slices.Contains(gaps, r.ID)
			if c.Pass() != want || c.Of != 1 || len(c.Figures) != 1 {
				t.Errorf("%s, %s: %d of %d passed, %s", r.ID, c.Config, c.Passed, c.Of, c.Measured)
			}
		}
	}
	if len(rows) != len(Modes()) {
		t.Errorf("%d rows of %d modes", len(rows), len(Modes()))
	}
}

// TestModesHappen: each scenario has in it what its mode is named after; a night in
// which it did not would pass for nothing.
func TestModesHappen(t *testing.T) {
	run := func(id string, config int, change ...func(*sim.Scenario)) (sim.Scenario, *sim.Result) {
		t.Helper()
		i := slices.IndexFunc(Modes(), func(m Mode) bool { return m.ID == id })
		base := scenario.INC2847()
		base.Faults, base.Edges = nil, base.Edges.Clone()
		base.Seed = replicate.Seed(base.Seed, 1)
		Configs()[config].apply(&base)
		sc := Modes()[i].nights(base)[0]
		for _, c := range change {
			c(&sc)
		}
		r, err := scenario.Run(context.Background(), sc, scenario.Observers{})
		if err != nil {
			t.Fatal(err)
		}
		return sc, r
	}
	const then, ours = 0, 1
	if _, r := run("partial_reservation", ours); r.DeadlineExceeded == 0 || r.Orders.Served < 100 {
		t.Errorf("partial reservation: %d deadlines, %d served: some carts must end in time and some not", r.DeadlineExceeded, r.Orders.Served)
	}
	if _, r := run("slow_dependency", ours); r.Waits.Max < 2e9 {
		t.Errorf("slow dependency: the longest wait was %s", r.Waits.Max)
	}
	if sc, r := run("retry_storm", ours); r.Orders.Started < int(float64(sc.Length.Seconds())*0.96*1.1) {
		t.Errorf("retry storm: %d checkouts in %s: nobody came back", r.Orders.Started, sc.Length)
	}
	if _, r := run("hung_probe", then); reopened(r) < 4 {
		t.Errorf("hung probe: %d probes failed", reopened(r))
	}
	if _, r := run("herd", ours); len(r.Breakers) != 8 {
		t.Errorf("herd: %d breakers opened", len(r.Breakers))
	}
	if _, r := run("orphans_swept", ours); r.Orphans == 0 || r.OrphansSwept != r.Orphans {
		t.Errorf("orphans: %d, swept %d", r.Orphans, r.OrphansSwept)
	}
	if _, r := run("hang_in_warehouse", ours, func(sc *sim.Scenario) { sc.Length = 4 * time.Minute }); r.Fulfilment.Shipped*2 > r.Fulfilment.Paid {
		t.Errorf("hang in warehouse: %d of %d shipped while it lasted", r.Fulfilment.Shipped, r.Fulfilment.Paid)
	}
	if _, r := run("hang_in_payment", ours); len(r.Breakers) != 1 || r.Breakers[0].Edge != payments {
		t.Errorf("hang in payment: breakers %+v", r.Breakers)
	}
	if _, r := run("down_an_hour", then); r.StreamsInUse[len(r.StreamsInUse)-1] != 100 {
		t.Errorf("an hour: %d streams in use at the end; its probes must have kept all 100", r.StreamsInUse[len(r.StreamsInUse)-1])
	}
}

// TestRunKeepsItsHandsOff: it ends with the context, and the scenario's own policies
// stay as they are.
func TestRunKeepsItsHandsOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, scenario.Healthy(), Options{Seeds: 1, Workers: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	sc := scenario.Healthy()
	before := sc.Edges.Clone()
	for _, c := range Configs() {
		other := sc
		other.Edges = sc.Edges.Clone()
		c.apply(&other)
	}
	for name := range before {
		if before[name].Breaker.Library != sc.Edges[name].Breaker.Library || before[name].Deadline != sc.Edges[name].Deadline {
			t.Errorf("the scenario's own edge %s changed", name)
		}
	}
}
