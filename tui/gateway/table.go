package gateway

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/screen"
)

// query is what a table is computed from.
type query struct {
	version uint64
	window  incident.Window // counted
	shown   incident.Window // of the time axis
	phase   phase
	by      grouping
	heat    bool // with the heat maps
}

// table is what was counted.
type table struct {
	query query
	rows  []row
	total []total // those that failed first, then by how many
	bad   []series
	step  time.Duration
	seen  bool // a gateway was looked at at all
	asked bool // and upstreams are named
	heat  map[row]*chart.Heat
}

// total is the requests of one status.
type total struct {
	status   int
	requests int64
	failed   bool
}

// series is the failures of one status over the shown range, per second, by
// their end.
type series struct {
	status int
	values []float64
}

// row is one endpoint, status or outcome.
type row struct {
	label            string
	endpoint         incident.Endpoint
	status           int
	outcome          incident.Outcome
	upstream         string
	by               grouping
	unparsed         bool // lines that no format understood
	requests, failed int64
	first, last      time.Time // start of the first failed, end of the last
	p50, p99         incident.Quantile
	gone             bool            // asked for before the impact, no more during it
	text             [columns]string // its cells, as they stand in the table
}

// tableMsg brings a computed table.
type tableMsg struct {
	query query
	table table
}

// window is the part of time that a phase counts.
func (s *Screen) window() incident.Window {
	all, hit := s.View.Window, s.Analysis.Impact
	if hit.Length() == 0 {
		return s.Range
	}
	switch s.phase {
	case before:
		return incident.Window{From: all.From, To: hit.From}
	case after:
		return incident.Window{From: hit.To, To: all.To.Add(time.Second)}
	case shown:
		return s.Range
	default: // during
		return hit
	}
}

func (s *Screen) query() query {
	if s.View == nil {
		return query{}
	}
	return query{s.Version, s.window(), s.Range, s.phase, s.by, s.heat}
}

// compute counts away from the event loop: a day of buckets takes longer than
// a frame. One computation runs at a time; a question asked meanwhile is asked
// again when it ends.
func (s *Screen) compute() tea.Cmd {
	q := s.query()
	if s.View == nil || q == s.asked && !s.wanted {
		return nil
	}
	if s.wanted = s.busy; s.busy {
		return nil
	}
	s.busy, s.asked = true, q
	view := s.View
	var vanished []incident.Endpoint
	for _, e := range s.Analysis.Endpoints {
		if e.Vanished && q.window == s.Analysis.Impact {
			vanished = append(vanished, e.Endpoint)
		}
	}
	return func() tea.Msg { return tableMsg{q, count(view, q, vanished)} }
}

func count(v *incident.View, q query, vanished []incident.Endpoint) table {
	t := table{query: q, seen: v.Sees("gateway")}
	totals := map[int]*total{}
	rows := map[row]*row{}
	at := func(k row) *row {
		if rows[k] == nil {
			r := k
			rows[k] = &r
		}
		return rows[k]
	}
	v.EachBucket(q.window, func(b *incident.Bucket) {
		if b.Started > 0 {
			if totals[b.Status] == nil {
				totals[b.Status] = &total{status: b.Status}
			}
			totals[b.Status].requests += b.Started
			totals[b.Status].failed = totals[b.Status].failed || b.Failed()
		}
		if q.by == byUpstream {
			return
		}
		r := at(keyOf(q.by, b.Endpoint, b.Status, b.Outcome))
		r.requests += b.Started
		if b.Failed() {
			r.fail(b.At, b.Started, b.Ended)
		}
	})
	switch q.by {
	case byUpstream:
		t.asked = countUpstreams(v, q.window, at)
	case byStatus: // which a distribution does not know
	case byEndpoint, byOutcome:
		sketches := map[row]incident.Sketch{}
		v.EachLatency(q.window, func(l *incident.Latency) {
			k := keyOf(q.by, l.Endpoint, 0, l.Outcome)
			sketches[k] = incident.Together(sketches[k], l.Sketch)
		})
		for k, sk := range sketches {
			if r := rows[k]; r != nil {
				r.p50, r.p99 = sk.Quantile(0.5), sk.Quantile(0.99)
			}
		}
	}
	for _, e := range vanished {
		if q.by == byEndpoint {
			at(keyOf(q.by, e, 0, 0)).gone = true
		}
	}
	for _, r := range rows {
		t.rows = append(t.rows, *r)
	}
	slices.SortFunc(t.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.failed, a.failed), cmp.Compare(b2i(b.gone), b2i(a.gone)), cmp.Compare(b.requests, a.requests), cmp.Compare(a.label, b.label))
	})
	if n := unparsed(v); n > 0 {
		t.rows = append(t.rows, row{label: "(lines no format understood)", unparsed: true, requests: n})
	}
	for _, n := range totals {
		t.total = append(t.total, *n)
	}
	slices.SortFunc(t.total, func(a, b total) int {
		return cmp.Or(cmp.Compare(b2i(b.failed), b2i(a.failed)), cmp.Compare(b.requests, a.requests), cmp.Compare(a.status, b.status))
	})
	t.failures(v, q)
	if q.heat && q.by != byStatus {
		t.heat = heatOf(v, q)
	}
	return t
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unparsed(v *incident.View) (n int64) {
	for _, e := range v.Exemplars() {
		if e.Kind == incident.Unparsed && !e.OfServer() {
			n++
		}
	}
	return n
}

