package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/sim"
)

func runOf(t *testing.T, sc sim.Scenario, obs Observers) *sim.Result {
	t.Helper()
	r, err := Run(context.Background(), sc, obs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// with is INC-2847 under other policies, each as path=value.
func with(t *testing.T, settings ...string) sim.Scenario {
	t.Helper()
	sc := INC2847()
	for _, s := range settings {
		path, value, _ := strings.Cut(s, "=")
		if err := sc.Edges.Set(path, value); err != nil {
			t.Fatal(err)
		}
	}
	return sc
}

func clock(t time.Time) string { return t.Format("15:04:05") }

// The table of the incident, as the bundled seed reproduces it.
func TestINC2847(t *testing.T) {
	r := runOf(t, INC2847(), Observers{})
	if err := IsIncident(r); err != nil {
		t.Error(err)
	}
	before := int((14*60+23)*60 + 1 - (14*60+18)*60)
	for i, n := range r.Answered502[:before] {
		if n > 0 {
			t.Errorf("%d orders answered 502 in second %d, before the trigger", n, i)
		}
	}
	var events []string
	for _, e := range r.Events {
		events = append(events, clock(e.At)+" "+e.Kind)
	}
	want := []string{
		"14:23:01 lock_taken", "14:23:46 pool_full", "14:24:46 connection_dropped",
		"14:27:01 lock_released", "14:46:18 restart", "14:46:18 recovered",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	byRoute := map[string]sim.Endpoint{}
	for _, e := range r.Endpoints {
		byRoute[e.Method+" "+e.Route] = e
	}
	if e := byRoute["GET /api/orders/:id"]; e.Failed != 0 || e.P99 > 50*time.Millisecond {
		t.Errorf("reads of orders were affected: %+v", e)
	}
	if e := byRoute["GET /api/inventory/:sku"]; e.Failed == 0 || e.FirstFailed.Before(r.LockFrom.Add(r.PoolFullAfter-time.Second)) || e.LastFailed.After(r.LockTo) {
		t.Errorf("reads of stock hang from the pool's exhaustion to the lock's end, not as %+v", e)
	}
	if r.Waits.P50 != 30*time.Second {
		t.Errorf("a failed order took %s, want 30s: three tries of 10s", r.Waits.P50)
	}
	// Between the pool's exhaustion and the restart no checkout is accepted and
	// no intent made.
	for i := 5*60 + 1 + 46; i < 28*60+17; i++ {
		if r.Served[i]+r.Late[i] > 0 {
			t.Errorf("a checkout was accepted in second %d", i)
		}
		if r.StreamsInUse[i] != 100 {
			t.Errorf("%d streams in use in second %d, want 100", r.StreamsInUse[i], i)
		}
	}
	if n := r.PoolInUse[9*60+2]; n > 2 {
		t.Errorf("%d connections in use a second after the lock's end", n)
	}
}

// What DESIGN says of each remedy.
func TestRemedies(t *testing.T) {
	today := runOf(t, INC2847(), Observers{})
	lockEnd := today.LockTo

	t.Run("keepalive ends the incident with the lock", func(t *testing.T) {
		r := runOf(t, with(t, "order.inventory.keepalive=20s"), Observers{})
		failedBetween(t, r, 180, 230)
		recoveredBy(t, r, lockEnd.Add(5*time.Second))
		neverDropped(t, r)
	})
	t.Run("keepalive against a server that forbids it", func(t *testing.T) {
		sc := with(t, "order.inventory.keepalive=20s")
		sc.World.MinPing = 5 * time.Minute
		r := runOf(t, sc, Observers{})
		if !hasEvent(r, "connection_dead") {
			t.Error("the server never closed the connection for too many pings")
		}
	})
	t.Run("deadline", func(t *testing.T) {
		r := runOf(t, with(t, "order.inventory.deadline=5s"), Observers{})
		failedBetween(t, r, 180, 230)
		recoveredBy(t, r, lockEnd.Add(5*time.Second))
		neverDropped(t, r)
		if r.PoolFullAfter >= 0 {
			t.Errorf("the pool was full after %s: 5 s times 2.8 calls/s is 14 connections", r.PoolFullAfter)
		}
		if r.DeadlineExceeded == 0 {
			t.Error("no call ended with DEADLINE_EXCEEDED")
		}
	})
	t.Run("breaker", func(t *testing.T) {
		r := runOf(t, with(t, "order.inventory.breaker=opossum"), Observers{})
		recoveredBy(t, r, lockEnd.Add(31*time.Second)) // one reset time and the next checkout
		neverDropped(t, r)
		failedBetween(t, r, 200, 275)
		if r.Waits.P50 > time.Second {
			t.Errorf("half of the customers wait %s; rejections are immediate", r.Waits.P50)
		}
		if r.Orders.Rejected < r.Orders.Failed*8/10 {
			t.Errorf("%d of %d failures are rejections", r.Orders.Rejected, r.Orders.Failed)
		}
		if r.Orphans >= today.Orphans/2 {
			t.Errorf("%d orphans, %d without a breaker", r.Orphans, today.Orphans)
		}
		for _, e := range r.Endpoints {
			if e.Route == "/api/inventory/:sku" && e.Failed > 0 {
				t.Errorf("%d reads of stock failed", e.Failed)
			}
		}
		keep := runOf(t, with(t, "order.inventory.keepalive=20s"), Observers{})
		if r.ReserveCallsPerOrder > keep.ReserveCallsPerOrder/5 {
			t.Errorf("%.2f calls of Reserve per order, %.2f with a keepalive", r.ReserveCallsPerOrder, keep.ReserveCallsPerOrder)
		}
		if len(r.Breakers) != 1 || r.Breakers[0].Edge != "order.inventory" || r.Breakers[0].Changes[0].State != policy.Open {
			t.Errorf("breaker tracks: %+v", r.Breakers)
		}
	})
	t.Run("cancellation", func(t *testing.T) {
		r := runOf(t, with(t, "*.cancel=propagate"), Observers{})
		failedBetween(t, r, 180, 230)
		recoveredBy(t, r, lockEnd.Add(5*time.Second))
		neverDropped(t, r)
		if r.Orphans > 2 {
			t.Errorf("%d orphans although abandoned calls are cancelled", r.Orphans)
		}
	})
	t.Run("without the trigger nothing happens", func(t *testing.T) {
		sc := INC2847()
		sc.Faults = nil
		if r := runOf(t, sc, Observers{}); r.Orders.Failed > 0 || len(r.Events) > 0 || !r.RecoveredAt.IsZero() {
			t.Errorf("%+v, events %v", r.Orders, r.Events)
		}
	})
}

func failedBetween(t *testing.T, r *sim.Result, lo, hi int) {
	t.Helper()
	if n := r.Orders.Failed; n < lo || n > hi {
		t.Errorf("%d orders failed, want %d to %d", n, lo, hi)
	}
}

func recoveredBy(t *testing.T, r *sim.Result, by time.Time) {
	t.Helper()
	if r.RecoveredAt.IsZero() || r.RecoveredAt.After(by) {
		t.Errorf("recovered at %s, want by %s", r.RecoveredAt, by)
	}
}

func neverDropped(t *testing.T, r *sim.Result) {
	t.Helper()
	if hasEvent(r, "connection_dropped") {
		t.Error("the connection was dropped")
	}
}

func hasEvent(r *sim.Result, kind string) bool {
	for _, e := range r.Events {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

func TestHealthyDayIsSilent(t *testing.T) {
	for seed := range uint64(2) {
		sc := Healthy()
		sc.Seed = seed + 1
		if err := sc.Edges.Set("*.breaker", "opossum"); err != nil {
			t.Fatal(err)
		}
		r := runOf(t, sc, Observers{})
		if r.Orders.Failed > 0 || len(r.Events) > 0 || r.Orphans > 0 || r.LockWaitersMax > 0 || len(r.Breakers) > 0 {
			t.Errorf("seed %d: %+v, %d orphans, events %v", seed+1, r.Orders, r.Orphans, r.Events)
		}
	}
}

// fingerprint is a hash of everything that a run gives: its result and what its
// observers were told.
func fingerprint(sc sim.Scenario) (string, error) {
	h := sha256.New()
	r, err := Run(context.Background(), sc, Observers{
		OnAccess: func(e gateway.AccessEntry) { h.Write(gateway.AppendEnvoyJSON(nil, e)) },
		OnSample: func(at time.Time, rows []sim.PGSession) { fmt.Fprintln(h, at.UnixNano(), rows) },
		OnScrape: func(at time.Time, counts []sim.MethodCounts) { fmt.Fprintln(h, at.UnixNano(), counts) },
		OnEvent:  func(e sim.Event) { fmt.Fprintln(h, e) },
	})
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(r)
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)), err
}

func TestSameScenarioSameBytes(t *testing.T) {
	sc := with(t, "order.inventory.breaker=opossum")
	first, err := fingerprint(sc)
	if err != nil {
		t.Fatal(err)
	}
	var again [2]string
	var wg sync.WaitGroup
	for i := range again { // also side by side
		wg.Go(func() { again[i], _ = fingerprint(sc) })
	}
	wg.Wait()
	for _, h := range again {
		if h != first {
			t.Errorf("hashes differ: %s and %s", first, h)
		}
	}
	sc.Seed++
	if other, _ := fingerprint(sc); other == first {
		t.Error("another seed gives the same run")
	}
}

// Observers change nothing.
func TestObserversDoNotDisturb(t *testing.T) {
	sc := INC2847()
	alone := runOf(t, sc, Observers{})
	samples, scrapes := 0, 0
	var most int
	var last time.Time
	watched := runOf(t, sc, Observers{
		OnAccess: func(e gateway.AccessEntry) {
			end := e.Start.Add(e.Took)
			if end.Before(last) {
				t.Errorf("access entry of %s after one of %s", end, last)
			}
			last = end
		},
		OnSample: func(_ time.Time, rows []sim.PGSession) {
			samples++
			waiting := 0
			for _, s := range rows {
				if s.Wanted == pglock.None {
					continue
				}
				waiting++
				if len(s.Blockers) != 1 || s.Blockers[0] != (sim.PGBlocker{PID: 48291, Hard: true, Mode: pglock.Share}) {
					t.Errorf("pid %d waits for %v", s.PID, s.Blockers)
				}
			}
			most = max(most, waiting)
		},
		OnScrape: func(_ time.Time, counts []sim.MethodCounts) { scrapes++ },
	})
	watched.KernelEvents = alone.KernelEvents // the scrapes are events too
	if diff := cmp.Diff(alone, watched); diff != "" {
		t.Error(diff)
	}
	if samples != 34*60 || scrapes != 34*12 || most != 100 {
		t.Errorf("%d samples, %d scrapes, at most %d waiters", samples, scrapes, most)
	}
}

// In flight is started minus handled, and counters begin anew with the process.
func TestScrapeShowsCallsThatNeverEnd(t *testing.T) {
	inFlight := map[string]int64{}
	var since time.Time
	runOf(t, INC2847(), Observers{OnScrape: func(at time.Time, counts []sim.MethodCounts) {
		for _, c := range counts {
			if c.Method != "/inventory.Inventory/Reserve" {
				continue
			}
			n := c.Started
			for _, h := range c.Handled {
				n -= h.Count
			}
			inFlight[clock(at)] = n
			since = c.Since
		}
	}})
	got := []int64{inFlight["14:23:00"], inFlight["14:46:20"]}
	if diff := cmp.Diff([]int64{0, 0}, got); diff != "" {
		t.Errorf("in flight before and after: %s", diff)
	}
	if n := inFlight["14:46:15"]; n < 3000 {
		t.Errorf("%d Reserve calls in flight at the end, want some 3,700: three a failed order", n)
	}
	if clock(since) != "14:46:18" {
		t.Errorf("counters since %s, not since the restart", since)
	}
}

func TestRefusesWhatMakesNoSense(t *testing.T) {
	for name, change := range map[string]func(*sim.Scenario){
		"length 0s":    func(sc *sim.Scenario) { sc.Length = 0 },
		"pool size 0":  func(sc *sim.Scenario) { sc.World.PoolSize = 0 },
		"rate from -1": func(sc *sim.Scenario) { sc.Checkouts.From = -1 },
		`restart of "gateway"`: func(sc *sim.Scenario) {
			sc.Faults = append(sc.Faults, sim.RestartService{At: 1, Service: "gateway"})
		},
		"breaker": func(sc *sim.Scenario) {
			sc.Edges["gateway.order"] = policy.Policy{Breaker: policy.BreakerSpec{Library: "fuse"}}
		},
	} {
		sc := Healthy()
		change(&sc)
		if _, err := Run(context.Background(), sc, Observers{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestArrivalsFollowTheRamp(t *testing.T) {
	sc := Healthy()
	sc.Checkouts, sc.InventoryReads, sc.OrderReads = sim.Ramp{From: 40, To: 0}, sim.Ramp{}, sim.Ramp{}
	sc.Length = 200 * time.Second
	r := runOf(t, sc, Observers{})
	first, second := 0, 0
	for i, n := range r.Started {
		if i < 100 {
			first += n
		} else {
			second += n
		}
	}
	// 3,000 and 1,000 are expected; five standard deviations are 274 and 158.
	if first < 2726 || first > 3274 || second < 842 || second > 1158 {
		t.Errorf("%d and %d arrivals in the halves, want about 3000 and 1000", first, second)
	}
}

// Clients that are listed come when the list says, and no others do.
func TestListedArrivals(t *testing.T) {
	sc := Healthy()
	sc.Length = time.Minute
	sc.Arrivals = []sim.Arrival{
		{At: time.Second, Route: gateway.PostOrder}, {At: time.Second, Route: gateway.GetStock}, {At: 30*time.Second + time.Millisecond, Route: gateway.PostOrder},
	}
	r := runOf(t, sc, Observers{})
	for i, n := range r.Started {
		if want := map[int]int{1: 1, 30: 1}[i]; n != want {
			t.Errorf("%d checkouts started in second %d, want %d", n, i, want)
		}
	}
	if r.Orders.Served != 2 || r.Endpoints[gateway.GetStock-gateway.PostOrder].Requests != 1 || r.Endpoints[gateway.GetOrder-gateway.PostOrder].Requests != 0 {
		t.Errorf("%+v, %+v", r.Orders, r.Endpoints)
	}
	for _, wrong := range [][]sim.Arrival{
		{{At: time.Minute, Route: gateway.PostOrder}},
		{{At: 2 * time.Second, Route: gateway.PostOrder}, {At: time.Second, Route: gateway.PostOrder}},
		{{At: time.Second, Route: gateway.PostIntent}},
	} {
		sc.Arrivals = wrong
		if _, err := Run(context.Background(), sc, Observers{}); err == nil {
			t.Errorf("%v was accepted", wrong)
		}
	}
}

// A restart that people make only while checkouts fail is left out on a healthy
// day and made on the night.
func TestRestartWhileFailing(t *testing.T) {
	restarts := func(sc sim.Scenario) (n int) {
		for _, e := range runOf(t, sc, Observers{}).Events {
			if e.Kind == "restart" {
				n++
			}
		}
		return n
	}
	night := INC2847()
	night.Faults[1] = sim.RestartService{At: 28*time.Minute + 18*time.Second, Service: "order", WhileFailing: true}
	if n := restarts(night); n != 1 {
		t.Errorf("%d restarts on the night, want 1", n)
	}
	night.Faults = night.Faults[1:]
	if n := restarts(night); n != 0 {
		t.Errorf("%d restarts on a healthy day, want none", n)
	}
}
