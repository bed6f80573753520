package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/export"
	"tripcurve/internal/export/config"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim/scenario"
)

// defaultEdge is the edge that is written when none is named or chosen.
const defaultEdge = "order.inventory"

// exportedEdges are the edges that --edge names.
func exportedEdges(edges policy.Edges, edge string, asked bool) ([]string, error) {
	if _, ok := edges[edge]; ok {
		return []string{edge}, nil
	}
	if edge == "*" || !asked && len(edges) == 1 {
		return edges.Names(), nil
	}
	return nil, badInput("--edge %q: expected * or one of %s", edge, strings.Join(edges.Names(), ", "))
}

// wantedTargets are the names of --for, each once; all stands for every target.
func wantedTargets(names []string) ([]string, error) {
	var wanted []string
	for _, name := range names {
		these := []string{name}
		if name == "all" {
			these = config.Targets()
		}
		for _, t := range these {
			if !slices.Contains(wanted, t) {
				wanted = append(wanted, t)
			}
		}
	}
	if len(wanted) == 0 {
		return nil, badInput("--for: expected all, or some of %s", strings.Join(config.Targets(), ", "))
	}
	return wanted, nil
}

// renderAll makes the files of edges for targets. Several edges have a folder each,
// for two may have the same callee; a policy file holds them all.
func renderAll(edges policy.Edges, names, targets []string, o config.Origin) (files []config.File, err error) {
	for _, t := range targets {
		if t == config.TargetPolicy && len(names) > 1 {
			f, err := config.Policies(edges, names, o)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
			continue
		}
		for _, name := range names {
			f, err := config.Render(name, edges[name], t, o)
			if err != nil {
				return nil, err
			}
			if len(names) > 1 {
				f.Name = filepath.Join(name, f.Name)
			}
			files = append(files, f)
		}
	}
	return files, nil
}

// sayWhat says, before anything is written, which set it is, where it came from, and
// what the targets make of it.
func (a *app) sayWhat(set chosenSet, names []string, files []config.File) {
	fmt.Fprintf(a.stderr, "%s: %s\n", strings.Join(names, ", "), set.from)
	if set.file != "" {
		fmt.Fprintf(a.stderr, "kept in %s\n", set.file)
		if others := set.others(names); len(others) > 0 {
			fmt.Fprintf(a.stderr, "changed too, and not written: %s; --edge '*' writes every edge\n", strings.Join(others, ", "))
		}
	}
	for _, f := range files {
		for _, w := range f.Warnings {
			fmt.Fprintf(a.stderr, "%s: warning: %s\n", f.Name, w)
		}
	}
}

// writeFiles writes all of the files, or none of them when one would replace what
// is there unasked.
func (a *app) writeFiles(files []config.File, o *outFlags) error {
	if o.out == "-" {
		for i, f := range files {
			text := f.Text
			if len(files) > 1 { // as head and tail tell files apart
				text = "==> " + f.Name + " <==\n" + text
			}
			if i > 0 {
				text = "\n" + text
			}
			if err := a.write("-", []byte(text), o.force, true); err != nil {
				return err
			}
		}
		return nil
	}
	var there []string
	for _, f := range files {
		path := filepath.Join(o.out, f.Name)
		old, err := os.ReadFile(path)
		if err != nil || o.force || string(old) == f.Text {
			continue
		}
		fmt.Fprint(a.stderr, redact.Lines(export.Diff(path, string(old), f.Text)))
		there = append(there, path)
	}
	switch {
	case len(there) == 1:
		return badInput("%s: the file exists; --force replaces it", there[0])
	case len(there) > 1:
		return badInput("%s: the files exist; --force replaces them", strings.Join(there, ", "))
	}
	for _, f := range files {
		path := filepath.Join(o.out, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return badInput("export: %w", err)
		}
		if err := a.write(path, []byte(f.Text), o.force, true); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) exportConfigCommand() *cobra.Command {
	var p policyFlags
	var o outFlags
	var targets []string
	var edge, preset string
	cmd := &cobra.Command{
		Use:               "config [" + bundledName + "]",
		ValidArgsFunction: cobra.FixedCompletions([]string{bundledName}, cobra.ShellCompDirectiveNoFileComp),
		Short:             "thresholds as config for the libraries that you run",
		Long: `Writes the policy of an edge as native config, for the libraries of --for.

The values are those of --preset, --policy and --set, in this order; which set was written is said on
stderr and in the file, as far as its format allows. With none of them a terminal gets what you chose
last on the Tune or the Export screen (--preset chosen), else the postmortem's 5 s, 50 % and 30 s
(--preset postmortem); a script has to say what it wants. A --policy of your own edges
(tripcurve config import writes one) is written as well as one of the bundled pipeline's.
What a target cannot express is a warning before anything is written. configmap/TARGET wraps a
target's file into a Kubernetes ConfigMap. -o - with several files heads each with its name.`,
		Example: `  tripcurve export config --preset postmortem --for opossum,resilience4j,envoy -o -
  tripcurve export config --set order.inventory.breaker=resilience4j --for all -o out
  tripcurve export config --preset postmortem --for configmap/resilience4j -o - | kubectl apply -f -
  tripcurve config import application.yml -o mine.yaml && tripcurve export config --policy mine.yaml --edge '*' --for polly -o out`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] != bundledName {
				return badInput("export config %s: only %s has policies so far; recorded files hold evidence", args[0], bundledName)
			}
			set, err := a.chooseSet(&p, preset, edge)
			if err != nil {
				return err
			}
			names, err := exportedEdges(set.edges, set.edge, cmd.Flags().Changed("edge"))
			if err != nil {
				return err
			}
			if targets, err = wantedTargets(targets); err != nil {
				return err
			}
			origin := config.Origin{Incident: "INC-2847", Scenario: bundledName, Seed: scenario.Seed, Version: buildVersion(), Set: set.from}
			if own, _ := ownEdges(p.file); own != nil {
				origin.Incident, origin.Scenario, origin.Seed = "", "", 0
			}
			files, err := renderAll(set.edges, names, targets, origin)
			if err != nil {
				return exitError{exitUsage, err}
			}
			a.sayWhat(set, names, files)
			return a.writeFiles(files, &o)
		},
	}
	p.add(cmd)
	o.add(cmd, "folder to write to, or - for the standard output (default: this folder)")
	cmd.Flags().StringSliceVar(&targets, "for", []string{"opossum"}, "libraries, or all: "+strings.Join(config.Targets(), ", "))
	cmd.Flags().StringVar(&edge, "edge", "", "edge whose policy is written; * writes all (default: the one chosen on the Tune screen, else "+defaultEdge+")")
	cmd.Flags().Var(&choice{value: &preset, choices: presetNames()}, "preset", "a set of values by name: "+presetHelp())
	_ = cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presetNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(append(config.Targets(), "all"), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("edge", cobra.FixedCompletions(append(scenario.Edges().Names(), "*"), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
