package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export/fitness"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim/fit"
	"tripcurve/sim/pipeline/file"
	"tripcurve/tui/bar"
)

// fitFlags are what fit is asked for.
type fitFlags struct {
	outFlags
	format  string
	anyway  bool
	private privacy
}

func (a *app) fitCommand() *cobra.Command {
	var f fitFlags
	cmd := &cobra.Command{
		Use:   "fit FILE -o pipeline.yaml",
		Short: "a pipeline of your own, calibrated from a recorded incident",
		Long: `Makes a pipeline (docs/pipeline-yaml.md) out of a recorded incident: who came when, how long healthy
requests took, what ended those that failed, the pools, and what went wrong from when to when. Comments say
from which facts each number comes. The pipeline is run and held against the recording: requests within 2 %,
healthy p50 and p99 and the failed share within 10 %, the beginning and the end within two samples. What
simulate and tune do with it is then said of your incident (docs/fit.md).

Where the evidence does not carry a fit, or the fit does not reproduce the recording, that is said, nothing
is written, and the exit code is 1. --anyway writes what can be made all the same, with that in its head;
the exit code stays 1.`,
		Args:              oneArg("an incident file, or " + bundledName),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.fit(cmd.Context(), args[0], &f)
		},
	}
	f.add(cmd, "the pipeline to write, or - for the standard output")
	cmd.Flags().BoolVar(&f.anyway, "anyway", false, "write the pipeline also when it rests on too few requests or does not reproduce the recording")
	formatFlag(cmd, &f.format, "text", "json")
	f.private.add(cmd)
	return cmd
}

func (a *app) fit(ctx context.Context, arg string, f *fitFlags) error {
	report := a.stdout
	if f.out == "-" {
		if f.format == "json" {
			return badInput("-o -: the pipeline and the report cannot both go to the standard output; expected -o FILE with --format json")
		}
		report = a.stderr
	} else if f.out != "" {
		// Before the work, not after it.
		if err := folderExists(f.out); err != nil {
			return err
		}
		if _, err := os.Lstat(f.out); err == nil && !f.force {
			return badInput("%s: the file exists; --force replaces it", f.out)
		}
	}
	name, v, err := loadIncident(ctx, arg)
	if err != nil {
		return err
	}
	var red *redact.Redactor
	if !f.private.unredacted {
		red = redact.New(f.private.opt)
	}
	made, err := a.fitTo(ctx, v, f.anyway)
	if reasons, refused := fit.IsRefused(err); refused {
		rep := fitness.Refused(name, reasons, red)
		if err := f.write(rep, report); err != nil {
			return err
		}
		a.redacted(rep.Redaction)
		f.unwritten(a.stderr, "")
		return exitError{code: exitFindings}
	}
	if err != nil {
		return interrupted(err)
	}
	text := file.Write(made.Pipeline, fitness.Notes(made, red))
	rep := fitness.New(name, made, red)
	if err := f.write(rep, report); err != nil {
		return err
	}
	a.redacted(rep.Redaction)
	if f.out != "" && (rep.Reproduces || f.anyway) {
		if err := a.write(f.out, []byte(text), f.force, true); err != nil {
			return err
		}
	}
	if !rep.Reproduces {
		if !f.anyway {
			f.unwritten(a.stderr, "; --anyway writes it all the same")
		}
		return exitError{code: exitFindings}
	}
	return nil
}

// unwritten says that there is no file, where one was asked for.
func (f *fitFlags) unwritten(out io.Writer, but string) {
	if f.out != "" {
		fmt.Fprintf(out, "nothing was written%s\n", but)
	}
}

// write writes the report in the format that was asked for.
func (f *fitFlags) write(rep *fitness.Report, out io.Writer) error {
	if f.format == "json" {
		return writeJSON(out, rep)
	}
	return rep.Text(out)
}

// fitTo fits a pipeline; how far it is goes to stderr when it takes longer than a moment.
func (a *app) fitTo(ctx context.Context, v *incident.View, anyway bool) (*fit.Fit, error) {
	defer hurry()()
	progress, begun := bar.New(a.stderr, "runs of the fitted pipeline"), time.Now()
	defer progress.Clear()
	return fit.Of(ctx, v, fit.Options{Workers: runtime.NumCPU(), Force: anyway, Progress: func(done, of int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(of))
		}
	}})
}

// fittedTo is the pipeline fitted to an incident file, for a command that goes on with
// it; one that does not reproduce its recording is none.
func (a *app) fittedTo(ctx context.Context, arg string) (*fit.Fit, error) {
	_, v, err := loadFile(arg)
	if err != nil {
		return nil, err
	}
	made, err := a.fitTo(ctx, v, false)
	if _, refused := fit.IsRefused(err); refused {
		return nil, badInput("%s: %w", arg, err)
	}
	if err != nil {
		return nil, interrupted(err)
	}
	if misfits := made.Report.Misfits(); len(misfits) > 0 {
		q := misfits[0]
		return nil, badInput("%s: the pipeline fitted to it does not reproduce it (%s, %s: recorded %.4g, simulated %.4g); tripcurve fit %s says more", arg, q.Of, q.Name, q.Recorded, q.Simulated, arg)
	}
	return made, nil
}
