package fit

import (
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim"
)

// percentiles stand for a distribution, with straight lines between.
var percentiles = []float64{0, 1, 2, 5, 10, 20, 30, 40, 45, 50, 55, 60, 70, 80, 85, 90, 95, 98, 98.5, 99, 99.5, 99.9, 100}

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
		q := p / 100 // as it is read back
		last = max(last, digits(max(least, middle(s, q))))
		d.Points = append(d.Points, sim.QuantilePoint{Share: q, At: last})
	}
	return d
}
