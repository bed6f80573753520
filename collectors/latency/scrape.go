// Package latency brings in what gRPC clients and servers say of their calls: by
// scraping the text exposition of /metrics, and by Datadog's metric query. A
// latency is recorded when a call ends, so a call that hangs is in none of them;
// it can be seen in calls started minus calls finished alone, which is why the
// raw counters are kept.
package latency

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// AtEnd is the caveat of every latency.
const AtEnd = "recorded when a call ends: a call that hangs is not in it"

// Labels of the quantile series of a histogram: two series, of the lower and the
// upper bound of the bucket that holds the quantile. The upper one is NaN where
// the histogram is capped; both are NaN while no call ended.
const (
	QuantileLabel = "quantile"
	BoundLabel    = "bound" // "lo" or "hi"
)

// quantiles told of each histogram.
var quantiles = []struct {
	q    float64
	name string
}{{0.5, "0.5"}, {0.99, "0.99"}}

// maxSeries bounds what one target can make us keep.
const maxSeries = 2000

// Scrape turns the pages of one target into series. The same pages give the same
// facts.
type Scrape struct {
	origin  incident.Origin
	names   *Names    // beyond those that are known
	most    int       // series kept
	system  string    // what the process is called, as Flow.Caller has it
	process string    // which one of that name
	many    bool      // several processes may be behind it: nobody knows when one began
	last    time.Time // of the newest page; zero before the first
	start   float64   // process_start_time_seconds; 0 unknown
	seen    map[string]*incident.Series
	buckets map[string]Histogram // cumulative since the process began, by series
	spans   map[string][]Span    // the same of native histograms
	skipped int
	parser  expfmt.TextParser
}

// NewScrape makes a Scrape of a source, such as "order:9090".
func NewScrape(name string) *Scrape {
	return &Scrape{
		most:   maxSeries,
		origin: incident.Origin{Group: "grpc", Name: name}, system: name, process: name,
		seen: map[string]*incident.Series{}, buckets: map[string]Histogram{}, spans: map[string][]Span{},
		parser: expfmt.NewTextParser(model.UTF8Validation),
	}
}

// Skipped counts the series of the newest page beyond the limit of one target.
func (s *Scrape) Skipped() int { return s.skipped }

// Observe is what one more page tells. A page that cannot be read whole tells
// nothing.
func (s *Scrape) Observe(at time.Time, body []byte) ([]incident.Fact, error) {
	if !s.last.IsZero() && !at.After(s.last) {
		return nil, nil
	}
	families, err := s.parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("text exposition: %w", err)
	}
	start := 0.0
	if f := families[processStart]; f != nil && len(f.GetMetric()) > 0 {
		start = number(f.GetMetric()[0])
	}
	return s.observe(at, start, func(p *page) {
		for _, name := range slices.Sorted(maps.Keys(families)) {
			if !s.names.Wanted(name) {
				continue
			}
			for _, m := range families[name].GetMetric() {
				s.metric(p, name, families[name].GetType(), m)
			}
		}
	}), nil
}

// observe is what a page tells that read reads. start is the process's start in
// Unix seconds; 0 is unknown.
func (s *Scrape) observe(at time.Time, start float64, read func(*page)) []incident.Fact {
	page := page{at: at.UTC(), quantiles: map[string]*interval{}}
	s.restart(&page, start)
	s.skipped = 0
	read(&page)
	for _, key := range slices.Sorted(maps.Keys(page.quantiles)) {
		page.facts = append(page.facts, s.told(page.at, page.quantiles[key])...)
	}
	s.last = page.at
	return page.facts
}

// processStart is the gauge by which a new process is known.
const processStart = "process_start_time_seconds"

// page is one answer of the target while it is read.
type page struct {
	at        time.Time
	restarted time.Time // when the process began; zero while it is the same one
	facts     []incident.Fact
	quantiles map[string]*interval
}

// interval is the calls that ended since the page before, of one histogram.
type interval struct {
	name   string
	unit   string
	scale  float64 // of a bound to seconds; 0 unknown
	labels map[string]string
	calls  Histogram
	spans  []Span // of native histograms
}

// restart notes that the process is a new one: its counters began at 0 then.
func (s *Scrape) restart(p *page, start float64) {
	was := s.start
	if start > 0 && !math.IsInf(start, 0) {
		s.start = start
	}
	// Some clients recompute it and are off by milliseconds.
	if was == 0 || s.last.IsZero() || math.Abs(s.start-was) < 1 {
		return
	}
	p.restarted = time.UnixMilli(int64(s.start * 1000)).UTC()
	if !p.restarted.After(s.last) || !p.restarted.Before(p.at) { // its clock is not ours
		p.restarted = s.last.Add(p.at.Sub(s.last) / 2)
	}
	p.facts = append(p.facts, incident.Change{
		At: p.restarted, Kind: incident.Restart, System: s.system,
		Text: "the process behind " + s.process + " began anew", Origin: s.origin,
	})
	clear(s.buckets)
	clear(s.spans)
	for _, key := range slices.Sorted(maps.Keys(s.seen)) {
		if c := *s.seen[key]; c.Kind == incident.Counter {
			c.Points = []incident.Point{{At: p.restarted, V: 0}}
			p.facts = append(p.facts, c)
		}
	}
}

// metric reads one line, or the lines of one histogram.
func (s *Scrape) metric(p *page, name string, kind dto.MetricType, m *dto.Metric) {
	labels := make(map[string]string, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = redact.MaskSecrets(l.GetValue())
	}
	switch {
	case m.Histogram != nil:
		s.histogram(p, name, labels, m.GetHistogram())
	case m.Summary != nil:
		s.sample(p, name+"_count", "1", labels, incident.Counter, float64(m.GetSummary().GetSampleCount()))
	case kind == dto.MetricType_COUNTER, kind == dto.MetricType_UNTYPED && strings.HasSuffix(name, "_total"):
		s.sample(p, name, unitOf(name), labels, incident.Counter, number(m))
	default:
		s.sample(p, name, unitOf(name), labels, incident.Gauge, number(m))
	}
}

