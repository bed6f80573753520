package output

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// Steady is the mean of a long run's steady state. Interval.N counts batches.
type Steady struct {
	Interval
	Discarded int     // values at the beginning that were left out as warm-up
	Lag1      float64 // correlation of each batch with the next, -1..1
}

// Correlated says that the batches are too short: they still know of each other
// and the interval is too narrow. A longer run helps.
func (s Steady) Correlated() bool { return s.Lag1 > maxLag1 }

const (
	maxLag1 = 0.1
	// least is the smallest number of batches worth a variance; Schmeiser (1982)
	// finds nothing gained by more than 30.
	least = 10
)

// SteadyMean estimates the mean that a run settles at: it leaves out the warm-up
// that MSER-5 finds and takes the means of so many equal batches of the rest (20
// to 30 are usual) as independent. It fails when MSER-5 finds no steady part in
// the first half, or when there are not two values for each batch.
//
// A run that begins empty and idle is biased towards low values until it has
// filled; MSER-5 finds most of that, not all.
func SteadyMean(series []float64, batches int, level float64) (Steady, error) {
	if batches < least {
		return Steady{}, fmt.Errorf("%d batches: at least %d are needed", batches, least)
	}
	skip, ok := Warmup(series)
	if !ok {
		return Steady{}, fmt.Errorf("the %d values never settle: more than half of them would be warm-up", len(series))
	}
	rest := series[skip:]
	size := len(rest) / batches
	if size < 2 {
		return Steady{}, fmt.Errorf("%d values after the warm-up are too few for %d batches", len(rest), batches)
	}
	rest = rest[len(rest)-size*batches:]
	means := batchMeans(rest, size)
	return Steady{Interval: Mean(means, level), Discarded: skip, Lag1: lag1(means)}, nil
}

func batchMeans(series []float64, size int) []float64 {
	means := make([]float64, len(series)/size)
	for i := range means {
		means[i] = stat.Mean(series[i*size:(i+1)*size], nil)
	}
	return means
}

// lag1 is the correlation of each value with the next.
func lag1(v []float64) float64 {
	mean := stat.Mean(v, nil)
	var with, own float64
	for i, x := range v {
		own += (x - mean) * (x - mean)
		if i > 0 {
			with += (x - mean) * (v[i-1] - mean)
		}
	}
	if own == 0 {
		return 0
	}
	return with / own
}

// Warmup is how many values at the beginning of a series to leave out, by MSER-5
// (White, Cobb and Spratt 2000): of the series' means of five, as many as make the
// rest's squared standard error smallest. ok is false when that is more than half:
// the series has not settled. The last five means are no place to cut, for the
// variance of a handful says nothing.
func Warmup(series []float64) (skip int, ok bool) {
	const five = 5
	v := batchMeans(series, five)
	var sum, squares float64
	best, at := math.Inf(1), 0
	center := stat.Mean(v, nil) // against cancellation
	for i := len(v) - 1; i >= 0; i-- {
		x := v[i] - center
		sum += x
		squares += x * x
		n := float64(len(v) - i)
		if n <= five {
			continue
		}
		if mser := (squares - sum*sum/n) / (n * n); mser <= best {
			best, at = mser, i
		}
	}
	return at * five, len(v) > five && at <= len(v)/2
}
