package scenario

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
	"tripcurve/sim"
)

// healthyWith is a healthy night of ten minutes with settings, whose balancer drops
// nothing and on which few ask for their orders.
func healthyWith(t *testing.T, settings ...string) sim.Scenario {
	t.Helper()
	sc := Healthy()
	sc.Length, sc.OrderReads = 10*time.Minute, sim.Ramp{From: 0.5, To: 0.5}
	if err := Set(&sc, append([]string{"world.idle_drop=0"}, settings...)...); err != nil {
		t.Fatal(err)
	}
	return sc
}

// What each fault does, by the events that it gives and by what becomes of the
// checkouts. The night begins at 14:18; faults come at 14:22.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings []string
		events   string // clock and kind
		failed   [2]int // at least and at most
	}{
		{
			// A checkout that fails over to its next tries fails within milliseconds; the
			// connection is back with the next try after the start.
			"down for a minute",
			[]string{"fault=restart service=inventory at=4m down=60s"},
			"14:22:00 restart, 14:23:00 boot, recovered",
			[2]int{40, 80},
		},
		{
			// A third of some 55 checkouts, for nothing tries again behind the gateway.
			"a third of the calls fail for a minute",
			[]string{"fault=fail service=inventory share=0.3333 at=4m for=60s", "gateway.order.attempts=1"},
			"14:22:00 fail, 14:23:00 fail, recovered",
			[2]int{9, 27},
		},
		{
			// What ends does not end what goes on beside it.
			"down for a minute, and for 5 s of it once more",
			[]string{"fault=restart service=inventory at=4m down=60s", "fault=restart service=inventory at=4m30s down=5s", "fault=restart service=inventory at=4m40s"},
			"14:22:00 restart, 14:23:00 boot, recovered",
			[2]int{40, 80},
		},
		{
			"all calls fail for a minute, and a third of them for 5 s of it",
			[]string{"fault=fail service=inventory share=1 at=4m for=60s", "fault=fail service=inventory share=0.3333 at=4m30s for=5s"},
			"14:22:00 fail, 14:22:30 fail, 14:22:35 fail, 14:23:00 fail, recovered",
			[2]int{40, 80},
		},
		{
			// Some 55 come in the minute.
			"reservations are slow for a minute, and slower for 5 s of it",
			[]string{"fault=slow_reserve at=4m for=60s by=15s", "fault=slow_reserve at=4m30s for=5s by=1s"},
			"14:22:00 slow, 14:22:30 slow, 14:22:35 slow, 14:23:00 slow, recovered",
			[2]int{40, 80},
		},
		{
			"one of two replicas is down",
			[]string{"world.inventory_replicas=2", "fault=restart service=inventory replica=2 at=4m down=60s"},
			"14:22:00 restart, 14:23:00 boot",
			[2]int{0, 0},
		},
		{
			"down, and everybody else too",
			[]string{"fault=restart service=payment at=4m down=30s", "fault=restart service=warehouse at=4m down=30s", "fault=restart service=fulfillment at=4m down=30s"},
			"14:22:00 restart, 14:22:00 restart, 14:22:00 restart, 14:22:30 boot, 14:22:30 boot, 14:22:30 boot, recovered",
			[2]int{15, 45},
		},
		{
			// It is started 10 s, 20 s and 40 s after its deaths; that of 14:23:25 is later
			// than 80 s after the first.
			"crash loop",
			[]string{"fault=crash_loop service=inventory at=4m for=80s up=5s"},
			"14:22:00 restart, 14:22:10 boot, 14:22:15 restart, 14:22:35 boot, 14:22:40 restart, 14:23:20 boot, recovered",
			[2]int{40, 100},
		},
		{
			"slow",
			[]string{"fault=slow service=inventory at=4m for=2m factor=5000"},
			"14:22:00 slow, pool_full, 14:24:00 slow, recovered",
			[2]int{80, 180},
		},
		{
			"black hole of 20 s",
			[]string{"fault=black_hole at=4m for=20s"},
			"14:22:00 black_hole, 14:22:20 black_hole, recovered",
			[2]int{5, 40},
		},
		{
			// gRPC's keepalive finds the path dead 10 s after its ping at most, and with a
			// connection being made anew there is nothing to wait for.
			"black hole with keepalive",
			[]string{"order.inventory.keepalive=10s", "order.inventory.keepalive_timeout=5s", "fault=black_hole at=4m for=20s"},
			"14:22:00 black_hole, connection_dead, 14:22:20 black_hole, recovered",
			[2]int{5, 40},
		},
		{
			"bad network",
			[]string{"fault=bad_network at=4m for=5m loss=10% jitter=uniform:0s:20ms"},
			"14:22:00 network, 14:27:00 network",
			[2]int{0, 0},
		},
		{
			"connections reset",
			[]string{"fault=reset at=4m edge=gateway.order"},
			"14:22:00 connection_dead",
			[2]int{0, 0},
		},
		{
			"a lock beside the others",
			[]string{"fault=lock at=4m for=30s mode=access_exclusive"},
			"14:22:00 lock_taken, pool_full, 14:22:30 lock_released, recovered",
			[2]int{5, 30},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := healthyWith(t, c.settings...)
			r := runOf(t, sc, Observers{})
			var events []string
			for _, e := range r.Events {
				s := e.Kind
				if on := clock(e.At); e.Kind != "recovered" && e.Kind != "pool_full" && (e.Kind != "connection_dead" || on == "14:22:00") {
					s = on + " " + s
				}
				events = append(events, s)
			}
			if diff := cmp.Diff(c.events, strings.Join(events, ", ")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			failedBetween(t, r, c.failed[0], c.failed[1])
			if !r.RecoveredAt.IsZero() && r.RecoveredAt.After(r.Start.Add(8*time.Minute)) {
				t.Errorf("recovered only at %s", clock(r.RecoveredAt))
			}
		})
	}
}

