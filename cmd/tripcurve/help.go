package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tripcurve/internal/export"
)

// printHelp is a command's --help in the columns of plain text: cobra's own does not break
// lines, and at night the terminal is 80 wide.
func printHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	for _, paragraph := range strings.Split(strings.TrimSpace(about), "\n\n") {
		if isVerbatim(paragraph) {
			fmt.Fprintln(out, paragraph)
		} else {
			fmt.Fprint(out, export.Wrap(paragraph, "", ""))
		}
		fmt.Fprintln(out)
	}
	_ = printUsage(out, cmd)
}

// isVerbatim says of a help text's paragraph that its lines are to be kept as they are: one
// whose lines are indented, or that lists.
func isVerbatim(paragraph string) bool {
	return strings.HasPrefix(paragraph, "  ") || strings.Contains(paragraph, "\n  ")
}

// printUsage is what stands below that: how it is called, its commands and its flags.
func printUsage(out io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if cmd.Runnable() {
		b.WriteString(export.Wrap(cmd.UseLine(), "  ", "      "))
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("  " + cmd.CommandPath() + " [command]\n")
	}
	if cmd.HasExample() {
		b.WriteString("\nExamples:\n" + cmd.Example + "\n")
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nAvailable Commands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				name := fmt.Sprintf("  %-*s ", c.NamePadding(), c.Name())
				b.WriteString(export.Wrap(c.Short, name, strings.Repeat(" ", len(name))))
			}
		}
	}
	for _, set := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"Flags", cmd.LocalFlags()}, {"Global Flags", cmd.InheritedFlags()}} {
		if set.flags.HasAvailableFlags() {
			b.WriteString("\n" + set.title + ":\n")
			for line := range strings.Lines(set.flags.FlagUsagesWrapped(export.Columns)) {
				b.WriteString(strings.TrimRight(line, " \n") + "\n")
			}
		}
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nUse \"" + cmd.CommandPath() + " [command] --help\" for more information about a command.\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
