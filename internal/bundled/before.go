package bundled

import (
	"math"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/sim"
	"tripcurve/sim/world"
)

// dayBefore is the 24 hours before the run: healthy requests per minute, drawn
// and not simulated, so that "no 502 in the 24 hours before" can be tested
// against something.
func dayBefore(sc sim.Scenario) []incident.Fact {
	// The day ends where the run begins and begins 24 h before the trigger.
	from := sc.Start.Add(5 * time.Minute).Add(-24 * time.Hour)
	origin := incident.Origin{Group: "gateway", Name: logSource, File: logIdentity(sc) + ":day-before"}
	// Typical latencies are those of the run's own healthy minutes.
	routes := []struct {
		endpoint incident.Endpoint
		status   int
		stream   string  // of its counts: every accepted order has one payment intent
		rate     float64 // per second
		typical  time.Duration
	}{
		{incident.Endpoint{Method: "POST", Route: "/api/orders"}, 201, "checkouts", 0.9, 14500 * time.Microsecond},
		{incident.Endpoint{Method: "POST", Route: "/api/payments/intent"}, 201, "checkouts", 0.9, 1700 * time.Microsecond},
		{incident.Endpoint{Method: "GET", Route: "/api/inventory/:sku"}, 200, "stock", sc.InventoryReads.From, 1750 * time.Microsecond},
		{incident.Endpoint{Method: "GET", Route: "/api/orders/:id"}, 200, "orders", sc.OrderReads.From, 1650 * time.Microsecond},
	}
	var facts []incident.Fact
	for _, r := range routes {
		counts := world.NewStream(sc.Seed, "day before, "+r.stream)
		draws := world.NewStream(sc.Seed, "day before, latency of "+r.endpoint.String())
		hourly := sketch.New()
		hourStart := from
		flush := func(until time.Time) {
			if hourly.Count() > 0 {
				facts = append(facts, incident.Latency{
					At: hourStart, Width: until.Sub(hourStart), Endpoint: r.endpoint, Outcome: incident.OK, Sketch: hourly, Origin: origin,
				})
			}
			hourly, hourStart = sketch.New(), until
		}
		for at := from; at.Before(sc.Start); at = at.Add(time.Minute) {
			if !at.Before(hourStart.Add(time.Hour)) {
				flush(at)
			}
			// A normal draw is close enough to Poisson at these counts.
			mean := r.rate * 60 * daily(at)
			n := int64(max(0, math.Round(mean+math.Sqrt(mean)*normal(counts))))
			if n == 0 {
				continue
			}
			facts = append(facts, incident.Bucket{
				At: at, Width: time.Minute, Endpoint: r.endpoint, Status: r.status, Outcome: incident.OK, Started: n, Ended: n, Origin: origin,
			})
			for range 4 { // a few calls stand for the minute's latency, in whole ms as the log has it
				hourly.Add(time.Duration(float64(r.typical) * math.Exp(0.4*normal(draws))).Truncate(time.Millisecond))
			}
		}
		flush(sc.Start)
	}
	return facts
}

// normal is one draw of the standard normal distribution (Box and Muller).
func normal(s *world.Stream) float64 {
	return math.Sqrt(-2*math.Log1p(-s.Float())) * math.Cos(2*math.Pi*s.Float())
}

// daily is the share of the run's load at a time of day: quiet nights.
func daily(at time.Time) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	return 0.65 - 0.35*math.Cos(2*math.Pi*(hour-2.5)/24)
}
