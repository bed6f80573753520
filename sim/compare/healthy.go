package compare

import (
	"context"
	"maps"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/curve"
)

// HealthyShare is the share of calls that fail by chance on the healthy day on
// which false trips are counted.
const HealthyShare = 0.01

// day is the healthy day of one breaker under the calls of one edge, and the rows
// that have it. It is played on the machine alone.
type day struct {
	setting curve.Setting
	rate    float64 // calls per second
	rows    []int
}

// healthyDays are the days to play for the breakers of all rows: each breaker once
// for each rate. A row that has one breaker several times has the day as often.
func healthyDays(scenarios []sim.Scenario) (days []day) {
	for row, sc := range scenarios {
		for _, b := range breakersOf(sc) {
			i := slices.IndexFunc(days, func(d day) bool {
				return d.rate == b.rate && d.setting.Library == b.setting.Library && d.setting.Timeout == b.setting.Timeout &&
					maps.Equal(d.setting.Params, b.setting.Params)
			})
			if i < 0 {
				days, i = append(days, day{setting: b.setting, rate: b.rate}), len(days)
			}
			days[i].rows = append(days[i].rows, row)
		}
	}
	return days
}

// standing is one breaker in a scenario under its share of the calls.
type standing struct {
	setting curve.Setting
	rate    float64
}

// breakersOf is every breaker of a scenario: each replica of the order service has
// its own.
func breakersOf(sc sim.Scenario) (all []standing) {
	for _, edge := range slices.Sorted(maps.Keys(sc.Edges)) {
		n := 1
		if edge == order.EdgeInventory || edge == order.EdgePayment {
			n = sc.World.Replicas()
		}
		for i := range n {
			p := sc.Edges[edge]
			if other, ok := sc.Rollout.Edges[edge]; ok && i < sc.Rollout.Replicas {
				p = other
			}
			rate := rateOf(sc, edge) / float64(n)
			if s, ok := breakerOf(edge, p); ok && rate > 0 {
				all = append(all, standing{s, rate})
			}
		}
	}
	return all
}

// breakerOf is the breaker of an edge; false where there is none.
func breakerOf(edge string, p policy.Policy) (curve.Setting, bool) {
	if p.Breaker.Library == "" {
		return curve.Setting{}, false
	}
	s := curve.OfPolicy(edge, p)
	return s, s.Check() == nil
}

// rateOf is the calls per second on an edge while all is well: one for each customer
// of its route, and one for each order behind the counter.
func rateOf(sc sim.Scenario, edge string) float64 {
	of := sc.Checkouts
	switch edge {
	case gateway.EdgeInventory:
		of = sc.InventoryReads
	case gateway.EdgeOrderRead:
		of = sc.OrderReads
	}
	return (of.From + of.To) / 2
}

// trips is how often the breaker opens on its day.
func (d day) trips(ctx context.Context, seed uint64) (float64, error) {
	o := curve.Defaults()
	o.Rate, o.Seed, o.Seeds = d.rate, seed, 1
	o.Healthy, o.HealthyLength = []float64{HealthyShare}, 24*time.Hour
	// The machine is asked for its healthy day; the curve beside it is kept short.
	o.Modes, o.Shares, o.WarmUp, o.Horizon = []curve.Mode{curve.Errors}, []float64{1}, 0, time.Second
	r, err := curve.Compute(ctx, []curve.Setting{d.setting}, o, nil)
	if err != nil {
		return 0, err
	}
	return r.Healthy[0].PerDay(), nil
}
