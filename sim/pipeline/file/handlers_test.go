package file

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"tripcurve/internal/pglock"
	"tripcurve/services/gateway"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/scenario"
)

// end is how one request ended, as the client saw it.
type end struct {
	start, end time.Time
	route      string
	status     int
}

func (e end) String() string {
	return fmt.Sprintf("%s from %s to %s: %d", e.route, e.start.Format("15:04:05.000000000"), e.end.Format("15:04:05.000000000"), e.status)
}

// variant is one fixed scenario: what is changed of INC-2847, in both worlds.
type variant struct {
	name string
	set  string // policies, as --set takes them
	sc   func(*sim.Scenario)
}

// short is three minutes of the night: the lock after 30 s, for 60 s.
func short(seed uint64, change ...func(*sim.Scenario)) func(*sim.Scenario) {
	return func(sc *sim.Scenario) {
		sc.Seed, sc.Length = seed, 3*time.Minute
		sc.Checkouts = sim.Ramp{From: 4, To: 5}
		sc.Faults = []sim.Fault{lockTable(30*time.Second, 60*time.Second, pglock.Share)}
		for _, c := range change {
			c(sc)
		}
	}
}

func lockTable(at, hold time.Duration, mode pglock.Mode) sim.Fault {
	return sim.LockTable{At: at, Hold: hold, Table: "stock_reservations", Mode: mode, PID: 48291, User: "migrator", Statement: "CREATE INDEX"}
}

func wrongs(fs ...sim.Fault) func(*sim.Scenario) {
	return func(sc *sim.Scenario) { sc.Faults = fs }
}

func restart(at time.Duration, service string) sim.Fault {
	return sim.RestartService{At: at, Service: service}
}

func world(change func(*sim.World)) func(*sim.Scenario) {
	return func(sc *sim.Scenario) { change(&sc.World) }
}

