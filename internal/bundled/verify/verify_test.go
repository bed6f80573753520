package verify

import (
	"errors"
	"math"
	"testing"
	"time"

	"tripcurve/services/gateway"
	"tripcurve/services/lab"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

func short(t *testing.T, name string, settings ...[2]string) lab.Scenario {
	t.Helper()
	sc, ok := lab.ByName(scenario.Edges(), name)
	if !ok {
		t.Fatalf("no scenario %s", name)
	}
	for _, s := range settings {
		if err := sc.Edges.Set(s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	return sc
}

// Every scenario has a counterpart, or says what has none.
func TestSimulated(t *testing.T) {
	none := map[string]bool{"slow-query": true, "traffic-step": true, "tcp-give-up": true}
	for _, sc := range lab.Scenarios(scenario.Edges()) {
		if sc.Name == "inc-2847" {
			continue // the same as the short one, and longer
		}
		runs, err := Simulate(t.Context(), sc, 1, 1)
		if none[sc.Name] {
			if !errors.Is(err, ErrNoCounterpart) {
				t.Errorf("%s: %v; want %v", sc.Name, err, ErrNoCounterpart)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", sc.Name, err)
			continue
		}
		came := 0
		for _, a := range sc.Arrivals() {
			if a.Route == gateway.PostOrder {
				came++
			}
		}
		if got := runs[0].Orders.Started; got != came {
			t.Errorf("%s: %d checkouts came to the simulator, %d to the lab", sc.Name, got, came)
		}
		// Inventory is back at once, and a second try finds it.
		unharmed := sc.Name == "healthy" || sc.Name == "restart"
		if failed := runs[0].Orders.Failed; (failed == 0) != unharmed {
			t.Errorf("%s: %d checkouts failed", sc.Name, failed)
		}
	}
}

// The night in the simulator lasts to the restart; a deadline ends it with the
// lock, and then nobody restarts anything.
func TestRestartOnlyWhileFailing(t *testing.T) {
	for _, tt := range []struct {
		name      string
		settings  [][2]string
		restarted bool
	}{
		{"today", nil, true},
		{"deadline", [][2]string{{"*.deadline", "1s"}}, false},
	} {
		sc := short(t, "inc-2847-short", tt.settings...)
		runs, err := Simulate(t.Context(), sc, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		restarted := false
		for _, e := range runs[0].Events {
			restarted = restarted || e.Kind == "restart"
		}
		if restarted != tt.restarted {
			t.Errorf("%s: restarted %t, want %t: %v", tt.name, restarted, tt.restarted, runs[0].Events)
		}
	}
}

func TestAgrees(t *testing.T) {
	never := math.NaN()
	for _, tt := range []struct {
		name string
		m    Measure
		want bool
	}{
		{"a tenth", Measure{Lab: 54, Mean: 60, Lo: 60, Hi: 60}, true},
		{"more than a tenth", Measure{Lab: 53.9, Mean: 60, Lo: 60, Hi: 60}, false},
		{"within a narrow range", Measure{Lab: 53, Mean: 60, Lo: 52, Hi: 66}, true},
		{"within a wide range", Measure{Lab: 53, Mean: 60, Lo: 50, Hi: 70}, false},
		{"cannot be told apart", Measure{Lab: 0.5, Mean: 0.1, Least: 0.5}, true},
		{"neither ever", Measure{Lab: never, Mean: never}, true},
		{"the lab alone", Measure{Lab: 3, Mean: never, Least: 10}, false},
		{"the simulator alone", Measure{Lab: never, Mean: 3, Least: 10}, false},
	} {
		if got := tt.m.Agrees(); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

// Compare tells of the lab's run what it tells of the simulator's: the same run
// put in both forms agrees in everything, and one that recovered later does not.
func TestCompare(t *testing.T) {
	sc := short(t, "inc-2847-short")
	runs, err := Simulate(t.Context(), sc, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	r := runs[0]
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	seen := &lab.Result{
		Start: start, Orders: lab.Orders{Started: r.Orders.Started, Failed: r.Orders.Failed},
		PoolFullAfter: r.PoolFullAfter, WaitersMax: r.LockWaitersMax, Orphans: r.Orphans,
		RecoveredAt: start.Add(r.RecoveredAt.Sub(r.Start)),
	}
	all := Compare(sc, seen, runs)
	if len(all) != 5 || !Agree(all) {
		t.Errorf("%+v", all)
	}
	seen.RecoveredAt = seen.RecoveredAt.Add(10 * time.Second)
	later := Compare(sc, seen, runs)
	if Agree(later) || later[2].Agrees() || !later[0].Agrees() {
		t.Errorf("%+v", later)
	}
	seen.PoolFullAfter = -1
	if all := Compare(sc, seen, runs); all[0].Agrees() || !math.IsNaN(all[0].Lab) {
		t.Errorf("%+v", all[0])
	}
}

func TestNeverInMostRuns(t *testing.T) {
	runs := []*sim.Result{{PoolFullAfter: -1}, {PoolFullAfter: time.Second}}
	m := Compare(lab.Scenario{}, &lab.Result{PoolFullAfter: -1}, runs)[0]
	if !math.IsNaN(m.Mean) || !m.Agrees() {
		t.Errorf("%+v; in one of two runs it never came to it", m)
	}
}