// A service warms up: its statements are slow at first.
func TestWarmUp(t *testing.T) {
	t.Parallel()
	p99 := func(settings ...string) time.Duration {
		return runOf(t, healthyWith(t, settings...), Observers{}).Waits.P99
	}
	cold := p99("fault=restart service=inventory at=4m")
	warm := p99("fault=restart service=inventory at=4m warm_up=5m warm_up_factor=50 warm_up_shape=exponential")
	if cold > 100*time.Millisecond || warm < 5*cold {
		t.Errorf("p99 of %s after a plain restart, of %s with a warm-up", cold, warm)
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]sim.Fault{
		"black_hole at=5m for=60s edge=order.payment way=to_server": sim.BlackHole{At: 5 * time.Minute, For: time.Minute, Edge: "order.payment", Way: sim.ToServer},
		"bad_network loss=0.5 jitter=exponential:3ms":               sim.BadNetwork{Loss: 0.5, Jitter: sim.Dist{Shape: sim.Exponential, A: 3 * time.Millisecond}},
		"restart at=1s service=order replica=2 down=3s warm_up=1m warm_up_factor=4": sim.RestartService{
			At: time.Second, Service: "order", Replica: 2, Down: 3 * time.Second, WarmUp: sim.WarmUp{For: time.Minute, Factor: 4},
		},
		"lock at=1m for=2m mode=share_row_exclusive": sim.LockTable{
			At: time.Minute, Hold: 2 * time.Minute, Table: "stock_reservations", Mode: pglock.ShareRowExclusive, PID: 48291, User: "migrator", Statement: "LOCK TABLE stock_reservations",
		},
		"fail at=1s for=2s service=payment share=20%": sim.FailCalls{At: time.Second, For: 2 * time.Second, Service: "payment", Share: 0.2},
		"slow_reserve at=1s for=2s by=3s":             sim.SlowReserve{At: time.Second, For: 2 * time.Second, By: 3 * time.Second},
	} {
		got, err := ParseFault(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "an empty fault: expected its kind (lock, restart,"},
		{"blackhole at=5m", `no kind of fault "blackhole", did you mean black_hole?`},
		{"black_hole 5m", `"5m": expected KEY=VALUE`},
		{"black_hole when=5m", `no value of black_hole "when"`},
		{"black_hole at=5", "at: \"5\" is not a duration: write 5s"},
		{"black_hole at=1m for=1m way=up", `way: no word "up"`},
		{"black_hole at=1m way=to_client", "black hole one way: it needs a duration"},
		{"black_hole at=1m edge=inventory.postgres", `black hole on edge "inventory.postgres": expected one with connections of its own`},
		{"bad_network loss=1", "a loss of 1: expected"},
		{"bad_network loss=much", `loss: "much" is not a share`},
		{"bad_network jitter=gauss:3ms", "is not a distribution: expected one like"},
		{"restart service=gateway", `restart of "gateway": expected one of order, inventory`},
		{"restart service=order replica=2", "restart of replica 2 of order: there are 1"},
		{"restart service=order replica=1.5", `replica: "1.5" is not a whole number`},
		{"restart service=order warm_up=1m", "0 times as slow while it warms up: expected a factor from 1"},
		{"crash_loop service=order at=1s", "crash loop of order: it needs a time, how long it lasts"},
		{"slow service=order factor=0.5", "expected a time, a duration or 0 for good, and a factor from 1"},
		{"fail at=1m service=payment", "failing calls of payment at 1m0s for 0s, a share of 0: expected"},
		{"fail at=1m service=gateway share=1", `failing calls of "gateway": expected one of order`},
		{"lock at=1s for=1s mode=shared", `mode: "shared" is not a lock mode`},
		{"lock at=1s for=1s table=stock_reservation", `table: no table of inventory "stock_reservation", did you mean stock_reservations?`},
		{"reset at=-5m edge=gateway.order", "at: found -5m, expected a time from the run's beginning"},
		{"reset at=5h edge=gateway.order", "fault: at: found 5h, expected a time within the run's 34m"},
		{"reset edge=nowhere", `reset on edge "nowhere"`},
	} {
		sc := Healthy()
		err := Set(&sc, "fault="+c.text)
		if err == nil {
			_, err = Run(context.Background(), sc, Observers{})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %s", c.text, err, c.want)
		}
	}
	sc := INC2847() // whose restart is cut off with its end
	if err := Set(&sc, "length=10m", "fault=reset at=9m edge=gateway.order"); err != nil {
		t.Error(err)
	}
	if err := Set(&sc, "fault=none"); err != nil || len(sc.Faults) != 0 {
		t.Errorf("fault=none leaves %v, %v", sc.Faults, err)
	}
}

