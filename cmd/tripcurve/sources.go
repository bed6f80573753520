package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency"
	"tripcurve/collectors/postgres"
	"tripcurve/collectors/supervise"
)

// sourceFlags say what to collect from. No file is needed.
type sourceFlags struct {
	pg        string
	logs      []string
	logFormat string
	logZone   string
	logUnit   string
	routes    routeFlags
	metrics   []string
	since     time.Duration

	datadog    datadogFlags
	prometheus prometheusFlags
	telemetry  telemetryFlags
}

func (f *sourceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.pg, "pg", "", "Postgres to sample: URL or key=value words (also PGHOST and the other PG* variables)")
	flags.StringArrayVar(&f.logs, "gateway-log", nil, "access log to follow; - reads the standard input (may be repeated)")
	f.addLog(cmd)
	flags.StringArrayVar(&f.metrics, "metrics", nil, "URL of a /metrics page with gRPC client counters (may be repeated)")
	f.datadog.add(cmd)
	f.prometheus.add(cmd)
	f.telemetry.add(cmd)
	flags.DurationVar(&f.since, "since", 0, "read this much of the logs', Prometheus's and Datadog's past first, such as 30m")
}

func (f *sourceFlags) addLog(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.logFormat, "log-format", "", "format of the access logs: a name, or a format pasted unchanged: nginx log_format, Apache LogFormat, HAProxy log-format, Envoy's or API Gateway's (default: detected)")
	flags.StringVar(&f.logZone, "log-zone", "", "zone of log times that name none, such as HAProxy's: Europe/Berlin, UTC, +0200 (default: this host's)")
	flags.StringVar(&f.logUnit, "log-unit", "", "unit of log durations that name none: s, ms, us or ns (default: by the lines, where they leave no doubt)")
	_ = cmd.RegisterFlagCompletionFunc("log-format", completeFormats)
	_ = cmd.RegisterFlagCompletionFunc("log-unit", cobra.FixedCompletions([]string{"s", "ms", "us", "ns"}, cobra.ShellCompDirectiveNoFileComp))
	f.routes.add(cmd)
}

// completeFormats offers the formats that --log-format knows by name.
func completeFormats(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	formats, err := gatewaylog.Formats()
	if err != nil { // of an embedded file, which tests would not let pass
		return nil, cobra.ShellCompDirectiveError
	}
	for _, f := range formats {
		names = append(names, f.Name+"\t"+f.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// logOptions are how to read access logs.
func (f *sourceFlags) logOptions() (opt gatewaylog.Options, err error) {
	if opt.Format, err = f.format(); err != nil {
		return opt, err
	}
	if opt.Zone, err = gatewaylog.ParseZone(f.logZone); err != nil {
		return opt, badInput("--log-zone: %w", err)
	}
	if opt.Unit, err = gatewaylog.ParseUnit(f.logUnit); err != nil {
		return opt, badInput("--log-unit: %w", err)
	}
	opt.Routes, err = f.routes.patterns()
	return opt, err
}

// format is the format that the user named or pasted; nil detects it.
func (f *sourceFlags) format() (*gatewaylog.Format, error) {
	if f.logFormat == "" {
		return nil, nil
	}
	format, err := gatewaylog.ParseFormat(f.logFormat)
	if err != nil {
		return nil, badInput("--log-format: %w", err)
	}
	return format, nil
}

// examples are lines that show what a command collects from.
func examples(command string) string {
	return strings.ReplaceAll(`  tripcurve COMMAND --pg postgres://monitor@db.example/shop
  tripcurve COMMAND --pg "$DSN" --gateway-log /var/log/nginx/access.log --metrics http://10.0.3.15:9090/metrics
  tripcurve COMMAND --gateway-log access.log --log-format '$remote_addr - [$time_local] "$request" $status $request_time'
  kubectl logs -f deploy/gateway | tripcurve COMMAND --gateway-log -
  tripcurve COMMAND --prometheus https://prometheus.example --since 30m
  tripcurve COMMAND --otlp 4317 --otlp 4318 --channelz order=10.0.3.15:9090
PGHOST and the other PG* variables name a Postgres too; Datadog's keys come from
DD_API_KEY and DD_APP_KEY, for example
  tripcurve COMMAND --datadog-query 'p99:grpc.client.duration{service:gateway}' --datadog-logs service:gateway
`+"`tripcurve config init`"+` writes a settings file in which sources can be listed
instead.`, "COMMAND", command)
}

// flagged makes one collector of every source that the flags name; taken are the
// names of other sources.
func (a *app) flagged(f sourceFlags, names map[string]int, now time.Time) ([]supervise.Collector, error) {
	var all []supervise.Collector
	since := f.from(now)
	if f.pg != "" {
		c, err := a.namedPostgres(f.pg, names)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	logOpt, err := f.logOptions()
	if err != nil {
		return nil, err
	}
	logOpt.Since = since
	for _, log := range f.logs {
		opt := gatewaylog.FollowOptions{Options: logOpt}
		if log == "-" {
			opt.Reader, opt.Name = a.stdin, "stdin"
		} else {
			if _, err := os.Stat(log); err != nil {
				return nil, badInput("--gateway-log: %w", err)
			}
			opt.Path, opt.Name = log, distinct(names, filepath.Base(log))
		}
		c, err := gatewaylog.NewFollow(opt)
		if err != nil {
			return nil, exitError{exitUsage, fmt.Errorf("--gateway-log %s: %w", log, err)}
		}
		all = append(all, c)
	}
	callNames, err := f.telemetry.names()
	if err != nil {
		return nil, err
	}
	for _, u := range f.metrics {
		c, err := latency.New(latency.Config{Access: latency.Access{URL: u}, Names: callNames})
		if err != nil {
			return nil, exitError{exitUsage, fmt.Errorf("--metrics: %w", err)}
		}
		all = append(all, c)
	}
	proms, err := f.prometheus.collectors(a.env, names, callNames, since)
	if err != nil {
		return nil, err
	}
	for _, c := range proms {
		all = append(all, c)
	}
	told, err := f.telemetry.collectors(names, callNames)
	if err != nil {
		return nil, err
	}
	all = append(all, told...)
	told, err = f.datadog.collectors(a.env, names, logOpt)
	if err != nil {
		return nil, err
	}
	all = append(all, told...)
	return all, nil
}

// namedPostgres is the server of --pg, or the one that the environment names.
func (a *app) namedPostgres(dsn string, names map[string]int) (supervise.Collector, error) {
	c, err := postgres.New(postgres.Config{Name: distinct(names, "pg"), Access: postgres.Access{DSN: dsn}})
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("--pg: %w", err)}
	}
	return c, nil
}

// from is since when the past is read; zero is not.
func (f *sourceFlags) from(now time.Time) time.Time {
	if f.since <= 0 {
		return time.Time{}
	}
	return now.Add(-f.since)
}

// distinct keeps two hosts' access.log two sources.
func distinct(seen map[string]int, name string) string {
	seen[name]++
	if n := seen[name]; n > 1 {
		return fmt.Sprintf("%s#%d", name, n)
	}
	return name
}
