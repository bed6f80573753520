package verify

import (
	"context"
	"math"
	"slices"
	"time"

	"tripcurve/services/lab"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// Measure is one thing that both worlds tell of. A value is NaN where it never
// came to it.
type Measure struct {
	Name string
	Unit string // "s", or "" for a share or a number
	Lab  float64
	// Mean and the range from Lo to Hi (5 to 95 %) are over the simulator's runs;
	// NaN when in most of them it never came to it.
	Mean, Lo, Hi float64
	// Least is what cannot be told apart: how finely the lab sees.
	Least float64
}

const (
	within = 0.10 // of the mean
	narrow = 0.25 // of the mean: a range no wider may speak for itself
	// looks is how finely the lab tells times: it looks that often, or a customer
	// comes.
	looks = 500 * time.Millisecond
	// Crossed is how many reservations of the lab may be orphans beside the simulator's:
	// on a real machine a commit and its caller's giving up cross now and then, most of
	// all when the lock goes and the pool's 20 statements end at once.
	Crossed = 3
)

// Agrees says whether the lab and the simulator tell the same: to a tenth of the
// mean, within a range no wider than a quarter of it, or to what cannot be told
// apart; or that neither ever came to it.
func (m Measure) Agrees() bool {
	if math.IsNaN(m.Lab) || math.IsNaN(m.Mean) {
		return math.IsNaN(m.Lab) && math.IsNaN(m.Mean)
	}
	off := math.Abs(m.Lab - m.Mean)
	return off <= within*m.Mean || off <= m.Least ||
		m.Lo <= m.Lab && m.Lab <= m.Hi && m.Hi-m.Lo <= narrow*m.Mean
}

// Agree says whether all do.
func Agree(all []Measure) bool {
	return !slices.ContainsFunc(all, func(m Measure) bool { return !m.Agrees() })
}

// Simulate runs the scenario under so many seeds, with the lab's customers in
// each of them.
func Simulate(ctx context.Context, sc lab.Scenario, seeds, workers int) ([]*sim.Result, error) {
	s, err := Simulated(sc)
	if err != nil {
		return nil, err
	}
	return scenario.RunSeeds(ctx, s, seeds, workers)
}

// Compare holds what the lab saw against the simulator's runs.
func Compare(sc lab.Scenario, seen *lab.Result, runs []*sim.Result) []Measure {
	first := sc.Trouble()
	after := func(start, at time.Time) float64 {
		if at.IsZero() {
			return math.NaN()
		}
		return at.Sub(start.Add(first)).Seconds()
	}
	full := func(d time.Duration) float64 {
		if d < 0 {
			return math.NaN()
		}
		return d.Seconds()
	}
	one := 1 / float64(max(1, seen.Orders.Started))
	return []Measure{
		measure("pool full after", "s", looks.Seconds(), full(seen.PoolFullAfter), runs, func(r *sim.Result) float64 { return full(r.PoolFullAfter) }),
		measure("failed share of checkouts", "", one, share(seen.Orders.Failed, seen.Orders.Started), runs,
			func(r *sim.Result) float64 { return share(r.Orders.Failed, r.Orders.Started) }),
		measure("recovered after", "s", looks.Seconds(), after(seen.Start, seen.RecoveredAt), runs,
			func(r *sim.Result) float64 { return after(r.Start, r.RecoveredAt) }),
		measure("most lock waiters", "", 1, float64(seen.WaitersMax), runs, func(r *sim.Result) float64 { return float64(r.LockWaitersMax) }),
		measure("orphan reservations", "", Crossed, float64(seen.Orphans), runs, func(r *sim.Result) float64 { return float64(r.Orphans) }),
	}
}

func share(n, of int) float64 { return float64(n) / float64(max(1, of)) }

func measure(name, unit string, least, seen float64, runs []*sim.Result, of func(*sim.Result) float64) Measure {
	m := Measure{Name: name, Unit: unit, Least: least, Lab: seen, Mean: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}
	var all []float64
	for _, r := range runs {
		if v := of(r); !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	if 2*len(all) <= len(runs) {
		return m
	}
	slices.Sort(all)
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	m.Mean = sum / float64(len(all))
	m.Lo, m.Hi = quantile(all, 0.05), quantile(all, 0.95)
	return m
}

// quantile is the smallest value that at least a share q does not exceed.
func quantile(sorted []float64, q float64) float64 {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
