package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/replicate"
	"tripcurve/sim/vtime"
)

// maker makes random pipelines: layers of services that call those below them.
type maker struct {
	*rand.Rand
	p *Pipeline
}

func (r maker) ms(lo, hi int) time.Duration {
	return time.Duration(lo+r.IntN(hi-lo+1)) * time.Millisecond
}

func (r maker) dist() sim.Dist {
	switch r.IntN(5) {
	case 0:
		return sim.Fixed(r.ms(0, 20))
	case 1:
		return sim.Dist{Shape: sim.LogNormal, A: r.ms(1, 10), B: r.Float64()}
	case 2:
		return sim.Dist{Shape: sim.Pareto, A: r.ms(1, 3), B: 1.2 + r.Float64(), Most: time.Second}
	case 3:
		return sim.Dist{Shape: sim.Empirical, Points: []sim.QuantilePoint{{}, {Share: 0.5, At: r.ms(1, 5)}, {Share: 1, At: r.ms(5, 100)}}}
	default:
		return sim.Dist{Shape: sim.Exponential, A: r.ms(1, 10)}
	}
}

// randomPipeline is one of 2 to 4 layers. Its clients stop half way, so that at the
// end everything must have come to rest.
func randomPipeline(seed uint64) *Pipeline {
	r := maker{rand.New(rand.NewPCG(seed, 7)), &Pipeline{
		Name: fmt.Sprintf("random %d", seed), Seed: seed, Start: time.Unix(0, 0), Length: 400 * time.Second, Policies: policy.Edges{},
	}}
	p := r.p
	p.Network = []sim.Dist{sim.Fixed(0), sim.Fixed(300 * time.Microsecond), {Shape: sim.Exponential, A: time.Millisecond}}[r.IntN(3)]
	for n, i := 2+r.IntN(3), 0; i < n; i++ {
		p.Services = append(p.Services, r.service(i, n))
	}
	for _, name := range EdgeNames(p) {
		p.Policies[name] = r.policy()
	}
	for _, name := range callEdges(p) {
		e := Edge{Name: name}
		if r.IntN(3) == 0 {
			e.Streams = 1 + r.IntN(20)
		}
		if r.IntN(4) == 0 {
			e.MinPing = 5 * time.Minute
		}
		p.Edges = append(p.Edges, e)
	}
	p.Clients = []Client{
		{Name: "open", Requests: []string{"s0.get", "s0.get"}, Rate: sim.Rate{Points: []sim.RatePoint{{Per: 5 + 40*r.Float64()}, {At: 20 * time.Second, Per: 20}, {At: 20 * time.Second}}}, Patience: r.ms(100, 5000), HangUp: r.IntN(2) == 0, Attempts: r.IntN(4), Backoff: r.ms(0, 300), SizeMin: 1, SizeMax: 4},
	}
	for range r.IntN(4) {
		p.Faults = append(p.Faults, r.fault())
	}
	return p
}

func (r maker) service(i, n int) Service {
	s := Service{
		Name: fmt.Sprintf("s%d", i), Replicas: 1 + r.IntN(3), Backlog: []int{Unbounded, 0, 20}[r.IntN(3)], Workers: []int{0, 1, 5}[r.IntN(3)],
		Balance: sim.Balance(r.IntN(3)),
		Pools:   []Pool{{Name: "pg", Size: []int{1, 3, Unbounded}[r.IntN(3)], MaxWait: r.ms(0, 1) * 500, LockTimeout: r.ms(0, 1) * 700, StatementTimeout: r.ms(0, 1) * 900}},
		Queues:  []Queue{{Name: "jobs", To: fmt.Sprintf("s%d.job", i), Workers: 1 + r.IntN(3), Delay: r.dist(), Attempts: 1 + r.IntN(3), Backoff: r.ms(0, 1000)}},
	}
	s.Endpoints = []Endpoint{{"get", r.steps(i, n, true)}, {"job", r.steps(i, n, false)}}
	return s
}

func (r maker) steps(i, n int, enqueue bool) (steps []Step) {
	for range 1 + r.IntN(4) {
		st := Step{Share: 1, Time: r.dist(), Pool: "pg"}
		if r.IntN(5) == 0 {
			st.Share = r.Float64()
		}
		if r.IntN(5) == 0 {
			st.BySize = true
		}
		switch k := r.IntN(5); {
		case k == 0 && i+1 < n:
			st.Kind, st.To = Call, fmt.Sprintf("s%d.get", i+1+r.IntN(n-i-1))
			st.FanOut = 1 + r.IntN(4)
			st.Need = r.IntN(st.FanOut + 1)
			st.OnError = OnError(r.IntN(2))
		case k == 1:
			st.Kind, st.Table, st.Mode = Query, "t", pglock.Mode(1+r.IntN(8))
		case k == 2:
			st.Kind, st.Table, st.Mode, st.BySize = Lock, "t", pglock.RowExclusive, false
			st.Rows = r.IntN(3)
			st.Steps = []Step{{Share: 1, Kind: Query, Pool: "pg", Time: r.dist()}, {Share: 1, Kind: Query, Pool: "pg", Table: "u", Mode: pglock.RowShare, Time: r.dist()}}
		case k == 3 && enqueue:
			st.Kind, st.Queue = Enqueue, "jobs"
		default:
			st.Kind = Work
		}
		steps = append(steps, st)
	}
	return steps
}

