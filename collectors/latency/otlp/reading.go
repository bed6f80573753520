// Package otlp reads OpenTelemetry's metrics of gRPC calls: from files of JSON
// lines, and as a receiver of exporters, over gRPC and HTTP. A latency is recorded
// when a call ends; what hangs is in started minus finished alone, so both counters
// are kept as they come, whatever their temporality.
package otlp

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"tripcurve/collectors/latency"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// What exporters can make us keep.
const (
	maxProcesses = 500
	maxStreams   = 20_000
	maxLabels    = 32
	maxLabel     = 256 // bytes of a name or a value
	maxBuckets   = 2000
	maxRounds    = 1000 // points of one series in one message
)

// Added is the caveat of a counter of delta temporality.
const Added = "added up from what each interval tells, from when we began to look"

// Reading turns OTLP metrics into series. The same messages in the same order give
// the same facts; it is used by one goroutine.
type Reading struct {
	origin    incident.Origin
	names     *latency.Names
	processes map[string]*process
	streams   int
	stats     Stats
}

// Stats is what became of the points read.
type Stats struct {
	Points   int64 // kept
	Other    int64 // of metrics that are not of calls, breakers or pools
	Empty    int64 // whose source said that they hold nothing
	Again    int64 // told before, or late, or of a process that another one replaced
	Rejected int64 // that could not be kept
	Reason   string
	Ahead    time.Duration // by how much the clock of the last process that was off is ahead of ours
	Newest   time.Time
}

// NewReading makes one of a source. names are those beyond the usual; nil is none.
func NewReading(origin incident.Origin, names *latency.Names) *Reading {
	return &Reading{origin: origin, names: names, processes: map[string]*process{}}
}

// Stats is what became of all points so far.
func (r *Reading) Stats() Stats { return r.stats }

// Processes and Series are how many told something.
func (r *Reading) Processes() int { return len(r.processes) }
func (r *Reading) Series() int    { return r.streams }

// process is who told something: one resource.
type process struct {
	system    string // what it is called, as Flow.Caller has it
	labels    map[string]string
	streams   map[string]*stream
	groups    map[string]*group
	metrics   map[string]time.Time // when each was exported last
	pairs     map[string]*pair
	restarted time.Time
}

// stream is what is known of one series of points.
type stream struct {
	start uint64 // of a cumulative one, Unix ns
	last  time.Time
	value float64 // the newest, or the sum of the deltas
	sum   float64 // of a histogram
	spans []latency.Span
}

// group is the histograms of one method, of all outcomes.
type group struct {
	series incident.Series
	known  bool // its unit
	spans  []latency.Span
	within *latency.Extremes
	loose  bool // some of the calls have no extremes
}

// pair is started and finished calls of one flow, of delta temporality.
type pair struct {
	series   map[string]incident.Series // without points, by stream
	started  *stream
	finished float64
}

// sample is one point of any kind.
type sample struct {
	key     string
	metric  string // its name
	unit    string
	labels  map[string]string
	at      time.Time
	start   uint64 // Unix ns; 0 unknown
	delta   bool
	counter bool // monotonic
	value   float64
	hist    *histogram // nil for a number
}

type histogram struct {
	count, sum float64
	spans      []latency.Span
	known      bool // its unit
	buckets    bool // it has some
	within     *latency.Extremes
}

// Add is what one message of a process tells. received is when it came, by our
// clock, and bounds its times; zero for a file.
func (r *Reading) Add(rm *metricspb.ResourceMetrics, received time.Time) []incident.Fact {
	p := r.process(rm.GetResource())
	rounds := map[int][]sample{}
	seen := map[string]int{}
	for _, sm := range rm.GetScopeMetrics() {
		for _, m := range sm.GetMetrics() {
			r.metric(p, m, received, func(s sample) {
				n := seen[s.key]
				if n >= maxRounds {
					r.reject("a message has more points of one series than %d", maxRounds)
					return
				}
				seen[s.key]++
				rounds[n] = append(rounds[n], s)
			})
		}
	}
	if p == nil {
		return nil
	}
	var facts []incident.Fact
	for _, n := range slices.Sorted(maps.Keys(rounds)) {
		facts = append(facts, r.round(p, rounds[n])...)
	}
	return facts
}

