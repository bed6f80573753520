package main

import (
	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency"
	"tripcurve/collectors/supervise"
	"tripcurve/internal/datadog"
)

// datadogFlags say what to ask Datadog. Keys come from the environment.
type datadogFlags struct {
	query, logs, index string
}

func (f *datadogFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.query, "datadog-query", "", "metric query to ask Datadog, or of spans: 'apm:latency_p99 service:order env:prod'; DD_API_KEY, DD_APP_KEY and DD_SITE come from the environment")
	flags.StringVar(&f.logs, "datadog-logs", "", "log query whose events are the access log, such as service:gateway")
	flags.StringVar(&f.index, "datadog-index", "", "index to search for --datadog-logs (default: all live ones)")
}

// collectors makes one collector of each query; taken are the names of other
// sources. log says how access logs are read.
func (f *datadogFlags) collectors(env func(string) string, taken map[string]int, log gatewaylog.Options) ([]supervise.Collector, error) {
	if f.index != "" && f.logs == "" {
		return nil, badInput("--datadog-index needs --datadog-logs QUERY")
	}
	var all []supervise.Collector
	if f.query != "" {
		if err := datadog.CheckQuery(f.query); err != nil {
			return nil, badInput("--datadog-query: %w", err)
		}
		client, err := datadogClient(env)
		if err != nil {
			return nil, badInput("--datadog-query: %w", err)
		}
		all = append(all, latency.NewDatadog(latency.DatadogConfig{Client: client, Query: f.query, Name: distinct(taken, "datadog"), Since: log.Since}))
	}
	if f.logs != "" {
		client, err := datadogClient(env) // of its own, for limits are of each endpoint
		if err != nil {
			return nil, badInput("--datadog-logs: %w", err)
		}
		log.Name = distinct(taken, "datadog-logs")
		c, err := gatewaylog.NewDatadogLogs(gatewaylog.DatadogConfig{Options: log, Client: client, Query: f.logs, Index: f.index})
		if err != nil {
			return nil, badInput("--datadog-logs: %w", err)
		}
		all = append(all, c)
	}
	return all, nil
}

func datadogClient(env func(string) string) (*datadog.Client, error) {
	keys, err := datadog.KeysFrom(env)
	if err != nil {
		return nil, err
	}
	return datadog.New(keys, datadog.Options{URL: env("DD_URL")})
}
