package scenario

import (
	"context"

	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
)

// Replication is the scenario as its n-th replication runs it, counted from 1: the
// same in all but the seed, which follows from the scenario's own (replicate.Seed).
// So two scenarios of one seed that differ in a policy meet the same customers in
// their n-th replications, and the difference of the two is a paired one.
func Replication(sc sim.Scenario, n int) sim.Scenario {
	sc.Seed = replicate.Seed(sc.Seed, n)
	return sc
}

// RunSeeds is the results of the scenario's first n replications, in their order,
// made by so many workers (at least one). The answer does not depend on their
// number. The scenario's own seed is not among them: it may have been chosen.
func RunSeeds(ctx context.Context, sc sim.Scenario, n, workers int) ([]*sim.Result, error) {
	return Replicate(ctx, sc, replicate.Plan{N: n, Workers: workers})
}

// Replicate is RunSeeds by a plan.
func Replicate(ctx context.Context, sc sim.Scenario, p replicate.Plan) ([]*sim.Result, error) {
	return replicate.Run(ctx, p, replication(sc))
}

// ReplicateUntil makes replications until the interval of one measure of theirs is
// as narrow as the rule asks, or its budget is spent.
func ReplicateUntil(ctx context.Context, sc sim.Scenario, p replicate.Plan, rule output.Rule, measure func(*sim.Result) float64) ([]*sim.Result, output.Stop, error) {
	return replicate.Until(ctx, p, rule, measure, replication(sc))
}

func replication(sc sim.Scenario) func(context.Context, int) (*sim.Result, error) {
	return func(ctx context.Context, n int) (*sim.Result, error) {
		return Run(ctx, Replication(sc, n), Observers{})
	}
}
