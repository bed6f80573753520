package trap_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/sim/trap"
)

// locked is the night of the incident without the restart that ended it, for so long.
func locked(length time.Duration) sim.Scenario {
	sc := scenario.INC2847()
	sc.Length = length
	sc.Faults = sc.Faults[:1]
	return sc
}

// busy is a shop of forty checkouts a second, with a lock of 100 s.
func busy() sim.Scenario {
	sc := locked(5 * time.Minute)
	lock := sc.Faults[0].(sim.LockTable)
	lock.At, lock.Hold = 30*time.Second, 100*time.Second
	sc.Faults = []sim.Fault{lock}
	sc.Checkouts = sim.Ramp{From: 40, To: 40}
	sc.World.StockPerSKU = 50_000
	return sc
}

// slow is a night in which a reservation takes 4 s longer for 6 minutes.
func slow() sim.Scenario {
	sc := scenario.Healthy()
	sc.Length = 10 * time.Minute
	sc.World.IdleDrop = 0
	sc.Faults = []sim.Fault{sim.SlowReserve{At: 2 * time.Minute, For: 6 * time.Minute, By: 4 * time.Second}}
	return sc
}

const (
	breaker   = "order.inventory.breaker=opossum"
	longReset = "order.inventory.breaker.resetTimeout=90s"
)

