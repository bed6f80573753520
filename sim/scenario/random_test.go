package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/replicate"
)

// Random pipelines under random faults keep their books, end, and leave no
// coroutine behind; what ran twice gave the same bytes both times.
func TestRandomScenariosKeepTheirBooks(t *testing.T) {
	before := runtime.NumGoroutine()
	type end struct{ started, failed, rejected, events int }
	p := replicate.Plan{N: randomScenarios, Workers: runtime.NumCPU()}
	ends, err := replicate.Run(context.Background(), p, func(ctx context.Context, n int) (end, error) {
		seed := uint64(n - 1)
		sc := randomScenario(seed)
		r, err := Run(ctx, sc, Observers{})
		if err != nil {
			return end{}, fmt.Errorf("random scenario %d: %w", seed, err)
		}
		if n%10 == 0 {
			first, err := fingerprint(sc)
			if err != nil {
				return end{}, err
			}
			if again, _ := fingerprint(randomScenario(seed)); again != first {
				return end{}, fmt.Errorf("random scenario %d gives other bytes the second time", seed)
			}
		}
		return end{r.Orders.Started, r.Orders.Failed, r.Orders.Rejected, len(r.Events)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// A worker that is done may still be on its way out, for long where the processors are busy.
	for late := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(late); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines before, %d after", before, n)
	}
	var all end
	troubled := 0
	for _, e := range ends {
		all = end{all.started + e.started, all.failed + e.failed, all.rejected + e.rejected, all.events + e.events}
		if e.failed > 0 {
			troubled++
		}
	}
	t.Logf("validate: %d random scenarios keep their books: %d checkouts, %d failed (in %d scenarios), %d rejected by breakers, %d events; every tenth gave the same bytes again",
		randomScenarios, all.started, all.failed, troubled, all.rejected, all.events)
	if troubled < randomScenarios/4 || all.rejected == 0 {
		t.Error("hardly anything ever goes wrong in them: they test nothing")
	}
}

func randomScenario(seed uint64) sim.Scenario {
	rng := rand.New(rand.NewPCG(seed, 7))
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	sc := Healthy()
	sc.Name, sc.Seed, sc.Length = fmt.Sprint("random-", seed), seed, 100*time.Second+time.Duration(rng.IntN(1000))*time.Millisecond
	sc.Checkouts = sim.Ramp{From: 8 * rng.Float64(), To: 8 * rng.Float64()}
	sc.World.PoolSize, sc.World.StreamQuota = 1+rng.IntN(12), rng.IntN(12)
	sc.World.IdleDrop = pick(0, time.Second, 5*time.Second)
	sc.World.StockPerSKU = rng.IntN(60)
	sc.World.MinPing = pick(0, 0, time.Minute)
	for range rng.IntN(4) {
		at := time.Duration(rng.Int64N(int64(90 * time.Second)))
		if rng.IntN(2) == 0 {
			sc.Faults = append(sc.Faults, sim.RestartService{At: at, Service: []string{"order", "inventory", "payment"}[rng.IntN(3)]})
			continue
		}
		sc.Faults = append(sc.Faults, sim.LockTable{
			At: at, Hold: pick(time.Millisecond, 3*time.Second, 40*time.Second), Table: "stock_reservations",
			Mode: pglock.AccessShare + pglock.Mode(rng.IntN(8)), PID: 100 + rng.IntN(9), User: "u", Statement: "lock",
		})
	}
	machines := breakers()
	for _, name := range sc.Edges.Names() {
		p := sc.Edges[name]
		p.Timeout, p.Deadline = pick(0, p.Timeout, time.Second), pick(0, 0, 2*time.Second)
		p.Cancel = policy.Cancel(rng.IntN(2))
		p.Keepalive.Time = pick(0, 10*time.Second)
		p.Keepalive.Timeout = pick(0, 3*time.Second)
		p.Retry.Attempts = rng.IntN(4)
		p.Retry.Base, p.Retry.Jitter = pick(0, 100*time.Millisecond), 0.5*float64(rng.IntN(2))
		p.Retry.Budget = 0.1 * float64(rng.IntN(2))
		p.MaxConcurrent = 5 * rng.IntN(3)
		if rng.IntN(3) == 0 {
			p.Breaker.Library = machines[rng.IntN(len(machines))]
		}
		sc.Edges[name] = p
	}
	if rng.IntN(2) == 0 {
		sc.World.OrderReplicas, sc.World.OrderBalance = 2+rng.IntN(3), sim.Balance(rng.IntN(2))
		sc.Rollout.Replicas = rng.IntN(sc.World.OrderReplicas + 1)
		sc.Rollout.Edges = policy.Edges{"order.inventory": {
			Timeout: pick(0, time.Second), Keepalive: policy.Keepalive{Time: pick(0, 10*time.Second)},
			Breaker: policy.BreakerSpec{Library: machines[rng.IntN(len(machines))]},
		}}
		for i, f := range sc.Faults {
			if r, ok := f.(sim.RestartService); ok && r.Service == "order" {
				r.Replica = rng.IntN(sc.World.OrderReplicas + 1)
				sc.Faults[i] = r
			}
		}
	}
	if rng.IntN(2) == 0 {
		sc.World.InventoryReplicas, sc.World.InventoryBalance = 1+rng.IntN(3), sim.Balance(rng.IntN(2))
		for i, f := range sc.Faults {
			if r, ok := f.(sim.RestartService); ok && r.Service == "inventory" {
				r.Replica = rng.IntN(sc.World.InventoryReplicas + 1)
				sc.Faults[i] = r
			}
		}
	}
	if rng.IntN(3) == 0 {
		sc.Checkout = order.Async
		sc.Faults = append(sc.Faults, sim.SwitchCheckout{
			At: time.Duration(rng.Int64N(int64(90 * time.Second))), To: order.Sync, Drain: rng.IntN(2) == 0,
		})
	}
	sc.World.PoolWait, sc.World.LockTimeout, sc.World.StatementTimeout = pick(0, 0, time.Second), pick(0, 0, 500*time.Millisecond), pick(0, 0, 2*time.Second)
	if rng.IntN(3) == 0 {
		sc.Load.Checkouts = sim.Rate{Points: []sim.RatePoint{{Per: 4 * rng.Float64()}, {At: 30 * time.Second, Per: 2}, {At: 30 * time.Second, Per: 10 * rng.Float64()}}, Period: pick(0, 40*time.Second)}
		sc.Load.Users = sim.Users{N: rng.IntN(40), Think: sim.Dist{Shape: sim.Exponential, A: 5 * time.Second}, Buy: rng.Float64()}
		sc.Retries = sim.CustomerRetries{Times: rng.IntN(4), After: time.Second, Multiplier: 2 * rng.Float64(), Jitter: rng.Float64()}
		sc.Faults = append(sc.Faults, sim.TrafficSurge{At: pick(0, 20*time.Second), For: pick(0, 10*time.Second), Factor: 3 * rng.Float64()})
	}
	for range rng.IntN(3) {
		sc.World.Processors = append(sc.World.Processors, sim.Processor{
			Service: stoppable[rng.IntN(len(stoppable))], Cores: rng.IntN(4), Work: sim.Dist{Shape: sim.Pareto, A: 10 * time.Millisecond, B: 1.2, Most: 5 * time.Second},
		})
	}
	for range rng.IntN(4) {
		at, span := time.Duration(rng.Int64N(int64(90*time.Second))), pick(time.Second, 10*time.Second, 30*time.Second)
		service := stoppable[rng.IntN(len(stoppable))]
		edge := pathsOf[rng.IntN(len(pathsOf))]
		sc.Faults = append(sc.Faults, []sim.Fault{
			sim.RestartService{At: at, Service: service, Down: span, WarmUp: sim.WarmUp{For: span, Factor: 10, Exponential: rng.IntN(2) == 0}},
			sim.CrashLoop{At: at, Service: service, For: span, Up: time.Second},
			sim.SlowService{At: at, Service: service, For: span, Factor: 1 + 500*rng.Float64()},
			sim.FailCalls{At: at, Service: service, For: span, Share: 1 - rng.Float64()},
			sim.BlackHole{At: at, For: span, Edge: edge, Way: sim.Way(rng.IntN(3))},
			sim.BlackHole{At: at, Edge: edge},
			sim.BadNetwork{At: at, For: span, Edge: edge, Loss: 0.3 * rng.Float64(), Jitter: sim.Dist{Shape: sim.LogNormal, A: 10 * time.Millisecond, B: 1}},
			sim.ResetConnections{At: at, Edge: edge},
		}[rng.IntN(8)])
	}
	return sc
}

// breakers are the libraries with a breaker and no retries of their own, which an
// edge's would contradict.
func breakers() (names []string) {
	for _, l := range library.All() {
		if b, err := l.New(nil, time.Time{}); err == nil && b.Breaker != nil && b.Retry == nil {
			names = append(names, l.Name)
		}
	}
	return names
}
