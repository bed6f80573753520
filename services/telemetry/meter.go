package telemetry

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"tripcurve/services/host"
)

// durationBounds are the bounds of a duration's buckets, in seconds. They go on to
// five minutes, for what is measured here hangs.
var durationBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 7.5, 10, 15, 30, 60, 120, 300}

// meter is a host.Meter on OpenTelemetry: a counter, or a histogram in seconds, of
// each name. Prometheus makes circuit_order_inventory_open_total of
// circuit.order.inventory.open; OTLP keeps the name.
type meter struct {
	otel metric.Meter
	log  *slog.Logger

	mu         sync.Mutex
	counters   map[string]metric.Int64Counter
	histograms map[string]metric.Float64Histogram
}

func newMeter(p metric.MeterProvider, log *slog.Logger) *meter {
	return &meter{
		otel: p.Meter("tripcurve"), log: log,
		counters: map[string]metric.Int64Counter{}, histograms: map[string]metric.Float64Histogram{},
	}
}

// Count adds n to a counter; 0 makes a series of one that has not counted yet.
func (m *meter) Count(name string, n int64, labels ...string) {
	m.counter(name).Add(context.Background(), n, metric.WithAttributeSet(attributes(labels)))
}

// Observe adds one duration to a histogram.
func (m *meter) Observe(name string, d time.Duration, labels ...string) {
	m.histogram(name).Record(context.Background(), d.Seconds(), metric.WithAttributeSet(attributes(labels)))
}

func (m *meter) counter(name string) metric.Int64Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.counters[name]
	if !ok {
		var err error
		if c, err = m.otel.Int64Counter(name); err != nil {
			m.log.Error("no counter", "name", name, "error", err)
			c = noop.Int64Counter{}
		}
		m.counters[name] = c
	}
	return c
}

func (m *meter) histogram(name string) metric.Float64Histogram {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.histograms[name]
	if !ok {
		var err error
		h, err = m.otel.Float64Histogram(name, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(durationBounds...))
		if err != nil {
			m.log.Error("no histogram", "name", name, "error", err)
			h = noop.Float64Histogram{}
		}
		m.histograms[name] = h
	}
	return h
}

// attributes are labels as key, value pairs; a key without a value is left out.
func attributes(labels []string) attribute.Set {
	all := make([]attribute.KeyValue, 0, len(labels)/2)
	for i := 0; i+1 < len(labels); i += 2 {
		all = append(all, attribute.String(labels[i], labels[i+1]))
	}
	return attribute.NewSet(all...)
}

// Meters tells each of several meters the same.
type Meters []host.Meter

// Count adds n to every meter's counter.
func (all Meters) Count(name string, n int64, labels ...string) {
	for _, m := range all {
		m.Count(name, n, labels...)
	}
}

// Observe adds one duration to every meter's distribution.
func (all Meters) Observe(name string, d time.Duration, labels ...string) {
	for _, m := range all {
		m.Observe(name, d, labels...)
	}
}

// circuit takes circuit.<edge>.<what> apart.
func circuit(name string) (edge, what string, ok bool) {
	rest, ok := strings.CutPrefix(name, "circuit.")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return "", "", false
	}
	return rest[:dot], rest[dot+1:], true
}

// narrator writes the breakers' transitions into the log. Rejections are as many
// as the calls, and are in the log of those.
type narrator struct{ log *slog.Logger }

func (n narrator) Count(name string, by int64, _ ...string) {
	edge, what, ok := circuit(name)
	if !ok || by == 0 || what == "reject" {
		return
	}
	level := slog.LevelInfo
	if what == "open" {
		level = slog.LevelWarn
	}
	n.log.Log(context.Background(), level, "breaker", "edge", edge, "state", what)
}

func (narrator) Observe(string, time.Duration, ...string) {}
