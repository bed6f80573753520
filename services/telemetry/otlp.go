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

// otlpReader exports every so often by OTLP; nil when no endpoint is configured.
// OTEL_EXPORTER_OTLP_PROTOCOL chooses grpc or, by default, http/protobuf. The
// exporters themselves read the variables for headers, certificates and compression.
func otlpReader(c Config) (metric.Reader, error) {
	endpoint, from, whole := c.OTLP, "OTLP endpoint", false
	if endpoint == "" {
		from = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
		endpoint, whole = c.Getenv(from), true
	}
	if endpoint == "" {
		from = "OTEL_EXPORTER_OTLP_ENDPOINT"
		endpoint, whole = c.Getenv(from), false
	}
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: not a URL such as http://127.0.0.1:4318", from) // it may hold a password
	}
	exporter, err := otlpExporter(c, u, whole)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	options := []metric.PeriodicReaderOption{metric.WithTimeout(exportTimeout)}
	if c.Getenv("OTEL_METRIC_EXPORT_INTERVAL") == "" {
		options = append(options, metric.WithInterval(exportInterval))
	}
	return metric.NewPeriodicReader(&reporting{Exporter: exporter, log: c.Log, at: u.Redacted()}, options...), nil
}

// otlpExporter sends to u; whole says that it is the metrics' own address and not
// the one of all signals.
func otlpExporter(c Config, u *url.URL, whole bool) (metric.Exporter, error) {
	protocol := c.Getenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL")
	if protocol == "" {
		protocol = c.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "grpc":
		return otlpmetricgrpc.New(context.Background(), otlpmetricgrpc.WithEndpointURL(u.String()), otlpmetricgrpc.WithTimeout(exportTimeout))
	case "", "http/protobuf":
		if !whole {
			u = u.JoinPath("v1", "metrics")
		}
		return otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(u.String()), otlpmetrichttp.WithTimeout(exportTimeout))
	default:
		return nil, fmt.Errorf("protocol %q: expected grpc or http/protobuf", protocol)
	}
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
