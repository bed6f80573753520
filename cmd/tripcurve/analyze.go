package main

import (
	"github.com/spf13/cobra"

	"tripcurve/internal/export/report"
	"tripcurve/internal/incident/cause"
)

func (a *app) analyzeCommand() *cobra.Command {
	var format string
	var unredacted bool
	cmd := &cobra.Command{
		Use:   "analyze FILE",
		Short: "findings, impact, coverage and remainder of a recorded incident",
		Long: `Prints what the evidence of a recorded incident says: the sentence, its proof, how much of the
impact the trigger covers, what remains, each endpoint before, during and after, and the timeline.

Exit code 1 when something is wrong, also when no cause was found; 0 when nothing is.`,
		Args:              oneArg("an incident file, or " + bundledName),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, v, err := loadIncident(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			an := cause.Analyze(v, cause.Options{})
			rep := report.New(v, an, report.Options{Name: name, Unredacted: unredacted})
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
			if len(an.Findings) > 0 || an.Impact.Length() > 0 {
				return exitError{code: exitFindings}
			}
			return nil
		},
	}
	formatFlag(cmd, &format, "text", "json", "md")
	cmd.Flags().BoolVar(&unredacted, "unredacted", false, "print query texts, addresses and ids as collected")
	return cmd
}
