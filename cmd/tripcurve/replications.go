package main

import (
	"context"
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tripcurve/internal/export/simulation"
	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// replications are the flags that say how often a scenario is run again.
type replications struct {
	seeds     int
	precision float64 // 0 for none
}

// mostSeeds keeps a mistyped number from filling the memory: a run's result takes
// some 200 KB.
const mostSeeds = 10_000

func (f *replications) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.seeds, "seeds", 30, "other seeds to run; with --precision at most so many; 0 runs none")
	cmd.Flags().Float64Var(&f.precision, "precision", 0, "stop when the 95 % interval of the orders that failed is at most this share of their mean to each side, such as 0.05")
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "others" { // its name until it said more than a range
			name = "seeds"
		}
		return pflag.NormalizedName(name)
	})
}

func (f *replications) check() error {
	switch {
	case f.seeds < 0 || f.seeds > mostSeeds:
		return badInput("--seeds %d: expected 0 to %d", f.seeds, mostSeeds)
	case !(f.precision >= 0 && f.precision < 1):
		return badInput("--precision %g: expected a share from 0 to less than 1, such as 0.05", f.precision)
	case f.precision > 0 && f.seeds < output.LeastReplications:
		return badInput("--precision needs --seeds %d or more, not %d", output.LeastReplications, f.seeds)
	}
	return nil
}

// run makes the replications on all cores; how far it is goes to stderr when it
// takes longer than a moment and stderr is a terminal.
func (f *replications) run(ctx context.Context, stderr io.Writer, sc sim.Scenario) ([]*sim.Result, output.Stop, error) {
	progress, begun := bar.New(stderr, "other seeds"), time.Now()
	defer progress.Clear()
	p := replicate.Plan{N: f.seeds, Workers: runtime.NumCPU(), Progress: func(done, _ int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(f.seeds))
		}
	}}
	if f.precision == 0 {
		rs, err := scenario.Replicate(ctx, sc, p)
		return rs, output.GoOn, err
	}
	rule := output.Rule{Relative: f.precision, Most: f.seeds, Level: output.Level}
	return scenario.ReplicateUntil(ctx, sc, p, rule, simulation.Failed)
}
