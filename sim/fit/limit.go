package fit

import (
	"fmt"
	"time"

	"tripcurve/internal/incident"
)

// limit is what ended the requests that failed, as far as their times tell.
type limit struct {
	took  time.Duration // at which most of them ended; 0 where they ended at any time
	share float64       // of them, 0..1
	n     int64         // requests that failed and whose time is known
	p50   time.Duration // of all that failed
}

func (l limit) String() string {
	if l.n == 0 {
		return "no time of a failed request is known"
	}
	if l.took == 0 {
		return fmt.Sprintf("%s, half of them within %s and no time that is common to most", things(float64(l.n), "failed request", "failed requests"), duration(l.p50.Round(time.Millisecond)))
	}
	return fmt.Sprintf("%s of %s after %s", percent(l.share), things(float64(l.n), "failed request", "failed requests"), duration(l.took))
}

const (
	common   = 0.5  // of those that failed ended together: a limit
	together = 1.03 // times as long at most
	longer   = 3    // times the usual p99: they waited for it
	waited   = 50 * time.Millisecond
)

// waits says that requests waited for the limit, and did not fail at once.
func (l limit) waits(usual incident.Sketch) bool {
	return l.took >= waited && l.took >= longer*middle(usual, 0.5) && l.took > middle(usual, 0.99)
}

// limitOf finds the time at which most of the requests of an endpoint ended that
// failed.
func (r *recording) limitOf(e *endpoint) limit {
	s := r.took(incident.Window{From: r.troubled().From.Truncate(coarse), To: r.window.To.Add(coarse)}, func(l *incident.Latency) bool { return l.Endpoint == e.Endpoint && l.Failed() })
	l := limit{n: count(s)}
	if l.n == 0 {
		return l
	}
	l.p50 = middle(s, 0.5)
	const steps = 200
	var at [steps]incident.Quantile
	for i := range at {
		at[i] = s.Quantile((float64(i) + 0.5) / steps)
	}
	best, most := 0, 0
	for i, j := 0, 0; i < steps; i++ {
		for j < steps && float64(at[j].Lo) <= together*float64(at[i].Lo) {
			j++
		}
		if j-i > most {
			best, most = i+(j-i)/2, j-i
		}
	}
	l.share = float64(most) / steps
	if l.share >= common {
		l.took = round(at[best])
	}
	return l
}

// coarse is the widest interval of latencies, outside of incidents.
const coarse = time.Minute

// round is the roundest time that a quantile leaves possible: limits are set by people.
func round(q incident.Quantile) time.Duration {
	lo, hi := q.Lo, q.Hi
	for _, unit := range []time.Duration{10 * time.Second, 5 * time.Second, time.Second, 500 * time.Millisecond, 100 * time.Millisecond, 50 * time.Millisecond, 10 * time.Millisecond, 5 * time.Millisecond} {
		if n := (hi + unit/100).Truncate(unit); n > 0 && n >= lo-lo/100 {
			return n
		}
	}
	return (lo + (hi-lo)/2).Round(time.Millisecond)
}
