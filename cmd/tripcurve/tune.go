package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export"
	"tripcurve/internal/export/config"
	report "tripcurve/internal/export/tune"
	incidentfile "tripcurve/internal/incident/file"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/scenario"
	"tripcurve/sim/tune"
	"tripcurve/tui/bar"
)

// tuneFlags are what tripcurve tune is asked for.
type tuneFlags struct {
	library   string
	edge      string
	own       policyFlags // what is tuned is otherwise than the scenario has it
	calls     []string
	configs   int
	finalists int
	seeds     int // runs of each of them, per case
	seed      uint64
	workers   int
	resume    string
	point     int
	out       string
	force     bool
	format    string
}

// mostTuned and mostFinalists keep a mistyped number from taking days.
const (
	mostTuned     = 100_000
	mostFinalists = 1000
)

func (a *app) tuneCommand() *cobra.Command {
	var f tuneFlags
	scenarios := strings.Join(scenario.Names(), ", ")
	cmd := &cobra.Command{
		Use:   "tune SCENARIO|FILE.yaml|FILE.incident",
		Short: "search the breaker's settings that serve best",
		Long: `Searches the parameters of one library on one edge of a bundled scenario (` + scenarios + `) or of a
pipeline that you describe, or that is fitted to a recorded incident (docs/fit.md): a sample over the
library's own parameters, a race over the same customers, refinement, and fresh customers for the few
that are left. A setting has to live through the scenario's own trigger, through three other ways in which
the same callee can fail, and through healthy traffic.

With --set or --policy the pipeline is first changed so, as by simulate, and then searched.

It has to recover by itself with a probability of 95 %. What it is then judged by: false trips, requests
not served in time, waits, load on the callee, time to recover. -o writes the chosen setting as the
library's own configuration, in exactly the values that were tried. docs/tune.md says what is measured.

ctrl+c shows the best so far. With --resume the runs are kept in a file and not made again.
Exit code 1 when no setting can be recommended.`,
		Example: `  tripcurve tune inc-2847 --for opossum -o breaker.json
  tripcurve tune night.incident --for opossum
  tripcurve tune shop.yaml --edge web.stock --for resilience4j --resume shop.runs
  tripcurve tune inc-2847 --for gobreaker --call deadline
  tripcurve tune inc-2847 --for opossum --set order.inventory.keepalive=20s`,
		Args: oneArg("a scenario (" + scenarios + "), a pipeline's description or an incident file"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return scenario.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("point") && f.point < 1 {
				return badInput("--point %d: expected the number of a finalist, from 1 on", f.point)
			}
			return a.tune(cmd, args, &f)
		},
	}
	flags := cmd.Flags()
	flags.Var(&choice{value: &f.library, choices: libraryNames()}, "for", "library whose parameters are searched: "+strings.Join(libraryNames(), ", "))
	flags.StringVar(&f.edge, "edge", "", "edge whose policy is tuned (default: "+defaultEdge+"; of a description the only one with a policy)")
	flags.StringSliceVar(&f.calls, "call", nil, "search these knobs of the call, too: "+strings.Join(tune.CallKnobs(), ", ")+" (those that the edge has already always are)")
	f.own.add(cmd)
	flags.IntVar(&f.configs, "configs", 1000, "settings in the first sample")
	flags.IntVar(&f.finalists, "finalists", tune.DefaultFinalists, "settings that are run again on fresh seeds")
	flags.IntVar(&f.seeds, "seeds", tune.DefaultSeeds, "runs of each of them in each case (fewer than 73 in all prove of no setting that it recovers)")
	flags.Uint64Var(&f.seed, "seed", scenario.Seed, "seed from which the runs' seeds and the sample follow (of a description: its own)")
	flags.IntVar(&f.workers, "workers", runtime.NumCPU(), "cores to use; the answer does not depend on it")
	flags.Lookup("workers").DefValue = "all"
	flags.StringVar(&f.resume, "resume", "", "keep the runs in this file, and take those that are there")
	flags.IntVar(&f.point, "point", 0, "write this finalist with -o in place of the chosen one, by its number in the output")
	flags.StringVarP(&f.out, "out", "o", "", "write the chosen setting to this file, as the library's own configuration")
	flags.BoolVar(&f.force, "force", false, "replace an existing file")
	formatFlag(cmd, &f.format, "text", "json")
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(libraryNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("call", cobra.FixedCompletions(tune.CallKnobs(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("edge", func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if edges, _, ofDescription := edgesOf(cmd, args); ofDescription {
			return edges, cobra.ShellCompDirectiveNoFileComp
		}
		return tune.Edges(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func libraryNames() (names []string) {
	for _, l := range library.All() {
		names = append(names, l.Name)
	}
	return names
}

func (f *tuneFlags) check() error {
	switch {
	case f.library == "":
		return badInput("--for: expected the library that you run (%s)", strings.Join(libraryNames(), ", "))
	case f.configs < 1 || f.configs > mostTuned:
		return badInput("--configs %d: expected 1 to %d", f.configs, mostTuned)
	case f.finalists < 1 || f.finalists > mostFinalists:
		return badInput("--finalists %d: expected 1 to %d", f.finalists, mostFinalists)
	case f.seeds < 2 || f.seeds > mostCompared:
		return badInput("--seeds %d: expected 2 to %d", f.seeds, mostCompared)
	case f.workers < 1 || f.workers > mostCompared:
		return badInput("--workers %d: expected 1 to %d", f.workers, mostCompared)
	case f.point > 0 && f.out == "":
		return badInput("--point says which finalist -o writes; expected -o FILE with it")
	case f.out == "-":
		return badInput("-o -: the standard output has the result; expected a file")
	}
	if f.out == "" {
		return nil
	}
	if err := folderExists(f.out); err != nil {
		return err
	}
	if _, err := os.Lstat(f.out); err == nil && !f.force {
		return badInput("-o %s: the file exists; --force replaces it", f.out)
	}
	return nil
}

// problem is what the argument means.
func (a *app) problem(cmd *cobra.Command, args []string, f *tuneFlags) (tune.Problem, error) {
	seeded := cmd.Flags().Changed("seed")
	if sc, ok := scenario.ByName(args[0]); ok {
		if seeded {
			sc.Seed = f.seed
		}
		if err := f.own.change(&sc); err != nil {
			return tune.Problem{}, err
		}
		if f.edge == "" {
			f.edge = defaultEdge
		}
		return tune.OfScenario(cmd.Context(), sc, f.edge)
	}
	if !isPipelineFile(args[0]) {
		return tune.Problem{}, fmt.Errorf("no scenario is called %q; expected one of %s, or a pipeline's description", args[0], strings.Join(scenario.Names(), ", "))
	}
	p, err := a.described(cmd.Context(), args[0], f)
	if err != nil {
		return tune.Problem{}, err
	}
	if seeded {
		p.Seed = f.seed
	} else {
		f.seed = p.Seed
	}
	if p.Policies, err = f.own.describe(p); err != nil {
		return tune.Problem{}, err
	}
	return tune.OfPipeline(cmd.Context(), p, f.edge)
}

// described is the pipeline that a file describes, or that is fitted to an incident file;
// then the edge is the one on which its calls pile up, unless another is asked for.
func (a *app) described(ctx context.Context, arg string, f *tuneFlags) (*pipeline.Pipeline, error) {
	if !incidentfile.Is(arg) {
		return a.pipelineOf(arg)
	}
	made, err := a.fittedTo(ctx, arg)
	if err != nil {
		return nil, err
	}
	made.Pipeline.Name = strings.TrimSuffix(filepath.Base(arg), filepath.Ext(arg))
	if f.edge == "" {
		f.edge = made.Edge
	}
	return made.Pipeline, nil
}

func (a *app) tune(cmd *cobra.Command, args []string, f *tuneFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	p, err := a.problem(cmd, args, f)
	switch {
	case ctx.Err() != nil:
		return badInput("tune: interrupted; nothing was written")
	case err != nil:
		return exitError{exitUsage, err}
	}
	defer hurry()()
	o := tune.Options{
		Library: f.library, Calls: f.calls, Configs: f.configs, Finalists: f.finalists, Seeds: f.seeds, Seed: f.seed, Workers: f.workers,
		Written: func(tried policy.Policy) (policy.Policy, error) { return report.AsWritten(p.Edge, tried) },
	}
	if f.resume != "" {
		j, done, err := openJournal(f.resume, p)
		if err != nil {
			return err
		}
		defer done()
		if o.Journal = j; j.Known() > 0 {
			fmt.Fprintf(a.stderr, "%s are known from %s\n", export.Plural(j.Known(), "run"), redact.Line(f.resume))
		}
	}
	r, err := a.search(ctx, p, o)
	switch {
	case ctx.Err() != nil && err != nil:
		return badInput("tune: interrupted before any setting was known well enough; nothing was written%s", kept(f.resume))
	case err != nil:
		return badInput("tune: %w", err)
	}
	if o.Journal != nil && o.Journal.Err() != nil {
		fmt.Fprintln(a.stderr, redact.Line(fmt.Sprintf("--resume %s: %s; the runs after that are not kept", f.resume, o.Journal.Err())))
	}
	return a.tuned(r, f)
}

// kept says that what was computed is not lost.
func kept(resume string) string {
	if resume == "" {
		return ""
	}
	return "; the runs so far are in " + resume
}

// search shows how far it is, with the time left.
func (a *app) search(ctx context.Context, p tune.Problem, o tune.Options) (*tune.Result, error) {
	progress, begun := bar.New(a.stderr, "tuning"), time.Now()
	defer progress.Clear()
	var from float64 // what was known from before costs no time
	o.Progress = func(at tune.Progress) {
		spent := time.Since(begun)
		if spent < ask {
			return
		}
		if from == 0 {
			from = at.Done
		}
		note := redact.Line(at.Stage)
		if done := at.Done - from; done > 0 && spent > 4*ask {
			left := time.Duration(float64(spent) * (at.Of - at.Done) / at.Done)
			note += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
		progress.Say(int64(at.Done), int64(at.Of), note)
	}
	return tune.Search(ctx, p, o)
}

// openJournal opens the file of the runs, or begins it.
func openJournal(path string, p tune.Problem) (*tune.Journal, func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, badInput("--resume: %w", err)
	}
	j, keep, err := tune.OpenJournal(path, f, p.Fingerprint(), buildVersion())
	if err == nil {
		err = errors.Join(f.Truncate(keep), seek(f, keep))
	}
	if err == nil {
		err = j.Write(f, keep == 0, p.Fingerprint(), buildVersion())
	}
	if err != nil {
		f.Close()
		return nil, nil, badInput("--resume: %w", err)
	}
	return j, func() { f.Close() }, nil
}

func seek(f *os.File, at int64) error {
	_, err := f.Seek(at, io.SeekStart)
	return err
}

// tuned shows the result and writes the file.
func (a *app) tuned(r *tune.Result, f *tuneFlags) error {
	rep := report.New(r)
	var written config.File
	if f.out != "" {
		p, err := f.written(r)
		if err != nil {
			return err
		}
		if p != nil {
			if written, err = config.Render(r.Problem.Edge, p.Policy, r.Library.Name, f.origin(r)); err != nil {
				return exitError{exitUsage, err}
			}
		}
	}
	var err error
	if f.format == "json" {
		err = writeJSON(a.stdout, rep)
	} else {
		_, err = io.WriteString(a.stdout, rep.Text())
	}
	if err != nil {
		return err
	}
	if written.Text != "" {
		for _, w := range written.Warnings {
			fmt.Fprintf(a.stderr, "%s: warning: %s\n", redact.Line(f.out), redact.Line(w))
		}
		if err := a.write(f.out, []byte(written.Text), f.force, true); err != nil {
			return err
		}
	}
	switch {
	case r.Interrupted:
		return badInput("tune: interrupted in %s after %s runs%s", r.Stage, export.Count(r.Runs), kept(f.resume))
	case r.Chosen == nil && f.out != "" && f.point == 0:
		return exitError{exitFindings, fmt.Errorf("nothing is recommended, so %s was not written", f.out)}
	case r.Chosen == nil:
		return exitError{exitFindings, nil}
	}
	return nil
}

// written is the point that -o writes; nil where there is none.
func (f *tuneFlags) written(r *tune.Result) (*tune.Point, error) {
	switch {
	case f.point == 0:
		return r.Chosen, nil
	case f.point > len(r.Finalists):
		return nil, badInput("--point %d: there are %d finalists", f.point, len(r.Finalists))
	}
	return &r.Finalists[f.point-1], nil
}

// origin is what a file says of where its values come from.
func (f *tuneFlags) origin(r *tune.Result) config.Origin {
	o := config.Origin{Scenario: r.Problem.Name, Seed: r.Options.Seed, Version: buildVersion(), Set: "tripcurve tune --for " + r.Library.Name}
	if f.own.given() {
		o.Set += " " + redact.Line(f.own.what())
	}
	if r.Problem.Name == bundledName {
		o.Incident = "INC-2847"
	}
	if r.Interrupted {
		o.Set += ", interrupted"
	}
	return o
}

// sweeping is how much a sweep tries.
type sweeping struct{ configs, finalists, seeds int }

// sweeps is what the Tune screen's tries: so much as one waits for while looking at it.
var sweeps = sweeping{configs: 60, finalists: 5, seeds: 20}

// search is the Tune screen's, smaller than the command's and without what is
// held against the chosen setting, which the screen shows itself.
func (s sweeping) search(ctx context.Context, sc sim.Scenario, edge, library string, told func(tune.Progress)) (*tune.Result, error) {
	p, err := tune.OfScenario(ctx, sc, edge)
	if err != nil {
		return nil, err
	}
	return tune.Search(ctx, p, tune.Options{
		Library: library, Configs: s.configs, Finalists: s.finalists, Seeds: s.seeds, Seed: sc.Seed, Workers: runtime.NumCPU(), Bare: true,
		Written:  func(tried policy.Policy) (policy.Policy, error) { return report.AsWritten(edge, tried) },
		Progress: told,
	})
}
