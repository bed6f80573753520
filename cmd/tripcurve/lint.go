package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/formats"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/lint/config"
	"tripcurve/internal/redact"
)

func (a *app) lintCommand() *cobra.Command {
	var as, format string
	var notes bool
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "say what a configuration does that its keys do not say",
		Long: `Looks at the configuration of breakers, time limits and retries: what its library ignores in
silence, what its reader would refuse, and what several layers together make of a call. Name all
files that a call passes through to have its layers compared. - is the standard input.

Formats, each told by its content: ` + strings.Join(formatNames(), ", ") + `.
Exit codes: 0 nothing found (notes, which --notes shows, are not counted), 1 errors or warnings
found, 2 a file could not be read or is of no known format.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput("lint takes at least one file\nusage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			files, unread := a.configFiles(args)
			findings, err := config.All(files, as)
			unread = errors.Join(unread, withHint(err))
			failing := config.Failing(findings)
			if !notes {
				findings = failing
			}
			a.printFindings(findings, format)
			switch {
			case unread != nil:
				return exitError{exitUsage, unread}
			case len(failing) > 0:
				return exitError{exitFindings, nil}
			default:
				return nil
			}
		},
	}
	asFlag(cmd, &as)
	formatFlag(cmd, &format, "text", "json", "sarif")
	cmd.Flags().BoolVar(&notes, "notes", false, "show also what is worth knowing but nothing to change")
	return cmd
}

func (a *app) printFindings(findings []config.Finding, format string) {
	switch format {
	case "json":
		_, _ = a.stdout.Write(config.JSON(findings))
	case "sarif":
		_, _ = a.stdout.Write(config.SARIF(findings, version))
	default:
		for _, f := range findings {
			fmt.Fprintln(a.stdout, redact.Line(f.String()))
		}
	}
}

// withHint says how to name a format that was not recognised.
func withHint(err error) error {
	if errors.Is(err, formats.ErrUnknown) {
		return fmt.Errorf("%w; say which with --as: %s", err, strings.Join(formatNames(), ", "))
	}
	return err
}

func formatNames() []string {
	var names []string
	for _, f := range formats.All() {
		names = append(names, f.Name)
	}
	return names
}

func asFlag(cmd *cobra.Command, as *string) {
	names := formatNames()
	cmd.Flags().Var(&choice{value: as, choices: names}, "as", "format of the files (default: told by their content)")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// configFiles reads configuration files. What could not be read is in the error,
// beside the files that could.
func (a *app) configFiles(paths []string) ([]config.File, error) {
	var files []config.File
	var unread []error
	for _, path := range paths {
		f, err := a.configFile(path)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		files = append(files, f)
	}
	return files, errors.Join(unread...)
}

// code are the endings of what is exported as the source of a program, with its name.
var code = map[string]string{".go": "Go source", ".rb": "Ruby source", ".tf": "Terraform"}

func (a *app) configFile(path string) (config.File, error) {
	if path == "-" {
		data, err := source.ReadAll(a.stdin)
		return configText("stdin", data, err)
	}
	if of, ok := code[filepath.Ext(path)]; ok {
		return config.File{}, fmt.Errorf("%s: %s is written by export config and not read back; of the same policy, `export config --for policy` writes a file that is", path, of)
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return config.File{}, fmt.Errorf("%s: this is a folder; name the files in it", path)
	}
	if err != nil {
		return config.File{}, err
	}
	data, err := source.ReadFile(path)
	return configText(path, data, err)
}

func configText(name string, data []byte, err error) (config.File, error) {
	if errors.Is(err, source.ErrTooLong) {
		err = fmt.Errorf("%s: %w", name, err)
	}
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if err == nil && strings.HasPrefix(string(data), mark) {
			err = fmt.Errorf("%s: this is UTF-16: save it as UTF-8", name)
		}
	}
	// Visual Studio begins an appsettings.json with the mark of UTF-8. Such a file may
	// hold secrets too: neither a mistake in it nor what is made of it shows them.
	text := strings.TrimPrefix(string(data), "\ufeff")
	return config.File{Name: name, Text: redact.BlankSecrets(text)}, err
}
