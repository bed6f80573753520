package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
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
