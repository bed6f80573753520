// Package failmode runs the failure modes beyond the incident itself, each as a
// scenario that passes or fails by a stated criterion, for the code as it was
// written then and for ours.
package failmode

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// Mode is one way of failing.
type Mode struct {
	ID, Name  string
	Happens   string  // in the scenario
	Criterion string  // by which it passes
	Guards    []Guard // what holds, where it passes

	// nights are the scenarios of one replication, of a base with its edges set.
	nights func(base sim.Scenario) []sim.Scenario
	// judge looks at their results, in the same order.
	judge func(sc []sim.Scenario, rs []*sim.Result) Finding
}

// Finding is what became of one replication.
type Finding struct {
	Pass     bool
	Measured string // the figure that decides, with its noun
	Figure   float64
}

// Cell is a mode under one configuration: it passes when every replication does.
type Cell struct {
	Config   string
	Passed   int
	Of       int
	Measured string // of the worst replication
	Figures  []float64
}

// Pass says that all replications did.
func (c Cell) Pass() bool { return c.Passed == c.Of }

// Row is a mode under every configuration.
type Row struct {
	Mode
	Cells []Cell
}

// Config is one way of writing the pipeline.
type Config struct {
	Name, What string
	apply      func(*sim.Scenario)
}

// Options say how Run works.
type Options struct {
	Seeds    int // replications of each cell, at least one
	Workers  int
	Progress func(done, of int) // may be nil
}

// Run fills the matrix over the load and the world of a scenario; its faults are not
// used, nor its policies but for those that neither configuration sets.
func Run(ctx context.Context, sc sim.Scenario, o Options) ([]Row, error) {
	modes, configs := Modes(), Configs()
	all, err := replicate.Run(ctx, replicate.Plan{N: len(modes) * len(configs) * o.Seeds, Workers: o.Workers, Progress: o.Progress},
		func(ctx context.Context, i int) (Finding, error) {
			m := modes[(i-1)/(len(configs)*o.Seeds)]
			c := configs[(i-1)/o.Seeds%len(configs)]
			base := scenario.Replication(sc, (i-1)%o.Seeds+1)
			base.Faults, base.Edges = nil, sc.Edges.Clone()
			c.apply(&base)
			nights := m.nights(base)
			rs := make([]*sim.Result, len(nights))
			for n, night := range nights {
				night.Name = sc.Name + " " + m.ID
				r, err := scenario.Run(ctx, night, scenario.Observers{})
				if err != nil {
					return Finding{}, fmt.Errorf("failure mode %s, %s: %w", m.ID, c.Name, err)
				}
				rs[n] = r
			}
			return m.judge(nights, rs), nil
		})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, m := range modes {
		row := Row{Mode: m}
		for j, c := range configs {
			first := (i*len(configs) + j) * o.Seeds
			out := Cell{Config: c.Name, Of: o.Seeds}
			for _, f := range all[first : first+o.Seeds] {
				if f.Pass {
					out.Passed++
				}
				out.Figures = append(out.Figures, f.Figure)
			}
			out.Measured = slices.MaxFunc(all[first:first+o.Seeds], worse).Measured
			row.Cells = append(row.Cells, out)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// worse orders findings: what failed after what passed, then by the figure.
func worse(a, b Finding) int {
	switch {
	case a.Pass && !b.Pass:
		return -1
	case !a.Pass && b.Pass:
		return 1
	}
	return cmp.Compare(a.Figure, b.Figure)
}

// Configs are the two, the older first.
func Configs() []Config {
	return []Config{
		{
			Name: "then", What: "the breaker of the postmortem's listing (opossum, 5 s, 50 %, 30 s) on order -> inventory alone; no deadline, no cancellation, no keepalive, no sweeping",
			apply: then,
		},
		{
			Name: "ours", What: "the same breaker on every call behind the gateway, with deadlines of 5 s, cancellation, keepalive, a retry budget, a fallback, and reservations that are swept",
			apply: ours,
		},
	}
}

// breaker is the one of the postmortem's factory.
func breaker(p *policy.Policy) {
	p.Breaker = policy.BreakerSpec{Library: "opossum", Params: map[string]string{
		"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000",
	}}
}

const (
	reserve  = "order.inventory"
	payments = "order.payment"
	shipping = "fulfillment.warehouse"
)

func change(sc *sim.Scenario, f func(*policy.Policy), edges ...string) {
	for _, name := range edges {
		p := sc.Edges[name]
		f(&p)
		sc.Edges[name] = p
	}
}

func then(sc *sim.Scenario) { change(sc, breaker, reserve) }

func ours(sc *sim.Scenario) {
	change(sc, func(p *policy.Policy) {
		breaker(p)
		p.Deadline = 5 * time.Second
	}, reserve, payments, shipping)
	change(sc, func(p *policy.Policy) { p.Deadline = 5 * time.Second }, "gateway.inventory", "gateway.order_read", "gateway.payment")
	change(sc, func(p *policy.Policy) { p.Cancel = policy.Propagate }, sc.Edges.Names()...)
	change(sc, func(p *policy.Policy) {
		p.Keepalive = policy.Keepalive{Time: 20 * time.Second, Timeout: 10 * time.Second, WithoutCalls: true}
		p.TCPKeepalive = 15 * time.Second
		p.Fallback = true
	}, reserve)
	change(sc, func(p *policy.Policy) {
		p.Retry.Base, p.Retry.Max, p.Retry.Jitter, p.Retry.Budget = 100*time.Millisecond, 2*time.Second, 0.5, 0.2
	}, "gateway.order")
	sc.World.MinPing = 10 * time.Second
	sc.World.Sweep = time.Minute
}
