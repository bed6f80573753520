package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency"
	"tripcurve/collectors/postgres"
	"tripcurve/collectors/supervise"
	"tripcurve/internal/bundled"
	"tripcurve/services/lab"
	"tripcurve/sim/scenario"
)

func (a *app) labCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "start the real order pipeline and break it on purpose",
		Long: `Starts the order pipeline for real, as processes on loopback over a private Postgres made of the
installed binaries (13 or newer), and breaks it: for practice, and as proof that what the simulator
and the collectors say is right. Everything is in one folder, which lab down removes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "the lab's folder (default: "+a.labDir("")+")")
	cmd.AddCommand(a.labRunCommand(&dir), a.labUpCommand(&dir), a.labDownCommand(&dir), a.labListCommand(), a.labServeCommand())
	return cmd
}

// labDir is the lab's folder. Root's own folders are closed to the user that
// Postgres runs as.
func (a *app) labDir(named string) string {
	switch {
	case named != "":
		return named
	case os.Geteuid() == 0:
		return filepath.Join(os.TempDir(), "tripcurve-lab")
	}
	return filepath.Join(a.paths.State, "lab")
}

// labScenario is the scenario of that name as the flags change it.
func labScenario(name string, p *policyFlags) (lab.Scenario, error) {
	edges := scenario.Edges()
	sc, ok := lab.ByName(edges, name)
	if !ok {
		var names []string
		for _, sc := range lab.Scenarios(edges) {
			names = append(names, sc.Name)
		}
		return sc, badInput("the lab knows no scenario %q; expected one of %s", name, strings.Join(names, ", "))
	}
	var err error
	if sc.Edges, err = p.apply(sc.Edges); err != nil {
		return sc, err
	}
	if err := sc.Check(); err != nil {
		return sc, exitError{exitUsage, err}
	}
	return sc, nil
}

func (a *app) labOptions(dir string) (lab.Options, error) {
	program, err := os.Executable()
	if err != nil {
		return lab.Options{}, err
	}
	return lab.Options{
		Dir: a.labDir(dir), Program: program, Path: a.env("PATH"),
		Say: func(s string) { fmt.Fprintln(a.stderr, s) },
	}, nil
}

// labError is err with its exit code.
func labError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lab.ErrNoPostgres), errors.Is(err, lab.ErrBusy), errors.Is(err, lab.ErrUp):
		return exitError{exitUsage, err}
	}
	return exitError{exitUnreachable, err}
}

func (a *app) labRunCommand(dir *string) *cobra.Command {
	var p policyFlags
	var record, format string
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "break the pipeline for real, and record it",
		Long: `Starts the pipeline, lets customers come, makes the scenario's faults happen and ends everything.
With --record the collectors watch it as they would watch production; tripcurve analyze says what they saw.
What the lab itself saw goes to stdout, what it does to stderr.`,
		Args: oneArg("a scenario (see tripcurve lab list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			sc, err := labScenario(args[0], &p)
			if err != nil {
				return err
			}
			if record != "" {
				if err := folderExists(record); err != nil {
					return err
				}
				if _, err := os.Lstat(record); err == nil {
					return badInput("recording %s: the file exists; choose another name or move it away", record)
				}
			}
			o, err := a.labOptions(*dir)
			if err != nil {
				return err
			}
			res, err := a.labRun(cmd.Context(), sc, o, record)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.stdout, res)
			}
			return a.labText(res)
		},
	}
	p.add(cmd)
	cmd.Flags().StringVar(&record, "record", "", "file to record to with the collectors (default: nothing is recorded)")
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

// labRun runs a scenario in a lab of its own.
func (a *app) labRun(ctx context.Context, sc lab.Scenario, o lab.Options, record string) (res *lab.Result, err error) {
	l, err := lab.Up(ctx, sc, o)
	if err != nil {
		return nil, labError(err)
	}
	defer func() { err = errors.Join(err, labError(l.Down())) }()

	recorded := make(chan error, 1)
	recording, stop := context.WithCancel(ctx)
	defer stop()
	if record != "" {
		all, err := labCollectors(l.Sources())
		if err != nil {
			return nil, err
		}
		go func() { recorded <- a.record(recording, all, record, time.Now()) }()
	} else {
		recorded <- nil
	}
	res, err = l.Run(ctx, sc, func(e lab.Event) {
		fmt.Fprintf(a.stderr, "%s  %s\n", e.At.Format("15:04:05Z"), e.Text)
	})
	stop()
	return res, errors.Join(err, <-recorded)
}

// labCollectors watch a lab as they would watch production.
func labCollectors(s lab.Sources) ([]supervise.Collector, error) {
	pg, err := postgres.New(postgres.Config{DSN: s.DSN})
	if err != nil {
		return nil, err
	}
	log, err := gatewaylog.NewFollow(gatewaylog.FollowOptions{
		Options: gatewaylog.Options{Routes: bundled.Routes}, Path: s.AccessLog, FromStart: true,
	})
	if err != nil {
		return nil, err
	}
	all := []supervise.Collector{pg, log}
	for _, name := range lab.Services() {
		url, ok := s.Metrics[name]
		if !ok {
			continue
		}
		c, err := latency.New(latency.Config{URL: url, Name: name, Interval: time.Second})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (a *app) labText(r *lab.Result) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	o := r.Orders
	fmt.Fprintf(w, "checkouts\t%d: %d served, %d failed (502: %d, 503: %d, 504: %d, late: %d)\n", o.Started, o.Served, o.Failed, o.Answered502, o.Answered503, o.Answered504, o.Late)
	return w.Flush()
}

func (a *app) labUpCommand(dir *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up [SCENARIO]",
		Short: "start the pipeline and leave it running",
		RunE: func(cmd *cobra.Command, args []string) error {
			var p policyFlags
			name := "healthy"
			if len(args) > 0 {
				name = args[0]
			}
			sc, err := labScenario(name, &p)
			if err != nil {
				return err
			}
			o, err := a.labOptions(*dir)
			if err != nil {
				return err
			}
			o.Stay = true
			l, err := lab.Up(cmd.Context(), sc, o)
			if err != nil {
				return labError(err)
			}
			l.Leave()
			s := l.Sources()
			fmt.Fprintf(a.stdout, "gateway  %s\n", s.Gateway)
			return nil
		},
	}
	return cmd
}

func (a *app) labDownCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "end the lab and remove its folder, also after a crash",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := lab.Down(cmd.Context(), a.labDir(*dir))
			if err != nil {
				return labError(err)
			}
			if !found {
				fmt.Fprintln(a.stderr, "no lab is up in "+a.labDir(*dir))
			}
			return nil
		},
	}
}

func (a *app) labListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "say which scenarios there are",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			for _, sc := range lab.Scenarios(scenario.Edges()) {
				fmt.Fprintf(w, "%s\t%s\t%s\n", sc.Name, sc.Length, sc.About)
			}
			return w.Flush()
		},
	}
}

// labServeCommand is what each of the lab's processes runs.
func (a *app) labServeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "serve SERVICE",
		Short:  "be one service of a lab; its orders come on the standard input",
		Hidden: true,
		Args:   oneArg("a service: " + strings.Join(lab.Services(), ", ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.Serve(cmd.Context(), args[0], a.stdin, a.stdout, a.stderr)
		},
	}
}
