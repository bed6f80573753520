package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim/fit"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/replicate"
)

// CounterfactualOfPipeline is CounterfactualOf by a pipeline of the description
// language, as a fit makes one of a recording: its own faults and policies are what a
// finding is left out of. What is counted is requests of all of its clients that
// failed.
func CounterfactualOfPipeline(ctx context.Context, p *pipeline.Pipeline, v *incident.View, o Options) (*Counterfactual, error) {
	a := cause.Analyze(v, cause.Options{})
	c := &Counterfactual{Scenario: p.Name, Counts: "requests that failed", Seeds: o.Seeds}
	for _, e := range a.Endpoints {
		c.Observed += e.Failed
	}
	if a.Impact.Length() == 0 || c.Observed == 0 {
		return nil, ErrNoImpact
	}
	runs := []*pipeline.Pipeline{p}
	for _, f := range a.Findings {
		changed := without(p)
		left, err := changed.leaveOut(f)
		if err == nil {
			err = pipeline.Check(changed.Pipeline)
		}
		if c.plan(f, left, err) {
			runs = append(runs, changed.Pipeline)
		}
	}
	err := c.run(ctx, o, func(ctx context.Context, run, n int) (night, error) {
		own := *runs[run]
		own.Seed = replicate.Seed(p.Seed, n) // the same customers in all
		r, err := pipeline.Run(ctx, &own, pipeline.Options{})
		if err != nil {
			return night{}, err
		}
		var one night
		for _, q := range r.Requests {
			one.arrived += int64(q.Started)
			one.completed += int64(q.OK + q.Late) // a gateway's log calls late ones a success
			one.failed += int64(q.Failed - q.Late + q.Rejected)
			one.inFlight += int64(q.InFlight)
		}
		return one, nil
	})
	if err != nil {
		return nil, fmt.Errorf("counterfactual of %s: %w", p.Name, err)
	}
	c.Books = append([]Balance{seen(v, a.Impact, func(incident.Endpoint) bool { return true })}, c.Books...)
	return c, nil
}

// described is a pipeline that may be changed without changing the one it was made of.
type described struct{ *pipeline.Pipeline }

func without(p *pipeline.Pipeline) described {
	own := *p
	own.Policies = p.Policies.Clone()
	own.Faults = slices.Clone(p.Faults)
	own.Services = slices.Clone(p.Services)
	for i := range own.Services {
		own.Services[i].Pools = slices.Clone(own.Services[i].Pools)
	}
	return described{&own}
}

// leaveOut changes the pipeline so that what a finding names is not in it, and says
// what was done.
func (d described) leaveOut(f incident.Finding) (string, error) {
	switch f.Cause {
	case "lock_root", "queued_access_exclusive", "idle_in_transaction":
		return d.withoutLock(f)
	case "slow_dependency", "path_delay":
		return d.withoutFaults("slowness", func(x *pipeline.Fault) bool {
			return x.What == pipeline.Slow || x.What == pipeline.BlackHole || x.What == pipeline.LockTable && x.Table == fit.GateName
		})
	case "traffic_step":
		return d.withoutFaults("traffic step", func(x *pipeline.Fault) bool { return x.What == pipeline.Traffic })
	case "call_without_deadline":
		return d.onEdge(f.Subject.Edge, "deadline", "5s", "with a deadline of 5 s")
	case "no_keepalive":
		return d.onEdge(f.Subject.Edge, "keepalive", "20s", "with keepalive every 20 s")
	case "retry_amplification":
		return d.onEdge(f.Subject.Edge, "attempts", "1", "without retries")
	case "breaker_open":
		return d.onEdge(f.Subject.Edge, "breaker", "none", "without a breaker")
	case "pool_exhausted":
		return d.withoutCeiling(f)
	}
	return "", fmt.Errorf("pipeline %s does not say how to do without it", d.Name)
}

func (d described) withoutFaults(name string, is func(*pipeline.Fault) bool) (string, error) {
	before := len(d.Faults)
	d.Faults = slices.DeleteFunc(d.Faults, func(x pipeline.Fault) bool { return is(&x) })
	if len(d.Faults) == before {
		return "", fmt.Errorf("pipeline %s has no %s among its faults", d.Name, name)
	}
	return "without the " + name, nil
}

// withoutLock leaves out the lock of the finding's table and mode; where no fault has
// that mode, all of the table's.
func (d described) withoutLock(f incident.Finding) (string, error) {
	mode, known := pglock.Parse(f.Subject.Mode)
	table := func(x *pipeline.Fault) bool { return x.What == pipeline.LockTable && x.Table == f.Subject.Relation }
	exact := func(x *pipeline.Fault) bool { return table(x) && x.Mode == mode }
	is := table
	if known && slices.ContainsFunc(d.Faults, func(x pipeline.Fault) bool { return exact(&x) }) {
		is = exact
	}
	return d.withoutFaults("lock on "+f.Subject.Relation, is)
}

func (d described) onEdge(edge, field, value, words string) (string, error) {
	if !slices.Contains(pipeline.EdgeNames(d.Pipeline), edge) {
		return "", fmt.Errorf("pipeline %s has no edge %s", d.Name, edge)
	}
	if d.Policies == nil {
		d.Policies = policy.Edges{}
	}
	if _, given := d.Policies[edge]; !given {
		d.Policies[edge] = policy.Policy{}
	}
	if err := d.Policies.Set(edge+"."+field, value); err != nil {
		return "", err
	}
	return words + " on " + edge, nil
}

// withoutCeiling lets the pools of a service never run out; the finding names the
// application that its sessions gave.
func (d described) withoutCeiling(f incident.Finding) (string, error) {
	var names []string
	for i := range d.Services {
		s := &d.Services[i]
		for j := range s.Pools {
			p := &s.Pools[j]
			full := s.Name + "." + p.Name
			if p.Size != pipeline.Unbounded && (s.Name == f.Subject.Pool || p.Name == f.Subject.Pool || full == f.Subject.Pool) {
				p.Size = pipeline.Unbounded
				names = append(names, full)
			}
		}
	}
	if len(names) == 0 {
		return "", fmt.Errorf("pipeline %s has no bounded pool %s", d.Name, f.Subject.Pool)
	}
	return "with no bound on " + strings.Join(names, ", "), nil
}
