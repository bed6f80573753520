package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency"
	"tripcurve/collectors/latency/channelz"
	"tripcurve/collectors/latency/otlp"
	"tripcurve/collectors/postgres"
	"tripcurve/collectors/supervise"
	"tripcurve/internal/config"
	"tripcurve/internal/config/sources"
	"tripcurve/internal/datadog"
)

// collecting is what a command collects from, and within which bounds.
type collecting struct {
	collectors []supervise.Collector
	stdin      bool // one of them reads the standard input
	options    supervise.Options
	keeping    keeping
}

// collecting is for the command of that name: the sources that its flags name, else
// those of the settings file, else the Postgres that the environment names. A file
// named by --config adds its sources to those of the flags.
func (a *app) collecting(ctx context.Context, command string, f sourceFlags, k keeping, now time.Time) (collecting, error) {
	c := collecting{keeping: k}
	names := map[string]int{}
	file, err := a.sources()
	if err != nil {
		return c, err
	}
	for _, e := range file.Entries() {
		names[e.Name]++
	}
	if c.collectors, err = a.flagged(f, names, now); err != nil {
		return c, err
	}
	c.stdin = slices.Contains(f.logs, "-")
	fromFile := len(file.Entries()) > 0 && (len(c.collectors) == 0 || a.configNamed)
	if fromFile {
		b := building{app: a, ctx: ctx, since: f.from(now)}
		if err := b.all(file); err != nil {
			return c, err
		}
		c.collectors = append(b.collectors, c.collectors...)
		if c.stdin && b.stdin {
			return c, badInput("--gateway-log - and %s both read the standard input", a.settings.File)
		}
		c.stdin = c.stdin || b.stdin
	}
	if f.pg == "" && !fromFile && a.pgInEnv() {
		pg, err := a.namedPostgres("", names)
		if err != nil {
			return c, err
		}
		c.collectors = append([]supervise.Collector{pg}, c.collectors...)
	}
	if len(c.collectors) == 0 {
		if a.configNamed {
			return c, badInput("%s names no source; `tripcurve config init -o -` shows how, or name one here, for example\n%s", a.settings.File, examples(command))
		}
		return c, badInput("name at least one source, for example\n%s", examples(command))
	}
	c.options.MaxFacts = file.Recording.Facts
	c.keeping.age = cmp.Or(k.age, file.Recording.Keep)
	c.keeping.size = cmp.Or(k.size, byteSize(file.Recording.MaxSize))
	return c, nil
}

// sources is what the settings file says of collecting; nothing without a file.
func (a *app) sources() (*sources.Config, error) {
	text, err := config.ReadFile(a.settings.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &sources.Config{}, nil // one that the user named was missed before
	case err != nil:
		return nil, badInput("settings file: %w", err)
	}
	c, err := sources.Read(a.settings.File, text)
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	return c, nil
}

// building makes the collectors of a settings file. A new kind of source is one more
// function here, beside those of package sources.
type building struct {
	app        *app
	ctx        context.Context // of the command: commands that print credentials end with it
	since      time.Time
	collectors []supervise.Collector
	stdin      bool
}

func (b *building) all(c *sources.Config) error {
	return errors.Join(
		each(b, c.Postgres, b.postgres, func(s sources.Postgres) sources.Entry { return s.Entry }),
		each(b, c.GatewayLogs, b.gatewayLog, func(s sources.GatewayLog) sources.Entry { return s.Entry }),
		each(b, c.Prometheus, b.prometheus, func(s sources.Prometheus) sources.Entry { return s.Entry }),
		each(b, c.Metrics, b.metrics, func(s sources.Metrics) sources.Entry { return s.Entry }),
		each(b, c.Datadog, b.datadog, func(s sources.Datadog) sources.Entry { return s.Entry }),
		each(b, c.DatadogLogs, b.datadogLogs, func(s sources.DatadogLogs) sources.Entry { return s.Entry }),
		each(b, c.OTLP, b.otlp, func(s sources.OTLP) sources.Entry { return s.Entry }),
		each(b, c.Channelz, b.channelz, func(s sources.Channelz) sources.Entry { return s.Entry }),
	)
}

// each adds the collectors of one list; what is wrong says which line of the file it
// is about.
func each[S any](b *building, list []S, collector func(S) (supervise.Collector, error), entry func(S) sources.Entry) error {
	for _, s := range list {
		c, err := collector(s)
		if err != nil {
			e := entry(s)
			return badInput("%s:%d: %s source %s: %w", b.app.settings.File, e.Line, e.Kind, e.Name, err)
		}
		b.collectors = append(b.collectors, c)
	}
	return nil
}

func (b *building) postgres(s sources.Postgres) (supervise.Collector, error) {
	password, err := b.credential(s.Password)
	if err != nil {
		return nil, fmt.Errorf("no password to be had: %w", err)
	}
	return postgres.New(postgres.Config{Name: s.Name, Interval: s.Every, Access: postgres.Access{
		DSN: s.DSN, Service: s.Service, ServiceFile: s.ServiceFile, PassFile: s.PassFile, Password: password,
		CA: s.TLS.CA, Cert: s.TLS.Cert, Key: s.TLS.Key, ServerName: s.TLS.ServerName,
	}})
}

