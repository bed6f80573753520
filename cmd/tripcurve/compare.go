package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	export "tripcurve/internal/export/compare"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/sim/compare"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// compareFlags are what tripcurve compare is asked for.
type compareFlags struct {
	only   []string
	list   bool
	seeds  int
	seed   uint64
	cores  int
	format string
	own    policyFlags
}

// mostCompared keeps a mistyped number from taking hours.
const mostCompared = 1000

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	scenarios := strings.Join(scenario.Names(), ", ")
	cmd := &cobra.Command{
		Use:   "compare SCENARIO",
		Short: "the remedies of an incident side by side",
		Long: `Runs a bundled scenario (` + scenarios + `) under every remedy, each over the same customers, and says
what each does to the checkouts that are not served, to the outage, to the waits and to the rest, with
5-95 % ranges over --seeds runs and paired differences to today. --list names the remedies, --only
chooses some. --policy and --set add a row of your own, "yours".`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list && len(args) == 0 {
				return nil
			}
			return oneArg("a scenario ("+scenarios+")")(cmd, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return scenario.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return a.listRemedies()
			}
			sc, ok := scenario.ByName(args[0])
			if !ok {
				return badInput("no scenario is called %q; expected one of %s", args[0], scenarios)
			}
			if cmd.Flags().Changed("seed") {
				sc.Seed = f.seed
			}
			return a.compare(cmd.Context(), sc, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "remedies to compare with today, by their names (default all)")
	flags.BoolVar(&f.list, "list", false, "name the remedies and what each changes")
	flags.IntVar(&f.seeds, "seeds", 20, "runs of each remedy")
	flags.Uint64Var(&f.seed, "seed", scenario.Seed, "seed from which the runs' seeds follow")
	flags.IntVar(&f.cores, "workers", runtime.NumCPU(), "cores to use; the answer does not depend on it")
	flags.Lookup("workers").DefValue = "all"
	f.own.add(cmd)
	formatFlag(cmd, &f.format, "text", "json", "csv", "md")
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(compare.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) listRemedies() error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, r := range compare.Remedies() {
		fmt.Fprintf(w, "%s\t%s\n", r.Name, r.What)
	}
	return w.Flush()
}

// remedies are those that are asked for.
func (f *compareFlags) remedies(today sim.Scenario) ([]compare.Remedy, error) {
	remedies := compare.Remedies()
	if len(f.only) > 0 {
		remedies = nil
		for _, name := range f.only {
			r, ok := compare.ByName(strings.TrimSpace(name))
			if !ok {
				return nil, badInput("--only: %w", policy.Unknown("remedy", name, compare.Names()))
			}
			if !slices.ContainsFunc(remedies, func(had compare.Remedy) bool { return had.Name == r.Name }) {
				remedies = append(remedies, r)
			}
		}
	}
	if f.own.given() {
		edges, err := f.own.apply(today.Edges.Clone())
		if err != nil {
			return nil, err
		}
		remedies = append(remedies, compare.Remedy{Name: "yours", What: redact.Line(f.own.what()), Apply: func(sc sim.Scenario) sim.Scenario {
			sc.Edges = edges
			return sc
		}})
	}
	return remedies, nil
}

// what is the flags' policy in words.
func (f *policyFlags) what() string {
	var parts []string
	if f.file != "" {
		parts = append(parts, "--policy "+f.file)
	}
	for _, s := range f.sets {
		parts = append(parts, "--set "+s)
	}
	return strings.Join(parts, " ")
}

func (a *app) compare(ctx context.Context, sc sim.Scenario, f *compareFlags) error {
	switch {
	case f.seeds < 2 || f.seeds > mostCompared:
		return badInput("--seeds %d: expected 2 to %d", f.seeds, mostCompared)
	case f.cores < 1 || f.cores > mostCompared:
		return badInput("--workers %d: expected 1 to %d", f.cores, mostCompared)
	}
	remedies, err := f.remedies(sc)
	if err != nil {
		return err
	}
	defer hurry()()
	progress, begun := bar.New(a.stderr, "remedies"), time.Now()
	c, err := compare.Run(ctx, sc, remedies, compare.Options{Seeds: f.seeds, Workers: f.cores, Progress: func(done, of int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(of))
		}
	}})
	progress.Clear()
	switch {
	case ctx.Err() != nil:
		return badInput("compare: interrupted; nothing was written")
	case err != nil:
		return badInput("compare: %w", err)
	}
	rep := export.New(c)
	var data []byte
	switch f.format {
	case "json":
		data, err = rep.JSON()
	case "csv":
		data, err = rep.CSV()
	case "md":
		data = []byte(rep.Markdown())
	default:
		data = []byte(rep.Text())
	}
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(data)
	return err
}
