package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/formats"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/lint/config"
	"tripcurve/internal/lint/migration"
	"tripcurve/internal/redact"
)

func (a *app) lintCommand() *cobra.Command {
	var f lintFlags
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "say what a configuration or migration would do, and what in a document blames",
		Long: `Looks at the configuration of breakers, time limits and retries: what its library ignores in
silence, what its reader would refuse, and what several layers together make of a call. Name all
files that a call passes through to have its layers compared. - is the standard input.

Looks at migrations for Postgres (*.sql, and folders of them, in the order of their names): which
locks each statement takes, for how long, what waits behind them, and how to write it instead.
Tables that a file makes itself are exempt. --dsn or --stats say how large tables are: work under a
lock on more than 100,000 rows, or on nobody knows how many, is an error; without them a warning.
A comment silences a rule for a statement: -- tripcurve:ignore RULE: reason

Looks at the language of documents (*.md, or --as language): a person and a verb of fault, judgements of
hindsight, second-guessing. It warns and changes nothing, and says nothing of what systems do.
<!-- tripcurve:ignore RULE: reason --> silences a rule for its line (docs/blameless.md).

Formats, each told by its content: ` + strings.Join(formatNames(), ", ") + `.
Exit codes: 0 nothing found (notes, which --notes shows, are not counted), 1 errors or warnings
found in a configuration or a document or errors in a migration, 2 a file could not be read or is of no known
format, or a statement has a syntax error, 3 the database of --dsn could not be reached.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badInput("lint takes at least one file\nusage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.lint(cmd.Context(), args, f) },
	}
	asFlag(cmd, &f.as, sqlFormat, languageFormat)
	formatFlag(cmd, &f.format, "text", "json", "sarif", "github")
	cmd.Flags().BoolVar(&f.notes, "notes", false, "show also what is worth knowing but nothing to change")
	cmd.Flags().BoolVar(&f.locks, "locks", false, "migrations: print the locks of each statement (text only; json has them)")
	cmd.Flags().StringVar(&f.dsn, "dsn", "", "migrations: database whose statistics say how large tables are")
	cmd.Flags().StringVar(&f.stats, "stats", "", "migrations: CSV or JSON file of table,rows instead of a database")
	f.version = strconv.Itoa(migration.NewestVersion)
	cmd.Flags().Var(&choice{value: &f.version, choices: postgresVersions()}, "for", "migrations: major version of the server")
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(postgresVersions(), cobra.ShellCompDirectiveNoFileComp))
	f.transaction = "statement"
	cmd.Flags().Var(&choice{value: &f.transaction, choices: []string{"file", "statement"}}, "transaction", "migrations: what the tool that runs them commits at once")
	_ = cmd.RegisterFlagCompletionFunc("transaction", cobra.FixedCompletions([]string{"file", "statement"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("dsn", "stats")
	return cmd
}

// lintFlags are the flags of lint.
type lintFlags struct {
	as, format, dsn, stats, version, transaction string
	notes, locks                                 bool
}

// lint looks at migrations and configurations, and says what it found in one go.
func (a *app) lint(ctx context.Context, args []string, f lintFlags) error {
	paths, documents, scripts, unread := a.sortPaths(args, f.as)
	var files []config.File
	var findings []config.Finding
	if len(paths) > 0 {
		read, err := a.configFiles(paths)
		unread = errors.Join(unread, err)
		for _, one := range read {
			if one.Name == "stdin" && f.as == "" && isSQL(one.Text) {
				scripts = append(scripts, migration.File{Name: one.Name, Text: one.Text})
				continue
			}
			files = append(files, one)
		}
		findings, err = config.All(files, f.as)
		unread = errors.Join(unread, withHint(err))
	}
	for _, path := range documents {
		said, err := a.lintLanguage(path)
		unread = errors.Join(unread, err)
		findings = append(findings, said...)
	}
	report, err := a.lintMigrations(ctx, scripts, f)
	if err != nil {
		return err
	}
	failing := len(config.Failing(findings)) > 0 || slices.ContainsFunc(report.Findings, func(f config.Finding) bool { return f.Severity == trap.Error })
	findings = append(findings, report.Findings...)
	if !f.notes {
		findings = config.Failing(findings)
	}
	a.printFindings(findings, report.Statements, f)
	switch {
	case unread != nil:
		return exitError{exitUsage, unread}
	case report.Unread:
		return exitError{exitUsage, nil}
	case failing:
		return exitError{exitFindings, nil}
	default:
		return nil
	}
}

func (a *app) printFindings(findings []config.Finding, statements []migration.Statement, f lintFlags) {
	switch f.format {
	case "json":
		var locks any
		if len(statements) > 0 {
			locks = statements
		}
		_, _ = a.stdout.Write(config.JSON(findings, locks))
	case "sarif":
		_, _ = a.stdout.Write(config.SARIF(findings, slices.Concat(config.Rules(), migration.Rules(), languageRules()), version))
	case "github":
		for line := range strings.Lines(config.GitHub(findings)) {
			fmt.Fprintln(a.stdout, redact.Line(strings.TrimSuffix(line, "\n")))
		}
	default:
		if f.locks {
			a.printLocks(statements)
		}
		for _, found := range findings {
			fmt.Fprintln(a.stdout, redact.Line(found.String()))
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

func asFlag(cmd *cobra.Command, as *string, more ...string) {
	names := append(formatNames(), more...)
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
	if err == nil {
		err = notUTF16(name, data)
	}
	// Visual Studio begins an appsettings.json with the mark of UTF-8. Such a file may
	// hold secrets too: neither a mistake in it nor what is made of it shows them.
	text := strings.TrimPrefix(string(data), "\ufeff")
	return config.File{Name: name, Text: redact.BlankSecrets(text)}, err
}

// notUTF16 refuses what Windows PowerShell makes of a program's output with >.
func notUTF16(name string, data []byte) error {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(string(data), mark) {
			return fmt.Errorf("%s: this is UTF-16: save it as UTF-8", name)
		}
	}
	return nil
}
