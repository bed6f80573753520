package main

import (
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export/matrix"
	"tripcurve/sim"
	"tripcurve/sim/failmode"
	"tripcurve/tui/bar"
)

// matrixSeeds is how many nights each failure mode gets unless told otherwise: a mode
// passes when all do.
const matrixSeeds = 3

// matrix runs the failure modes over the load and the world of sc.
func (a *app) matrix(cmd *cobra.Command, sc sim.Scenario, f *compareFlags) error {
	defer hurry()()
	seeds := matrixSeeds
	if cmd.Flags().Changed("seeds") {
		seeds = f.seeds
	}
	switch {
	case seeds < 1 || seeds > mostCompared:
		return badInput("--seeds %d: expected 1 to %d", seeds, mostCompared)
	case f.cores < 1 || f.cores > mostCompared:
		return badInput("--workers %d: expected 1 to %d", f.cores, mostCompared)
	case len(f.only) > 0 || f.own.given() || f.tip || f.plot != "" || f.pareto != "":
		return badInput("--matrix compares the code as it was written then with ours; --only, --policy, --set, --tipping, --plot and --pareto belong to the remedies")
	}
	progress, begun := bar.New(a.stderr, "failure modes"), time.Now()
	rows, err := failmode.Run(cmd.Context(), sc, failmode.Options{Seeds: seeds, Workers: f.cores, Progress: func(done, of int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(of))
		}
	}})
	progress.Clear()
	switch {
	case err != nil && cmd.Context().Err() != nil:
		return badInput("compare: interrupted; nothing was written")
	case err != nil:
		return err
	}
	rep := matrix.New(sc.Name, seeds, rows)
	var text []byte
	switch f.format {
	case "json":
		text, err = rep.JSON()
	case "csv":
		text, err = rep.CSV()
	case "md":
		text = rep.Markdown()
	default:
		text = []byte(rep.Text())
	}
	if err != nil {
		return err
	}
	if _, err := a.stdout.Write(text); err != nil {
		return err
	}
	if rep.Failing("ours") > 0 {
		return exitError{code: exitFindings}
	}
	return nil
}
