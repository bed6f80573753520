package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const (
	// exportTimeout bounds one export with all its retries.
	exportTimeout = 5 * time.Second
	// exportInterval is between two exports where OTEL_METRIC_EXPORT_INTERVAL does
	// not say; the SDK's own minute would make two points of a short incident.
	exportInterval = 10 * time.Second
)

// endpoint is where metrics go by OTLP.
type endpoint struct {
	from     string // what names it
	url      *url.URL
	own      bool // the metrics' own address and not the one of all signals
	protocol string
}

// otlpEndpoint is the endpoint that is configured; nil when none is.
// OTEL_EXPORTER_OTLP_PROTOCOL chooses grpc or, by default, http/protobuf.
func otlpEndpoint(c Config) (*endpoint, error) {
	e, raw := &endpoint{from: "OTLP endpoint"}, c.OTLP
	if raw == "" {
		e.from, e.own = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", true
		raw = c.Getenv(e.from)
	}
	if raw == "" {
		e.from, e.own = "OTEL_EXPORTER_OTLP_ENDPOINT", false
		raw = c.Getenv(e.from)
	}
	if raw == "" {
		return nil, nil
	}
	var err error
	if e.url, err = url.Parse(raw); err != nil || e.url.Host == "" || e.url.Scheme != "http" && e.url.Scheme != "https" {
		return nil, fmt.Errorf("%w: %s: not a URL such as http://127.0.0.1:4318", ErrConfig, e.from) // it may hold a password
	}
	e.protocol = c.Getenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL")
	if e.protocol == "" {
		e.protocol = c.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch e.protocol {
	case "":
		e.protocol = httpProtobuf
	case overGRPC, httpProtobuf:
	default:
		return nil, fmt.Errorf("%w: OTLP protocol %q: expected %s or %s", ErrConfig, e.protocol, overGRPC, httpProtobuf)
	}
	return e, nil
}

const (
	overGRPC     = "grpc"
	httpProtobuf = "http/protobuf"
)

// otlpReader exports every so often by OTLP; nil when no endpoint is configured.
// The exporters themselves read the variables for headers, certificates and
// compression.
func otlpReader(c Config) (metric.Reader, error) {
	e, err := otlpEndpoint(c)
	if e == nil || err != nil {
		return nil, err
	}
	exporter, err := e.exporter()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, e.from, err)
	}
	options := []metric.PeriodicReaderOption{metric.WithTimeout(exportTimeout)}
	if c.Getenv("OTEL_METRIC_EXPORT_INTERVAL") == "" {
		options = append(options, metric.WithInterval(exportInterval))
	}
	return metric.NewPeriodicReader(&reporting{Exporter: exporter, log: c.Log, at: e.url.Redacted()}, options...), nil
}

func (e *endpoint) exporter() (metric.Exporter, error) {
	if e.protocol == overGRPC {
		return otlpmetricgrpc.New(context.Background(), otlpmetricgrpc.WithEndpointURL(e.url.String()), otlpmetricgrpc.WithTimeout(exportTimeout))
	}
	to := e.url
	if !e.own {
		to = to.JoinPath("v1", "metrics")
	}
	return otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(to.String()), otlpmetrichttp.WithTimeout(exportTimeout))
}

// reporting is an exporter that says when it begins to fail and when it works
// again, once each.
type reporting struct {
	metric.Exporter
	log     *slog.Logger
	at      string
	failing atomic.Bool
}

func (r *reporting) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	err := r.Exporter.Export(ctx, m)
	if was := r.failing.Swap(err != nil); was != (err != nil) {
		if err != nil {
			r.log.Warn("the OTLP collector takes no metrics", "endpoint", r.at, "error", err)
		} else {
			r.log.Info("the OTLP collector takes metrics again", "endpoint", r.at)
		}
	}
	return nil // told; the SDK would tell it again, in another form, at every export
}
