package fit

import (
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim"
)

// percentiles stand for a distribution, with straight lines between.
var percentiles = []float64{0, 1, 2, 5, 10, 20, 30, 40, 45, 50, 55, 60, 70, 80, 85, 90, 95, 98, 98.8, 99, 99.2, 99.5, 99.9, 100}

// digits keeps three of a time: the sketch has no more.
func digits(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}

// distOf is a recorded distribution as one that can be drawn from. A time of 0 is one
// that the log's own resolution hides; a tenth of the median stands for it.
func distOf(s incident.Sketch) sim.Dist {
	least := max(middle(s, 0.5)/10, time.Microsecond)
	d := sim.Dist{Shape: sim.Empirical}
	last := time.Duration(0)
	for _, p := range percentiles {
		last = max(last, least, middle(s, p/100))
		d.Points = append(d.Points, sim.QuantilePoint{Share: p / 100, At: last}) // as it is read back
	}
	lean(d.Points)
	for i := range d.Points {
		d.Points[i].At = digits(d.Points[i].At)
	}
	return d
}

const (
	leaning = 0.05 // how far the ends of a plateau are from its middle, as a share
	tail    = 0.9  // from which on times are few, and not equal for the log's sake
)

// lean gives plateaus a slope: a log in milliseconds has many equal times, and when all
// become so many times as long, they would pass a limit all at once.
func lean(points []sim.QuantilePoint) {
	was := slices.Clone(points)
	for i := 0; i < len(was); {
		j := i
		for j+1 < len(was) && was[j+1].At == was[i].At {
			j++
		}
		if v := float64(was[i].At); j > i && was[i].Share < tail {
			lo, hi := v*(1-leaning), v*(1+leaning)
			if i > 0 {
				lo = max(lo, (v+float64(was[i-1].At))/2)
			}
			if j+1 < len(was) {
				hi = min(hi, (v+float64(was[j+1].At))/2)
			}
			for k := i; k <= j; k++ {
				at := (was[k].Share - was[i].Share) / (was[j].Share - was[i].Share)
				points[k].At = time.Duration(lo + at*(hi-lo))
			}
		}
		i = j + 1
	}
}
