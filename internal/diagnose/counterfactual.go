package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
)

// LeastSeeds is how many nights a counterfactual needs for its ranges to mean
// something.
const LeastSeeds = 20

// Bounds within which a cause explains, and outside of which it contributes.
const (
	leastNecessity                    = 0.8
	leastSufficiency, mostSufficiency = 0.7, 1.3
)

// ErrNoImpact means that there is nothing whose cause could be left out.
var ErrNoImpact = errors.New("no orders failed in an impact, so there is nothing to do without a cause")

// Counterfactual is the fitted scenario run with everything that was found (A) and,
// for each finding, without it (B), the same customers in both.
type Counterfactual struct {
	Scenario string
	Counts   string // what is counted: "orders not accepted", "requests that failed"
	Seeds    int
	Observed int64 // by the evidence
	With     Range // in A
	Fitted   bool  // A has about as many as were seen
	Without  []Without
	Skipped  []Skipped // findings that the scenario cannot do without
	Books    []Balance // of what was seen, of A, and of each B
	Tries    *Tries    // nil when nothing counts the gateway's calls
}

// Range is a figure over the nights.
type Range struct{ Mean, P5, P95 float64 }

// Without is the same nights without one finding.
type Without struct {
	Finding     incident.Finding
	Left        string // what was left out or put in: "without the lock"
	Failed      Range  // of them in B
	Necessity   Range  // 1 - B/A, night by night
	Sufficiency Range  // A/observed
}

// Explains is the word for it: contributes, unless most of the impact goes with the
// cause and the nights with it have about the impact that was seen.
func (w Without) Explains() bool { return explains(w.Necessity.Mean, w.Sufficiency.Mean) }

func explains(necessity, sufficiency float64) bool {
	return necessity >= leastNecessity && sufficiency >= leastSufficiency && sufficiency <= mostSufficiency
}

// Skipped is a finding that was not simulated, and why.
type Skipped struct {
	Finding incident.Finding
	Why     string
}

// Balance is the conservation of requests: what arrived is done, failed or under
// way. Nights are added up.
type Balance struct {
	Of                string
	Before            int64 // under way when the counting began
	Arrived           int64
	Completed, Failed int64
	InFlight          int64 // under way at its end
}

// Holds says that nothing was lost and nothing came from nowhere.
func (b Balance) Holds() bool { return b.Before+b.Arrived == b.Completed+b.Failed+b.InFlight }

// Tries are the gateway's calls for the requests that it logged.
type Tries struct {
	Calls, Requests int64
	Most            int // that the gateway makes of one request
}

// Each is how many calls there were for one request.
func (t Tries) Each() float64 { return float64(t.Calls) / float64(t.Requests) }

// Fits says that there are no fewer than requests and no more than the gateway makes,
// but for the few that the two readings cut differently at their ends.
func (t Tries) Fits() bool { return t.Each() >= 0.9 && t.Each() <= 1.1*float64(t.Most) }

// Passed are the findings whose counterfactual was run, by their ID: whether they
// explain. It is what cause.Options wants.
func (c *Counterfactual) Passed() map[string]bool {
	passed := map[string]bool{}
	for _, w := range c.Without {
		passed[w.Finding.ID] = w.Explains()
	}
	return passed
}