// AtOf is when a message was made: its newest point. It is zero when it has none.
func AtOf(rm *metricspb.ResourceMetrics) time.Time {
	newest := uint64(0)
	see := func(at uint64) { newest = max(newest, at) }
	for _, sm := range rm.GetScopeMetrics() {
		for _, m := range sm.GetMetrics() {
			for _, p := range m.GetGauge().GetDataPoints() {
				see(p.GetTimeUnixNano())
			}
			for _, p := range m.GetSum().GetDataPoints() {
				see(p.GetTimeUnixNano())
			}
			for _, p := range m.GetHistogram().GetDataPoints() {
				see(p.GetTimeUnixNano())
			}
			for _, p := range m.GetExponentialHistogram().GetDataPoints() {
				see(p.GetTimeUnixNano())
			}
			for _, p := range m.GetSummary().GetDataPoints() {
				see(p.GetTimeUnixNano())
			}
		}
	}
	if newest == 0 || newest > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, int64(newest)).UTC()
}

func (r *Reading) reject(format string, args ...any) {
	r.stats.Rejected++
	if r.stats.Reason == "" {
		r.stats.Reason = fmt.Sprintf(format, args...)
	}
}

// instances are the attributes that tell one process of a service from another.
var instances = []string{"service.instance.id", "k8s.pod.name", "k8s.pod.uid", "container.id", "host.name", "process.pid"}

// process is who a resource is; nil when there are too many.
func (r *Reading) process(res *resourcepb.Resource) *process {
	labels := map[string]string{}
	attr := map[string]string{}
	for _, kv := range res.GetAttributes() {
		if v, ok := textOf(kv.GetValue()); ok && len(attr) < 4*maxLabels {
			attr[kv.GetKey()] = redact.MaskSecrets(v)
		}
	}
	for from, to := range map[string]string{"service.name": "service", "service.namespace": "namespace"} {
		if attr[from] != "" {
			labels[to] = attr[from]
		}
	}
	var parts []string
	for _, name := range instances {
		if attr[name] == "" {
			continue
		}
		parts = append(parts, attr[name])
		if name != "host.name" { // a host has several
			break
		}
	}
	if len(parts) > 0 {
		labels["instance"] = strings.Join(parts, ":")
	}
	key := string(incident.Series{Labels: labels}.ID())
	if p := r.processes[key]; p != nil {
		return p
	}
	if len(r.processes) >= maxProcesses {
		return nil
	}
	p := &process{
		system: labels["service"], labels: labels, streams: map[string]*stream{}, groups: map[string]*group{},
		metrics: map[string]time.Time{}, pairs: map[string]*pair{},
	}
	if p.system == "" {
		p.system = r.origin.Name
	}
	r.processes[key] = p
	return p
}

// textOf is a value as a label; arrays and maps are none.
func textOf(v *commonpb.AnyValue) (string, bool) {
	var s string
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		s = v.StringValue
	case *commonpb.AnyValue_BoolValue:
		s = strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		s = strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		s = strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	default:
		return "", false
	}
	return short(s), true
}

