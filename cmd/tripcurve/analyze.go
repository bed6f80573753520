package main

import (
	"github.com/spf13/cobra"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export/report"
	"tripcurve/internal/incident/cause"
)

func (a *app) analyzeCommand() *cobra.Command {
	var format string
	var without bool
	var world string
	var seeds int
	var private privacy
	cmd := &cobra.Command{
		Use:   "analyze FILE",
		Short: "findings, impact, coverage and remainder of a recorded incident",
		Long: `Prints what the evidence of a recorded incident says: the sentence, its proof, how much of the
impact the trigger covers, what remains, each endpoint before, during and after, what else was hit, and
the timeline.

--counterfactual also simulates the incident with everything that was found, and the same nights without
each part of it: how much of the impact goes with it (necessity), and whether with it there is about as
much as was seen (sufficiency). Only then can a cause be Likely. A recorded FILE needs --scenario, for a
recording has none: the pipeline.yaml that ` + "`tripcurve fit FILE`" + ` makes of it (docs/impact.md).

Exit code 1 when something is wrong, also when no cause was found; 0 when nothing is.`,
		Args:              oneArg("an incident file, or " + bundledName),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case !without && (world != "" || cmd.Flags().Changed("seeds")):
				return badInput("--scenario and --seeds are of --counterfactual")
			case seeds < diagnose.LeastSeeds || seeds > mostNights:
				return badInput("--seeds %d: expected %d to %d", seeds, diagnose.LeastSeeds, mostNights)
			}
			name, v, err := loadIncident(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			opt := report.Options{Name: name, Unredacted: private.unredacted, Redaction: private.opt}
			var passed map[string]bool
			if without {
				if opt.Counterfactual, err = a.counterfactual(cmd.Context(), args[0], v, world, seeds); err != nil {
					return err
				}
				passed = opt.Counterfactual.Passed()
			}
			an := cause.Analyze(v, cause.Options{Passed: passed})
			rep := report.New(v, an, opt)
			var text []byte
			switch format {
			case "json":
				if text, err = rep.JSON(); err != nil {
					return err
				}
			case "md":
				text = rep.Markdown()
			default:
				text = []byte(rep.Text())
			}
			if _, err := a.stdout.Write(text); err != nil {
				return err
			}
			a.redacted(rep.Redaction)
			if len(an.Findings) > 0 || an.Impact.Length() > 0 || an.Onset.Opens {
				return exitError{code: exitFindings}
			}
			return nil
		},
	}
	formatFlag(cmd, &format, "text", "json", "md")
	cmd.Flags().BoolVar(&without, "counterfactual", false, "also simulate it with and without each cause")
	cmd.Flags().IntVar(&seeds, "seeds", diagnose.LeastSeeds, "simulated nights with, and as many without each cause")
	worldFlag(cmd, &world)
	private.add(cmd)
	return cmd
}
