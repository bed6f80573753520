package output

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Resamples is how many resamples give an interval its second digit.
const Resamples = 2000

// Bootstrap is the bias-corrected and accelerated interval (BCa, Efron 1987) of a
// statistic of n independent cases, such as the difference of two policies' p99
// over common replications. statistic gets the numbers of the cases that make up
// a sample, with repetitions, and must not keep them. The same seed gives the same
// interval.
func Bootstrap(n int, statistic func(cases []int) float64, resamples int, level float64, seed uint64) (Interval, error) {
	if n < 2 || resamples < 100 {
		return Interval{}, fmt.Errorf("bootstrap of %d cases with %d resamples: at least 2 and 100 are needed", n, resamples)
	}
	cases := make([]int, n)
	for i := range cases {
		cases[i] = i
	}
	value := statistic(cases)
	speed := acceleration(n, statistic)

	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	seen := make([]float64, resamples)
	below := 0.0
	for b := range seen {
		for i := range cases {
			cases[i] = rng.IntN(n)
		}
		switch seen[b] = statistic(cases); {
		case seen[b] < value:
			below++
		case seen[b] == value:
			below += 0.5 // a statistic that takes few values meets its own often
		}
	}
	slices.Sort(seen)
	if seen[0] == seen[resamples-1] {
		return Interval{Value: value, Lo: seen[0], Hi: seen[0], Level: level, N: n}, nil
	}
	most := float64(resamples)
	bias := distuv.UnitNormal.Quantile(min(max(below/most, 0.5/most), 1-0.5/most))
	end := func(p float64) float64 {
		z := bias + distuv.UnitNormal.Quantile(p)
		p = distuv.UnitNormal.CDF(bias + z/(1-speed*z))
		return seen[min(max(int(math.Ceil(p*most))-1, 0), resamples-1)]
	}
	return Interval{Value: value, Lo: end((1 - level) / 2), Hi: end((1 + level) / 2), Level: level, N: n}, nil
}

// acceleration is how fast the statistic's standard error changes with its value,
// by leaving out one case at a time.
func acceleration(n int, statistic func([]int) float64) float64 {
	without := make([]float64, n)
	cases := make([]int, n-1)
	mean := 0.0
	for out := range without {
		for i := range cases {
			cases[i] = i
			if i >= out {
				cases[i]++
			}
		}
		without[out] = statistic(cases)
		mean += without[out] / float64(n)
	}
	var squares, cubes float64
	for _, v := range without {
		squares += (mean - v) * (mean - v)
		cubes += (mean - v) * (mean - v) * (mean - v)
	}
	if squares == 0 {
		return 0
	}
	return cubes / (6 * math.Pow(squares, 1.5))
}