// short is foreign text of bounded length, valid UTF-8.
func short(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

// metric hands out the points of a metric that are kept. p is nil when there are
// too many processes: then none is.
func (r *Reading) metric(p *process, m *metricspb.Metric, received time.Time, keep func(sample)) {
	name := short(m.GetName())
	wanted := r.names.Wanted(name)
	point := func(s sample, at uint64, flags uint32, attributes []*commonpb.KeyValue) {
		switch {
		case !wanted:
			r.stats.Other++
			return
		case flags&uint32(metricspb.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) != 0:
			r.stats.Empty++
			return
		case p == nil:
			r.reject("more than %d processes", maxProcesses)
			return
		case !r.timely(at, received):
			return
		case len(attributes)+len(p.labels) > maxLabels:
			r.reject("a point has more than %d attributes", maxLabels)
			return
		}
		s.metric, s.at = name, time.Unix(0, int64(at)).UTC()
		s.labels = maps.Clone(p.labels)
		for _, kv := range attributes {
			if v, ok := textOf(kv.GetValue()); ok && kv.GetKey() != "" {
				s.labels[short(kv.GetKey())] = redact.MaskSecrets(v)
			}
		}
		s.key = string(incident.Series{Name: name, Labels: s.labels}.ID())
		if p.streams[s.key] == nil && r.streams >= maxStreams {
			r.reject("more than %d series", maxStreams)
			return
		}
		keep(s)
	}
	delta := func(t metricspb.AggregationTemporality) bool {
		return t == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	}
	unit, scale := r.names.Unit(name, short(m.GetUnit()))
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Gauge:
		for _, d := range data.Gauge.GetDataPoints() {
			point(sample{unit: unit, value: valueOf(d)}, d.GetTimeUnixNano(), d.GetFlags(), d.GetAttributes())
		}
	case *metricspb.Metric_Sum:
		for _, d := range data.Sum.GetDataPoints() {
			s := sample{
				unit: unit, value: valueOf(d), start: d.GetStartTimeUnixNano(), counter: data.Sum.GetIsMonotonic(),
				delta: delta(data.Sum.GetAggregationTemporality()),
			}
			if s.counter && !(s.value >= 0) {
				r.rejectIf(wanted, "a counter is below 0, or no number")
				continue
			}
			point(s, d.GetTimeUnixNano(), d.GetFlags(), d.GetAttributes())
		}
	case *metricspb.Metric_Histogram:
		for _, d := range data.Histogram.GetDataPoints() {
			h, ok := explicit(d, scale)
			if !ok {
				r.rejectIf(wanted, "a histogram's buckets do not fit each other")
				continue
			}
			s := sample{unit: unit, start: d.GetStartTimeUnixNano(), counter: true, hist: h, delta: delta(data.Histogram.GetAggregationTemporality())}
			point(s, d.GetTimeUnixNano(), d.GetFlags(), d.GetAttributes())
		}
	case *metricspb.Metric_ExponentialHistogram:
		for _, d := range data.ExponentialHistogram.GetDataPoints() {
			h, ok := exponential(d, scale)
			if !ok {
				r.rejectIf(wanted, "an exponential histogram's buckets do not fit each other")
				continue
			}
			s := sample{unit: unit, start: d.GetStartTimeUnixNano(), counter: true, hist: h, delta: delta(data.ExponentialHistogram.GetAggregationTemporality())}
			point(s, d.GetTimeUnixNano(), d.GetFlags(), d.GetAttributes())
		}
	case *metricspb.Metric_Summary:
		for _, d := range data.Summary.GetDataPoints() {
			h := &histogram{count: float64(d.GetCount()), sum: finite(d.GetSum())} // its quantiles are of nobody knows which time
			s := sample{unit: unit, start: d.GetStartTimeUnixNano(), counter: true, hist: h}
			point(s, d.GetTimeUnixNano(), d.GetFlags(), d.GetAttributes())
		}
	}
}

func (r *Reading) rejectIf(wanted bool, format string, args ...any) {
	if wanted {
		r.reject(format, args...)
	} else {
		r.stats.Other++
	}
}

// Times that a point can have.
var (
	earliest = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)
)

const (
	maxAhead  = 10 * time.Minute // of an exporter's clock
	maxBehind = 24 * time.Hour   // of what it had to keep for later
	offClock  = 5 * time.Second  // worth a word
)

// timely says whether a point has a time that can be.
func (r *Reading) timely(at uint64, received time.Time) bool {
	if at < uint64(earliest.UnixNano()) || at > uint64(latest.UnixNano()) {
		r.reject("a point has no time, or an impossible one: %d ns since 1970", at)
		return false
	}
	if received.IsZero() {
		return true
	}
	ahead := time.Unix(0, int64(at)).Sub(received)
	if ahead > maxAhead || ahead < -maxBehind {
		r.reject("a point's time is %s from now: one of the two clocks is wrong", ahead.Round(time.Second))
		return false
	}
	if ahead > offClock {
		r.stats.Ahead = ahead
	}
	return true
}

