// Package output says how sure the figures of a simulation are: intervals for
// means, shares, quantiles and differences from replications; for long runs of a
// steady state what to leave out and batch means; times that were cut off; and
// when there have been replications enough. Everything is a function of numbers;
// none of them knows what was simulated.
package output

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence that is used where nobody asks for another.
const Level = 0.95

// Interval is an estimate with its two-sided confidence interval, all in the unit
// of the values. Lo and Hi are infinite where the data set no bound.
type Interval struct {
	Value, Lo, Hi float64
	Level         float64 // 0..1
	N             int     // values that it rests on
}

// Half is half the interval's width.
func (i Interval) Half() float64 { return (i.Hi - i.Lo) / 2 }

// Relative is Half as a share of the estimate's size; 0 for an interval without
// width, also around 0, else infinite around 0.
func (i Interval) Relative() float64 {
	if half := i.Half(); half != 0 {
		return half / math.Abs(i.Value)
	}
	return 0
}

// Contains says whether v lies in the interval.
func (i Interval) Contains(v float64) bool { return i.Lo <= v && v <= i.Hi }

func (i Interval) String() string { return fmt.Sprintf("%.6g [%.6g, %.6g]", i.Value, i.Lo, i.Hi) }

// Mean is Student's t interval of the mean of independent values, such as one
// figure of each replication. It is exact for normal ones and good from some 20
// on for others. One value alone sets no bound; none are a mistake of the caller's
// and give NaN.
func Mean(values []float64, level float64) Interval {
	n := len(values)
	mean, sd := stat.MeanStdDev(values, nil)
	if n < 2 {
		return Interval{Value: mean, Lo: math.Inf(-1), Hi: math.Inf(1), Level: level, N: n}
	}
	half := student(n-1, level) * sd / math.Sqrt(float64(n))
	return Interval{Value: mean, Lo: mean - half, Hi: mean + half, Level: level, N: n}
}

// student is the two-sided quantile of Student's t.
func student(freedom int, level float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(freedom)}.Quantile((1 + level) / 2)
}

// normal is the two-sided quantile of the standard normal distribution.
func normal(level float64) float64 { return distuv.UnitNormal.Quantile((1 + level) / 2) }

// Share is Wilson's score interval for a share of n cases, of which so many were
// counted. It stays within 0 and 1, also at both ends.
func Share(count, n int, level float64) Interval {
	if n == 0 {
		return Interval{Value: math.NaN(), Lo: 0, Hi: 1, Level: level}
	}
	z, m := normal(level), float64(n)
	p := float64(count) / m
	middle := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{
		Value: p, Level: level, N: n,
		Lo: max((middle-half)/(1+z*z/m), 0), Hi: min((middle+half)/(1+z*z/m), 1),
	}
}

// AtMost is the largest share that is still to be reckoned with, at 95 %, when
// none of n cases showed what was looked for: the rule of three.
func AtMost(n int) float64 {
	if n < 3 {
		return 1
	}
	return 3 / float64(n)
}