// CounterfactualOf runs the scenario, with its trigger and restart where the evidence
// has them, with and without what each finding names. The number of workers changes
// nothing.
func CounterfactualOf(ctx context.Context, sc sim.Scenario, v *incident.View, o Options) (*Counterfactual, error) {
	a := cause.Analyze(v, cause.Options{})
	if orders := a.Extent.Orders; a.Impact.Length() == 0 || !orders.Known || orders.N == 0 {
		return nil, ErrNoImpact
	}
	if m, _, err := MarksOf(v); err == nil {
		sc = placed(sc, v, m)
	}
	c := &Counterfactual{Scenario: sc.Name, Counts: "orders not accepted", Seeds: o.Seeds, Observed: a.Extent.Orders.N}
	runs := []sim.Scenario{sc}
	for _, f := range a.Findings {
		changed := sc
		changed.Edges, changed.Faults = sc.Edges.Clone(), slices.Clone(sc.Faults)
		if left, err := leaveOut(&changed, f); c.plan(f, left, err) {
			runs = append(runs, changed)
		}
	}
	err := c.run(ctx, o, func(ctx context.Context, run, n int) (night, error) {
		r, err := scenario.Run(ctx, scenario.Replication(runs[run], n), scenario.Observers{})
		if err != nil {
			return night{}, err
		}
		// A late acceptance is no failure, for a gateway's log calls it a success.
		return night{
			arrived: int64(r.Orders.Started), completed: int64(r.Orders.Served + r.Orders.Late),
			failed: int64(r.Orders.Failed - r.Orders.Late), inFlight: int64(r.Orders.InFlightLeft),
		}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("counterfactual of %s: %w", sc.Name, err)
	}
	c.Tries = tries(&sc, &a)
	c.Books = append([]Balance{seen(v, a.Impact, func(e incident.Endpoint) bool { return e == checkout })}, c.Books...)
	return c, nil
}

// plan notes what is done without a finding, or why it cannot be; true when there is a
// run for it.
func (c *Counterfactual) plan(f incident.Finding, left string, err error) bool {
	if err != nil {
		c.Skipped = append(c.Skipped, Skipped{f, err.Error()})
		return false
	}
	c.Without = append(c.Without, Without{Finding: f, Left: left})
	return true
}

// night is what became of those who came in one run.
type night struct{ arrived, completed, failed, inFlight int64 }

// run makes the nights and weighs them: run 0 is as it was, run i without the finding
// i-1; nights count from 1.
func (c *Counterfactual) run(ctx context.Context, o Options, one func(ctx context.Context, run, n int) (night, error)) error {
	nights, err := replicate.Run(ctx, replicate.Plan{N: o.Seeds * (1 + len(c.Without)), Workers: o.Workers, Progress: o.Progress},
		func(ctx context.Context, i int) (night, error) { return one(ctx, (i-1)/o.Seeds, (i-1)%o.Seeds+1) })
	if err != nil {
		return err
	}
	with := nights[:o.Seeds]
	failed := failures(with)
	sufficiency := make([]float64, len(failed))
	for i, n := range failed {
		sufficiency[i] = n / float64(c.Observed)
	}
	c.With = rangeOf(failed)
	explained := rangeOf(sufficiency)
	c.Fitted = explained.Mean >= leastSufficiency && explained.Mean <= mostSufficiency
	c.Books = append(c.Books, books("A, as it was", with))
	for i := range c.Without {
		w := &c.Without[i]
		without := nights[(i+1)*o.Seeds : (i+2)*o.Seeds]
		left := failures(without)
		necessity := make([]float64, len(left))
		for n := range left {
			necessity[n] = 1 - left[n]/max(1, failed[n])
		}
		w.Failed, w.Necessity, w.Sufficiency = rangeOf(left), rangeOf(necessity), explained
		c.Books = append(c.Books, books("B, "+w.Left, without))
	}
	return nil
}

// leaveOut changes a scenario so that what a finding names is not in it, and says
// what was done.
func leaveOut(sc *sim.Scenario, f incident.Finding) (string, error) {
	faults := func(is func(sim.Fault) bool, name string) (string, error) {
		before := len(sc.Faults)
		sc.Faults = slices.DeleteFunc(sc.Faults, is)
		if len(sc.Faults) == before {
			return "", fmt.Errorf("scenario %s has no %s", sc.Name, name)
		}
		return "without the " + name, nil
	}
	onEdge := func(field, value, words string) (string, error) {
		if _, ok := sc.Edges[f.Subject.Edge]; !ok {
			return "", fmt.Errorf("scenario %s has no edge %s", sc.Name, f.Subject.Edge)
		}
		if err := sc.Edges.Set(f.Subject.Edge+"."+field, value); err != nil {
			return "", err
		}
		return words + " on " + f.Subject.Edge, nil
	}
	switch f.Cause {
	case "lock_root", "queued_access_exclusive", "idle_in_transaction":
		return faults(func(x sim.Fault) bool { _, is := x.(sim.LockTable); return is }, "lock")
	case "slow_dependency", "path_delay":
		return faults(func(x sim.Fault) bool {
			switch x.(type) {
			case sim.SlowService, sim.SlowReserve, sim.BadNetwork, sim.BlackHole:
				return true
			}
			return false
		}, "slowness")
	case "call_without_deadline":
		return onEdge("deadline", "5s", "with a deadline of 5 s")
	case "no_keepalive":
		return onEdge("keepalive", "20s", "with keepalive every 20 s")
	case "retry_amplification":
		return onEdge("attempts", "1", "without retries")
	case "breaker_open":
		return onEdge("breaker", "none", "without a breaker")
	case "pool_exhausted":
		if sc.World.PoolSize >= unbounded {
			return "", fmt.Errorf("the pool of scenario %s is not bounded", sc.Name)
		}
		sc.World.PoolSize = unbounded
		return fmt.Sprintf("with a pool of %s", whole(unbounded)), nil
	}
	return "", fmt.Errorf("scenario %s does not say how to do without it", sc.Name)
}

// unbounded is a pool that no night fills.
const unbounded = 100_000

func failures(nights []night) []float64 {
	out := make([]float64, len(nights))
	for i, n := range nights {
		out[i] = float64(n.failed)
	}
	return out
}

func rangeOf(values []float64) Range {
	const level = 0.95
	return Range{Mean: output.Mean(values, level).Value, P5: output.Quantile(values, 0.05, level).Value, P95: output.Quantile(values, 0.95, level).Value}
}

// books is the conservation of all nights together.
func books(of string, nights []night) Balance {
	b := Balance{Of: of}
	for _, n := range nights {
		b.Arrived += n.arrived
		b.Completed += n.completed
		b.Failed += n.failed
		b.InFlight += n.inFlight
	}
	return b
}

// seen is the conservation of requests in the evidence, over the impact. What was
// under way at its ends is counted outside of it, so that the sum can fail: a log that
// lacks lines does not balance.
func seen(v *incident.View, w incident.Window, is func(incident.Endpoint) bool) Balance {
	b := Balance{Of: "the evidence, in the impact window"}
	v.EachBucket(incident.Window{}, func(x *incident.Bucket) {
		switch {
		case !is(x.Endpoint):
		case x.At.Before(w.From):
			b.Before += x.Started - x.Ended
		case !x.At.Before(w.To):
			b.InFlight += x.Ended - x.Started
		default:
			b.Arrived += x.Started
			if x.Failed() {
				b.Failed += x.Ended
			} else {
				b.Completed += x.Ended
			}
		}
	})
	return b
}

// tries holds the calls that the gateway's counters have against the requests of its
// log: two countings of one stream.
func tries(sc *sim.Scenario, a *incident.Analysis) *Tries {
	t := Tries{Most: max(1, sc.Edges["gateway.order"].Retry.Attempts)}
	for _, d := range a.Extent.Dependents {
		for _, e := range d.Calls {
			if e.Caller == "gateway" && e.Callee == "order" && e.Method == "Checkout" {
				t.Calls = e.Begun
			}
		}
	}
	for _, e := range a.Endpoints {
		if e.Endpoint == checkout {
			t.Requests = e.Requests
		}
	}
	if t.Calls == 0 || t.Requests == 0 {
		return nil
	}
	return &t
}