// TestLongTraps: each trap comes about by itself in a simulated night and is found in it,
// and with one setting changed it does neither.
func TestLongTraps(t *testing.T) {
	for _, c := range []struct {
		name  string
		sc    sim.Scenario
		set   []string
		finds []string // ids, in order
		// back is when checkouts succeed for good again, after the last fault's end: at
		// least from, at most to; to 0 is never in this run, and -1 that none failed.
		from, to time.Duration
	}{
		// Open for 90 s, dropped after 60: the first probe at 14:24:41 is lost, and TCP
		// gives up 924.6 s after it, at 14:40:06; then the open time has to run out.
		{"open past the idle limit", locked(23 * time.Minute), []string{breaker, longReset, "order.inventory.cancel=propagate"}, []string{"open_past_idle"}, 780 * time.Second, 880 * time.Second},
		{"the same with keepalive", locked(11 * time.Minute), []string{breaker, longReset, "order.inventory.cancel=propagate", "order.inventory.keepalive=20s", "order.inventory.keepalive_without_calls=true"}, nil, 0, 95 * time.Second},
		// The kernel gives a lost probe's connection up after 20 s (TCP_USER_TIMEOUT); the
		// next probe, 90 s after the one that was lost, goes over a new one.
		{"the same with keepalive while calls are open, which are too short", locked(23 * time.Minute), []string{breaker, longReset, "order.inventory.cancel=propagate", "order.inventory.keepalive=20s"}, []string{"open_past_idle"}, 95 * time.Second, 190 * time.Second},
		{"the same with TCP keepalive", locked(11 * time.Minute), []string{breaker, longReset, "order.inventory.cancel=propagate", "order.inventory.tcp_keepalive=15s"}, nil, 0, 95 * time.Second},
		{"the same open for 30 s", locked(11 * time.Minute), []string{breaker, "order.inventory.cancel=propagate"}, nil, 0, 35 * time.Second},
		{"the same without a limit", locked(11 * time.Minute), []string{breaker, longReset, "order.inventory.cancel=propagate", "world.idle_drop=0"}, nil, 0, 95 * time.Second},

		{"abandoned calls keep streams", locked(11 * time.Minute), []string{breaker}, []string{"streams_kept"}, 0, 35 * time.Second},
		{"the same with a deadline", locked(11 * time.Minute), []string{breaker, "order.inventory.deadline=5s"}, nil, 0, 35 * time.Second},
		{"abandoned calls keep every stream", busy(), []string{breaker}, []string{"streams_kept"}, 0, 0},
		{"the same cancelled", busy(), []string{breaker, "order.inventory.cancel=propagate"}, nil, 0, 40 * time.Second},

		{"too many pings", locked(11 * time.Minute), []string{"order.inventory.keepalive=20s", "world.min_ping=5m"}, []string{"too_many_pings"}, 0, time.Second},
		{"the same allowed", locked(11 * time.Minute), []string{"order.inventory.keepalive=20s", "world.min_ping=10s"}, nil, 0, time.Second},

		{"a deadline below the degraded time", slow(), []string{"order.inventory.deadline=3s"}, []string{"deadline_below_service"}, 0, 10 * time.Second},
		{"a slow service", slow(), []string{"fault=none", "fault=slow at=2m for=6m service=inventory factor=3000", "order.inventory.deadline=1500ms"}, []string{"deadline_below_service"}, 0, 10 * time.Second},
		{"the same above it", slow(), []string{"order.inventory.deadline=9s"}, nil, 0, 20 * time.Second},
		{"a breaker's limit below it", slow(), []string{breaker, "order.inventory.breaker.timeout=3s", "order.inventory.cancel=propagate"}, []string{"deadline_below_service"}, 0, 35 * time.Second},

		{"replicas in lockstep", busy(), []string{breaker, "order.inventory.cancel=propagate", "world.order_replicas=8"}, []string{"lockstep_probes"}, 0, 40 * time.Second},
		{"half of them with another open time", busy(), []string{breaker, "order.inventory.cancel=propagate", "world.order_replicas=8", "rollout.replicas=4", "rollout.order.inventory.breaker.resetTimeout=43s"}, nil, 0, 50 * time.Second},
		{"so few calls that each opens in its own time", locked(11 * time.Minute), []string{breaker, "order.inventory.cancel=propagate", "world.order_replicas=8"}, nil, 0, 40 * time.Second},

		{"a breaker that cannot see a hang", scenario.INC2847(), []string{"order.inventory.breaker=gobreaker"}, []string{"blind_breaker"}, 1157 * time.Second, 1158 * time.Second},
		{"the same with a deadline", locked(11 * time.Minute), []string{"order.inventory.breaker=gobreaker", "order.inventory.deadline=5s"}, nil, 0, 95 * time.Second},

		{"a healthy night", scenario.Healthy(), []string{breaker, longReset, "world.order_replicas=4", "world.min_ping=5m", "order.inventory.keepalive=20s"}, nil, 0, -1},
		{"the incident, which has no guard at all", scenario.INC2847(), nil, nil, 1157 * time.Second, 1158 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := c.sc
			if err := scenario.Set(&sc, c.set...); err != nil {
				t.Fatal(err)
			}
			r, err := scenario.Run(context.Background(), sc, scenario.Observers{})
			if err != nil {
				t.Fatal(err)
			}
			found := trap.Find(sc, r)
			var ids []string
			for _, f := range found {
				ids = append(ids, f.ID)
				if f.Text == "" || f.Why == "" || f.Way == "" || f.At.Before(r.Start) || f.Edge != "order.inventory" {
					t.Errorf("%+v", f)
				}
			}
			if !slices.Equal(ids, c.finds) {
				t.Errorf("found %v, expected %v", ids, c.finds)
			}
			back := r.RecoveredAt.Sub(end(sc))
			switch {
			case c.to == -1:
				if r.Orders.Failed != 0 {
					t.Errorf("%d checkouts failed", r.Orders.Failed)
				}
			case c.to == 0:
				if !r.RecoveredAt.IsZero() {
					t.Errorf("checkouts succeed again after %s, expected never", back)
				}
			case r.RecoveredAt.IsZero() || back < c.from || back > c.to:
				t.Errorf("checkouts succeed again %s after the last fault, expected %s to %s", back, c.from, c.to)
			}
		})
	}
}

// end is when the last fault is over.
func end(sc sim.Scenario) time.Time {
	switch f := sc.Faults; {
	case len(f) == 0:
		return sc.Start
	default:
		switch f := f[0].(type) {
		case sim.LockTable:
			return sc.Start.Add(f.At + f.Hold)
		case sim.SlowReserve:
			return sc.Start.Add(f.At + f.For)
		case sim.SlowService:
			return sc.Start.Add(f.At + f.For)
		}
	}
	return sc.Start
}

