package postmortem

import (
	"fmt"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
)

// factNames are what {{name}} in an author's text may call.
var factNames = []string{
	"endpoint", "failed", "requests", "failed_share", "status",
	"impact_date", "impact_from", "impact_to", "impact_duration", "impact_seconds",
	"coverage", "covered_seconds", "remainder_seconds", "orders_failed", "customers", "orphans", "jobs_failed", "waiters",
}

// FactNames are what {{name}} in an author's text may call.
func FactNames() []string { return factNames }

// factsOf is what the evidence knows of factNames.
func factsOf(in Input) map[string]string {
	m := map[string]string{}
	a := in.Analysis
	if worst, ok := worst(a.Endpoints); ok {
		m["endpoint"] = "`" + worst.Endpoint.String() + "`"
		m["failed"], m["requests"] = export.Count(worst.Failed), export.Count(worst.Requests)
		m["failed_share"] = share(worst.Failed, worst.Requests)
		m["status"] = statuses(worst.Statuses, true)
	}
	if w := a.Impact; w.Length() > 0 {
		m["impact_date"] = w.From.UTC().Format("2006-01-02")
		m["impact_from"], m["impact_to"] = clock(w.From), clock(w.To)
		m["impact_duration"] = w.Length().Round(time.Second).String()
		m["impact_seconds"] = export.Number(w.Length().Seconds(), 0)
		covered := a.Coverage * w.Length().Seconds()
		m["coverage"] = percent(a.Coverage)
		m["covered_seconds"] = export.Number(covered, 0)
		m["remainder_seconds"] = export.Number(w.Length().Seconds()-covered, 0)
	}
	for _, f := range a.Findings {
		if f.Role == incident.Trigger && f.Subject.Waiters > 0 {
			m["waiters"] = export.Count(f.Subject.Waiters)
			break
		}
	}
	for name, f := range map[string]incident.Figure{"orders_failed": a.Extent.Orders, "customers": a.Extent.Customers, "orphans": a.Extent.Orphans} {
		if f.Known {
			m[name] = figureText(f)
		}
	}
	if in.View == nil {
		return m
	}
	for _, s := range in.View.AllSeries() {
		if s.Name == failedJobsSeries && len(s.Points) > 0 {
			m["jobs_failed"] = export.Number(s.Points[len(s.Points)-1].V, 0)
		}
	}
	return m
}

// failedJobsSeries is what the worker that ships paid orders counts.
const failedJobsSeries = "fulfillment.failed"

// figureText is a count that is known.
func figureText(f incident.Figure) string {
	if f.AtLeast {
		return "at least " + export.Count(f.N)
	}
	return export.Count(f.N)
}

// worst is the endpoint with the most failed requests; false when none failed.
func worst(all []incident.Impact) (w incident.Impact, ok bool) {
	for _, e := range all {
		if e.Failed > w.Failed {
			w, ok = e, true
		}
	}
	return w, ok
}

// share is a part in percent: "99.0 %".
func share(part, of int64) string {
	if of == 0 {
		return "-"
	}
	return percent(float64(part) / float64(of))
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }

// clock is an instant to the second, and finer where it is finer.
func clock(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	if t.Truncate(time.Second).Equal(t) {
		return t.UTC().Format("15:04:05Z")
	}
	return t.UTC().Format("15:04:05.000Z")
}
