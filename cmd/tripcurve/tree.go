package main

import "github.com/spf13/cobra"

// branch is a command right below the root: its name, and how it and what is below it
// are built.
type branch struct {
	name  string
	build func() *cobra.Command
}

func (a *app) branches() []branch {
	return []branch{
		{"open", a.openCommand},
		{"watch", a.watchCommand},
		{"sources", a.sourcesCommand},
		{"now", a.nowCommand},
		{"record", a.recordCommand},
		{"import", a.importCommand},
		{"inspect", a.inspectCommand},
		{"snapshot", a.snapshotCommand},
		{"trim", a.trimCommand},
		{"merge", a.mergeCommand},
		{"redact", a.redactCommand},
		{"analyze", a.analyzeCommand},
		{"check", a.checkCommand},
		{"explain", a.explainCommand},
		{"fit", a.fitCommand},
		{"simulate", a.simulateCommand},
		{"compare", a.compareCommand},
		{"tune", a.tuneCommand},
		{"curve", a.curveCommand},
		{"timeline", a.timelineCommand},
		{"export", a.exportCommand},
		{"lint", a.lintCommand},
		{"lab", a.labCommand},
		{"demo", a.demoCommand},
		{"config", a.configCommand},
		{"info", a.infoCommand},
		{"glossary", a.glossaryCommand},
		{"man", a.manCommand},
		{"version", a.versionCommand},
	}
}

// command builds the command tree.
func (a *app) command() *cobra.Command {
	root := a.root()
	for _, b := range a.branches() {
		root.AddCommand(b.build())
	}
	return root
}

// commandFor builds of the tree what args need. The first frame waits for it, and whole it
// takes as long as the rest of a bare program's start. Whoever names no command, or asks
// for help or a completion, is told of all of them.
func (a *app) commandFor(args []string) *cobra.Command {
	if len(args) == 0 {
		return a.root()
	}
	for _, b := range a.branches() {
		if b.name == args[0] {
			root := a.root()
			root.AddCommand(b.build())
			return root
		}
	}
	return a.command()
}
