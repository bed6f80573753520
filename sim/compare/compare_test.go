package compare

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/scenario"
)

// named are the remedies of those names.
func named(t *testing.T, names ...string) (rs []Remedy) {
	t.Helper()
	for _, name := range names {
		r, ok := ByName(name)
		if !ok {
			t.Fatalf("no remedy is called %s", name)
		}
		rs = append(rs, r)
	}
	return rs
}

// The night of INC-2847 under a few remedies, as the design has it.
func TestLongRemediesOfTheNight(t *testing.T) {
	c, err := Run(context.Background(), scenario.INC2847(), named(t, "keepalive-refused", "deadline", "retries", "breaker", "concurrently"),
		Options{Seeds: 3, Workers: runtime.NumCPU()})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Incident, (Span{301 * time.Second, 1698 * time.Second}); got != want {
		t.Errorf("incident %v, want %v", got, want)
	}
	rows := map[string]Row{}
	for _, r := range c.Rows {
		rows[r.Remedy.Name] = r
		sum := 0.0
		for _, m := range []string{"failed_502", "failed_503", "failed_504", "failed_other", "rejected", "late", "unanswered"} {
			sum += value(t, r, m)
		}
		if math.Abs(sum-value(t, r, "failed")) > 1e-6 {
			t.Errorf("%s: the parts add up to %g of %g failed", r.Remedy.Name, sum, value(t, r, "failed"))
		}
	}
	if today := rows["today"]; today.Restarted != 3 || today.Recovery.Censored != 3 || today.Watched != 1157*time.Second ||
		value(t, today, "orphans") != 100 || value(t, today, "wait_p99_s") != 30 || today.Breaker {
		t.Errorf("today: %d restarted, %d cut off after %s, %g orphans, p99 %g s, breaker %t", today.Restarted, today.Recovery.Censored,
			today.Watched, value(t, today, "orphans"), value(t, today, "wait_p99_s"), today.Breaker)
	}
	for name, want := range map[string]struct {
		measure string
		lo, hi  float64
	}{
		"today":             {"outage_s", 1393, 1397.5}, // to the restart
		"keepalive-refused": {"connections_lost", 3, 3}, // one each 80 s of the 240
		"deadline":          {"failed", 150, 260},       // those of the lock itself
		"retries":           {"outage_s", 1393, 1399},
		"breaker":           {"rejected", 150, 290},
		"concurrently":      {"failed", 0, 0},
	} {
		if got := value(t, rows[name], want.measure); got < want.lo || got > want.hi {
			t.Errorf("%s: %s is %g, want %g to %g", name, want.measure, got, want.lo, want.hi)
		}
	}
	// A breaker asks again when its reset time has passed, so it outlasts the lock by
	// no more than that and a probe.
	b := rows["breaker"]
	if last := b.Recovery.Quantile(0.95, output.Level).Value; !b.Breaker || last <= 0 || last > 36 {
		t.Errorf("breaker: recovers %g s after the lock", last)
	}
	if first := b.Opening.Quantile(0.5, output.Level).Value; first < 10 || first > 16 {
		t.Errorf("breaker: opens after %g s, want some 11 (the window of 10 s has to be half full of hangs)", first)
	}
	if got := value(t, rows["deadline"], "wait_p99_s"); got != 15 {
		t.Errorf("deadline: p99 wait %g s, want the three tries of 5 s", got)
	}
	if c.Effect(rows["deadline"], "outage_s") != Better || c.Effect(rows["retries"], "outage_s") != Alike {
		t.Error("the effects on the outage are not told apart")
	}
}

func value(t *testing.T, r Row, measure string) float64 {
	t.Helper()
	f, ok := r.Figure(measure)
	if !ok {
		t.Fatalf("%s has no measure %s", r.Remedy.Name, measure)
	}
	return f.Mean
}

// short is a night of two minutes that needs no restart to be telling.
func short() sim.Scenario {
	sc := scenario.INC2847()
	sc.Length = 2 * time.Minute
	sc.Faults = []sim.Fault{sim.LockTable{
		At: 20 * time.Second, Hold: 15 * time.Second, Table: "stock_reservations", Mode: pglock.Share, PID: 1, User: "u", Statement: "CREATE INDEX",
	}}
	return sc
}