func (r maker) policy() policy.Policy {
	p := policy.Policy{Cancel: policy.Cancel(r.IntN(2)), MaxConcurrent: r.IntN(2) * 10, Fallback: r.IntN(5) == 0}
	if r.IntN(2) == 0 {
		p.Timeout = r.ms(20, 2000)
	}
	if r.IntN(2) == 0 {
		p.Deadline = r.ms(20, 2000)
	}
	if r.IntN(3) == 0 {
		p.Keepalive = policy.Keepalive{Time: 10 * time.Second, WithoutCalls: r.IntN(2) == 0}
	}
	libraries := []string{"", "opossum", "resilience4j", "gobreaker", "envoy", "hystrix", "failsafe-go", "polly", "semian", "linkerd", "istio", "grpc"}
	p.Breaker.Library = libraries[r.IntN(len(libraries))]
	if p.Breaker.Library == "" {
		p.Retry = policy.Retry{Attempts: 1 + r.IntN(3), Base: r.ms(0, 100), Jitter: r.Float64() / 2, Budget: float64(r.IntN(2)) * 0.3}
	}
	return p
}

func (r maker) fault() Fault {
	edges := callEdges(r.p)
	f := Fault{At: r.ms(0, 20_000), For: r.ms(1, 5000), Service: r.p.Services[r.IntN(len(r.p.Services))].Name, Factor: 1 + 5*r.Float64(), Client: "open", Share: r.Float64()}
	f.Endpoint = f.Service + ".get"
	f.What = []FaultKind{Slow, Restart, Traffic}[r.IntN(3)]
	if len(edges) > 0 && r.IntN(2) == 0 {
		f.What, f.Edge = FailCalls, edges[r.IntN(len(edges))]
	}
	if f.What == Restart && r.IntN(2) == 0 {
		f.For, f.Replica = 0, 1
	}
	return f
}

// TestRandomPipelines: whatever a pipeline is made of, its books balance at every
// end, the same seed gives the same answers, and when the clients have stopped
// nothing is left that holds anything.
func TestRandomPipelines(t *testing.T) {
	ran, busy := 0, 0
	for seed := range uint64(100) {
		p := randomPipeline(seed)
		if err := Check(p); err != nil {
			if !strings.Contains(err.Error(), "locks") { // many rows locked in a loop
				t.Fatalf("seed %d: %v", seed, err)
			}
			continue
		}
		ran++
		var logs [2]strings.Builder
		for i := range logs {
			m, err := newMachine(p, Options{OnRequest: func(a Answer) { fmt.Fprintln(&logs[i], a) }})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := m.k.Run(context.Background(), vtime.Time(p.Length)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := m.balance(m.result()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if jobsWait(m) {
				busy++
			} else {
				atRest(t, seed, m)
			}
			m.k.Close()
		}
		if logs[0].String() != logs[1].String() || logs[0].Len() == 0 {
			t.Fatalf("seed %d: two runs differ, or nobody was answered", seed)
		}
	}
	if ran < 75 || busy > ran/5 {
		t.Errorf("%d of 100 pipelines could be run, %d of the runs did not come to rest", ran, busy)
	}
}

// jobsWait says whether a queue was given more than its workers could do so far.
func jobsWait(m *machine) bool {
	for i := range m.queues {
		if m.queues[i].ready.n > 0 {
			return true
		}
	}
	return false
}

// atRest: nothing holds anything.
func atRest(t *testing.T, seed uint64, m *machine) {
	t.Helper()
	if m.frames.live+m.calls.live+m.tries.live+m.sessions.live+m.jobs.live > 0 {
		t.Errorf("seed %d: at rest %d endpoints at work, %d calls, %d attempts, %d clients, %d jobs are left", seed, m.frames.live, m.calls.live, m.tries.live, m.sessions.live, m.jobs.live)
	}
	for i := range m.guards {
		if n := m.guards[i].inFlight; n != 0 {
			t.Errorf("seed %d: edge %s has %d places taken at rest", seed, m.g.edges[m.guards[i].edge].name, n)
		}
	}
	for i := range m.replicas {
		if n := m.replicas[i].busy; n != 0 {
			t.Errorf("seed %d: %d workers are busy at rest", seed, n)
		}
	}
}

// TestReplicateIsTheSameForAnyWorkers: results do not depend on who made them.
func TestReplicateIsTheSameForAnyWorkers(t *testing.T) {
	p := randomPipeline(3)
	var want string
	for _, workers := range []int{1, 2, 8} {
		rs, err := Replicate(t.Context(), p, replicate.Plan{N: 8, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, r := range rs {
			fmt.Fprintf(&got, "%d %+v %+v %+v %d\n", r.Seed, r.Requests, r.Edges, r.Breakers, r.KernelEvents)
		}
		if want == "" {
			want = got.String()
		} else if got.String() != want {
			t.Errorf("%d workers made something else than one", workers)
		}
	}
	if strings.Count(want, "\n") != 8 {
		t.Error("not eight results")
	}
}

// TestRunEndsWithItsContext: ctrl+c in the middle ends a run with an error.
func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err := Run(ctx, gatewayModel(1000, time.Millisecond), Options{OnRequest: func(Answer) {
		if n++; n == 5000 {
			cancel()
		}
	}})
	if err == nil || n > 20_000 {
		t.Errorf("%v after %d requests", err, n)
	}
}
