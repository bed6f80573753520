package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export/simulation"
	"tripcurve/internal/policy"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/pipeline/file"
	"tripcurve/sim/replicate"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// described are the flags of a pipeline of the user's own.
type described struct {
	example string
	show    bool
	seed    uint64
	seeded  bool // else the description's own holds
}

func (d *described) add(cmd *cobra.Command) {
	names := file.ExampleNames()
	cmd.Flags().StringVar(&d.example, "example", "", "run a bundled description: "+strings.Join(names, ", "))
	cmd.Flags().BoolVar(&d.show, "show", false, "print the bundled description instead of running it")
	_ = cmd.RegisterFlagCompletionFunc("example", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

func examplesHelp() string {
	return `  tripcurve simulate --example retry-storm               a bundled description (` + strings.Join(file.ExampleNames(), ", ") + `)
  tripcurve simulate --example order --show > shop.yaml  one to begin with
  tripcurve simulate shop.yaml --set order.inventory.deadline=5s`
}

// means says whether the arguments mean a description and not a bundled scenario.
func (d *described) means(args []string) (bool, error) {
	switch {
	case d.example != "" && len(args) > 0:
		return false, badInput("found %s beside --example %s; expected one of the two", args[0], d.example)
	case d.show && d.example == "":
		return false, badInput("--show prints a bundled description; expected --example NAME with it (%s)", strings.Join(file.ExampleNames(), ", "))
	}
	return d.example != "" || isPipelineFile(args[0]), nil
}

// isPipelineFile says whether an argument means a file.
func isPipelineFile(arg string) bool {
	if _, bundled := scenario.ByName(arg); bundled {
		return false
	}
	switch strings.ToLower(filepath.Ext(arg)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	if strings.ContainsRune(arg, filepath.Separator) || arg == "-" {
		return true
	}
	_, err := os.Stat(arg)
	return err == nil
}

// simulateDescribed runs the description that the arguments mean.
func (a *app) simulateDescribed(ctx context.Context, args []string, d described, flags *policyFlags, more replications, format, out string) error {
	switch {
	case out != "":
		return badInput("--out: a described pipeline leaves no incident file behind; expected a scenario (%s) with it", strings.Join(scenario.Names(), ", "))
	case more.precision > 0:
		return badInput("--precision is about the orders of a bundled scenario; expected --seeds alone with a description")
	}
	text, name, err := a.description(args, d.example)
	if err != nil {
		return err
	}
	if d.show {
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	p, err := file.Read(name, text)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if d.seeded {
		p.Seed = d.seed
	}
	return a.simulatePipeline(ctx, p, flags, more.seeds, format)
}

// pipelineOf is the pipeline that a file describes.
func (a *app) pipelineOf(arg string) (*pipeline.Pipeline, error) {
	text, name, err := a.description([]string{arg}, "")
	if err != nil {
		return nil, err
	}
	p, err := file.Read(name, text)
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	return p, nil
}

// mostBytes bounds what is read as a description.
const mostBytes = 4 << 20

// description is the text of a bundled example, of a file, or of the standard input
// ("-"), and its name in messages.
func (a *app) description(args []string, example string) (text, name string, err error) {
	if example != "" {
		text, ok := file.Example(example)
		if !ok {
			return "", "", badInput("--example: %w", policy.Unknown("example", example, file.ExampleNames()))
		}
		return text, example + ".yaml", nil
	}
	in, name := a.stdin, args[0]
	if name == "-" {
		name = "stdin"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return "", "", badInput("%w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, mostBytes+1))
	if err != nil {
		return "", "", badInput("%w", err) // os names the file
	}
	if err := notUTF16(name, b); err != nil {
		return "", "", badInput("%w", err)
	}
	if len(b) > mostBytes {
		return "", "", badInput("%s: the file has more than %d MB, too much for a pipeline", name, mostBytes>>20)
	}
	return strings.TrimPrefix(string(b), "\ufeff"), name, nil
}

// simulatePipeline runs a description, beside the one as it was when policies have
// been changed. Nothing is written before all runs are done.
func (a *app) simulatePipeline(ctx context.Context, p *pipeline.Pipeline, flags *policyFlags, seeds int, format string) error {
	defer hurry()()
	changed := *p
	var err error
	if changed.Policies, err = flags.describe(p); err != nil {
		return err
	}
	if err := pipeline.Check(&changed); err != nil {
		return exitError{exitUsage, fmt.Errorf("with --set or --policy: %w", err)}
	}
	result, err := pipeline.Run(ctx, &changed, pipeline.Options{})
	if err != nil {
		return interrupted(err)
	}
	others, err := a.replicatePipeline(ctx, &changed, seeds)
	if err != nil {
		return interrupted(err)
	}
	rep := simulation.NewPipeline(result, others)
	if format == "json" {
		return writeJSON(a.stdout, rep)
	}
	if !flags.given() {
		return rep.Text(a.stdout, nil)
	}
	was, err := pipeline.Run(ctx, p, pipeline.Options{})
	if err != nil {
		return interrupted(err)
	}
	before := simulation.NewPipeline(was, nil)
	return rep.Text(a.stdout, &before)
}

// describe is the policies of a description, changed as the flags say. What a --set says
// of a pool alone and nobody would do is refused, as it is in the description.
func (f *policyFlags) describe(p *pipeline.Pipeline) (policy.Edges, error) {
	for _, s := range f.sets {
		path, _, _ := strings.Cut(s, "=")
		for _, edge := range pipeline.PoolEdges(p) {
			if field, of := strings.CutPrefix(path, edge+"."); of && field != "cancel" && knownField(field) {
				return nil, badInput("--set %s: %s", path, pipeline.NotOfPool(field))
			}
		}
	}
	return f.apply(p.Policies.Clone())
}

// knownField says whether a policy has a field, or one below it.
func knownField(path string) bool {
	name, _, _ := strings.Cut(path, ".")
	return slices.ContainsFunc(policy.Fields(), func(f policy.Field) bool { return f.Name == name })
}

// replicatePipeline makes the replications on all cores; how far it is goes to
// stderr when it takes longer than a moment.
func (a *app) replicatePipeline(ctx context.Context, p *pipeline.Pipeline, seeds int) ([]*pipeline.Result, error) {
	progress, begun := bar.New(a.stderr, "other seeds"), time.Now()
	defer progress.Clear()
	return pipeline.Replicate(ctx, p, replicate.Plan{N: seeds, Workers: runtime.NumCPU(), Progress: func(done, _ int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(seeds))
		}
	}})
}

// interrupted says what ctrl+c did.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return exitError{exitUsage, errors.New("interrupted; nothing was written")}
	}
	return err
}
