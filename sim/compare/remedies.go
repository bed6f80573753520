// Package compare sets the remedies of an incident side by side: the same scenario
// under each of them, over the same customers, with what they cost and how sure the
// figures are.
package compare

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/fulfillment"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/sim"
)

// Remedy is one way of changing a scenario.
type Remedy struct {
	Name string
	What string // what changes, in one line
	// Prevents says that it takes the trigger away, and so says nothing of the next one.
	Prevents bool
	// Defers says that customers have their answer before the work is done: that none
	// of them fails says nothing of the work.
	Defers bool
	// Apply is the scenario so changed. It owns what it changes: the one that was
	// handed in stays as it was.
	Apply func(sim.Scenario) sim.Scenario
}

// Today is the name of the remedy that changes nothing, which the others are
// compared with.
const Today = "today"

// Remedies are all that are known, in the order in which they are shown.
func Remedies() []Remedy {
	return []Remedy{
		{Name: Today, What: "nothing", Apply: func(sc sim.Scenario) sim.Scenario { return sc }},
		{Name: "keepalive", What: "HTTP/2 keepalive 20 s / 10 s on order.inventory; the server permits a ping each 10 s", Apply: keepalive(10 * time.Second)},
		{Name: "keepalive-refused", What: "the same client, a server with grpc-go's default: a ping each 5 min at most", Apply: keepalive(5 * time.Minute)},
		{Name: "deadline", What: "a gRPC deadline of 5 s on every call, which cancels the work below it", Apply: onEdges(calls, deadline)},
		{Name: "cancel", What: "a caller that gives up cancels its call and the work below it, on every edge", Apply: onEdges(everything, propagate)},
		{Name: "retries", What: "3 attempts with backoff and jitter on gateway.order and order.inventory", Apply: onEdges(checkout, capped)},
		{Name: "retry-budget", What: "the same, and retries are 20 % of the calls at most", Apply: onEdges(checkout, capped, budget)},
		{Name: "breaker", What: "opossum 5 s / 50 % / 30 s on order.inventory, as the postmortem has it: no deadline, no cancellation", Apply: onEdges(reserve, asWritten)},
		{Name: "breaker-all", What: "the same on every boundary", Apply: onEdges(calls, asWritten)},
		{Name: "breaker-full", What: "option A: the same on every boundary, deadlines of 5 s behind the gateway, 3 attempts, fallback", Apply: optionA},
		{Name: "breaker-tuned", What: "opossum on order.inventory with the values that a search found: " + values(tuned().Params), Apply: onEdges(reserve, asTuned)},
		{Name: "async", What: "orders accepted at once; ten workers of the queue reserve and pay", Defers: true, Apply: async()},
		{Name: "async-deadline", What: "the same, and a deadline of 5 s on every call", Defers: true, Apply: async(onEdges(calls, deadline))},
		{Name: "mesh", What: "Istio on order.inventory with the one inventory service of today", Apply: mesh(1)},
		{Name: "mesh-keepalive", What: "the same, and TCP keepalive of 15 s on that edge", Apply: func(sc sim.Scenario) sim.Scenario {
			return onEdges(reserve, func(p *policy.Policy) { p.TCPKeepalive = 15 * time.Second })(mesh(1)(sc))
		}},
		{Name: "mesh-3", What: "Istio on order.inventory with three inventory services", Apply: mesh(3)},
		{Name: "rollout-0", What: "4 replicas of order, none with the breaker as written", Apply: rollout(0)},
		{Name: "rollout-25", What: "4 replicas of order, 1 with the breaker as written", Apply: rollout(1)},
		{Name: "rollout-50", What: "4 replicas of order, 2 with it", Apply: rollout(2)},
		{Name: "rollout-75", What: "4 replicas of order, 3 with it", Apply: rollout(3)},
		{Name: "rollout-100", What: "4 replicas of order, all with it", Apply: rollout(4)},
		{Name: "concurrently", What: "CREATE INDEX CONCURRENTLY: a lock that no writer waits for", Prevents: true, Apply: concurrently},
	}
}

// Names are the remedies' names, in their order.
func Names() (names []string) {
	for _, r := range Remedies() {
		names = append(names, r.Name)
	}
	return names
}

// ByName is the remedy of that name; false when there is none.
func ByName(name string) (Remedy, bool) {
	all := Remedies()
	if i := slices.IndexFunc(all, func(r Remedy) bool { return r.Name == name }); i >= 0 {
		return all[i], true
	}
	return Remedy{}, false
}

// calls are the edges on which one service calls another.
var calls = []string{
	gateway.EdgeOrder, gateway.EdgeOrderRead, gateway.EdgeInventory, gateway.EdgePayment,
	order.EdgeInventory, order.EdgePayment, fulfillment.EdgeWarehouse,
}

