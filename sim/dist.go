package sim

import (
	"fmt"
	"math"
	"time"
)

// Shape of a Dist.
type Shape uint8

const (
	Constant    Shape = iota
	Exponential       // mean A
	LogNormal         // median A, B the standard deviation of the logarithm
	Pareto            // least A, tail index B; Most cuts it off
	Empirical         // straight lines through Points
)

// Dist is how long something takes. All shapes are drawn by inversion, one uniform
// number each, so that a changed policy shifts nobody else's draws. The zero value
// takes no time.
type Dist struct {
	Shape  Shape
	A      time.Duration
	B      float64
	Most   time.Duration   // Pareto: no longer than this; 0 is no bound
	Points []QuantilePoint // Empirical: by rising Share, the first of 0 and the last of 1
}

// QuantilePoint says that a share of the times is no longer than At.
type QuantilePoint struct {
	Share float64
	At    time.Duration
}

// Exp is the exponentially distributed time of that mean for a uniform number in
// [0,1).
func Exp(mean time.Duration, u float64) time.Duration {
	return Bounded(-math.Log(1-u) * float64(mean))
}

// Fixed is a Dist that is always d.
func Fixed(d time.Duration) Dist { return Dist{A: d} }

// Wrong says what of the distribution cannot be, and what was expected in its
// place; both empty when all is well.
func (d *Dist) Wrong() (found, expected string) {
	switch {
	case d.A < 0:
		return d.A.String(), "a duration that is not negative"
	case d.Shape == LogNormal && !(d.B >= 0 && d.B <= 10):
		return fmt.Sprintf("a spread of %g", d.B), "a number from 0 to 10"
	case d.Shape == Pareto && (!(d.B > 0) || d.B > 1000 || d.A == 0):
		return fmt.Sprintf("least %s with a tail index of %g", d.A, d.B), "both above 0"
	case d.Shape == Pareto && d.Most != 0 && d.Most <= d.A:
		return "a most of " + d.Most.String(), "more than the least, " + d.A.String()
	case d.Shape == Empirical:
		return d.wrongPoints()
	}
	return "", ""
}

func (d *Dist) wrongPoints() (found, expected string) {
	ps := d.Points
	if len(ps) < 2 || ps[0].Share != 0 || ps[len(ps)-1].Share != 1 {
		return "quantiles that do not reach from p0 to p100", "both ends"
	}
	for i := 1; i < len(ps); i++ {
		if !(ps[i].Share > ps[i-1].Share) || ps[i].At < ps[i-1].At || ps[0].At < 0 {
			return fmt.Sprintf("p%g of %s after p%g of %s", 100*ps[i].Share, ps[i].At, 100*ps[i-1].Share, ps[i-1].At), "rising quantiles"
		}
	}
	return "", ""
}

// Draw is the time for a uniform number in [0,1).
func (d *Dist) Draw(u float64) time.Duration {
	switch d.Shape {
	case Exponential:
		return Exp(d.A, u)
	case LogNormal:
		return Bounded(float64(d.A) * math.Exp(d.B*math.Sqrt2*math.Erfinv(2*u-1)))
	case Pareto:
		x := 1 - u
		if d.Most > 0 { // the part beyond Most is cut off, not moved
			x = 1 - u*(1-math.Pow(float64(d.A)/float64(d.Most), d.B))
		}
		return Bounded(float64(d.A) * math.Pow(x, -1/d.B))
	case Empirical:
		return d.between(u)
	default:
		return d.A
	}
}

// Bounded is a time in nanoseconds, a tail without end kept within what a Duration can
// hold: a hundred years outlast any run.
func Bounded(ns float64) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	if !(ns < float64(century)) || ns < 0 {
		if ns > 0 {
			return century
		}
		return 0
	}
	return time.Duration(ns)
}

func (d *Dist) between(u float64) time.Duration {
	for i := 1; i < len(d.Points); i++ {
		a, b := d.Points[i-1], d.Points[i]
		if u <= b.Share {
			if b.Share == a.Share {
				return b.At
			}
			return a.At + time.Duration((u-a.Share)/(b.Share-a.Share)*float64(b.At-a.At))
		}
	}
	return d.Points[len(d.Points)-1].At
}

// Mean is the distribution's; +Inf for a Pareto without one.
func (d *Dist) Mean() float64 {
	a := float64(d.A)
	switch d.Shape {
	case LogNormal:
		return a * math.Exp(d.B*d.B/2)
	case Pareto:
		return d.paretoMean()
	case Empirical:
		m := 0.0
		for i := 1; i < len(d.Points); i++ {
			p, q := d.Points[i-1], d.Points[i]
			m += (q.Share - p.Share) * float64(p.At+q.At) / 2
		}
		return m
	default:
		return a
	}
}

func (d *Dist) paretoMean() float64 {
	a, b := float64(d.A), d.B
	switch {
	case d.Most == 0 && b <= 1:
		return math.Inf(1)
	case d.Most == 0:
		return a * b / (b - 1)
	case b == 1:
		r := a / float64(d.Most)
		return a / (1 - r) * math.Log(1/r)
	default:
		r := math.Pow(a/float64(d.Most), b)
		return a * b / (b - 1) * (1 - r*float64(d.Most)/a) / (1 - r)
	}
}