func (b *building) gatewayLog(s sources.GatewayLog) (supervise.Collector, error) {
	opt := gatewaylog.FollowOptions{Options: gatewaylog.Options{Name: s.Name, Since: b.since}}
	if s.Path == "-" {
		opt.Reader, b.stdin = b.app.stdin, true
	} else {
		if _, err := os.Stat(s.Path); err != nil {
			return nil, err
		}
		opt.Path = s.Path
	}
	var err error
	if s.Format != "" {
		if opt.Format, err = gatewaylog.ParseFormat(s.Format); err != nil {
			return nil, fmt.Errorf("format: %w", err)
		}
	}
	if opt.Zone, err = gatewaylog.ParseZone(s.Zone); err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	opt.Unit = s.Unit
	routes := routeFlags{given: s.Routes}
	if s.RoutesFile != "" {
		routes.lists = []string{s.RoutesFile}
	}
	if s.OpenAPI != "" {
		routes.openAPIs = []string{s.OpenAPI}
	}
	if opt.Routes, err = routes.patterns(); err != nil {
		return nil, err
	}
	return gatewaylog.NewFollow(opt)
}

func (b *building) prometheus(s sources.Prometheus) (supervise.Collector, error) {
	access, err := b.access(s.Access)
	if err != nil {
		return nil, err
	}
	names, err := latency.ParseNames(s.CallNames)
	if err != nil {
		return nil, err
	}
	return latency.NewPrometheus(latency.PrometheusConfig{
		Access: access, Queries: s.Queries, Names: names, Name: s.Name, Interval: s.Every, Step: s.Step, Since: b.since, Most: s.Series,
	})
}

func (b *building) metrics(s sources.Metrics) (supervise.Collector, error) {
	access, err := b.access(s.Access)
	if err != nil {
		return nil, err
	}
	names, err := latency.ParseNames(s.CallNames)
	if err != nil {
		return nil, err
	}
	return latency.New(latency.Config{Access: access, Names: names, Name: s.Name, Interval: s.Every, Most: s.Series})
}

func (b *building) datadog(s sources.Datadog) (supervise.Collector, error) {
	if err := datadog.CheckQuery(s.Query); err != nil {
		return nil, err
	}
	client, err := b.datadogClient(s.Site, s.APIKey, s.AppKey)
	if err != nil {
		return nil, err
	}
	return latency.NewDatadog(latency.DatadogConfig{Client: client, Query: s.Query, Name: s.Name, Interval: s.Every, Since: b.since, Unit: s.Unit}), nil
}

func (b *building) datadogLogs(s sources.DatadogLogs) (supervise.Collector, error) {
	client, err := b.datadogClient(s.Site, s.APIKey, s.AppKey)
	if err != nil {
		return nil, err
	}
	cfg := gatewaylog.DatadogConfig{
		Options: gatewaylog.Options{Name: s.Name, Routes: s.Routes, Since: b.since},
		Client:  client, Query: s.Query, Index: s.Index, Interval: s.Every,
	}
	if s.Format != "" {
		if cfg.Format, err = gatewaylog.ParseFormat(s.Format); err != nil {
			return nil, fmt.Errorf("format: %w", err)
		}
	}
	return gatewaylog.NewDatadogLogs(cfg)
}

// datadogClient is one for a source, with the keys that it names or else those of
// the environment.
func (b *building) datadogClient(site string, api, app sources.Secret) (*datadog.Client, error) {
	keys := datadog.Keys{API: b.app.env("DD_API_KEY"), App: b.app.env("DD_APP_KEY"), Site: cmp.Or(site, b.app.env("DD_SITE"))}
	opt := datadog.Options{URL: b.app.env("DD_URL")}
	for _, k := range []struct {
		secret sources.Secret
		of     string
		to     *datadog.Key
	}{{api, keys.API, &opt.API}, {app, keys.App, &opt.App}} {
		c, err := b.credential(k.secret)
		switch {
		case err != nil:
			return nil, fmt.Errorf("no keys to be had: %w", err)
		case c != nil:
			*k.to = c
		case k.of == "":
			return nil, fmt.Errorf("%w, and api_key and app_key not given", datadog.ErrNoKeys)
		default:
			*k.to = credential.Fixed(k.of)
		}
	}
	return datadog.New(keys, opt)
}

func (b *building) otlp(s sources.OTLP) (supervise.Collector, error) {
	names, err := latency.ParseNames(s.CallNames)
	if err != nil {
		return nil, err
	}
	token, err := b.credential(s.Token)
	if err != nil {
		return nil, fmt.Errorf("no token to be had: %w", err)
	}
	return otlp.NewReceiver(otlp.ReceiverConfig{Addr: s.Listen, TLS: credential.TLS(s.TLS), Token: token, Names: names, Name: s.Name})
}

func (b *building) channelz(s sources.Channelz) (supervise.Collector, error) {
	token, err := b.credential(s.Token)
	if err != nil {
		return nil, fmt.Errorf("no token to be had: %w", err)
	}
	return channelz.New(channelz.Config{Addr: s.Address, TLS: credential.TLS(s.TLS), Token: token, Name: s.Name, Interval: s.Every})
}

func (b *building) access(s sources.Access) (latency.Access, error) {
	a := latency.Access{URL: s.URL, TLS: credential.TLS(s.TLS), Tenant: s.Tenant}
	var err error
	if a.Token, err = b.credential(s.Token); err != nil {
		return a, fmt.Errorf("no token to be had: %w", err)
	}
	if a.Password, err = b.credential(s.Password); err != nil {
		return a, fmt.Errorf("no password to be had: %w", err)
	}
	return a, nil
}

// credential is where a secret comes from, for as long as the command runs. A
// variable that is not set and a file that cannot be read are said before anything
// begins; a command is asked when it is needed.
func (b *building) credential(s sources.Secret) (credential.Credential, error) {
	switch {
	case !s.Given():
		return nil, nil
	case len(s.Command) > 0:
		return credential.Asked(func() (string, error) { return s.Read(b.ctx, b.app.env) }), nil
	}
	value, err := s.Read(b.ctx, b.app.env)
	switch {
	case err != nil:
		return nil, err
	case s.File != "":
		return credential.File(s.File), nil
	}
	return credential.Fixed(value), nil
}
