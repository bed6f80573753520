package compare

import "tripcurve/sim/output"

// Measure is one figure of a night. Of all of them less is better.
type Measure struct {
	Name string // as in JSON: failed, wait_p99_s
	What string // in words, with its unit
	// Quantile says that the figure is a quantile of the night's own waits, whose
	// differences are too lopsided for Student's t.
	Quantile bool
	of       func(*night) float64
}

// Measures are all figures of a remedy, in the order in which they are shown.
// failed is the sum of the seven that follow it.
func Measures() []Measure {
	return []Measure{
		{Name: "failed", What: "checkouts not accepted within the customer's patience", of: func(n *night) float64 { return n.failed }},
		{Name: "failed_502", What: "of them answered 502", of: func(n *night) float64 { return n.answered[502] }},
		{Name: "failed_503", What: "of them answered 503 though no breaker rejected them", of: func(n *night) float64 { return n.answered[503] }},
		{Name: "failed_504", What: "of them answered 504", of: func(n *night) float64 { return n.answered[504] }},
		{Name: "failed_other", What: "of them answered otherwise, such as out of stock", of: func(n *night) float64 { return n.other }},
		{Name: "rejected", What: "of them turned away by a breaker or a bound, whatever the status", of: func(n *night) float64 { return n.rejected }},
		{Name: "late", What: "of them accepted too late", of: func(n *night) float64 { return n.late }},
		{Name: "unanswered", What: "of them without any answer when the run ended", of: func(n *night) float64 { return n.unanswered }},
		{Name: "outage_s", What: "first failing checkout's start to the last one's end, s", of: func(n *night) float64 { return n.outage }},
		{Name: "wait_p50_s", What: "customers' wait during the incident, median, s", Quantile: true, of: func(n *night) float64 { return n.p50 }},
		{Name: "wait_p99_s", What: "customers' wait during the incident, 99 %, s", Quantile: true, of: func(n *night) float64 { return n.p99 }},
		{Name: "reads_failed", What: "reads of stock that failed", of: func(n *night) float64 { return n.reads }},
		{Name: "orphans", What: "reservations made that no order names", of: func(n *night) float64 { return n.orphans }},
		{Name: "reserve_calls", What: "calls of Reserve that reached inventory", of: func(n *night) float64 { return n.reserves }},
		{Name: "calls_per_order", What: "those per checkout begun while something was wrong", of: func(n *night) float64 { return n.perOrder }},
		{Name: "lock_waiters", What: "sessions waiting for a lock at once, at most", of: func(n *night) float64 { return n.waiters }},
		{Name: "connections_lost", What: "connections that a client found dead or the server closed", of: func(n *night) float64 { return n.lost }},
		{Name: "trips", What: "times that a breaker opened during the incident", of: func(n *night) float64 { return n.trips }},
		{Name: "backlog", What: "accepted orders that wait for the queue at once, at most", of: func(n *night) float64 { return n.backlog }},
		{Name: "no_way_back_s", What: "longest time for which some are in flight, so that switching back needs a drain, s", of: func(n *night) float64 { return n.noWayBack }},
		{Name: "undone", What: "accepted orders that came to nothing: declined or given up by the queue, or left at the end", of: func(n *night) float64 { return n.undone }},
		{Name: FalseTrips, What: "times that a breaker opens on a healthy day", of: func(n *night) float64 { return n.falseTrips }},
	}
}

// FalseTrips is the measure that the breakers' machines give without a pipeline.
const FalseTrips = "false_trips_per_day"

// Figure is one measure of one remedy over all replications.
type Figure struct {
	Values    []float64 // one of each replication, in their order
	Mean      float64
	P5, P95   float64 // a twentieth of the replications lies below, above
	VersusNow output.Difference
}

// figure sums up a measure's values; today has the values of the same replications.
func figure(m Measure, values, today []float64, level float64) (Figure, error) {
	f := Figure{Values: values, Mean: output.Mean(values, level).Value}
	f.P5 = output.Quantile(values, 0.05, level).Value
	f.P95 = output.Quantile(values, 0.95, level).Value
	var err error
	f.VersusNow, err = difference(m, values, today, level)
	return f, err
}

// resampling makes the intervals of quantiles the same every time.
const resampling = 2847

// difference is the mean of a-b over common replications.
func difference(m Measure, a, b []float64, level float64) (output.Difference, error) {
	d, err := output.Paired(a, b, level)
	if err != nil || !m.Quantile || len(a) < 2 {
		return d, err
	}
	d.Interval, err = output.Bootstrap(len(a), func(cases []int) float64 {
		sum := 0.0
		for _, i := range cases {
			sum += a[i] - b[i]
		}
		return sum / float64(len(cases))
	}, output.Resamples, level, resampling)
	return d, err
}