// variants are the fixed scenarios: the night itself, a healthy day, every remedy,
// and short nights with other policies, faults and surroundings.
func variants() []variant {
	vs := []variant{
		{"the night", "", func(*sim.Scenario) {}},
		{"a healthy day", "", func(sc *sim.Scenario) { sc.Faults = nil }},
		{"the night with a keepalive", "order.inventory.keepalive=20s", func(*sim.Scenario) {}},
		{"the night with TCP keepalive", "order.inventory.tcp_keepalive=20s", func(*sim.Scenario) {}},
		{"the night with a deadline", "order.inventory.deadline=5s", func(*sim.Scenario) {}},
		{"the night with opossum", "order.inventory.breaker=opossum order.inventory.breaker.timeout=5000", func(*sim.Scenario) {}},
		{"the night, propagating", "*.cancel=propagate", func(*sim.Scenario) {}},
		{"the night with a timeout", "order.inventory.timeout=5s", func(*sim.Scenario) {}},
		{"the night, one try", "gateway.order.attempts=1", func(*sim.Scenario) {}},
	}
	policies := []string{
		"",
		"order.inventory.deadline=2s",
		"order.inventory.deadline=2s *.cancel=propagate",
		"order.inventory.timeout=1s",
		"order.inventory.timeout=1s order.inventory.cancel=propagate",
		"order.inventory.timeout=1s order.inventory.attempts=3 order.inventory.backoff=100ms",
		"order.inventory.deadline=800ms order.inventory.attempts=4 order.inventory.backoff=50ms order.inventory.backoff_max=200ms order.inventory.retry_budget=0.2",
		"order.inventory.max_concurrent=20",
		"order.inventory.max_concurrent=20 order.inventory.timeout=2s order.inventory.fallback=true",
		"order.inventory.breaker=opossum order.inventory.breaker.timeout=1000 order.inventory.breaker.resetTimeout=5000",
		"order.inventory.breaker=opossum order.inventory.breaker.timeout=1000 order.inventory.cancel=propagate order.inventory.fallback=true",
		"order.inventory.breaker=resilience4j order.inventory.timeout=1s",
		"order.inventory.breaker=gobreaker order.inventory.timeout=1s",
		"gateway.order.breaker=opossum gateway.order.breaker.timeout=8000 gateway.order.attempts=1",
		"gateway.order.cancel=propagate order.inventory.cancel=propagate inventory.postgres.cancel=propagate",
		"gateway.order.deadline=4s gateway.order.timeout=0 gateway.order.attempts=2 gateway.order.backoff=500ms",
		"gateway.inventory.deadline=1s gateway.inventory.attempts=2 *.keepalive=20s",
		"order.inventory.keepalive=10s order.inventory.keepalive_without_calls=true",
		"order.inventory.tcp_keepalive=70s order.inventory.max_concurrent=20",
	}
	for i, p := range policies {
		vs = append(vs,
			variant{"short night: " + p, p, short(uint64(100 + i))},
			variant{"short night, restarted: " + p, p, short(uint64(200+i), wrongs(lockTable(20*time.Second, 90*time.Second, pglock.Share), restart(100*time.Second, "order"), restart(150*time.Second, "inventory")))},
		)
	}
	for i, change := range []func(*sim.World){
		func(w *sim.World) { w.PoolSize = 10 },
		func(w *sim.World) { w.StreamQuota = 10 },
		func(w *sim.World) { w.PoolSize, w.StreamQuota = 3, 0 },
		func(w *sim.World) { w.IdleDrop = 0 },
		func(w *sim.World) { w.IdleDrop = 15 * time.Second },
		func(w *sim.World) { w.NetworkDelay = 5 * time.Millisecond },
		func(w *sim.World) { w.StatementTime = 20 * time.Millisecond },
	} {
		vs = append(vs, variant{fmt.Sprintf("another world %d", i), "order.inventory.timeout=3s", short(uint64(300+i), world(change))})
	}
	vs = append(vs,
		variant{"ACCESS EXCLUSIVE", "", short(400, wrongs(lockTable(30*time.Second, 20*time.Second, pglock.AccessExclusive)))},
		variant{"two locks", "order.inventory.deadline=3s", short(401, wrongs(lockTable(30*time.Second, 20*time.Second, pglock.Share), lockTable(40*time.Second, 30*time.Second, pglock.Exclusive)))},
		variant{"pings that the server forbids", "order.inventory.keepalive=10s", short(402, world(func(w *sim.World) { w.MinPing = 5 * time.Minute }))},
		variant{"payment restarted", "", short(403, wrongs(restart(60*time.Second, "payment")))},
	)
	return vs
}