var (
	reserve    = []string{order.EdgeInventory}
	checkout   = []string{gateway.EdgeOrder, order.EdgeInventory}
	everything = append(slices.Clone(calls), "inventory.postgres")
)

// onEdges is a remedy that changes the policy of some edges.
func onEdges(names []string, changes ...func(*policy.Policy)) func(sim.Scenario) sim.Scenario {
	return func(sc sim.Scenario) sim.Scenario {
		sc.Edges = sc.Edges.Clone()
		for _, name := range names {
			p := sc.Edges[name]
			for _, change := range changes {
				change(&p)
			}
			sc.Edges[name] = p
		}
		return sc
	}
}

func keepalive(minPing time.Duration) func(sim.Scenario) sim.Scenario {
	pings := onEdges(reserve, func(p *policy.Policy) {
		p.Keepalive = policy.Keepalive{Time: 20 * time.Second, Timeout: 10 * time.Second}
	})
	return func(sc sim.Scenario) sim.Scenario {
		sc = pings(sc)
		sc.World.MinPing = minPing
		return sc
	}
}

func propagate(p *policy.Policy) { p.Cancel = policy.Propagate }

func deadline(p *policy.Policy) { p.Deadline = 5 * time.Second }

// capped leaves an edge three attempts in all.
func capped(p *policy.Policy) {
	p.Retry = policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2, Jitter: 0.5}
}

func budget(p *policy.Policy) { p.Retry.Budget = 0.2 }

// asWritten is the breaker of the postmortem's own listing.
func asWritten(p *policy.Policy) {
	p.Breaker = policy.BreakerSpec{Library: "opossum", Params: map[string]string{
		"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000",
	}}
}

func optionA(sc sim.Scenario) sim.Scenario {
	sc = onEdges(calls, asWritten)(sc)
	sc = onEdges([]string{order.EdgeInventory, order.EdgePayment, fulfillment.EdgeWarehouse}, deadline)(sc)
	return onEdges(reserve, capped, func(p *policy.Policy) { p.Fallback = true })(sc)
}

// async is the checkout of the postmortem's option B, with other changes.
func async(changes ...func(sim.Scenario) sim.Scenario) func(sim.Scenario) sim.Scenario {
	return func(sc sim.Scenario) sim.Scenario {
		sc.Checkout = order.Async
		for _, change := range changes {
			sc = change(sc)
		}
		return sc
	}
}

// mesh is the postmortem's option C: outlier detection, limits on pending and running
// calls, two retries and a time limit for the call, all by the proxy in front of
// so many inventory services.
func mesh(hosts int) func(sim.Scenario) sim.Scenario {
	proxy := onEdges(reserve, func(p *policy.Policy) {
		p.Breaker = policy.BreakerSpec{Library: "istio", Params: map[string]string{
			"consecutive5xxErrors": "5", "interval": "10s", "baseEjectionTime": "30s", "maxEjectionPercent": "100",
			"timeout": "9s", "attempts": "2", "perTryTimeout": "3s", "http2MaxRequests": "100",
			"retryOn": "connect-failure,refused-stream,unavailable,cancelled,deadline-exceeded",
		}}
	})
	return func(sc sim.Scenario) sim.Scenario {
		sc = proxy(sc)
		sc.World.InventoryReplicas = hosts
		return sc
	}
}

// replicas is how many order services the rows of the rollout have.
const replicas = 4

// rollout is the breaker as written on so many of the replicas: the postmortem's
// worry about a deployment that is under way.
func rollout(on int) func(sim.Scenario) sim.Scenario {
	return func(sc sim.Scenario) sim.Scenario {
		sc.World.OrderReplicas = replicas
		p := sc.Edges.Clone()[order.EdgeInventory]
		asWritten(&p)
		sc.Rollout = sim.Rollout{Replicas: on, Edges: policy.Edges{order.EdgeInventory: p}}
		return sc
	}
}

// values writes a library's parameters in their order.
func values(params map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		parts = append(parts, name+" "+params[name])
	}
	return strings.Join(parts, ", ")
}

// concurrently builds the same index in the way that the postmortem says it should
// have been built. It takes as long as it took: that it really takes longer harms
// nobody.
func concurrently(sc sim.Scenario) sim.Scenario {
	sc.Faults = slices.Clone(sc.Faults)
	for i, f := range sc.Faults {
		if lock, ok := f.(sim.LockTable); ok && lock.Mode == pglock.Share {
			lock.Mode = pglock.ShareUpdateExclusive
			lock.Statement = "CREATE INDEX CONCURRENTLY idx_reservations_expiry ON stock_reservations (expires_at)"
			sc.Faults[i] = lock
		}
	}
	return sc
}
