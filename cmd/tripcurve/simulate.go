package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/bundled"
	"tripcurve/internal/export/simulation"
	"tripcurve/internal/formats"
	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/scenario"
	"tripcurve/sim/trap"
)

// policyFlags change the policies of a pipeline's edges.
type policyFlags struct {
	sets []string
	file string
}

func (f *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.sets, "set", nil, "one policy value by its path, such as order.inventory.keepalive=20s or '*.cancel=propagate' (may be repeated)")
	cmd.Flags().StringVar(&f.file, "policy", "", "YAML file of policies by edge")
	_ = cmd.RegisterFlagCompletionFunc("set", func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var paths []string
		edges, pools, ofDescription := edgesOf(cmd, args)
		for _, edge := range append(edges, "*") {
			for _, field := range policy.Fields() {
				paths = append(paths, edge+"."+field.Name+"=")
			}
		}
		for _, pool := range pools {
			paths = append(paths, pool+".cancel=")
		}
		if !ofDescription && (cmd.Name() == "simulate" || cmd.Name() == "tune") {
			for _, s := range scenario.Settings() {
				paths = append(paths, s.Path+"=")
			}
			paths = append(paths, "fault=")
		}
		return paths, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// read is edges changed by the policy file, where there is one.
func (f *policyFlags) read(edges policy.Edges) (policy.Edges, error) {
	if f.file == "" {
		return edges, nil
	}
	text, err := policyText(f.file)
	if err != nil {
		return nil, err
	}
	if edges, err = policyfile.Read(f.file, text, edges); err != nil {
		return nil, notPolicy(f.file, text, err)
	}
	return edges, nil
}

// apply is edges changed as the flags say: the file first, then each --set in
// order. edges itself may change too.
func (f *policyFlags) apply(edges policy.Edges) (policy.Edges, error) {
	edges, err := f.read(edges)
	if err != nil {
		return nil, err
	}
	for _, s := range f.sets {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, badInput("--set %q: expected PATH=VALUE, such as order.inventory.keepalive=20s", s)
		}
		if err := edges.Set(path, value); err != nil {
			return nil, exitError{exitUsage, fmt.Errorf("--set: %w", err)}
		}
	}
	return edges, nil
}

// change changes a scenario as the flags say, in the same order; a --set may also
// be one of scenario.Settings.
func (f *policyFlags) change(sc *sim.Scenario) error {
	var err error
	if sc.Edges, err = f.read(sc.Edges.Clone()); err != nil {
		return err
	}
	if err := scenario.Set(sc, f.sets...); err != nil {
		return exitError{exitUsage, fmt.Errorf("--set: %w", err)}
	}
	return nil
}

// policyText is the text of a policy file; - is no file here.
func policyText(file string) (string, error) {
	data, err := source.ReadFile(file)
	f, err := configText(file, data, err)
	if err != nil {
		return "", badInput("--policy: %w", err)
	}
	return f.Text, nil
}

// notPolicy is a mistake in a policy file, with a hint where it is the configuration of
// a library, which has to be imported first.
func notPolicy(file, text string, err error) error {
	if f, _, other := formats.Detect(file, text); other == nil && f.Import != nil && f.Name != "policy" {
		return badInput("--policy: %w; this looks like %s: `tripcurve config import %s -o policy.yaml` makes a policy file of it", err, f.Title, file)
	}
	return badInput("--policy: %w", err)
}

func (f *policyFlags) given() bool { return f.file != "" || len(f.sets) > 0 }

