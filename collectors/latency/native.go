package latency

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/common/model"
)

// Span is one bucket of a native histogram: calls of (Lo, Hi], s. Empty ones are
// left out of a histogram, and its layout may become coarser as it grows.
type Span struct{ Lo, Hi, N float64 }

// maxSpans bounds one histogram: clients keep 160, Prometheus's own limits are of
// that order.
const maxSpans = 2000

// nativeSpans are the buckets of a native histogram in the order of their bounds,
// which are in units of scale seconds. It is false for a broken one.
func nativeSpans(h *model.SampleHistogram, scale float64) ([]Span, bool) {
	if len(h.Buckets) > maxSpans {
		return nil, false
	}
	spans := make([]Span, 0, len(h.Buckets))
	for _, b := range h.Buckets {
		if b == nil {
			return nil, false
		}
		s := Span{float64(b.Lower) * scale, float64(b.Upper) * scale, float64(b.Count)}
		if !(s.Lo < s.Hi) || !(s.N >= 0) || math.IsInf(s.N, 0) {
			return nil, false
		}
		if s.N > 0 {
			spans = append(spans, s)
		}
	}
	return Join(spans), true
}

// Join sorts spans and makes one of those that overlap: of two layouts the
// coarser one.
func Join(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Or(cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Hi, b.Hi)) })
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && s.Lo < out[n-1].Hi-1e-9*math.Abs(out[n-1].Hi) {
			out[n-1].Hi = max(out[n-1].Hi, s.Hi)
			out[n-1].N += s.N
			continue
		}
		out = append(out, s)
	}
	return out
}

// Since are the calls of now that were not in before. A bucket that lost calls
// says that the counting began anew: then all of now.
func Since(now, before []Span) []Span {
	out := slices.Clone(now)
	for _, b := range before {
		mid := b.Lo + (b.Hi-b.Lo)/2
		if math.IsInf(b.Hi, 1) || math.IsInf(b.Lo, -1) {
			mid = min(b.Hi, max(b.Lo, 0)) // the end that there is
		}
		i := slices.IndexFunc(out, func(s Span) bool { return s.Lo <= mid && mid <= s.Hi })
		if i < 0 || out[i].N < b.N {
			return now
		}
		out[i].N -= b.N
	}
	return out
}

// HistogramOf is spans as a histogram with a bucket for each and for the gaps
// between them. A native histogram has no highest bound, so it is never capped
// but by a bucket that is open above.
func HistogramOf(spans []Span) Histogram {
	var h Histogram
	add := func(bound, n float64) {
		if k := len(h.Bounds); k > 0 && bound <= h.Bounds[k-1] {
			h.Counts[k-1] += n
			return
		}
		h.Bounds, h.Counts = append(h.Bounds, bound), append(h.Counts, n)
	}
	open := 0.0
	for _, s := range spans {
		if !math.IsInf(s.Lo, -1) {
			add(s.Lo, 0)
		}
		if math.IsInf(s.Hi, 1) {
			open += s.N
			continue
		}
		add(s.Hi, s.N)
	}
	h.Counts = append(h.Counts, open)
	return h
}
