package sim

import (
	"math"
	"slices"
	"time"
)

// Rate is arrivals per second over time: straight lines through Points. Before the
// first point and after the last it stays as it is there; with a Period it repeats.
// Two points at one instant are a step.
type Rate struct {
	Points []RatePoint
	Period time.Duration // 0 is none; Points then lie in [0, Period)
	Phase  time.Duration // where in the period the run begins
}

// RatePoint is the rate at one instant from the run's beginning.
type RatePoint struct {
	At  time.Duration
	Per float64 // second
}

// Steady is a rate that does not change.
func Steady(perSecond float64) Rate { return Rate{Points: []RatePoint{{Per: perSecond}}} }

// segment is one straight line of a rate.
type segment struct {
	from, to float64 // s from the run's beginning
	a, b     float64 // the rate at either end
}

// Surge is a rate being so many times as high for a while; 0 is for good.
type Surge struct {
	At, For time.Duration
	Factor  float64
}

// end is when it is over; one for good lasts as long as the run.
func (s Surge) end(length time.Duration) time.Duration {
	return forGood(s.At, s.For, length)
}

// Mean is how many arrivals a run has on average.
func (r Rate) Mean(length time.Duration) (n float64) {
	for _, s := range r.segments(length, nil) {
		n += (s.a + s.b) / 2 * (s.to - s.from)
	}
	return n
}

// Arrivals are those of a run, with the surges in it.
func (r Rate) Arrivals(length time.Duration, surges []Surge) Arrivals {
	return Arrivals{segments: r.segments(length, surges)}
}

// segments is the rate over a run, multiplied as the surges have it.
func (r Rate) segments(length time.Duration, surges []Surge) []segment {
	points := r.unroll(length)
	cuts := []time.Duration{0, length}
	for _, p := range points {
		cuts = append(cuts, p.At)
	}
	for _, f := range surges {
		cuts = append(cuts, f.At, f.end(length))
	}
	slices.Sort(cuts)
	var all []segment
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		if from < 0 || to > length || from == to {
			continue
		}
		factor := 1.0
		for _, f := range surges {
			if f.At <= from && to <= f.end(length) {
				factor *= f.Factor
			}
		}
		a, b := between(points, from, to)
		all = append(all, segment{from.Seconds(), to.Seconds(), a * factor, b * factor})
	}
	return all
}

// unroll is the points of a periodic rate over the whole run.
func (r Rate) unroll(length time.Duration) []RatePoint {
	if r.Period <= 0 || len(r.Points) == 0 {
		return r.Points
	}
	var all []RatePoint
	for from := -r.Phase - r.Period; from <= length+r.Period; from += r.Period {
		for _, p := range r.Points {
			all = append(all, RatePoint{from + p.At, p.Per})
		}
	}
	return all
}

// between is the rate just after from and just before to, between which no point
// lies.
func between(points []RatePoint, from, to time.Duration) (a, b float64) {
	if len(points) == 0 {
		return 0, 0
	}
	i := 0 // points up to from
	for i < len(points) && points[i].At <= from {
		i++
	}
	switch {
	case i == 0:
		return points[0].Per, points[0].Per
	case i == len(points):
		return points[i-1].Per, points[i-1].Per
	}
	p, q := points[i-1], points[i]
	at := func(t time.Duration) float64 {
		if t == q.At { // exact at the point itself
			return q.Per
		}
		return p.Per + (q.Per-p.Per)*float64(t-p.At)/float64(q.At-p.At)
	}
	return at(from), at(to)
}

// Arrivals finds the instants at which the integral of a rate reaches given values,
// in rising order: a Poisson process by inversion, one uniform number per arrival.
type Arrivals struct {
	segments []segment
	i        int
	area     float64 // of the segments before i
}

// At is when the integral reaches due, in seconds from the beginning; false when it
// never does. due must not fall from call to call.
func (a *Arrivals) At(due float64) (float64, bool) {
	for a.i < len(a.segments) {
		s := &a.segments[a.i]
		if t, ok := s.at(due - a.area); ok {
			return s.from + t, true
		}
		a.area += (s.a + s.b) / 2 * (s.to - s.from)
		a.i++
	}
	return 0, false
}

// at is when the segment's integral reaches due, in seconds from its beginning.
func (s *segment) at(due float64) (float64, bool) {
	slope := (s.b - s.a) / (s.to - s.from)
	d := s.a*s.a + 2*slope*due
	if d <= 0 { // a falling rate has reached zero
		return 0, false
	}
	root := s.a + math.Sqrt(d)
	if root == 0 {
		return 0, false
	}
	t := 2 * due / root // the stable form, also for slope 0
	return t, t < s.to-s.from
}