func (a *app) simulateCommand() *cobra.Command {
	var p policyFlags
	var own described
	var format, out string
	var seed uint64
	var more replications
	var shop shopFlags
	scenarios := strings.Join(scenario.Names(), ", ")
	cmd := &cobra.Command{
		Use:   "simulate SCENARIO|FILE.yaml",
		Short: "run the order pipeline, or one of your own, in virtual time",
		Long: `Runs a bundled scenario (` + scenarios + `) with the real handlers in virtual time, or a pipeline that you
describe in YAML (docs/pipeline-yaml.md; "-" reads it from the standard input). The same seed gives the
same bytes. With --set or --policy the run is shown beside the one as it was. --seeds says how many
other seeds are run, on all cores, to show how sure that is: means with 95 % intervals, and the time to
recovery with what was cut off counted. --precision stops them as soon as the interval of the orders that
failed is that narrow.

` + examplesHelp(),
		Args: func(cmd *cobra.Command, args []string) error {
			if own.example != "" && len(args) == 0 {
				return nil
			}
			return oneArg("a scenario ("+scenarios+"), a FILE.yaml, or --example NAME")(cmd, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return scenario.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := more.check(); err != nil {
				return err
			}
			own.seed, own.seeded = seed, cmd.Flags().Changed("seed")
			if described, err := own.means(args); err != nil {
				return err
			} else if described {
				if shop.given() {
					return badInput("--checkout, --back and --drain are of the bundled scenarios (%s)", scenarios)
				}
				return a.simulateDescribed(cmd.Context(), args, own, &p, more, format, out)
			}
			today, ok := scenario.ByName(args[0])
			if !ok {
				return badInput("no scenario is called %q; expected one of %s, or a FILE.yaml", args[0], scenarios)
			}
			if out != "" {
				if err := newFile(out); err != nil {
					return err
				}
			}
			if own.seeded {
				today.Seed = seed
			}
			sc, err := shop.apply(today)
			if err != nil {
				return err
			}
			if err := p.change(&sc); err != nil {
				return err
			}
			err = a.simulate(cmd.Context(), today, sc, p.given() || shop.given(), more, format, out)
			if err != nil && cmd.Context().Err() != nil {
				return badInput("simulate: interrupted; nothing was written")
			}
			return err
		},
	}
	p.add(cmd)
	shop.add(cmd)
	own.add(cmd)
	cmd.Flags().Uint64Var(&seed, "seed", scenario.Seed, "seed of the run; a description has its own")
	more.add(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "also write what the run left behind as an incident file")
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

func (a *app) simulate(ctx context.Context, today, sc sim.Scenario, changed bool, more replications, format, out string) error {
	defer hurry()()
	result, evidence, err := runScenario(ctx, sc, out)
	if err != nil {
		return err
	}
	spread, stop, err := more.run(ctx, a.stderr, sc)
	if err != nil {
		return err
	}
	var before *simulation.Report
	if changed && format != "json" {
		was, err := scenario.Run(ctx, today, scenario.Observers{})
		if err != nil {
			return err
		}
		r := simulation.New(was, nil, output.GoOn)
		before = &r
	}
	rep := simulation.New(result, spread, stop)
	rep.Assumed = append(rep.Assumed, sc.Assumed...)
	rep.Fell(trap.Find(sc, result))
	if evidence != nil {
		if !changed && sc.Name == scenario.INC2847().Name {
			evidence.SetWritten(incident.PackWritten(slices.Values(bundled.Written())))
		}
		if err := writeIncident(out, bundled.Name+" simulated", evidence, sc.Start); err != nil {
			return err
		}
	}
	if format == "json" {
		return writeJSON(a.stdout, rep)
	}
	return rep.Text(a.stdout, before)
}

// runScenario runs sc; with a file to write it also reads what the run left.
func runScenario(ctx context.Context, sc sim.Scenario, out string) (*sim.Result, *incident.Evidence, error) {
	if out == "" {
		r, err := scenario.Run(ctx, sc, scenario.Observers{})
		return r, nil, err
	}
	in, err := bundled.FromScenario(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	return in.Result, in.Evidence, nil
}

// writeIncident writes evidence to a new incident file.
func writeIncident(path, name string, ev *incident.Evidence, at time.Time) error {
	v := ev.Snapshot()
	return fileError(path, file.Write(path, name, at, func(w *file.Writer) error {
		err := w.Append(v.Facts(), v.Sources)
		if err == nil && v.Written.Len() > 0 {
			err = w.WriteTimeline(at, "tripcurve", "import", slices.Collect(v.Written.All())...)
		}
		if err == nil {
			err = conclude(w, v)
		}
		return err
	}))
}

// newFile says before the work where no new incident file can be written after it.
func newFile(path string) error {
	if path == "-" {
		return badInput("-o -: an incident file cannot go to the standard output; expected -o FILE")
	}
	if err := folderExists(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fileError(path, os.ErrExist)
	}
	return nil
}
