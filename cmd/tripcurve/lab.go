package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency"
	"tripcurve/collectors/postgres"
	"tripcurve/collectors/supervise"
	"tripcurve/internal/bundled"
	"tripcurve/internal/bundled/verify"
	"tripcurve/internal/policy"
	"tripcurve/services/lab"
	"tripcurve/services/order"
	"tripcurve/services/telemetry"
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
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "the lab's folder (default: "+a.labDir("")+")")
	cmd.AddCommand(a.labRunCommand(&dir), a.labUpCommand(&dir), a.labDownCommand(&dir), a.labCheckoutCommand(&dir), a.labListCommand(), a.labServeCommand())
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
func labScenario(name string, f *labFlags) (lab.Scenario, error) {
	edges := scenario.Edges()
	sc, ok := lab.ByName(edges, name)
	if !ok {
		var names []string
		for _, sc := range lab.Scenarios(edges) {
			names = append(names, sc.Name)
		}
		return sc, exitError{exitUsage, policy.Unknown("scenario of the lab", name, names)}
	}
	var err error
	if sc.Edges, err = f.policy.apply(sc.Edges); err != nil {
		return sc, err
	}
	if f.customers.Tries < 1 {
		return sc, badInput("--tries %d: a customer tries once at least", f.customers.Tries)
	}
	sc.Customers, sc.Checkout = f.customers, f.checkout
	if err := sc.Check(); err != nil {
		return sc, exitError{exitUsage, err}
	}
	return sc, nil
}

// labFlags are those of run and up.
type labFlags struct {
	policy       policyFlags
	listen, otlp string
	accessLog    string
	customers    lab.Customers
	checkout     order.Mode
}

func (f *labFlags) add(cmd *cobra.Command) {
	f.policy.add(cmd)
	checkoutMode(cmd, &f.checkout)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "the gateway's address (default: a free port on 127.0.0.1)")
	flags.StringVar(&f.otlp, "otlp", "", "endpoint of a collector for the services' metrics (default: OTEL_EXPORTER_OTLP_ENDPOINT, or nothing is sent)")
	flags.DurationVar(&f.customers.GiveUp, "give-up", 0, "how long a customer waits for a checkout's answer before hanging up (default: until it comes)")
	flags.IntVar(&f.customers.Tries, "tries", 1, "how often a customer tries a checkout that fails")
	flags.DurationVar(&f.customers.Pause, "pause", time.Second, "how long a customer waits before another try")
	flags.StringVar(&f.accessLog, "access-log", logEnvoy, "how the gateway logs: envoy (stamps starts), nginx or an nginx log_format pasted unchanged (stamp ends)")
}

// words are the flags as they were given, for the command behind lab up.
func (f *labFlags) words() []string {
	words := []string{
		"--listen", f.listen, "--otlp", f.otlp, "--access-log", f.accessLog,
		"--give-up", f.customers.GiveUp.String(), "--tries", strconv.Itoa(f.customers.Tries), "--pause", f.customers.Pause.String(),
	}
	if f.checkout != "" {
		words = append(words, "--checkout", string(f.checkout))
	}
	for _, s := range f.policy.sets {
		words = append(words, "--set", s)
	}
	if f.policy.file != "" {
		words = append(words, "--policy", f.policy.file)
	}
	return words
}

// What --access-log takes by name, beside the names of collectors/gatewaylog.
const (
	logEnvoy = "envoy" // JSON
	logNginx = "nginx" // combined with the times of the tries
)

// format is what the gateway writes, as those know it who read it; nil is Envoy's
// JSON, which they find out by themselves.
func (f *labFlags) format() (*gatewaylog.Format, error) {
	name := f.accessLog
	switch name {
	case logEnvoy:
		return nil, nil
	case logNginx:
		name = "nginx_timed"
	case "":
		return nil, badInput("--access-log is empty: expected envoy, nginx or an nginx log_format")
	}
	format, err := gatewaylog.ParseFormat(name)
	if err != nil {
		return nil, badInput("--access-log: %w", err)
	}
	if format.Vocabulary != "nginx" {
		return nil, badInput("--access-log %s: the lab's gateway writes envoy, nginx or an nginx log_format", name)
	}
	if err := (lab.AccessLog{Layout: format.Layout, Escape: format.Escape}).Check(); err != nil {
		return nil, badInput("--access-log: %w", err)
	}
	return format, nil
}

func (a *app) labOptions(dir string, f *labFlags) (lab.Options, error) {
	program, err := os.Executable()
	if err != nil {
		return lab.Options{}, err
	}
	if dir, err = filepath.Abs(a.labDir(dir)); err != nil {
		return lab.Options{}, err
	}
	if f.listen != "" {
		if err := loopback(f.listen); err != nil {
			return lab.Options{}, err
		}
	}
	o := lab.Options{
		Dir: dir, Program: program, Path: a.env("PATH"), Listen: f.listen, OTLP: f.otlp,
		Say: func(s string) { fmt.Fprintln(a.stderr, s) },
	}
	format, err := f.format()
	if err == nil && format != nil {
		o.AccessLog = lab.AccessLog{Layout: format.Layout, Escape: format.Escape}
	}
	return o, err
}