func valueOf(d *metricspb.NumberDataPoint) float64 {
	if v, ok := d.GetValue().(*metricspb.NumberDataPoint_AsInt); ok {
		return float64(v.AsInt)
	}
	return finite(d.GetAsDouble())
}

// finite makes a value that has no place in a file one that the source does not
// have.
func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// explicit is a histogram with bounds of its own, in seconds if scale says so.
func explicit(d *metricspb.HistogramDataPoint, scale float64) (*histogram, bool) {
	bounds, counts := d.GetExplicitBounds(), d.GetBucketCounts()
	h := newHistogram(d.GetCount(), d.Sum, d.Min, d.Max, scale)
	if len(counts) == 0 {
		return h, len(bounds) == 0
	}
	if len(counts) != len(bounds)+1 || len(counts) > maxBuckets {
		return nil, false
	}
	total, lo := uint64(0), math.Inf(-1)
	for i, n := range counts {
		hi := math.Inf(1)
		if i < len(bounds) {
			hi = bounds[i] * scaled(scale)
		}
		if !(lo < hi) || i < len(bounds) && math.IsInf(hi, 0) || total > d.GetCount() {
			return nil, false
		}
		if n > 0 {
			h.spans = append(h.spans, latency.Span{Lo: lo, Hi: hi, N: float64(n)})
		}
		total, lo = total+n, hi
	}
	h.buckets = true
	return h, total == d.GetCount()
}

// instant is the width of the bucket of calls that took no time at all, s.
const instant = 1e-9

// exponential is a histogram whose bucket i holds (base^(offset+i),
// base^(offset+i+1)], with base 2^(2^-scale).
func exponential(d *metricspb.ExponentialHistogramDataPoint, scale float64) (*histogram, bool) {
	h := newHistogram(d.GetCount(), d.Sum, d.Min, d.Max, scale)
	counts, offset := d.GetPositive().GetBucketCounts(), d.GetPositive().GetOffset()
	negative := d.GetNegative().GetBucketCounts()
	if len(counts)+len(negative) > maxBuckets || d.GetScale() < -10 || d.GetScale() > 20 || !(d.GetZeroThreshold() >= 0) {
		return nil, false
	}
	width := math.Ldexp(1, -int(d.GetScale())) // of a bucket, in powers of 2
	none, total := d.GetZeroCount(), d.GetZeroCount()
	for _, n := range negative { // no call took less than nothing
		none += n
		total += n
	}
	if none > 0 {
		zero := d.GetZeroThreshold() * scaled(scale)
		h.spans = append(h.spans, latency.Span{Lo: math.Inf(-1), Hi: max(instant, zero), N: float64(none)})
	}
	for i, n := range counts {
		if total > d.GetCount() {
			return nil, false
		}
		if total += n; n == 0 {
			continue
		}
		at := float64(offset) + float64(i)
		s := latency.Span{Lo: math.Exp2(at*width) * scaled(scale), Hi: math.Exp2((at+1)*width) * scaled(scale), N: float64(n)}
		if !(s.Lo < s.Hi) || math.IsInf(s.Hi, 0) {
			return nil, false
		}
		h.spans = append(h.spans, s)
	}
	h.spans, h.buckets = latency.Join(h.spans), true
	return h, total == d.GetCount()
}

// scaled is the factor to seconds; 1 when the unit is unknown, and then none are
// shown.
func scaled(scale float64) float64 {
	if scale == 0 {
		return 1
	}
	return scale
}

func newHistogram(count uint64, sum, least, most *float64, scale float64) *histogram {
	h := &histogram{count: float64(count), sum: math.NaN(), known: scale != 0}
	if sum != nil {
		h.sum = finite(*sum)
	}
	if count > 0 && least != nil && most != nil && *least <= *most {
		e := latency.Extremes{Min: *least * scaled(scale), Max: *most * scaled(scale)}
		if !math.IsInf(e.Max, 0) && !math.IsInf(e.Min, 0) {
			h.within = &e
		}
	}
	return h
}
