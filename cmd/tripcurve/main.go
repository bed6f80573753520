// Command tripcurve shows what is breaking, proves why, and lets its user turn
// the knobs of the breakers against a simulation of the very same pipeline.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tripcurve/internal/config"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
)

// version is set by the release build.
var version = "dev"

// Exit codes, as the help says.
const (
	exitFine        = 0
	exitFindings    = 1 // findings, or a failed check
	exitUsage       = 2 // usage or bad input
	exitUnreachable = 3 // a source could not be reached
)

// exitError carries the exit code that an error means.
type exitError struct {
	code int
	err  error // nil: nothing more to say
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e exitError) Unwrap() error { return e.err }

// badInput is err as exit code 2.
func badInput(format string, args ...any) error {
	return exitError{exitUsage, fmt.Errorf(format, args...)}
}

// endings are the signals that end the program in order, what is open closed and where
// somebody was kept: also that of a terminal that is closed, unless nohup said to live on.
func endings() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// app is what the commands share: the streams, the environment, the settings.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	paths          config.Paths
	settings       config.Values
	configNamed    bool // the settings file was named by --config
}

func main() { os.Exit(run()) }

// run is main with an exit code, so that tests can call the program by name.
func run() int {
	list := endings()
	ctx, stop := signal.NotifyContext(context.Background(), list...)
	defer stop()
	// A second ctrl+c kills at once: the first one has asked politely. A second SIGHUP asks
	// for nothing: when a window is closed its shell sends one and the system another.
	if slices.Contains(list, os.Signal(syscall.SIGHUP)) {
		again := make(chan os.Signal, 1)
		signal.Notify(again, syscall.SIGHUP)
		defer signal.Stop(again)
	}
	context.AfterFunc(ctx, stop)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv, paths: config.FindPaths(os.Getenv)}
	return a.execute(ctx, os.Args[1:])
}

func (a *app) execute(ctx context.Context, args []string) int {
	root := a.commandFor(args)
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		completeRest(root)
	}
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFine
	}
	var coded exitError
	code := exitUsage // cobra's own errors are about usage
	if errors.As(err, &coded) {
		code = coded.code
	}
	if msg := err.Error(); msg != "" {
		fmt.Fprintln(a.stderr, redact.Lines("tripcurve: "+maskMessage(strings.TrimSpace(msg))))
	}
	return code
}

// maskMessage masks the secrets in an error. A path that ends like a secret's name, such as
// /run/secrets/token, is no key, and what comes after it and a colon no secret but what is
// wrong with the file.
func maskMessage(msg string) string {
	var b strings.Builder
	for {
		end := pathEnd().FindStringIndex(msg)
		if end == nil {
			return b.String() + redact.MaskSecrets(msg)
		}
		b.WriteString(redact.MaskSecrets(msg[:end[1]-2]) + ": ")
		msg = msg[end[1]:]
	}
}

// pathEnd finds a path at a word's beginning and the colon behind it.
var pathEnd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|\s)\.{0,2}/[^\s:="'&?]+: `) })

const longHelp = `tripcurve shows what is breaking, proves why, lets you turn the breaker's knobs
against a simulation of the same pipeline, and writes the config that you really run.

Without arguments it opens the bundled incident INC-2847: no server, no network, no files.
Wherever evidence is read or a scenario run, inc-2847 is taken too; only what copies, checks
or follows a file wants one.

Exit codes: 0 fine, 1 findings or a failed check, 2 usage or bad input, 3 a source could not be reached.`

// number is how Go's own number parsers end their errors.
var number = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`: strconv\.Parse(\w+): parsing .*`) })

// duration is how Go's parser of durations ends its errors.
var duration = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`: time: (?:invalid duration|missing unit in duration|unknown unit) .*`)
})

// meantFlag adds to the error of a flag that there is not which one may have been meant.
func meantFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := policy.Near(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Errorf("%w, did you mean --%s?", err, near)
	}
	return err
}

// plainer takes the names of Go's functions out of a flag's error.
func plainer(err error) error {
	text := err.Error()
	if m := number().FindStringSubmatch(text); m != nil {
		want := map[string]string{
			"Float": "a number", "Bool": "true or false", "Uint": "a whole number from 0 to " + strconv.FormatUint(math.MaxUint64, 10),
		}[m[1]]
		return errors.New(number().ReplaceAllString(text, ": expected "+cmp.Or(want, "a whole number")))
	}
	if s := duration().ReplaceAllString(text, ": expected a duration such as 500ms, 5s or 2m"); s != text {
		return errors.New(s)
	}
	return err
}

// settingsUnread marks a command that neither reads the settings file nor minds that
// it is missing or broken.
const settingsUnread = "settings unread"

// root is the command that opens the bundled incident, without those below it.
func (a *app) root() *cobra.Command {
	var configFile string
	root := &cobra.Command{
		Use:           "tripcurve",
		Short:         "incident analysis and breaker tuning for the terminal",
		Long:          longHelp,
		Args:          onlyCommands,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			given := map[string]string{}
			for _, s := range config.Settings {
				if f := cmd.Flags().Lookup(s.Flag()); f != nil && f.Changed {
					given[s.Name] = f.Value.String()
				}
			}
			if ascii, err := cmd.Flags().GetBool("ascii"); err == nil && ascii {
				given["glyphs"] = "ascii"
			}
			file := a.paths.Config
			if configFile != "" {
				file = configFile
			}
			a.configNamed = configFile != ""
			if cmd.Annotations[settingsUnread] != "" {
				a.settings.File = file
				return nil
			}
			var err error
			a.settings, err = config.Load(file, configFile != "" || a.env("TRIPCURVE_CONFIG") != "", a.env, given)
			if err != nil {
				return exitError{exitUsage, err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.openBundled(cmd.Context()) },
	}
	flags := root.PersistentFlags()
	for _, s := range config.Settings {
		help := s.Help
		if len(s.Choices) > 0 {
			help += ": " + strings.Join(s.Choices, ", ")
		}
		flags.String(s.Flag(), s.Default, help)
		if len(s.Choices) > 0 {
			_ = root.RegisterFlagCompletionFunc(s.Flag(), cobra.FixedCompletions(s.Choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	flags.Bool("ascii", false, "draw with ASCII characters only (the same as --glyphs ascii)")
	flags.StringVar(&configFile, "config", "", "settings file, which may list the sources of watch and record (default "+a.paths.Config+")")
	root.SetHelpFunc(printHelp)
	root.SetUsageFunc(func(cmd *cobra.Command) error { return printUsage(cmd.OutOrStderr(), cmd) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// The flags of a mistyped command are those of none.
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			return onlyCommands(cmd, words)
		}
		return exitError{exitUsage, plainer(meantFlag(cmd, err))}
	})
	return root
}
