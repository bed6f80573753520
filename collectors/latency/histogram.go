package latency

import (
	"math"
	"time"

	"tripcurve/internal/incident"
)

// Histogram is a classic histogram: counts of calls by upper bound, not
// cumulative. The last bucket is open above.
type Histogram struct {
	Bounds []float64 // s, ascending, without +Inf
	Counts []float64 // one more than Bounds
}

// Count is the calls in it.
func (h Histogram) Count() float64 {
	n := 0.0
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Add puts other's calls in as well. Of another layout it answers false and
// changes nothing: buckets are added up before a quantile is taken, and only
// equal ones can be.
func (h *Histogram) Add(other Histogram) bool {
	if h.Counts == nil {
		h.Bounds = other.Bounds
		h.Counts = append([]float64(nil), other.Counts...)
		return true
	}
	if len(h.Bounds) != len(other.Bounds) {
		return false
	}
	for i := range h.Bounds {
		if h.Bounds[i] != other.Bounds[i] {
			return false
		}
	}
	for i, c := range other.Counts {
		h.Counts[i] += c
	}
	return true
}

// Quantile is the bucket that holds the q-quantile: all that a histogram knows.
// In the last bucket it is capped: at least the highest bound. ok is false when
// the histogram is empty.
func (h Histogram) Quantile(q float64) (v incident.Quantile, ok bool) {
	n := h.Count()
	if n <= 0 {
		return incident.Quantile{}, false
	}
	rank, seen := math.Max(math.Ceil(q*n), 1), 0.0
	for i, c := range h.Counts {
		seen += c
		if seen < rank {
			continue
		}
		if i > 0 {
			v.Lo = seconds(h.Bounds[i-1])
		}
		if i == len(h.Bounds) {
			v.Capped = true
			return v, true
		}
		v.Hi = seconds(h.Bounds[i])
		return v, true
	}
	return incident.Quantile{}, false
}

// seconds is a bound as a duration; a negative one holds what takes no time.
func seconds(s float64) time.Duration {
	if s <= 0 {
		return 0
	}
	if s >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(math.Round(s * 1e9))
}
