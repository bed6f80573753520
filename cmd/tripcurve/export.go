package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/redact"
)

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "write thresholds, the timeline, plots or the postmortem",
		Long: `Writes files for readers and for libraries. An existing file is never replaced without --force;
what would change is shown instead. -o - prints to the standard output.`,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return badInput("export what? %s config, %[1]s timeline, %[1]s plots or %[1]s postmortem", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.exportConfigCommand(), a.exportTimelineCommand(), a.exportPlotsCommand(), a.exportPostmortemCommand())
	return cmd
}

// outFlags say where an export goes.
type outFlags struct {
	out   string
	force bool
}

func (f *outFlags) add(cmd *cobra.Command, help string) {
	cmd.Flags().StringVarP(&f.out, "out", "o", "", help)
	cmd.Flags().BoolVar(&f.force, "force", false, "replace an existing file")
}

// write puts data at path, or prints it for "-". An existing file that differs
// is left alone, unless forced, and of a text the difference is shown: a picture has
// none that anybody reads, be it written in letters.
func (a *app) write(path string, data []byte, force, text bool) error {
	if path == "-" {
		_, err := a.stdout.Write(data)
		return err
	}
	if err := folderExists(path); err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && text {
		if d := export.Diff(path, string(old), string(data)); d != "" {
			fmt.Fprint(a.stderr, redact.Lines(d))
		}
	}
	err := export.Write(path, data, force)
	if errors.Is(err, export.ErrExists) {
		return badInput("%s: the file exists; --force replaces it", path)
	}
	if err != nil {
		return exitError{exitUsage, err}
	}
	fmt.Fprintf(a.stderr, "wrote %s\n", path)
	return nil
}

// analyzed is an incident with its analysis.
func analyzed(ctx context.Context, args []string) (name string, v *incident.View, an incident.Analysis, err error) {
	arg := bundledName
	if len(args) == 1 {
		arg = args[0]
	}
	if name, v, err = loadIncident(ctx, arg); err != nil {
		return "", nil, an, err
	}
	return name, v, cause.Analyze(v, cause.Options{}), nil
}
