package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"tripcurve/internal/policy"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// oneArg wants one argument and says which.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return badInput("%s takes %s; found %d arguments\nusage: %s", cmd.CommandPath(), what, len(args), cmd.UseLine())
	}
}

// onlyCommands is of a command that takes nothing but the names of those below it.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	near := policy.Near(args[0], names)
	switch {
	case near != "":
		return badInput("unknown command %q for %q, did you mean %s?", args[0], cmd.CommandPath(), near)
	case !cmd.HasParent() && (args[0] == bundledName || isFile(args[0])):
		return badInput("unknown command %q for %q; a file is opened by %[2]s open %[1]s", args[0], cmd.CommandPath())
	}
	return badInput("unknown command %q for %q (known: %s)", args[0], cmd.CommandPath(), strings.Join(names, ", "))
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// meantBundled adds to the error of a file that is not there that the bundled incident may
// have been meant.
func meantBundled(name string, err error) error {
	if errors.Is(err, os.ErrNotExist) && policy.Near(name, []string{bundledName}) != "" {
		return fmt.Errorf("%w; did you mean %s?", err, bundledName)
	}
	return err
}

// folderExists refuses a file in a folder that is not there, which is more often
// a slip of the fingers than a wish.
func folderExists(path string) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return badInput("%s: %w", path, err)
	}
	return nil
}

// completeFiles completes the bundled incident's name and file names.
func completeFiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{bundledName}, cobra.ShellCompDirectiveDefault
}

// plural is "1 line", "2 lines".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
