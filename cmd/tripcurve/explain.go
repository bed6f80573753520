package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/bundled"
	"tripcurve/internal/diagnose"
	"tripcurve/internal/export/explanation"
	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// mostNights keeps a mistyped number from taking hours: a night takes about a
// quarter of a second, and there are nine mechanisms.
const mostNights = 200

func (a *app) explainCommand() *cobra.Command {
	var format string
	var seeds int
	var only []string
	var world string
	var private privacy
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "why it lasted: mechanisms simulated, and held against the evidence",
		Long: `Asks what can have held an incident after its trigger had gone. Eight mechanisms are simulated, each in
several nights with other customers than those of the evidence; what a night leaves behind (logs, samples,
counters) is read by the same code as the evidence, fact by fact. A mechanism fits, or is contradicted by
the facts that are named with both figures; what no source decides stays unexplained (docs/explain.md).
A recorded FILE needs --scenario, for a mechanism is simulated in a scenario, and a recording has none.

Exit code 0 when at least one mechanism fits, 1 when none does.`,
		Args:              oneArg(bundledName + ", or an incident file and --scenario"),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if seeds < 1 || seeds > mostNights {
				return badInput("--seeds %d: expected 1 to %d", seeds, mostNights)
			}
			known := diagnose.IDs()
			for _, id := range only {
				if !slices.Contains(known, id) {
					return badInput("--mechanism %q: expected one of %s", id, strings.Join(known, ", "))
				}
			}
			rep, err := a.explain(cmd.Context(), args[0], world, seeds, only, private)
			if err != nil {
				if cmd.Context().Err() != nil {
					return badInput("explain: interrupted; nothing was written")
				}
				return err
			}
			if err := writeExplanation(a.stdout, rep, format); err != nil {
				return err
			}
			a.redacted(rep.Redaction)
			for _, m := range append(rep.Mechanisms, rep.Twins...) {
				if m.Verdict != "contradicted" {
					return nil
				}
			}
			return exitError{code: exitFindings}
		},
	}
	cmd.Flags().IntVar(&seeds, "seeds", 5, "simulated nights of each mechanism")
	worldFlag(cmd, &world)
	cmd.Flags().StringSliceVar(&only, "mechanism", nil, "simulate only these (may be repeated): "+strings.Join(diagnose.IDs(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("mechanism", cobra.FixedCompletions(diagnose.IDs(), cobra.ShellCompDirectiveNoFileComp))
	formatFlag(cmd, &format, "text", "json", "md")
	private.add(cmd)
	return cmd
}

// told is what is to be explained: the bundled incident in its own scenario, or a
// recording in the one that is named for it.
func (a *app) told(ctx context.Context, arg, world string) (name string, v *incident.View, sc sim.Scenario, err error) {
	if arg == bundledName && world == "" {
		world = scenario.INC2847().Name
	}
	if name, v, err = loadIncident(ctx, arg); err != nil {
		return "", nil, sc, err
	}
	if world == "" {
		return "", nil, sc, badInput("%s is a recording: to simulate a mechanism, a scenario of its pipeline is needed (services, load, policies), and a recording has none; "+
			"--scenario names one of %s. `tripcurve analyze %s` says what the evidence alone does", arg, strings.Join(worlds(), ", "), arg)
	}
	sc, err = worldOf(world)
	return name, v, sc, err
}

func (a *app) explain(ctx context.Context, arg, world string, seeds int, only []string, private privacy) (explanation.Report, error) {
	defer hurry()()
	name, v, sc, err := a.told(ctx, arg, world)
	if err != nil {
		return explanation.Report{}, err
	}
	progress, begun := bar.New(a.stderr, "simulated nights"), time.Now()
	defer progress.Clear()
	x, err := diagnose.Explain(ctx, sc, v, bundled.Night, diagnose.Options{
		Seeds: seeds, Workers: runtime.NumCPU(), Only: only,
		Progress: func(done, of int) {
			if time.Since(begun) > ask {
				progress.Set(int64(done), int64(of))
			}
		},
	})
	if errors.Is(err, diagnose.ErrNothingToExplain) {
		return explanation.Report{}, badInput("%s: %w", arg, err)
	}
	if err != nil {
		return explanation.Report{}, err
	}
	return explanation.New(name, x, sc.Assumed, explanation.Options{Unredacted: private.unredacted, Redaction: private.opt}), nil
}

func writeExplanation(w io.Writer, rep explanation.Report, format string) error {
	var text []byte
	var err error
	switch format {
	case "json":
		text, err = rep.JSON()
	case "md":
		text = rep.Markdown()
	default:
		text = []byte(rep.Text())
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
