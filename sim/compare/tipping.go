package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// Watched is how long after the trigger's end a run is watched for its recovery: 20
// times the longest a policy of the night waits for is 600 s, and TCP gives up a
// connection with data on its way after some 925.
const Watched = 1200 * time.Second

// warmUp is the healthy traffic before the trigger.
const warmUp = time.Minute

// The ranges in which tipping points are looked for, and how near the two sides of
// one come to each other.
const (
	ShortestHold, LongestHold = 2.0, 600.0 // s
	leastLoad, MostLoad       = 0.05, 4.0  // times the scenario's own
	nearness                  = 1.03
)

// idleByItself is how many gaps between two calls may be expected in a run that are
// so long that the balancer drops the flow though all is well. At a load with more
// of them the pipeline is stuck without any trigger.
const idleByItself = 0.05

// ErrNoTrigger is a scenario without a lock whose length could be changed.
var ErrNoTrigger = errors.New("nothing is locked in it, so there is no trigger that could tip it")

// Tipping is where a scenario tips under each remedy.
type Tipping struct {
	Scenario sim.Scenario
	Seeds    int
	Rows     []TippingRow
}

// TippingRow is one remedy: how long the lock may be held, and at how much of the
// load a lock of the scenario's own length may be, before more than half of the runs
// no longer recover by themselves.
type TippingRow struct {
	Remedy     Remedy
	Hold, Load Threshold // s; times the scenario's own arrivals
	LeastLoad  float64   // from which on was looked: below it flows are idle by themselves
}

// Loop is what keeps the remedy down where it tips, in words; empty where it never
// does.
func (r TippingRow) Loop() string { return cmp.Or(r.Hold.loop, r.Load.loop) }

// Threshold is where P(no recovery) reaches one half.
type Threshold struct {
	// Below recovers in more than half of the runs, Above in half of them or less.
	// Of a scenario that does not tip in the range Below is its upper end and there is
	// no Above; of one that always has tipped Above is the lower end and there is no
	// Below.
	Below, Above *Point
	loop         string // of a run that is stuck at Above
}

// Point is one value and the share of runs that did not recover, with Wilson's
// interval.
type Point struct {
	At    float64
	Stuck output.Interval
	loop  string
}

// Tip looks for the tipping points by bisection. The n-th run of every point has the
// same customers.
func Tip(ctx context.Context, sc sim.Scenario, remedies []Remedy, o Options) (*Tipping, error) {
	if o.Seeds < 2 {
		return nil, fmt.Errorf("%d seeds: expected 2 at least", o.Seeds)
	}
	lock, ok := firstLock(sc)
	if !ok {
		return nil, fmt.Errorf("scenario %s: %w", sc.Name, ErrNoTrigger)
	}
	t := &Tipping{Scenario: sc, Seeds: o.Seeds}
	for i, r := range remedies {
		row := TippingRow{Remedy: r, LeastLoad: busyFrom(r.Apply(triggered(sc, lock, lock.Hold, 1)))}
		s := search{ctx, o}
		tell := func(done int) {
			if o.Progress != nil {
				o.Progress(done, 2*len(remedies))
			}
		}
		var err error
		row.Hold, err = threshold(ShortestHold, LongestHold, func(hold float64) (*Point, error) {
			return s.point(hold, r.Apply(triggered(sc, lock, time.Duration(hold*float64(time.Second)), 1)))
		})
		tell(2*i + 1)
		if err == nil {
			row.Load, err = threshold(row.LeastLoad, MostLoad, func(load float64) (*Point, error) {
				return s.point(load, r.Apply(triggered(sc, lock, lock.Hold, load)))
			})
		}
		tell(2*i + 2)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

func firstLock(sc sim.Scenario) (sim.LockTable, bool) {
	for _, f := range sc.Faults {
		if lock, ok := f.(sim.LockTable); ok {
			return lock, true
		}
	}
	return sim.LockTable{}, false
}

// triggered is a scenario with that lock, held for so long, as its only fault: nobody
// restarts anything. Its arrivals are so many times its own.
func triggered(sc sim.Scenario, lock sim.LockTable, hold time.Duration, load float64) sim.Scenario {
	lock.At, lock.Hold = warmUp, hold
	sc.Faults = []sim.Fault{lock}
	sc.Length = warmUp + hold + Watched
	sc.Scale(load)
	return sc
}

// busyFrom is the least multiple of a scenario's arrivals at which hardly any flow
// of order -> inventory is ever idle for so long that it is dropped: the expected
// number of such gaps in a run, whose calls are Poisson, is rate * length * exp(-rate * idle).
func busyFrom(sc sim.Scenario) float64 {
	rate := (sc.Checkouts.From + sc.Checkouts.To) / 2 / float64(sc.World.Replicas())
	idle := sc.World.IdleDrop.Seconds()
	load := leastLoad
	for idle > 0 && rate > 0 && load < MostLoad && load*rate*sc.Length.Seconds()*math.Exp(-load*rate*idle) > idleByItself {
		load *= nearness
	}
	return min(load, MostLoad)
}

// search is how a tipping point is looked for.
type search struct {
	ctx context.Context
	o   Options
}

// threshold halves the range, in proportion, until both sides are near each other.
func threshold(lo, hi float64, point func(float64) (*Point, error)) (Threshold, error) {
	top, err := point(hi)
	if err != nil {
		return Threshold{}, err
	}
	if top.Stuck.Value < 0.5 {
		return Threshold{Below: top}, nil
	}
	bottom, err := point(lo)
	if err != nil {
		return Threshold{}, err
	}
	if bottom.Stuck.Value >= 0.5 {
		return Threshold{Above: bottom, loop: bottom.loop}, nil
	}
	t := Threshold{Below: bottom, Above: top, loop: top.loop}
	for t.Above.At/t.Below.At > nearness {
		middle, err := point(math.Sqrt(t.Below.At * t.Above.At))
		switch {
		case err != nil:
			return Threshold{}, err
		case middle.Stuck.Value < 0.5:
			t.Below = middle
		default:
			t.Above, t.loop = middle, middle.loop
		}
	}
	return t, nil
}

// point is the runs of one value.
func (s search) point(v float64, sc sim.Scenario) (*Point, error) {
	p := replicate.Plan{N: s.o.Seeds, Workers: s.o.Workers}
	loops, err := replicate.Run(s.ctx, p, func(ctx context.Context, n int) (string, error) {
		res, err := scenario.Run(ctx, scenario.Replication(sc, n), scenario.Observers{})
		if err != nil {
			return "", err
		}
		_, recovered, failed := res.Recovery()
		if undrained := res.Backlog != nil && res.Left.DrainedAfter < 0; !undrained && (recovered || !failed) {
			return "", nil
		}
		return loopOf(sc, res), nil
	})
	if err != nil {
		return nil, err
	}
	stuck, out := 0, &Point{At: v}
	for _, loop := range loops {
		if loop != "" {
			stuck++
			out.loop = cmp.Or(out.loop, loop)
		}
	}
	out.Stuck = output.Share(stuck, s.o.Seeds, output.Level)
	return out, nil
}
