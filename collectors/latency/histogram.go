package latency

import (
	"maps"
	"math"
	"time"

	"tripcurve/internal/incident"
)

// Histogram is a classic histogram: counts of calls by upper bound, not
// cumulative. The last bucket is open above.
type Histogram struct {
	Bounds []float64 // s, ascending, without +Inf
	Counts []float64 // one more than Bounds

	// Within is what bounds every call in it, s; nil when its source does not say.
	Within *Extremes
}

// Extremes are bounds of the shortest and of the longest of some calls, s.
type Extremes struct{ Min, Max float64 }

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
		if v.Capped = i == len(h.Bounds); !v.Capped {
			v.Hi = seconds(h.Bounds[i])
		}
		return h.within(v), true
	}
	return incident.Quantile{}, false
}

// within narrows a quantile by what bounds every call.
func (h Histogram) within(v incident.Quantile) incident.Quantile {
	if h.Within == nil {
		return v
	}
	least, most := seconds(h.Within.Min), seconds(h.Within.Max)
	if most < v.Lo || !v.Capped && least > v.Hi {
		return v // its source contradicts itself
	}
	v.Lo = max(v.Lo, least)
	if v.Capped || most < v.Hi {
		v.Hi, v.Capped = most, false
	}
	return v
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

// bins are the buckets that have calls, for a heat map.
func (h Histogram) bins() []incident.Bin {
	var bins []incident.Bin
	lo := 0.0
	for i, n := range h.Counts {
		b := incident.Bin{Lo: lo, Hi: math.Inf(1), N: n}
		if i < len(h.Bounds) {
			b.Hi = max(0, h.Bounds[i])
			lo = b.Hi
		}
		if n > 0 && b.Hi >= b.Lo {
			bins = append(bins, b)
		}
	}
	return incident.Coarser(bins, perTwelfth)
}

// perTwelfth is a twelfth of a factor of ten, as fine as heat maps are.
const perTwelfth = 1.2115

// QuantileSeries are the quantiles of the calls that ended in one interval, up to
// at: for each two series like of, of the bounds of the bucket that holds it. The
// bounds of calls are in seconds if the unit is known; if nobody said it they have
// none.
func QuantileSeries(of incident.Series, at time.Time, calls Histogram, known bool) []incident.Fact {
	unit := ""
	if known {
		unit = "s"
	}
	facts := make([]incident.Fact, 0, 2*len(quantiles)+1)
	for _, q := range quantiles {
		lo, hi := math.NaN(), math.NaN()
		if v, ok := calls.Quantile(q.q); ok {
			lo = v.Lo.Seconds()
			if !v.Capped {
				hi = v.Hi.Seconds()
			}
		}
		for _, b := range []struct {
			name string
			v    float64
		}{{"lo", lo}, {"hi", hi}} {
			labels := maps.Clone(of.Labels)
			if labels == nil {
				labels = map[string]string{}
			}
			labels[QuantileLabel], labels[BoundLabel] = q.name, b.name
			facts = append(facts, incident.Series{
				Name: of.Name, Labels: labels, Unit: unit, Kind: incident.Gauge, Caveat: AtEnd,
				Points: []incident.Point{{At: at, V: b.v}}, Origin: of.Origin,
			})
		}
	}
	if known { // else nobody can tell where on an axis of time a bucket lies
		facts = append(facts, incident.Histogram{Name: of.Name, Labels: of.Labels, At: at, Bins: calls.bins(), Origin: of.Origin})
	}
	return facts
}
