// Package telemetry is what a service's process tells of itself: metrics through
// OpenTelemetry, which /metrics shows and OTLP sends, the breakers' transitions to
// Datadog too, structured logs, grpc.health.v1 and channelz. Handlers know nothing
// of it but their host.Meter.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"tripcurve/internal/datadog"
	"tripcurve/services/host"
)

// Config is what one process tells, and where.
type Config struct {
	Service string // "order"
	// Log is told what goes wrong, and what breakers do; nil is nobody.
	Log *slog.Logger
	// OTLP is the endpoint of a collector, such as http://127.0.0.1:4318. Empty
	// leaves it to OTEL_EXPORTER_OTLP_ENDPOINT; without either nothing is sent.
	OTLP string
	// Getenv reads the environment; nil is os.Getenv. The SDK reads more variables,
	// such as OTEL_METRIC_EXPORT_INTERVAL, for itself.
	Getenv func(string) string
}

// ErrConfig is a configuration that cannot be.
var ErrConfig = errors.New("telemetry")

// Destinations are where a process of c sends what it tells, for people; none when
// it sends nothing.
func Destinations(c Config) ([]string, error) {
	c = c.complete()
	var all []string
	e, err := otlpEndpoint(c)
	if err != nil {
		return nil, err
	}
	if e != nil {
		all = append(all, fmt.Sprintf("metrics go to %s by OTLP over %s", e.url.Redacted(), e.protocol))
	}
	if c.Getenv("DD_API_KEY") != "" {
		to := "Datadog"
		for _, name := range []string{"DD_SITE", intakeVariable} {
			if c.Getenv(name) != "" {
				to = "Datadog as " + name + " names it"
			}
		}
		all = append(all, "what breakers do goes to "+to+", for DD_API_KEY is set")
	}
	return all, nil
}

// complete is c with what it leaves open.
func (c Config) complete() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	return c
}

// Telemetry is a process's own. Close it.
type Telemetry struct {
	log      *slog.Logger
	registry *prometheus.Registry
	provider *metric.MeterProvider
	meter    host.Meter
	datadog  *datadog.Submitter // nil without a key
	health   *Health
}

// New starts what c asks for. Nothing of it waits for the network: a collector or
// an intake that is down is a line in the log.
func New(c Config) (*Telemetry, error) {
	turnOnChannelz()
	c = c.complete()
	t := &Telemetry{log: c.Log, registry: prometheus.NewRegistry()}
	t.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	page, err := otelprom.New(otelprom.WithRegisterer(t.registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", c.Service, err)
	}
	options := []metric.Option{
		metric.WithResource(resource.NewSchemaless(
			attribute.String("service.name", c.Service), attribute.Int("process.pid", os.Getpid()),
		)),
		metric.WithReader(page),
	}
	reader, err := otlpReader(c)
	if err != nil {
		return nil, err
	}
	if reader != nil {
		options = append(options, metric.WithReader(reader))
	}
	submitter, err := circuitSubmitter(c)
	if err != nil {
		if reader != nil {
			err = errors.Join(err, reader.Shutdown(context.Background()))
		}
		return nil, err
	}
	t.provider = metric.NewMeterProvider(options...)
	t.datadog = submitter
	all := Meters{newMeter(t.provider, c.Log), narrator{c.Log}}
	if submitter != nil {
		all = append(all, circuits{submitter})
	}
	t.meter = all
	t.health = newHealth()
	return t, nil
}

// Meter is who handlers and guards tell what they measure.
func (t *Telemetry) Meter() host.Meter { return t.meter }

// Page serves /metrics in Prometheus's text exposition.
func (t *Telemetry) Page() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{})
}

// Close sends what is left, to each at most until ctx ends.
func (t *Telemetry) Close(ctx context.Context) error {
	t.health.Close()
	var sent, submitted error
	var both sync.WaitGroup
	both.Go(func() { sent = t.provider.Shutdown(ctx) })
	if t.datadog != nil {
		both.Go(func() { submitted = t.datadog.Close(ctx) })
	}
	both.Wait()
	return errors.Join(sent, submitted)
}
