package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/bundled/verify"
	"tripcurve/internal/diagnose"
	"tripcurve/internal/incident"
	"tripcurve/services/lab"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// labPrefix tells the lab's scenarios from the bundled ones.
const labPrefix = "lab:"

// worlds are the scenarios that a recording can be of.
func worlds() []string {
	names := slices.Clone(scenario.Names())
	for _, sc := range lab.Scenarios(scenario.Edges()) {
		if verify.Simulable(sc) {
			names = append(names, labPrefix+sc.Name)
		}
	}
	return names
}

// worldOf is the scenario of a name that --scenario was given.
func worldOf(name string) (sim.Scenario, error) {
	if sc, ok := scenario.ByName(name); ok {
		return sc, nil
	}
	if of, ok := strings.CutPrefix(name, labPrefix); ok {
		if sc, ok := lab.ByName(scenario.Edges(), of); ok {
			simulated, err := verify.Simulated(sc)
			if err != nil {
				return sim.Scenario{}, badInput("--scenario %s: %w", name, err)
			}
			return simulated, nil
		}
	}
	return sim.Scenario{}, badInput("--scenario %q: expected one of %s", name, strings.Join(worlds(), ", "))
}

// worldFlag names the scenario that a recording is of.
func worldFlag(cmd *cobra.Command, world *string) {
	cmd.Flags().StringVar(world, "scenario", "", "what a recorded FILE is of: a pipeline.yaml, such as `fit` writes, or "+strings.Join(worlds(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("scenario", cobra.FixedCompletions(worlds(), cobra.ShellCompDirectiveDefault))
}

// counterfactual runs what was found, and the same without each part of it.
func (a *app) counterfactual(ctx context.Context, arg string, v *incident.View, world string, seeds int) (*diagnose.Counterfactual, error) {
	defer hurry()()
	progress, begun := bar.New(a.stderr, "simulated nights"), time.Now()
	defer progress.Clear()
	c, err := a.counterfactualOf(ctx, arg, world, v, diagnose.Options{
		Seeds: seeds, Workers: runtime.NumCPU(),
		Progress: func(done, of int) {
			if time.Since(begun) > ask {
				progress.Set(int64(done), int64(of))
			}
		},
	})
	switch {
	case errors.Is(err, diagnose.ErrNoImpact):
		return nil, badInput("%s: nothing to simulate: %w", arg, err)
	case err != nil && ctx.Err() != nil:
		return nil, badInput("interrupted; nothing was written")
	}
	return c, err
}

// counterfactualOf is by the pipeline that a file describes, or by a scenario.
func (a *app) counterfactualOf(ctx context.Context, arg, world string, v *incident.View, o diagnose.Options) (*diagnose.Counterfactual, error) {
	if world != "" && isPipelineFile(world) {
		p, err := a.pipelineOf(world)
		if err != nil {
			return nil, err
		}
		return diagnose.CounterfactualOfPipeline(ctx, p, v, o)
	}
	sc, err := fitted(arg, world)
	if err != nil {
		return nil, err
	}
	return diagnose.CounterfactualOf(ctx, sc, v, o)
}

// fitted is the scenario that is fitted to what is analysed.
func fitted(arg, world string) (sim.Scenario, error) {
	if world == "" && arg == bundledName {
		world = scenario.INC2847().Name
	}
	if world == "" {
		return sim.Scenario{}, badInput("%s: no scenario is fitted to this recording, and without one nothing can be simulated without its cause; "+
			"`tripcurve fit %s -o pipeline.yaml` makes one for --scenario, which also takes %s", arg, arg, strings.Join(worlds(), ", "))
	}
	return worldOf(world)
}