// loopback wants an address of this machine alone: the lab's gateway asks nobody
// who he is.
func loopback(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return badInput("--listen %q: expected an address and a port, such as 127.0.0.1:8080", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && port != "0" {
		return badInput("--listen %q: %q is no port from 0 to 65535", addr, port)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return badInput("--listen %q: the lab serves on loopback alone, such as 127.0.0.1:%s", addr, port)
	}
	return nil
}

// labError is err with its exit code.
func labError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitError{exitUnreachable, errors.New("ended before it was through")}
	case errors.Is(err, lab.ErrNoPostgres), errors.Is(err, lab.ErrBusy), errors.Is(err, lab.ErrUp), errors.Is(err, lab.ErrFolder), errors.Is(err, lab.ErrTaken), errors.Is(err, telemetry.ErrConfig):
		return exitError{exitUsage, err}
	}
	return exitError{exitUnreachable, err}
}

func (a *app) labRunCommand(dir *string) *cobra.Command {
	var f labFlags
	var r labRun
	var seed uint64
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "break the pipeline for real, and record it",
		Long: `Starts the pipeline, lets customers come, makes the scenario's faults happen and ends everything again.
With --record the collectors watch it as they would watch production; tripcurve analyze then says what they
saw. What the lab itself saw goes to stdout, what it does to stderr. --verify simulates the same scenario with
the same customers and prints both beside each other; exit code 1 when they do not agree to a tenth.`,
		Args:              oneArg("a scenario (see tripcurve lab list)"),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.scenario, err = labScenario(args[0], &f); err != nil {
				return err
			}
			if cmd.Flags().Changed("seed") {
				r.scenario.Seed = seed
			}
			if r.record != "" {
				if err := folderExists(r.record); err != nil {
					return err
				}
				if _, err := os.Lstat(r.record); err == nil {
					return badInput("recording %s: the file exists; choose another name or move it away", r.record)
				}
			}
			if r.options, err = a.labOptions(*dir, &f); err != nil {
				return err
			}
			if r.format, err = f.format(); err != nil {
				return err
			}
			if _, err := verify.Simulated(r.scenario); r.verify && err != nil {
				return badInput("--verify: %w", err)
			}
			return a.labRun(cmd.Context(), r)
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&r.record, "record", "", "file to record to with the collectors (default: nothing is recorded)")
	flags.Uint64Var(&seed, "seed", 1, "which customers come when")
	flags.BoolVar(&r.verify, "verify", false, "also simulate the scenario, and hold what was seen against it")
	flags.BoolVar(&r.stay, "stay", false, "go on with healthy traffic afterwards until told to end")
	_ = flags.MarkHidden("stay") // it is lab up's
	formatFlag(cmd, &r.output, "text", "json")
	return cmd
}

// labRun is what lab run was asked for.
type labRun struct {
	scenario       lab.Scenario
	options        lab.Options
	format         *gatewaylog.Format // of the access log; nil detects it
	record, output string
	verify, stay   bool
}

// lastLook is for how long the collectors, which look every second, go on when the
// last customer has his answer.
const lastLook = 3 * time.Second

// labReady is what a lab in the background says on stdout when it is up.
const labReady = "ready"

// labRun runs a scenario in a lab of its own.
func (a *app) labRun(ctx context.Context, r labRun) (err error) {
	l, err := lab.Up(ctx, r.scenario, r.options)
	if err != nil {
		return labError(ctx, err)
	}
	defer func() { err = errors.Join(err, labError(ctx, l.Down())) }()
	if r.stay {
		return a.labStay(ctx, l, r.scenario)
	}
	recorded := make(chan error, 1)
	recording, stop := context.WithCancel(ctx)
	defer stop()
	if r.record != "" {
		all, err := labCollectors(l.Sources(), r.format)
		if err != nil {
			return err
		}
		go func() { recorded <- a.record(recording, collecting{collectors: all}, r.record, time.Now()) }()
	} else {
		recorded <- nil
	}
	res, err := l.Run(ctx, r.scenario, a.labEvent)
	if r.record != "" && err == nil {
		select { // the log's last lines are still to be read
		case <-time.After(lastLook):
		case <-ctx.Done():
		}
	}
	stop()
	if err := errors.Join(labError(ctx, err), <-recorded); err != nil {
		return err
	}
	rep := newLabReport(res)
	if r.verify {
		if err := rep.verify(ctx, r.scenario, res); err != nil {
			return err
		}
	}
	if err := a.labReport(res, rep, r.output); err != nil {
		return err
	}
	if rep.Verify != nil && !rep.Verify.Agree {
		return exitError{code: exitFindings}
	}
	return nil
}

func (a *app) labEvent(e lab.Event) {
	fmt.Fprintf(a.stderr, "%s  %s\n", e.At.Format("15:04:05Z"), e.Text)
}