// TestAsTheHandlers runs every fixed scenario twice: with the coded handlers as
// coroutines, and as the call graph of examples/order.yaml. Every request must
// begin and end at the same nanosecond with the same answer.
func TestAsTheHandlers(t *testing.T) {
	vs := variants()
	if len(vs) < 50 {
		t.Fatalf("%d scenarios, want some 50", len(vs))
	}
	requests := 0
	for _, v := range vs {
		sc := scenario.INC2847()
		v.sc(&sc)
		for _, s := range strings.Fields(v.set) {
			path, value, _ := strings.Cut(s, "=")
			if err := sc.Edges.Set(path, value); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
		}
		want, got := byHandlers(t, sc), byProgram(t, sc)
		requests += len(want)
		wrong := 0
		for i := range max(len(want), len(got)) {
			switch {
			case i >= len(got) || i >= len(want):
				wrong++
			case want[i] != got[i]:
				if wrong++; wrong <= 2 {
					t.Errorf("%s: request %d\n  handlers %v\n  program  %v", v.name, i, want[i], got[i])
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d requests differ (%d in the program)", v.name, wrong, len(want), len(got))
		}
	}
	t.Logf("%d scenarios, %d requests", len(vs), requests)
}

func byHandlers(t *testing.T, sc sim.Scenario) (ends []end) {
	t.Helper()
	_, err := scenario.Run(t.Context(), sc, scenario.Observers{OnAccess: func(e gateway.AccessEntry) {
		ends = append(ends, end{e.Start, e.Start.Add(e.Took), e.Method + " " + e.Route, e.Status})
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

func byProgram(t *testing.T, sc sim.Scenario) (ends []end) {
	t.Helper()
	_, err := pipeline.Run(t.Context(), asPipeline(t, sc), pipeline.Options{HandlerKeys: true, OnRequest: func(a pipeline.Answer) {
		route := a.Client
		if a.Endpoint == "gateway.pay" {
			route = "POST /api/payments/intent"
		}
		ends = append(ends, end{a.Start, a.End, route, status(a)})
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

// status is what the gateway makes of an answer (services/gateway, fail).
func status(a pipeline.Answer) int {
	checkout := a.Endpoint == "gateway.checkout"
	switch {
	case a.Code == int(codes.OK) && (checkout || a.Endpoint == "gateway.pay"):
		return 201
	case a.Code == int(codes.OK):
		return 200
	case a.Degraded && checkout, strings.HasPrefix(a.RejectedBy, "gateway."):
		return 503
	case checkout:
		return 502
	case a.TimedOut:
		return 504
	default:
		return 503
	}
}

// asPipeline is the example in the surroundings of sc.
func asPipeline(t *testing.T, sc sim.Scenario) *pipeline.Pipeline {
	t.Helper()
	text, _ := Example("order")
	p, err := Read("order.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	w := sc.World
	p.Seed, p.Start, p.Length, p.Network = sc.Seed, sc.Start, sc.Length, sim.Fixed(w.NetworkDelay)
	for i, r := range []sim.Ramp{sc.Checkouts, sc.InventoryReads, sc.OrderReads} {
		p.Clients[i].Rate = sim.Rate{Points: []sim.RatePoint{{Per: r.From}, {At: sc.Length, Per: r.To}}}
	}
	for i := range p.Services {
		for j := range p.Services[i].Pools {
			if pool := &p.Services[i].Pools[j]; pool.Size != pipeline.Unbounded {
				pool.Size = w.PoolSize
			}
		}
		for j := range p.Services[i].Endpoints {
			retime(p.Services[i].Endpoints[j].Steps, w.StatementTime)
		}
	}
	for name, pol := range sc.Edges {
		if name == "inventory.postgres" {
			name = "inventory.inventory"
		}
		if _, drawn := p.Policies[name]; drawn { // not the edges of the fulfilment, after the payment
			p.Policies[name] = pol
		}
	}
	for i := range p.Edges {
		if e := &p.Edges[i]; e.Name == "order.inventory" {
			e.Streams, e.IdleDrop = w.StreamQuota, w.IdleDrop
		}
	}
	for _, name := range []string{"gateway.order", "gateway.order_read", "gateway.inventory", "gateway.payment", "order.inventory", "order.payment"} {
		minPing(p, name, w.MinPing)
	}
	p.Faults = nil
	for _, f := range sc.Faults {
		switch f := f.(type) {
		case sim.LockTable:
			p.Faults = append(p.Faults, pipeline.Fault{What: pipeline.LockTable, At: f.At, For: f.Hold, Database: "inventory", Table: f.Table, Mode: f.Mode})
		case sim.RestartService:
			p.Faults = append(p.Faults, pipeline.Fault{What: pipeline.Restart, At: f.At, Service: f.Service})
		}
	}
	return p
}

func minPing(p *pipeline.Pipeline, edge string, d time.Duration) {
	for i := range p.Edges {
		if p.Edges[i].Name == edge {
			p.Edges[i].MinPing = d
			return
		}
	}
	p.Edges = append(p.Edges, pipeline.Edge{Name: edge, MinPing: d})
}

// retime sets the mean of every statement.
func retime(steps []pipeline.Step, mean time.Duration) {
	for i := range steps {
		if steps[i].Kind == pipeline.Query {
			steps[i].Time.A = mean
		}
		retime(steps[i].Steps, mean)
	}
}
