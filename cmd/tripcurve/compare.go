package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	export "tripcurve/internal/export/compare"
	"tripcurve/internal/export/plot"
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
	tip    bool
	matrix bool
	seeds  int
	seed   uint64
	cores  int
	format string
	plot   string
	pareto string
	force  bool
	own    policyFlags
}

// mostCompared keeps a mistyped number from taking hours.
const mostCompared = 1000

// fewer runs are made of each of the many points at which a tipping point is looked for.
const fewer = 10

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	scenarios := strings.Join(scenario.Names(), ", ")
	cmd := &cobra.Command{
		Use:   "compare SCENARIO",
		Short: "the remedies of an incident side by side",
		Long: `Runs a bundled scenario (` + scenarios + `) under every remedy, each over the same customers, and says
what each does to the checkouts that are not served, to the outage, to the waits and to the rest, with
5-95 % ranges over --seeds runs and paired differences to today. --list names the remedies, --only
chooses some. --policy and --set add a row of your own, "yours".

--tipping asks something else: how long the lock has to be held, and at how much of the load, for the
pipeline not to recover by itself, and what keeps it down then (some minutes of computing for all remedies).

--matrix runs the failure modes beyond the incident, for the code as it was written then and for ours
(docs/failure-modes.md); exit code 1 when a mode fails for ours.`,
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
			if !ok && isFile(args[0]) {
				return badInput("%s: compare takes a scenario (%s); simulate --set puts a FILE.yaml beside itself", args[0], scenarios)
			}
			if !ok {
				return badInput("no scenario is called %q; expected one of %s", args[0], scenarios)
			}
			if cmd.Flags().Changed("seed") {
				sc.Seed = f.seed
			}
			if f.matrix {
				return a.matrix(cmd, sc, &f)
			}
			if f.tip && !cmd.Flags().Changed("seeds") {
				f.seeds = fewer
			}
			return a.compare(cmd.Context(), sc, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "remedies to compare with today, by their names (default all)")
	flags.BoolVar(&f.list, "list", false, "name the remedies and what each changes")
	flags.BoolVar(&f.tip, "tipping", false, "look for the tipping points in place of comparing")
	flags.BoolVar(&f.matrix, "matrix", false, "run the failure modes, each passed or failed, in place of comparing")
	flags.IntVar(&f.seeds, "seeds", 20, fmt.Sprintf("runs of each remedy; of each point that --tipping looks at, there %d; of each failure mode, there %d", fewer, matrixSeeds))
	flags.Uint64Var(&f.seed, "seed", scenario.Seed, "seed from which the runs' seeds follow")
	flags.IntVar(&f.cores, "workers", runtime.NumCPU(), "cores to use; the answer does not depend on it")
	flags.Lookup("workers").DefValue = "all"
	f.own.add(cmd)
	flags.StringVar(&f.plot, "plot", "", "also draw the waits over time and the checkouts not served into this .svg, .png or .pdf")
	flags.StringVar(&f.pareto, "pareto", "", "also draw the checkouts not served against the wait of one in a hundred, and the front of the best, into this .svg, .png or .pdf")
	flags.BoolVar(&f.force, "force", false, "replace an existing plot")
	formatFlag(cmd, &f.format, "text", "json", "csv", "md")
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(compare.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// comparison is a report in all its formats.
type comparison interface {
	JSON() ([]byte, error)
	CSV() ([]byte, error)
	Text() string
	Markdown() string
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
		yours := today
		if err := f.own.change(&yours); err != nil {
			return nil, err
		}
		for _, set := range f.own.sets {
			if path, _, _ := strings.Cut(set, "="); sameForAll(path) {
				return nil, badInput("--set %s: every remedy meets the same customers and the same faults for as long; expected a policy, a rollout., world. or cpu. setting (simulate --set puts such a run beside the one as it was)", path)
			}
		}
		remedies = append(remedies, compare.Remedy{Name: "yours", What: redact.Line(f.own.what()), Apply: func(sc sim.Scenario) sim.Scenario {
			sc.Edges, sc.Rollout, sc.World = yours.Edges, yours.Rollout, yours.World
			return sc
		}})
	}
	return remedies, nil
}

// sameForAll says whether a setting is none of a remedy's, which are policies and what
// begins like this.
func sameForAll(path string) bool {
	for _, part := range []string{"rollout.", "world.", "cpu."} {
		if strings.HasPrefix(path, part) {
			return false
		}
	}
	return path == "fault" || slices.ContainsFunc(scenario.Settings(), func(s scenario.Setting) bool { return s.Path == path })
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

// plotFormat is what a file's ending asks for.
func plotFormat(path string) string { return strings.TrimPrefix(filepath.Ext(path), ".") }

// checkPlots says what is wrong with the plots' files before all is computed for them.
func (f *compareFlags) checkPlots() error {
	if err := f.checkPlot("plot", f.plot); err != nil {
		return err
	}
	if f.plot != "" && f.plot == f.pareto {
		return badInput("--plot and --pareto %s: two pictures of one name", f.plot)
	}
	return f.checkPlot("pareto", f.pareto)
}

func (f *compareFlags) checkPlot(flag, path string) error {
	switch {
	case path == "":
		return nil
	case f.tip:
		return badInput("--%s draws a comparison, and --tipping makes none", flag)
	}
	if known := plot.Formats(); !slices.Contains(known, plotFormat(path)) {
		return badInput("--%s %s: expected a name that ends in .%s", flag, path, strings.Join(known, " or ."))
	}
	if err := folderExists(path); err != nil {
		return err
	}
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		return badInput("--%s %s: not a regular file", flag, path)
	case err == nil && !f.force:
		return badInput("--%s %s: the file exists; --force replaces it", flag, path)
	}
	return nil
}

func (a *app) compare(ctx context.Context, sc sim.Scenario, f *compareFlags) error {
	switch {
	case f.seeds < 2 || f.seeds > mostCompared:
		return badInput("--seeds %d: expected 2 to %d", f.seeds, mostCompared)
	case f.cores < 1 || f.cores > mostCompared:
		return badInput("--workers %d: expected 1 to %d", f.cores, mostCompared)
	}
	if err := f.checkPlots(); err != nil {
		return err
	}
	remedies, err := f.remedies(sc)
	if err != nil {
		return err
	}
	defer hurry()()
	progress, begun := bar.New(a.stderr, "remedies"), time.Now()
	o := compare.Options{Seeds: f.seeds, Workers: f.cores, Progress: func(done, of int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(of))
		}
	}}
	var rep comparison
	var c *compare.Comparison
	if f.tip {
		var t *compare.Tipping
		if t, err = compare.Tip(ctx, sc, remedies, o); err == nil {
			rep = export.NewTipping(t)
		}
	} else if c, err = compare.Run(ctx, sc, remedies, o); err == nil {
		rep = export.New(c)
	}
	progress.Clear()
	switch {
	case ctx.Err() != nil:
		return badInput("compare: interrupted; nothing was written")
	case err != nil:
		return badInput("compare: %w", err)
	}
	for _, p := range []struct {
		path string
		draw func(*compare.Comparison, string) ([]byte, error)
	}{{f.plot, plot.Remedies}, {f.pareto, plot.TradeoffPage}} {
		if p.path == "" {
			continue
		}
		picture, err := p.draw(c, plotFormat(p.path))
		if err != nil {
			return err
		}
		if err := a.write(p.path, picture, f.force, false); err != nil {
			return err
		}
	}
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
