package output

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Quantile is the q-quantile (0 < q < 1) of independent values with an interval
// between two of them: whatever the distribution, the true quantile lies between
// the l-th and the u-th smallest with the probability that a binomial count of
// values below it falls between. Lo or Hi is infinite when there are too few
// values for a bound on that side. No values give NaN.
func Quantile(values []float64, q, level float64) Interval {
	n := len(values)
	if n == 0 {
		return Interval{Value: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1), Level: level}
	}
	v := slices.Sorted(slices.Values(values))
	lo, hi := ranks(n, q, level)
	i := Interval{Value: v[max(int(math.Ceil(q*float64(n)))-1, 0)], Lo: math.Inf(-1), Hi: math.Inf(1), Level: level, N: n}
	if lo >= 1 {
		i.Lo = v[lo-1]
	}
	if hi <= n {
		i.Hi = v[hi-1]
	}
	return i
}

// ranks are the interval's ends, counted from 1; 0 and n+1 stand for no bound.
func ranks(n int, q, level float64) (lo, hi int) {
	below := distuv.Binomial{N: float64(n), P: q}
	tail := (1 - level) / 2
	for lo < n && below.CDF(float64(lo)) <= tail {
		lo++
	}
	hi = n + 1
	for hi > 1 && 1-below.CDF(float64(hi-2)) <= tail {
		hi--
	}
	return lo, hi
}
