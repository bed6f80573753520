package fit

import (
	"math"
	"slices"
	"time"

	"tripcurve/sim"
)

// segment is a stretch of seconds, half open, in which requests come at one rate.
type segment struct {
	from, to int
	per      float64 // second
}

const (
	leastSegment = 10 // seconds
	mostBins     = 300
)

// segmentsOf divides a window where the rate changes: the division of the greatest
// likelihood of Poisson counts, each change paying for itself by three times the
// logarithm of the number of bins. The cuts are there whatever the counts say, so that
// what comes in each of their parts is right to the request. Seconds without a log
// (NaN) are left out.
func segmentsOf(counts []float64, cuts []int) (all []segment) {
	cuts = append([]int{0, len(counts)}, cuts...)
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i := 1; i < len(cuts); i++ {
		if cuts[i-1] >= 0 && cuts[i] <= len(counts) {
			all = append(all, divided(counts, cuts[i-1], cuts[i])...)
		}
	}
	return joined(all)
}

// divided is the best division of one part.
func divided(counts []float64, from, to int) []segment {
	width := max(1, (to-from+mostBins-1)/mostBins)
	n := (to - from + width - 1) / width
	came, known := make([]float64, n+1), make([]float64, n+1) // running sums
	for i := range n {
		came[i+1], known[i+1] = came[i], known[i]
		for s := from + i*width; s < min(from+(i+1)*width, to); s++ {
			if !math.IsNaN(counts[s]) {
				came[i+1] += counts[s]
				known[i+1]++
			}
		}
	}
	cost := func(a, b int) float64 {
		c, k := came[b]-came[a], known[b]-known[a]
		if c == 0 || k == 0 {
			return 0
		}
		return -2 * c * math.Log(c/k)
	}
	least := max(1, (leastSegment+width-1)/width)
	penalty := 6 * math.Log(float64(n+1))
	best, last := make([]float64, n+1), make([]int, n+1)
	for b := 1; b <= n; b++ {
		best[b] = cost(0, b)
		for a := least; a <= b-least; a++ {
			if c := best[a] + cost(a, b) + penalty; c < best[b] {
				best[b], last[b] = c, a
			}
		}
	}
	var all []segment
	for b := n; b > 0; b = last[b] {
		a := last[b]
		per := 0.0
		if k := known[b] - known[a]; k > 0 {
			per = (came[b] - came[a]) / k
		}
		all = append(all, segment{from + a*width, min(from+b*width, to), per})
	}
	slices.Reverse(all)
	return all
}

// joined puts neighbours of one rate together.
func joined(all []segment) []segment {
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && out[n-1].per == s.per {
			out[n-1].to = s.to
			continue
		}
		out = append(out, s)
	}
	return out
}

// rateOf is the segments as a rate that changes in steps, to four digits.
func rateOf(all []segment) sim.Rate {
	var r sim.Rate
	for i, s := range all {
		at := time.Duration(s.from) * time.Second
		s.per = rounded(s.per, 4)
		if i > 0 {
			r.Points = append(r.Points, sim.RatePoint{At: at, Per: r.Points[len(r.Points)-1].Per})
		}
		r.Points = append(r.Points, sim.RatePoint{At: at, Per: s.per})
	}
	return r
}