// Whatever the number of workers, and whichever remedies stand beside it, a row has
// the same figures.
func TestWorkersChangeNothing(t *testing.T) {
	run := func(workers int, names ...string) *Comparison {
		c, err := Run(context.Background(), short(), named(t, names...), Options{Seeds: 3, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two := run(1, "deadline", "breaker"), run(4, "breaker", "today", "deadline")
	for i, j := range []int{0, 2, 1} {
		a, b := one.Rows[i], two.Rows[j]
		if a.Remedy.Name != b.Remedy.Name {
			t.Fatalf("%s stands in the place of %s", b.Remedy.Name, a.Remedy.Name)
		}
		if d := cmp.Diff(a.Figures, b.Figures); d != "" {
			t.Errorf("%s: %s", a.Remedy.Name, d)
		}
		if d := cmp.Diff(a.Waits, b.Waits, cmp.Comparer(same)); d != "" {
			t.Errorf("%s: %s", a.Remedy.Name, d)
		}
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, short(), Remedies(), Options{Seeds: 20, Workers: 2, Progress: func(done, _ int) {
		if done == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	if _, err := Run(context.Background(), short(), Remedies(), Options{Seeds: 1}); err == nil {
		t.Error("one run was compared")
	}
}

// A remedy changes a scenario of its own.
func TestRemediesLeaveTheScenario(t *testing.T) {
	was, sc := scenario.INC2847(), scenario.INC2847()
	for _, r := range Remedies() {
		changed := r.Apply(sc)
		if d := cmp.Diff(was, sc); d != "" {
			t.Fatalf("%s changed what it was given: %s", r.Name, d)
		}
		if cmp.Equal(was, changed) != (r.Name == Today) {
			t.Errorf("%s: changes nothing, or something", r.Name)
		}
		if r.What == "" {
			t.Errorf("%s does not say what it changes", r.Name)
		}
	}
}

// The stored result is complete, and its values are the library's.
func TestTuned(t *testing.T) {
	got := tuned()
	if got.Command == "" || got.Search.Objective == "" || got.Search.Settings == 0 || got.Seen.Runs == 0 || got.Estimate.Runs < 20 || got.Estimate.Seed == got.Seen.Seed {
		t.Errorf("%+v", got)
	}
	for name, value := range got.Params {
		if !slices.Contains(got.Search.Grid[name], value) {
			t.Errorf("%s %s is none of those tried", name, value)
		}
	}
	var p policy.Policy
	asTuned(&p)
	if _, ok := breakerOf("e", p); !ok {
		t.Errorf("no breaker: %+v", p.Breaker)
	}
}

func TestIncident(t *testing.T) {
	sc := sim.Scenario{Length: time.Hour, Faults: []sim.Fault{
		sim.RestartService{At: 10 * time.Minute, Service: "order"}, sim.LockTable{At: time.Second, Hold: time.Minute},
	}}
	if s := incidentOf(sc); s != (Span{time.Second, 10 * time.Minute}) {
		t.Errorf("incident %v", s)
	}
	if s := incidentOf(sim.Scenario{Length: time.Hour}); s != (Span{0, time.Hour}) {
		t.Errorf("nothing is wrong: %v", s)
	}
}

func TestUnanswered(t *testing.T) {
	r := &sim.Result{Length: 30 * time.Second, Started: make([]int, 30), Orders: sim.Orders{Started: 30, Served: 15, InFlightLeft: 15}}
	for i := range r.Started {
		r.Started[i] = 1
	}
	// Twenty began ten seconds or more before the end, fifteen have their answer.
	if n := r.Unanswered(10 * time.Second); n != 5 {
		t.Errorf("%d without an answer, want 5", n)
	}
	r.Orders = sim.Orders{Started: 30, Served: 25, InFlightLeft: 5}
	if n := r.Unanswered(10 * time.Second); n != 0 {
		t.Errorf("%d without an answer, want 0", n)
	}
}

// Each breaker has one day at each rate, whichever rows share it.
func TestHealthyDays(t *testing.T) {
	all, one, none := scenario.Healthy(), scenario.Healthy(), scenario.Healthy()
	all, one = onEdges(calls, asWritten)(all), onEdges(reserve, asWritten)(one)
	days := healthyDays([]sim.Scenario{none, one, all})
	rows := map[float64][]int{}
	for _, d := range days {
		rows[d.rate] = d.rows
	}
	// The gateway's own time limits make other settings of the same machine, but for
	// the three edges behind the counter.
	if len(days) != 5 || len(rows[5]) != 1 || len(rows[2]) != 1 {
		t.Errorf("%d days: %v", len(days), rows)
	}
	for _, d := range days {
		if d.setting.Timeout == 0 && (d.rate != 0.895 || !cmp.Equal(d.rows, []int{1, 2, 2, 2})) {
			t.Errorf("behind the counter: %g/s for rows %v", d.rate, d.rows)
		}
	}
	// Each replica has its own breaker under its share of the calls.
	half, _ := ByName("rollout-50")
	if got := breakersOf(half.Apply(none)); len(got) != 2 || got[0].rate != 0.895/4 || got[0].setting.Library != "opossum" {
		t.Errorf("half of the replicas: %v", got)
	}
	trips, err := day{setting: days[0].setting, rate: 0.895}.trips(context.Background(), 1)
	if again, _ := (day{setting: days[0].setting, rate: 0.895}).trips(context.Background(), 1); err != nil || trips != again {
		t.Errorf("%g and %g false trips: %v", trips, again, err)
	}
	if rateOf(none, gateway.EdgeOrderRead) != 5 || rateOf(none, order.EdgePayment) != 0.895 {
		t.Error("rates of the edges")
	}
	if _, ok := breakerOf("e", policy.Policy{Breaker: policy.BreakerSpec{Library: "grpc"}}); ok {
		t.Error("a library without a breaker has one")
	}
}

// What a restart drained was not drained by itself; what is left at the end, or was
// refused on the way, came to nothing.
func TestQueue(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0).UTC() }
	r := &sim.Result{Start: at(0), Length: 100 * time.Second, LockTo: at(20), Backlog: []int{0, 1, 0, 3, 4, 5, 0, 2}}
	r.Left = sim.Left{Accepted: 30, Declined: 1, Failed: 2, InFlight: 4, Most: 5, DrainedAfter: 30 * time.Second}
	var n night
	n.queue(r)
	if !n.left || n.backlog != 5 || n.undone != 7 || n.noWayBack != 3 || n.drain != (output.Until{Seconds: 30}) {
		t.Errorf("%+v", n)
	}
	r.Events = []sim.Event{{Kind: "restart", At: at(45)}}
	if n.queue(r); n.drain != (output.Until{Seconds: 25, Censored: true}) {
		t.Errorf("drained by a restart: %+v", n.drain)
	}
	r.Events, r.Left.DrainedAfter = nil, -1
	if n.queue(r); n.drain != (output.Until{Seconds: 80, Censored: true}) {
		t.Errorf("never drained: %+v", n.drain)
	}
	var none night
	if none.queue(&sim.Result{}); none.left {
		t.Error("nothing is left to a queue, and there is one")
	}
}

// The queue's workers hang as the customers did; with a deadline they come back. A mesh
// is no cure for a connection that goes idle while it lets nobody through.
func TestDeferredAndMesh(t *testing.T) {
	sc := scenario.INC2847()
	rows := map[string]*night{}
	for _, r := range named(t, "async", "async-deadline", "mesh", "mesh-keepalive") {
		n, err := play(context.Background(), scenario.Replication(r.Apply(sc), 1), incidentOf(sc))
		if err != nil {
			t.Fatal(err)
		}
		rows[r.Name] = n
	}
	if n := rows["async"]; n.failed != 0 || n.backlog < 1100 || !n.drain.Censored || n.drain.Seconds != 1157 || n.noWayBack < 1300 {
		t.Errorf("async: %g failed, backlog %g, drained %+v, no way back for %g s", n.failed, n.backlog, n.drain, n.noWayBack)
	}
	if n := rows["async-deadline"]; n.failed != 0 || n.backlog > 300 || n.drain.Censored || n.drain.Seconds > 300 {
		t.Errorf("async-deadline: %g failed, backlog %g, drained %+v", n.failed, n.backlog, n.drain)
	}
	if n := rows["mesh"]; n.recovery.Seconds < 600 || n.orphans != 0 {
		t.Errorf("mesh: recovers after %+v, %g orphans", n.recovery, n.orphans)
	}
	if n := rows["mesh-keepalive"]; n.recovery.Censored || n.recovery.Seconds > 300 {
		t.Errorf("mesh-keepalive: recovers after %+v", n.recovery)
	}
}
