package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/bundled"
	export "tripcurve/internal/export/claims"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/incident/claims"
	"tripcurve/internal/incident/claims/file"
)

// claimsSuffix is the ending of the claims that lie beside an incident file.
const claimsSuffix = ".claims.yaml"

// evidenceSimulated is said wherever claims are held against the bundled incident.
const evidenceSimulated = "the evidence is simulated: what it settles is what the reconstruction shows (docs/inc-2847.md)"

func (a *app) checkCommand() *cobra.Command {
	var format string
	var only []string
	var template bool
	var private privacy
	words := claims.Verdicts()
	cmd := &cobra.Command{
		Use:   "check FILE [CLAIMS]",
		Short: "hold the claims of a postmortem against each other and against the evidence",
		Long: `Computes every claim of a postmortem: durations, rates, orders, locks, bounds, universals and the rest, by
fifteen rules (docs/claims.md). A claim is consistent, inconsistent, needs evidence (and which), or is
not checkable; each verdict has its arithmetic. It is given twice: of the document alone, and with the
evidence of FILE, which may settle what the document cannot.

CLAIMS is a YAML file; --template prints a commented one. Without it the claims beside FILE are taken
(night.incident has night` + claimsSuffix + `), and of ` + bundledName + ` those of its own postmortem.

Exit code 1 when a claim is inconsistent, of the document alone or with the evidence; 0 when none is.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if template && len(args) == 0 || !template && (len(args) == 1 || len(args) == 2) {
				return nil
			}
			return badInput("%s takes an incident file, or %s, and a file of claims, or --template alone; found %d arguments\nusage: %s",
				cmd.CommandPath(), bundledName, len(args), cmd.UseLine())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
			}
			return completeFiles(cmd, args, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if template {
				_, err := a.stdout.Write(file.Template)
				return err
			}
			var shown []claims.Verdict
			for _, word := range only {
				v, ok := claims.ParseVerdict(word)
				if !ok {
					return badInput("--only %q: expected one of %s", word, strings.Join(words, ", "))
				}
				shown = append(shown, v)
			}
			doc, err := readClaims(args)
			if err != nil {
				return err
			}
			name, v, err := loadIncident(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			checked := claims.Check(doc, v)
			opt := export.Options{Name: name, Unredacted: private.unredacted, Redaction: private.opt, Only: shown}
			if args[0] == bundledName {
				opt.Note = evidenceSimulated
			}
			rep := export.New(doc, checked, v, opt)
			text := []byte(rep.Text())
			switch format {
			case "json":
				text, err = rep.JSON()
			case "csv":
				text, err = rep.CSV()
			case "md":
				text = rep.Markdown()
			}
			if err != nil {
				return err
			}
			if _, err := a.stdout.Write(text); err != nil {
				return err
			}
			a.redacted(rep.Redaction)
			if checked.Count(claims.Inconsistent, false)+checked.Count(claims.Inconsistent, true) > 0 {
				return exitError{code: exitFindings}
			}
			return nil
		},
	}
	formatFlag(cmd, &format, "text", "json", "csv", "md")
	cmd.Flags().StringSliceVar(&only, "only", nil, "show only claims with this verdict (may be repeated): "+strings.Join(words, ", "))
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolVar(&template, "template", false, "print a commented file of claims to begin with")
	private.add(cmd)
	return cmd
}

// readClaims reads the claims that are named, those beside the incident file, or
// the bundled incident's own.
func readClaims(args []string) (*claims.Document, error) {
	path := ""
	switch {
	case len(args) > 1:
		path = args[1]
	case args[0] == bundledName:
		doc, err := file.Read(bundled.ClaimsName, bundled.Claims)
		if err != nil {
			return nil, fmt.Errorf("bundled incident: %w", err)
		}
		return doc, nil
	default:
		path = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + claimsSuffix
	}
	text, err := source.ReadFile(path)
	if len(args) == 1 && errors.Is(err, fs.ErrNotExist) {
		return nil, badInput("%s: there are no claims beside it (%s), and none are named; tripcurve check --template prints some to begin with", args[0], path)
	}
	if err != nil {
		return nil, badInput("read claims: %w", err)
	}
	doc, err := file.Read(path, text)
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	return doc, nil
}
