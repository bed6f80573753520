package pipeline

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// gatewayModel is a gateway before an order service before an inventory with a pool
// of connections, every call with a deadline of 5 s: the path of a checkout, as
// Poisson arrivals at so many per second. work is how long the order service takes,
// which sets how many requests are live at a time.
func gatewayModel(perSecond float64, work time.Duration) *Pipeline {
	deadline := policy.Policy{Deadline: 5 * time.Second, Cancel: policy.Propagate}
	return &Pipeline{
		Name: "gateway", Seed: 1, Start: time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC), Length: time.Hour, Network: sim.Fixed(300 * time.Microsecond),
		Services: []Service{
			{Name: "gateway", Backlog: Unbounded, Endpoints: []Endpoint{{"checkout", []Step{{Kind: Call, To: "order.checkout", Share: 1}}}}},
			{Name: "order", Backlog: Unbounded, Endpoints: []Endpoint{{"checkout", []Step{
				{Kind: Work, Time: sim.Dist{Shape: sim.Exponential, A: work}, Share: 1},
				{Kind: Call, To: "inventory.reserve", Share: 1},
			}}}},
			{
				Name: "inventory", Backlog: Unbounded, Pools: []Pool{{Name: "postgres", Size: 100}},
				Endpoints: []Endpoint{{"reserve", []Step{{Kind: Query, Pool: "postgres", Time: sim.Dist{Shape: sim.Exponential, A: 1500 * time.Microsecond}, Share: 1}}}},
			},
		},
		Policies: policy.Edges{"gateway.order": deadline, "order.inventory": deadline, "inventory.postgres": {Cancel: policy.Propagate}},
		Clients:  []Client{{Name: "shoppers", Requests: []string{"gateway.checkout"}, Rate: sim.Steady(perSecond)}},
	}
}

// BenchmarkStepPrograms runs the gateway model in the steady state: whatever a
// request needs has been made when the clock starts, so nothing may be allocated.
// An event is one dispatch of the kernel, as in BenchmarkHandlers; a deadline that
// was met is none.
func BenchmarkStepPrograms(b *testing.B) {
	for _, c := range []struct {
		name string
		rate float64
		work time.Duration
	}{
		{"live-50", 10_000, time.Millisecond},
		{"live-1e3", 10_000, 100 * time.Millisecond},
		{"live-1e5", 50_000, 2 * time.Second},
	} {
		b.Run(c.name, func(b *testing.B) { steady(b, gatewayModel(c.rate, c.work), 12*time.Second) })
	}
}

// steady measures a pipeline after so much virtual time.
func steady(b *testing.B, p *Pipeline, warm time.Duration) {
	b.Helper()
	if err := Check(p); err != nil {
		b.Fatal(err)
	}
	m, err := newMachine(p, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.k.Close()
	run := func(d time.Duration) {
		if err := m.k.Run(context.Background(), m.k.Now()+vtime.Time(d)); err != nil {
			b.Fatal(err)
		}
	}
	run(warm)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from, began := m.k.Events(), cpuTime(b)
	for b.Loop() {
		run(100 * time.Millisecond)
	}
	cpu := cpuTime(b) - began
	runtime.ReadMemStats(&after)
	events := float64(m.k.Events() - from)
	b.ReportMetric(events/cpu.Seconds()/1e6, "Mevents/cpu_s")
	b.ReportMetric(events/b.Elapsed().Seconds()/1e6, "Mevents/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/events, "allocs/event")
	b.ReportMetric(float64(m.rec.kinds[0].inFlight), "live")
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