// labStay runs a scenario behind lab up, and then lets customers come until it is
// told to end.
func (a *app) labStay(ctx context.Context, l *lab.Lab, sc lab.Scenario) error {
	log, err := os.OpenFile(l.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	a.stderr = log // nobody reads the other one any more
	fmt.Fprintln(a.stdout, labReady)
	for err == nil && ctx.Err() == nil {
		_, err = l.Run(ctx, sc, a.labEvent)
		sc.Faults = nil
		sc.Seed++
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *app) labUpCommand(dir *string) *cobra.Command {
	var f labFlags
	cmd := &cobra.Command{
		Use:   "up [SCENARIO]",
		Short: "start the pipeline, leave it running and break it in the background",
		Long: `Starts the pipeline and leaves it running, with customers, until tripcurve lab down. The faults of the
scenario happen in the background at the times that tripcurve lab list --times tells; without a scenario nothing goes
wrong. It prints where the evidence is, as a command that watches it.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "healthy"
			if len(args) > 0 {
				name = args[0]
			}
			if _, err := labScenario(name, &f); err != nil {
				return err
			}
			o, err := a.labOptions(*dir, &f)
			if err != nil {
				return err
			}
			again := []string{"lab", "run", name, "--stay", "--dir", o.Dir}
			return a.labUp(cmd.Context(), o, append(again, f.words()...), f.accessLog)
		},
	}
	f.add(cmd)
	return cmd
}

// labUp runs this program again in the background and waits until it says that
// its lab is up.
func (a *app) labUp(ctx context.Context, o lab.Options, args []string, accessLog string) error {
	cmd := exec.Command(o.Program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it outlives this terminal
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		ready <- strings.TrimSpace(line) == labReady
	}()
	talk := make(chan struct{})
	go func() {
		defer close(talk)
		_, _ = io.Copy(a.stderr, said)
	}()
	select {
	case ok := <-ready:
		if !ok { // it has said why
			<-talk
			err := cmd.Wait()
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() > 0 {
				return exitError{exit.ExitCode(), nil}
			}
			return exitError{exitUnreachable, fmt.Errorf("the lab ended: %w", err)}
		}
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-talk
		_ = cmd.Wait()
		return exitError{exitUnreachable, ctx.Err()}
	}
	s, ok := lab.Find(o.Dir)
	if !ok {
		return exitError{exitUnreachable, fmt.Errorf("the lab in %s ended again", o.Dir)}
	}
	return a.labSources(o.Dir, s, accessLog)
}

// labSources says where a lab's evidence is.
func (a *app) labSources(dir string, s lab.Sources, accessLog string) error {
	fmt.Fprintf(a.stdout, "gateway  %s\n\nwatch it:\n  tripcurve watch --pg '%s' \\\n    --gateway-log %s", s.Gateway, s.DSN, s.AccessLog)
	if accessLog != logEnvoy && accessLog != logNginx { // those are found out
		fmt.Fprintf(a.stdout, " \\\n    --log-format %s", quoted(accessLog))
	}
	for _, name := range lab.Services() {
		if url, ok := s.Metrics[name]; ok {
			fmt.Fprintf(a.stdout, " \\\n    --metrics %s", url)
		}
	}
	end := "tripcurve lab down"
	if dir != a.labDir("") {
		end += " --dir " + dir
	}
	_, err := fmt.Fprintf(a.stdout, "\nend it:\n  %s\n", end)
	return err
}

// quoted is a word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// labCollectors watch a lab as they would watch production.
func labCollectors(s lab.Sources, format *gatewaylog.Format) ([]supervise.Collector, error) {
	pg, err := postgres.New(postgres.Config{Access: postgres.Access{DSN: s.DSN}})
	if err != nil {
		return nil, err
	}
	log, err := gatewaylog.NewFollow(gatewaylog.FollowOptions{
		Options: gatewaylog.Options{Routes: bundled.Routes, Format: format}, Path: s.AccessLog, FromStart: true,
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
		c, err := latency.New(latency.Config{Access: latency.Access{URL: url}, Name: name, Interval: time.Second})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (a *app) labDownCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "end the lab and remove its folder, also after a crash",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := lab.Down(cmd.Context(), a.labDir(*dir))
			if err != nil {
				return labError(cmd.Context(), err)
			}
			if !found {
				fmt.Fprintln(a.stderr, "no lab was up in "+a.labDir(*dir))
			}
			return nil
		},
	}
}

func (a *app) labListCommand() *cobra.Command {
	var times bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "say which scenarios there are",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			for _, sc := range lab.Scenarios(scenario.Edges()) {
				fmt.Fprintf(w, "%s\t%s\t%s\n", sc.Name, policy.FormatDuration(sc.Length), sc.About)
				if !times {
					continue
				}
				for _, line := range sc.Times() {
					fmt.Fprintf(w, "\t\t  %s\n", line)
				}
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&times, "times", false, "and what happens in each of them when")
	return cmd
}

func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		for _, sc := range lab.Scenarios(scenario.Edges()) {
			names = append(names, sc.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
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
