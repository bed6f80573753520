package latency

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// targetUp is the gauge that Prometheus itself keeps of every target.
const targetUp = "up"

// forgetAfter is how long a target that gives nothing is remembered: those of
// yesterday's pods are many.
const forgetAfter = time.Hour

// promPages puts raw samples together again to the pages that were scraped: all
// samples of one target and one instant. So what Scrape knows of pages holds for
// them: counters that are born big, restarts, quantiles of an interval.
type promPages struct {
	source  string
	origin  incident.Origin
	called  *Names // beyond those that are known
	targets map[string]*promTarget
	names   map[string]bool // seen: what ends in _count counts only beside a _sum
	newest  time.Time       // of all samples
	skipped int             // series left out, by the limit of one target
}

// promTarget is one scraped process.
type promTarget struct {
	scrape *Scrape
	upto   time.Time // its newest page
	every  time.Duration
}

func newPromPages(source string, called *Names) *promPages {
	return &promPages{
		source: source, origin: incident.Origin{Group: "grpc", Name: source}, called: called,
		targets: map[string]*promTarget{}, names: map[string]bool{},
	}
}

// promStream is what is known of all samples of one series of an answer.
type promStream struct {
	id     string
	target string
	name   string
	labels map[string]string // without le
	unit   string
	kind   incident.SeriesKind
	le     float64 // of a bucket
	base   string  // of a bucket: the histogram's name
	whole  string  // of a bucket: the key of the histogram that it belongs to
	floats []model.SamplePair
	native []model.SampleHistogramPair
}

// promSample is one sample of a page.
type promSample struct {
	stream *promStream
	v      float64
	native *model.SampleHistogram
}

// facts are what the samples of (from, to] tell that were not told before; a
// sample elsewhere was not asked for.
func (p *promPages) facts(answers []model.Matrix, from, to time.Time, caveat string) []incident.Fact {
	for _, m := range answers {
		for _, s := range m {
			if s != nil {
				p.names[string(s.Metric[model.MetricNameLabel])] = true
			}
		}
	}
	var streams []*promStream
	for _, m := range answers {
		for _, s := range m {
			if s == nil {
				continue
			}
			if st := p.stream(s); st != nil {
				streams = append(streams, st)
			}
		}
	}
	slices.SortFunc(streams, func(a, b *promStream) int { return strings.Compare(a.id, b.id) })
	pages := map[string]map[int64][]promSample{}
	lo, hi := from.UnixMilli(), to.UnixMilli()
	put := func(st *promStream, at model.Time, s promSample) {
		if int64(at) < lo || int64(at) > hi {
			return
		}
		of := pages[st.target]
		if of == nil {
			of = map[int64][]promSample{}
			pages[st.target] = of
		}
		of[int64(at)] = append(of[int64(at)], s)
	}
	for _, st := range streams {
		for _, f := range st.floats {
			put(st, f.Timestamp, promSample{stream: st, v: finite(float64(f.Value))})
		}
		for _, h := range st.native {
			put(st, h.Timestamp, promSample{stream: st, native: h.Histogram})
		}
	}
	var facts []incident.Fact
	p.skipped = 0
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		t := p.targets[name]
		if t == nil {
			continue
		}
		for _, ms := range slices.Sorted(maps.Keys(pages[name])) {
			at := time.UnixMilli(ms).UTC()
			if !at.After(t.upto) {
				continue
			}
			if !t.upto.IsZero() {
				t.every = at.Sub(t.upto)
			}
			t.upto = at
			facts = append(facts, p.page(t, at, pages[name][ms])...)
			if at.After(p.newest) {
				p.newest = at
			}
		}
		p.skipped += t.scrape.skipped
	}
	for name, t := range p.targets {
		if p.newest.Sub(t.upto) > forgetAfter {
			delete(p.targets, name)
		}
	}
	return joinSeries(facts, caveat)
}

// finite makes a value that has no place in a file one that the source does not
// have.
func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// stream reads the labels of a series. It is nil for what we do not keep.
func (p *promPages) stream(s *model.SampleStream) *promStream {
	name := string(s.Metric[model.MetricNameLabel])
	if name == "" || slices.ContainsFunc(dropped, func(end string) bool { return strings.HasSuffix(name, end) }) {
		return nil
	}
	st := &promStream{id: s.Metric.String(), name: name, labels: map[string]string{}, floats: s.Values, native: s.Histograms}
	for k, v := range s.Metric {
		if k != model.MetricNameLabel {
			st.labels[string(k)] = redact.MaskSecrets(string(v))
		}
	}
	st.target = p.target(st.labels)
	st.unit, st.kind = unitOf(name), incident.Gauge
	base, isBucket := strings.CutSuffix(name, "_bucket")
	le, hasLE := st.labels["le"]
	switch {
	case isBucket && hasLE:
		bound, err := strconv.ParseFloat(le, 64)
		if err != nil || math.IsNaN(bound) || math.IsInf(bound, -1) {
			return nil
		}
		delete(st.labels, "le")
		st.base, st.le = base, bound
		st.whole = string(incident.Series{Name: base, Labels: st.labels}.ID())
	case strings.HasSuffix(name, "_total"), strings.HasSuffix(name, ".started"): // the latter as OTLP has it
		st.kind = incident.Counter
	case p.ofHistogram(name, "_count", "_sum"):
		st.kind, st.unit = incident.Counter, "1"
	case p.ofHistogram(name, "_sum", "_count"):
		st.kind = incident.Counter
		st.unit, _ = p.called.Unit(strings.TrimSuffix(name, "_sum"), "")
	}
	return st
}