// TestWhatEmerges: the figures of the traps are the world's and not the rules'.
func TestWhatEmerges(t *testing.T) {
	run := func(sc sim.Scenario, set ...string) *sim.Result {
		t.Helper()
		if err := scenario.Set(&sc, set...); err != nil {
			t.Fatal(err)
		}
		r, err := scenario.Run(context.Background(), sc, scenario.Observers{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	at := func(r *sim.Result, kind string) (at time.Time) {
		for _, e := range r.Events {
			if at.IsZero() && e.Kind == kind {
				at = e.At
			}
		}
		return at
	}
	halfOpen := func(r *sim.Result) (at time.Time) { // the first
		for _, c := range r.Breakers[0].Changes {
			if at.IsZero() && c.State.String() == "half_open" {
				at = c.At
			}
		}
		return at
	}

	dead := run(locked(23*time.Minute), breaker, longReset)
	if gave := at(dead, "connection_dead").Sub(halfOpen(dead)); gave < 924600*time.Millisecond || gave > 930*time.Second {
		t.Errorf("TCP gave up %s after the first probe, not 924.6 s", gave)
	}

	kept, cancelled := run(locked(11*time.Minute), breaker), run(locked(11*time.Minute), breaker, "order.inventory.cancel=propagate")
	before := func(r *sim.Result) int { return r.StreamsInUse[int(r.LockTo.Sub(r.Start)/time.Second)-1] } // the breaker is open then
	if before(kept) < 10 || before(cancelled) > 1 {
		t.Errorf("streams just before the lock's end: %d kept, %d where they are cancelled", before(kept), before(cancelled))
	}
	if kept.Orphans < before(kept) || cancelled.Orphans != 0 {
		t.Errorf("orphans: %d where streams are kept, %d where calls are cancelled", kept.Orphans, cancelled.Orphans)
	}

	closed, open := run(locked(11*time.Minute), "order.inventory.keepalive=20s", "world.min_ping=5m"), run(locked(11*time.Minute), "order.inventory.keepalive=20s", "world.min_ping=10s")
	if n := at(closed, "connection_dead"); n.IsZero() || !at(open, "connection_dead").IsZero() {
		t.Errorf("connection closed at %s; where the server allows pings at %s", n, at(open, "connection_dead"))
	}
	if closed.Orphans < open.Orphans+50 { // calls that failed with the connection, and were made all the same
		t.Errorf("%d orphans with the connection closed, %d without", closed.Orphans, open.Orphans)
	}

	lowest := func(r *sim.Result) (served int) {
		for _, n := range r.Served[130:480] {
			served += n
		}
		return served
	}
	if below, above := lowest(run(slow(), "order.inventory.deadline=3s")), lowest(run(slow(), "order.inventory.deadline=9s")); below != 0 || above < 100 {
		t.Errorf("served while inventory was slow: %d with a deadline below its time, %d with one above", below, above)
	}

	abreast, once := 0, map[int]int{} // half-open changes of the first round, by second
	step := run(busy(), breaker, "order.inventory.cancel=propagate", "world.order_replicas=8")
	for _, b := range step.Breakers {
		if b.Edge == "order.inventory" {
			s := int(b.Changes[1].At.Sub(step.Start) / time.Second)
			once[s]++
			abreast = max(abreast, once[s])
		}
	}
	if len(step.Breakers) != 8 || abreast < 4 {
		t.Errorf("of %d replicas' first probes %d lie in one second", len(step.Breakers), abreast)
	}
}

// TestTextsNameTheirFigures: what is said can be read off the run.
func TestTextsNameTheirFigures(t *testing.T) {
	sc := locked(34 * time.Minute)
	if err := scenario.Set(&sc, breaker, longReset); err != nil {
		t.Fatal(err)
	}
	r, err := scenario.Run(context.Background(), sc, scenario.Observers{})
	if err != nil {
		t.Fatal(err)
	}
	found := trap.Find(sc, r)
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	for _, want := range []string{"stayed open for 90 s", "idle for 60 s", "at 14:24:11Z it dropped", "8 probes failed", "given up at 14:40:06Z"} {
		if !strings.Contains(found[0].Text, want) {
			t.Errorf("%q is not in: %s", want, found[0].Text)
		}
	}
	if again := trap.Find(sc, r); !slices.Equal(again, found) {
		t.Error("the same run gave other traps")
	}
}
