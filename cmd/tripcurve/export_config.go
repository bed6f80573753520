package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/export"
	"tripcurve/internal/export/config"
	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim/scenario"
)

// presets are sets of policies that can be asked for by name.
var presets = []struct {
	name, help string
	change     func(policy.Edges, string) error
}{
	{"today", "what ran on the night of INC-2847", func(policy.Edges, string) error { return nil }},
	{"postmortem", "opossum with the postmortem's 5 s, 50 % and 30 s on the edge", func(e policy.Edges, edge string) error {
		return e.Set(edge+".breaker", "opossum")
	}},
}

func presetNames() []string {
	var names []string
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}

// chosenSet is the policies to write, and in words where they come from.
type chosenSet struct {
	edges policy.Edges
	from  string
}

// chooseSet finds out which policies are meant. Who writes to a pipe or a script
// has to say so; at a terminal the postmortem's are taken and said.
func (a *app) chooseSet(p *policyFlags, preset, edge string) (chosenSet, error) {
	if !p.given() && preset == "" {
		if out, ok := a.stdout.(*os.File); !ok || !isTerminal(out) {
			return chosenSet{}, badInput("export config: which set of policies? Say it, for the standard output is no terminal: --preset %s, --policy FILE, or --set PATH=VALUE",
				strings.Join(presetNames(), " or "))
		}
		preset = "postmortem"
	}
	set := chosenSet{edges: scenario.Edges()}
	var from []string
	if own, err := ownEdges(p.file); err != nil {
		return set, err
	} else if own != nil {
		set.edges = own
	}
	for _, known := range presets {
		if known.name != preset {
			continue
		}
		from = append(from, "preset "+preset+" ("+known.help+")")
		on := []string{edge}
		if edge == "*" {
			on = set.edges.Names()
		}
		for _, e := range on {
			if _, ok := set.edges[e]; ok {
				if err := known.change(set.edges, e); err != nil {
					return set, err
				}
			}
		}
	}
	edges, err := p.apply(set.edges)
	if err != nil {
		return set, err
	}
	set.edges = edges
	if p.file != "" {
		from = append(from, "--policy "+p.file)
	}
	for _, s := range p.sets {
		from = append(from, "--set "+s)
	}
	set.from = strings.Join(from, ", ")
	return set, nil
}

// ownEdges are empty policies for the edges of a policy file that knows none of
// the bundled pipeline's: a file of the user's own system. nil where it does.
func ownEdges(file string) (policy.Edges, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, badInput("--policy: %w", err)
	}
	own, err := policyfile.Own(file, string(text))
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("--policy: %w", err)}
	}
	bundled := scenario.Edges()
	for name := range own {
		if _, ok := bundled[name]; ok || name == "*" {
			return nil, nil
		}
		own[name] = policy.Policy{}
	}
	return own, nil
}

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

// writeFiles writes all of the files, or none of them when one would replace what
// is there unasked.
func (a *app) writeFiles(files []config.File, o *outFlags) error {
	if o.out == "-" {
		for _, f := range files {
			if err := a.write("-", []byte(f.Text), o.force, true); err != nil {
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
		Use:   "config [" + bundledName + "]",
		Short: "thresholds as config for the libraries that you run",
		Long: `Writes the policy of an edge as native config: ` + strings.Join(config.Targets(), ", ") + `.

The values are those of --preset, --policy and --set, in this order; which set was written is said on
stderr and in the file, as far as its format allows. With none of them a terminal gets the
postmortem's 5 s, 50 % and 30 s; a script has to say what it wants. A --policy of your own edges
(tripcurve config import writes one) is written as well as one of the bundled pipeline's.
What a target cannot express is a warning before anything is written. configmap/TARGET wraps a
target's file into a Kubernetes ConfigMap.`,
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
			names, err := exportedEdges(set.edges, edge, cmd.Flags().Changed("edge"))
			if err != nil {
				return err
			}
			if len(targets) == 1 && targets[0] == "all" {
				targets = config.Targets()
			}
			origin := config.Origin{Incident: "INC-2847", Scenario: bundledName, Seed: scenario.Seed, Version: version, Set: set.from}
			if own, _ := ownEdges(p.file); own != nil {
				origin.Incident, origin.Scenario, origin.Seed = "", "", 0
			}
			var files []config.File
			for _, name := range names {
				for _, t := range targets {
					f, err := config.Render(name, set.edges[name], t, origin)
					if err != nil {
						return exitError{exitUsage, err}
					}
					if len(names) > 1 { // two edges may have the same callee
						f.Name = filepath.Join(name, f.Name)
					}
					files = append(files, f)
				}
			}
			fmt.Fprintf(a.stderr, "%s: %s\n", strings.Join(names, ", "), set.from)
			for _, f := range files {
				for _, w := range f.Warnings {
					fmt.Fprintf(a.stderr, "%s: warning: %s\n", f.Name, w)
				}
			}
			return a.writeFiles(files, &o)
		},
	}
	p.add(cmd)
	o.add(cmd, "folder to write to, or - for the standard output (default: this folder)")
	cmd.Flags().StringSliceVar(&targets, "for", []string{"opossum"}, "libraries, or all: "+strings.Join(config.Targets(), ", "))
	cmd.Flags().StringVar(&edge, "edge", "order.inventory", "edge whose policy is written; * writes all")
	cmd.Flags().Var(&choice{value: &preset, choices: presetNames()}, "preset", "a set of values by name")
	_ = cmd.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presetNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(append(config.Targets(), "all"), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("edge", cobra.FixedCompletions(append(scenario.Edges().Names(), "*"), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