// fail counts requests that failed, of which some began and some ended at an instant.
func (r *row) fail(at time.Time, started, ended int64) {
	r.failed += started
	if started > 0 && (r.first.IsZero() || at.Before(r.first)) {
		r.first = at
	}
	if ended > 0 && at.After(r.last) {
		r.last = at
	}
}

// countUpstreams counts by upstream, and says whether any is known at all.
func countUpstreams(v *incident.View, w incident.Window, at func(row) *row) (any bool) {
	sketches := map[string]incident.Sketch{}
	v.EachUpstream(w, func(u *incident.Upstream) {
		r := at(upstreamRow(u.Name))
		r.requests += u.Started
		if u.Sketch != nil {
			sketches[u.Name] = incident.Together(sketches[u.Name], u.Sketch)
		}
		if u.Failed() {
			r.fail(u.At, u.Started, u.Ended)
		}
	})
	for name, s := range sketches {
		r := at(upstreamRow(name))
		r.p50, r.p99 = s.Quantile(0.5), s.Quantile(0.99)
	}
	if len(sketches) > 0 {
		return true
	}
	v.EachUpstream(incident.Window{}, func(*incident.Upstream) { any = true })
	return any
}

// upstreamRow is the row of an upstream, without numbers.
func upstreamRow(name string) row {
	return row{by: byUpstream, upstream: name, label: redact.Line(name)}
}

// key is a row without numbers.
func (r *row) key() row {
	if r.by == byUpstream {
		return upstreamRow(r.upstream)
	}
	return keyOf(r.by, r.endpoint, r.status, r.outcome)
}

// keyOf is the row, without numbers, that a request is counted in.
func keyOf(by grouping, e incident.Endpoint, status int, o incident.Outcome) row {
	switch by {
	case byStatus:
		label := strconv.Itoa(status)
		if status == 0 {
			label = "none sent"
		}
		return row{by: by, status: status, label: label}
	case byOutcome:
		return row{by: by, outcome: o, label: o.String()}
	default: // byEndpoint
		return row{by: by, endpoint: e, label: redact.Line(e.String())}
	}
}

// failures are the three statuses that failed most over the shown range.
func (t *table) failures(v *incident.View, q query) {
	if !t.seen {
		return
	}
	counts := map[int]int64{}
	v.EachBucket(q.shown, func(b *incident.Bucket) {
		if b.Failed() {
			counts[b.Status] += b.Ended
		}
	})
	var statuses []int
	for status, n := range counts {
		if n > 0 {
			statuses = append(statuses, status)
		}
	}
	slices.SortFunc(statuses, func(a, b int) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	if len(statuses) == 0 {
		statuses = []int{502} // nothing failed: a line at zero says so, where there is data
	}
	t.step = screen.StepFor(q.shown.Length(), 240)
	for _, status := range statuses[:min(3, len(statuses))] {
		values := v.Rate(func(b incident.Bucket) bool { return b.Failed() && b.Status == status }, q.shown, t.step, true)
		for i := range values {
			values[i] /= t.step.Seconds()
		}
		t.bad = append(t.bad, series{status, values})
	}
}

// shown are the rows that a filter keeps.
func (t *table) shown(f screen.Filter) []row {
	if !f.Active() {
		return t.rows
	}
	var out []row
	for _, r := range t.rows {
		if f.Match(r.label) {
			out = append(out, r)
		}
	}
	return out
}

// highest is the largest known value.
func highest(values []float64) float64 {
	m := math.NaN()
	for _, v := range values {
		if !math.IsNaN(v) && (math.IsNaN(m) || v > m) {
			m = v
		}
	}
	return m
}
