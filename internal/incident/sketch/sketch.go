// Package sketch keeps distributions of durations as DDSketches: mergeable, and
// every quantile within 1 % of a value that was really there.
package sketch

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"tripcurve/internal/incident"
)

// accuracy is the relative width of a bin, each way.
const accuracy = 0.01

// maxBins spans a factor of 10^17: more than from a nanosecond to a year.
const maxBins = 2048

// bins is shared by all sketches: they only merge when it is the same.
var bins = mustMapping()

func mustMapping() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(accuracy)
	if err != nil {
		panic(err) // the constant above is out of range
	}
	return m
}

// Sketch is a distribution of durations. The zero value is not usable; New
// makes one.
type Sketch struct{ dd *ddsketch.DDSketch }

var _ incident.Sketch = (*Sketch)(nil)

// New is an empty sketch.
func New() *Sketch {
	return &Sketch{ddsketch.NewDDSketchFromStoreProvider(bins, store.BufferedPaginatedStoreConstructor)}
}

// Add counts one duration; a negative one (clocks that ran backwards) counts
// as zero.
func (s *Sketch) Add(d time.Duration) { s.AddN(d, 1) }

// AddN counts a duration n times.
func (s *Sketch) AddN(d time.Duration, n int64) {
	if n <= 0 {
		return
	}
	// It only refuses NaN, infinities and negative counts: not possible here.
	_ = s.dd.AddWithCount(max(0, d.Seconds()), float64(n))
}

// AddMilliseconds counts ms milliseconds counts[ms] times, for every ms.
func (s *Sketch) AddMilliseconds(counts []int32) {
	positive, indices := s.dd.GetPositiveValueStore(), msIndices()
	for ms, n := range counts {
		switch {
		case n <= 0:
		case 0 < ms && ms < len(indices):
			positive.AddWithCount(indices[ms], float64(n))
		default:
			s.AddN(time.Duration(ms)*time.Millisecond, int64(n))
		}
	}
}

// msIndices are the bins of whole milliseconds, of which most logs have durations: a
// logarithm each that need not be taken again.
var msIndices = sync.OnceValue(func() *[1024]int {
	var t [1024]int
	for ms := 1; ms < len(t); ms++ {
		t[ms] = bins.Index((time.Duration(ms) * time.Millisecond).Seconds())
	}
	return &t
})

// Count is how many durations there are.
func (s *Sketch) Count() int64 { return int64(s.dd.GetCount() + 0.5) }

// Quantile is the bin that holds the q-quantile.
func (s *Sketch) Quantile(q float64) incident.Quantile {
	v, err := s.dd.GetValueAtQuantile(min(1, max(0, q)))
	switch {
	case err != nil: // empty
		return incident.Quantile{}
	case v <= 0:
		return incident.Instantly
	}
	i := bins.Index(v)
	return incident.Quantile{Lo: duration(bins.LowerBound(i)), Hi: duration(bins.LowerBound(i + 1))}
}

// Merge is the distribution of both; neither is changed.
func (s *Sketch) Merge(other incident.Sketch) (incident.Sketch, error) {
	o, ok := other.(*Sketch)
	if !ok {
		return nil, fmt.Errorf("merge a DDSketch with a %T", other)
	}
	both := s.dd.Copy()
	if err := both.MergeWith(o.dd); err != nil {
		return nil, fmt.Errorf("merge sketches: %w", err)
	}
	return &Sketch{both}, nil
}

// MarshalBinary is DDSketch's own encoding, without the bins' layout: it is
// always ours.
func (s *Sketch) MarshalBinary() ([]byte, error) {
	var b []byte
	s.dd.Encode(&b, true)
	return b, nil
}

// Decode reads what MarshalBinary wrote.
func Decode(b []byte) (s *Sketch, err error) {
	defer func() {
		if r := recover(); r != nil { // the decoder trusts its input
			s, err = nil, fmt.Errorf("latency sketch of %d bytes: %v", len(b), r)
		}
	}()
	// A damaged file may claim bins far apart: read into a store of bounded size.
	bounded := func() store.Store { return store.NewCollapsingLowestDenseStore(maxBins) }
	dd, err := ddsketch.DecodeDDSketch(b, bounded, bins)
	if err != nil {
		return nil, fmt.Errorf("latency sketch of %d bytes: %w", len(b), err)
	}
	if !dd.Equals(bins) {
		return nil, errors.New("latency sketch of another accuracy")
	}
	s = New()
	if err := s.dd.MergeWith(dd); err != nil {
		return nil, fmt.Errorf("latency sketch of %d bytes: %w", len(b), err)
	}
	return s, nil
}

// duration is at most the longest that there is: the bin that holds it ends beyond.
func duration(seconds float64) time.Duration {
	if ns := seconds * float64(time.Second); ns < math.MaxInt64 {
		return time.Duration(ns)
	}
	return math.MaxInt64
}