func number(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Gauge != nil:
		return m.GetGauge().GetValue()
	}
	return m.GetUntyped().GetValue()
}

// sample tells one value of a counter or gauge. A counter that was not on the
// page before began at 0 since: its first value is an increase, which a reader
// who needs two samples would lose.
func (s *Scrape) sample(p *page, name, unit string, labels map[string]string, kind incident.SeriesKind, v float64) {
	as, labels, caveat := s.names.Told(name, labels)
	if as != name {
		kind, unit = incident.Counter, "1"
	}
	f := incident.Series{Name: as, Labels: labels, Unit: unit, Kind: kind, Caveat: caveat, Origin: s.origin}
	key := string(f.ID())
	known := s.seen[key] != nil
	if !known && len(s.seen) >= s.most {
		s.skipped++
		return
	}
	if !known {
		c := f
		s.seen[key] = &c
	}
	born := s.last
	if !p.restarted.IsZero() {
		born = p.restarted
	}
	if !known && kind == incident.Counter && !born.IsZero() && !s.many {
		f.Points = append(f.Points, incident.Point{At: born, V: 0})
	}
	f.Points = append(f.Points, incident.Point{At: p.at, V: v})
	p.facts = append(p.facts, f)
}

// histogram tells its count and sum as counters, and adds the calls since the
// page before to the interval of its method.
func (s *Scrape) histogram(p *page, name string, labels map[string]string, h *dto.Histogram) {
	unit, scale := s.names.Unit(name, "")
	s.sample(p, name+"_count", "1", labels, incident.Counter, float64(h.GetSampleCount()))
	s.sample(p, name+"_sum", unit, labels, incident.Counter, h.GetSampleSum())

	now, ok := classic(h, scale)
	if !ok {
		return
	}
	s.ended(p, name, labels, now)
}

// ended adds the calls since the page before to the interval of their method; now
// is all calls since the process began.
func (s *Scrape) ended(p *page, name string, labels map[string]string, now Histogram) {
	key := string(incident.Series{Name: name, Labels: labels}.ID())
	before, known := s.buckets[key]
	if !known && len(s.buckets) >= s.most {
		s.skipped++
		return
	}
	s.buckets[key] = now
	if s.last.IsZero() {
		return // calls of all the time before we looked
	}
	delta := Histogram{Bounds: now.Bounds, Counts: slices.Clone(now.Counts)}
	if known && slices.Equal(before.Bounds, now.Bounds) {
		for i, c := range before.Counts {
			delta.Counts[i] -= c
		}
		if slices.ContainsFunc(delta.Counts, func(c float64) bool { return c < 0 }) { // a reset
			copy(delta.Counts, now.Counts)
		}
	}
	p.interval(s.names, name, labels).calls.Add(delta) // one name has one layout
}

// endedNative is ended for a native histogram.
func (s *Scrape) endedNative(p *page, name string, labels map[string]string, now []Span) {
	key := string(incident.Series{Name: name, Labels: labels}.ID())
	before, known := s.spans[key]
	if !known && len(s.spans) >= s.most {
		s.skipped++
		return
	}
	s.spans[key] = now
	if s.last.IsZero() {
		return
	}
	i := p.interval(s.names, name, labels)
	i.spans = Join(append(i.spans, Since(now, before)...))
}

// interval is what a method's histograms of all outcomes are added to.
func (p *page) interval(names *Names, name string, labels map[string]string) *interval {
	group := names.WithoutStatus(name, labels)
	key := string(incident.Series{Name: name, Labels: group}.ID())
	if p.quantiles[key] == nil {
		unit, scale := names.Unit(name, "")
		p.quantiles[key] = &interval{name: name, unit: unit, scale: scale, labels: group}
	}
	return p.quantiles[key]
}

// classic takes a histogram's buckets out of their cumulative form, with bounds
// in seconds. It is false for one without buckets or with broken ones.
func classic(h *dto.Histogram, scale float64) (Histogram, bool) {
	buckets := slices.Clone(h.GetBucket())
	slices.SortStableFunc(buckets, func(a, b *dto.Bucket) int {
		switch {
		case a.GetUpperBound() < b.GetUpperBound():
			return -1
		case a.GetUpperBound() > b.GetUpperBound():
			return 1
		}
		return 0
	})
	if scale == 0 {
		scale = 1
	}
	var c Histogram
	below := 0.0
	for _, b := range buckets {
		bound, n := b.GetUpperBound(), float64(b.GetCumulativeCount())
		if math.IsNaN(bound) || n < below {
			return Histogram{}, false
		}
		if math.IsInf(bound, 1) {
			continue
		}
		c.Bounds = append(c.Bounds, bound*scale)
		c.Counts = append(c.Counts, n-below)
		below = n
	}
	total := float64(h.GetSampleCount())
	if len(c.Bounds) == 0 || total < below {
		return Histogram{}, false
	}
	c.Counts = append(c.Counts, total-below)
	return c, true
}

// told are the quantiles of what ended in one interval.
func (s *Scrape) told(at time.Time, i *interval) []incident.Fact {
	calls := i.calls
	if len(i.spans) > 0 { // a method's histograms are of one kind
		calls = HistogramOf(i.spans)
	}
	return QuantileSeries(incident.Series{Name: i.name, Labels: i.labels, Origin: s.origin}, at, calls, i.scale != 0)
}
