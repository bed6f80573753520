package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Upstream is what was asked of one upstream in the impact window, counted in steps of
// ten seconds.
type Upstream struct {
	Upstream string    `json:"upstream"` // as the gateway's log has it; "(none)": none was asked
	Requests int64     `json:"requests"`
	Failed   int64     `json:"failed"`
	P50      *Quantile `json:"p50"` // of those that ended; null where no duration was logged
	P99      *Quantile `json:"p99"`

	p50, p99 incident.Quantile
}

// upstreams are those that were asked, the ones that failed most first.
func upstreams(v *incident.View, w incident.Window, foreign func(string) string) []Upstream {
	list := []Upstream{}
	if w.Length() == 0 {
		return list
	}
	type sum struct {
		requests, failed int64
		sketch           incident.Sketch
	}
	sums := map[string]*sum{}
	v.EachUpstream(w, func(u *incident.Upstream) {
		s := sums[u.Name]
		if s == nil {
			s = &sum{}
			sums[u.Name] = s
		}
		s.requests += u.Started
		if u.Failed() {
			s.failed += u.Started
		}
		s.sketch = incident.Together(s.sketch, u.Sketch)
	})
	for name, s := range sums {
		u := Upstream{Upstream: name, Requests: s.requests, Failed: s.failed}
		if s.sketch != nil {
			u.p50, u.p99 = s.sketch.Quantile(0.5), s.sketch.Quantile(0.99)
			u.P50, u.P99 = quantile(u.p50), quantile(u.p99)
		}
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Upstream) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Upstream, b.Upstream))
	})
	for i := range list { // in order: tokens are numbered as they come
		list[i].Upstream = foreign(list[i].Upstream)
	}
	return list
}

// shownUpstreams is how many a text has room for; the JSON has all.
const shownUpstreams = 12

func (rep Report) someUpstreams() (list []Upstream, more string) {
	list = rep.Upstreams
	if n := len(list) - shownUpstreams; n > 0 {
		list = list[:shownUpstreams]
		more = fmt.Sprintf("and %s that failed less", export.Plural(n, "upstream"))
	}
	return list, more
}

func (u Upstream) share() string { return percent(float64(u.Failed) / float64(max(u.Requests, 1))) }

func (rep Report) upstreamsText(b *strings.Builder) {
	list, more := rep.someUpstreams()
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\nUPSTREAMS, %s\n  %-30s %8s %8s %7s %9s %9s\n", rep.scope(), "", "requests", "failed", "share", "p50", "p99")
	for _, u := range list {
		name := u.Upstream
		if export.Cells(name) > 30 {
			fmt.Fprintf(b, "  %s\n", name)
			name = ""
		}
		fmt.Fprintf(b, "  %s %8s %8s %7s %9s %9s\n", export.Left(name, 30), thousands(float64(u.Requests)), thousands(float64(u.Failed)), u.share(), brief(u.p50), brief(u.p99))
	}
	if more != "" {
		fmt.Fprintf(b, "  %s\n", more)
	}
}

func (rep Report) upstreamsMarkdown(b *strings.Builder) {
	list, more := rep.someUpstreams()
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "## Upstreams, %s\n\n| Upstream | Requests | Failed | Share | p50 | p99 |\n|---|---:|---:|---:|---:|---:|\n", rep.scope())
	for _, u := range list {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", redact.MarkdownCode(u.Upstream), thousands(float64(u.Requests)), thousands(float64(u.Failed)), u.share(),
			redact.Markdown(export.Quantile(u.p50)), redact.Markdown(export.Quantile(u.p99)))
	}
	b.WriteByte('\n')
	if more != "" {
		fmt.Fprintf(b, "%s.\n\n", strings.ToUpper(more[:1])+more[1:])
	}
}
