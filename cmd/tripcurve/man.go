package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/config"
)

func (a *app) manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "print a manual page, or write all of them to a folder",
		Long: `Prints the manual page of tripcurve, or of the command named, as man reads it. With --dir every command's page is
written to a folder, as a package installs them: tripcurve.1, tripcurve-watch.1 and so on.`,
		Example: `  tripcurve man watch | man -l -
  tripcurve man --dir ~/.local/share/man/man1    # then: man tripcurve-watch`,
		Annotations: map[string]string{settingsUnread: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			// A tree of its own: defaults that name this user's folders say ~.
			root := manTree()
			if dir != "" {
				if len(args) > 0 {
					return badInput("--dir writes the pages of all commands; leave %q out", strings.Join(args, " "))
				}
				return a.writeManual(root, dir)
			}
			page, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 || !documented(page) && page != root {
				return badInput("no command %q; tripcurve --help lists them", strings.Join(args, " "))
			}
			_, err = io.WriteString(a.stdout, manPage(page))
			return err
		},
		ValidArgsFunction: completeCommands,
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write the pages of all commands to this folder")
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

// anybody is the environment of nobody in particular.
func anybody(name string) string {
	if name == "HOME" {
		return "~"
	}
	return ""
}

// manTree is the command tree as it is for anybody.
func manTree() *cobra.Command {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, env: anybody, paths: config.FindPaths(anybody)}
	root := a.command()
	root.InitDefaultCompletionCmd()
	return root
}

// writeManual writes the pages of a command and of all below it.
func (a *app) writeManual(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return badInput("%w", err)
	}
	n := 0
	var write func(*cobra.Command) error
	write = func(cmd *cobra.Command) error {
		if err := os.WriteFile(filepath.Join(dir, pageName(cmd)+".1"), []byte(manPage(cmd)), 0o644); err != nil {
			return badInput("%w", err) // os names the file
		}
		n++
		for _, c := range documentedBelow(cmd) {
			if err := write(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(root); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stderr, "wrote %s to %s\n", plural(int64(n), "page"), dir)
	return err
}

// completeCommands completes the name of a command, word by word.
func completeCommands(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	at, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, c := range documentedBelow(at) {
		names = append(names, c.Name()+"\t"+c.Short)
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
