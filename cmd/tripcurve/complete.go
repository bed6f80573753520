package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tripcurve/internal/incident"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/pipeline/file"
	"tripcurve/sim/scenario"
)

// takesFile are the flags whose value is a file's name; dir is a folder's.
var takesFile = map[string]bool{
	"access-log": true, "config": true, "diff": true, "gateway-log": true, "openapi": true, "out": true, "output": true,
	"pareto": true, "plot": true, "policy": true, "record": true, "resume": true, "routes": true, "save-routes": true, "stats": true,
	"tests": true,
}

// takesFolder are those whose value is a folder's.
var takesFolder = map[string]bool{"dir": true, "export-dir": true}

// completeRest gives a completion to every flag and command that has none of its own,
// for a shell offers the files here otherwise: where a number, an address or nothing at
// all is wanted.
func completeRest(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && (cmd.HasSubCommands() || takesNothing(cmd)) {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(f.Name); has || f.Value.Type() == "bool" {
			return
		}
		if takesFile[f.Name] || strings.HasPrefix(f.Name, "prometheus-") && (strings.HasSuffix(f.Name, "-file") || f.Usage[:8] == "PEM file") {
			return
		}
		complete := cobra.NoFileCompletions
		switch {
		case takesFolder[f.Name]:
			complete = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
		case strings.Contains(f.Value.Type(), "|"): // its type is its choices
			complete = cobra.FixedCompletions(strings.Split(f.Value.Type(), "|"), cobra.ShellCompDirectiveNoFileComp)
		case strings.HasPrefix(cmd.CommandPath(), "tripcurve timeline"):
			complete = cobra.FixedCompletions(incident.FieldWords(f.Name), cobra.ShellCompDirectiveNoFileComp)
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
	for _, c := range cmd.Commands() {
		completeRest(c)
	}
}

// takesNothing says whether a command refuses every argument.
func takesNothing(cmd *cobra.Command) bool {
	return cmd.Args != nil && cmd.Args(cmd, []string{bundledName}) != nil && cmd.Args(cmd, nil) == nil
}

// edgesOf are the edges of the pipeline that a command line means: those of a description
// where it names one that can be read, else those of the bundled scenarios. The ones to
// pools, of whose policy only cancel counts, stand apart.
func edgesOf(cmd *cobra.Command, args []string) (names, pools []string, ofDescription bool) {
	bundled := scenario.Edges().Names()
	var d described
	if f := cmd.Flag("example"); f != nil {
		d.example = f.Value.String()
	}
	if d.example == "" && (len(args) == 0 || args[0] == "-") {
		return bundled, nil, false
	}
	if means, err := d.means(args); err != nil || !means {
		return bundled, nil, false
	}
	text, name, err := (&app{}).description(args, d.example)
	if err != nil {
		return bundled, nil, false
	}
	p, err := file.Read(name, text)
	if err != nil {
		return bundled, nil, false
	}
	pools = pipeline.PoolEdges(p)
	return slices.DeleteFunc(p.Policies.Names(), func(n string) bool { return slices.Contains(pools, n) }), pools, true
}