// ofHistogram says whether name is one of the two counters that a histogram or a
// summary has; alone, such a name may be a gauge's.
func (p *promPages) ofHistogram(name, end, other string) bool {
	base, ok := strings.CutSuffix(name, end)
	return ok && p.names[base+other]
}

// targetLabels tell a process from others, and one Prometheus's look at it from
// that of its replica, which comes at another time and would make everything look
// as if it had just been born.
var targetLabels = []string{"job", "instance", "pod", "namespace", "cluster", "prometheus", "prometheus_replica", "replica"}

// target is the key of the process that a series is of; it is remembered.
func (p *promPages) target(labels map[string]string) string {
	var b strings.Builder
	for _, l := range targetLabels {
		b.WriteString(labels[l] + "\x00")
	}
	key := b.String()
	if p.targets[key] == nil {
		t := &promTarget{scrape: NewScrape(p.source)}
		t.scrape.names = p.called
		t.scrape.many = labels["instance"] == "" && labels["pod"] == ""
		for _, l := range []string{"client", "service", "job"} { // as a flow's caller is named
			if labels[l] != "" {
				t.scrape.system = labels[l]
				break
			}
		}
		t.scrape.process = cmp.Or(labels["instance"], labels["pod"], t.scrape.system)
		p.targets[key] = t
	}
	return key
}

// page is what one page of a target tells.
func (p *promPages) page(t *promTarget, at time.Time, samples []promSample) []incident.Fact {
	start := 0.0
	var facts []incident.Fact
	for _, s := range samples {
		switch s.stream.name {
		case processStart:
			start = s.v
		case targetUp:
			facts = append(facts, incident.Series{
				Name: targetUp, Labels: s.stream.labels, Unit: "1", Kind: incident.Gauge,
				Points: []incident.Point{{At: at, V: s.v}}, Origin: p.origin,
			})
			if s.v == 0 { // nothing else was read then, so what comes next was not born since
				return facts
			}
		}
	}
	if !(start > 0) || t.scrape.many {
		start = 0
	}
	facts = append(facts, t.scrape.observe(at, start, func(pg *page) {
		classic := map[string]*promHistogram{}
		for _, s := range samples {
			st := s.stream
			switch {
			case st.name == processStart || st.name == targetUp:
			case s.native != nil:
				t.scrape.native(pg, st, s.native)
			case st.base != "":
				if classic[st.whole] == nil {
					classic[st.whole] = &promHistogram{name: st.base, labels: st.labels}
				}
				classic[st.whole].buckets = append(classic[st.whole].buckets, promBucket{st.le, s.v})
			default:
				t.scrape.sample(pg, st.name, st.unit, st.labels, st.kind, s.v)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(classic)) {
			h := classic[key]
			_, scale := t.scrape.names.Unit(h.name, "")
			if now, ok := h.calls(cmp.Or(scale, 1)); ok {
				t.scrape.ended(pg, h.name, h.labels, now)
			}
		}
	})...)
	return facts
}

// promHistogram is the buckets of a classic histogram on one page.
type promHistogram struct {
	name    string
	labels  map[string]string
	buckets []promBucket
}

// promBucket counts the calls up to le.
type promBucket struct{ le, n float64 }

// calls takes the buckets out of their cumulative form, with bounds in s. It is
// false when they are broken, or not all there.
func (h *promHistogram) calls(scale float64) (Histogram, bool) {
	slices.SortStableFunc(h.buckets, func(a, b promBucket) int { return cmp.Compare(a.le, b.le) })
	var c Histogram
	below := 0.0
	for i, b := range h.buckets {
		if !(b.n >= below) { // also NaN
			return Histogram{}, false
		}
		if i > 0 && b.le == h.buckets[i-1].le { // "1" and "1.0"
			return Histogram{}, false
		}
		if !math.IsInf(b.le, 1) {
			c.Bounds = append(c.Bounds, b.le*scale)
		}
		c.Counts = append(c.Counts, b.n-below)
		below = b.n
	}
	return c, len(c.Bounds) > 0 && len(c.Counts) == len(c.Bounds)+1
}

// native tells a native histogram's count and sum as counters, and adds its calls
// to the interval of its method.
func (s *Scrape) native(p *page, st *promStream, h *model.SampleHistogram) {
	unit, scale := s.names.Unit(st.name, "")
	s.sample(p, st.name+"_count", "1", st.labels, incident.Counter, finite(float64(h.Count)))
	s.sample(p, st.name+"_sum", unit, st.labels, incident.Counter, finite(float64(h.Sum)))
	if spans, ok := nativeSpans(h, cmp.Or(scale, 1)); ok {
		s.endedNative(p, st.name, st.labels, spans)
	}
}

// joinSeries makes one fact of each series, with the caveat of the answer it came
// in. Series come in the order of their first sample, after everything else.
func joinSeries(facts []incident.Fact, caveat string) []incident.Fact {
	var out, series []incident.Fact
	where := map[incident.ID]int{}
	for _, f := range facts {
		s, ok := f.(incident.Series)
		if !ok {
			out = append(out, f)
			continue
		}
		id := s.ID()
		i, known := where[id]
		if !known {
			if caveat != "" {
				s.Caveat = strings.TrimPrefix(s.Caveat+"; "+caveat, "; ")
			}
			where[id] = len(series)
			s.Points = slices.Clone(s.Points)
			series = append(series, s)
			continue
		}
		old := series[i].(incident.Series)
		old.Points = append(old.Points, s.Points...)
		series[i] = old
	}
	return append(out, series...)
}
