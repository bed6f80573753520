package latency

import (
	"context"
	"fmt"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// How far back a server is asked whether it ever had what is asked for.
const (
	everPrometheus = 7 * 24 * time.Hour
	everDatadog    = 24 * time.Hour
)

// Ever says whether there was any series of what is asked for in the last week: a
// misspelt name looks like an idle service. window is that week in words.
func (p *Prometheus) Ever(ctx context.Context) (had bool, window string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	window = "7 days"
	now := time.Now()
	if len(p.ask.selectors) > 0 {
		sets, _, _, err := p.ask.api.Series(ctx, p.ask.selectors, now.Add(-everPrometheus), now, promv1.WithLimit(1))
		if err != nil {
			return false, window, fmt.Errorf("prometheus %s: %w", p.client.url.Redacted(), promError(err))
		}
		if len(sets) > 0 {
			return true, window, nil
		}
	}
	for _, expr := range p.ask.exprs {
		v, _, _, err := p.ask.api.QueryRange(ctx, expr, promv1.Range{Start: now.Add(-everPrometheus), End: now, Step: time.Hour})
		if err != nil {
			return false, window, fmt.Errorf("prometheus %s: %w", p.client.url.Redacted(), promError(err))
		}
		if v != nil && v.String() != "" {
			return true, window, nil
		}
	}
	return false, window, nil
}

// Ever says whether the query had a value in the last day.
func (d *DatadogQuery) Ever(ctx context.Context) (had bool, window string, err error) {
	now := time.Now()
	series, err := d.cfg.Client.Query(ctx, now.Add(-everDatadog), now, d.cfg.Query)
	if err != nil {
		return false, "24 hours", fmt.Errorf("query %q: %w", d.cfg.Query, err)
	}
	return len(series) > 0, "24 hours", nil
}
