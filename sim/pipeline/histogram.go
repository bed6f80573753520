package pipeline

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 1/128 of their values
// wide: quantiles are within 0.8 %, merging and adding in any order give the same.
type histogram struct {
	counts []uint32
	n      uint64
	sum    float64
	max    time.Duration
}

const subBits = 7 // 128 buckets for every doubling

// slot is the bucket of a duration.
func slot(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<subBits {
		return int(v)
	}
	e := bits.Len64(v) - subBits - 1
	return e<<subBits + int(v>>e)
}

// upper is the longest duration of a bucket.
func upper(i int) time.Duration {
	if i < 1<<(subBits+1) {
		return time.Duration(i)
	}
	e := i>>subBits - 1
	m := uint64(i&(1<<subBits-1) | 1<<subBits)
	return time.Duration((m+1)<<e - 1)
}

// slots is enough for every duration up to the longest run.
var slots = slot(maxLength) + 1

func newHistogram() histogram { return histogram{counts: make([]uint32, slots)} }

func (h *histogram) add(d time.Duration) {
	h.counts[min(slot(d), len(h.counts)-1)]++
	h.n++
	h.sum += float64(d)
	h.max = max(h.max, d)
}

// quantile is the least duration, to the width of a bucket, that at least a share q
// does not exceed; 0 when there is none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	left := int64(q*float64(h.n)) + 1
	if float64(left-1) == q*float64(h.n) {
		left = max(left-1, 1)
	}
	for i, c := range h.counts {
		if left -= int64(c); left <= 0 {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

func (h *histogram) mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}
