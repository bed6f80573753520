package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/bundled"
	"tripcurve/internal/diagnose"
	exportclaims "tripcurve/internal/export/claims"
	"tripcurve/internal/export/postmortem"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/export/postmortem/diffstat"
	"tripcurve/internal/export/postmortem/testreport"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/incident/claims"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// postmortemFlags are what tripcurve export postmortem is asked for.
type postmortemFlags struct {
	out         outFlags
	format      string
	author      string
	tests       []string
	diff        string
	template    bool
	seeds       int
	noSimulate  bool
	world       string
	generatedAt string
	private     privacy
}

func (a *app) exportPostmortemCommand() *cobra.Command {
	var f postmortemFlags
	cmd := &cobra.Command{
		Use:   "postmortem FILE",
		Short: "the postmortem as HTML, Markdown or JSON",
		Long: `Writes the document of an incident: what the evidence shows, what the simulator makes of the options, and
what people wrote in a YAML file beside the incident file (night.incident has night` + author.Suffix + `; --template
prints one to begin with). What was asked of people and not answered is a line of its own, and counted at the top.

The HTML is one file that asks nothing of the network, can be read without scripts, and prints. The bundled
incident ` + bundledName + ` comes with all of it; its options and sliders are simulated while you wait
(--no-simulation leaves them out). A recorded FILE has them with --scenario NAME, when it is of a bundled pipeline or
the lab's; with --scenario pipeline.yaml, such as ` + "`tripcurve fit FILE`" + ` writes, it says what each cause is worth. --tests reads reports of test runners (JUnit XML, vitest or Jest JSON, go test
-json), --diff what git diff --numstat prints.`,
		Example: `  tripcurve export postmortem inc-2847 -o inc-2847.html
  tripcurve export postmortem night.incident --format md -o night.md
  tripcurve fit night.incident -o night.yaml && tripcurve export postmortem night.incident --scenario night.yaml -o night.html
  tripcurve export postmortem --template > night` + author.Suffix + `
  git diff --numstat main...fix > fix.numstat && tripcurve export postmortem night.incident --diff fix.numstat --tests junit.xml -o night.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.template && len(args) == 0 || !f.template && len(args) == 1 {
				return nil
			}
			return badInput("%s takes an incident file, or %s, or --template alone; found %d arguments\nusage: %s",
				cmd.CommandPath(), bundledName, len(args), cmd.UseLine())
		},
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.template {
				return a.write(orStdout(f.out.out), author.Template, f.out.force, true)
			}
			if !cmd.Flags().Changed("format") {
				switch filepath.Ext(f.out.out) {
				case ".md", ".markdown":
					f.format = "md"
				case ".json":
					f.format = "json"
				}
			}
			return a.postmortem(cmd.Context(), args[0], &f)
		},
	}
	f.out.add(cmd, "file to write to; its ending chooses the format (default: the standard output)")
	formatFlag(cmd, &f.format, "html", "md", "json")
	flags := cmd.Flags()
	flags.StringVar(&f.author, "author", "", "what people wrote, as YAML (default: the file beside the incident file)")
	flags.StringSliceVar(&f.tests, "tests", nil, "file with the report of a test run (may be repeated)")
	flags.StringVar(&f.diff, "diff", "", "file with what git diff --numstat prints of the fix")
	flags.BoolVar(&f.template, "template", false, "print a commented YAML file for people to fill in")
	flags.IntVar(&f.seeds, "seeds", postmortem.Usual().Seeds, "simulated runs of each option; what a cause is worth takes 20 always")
	worldFlag(cmd, &f.world)
	flags.BoolVar(&f.noSimulate, "no-simulation", false, "leave out what has to be simulated")
	flags.StringVar(&f.generatedAt, "generated-at", "", "state this instant (RFC 3339) as that of the export; without it none is stated, and the same input gives the same bytes")
	f.private.add(cmd)
	return cmd
}

func orStdout(path string) string {
	if path == "" {
		return "-"
	}
	return path
}

func (a *app) postmortem(ctx context.Context, arg string, f *postmortemFlags) error {
	switch {
	case f.seeds < 2 || f.seeds > mostCompared:
		return badInput("--seeds %d: expected 2 to %d", f.seeds, mostCompared)
	case f.world != "" && arg == bundledName:
		return badInput("--scenario is of a recorded FILE; %s has its own", bundledName)
	case f.world != "" && f.noSimulate:
		return badInput("--scenario is what to simulate, and --no-simulation says not to")
	}
	in := postmortem.Input{Unredacted: f.private.unredacted, Redaction: f.private.opt}
	var err error
	if f.generatedAt != "" {
		if in.GeneratedAt, err = time.Parse(time.RFC3339Nano, f.generatedAt); err != nil {
			return badInput("--generated-at %q: expected an instant such as 2026-01-20T09:00:00Z", f.generatedAt)
		}
	}
	// What people gave is read before anything is computed, for it may have mistakes.
	if in.Notes, err = a.readAuthor(arg, f.author); err != nil {
		return err
	}
	for _, path := range f.tests {
		rep, err := testreport.ReadFile(path)
		if err != nil {
			return exitError{exitUsage, err}
		}
		in.Tests = append(in.Tests, rep)
	}
	if f.diff != "" {
		text, err := source.ReadFile(f.diff)
		if err != nil {
			return badInput("--diff: %w", err)
		}
		if in.Diff, err = diffstat.Read(f.diff, string(text)); err != nil {
			return exitError{exitUsage, err}
		}
	}
	if f.out.out != "" && f.out.out != "-" {
		if err := folderExists(f.out.out); err != nil {
			return err
		}
		// Nobody waits for a simulation only to be told this.
		if _, err := os.Stat(f.out.out); err == nil && !f.out.force && f.simulates(arg) {
			return badInput("%s: the file exists; --force replaces it", f.out.out)
		}
	}
	if in.Name, in.View, in.Analysis, err = analyzed(ctx, []string{arg}); err != nil {
		return err
	}
	if in.Claims, err = checkedClaims(arg, &in); err != nil {
		return err
	}
	if arg == bundledName {
		sc := scenario.INC2847()
		in.Edges, in.Assumed = sc.Edges, sc.Assumed
	}
	if f.simulates(arg) {
		if err := a.simulateFor(ctx, arg, &in, f); err != nil {
			return err
		}
	}
	doc := postmortem.New(in)
	var data []byte
	switch f.format {
	case "md":
		data = doc.Markdown()
	case "json":
		data, err = doc.JSON()
	default:
		data, err = doc.HTML()
	}
	if err != nil {
		return err
	}
	if n := len(doc.NotFilled); n > 0 {
		fmt.Fprintf(a.stderr, "%d not filled in; the document lists them at its top, and --template prints the keys\n", n)
	}
	if err := a.write(orStdout(f.out.out), data, f.out.force, f.format != "html"); err != nil {
		return err
	}
	a.redacted(doc.Redaction)
	return nil
}

// simulates says whether something of the document has to be simulated.
func (f *postmortemFlags) simulates(arg string) bool {
	return f.world != "" || arg == bundledName && !f.noSimulate
}

// simulateFor simulates what the document compares: the remedies of a scenario, and
// what each cause of a recording is worth, by which one can become likely.
func (a *app) simulateFor(ctx context.Context, arg string, in *postmortem.Input, f *postmortemFlags) (err error) {
	sc := scenario.INC2847()
	if f.world != "" {
		described := isPipelineFile(f.world)
		if !described {
			if sc, err = worldOf(f.world); err != nil {
				return err
			}
		}
		if in.Counterfactual, err = a.counterfactual(ctx, arg, in.View, f.world, diagnose.LeastSeeds); err != nil {
			return err
		}
		in.Analysis = cause.Analyze(in.View, cause.Options{Passed: in.Counterfactual.Passed()})
		if described {
			return nil
		}
		in.Edges = sc.Edges
	}
	in.Simulated, err = a.simulateRemedies(ctx, sc, in.Name, f)
	return err
}

// simulateRemedies runs a scenario with its remedies, the sliders and the failure modes.
func (a *app) simulateRemedies(ctx context.Context, sc sim.Scenario, name string, f *postmortemFlags) (*postmortem.Simulated, error) {
	defer hurry()()
	plan := postmortem.Usual()
	plan.Seeds, plan.Workers, plan.Version, plan.Incident = f.seeds, runtime.NumCPU(), buildVersion(), name
	progress, begun := bar.New(a.stderr, "runs"), time.Now()
	plan.Progress = func(done, of int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(of))
		}
	}
	s, err := postmortem.Simulate(ctx, sc, plan)
	progress.Clear()
	if err != nil && ctx.Err() != nil {
		return nil, badInput("export postmortem: interrupted; nothing was written")
	}
	return s, err
}

// readAuthor reads what people wrote: the file that is named, the one beside the
// incident file, or the bundled incident's own. None is no error: then the document
// says what is not filled in. Blame in its language is warned of.
func (a *app) readAuthor(arg, path string) (*author.Notes, error) {
	named := path != ""
	switch {
	case named:
	case arg == bundledName:
		n, err := author.Read(bundled.PostmortemName, bundled.Postmortem, postmortem.PartIDs(), postmortem.FactNames())
		if err != nil {
			return nil, fmt.Errorf("bundled incident: %w", err)
		}
		return n, nil
	default:
		path = strings.TrimSuffix(arg, filepath.Ext(arg)) + author.Suffix
	}
	text, err := source.ReadFile(path)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, badInput("--author: %w", err)
	}
	n, err := author.Read(path, text, postmortem.PartIDs(), postmortem.FactNames())
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	a.fair(path, string(text))
	return n, nil
}

// checkedClaims checks the claims beside the incident file, if there are any.
func checkedClaims(arg string, in *postmortem.Input) (*exportclaims.Report, error) {
	if arg != bundledName {
		path := strings.TrimSuffix(arg, filepath.Ext(arg)) + claimsSuffix
		if _, err := source.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	doc, err := readClaims([]string{arg})
	if err != nil {
		return nil, err
	}
	opt := exportclaims.Options{Name: in.Name, Unredacted: in.Unredacted, Redaction: in.Redaction}
	if arg == bundledName {
		opt.Note = evidenceSimulated
	}
	rep := exportclaims.New(doc, claims.Check(doc, in.View), in.View, opt)
	return &rep, nil
}
