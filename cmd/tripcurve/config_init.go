package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tripcurve/internal/config/sources"
)

func (a *app) configInitCommand() *cobra.Command {
	var o outFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "write a commented settings file",
		Long: `Writes a settings file in which every setting and every kind of source stands as a comment, to the place where it
is looked for, or to --config FILE or -o FILE. docs/sources.md explains the sources. What runs today can be tried
with: tripcurve sources test`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{settingsUnread: "yes"},
		RunE: func(*cobra.Command, []string) error {
			if o.out == "" {
				o.out = a.settings.File
				if err := os.MkdirAll(filepath.Dir(o.out), 0o700); err != nil {
					return badInput("config init: %w", err)
				}
			}
			return a.write(o.out, sources.Template, o.force, false)
		},
	}
	o.add(cmd, "file to write to, - prints it (default: where the settings file is looked for)")
	return cmd
}