// A lock_timeout or a statement_timeout of inventory's sessions ends the incident with
// the lock: no session waits longer than 5 s, so the pool never fills and bytes pass all
// the while. A limit on the wait for a connection helps nobody who has one.
func TestTimeoutsOfSessions(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"world.lock_timeout=5s", "world.statement_timeout=5s"} {
		r := runOf(t, set2847(t, setting, "length=12m"), Observers{})
		failedBetween(t, r, 180, 240)
		recoveredBy(t, r, r.LockTo.Add(5*time.Second))
		neverDropped(t, r)
		if r.PoolFullAfter >= 0 || r.Orphans != 0 {
			t.Errorf("%s: the pool was full after %s, %d orphans", setting, r.PoolFullAfter, r.Orphans)
		}
	}
	if r := runOf(t, set2847(t, "world.pool_wait=5s", "length=12m"), Observers{}); !r.RecoveredAt.IsZero() {
		t.Errorf("with a limit on the wait for a connection recovered at %s", clock(r.RecoveredAt))
	}
	sc := Healthy()
	sc.World.LockTimeout = -1
	if _, err := Run(context.Background(), sc, Observers{}); err == nil || !strings.Contains(err.Error(), "lock timeout -1ns") {
		t.Errorf("error %v", err)
	}
}

// TestFaultsThatOverlapAreTold: what is told holds while another fault of the kind goes on.
func TestFaultsThatOverlapAreTold(t *testing.T) {
	for _, c := range []struct{ settings, want []string }{
		{
			[]string{"fault=slow at=4m for=2m service=inventory factor=20", "fault=slow at=5m for=3m service=inventory factor=2"},
			[]string{
				"14:22:00 inventory takes 20 times as long", "14:23:00 inventory takes 2 times as long",
				"14:24:00 inventory no longer takes 20 times as long; another fault goes on slowing it", "14:26:00 inventory is as fast as before",
			},
		},
		{
			[]string{"fault=traffic at=4m for=2m factor=3", "fault=traffic at=5m for=3m factor=0.5 route=checkouts"},
			[]string{
				"14:22:00 3 times as many customers come", "14:23:00 0.5 times as many customers ask for POST /api/orders",
				"14:24:00 no longer 3 times as many customers come; another fault of traffic goes on", "14:26:00 as many customers as before ask for POST /api/orders",
			},
		},
		{
			[]string{"fault=lock at=4m for=10s mode=access_exclusive", "fault=lock at=242s for=10s"},
			[]string{
				"14:22:10 pid 48291 released ACCESS EXCLUSIVE on stock_reservations after 10s", "14:22:12 pid 48291 released SHARE on stock_reservations after 2s",
			},
		},
	} {
		var got []string
		for _, e := range runOf(t, healthyWith(t, c.settings...), Observers{}).Events {
			if slices.Contains([]string{"slow", "traffic", "lock_released"}, e.Kind) {
				got = append(got, clock(e.At)+" "+e.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("told:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
