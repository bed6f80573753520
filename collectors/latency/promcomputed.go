package latency

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// computedSeries is one series that the server computed.
type computedSeries struct {
	expr   string
	step   time.Duration
	stream *model.SampleStream
}

// computed are the series that the server computed, as gauges. They are named as
// they were asked for, for they are not the raw series of that name.
func (a answer) computed(origin incident.Origin) []incident.Fact {
	facts := make([]incident.Fact, 0, len(a.series))
	for _, c := range a.series {
		f := incident.Series{
			Name: promText(c.expr, 200), Labels: map[string]string{}, Kind: incident.Gauge, Origin: origin,
			Caveat: fmt.Sprintf("computed by the server each %s", c.step),
		}
		if name := string(c.stream.Metric[model.MetricNameLabel]); name != "" {
			f.Labels["metric"], f.Unit = name, unitOf(name)
		}
		if unit := quantileUnit(c.expr); unit != "" {
			f.Unit = unit
			f.Caveat += "; " + AtEnd
		}
		if a.caveat != "" {
			f.Caveat += "; " + a.caveat
		}
		for k, v := range c.stream.Metric {
			if k != model.MetricNameLabel {
				f.Labels[string(k)] = redact.MaskSecrets(string(v))
			}
		}
		for _, p := range c.stream.Values {
			if at := p.Timestamp.Time().UTC(); !at.Before(a.from) && !at.After(a.to) {
				f.Points = append(f.Points, incident.Point{At: at, V: finite(float64(p.Value))})
			}
		}
		if len(f.Points) > 0 {
			facts = append(facts, f)
		}
	}
	return joinSeries(facts, "")
}

// quantileUnit is the unit of histogram_quantile over a histogram whose name says
// it; empty is unknown.
func quantileUnit(expr string) string {
	switch {
	case !strings.HasPrefix(strings.ReplaceAll(expr, " ", ""), "histogram_quantile("):
		return ""
	case strings.Contains(expr, "_seconds"):
		return "s"
	case strings.Contains(expr, "_milliseconds"):
		return "ms"
	}
	return ""
}
