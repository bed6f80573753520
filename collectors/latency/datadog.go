package latency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/datadog"
	"tripcurve/internal/incident"
)

// DatadogConfig of a collector that asks one metric query again and again.
type DatadogConfig struct {
	Client   datadog.Metrics
	Query    string        // "p99:grpc.client.duration{service:gateway}"
	Name     string        // of the source; empty is "datadog"
	Interval time.Duration // between queries; 0 is 20 s, the finest rollup of the last hour
	Since    time.Time     // of the first query; zero is 15 min before now
	Unit     string        // what the values measure when Datadog does not say it: "ms"
}

// DatadogQuery reads a metric from Datadog. It is run by a supervisor.
type DatadogQuery struct {
	cfg  DatadogConfig
	next time.Time // from when on points may be new
	last time.Time // of the newest point with a value
}

// NewDatadog makes a collector of one query.
func NewDatadog(cfg DatadogConfig) *DatadogQuery {
	if cfg.Name == "" {
		cfg.Name = "datadog"
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 20 * time.Second
	}
	return &DatadogQuery{cfg: cfg, next: cfg.Since}
}

// Source is what the collector reads, before it has read anything.
func (d *DatadogQuery) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: d.cfg.Name, Group: "datadog", State: incident.SourceDown, Detail: "asking for " + d.cfg.Query}
}

// Every is the distance between two queries.
func (d *DatadogQuery) Every() time.Duration { return d.cfg.Interval }

// late is how long Datadog may still change a point.
const late = 2 * time.Minute

// Run asks until ctx ends or an answer is an error. A used up rate limit is
// waited for.
func (d *DatadogQuery) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := time.Now()
		if d.next.IsZero() {
			d.next = now.Add(-15 * time.Minute)
		}
		series, err := d.cfg.Client.Query(ctx, d.next, now, d.cfg.Query)
		var limited *datadog.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, datadog.ErrRefused):
			return supervise.Permanent(fmt.Errorf("%w: %w", datadog.ErrRefused, err))
		case errors.Is(err, datadog.ErrQuery), errors.As(err, &limited) && limited.Status == http.StatusBadRequest:
			return supervise.Permanent(fmt.Errorf("query %q: %w", d.cfg.Query, err))
		case errors.As(err, &limited) && !limited.RetryAt.IsZero():
			wait := max(time.Second, limited.RetryAt.Sub(now))
			status <- d.status(incident.SourceDegraded, fmt.Sprintf("rate limited by Datadog, asking again in %s", wait.Round(time.Second)))
			tick.Reset(wait)
			continue
		case err != nil:
			return fmt.Errorf("query %q: %w", d.cfg.Query, err)
		}
		facts := FromDatadog(series, d.cfg.Name, d.cfg.Unit)
		for _, f := range facts {
			if s, ok := f.(incident.Series); ok {
				d.last = latestValue(s, d.last)
			}
		}
		out <- facts
		status <- d.told(series)
		d.next = now.Add(-late)
		wait := d.cfg.Interval
		if p, ok := d.cfg.Client.(datadog.Pacer); ok {
			wait = p.Pace(wait, now)
		}
		tick.Reset(wait)
	}
}

// told is the status after an answer.
func (d *DatadogQuery) told(series []datadog.Series) incident.SourceStatus {
	if len(series) == 0 && d.last.IsZero() {
		return d.status(incident.SourceStale, "no series: nothing was recorded, or the metric's name is misspelt")
	}
	return d.status(incident.SourceOK, fmt.Sprintf("%d series each %s", len(series), d.cfg.Interval))
}

func (d *DatadogQuery) status(state incident.SourceState, detail string) incident.SourceStatus {
	return incident.SourceStatus{Name: d.cfg.Name, Group: "datadog", State: state, LastAt: d.last, Detail: detail}
}

func latestValue(s incident.Series, last time.Time) time.Time {
	for _, p := range s.Points {
		if !math.IsNaN(p.V) && p.At.After(last) {
			last = p.At
		}
	}
	return last
}

// FromDatadog are the series of an answer. A point without value stays one: it
// means no data, not zero. unit is used where Datadog does not know it.
func FromDatadog(series []datadog.Series, source, unit string) []incident.Fact {
	facts := make([]incident.Fact, 0, len(series))
	for _, s := range series {
		f := incident.Series{
			Name: s.Metric, Labels: maps.Clone(s.Tags), Unit: unitIn(s, unit), Kind: incident.Gauge,
			Origin: incident.Origin{Group: "datadog", Name: source}, Points: make([]incident.Point, 0, len(s.Points)),
		}
		// Two statistics of one metric are two series.
		if stat, _, ok := strings.Cut(s.Expression, ":"); ok && !strings.ContainsAny(stat, "{(") {
			if f.Labels == nil {
				f.Labels = map[string]string{}
			}
			f.Labels["stat"] = stat
		}
		if s.Unit.Family == "time" || isTime(f.Unit) {
			f.Caveat = AtEnd
		}
		for _, p := range s.Points {
			f.Points = append(f.Points, incident.Point{At: p.At.UTC(), V: p.V})
		}
		facts = append(facts, f)
	}
	return facts
}

// unitIn is Datadog's own unit, else what the metric's name says, else what the
// user says; empty is unknown.
func unitIn(s datadog.Series, unit string) string {
	if s.Unit.Family == "time" {
		switch s.Unit.Scale {
		case 1e-9:
			return "ns"
		case 1e-6:
			return "us"
		case 1e-3:
			return "ms"
		case 1:
			return "s"
		}
	}
	switch {
	case s.Unit.Short != "":
		return s.Unit.Short
	case s.Unit.Name != "":
		return s.Unit.Name
	case strings.HasSuffix(s.Metric, "_seconds"), strings.HasSuffix(s.Metric, ".seconds"):
		return "s"
	case strings.HasSuffix(s.Metric, ".ms"), strings.HasSuffix(s.Metric, "_milliseconds"):
		return "ms"
	}
	return unit
}

func isTime(unit string) bool {
	switch unit {
	case "ns", "us", "ms", "s":
		return true
	}
	return false
}
