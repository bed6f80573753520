package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/latency"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/bar"
)

// prometheusFlags say where a Prometheus is and what to ask it. Credentials come
// from the environment or from files, for every user of a machine can see a
// command line.
type prometheusFlags struct {
	urls, queries []string
	step          time.Duration
	begin, end    string             // of an import
	text          map[string]*string // by flag; each has an environment variable of its name
}

// prometheusTexts are the flags that the environment has as well.
var prometheusTexts = []struct{ name, help string }{
	{"prometheus-ca", "PEM file of certificates to trust (default: the system's)"},
	{"prometheus-cert", "PEM file of our certificate"},
	{"prometheus-key", "PEM file of its key"},
	{"prometheus-token-file", "file of the bearer token, read for every request"},
	{"prometheus-password-file", "file of the password of the URL's user, read for every request"},
	{"prometheus-tenant", "tenant to ask for, sent as X-Scope-OrgID"},
}

func (f *prometheusFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.urls, "prometheus", nil, "URL of a Prometheus; its credential comes from TRIPCURVE_PROMETHEUS_TOKEN, or TRIPCURVE_PROMETHEUS_PASSWORD for USER@ in the URL (may be repeated)")
	flags.StringArrayVar(&f.queries, "prometheus-query", nil, "what to ask it: a selector, whose raw samples are read, or PromQL (may be repeated; default: metrics of gRPC calls, breakers and pools)")
	flags.DurationVar(&f.step, "prometheus-step", 15*time.Second, "distance of the points of PromQL")
	f.text = map[string]*string{}
	for _, t := range prometheusTexts {
		f.text[t.name] = flags.String(t.name, "", t.help+"; also "+envOf(t.name))
	}
}

// envOf is the environment variable of a flag.
func envOf(flag string) string {
	return "TRIPCURVE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// collectors makes one collector of every Prometheus.
func (f *prometheusFlags) collectors(env func(string) string, names map[string]int, callNames *latency.Names, since time.Time) ([]*latency.Prometheus, error) {
	if len(f.urls) == 0 {
		if len(f.queries) > 0 {
			return nil, badInput("--prometheus-query needs --prometheus URL")
		}
		return nil, nil
	}
	if f.step <= 0 {
		return nil, badInput("--prometheus-step %s: expected a duration above 0, such as 15s", f.step)
	}
	text := map[string]string{}
	for _, t := range prometheusTexts {
		if text[t.name] = *f.text[t.name]; text[t.name] == "" {
			text[t.name] = env(envOf(t.name))
		}
	}
	access := latency.Access{
		TLS: credential.TLS{CA: text["prometheus-ca"], Cert: text["prometheus-cert"], Key: text["prometheus-key"]}, Tenant: text["prometheus-tenant"],
	}
	for _, c := range []struct {
		secret *credential.Credential
		name   string
	}{{&access.Token, "prometheus-token"}, {&access.Password, "prometheus-password"}} {
		value, file := env(envOf(c.name)), text[c.name+"-file"]
		switch {
		case value != "" && file != "":
			return nil, badInput("%s and --%s-file (or %s) are both given; one of them is meant", envOf(c.name), c.name, envOf(c.name+"-file"))
		case file != "":
			*c.secret = credential.File(file)
			if _, err := (*c.secret).Get(); err != nil {
				return nil, badInput("--%s-file: %w", c.name, err)
			}
		case value != "":
			*c.secret = credential.Fixed(value)
		}
	}
	if access.Token != nil && access.Password != nil {
		return nil, badInput("a bearer token and a password are both given; one of them is meant")
	}
	var all []*latency.Prometheus
	for _, u := range f.urls {
		access.URL = u
		cfg := latency.PrometheusConfig{Access: access, Queries: f.queries, Names: callNames, Step: f.step, Since: since}
		c, err := latency.NewPrometheus(cfg)
		if err != nil {
			return nil, badInput("--prometheus: %w", err)
		}
		if name := distinct(names, c.Source().Name); name != c.Source().Name {
			cfg.Name = name // two paths of one host
			if c, err = latency.NewPrometheus(cfg); err != nil {
				return nil, badInput("--prometheus: %w", err)
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// addRange adds the flags of a range, for commands that look back.
func (f *prometheusFlags) addRange(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.begin, "from", "", "first instant to ask --prometheus for")
	cmd.Flags().StringVar(&f.end, "to", "", "last instant to ask --prometheus for (default: now)")
}

// promRange is what an import asks of which Prometheus.
type promRange struct {
	sources []*latency.Prometheus
	window  incident.Window
}

// ranges is the range that the flags name, of every Prometheus that they name.
func (f *prometheusFlags) ranges(env func(string) string, callNames *latency.Names, now time.Time) (promRange, error) {
	var r promRange
	var err error
	if r.sources, err = f.collectors(env, map[string]int{}, callNames, time.Time{}); err != nil {
		return r, err
	}
	switch {
	case len(r.sources) == 0 && (f.begin != "" || f.end != ""):
		return r, badInput("--from and --to are of --prometheus; a log is read whole")
	case len(r.sources) == 0:
		return r, nil
	case f.begin == "":
		return r, badInput("import --prometheus needs --from, such as --from 2026-01-15T14:00:00Z, or 14:00Z for the last one")
	}
	if r.window.From, err = incident.ParseInstant(f.begin, now); err != nil {
		return r, badInput("--from: %w", err)
	}
	r.window.To = now
	if f.end != "" { // a time of day is the first one after --from
		if r.window.To, err = incident.ParseInstant(f.end, r.window.From.Add(24*time.Hour)); err != nil {
			return r, badInput("--to: %w", err)
		}
	}
	if !r.window.From.Before(r.window.To) {
		return r, badInput("--from %s is not before --to %s", r.window.From.Format(time.RFC3339), r.window.To.Format(time.RFC3339))
	}
	return r, nil
}

// prometheus reads a range of one Prometheus into the file.
func (im *importer) prometheus(cmd *cobra.Command, c *latency.Prometheus, w incident.Window) error {
	name := redact.Line(c.Source().Name)
	progress := bar.New(im.stderr, name)
	sum, err := c.Import(cmd.Context(), w.From, w.To, func(done time.Duration, wait string) {
		if wait != "" {
			progress.Clear()
			fmt.Fprintf(im.stderr, "%s: %s\n", name, wait)
			return
		}
		progress.Set(int64(done), int64(w.To.Sub(w.From)))
	}, func(facts []incident.Fact) error {
		if err := im.w.Append(facts, nil); err != nil {
			return err
		}
		im.facts += int64(len(facts))
		return nil
	})
	progress.Clear()
	if err != nil {
		kept := ""
		if im.facts > 0 {
			kept = "; what was read is kept, import it again to go on"
		}
		if cmd.Context().Err() != nil {
			return exitError{exitUsage, fmt.Errorf("import %s: interrupted%s", name, kept)}
		}
		code := exitUnreachable
		if latency.BadQuery(err) {
			code = exitUsage
		}
		return exitError{code, fmt.Errorf("import: %w%s", err, kept)}
	}
	if sum.Points == 0 {
		return badInput("import %s: %s", name, sum.Status.Detail)
	}
	fmt.Fprintf(im.stderr, "%s: %s, %s\n", name, plural(sum.Points, "sample"), redact.Line(sum.Status.Detail))
	return im.w.Append(nil, []incident.SourceStatus{sum.Status})
}
