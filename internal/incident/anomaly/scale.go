package anomaly

import (
	"math"
	"slices"
)

// RelativeFloor is the least share of a baseline's median that counts as its
// scale. On fault-free Sock Shop data 0.2 with the sustained effect leaves 0-3 %
// of the windows above z = 3; without a floor it is every window.
const RelativeFloor = 0.2

// Consistency factors that make MAD and IQR of a normal distribution its
// standard deviation.
const (
	madToSigma = 1.4826
	iqrToSigma = 1 / 1.349
)

// Baseline is what a series did when all was well. It is made once and does not
// learn: an incident must not become the usual.
type Baseline struct {
	N                int // samples that were there
	Median, MAD, IQR float64
	Quantum          float64 // the smallest step between two of its values
	Scale            float64 // one sigma, robust and floored; in the series' unit
	sorted           []float64
	still            bool // no noise at all and at zero: the scale is 1 for want of a better
}

// NewBaseline is the robust centre and scale of samples:
//
//	scale = max(1.4826 MAD, IQR/1.349, relative |median|, quantum)
//
// relative is 0.02 to 0.20; zero takes RelativeFloor. NaN is left out. A baseline
// of no samples has N 0 and gives NaN for every z.
func NewBaseline(samples []float64, relative float64) Baseline {
	if relative <= 0 {
		relative = RelativeFloor
	}
	sorted := known(samples)
	slices.Sort(sorted)
	b := Baseline{N: len(sorted), sorted: sorted}
	if b.N == 0 {
		b.Median, b.MAD, b.IQR, b.Scale = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		return b
	}
	b.Median = quantile(sorted, 0.5)
	b.IQR = quantile(sorted, 0.75) - quantile(sorted, 0.25)
	away := make([]float64, b.N)
	for i, v := range sorted {
		away[i] = math.Abs(v - b.Median)
		if i > 0 {
			if d := v - sorted[i-1]; d > 0 && (b.Quantum == 0 || d < b.Quantum) {
				b.Quantum = d
			}
		}
	}
	slices.Sort(away)
	b.MAD = quantile(away, 0.5)
	b.Scale = max(madToSigma*b.MAD, b.IQR*iqrToSigma, relative*math.Abs(b.Median), b.Quantum)
	if b.Scale == 0 { // all zero: whatever comes is as far away as it is large
		b.Scale, b.still = 1, true
	}
	return b
}

// AtLeast is the baseline with a scale of at least quantum, in the series' unit:
// what is less is no change. A series that never left zero has no scale of its
// own and takes it as it is.
func (b Baseline) AtLeast(quantum float64) Baseline {
	if b.still && quantum > 0 {
		b.Scale, b.still = quantum, false
	}
	b.Scale = max(b.Scale, quantum)
	return b
}

// Z is how many sigmas v is above the baseline's median.
func (b Baseline) Z(v float64) float64 { return (v - b.Median) / b.Scale }

// Effect is how far a series is from its baseline over a window, in sigmas;
// positive is worse, and for a series without a bad direction any way is.
type Effect struct {
	N      int     // samples in the window
	Median float64 // the sustained effect: statements are made of this
	Q75    float64
	Max    float64 // one sample's; only ever to break a tie
	Before float64 // the baseline's median, in the series' unit
	During float64 // the window's median, in the series' unit
	// P is the empirical share of baseline samples that are at least as bad as the
	// window's median, counting the window itself: (1+k)/(1+n).
	P float64
}

// Effect compares a window with the baseline. It is NaN when either is empty.
func (b Baseline) Effect(window []float64, bad Direction) Effect {
	v := known(window)
	if len(v) == 0 || b.N == 0 {
		nan := math.NaN()
		return Effect{N: len(v), Median: nan, Q75: nan, Max: nan, Before: b.Median, During: nan, P: 1}
	}
	slices.Sort(v)
	e := Effect{N: len(v), Before: b.Median, During: quantile(v, 0.5)}
	sign := float64(bad)
	if bad == Both { // the way in which it went
		sign = 1
		if e.During < b.Median {
			sign = -1
		}
	}
	at := func(q float64) float64 {
		if sign < 0 {
			q = 1 - q
		}
		return sign * b.Z(quantile(v, q))
	}
	e.Median, e.Q75, e.Max = at(0.5), at(0.75), at(1)
	worse := 0
	i, _ := slices.BinarySearch(b.sorted, e.During)
	switch {
	case sign > 0:
		worse = b.N - i
	default:
		for i < b.N && b.sorted[i] == e.During {
			i++
		}
		worse = i
	}
	if bad == Both {
		worse = min(b.N, 2*worse)
	}
	e.P = float64(1+worse) / float64(1+b.N)
	return e
}

// Anomalous says that the window's usual sample is beyond the baseline by more
// than its noise and beyond what the baseline itself did.
func (e Effect) Anomalous() bool { return e.Median > 3 && e.P < 0.02 }

// known are the samples that are there, as a new slice.
func known(samples []float64) []float64 {
	v := make([]float64, 0, len(samples))
	for _, x := range samples {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			v = append(v, x)
		}
	}
	return v
}

// quantile is the linear-interpolated quantile of sorted samples (Hyndman and
// Fan's type 7, as numpy has it by default).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
