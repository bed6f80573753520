package compare

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/sim"
	"tripcurve/sim/output"
	"tripcurve/sim/scenario"
	"tripcurve/sim/trap"
)

// Span is a stretch of a run, from its beginning on.
type Span struct{ From, To time.Duration }

// incidentOf is when something is wrong in a scenario as it is: from the first fault
// until the last one is over; the whole run where there is none.
func incidentOf(sc sim.Scenario) Span {
	if len(sc.Faults) == 0 {
		return Span{0, sc.Length}
	}
	s := Span{From: sc.Length}
	for _, f := range sc.Faults {
		from, to := f.Span(sc.Length)
		s.From, s.To = min(s.From, from), max(s.To, min(to, sc.Length))
	}
	return s
}

// night is what one run gave.
type night struct {
	failed, other, rejected, late, unanswered float64
	answered                                  map[int]float64 // 502, 503, 504
	outage, p50, p99                          float64         // s
	reads, orphans, reserves, perOrder        float64
	waiters, lost, trips, falseTrips          float64

	troubled  bool // checkouts failed
	recovery  output.Until
	restarted bool         // what ended the failing, if anything did
	opening   output.Until // of the first breaker, since the incident began
	waits     []wait

	left                       bool // orders were left to a queue
	backlog, noWayBack, undone float64
	drain                      output.Until // of the backlog, since the trigger's end

	traps []trap.Trap
}

// wait is one customer's.
type wait struct{ start, took time.Duration }

// play makes one run of a scenario and measures it over the incident.
func play(ctx context.Context, sc sim.Scenario, incident Span) (*night, error) {
	n := &night{answered: map[int]float64{}}
	first, last := sc.Length, time.Duration(0)
	res, err := scenario.Run(ctx, sc, scenario.Observers{OnCheckout: func(resp *gateway.Response) {
		start := resp.Start.Sub(sc.Start)
		n.waits = append(n.waits, wait{start, resp.Took})
		accepted := resp.Status == 201 || resp.Status == 202 // 202 leaves it to the queue
		if accepted && resp.Took <= sc.Patience {
			return
		}
		first, last = min(first, start), max(last, start+resp.Took)
		switch {
		case accepted:
			n.late++
		case resp.Rejected != "":
			n.rejected++
		case resp.Status == 502, resp.Status == 503, resp.Status == 504:
			n.answered[resp.Status]++
		default:
			n.other++
		}
	}})
	if err != nil {
		return nil, err
	}
	n.unanswered = float64(res.Unanswered(sc.Patience))
	n.failed = float64(res.Orders.Failed) + n.unanswered
	if n.unanswered > 0 {
		last = sc.Length
	}
	n.outage = max(0, last-first).Seconds()
	n.quantiles(incident)
	for _, e := range res.Endpoints {
		if e.Method == gateway.GetStock.Method() && e.Route == gateway.GetStock.Template() {
			n.reads = float64(e.Failed)
		}
	}
	n.orphans, n.waiters = float64(res.Orphans), float64(res.LockWaitersMax)
	n.reserves, n.perOrder = float64(res.ReserveCalls), res.ReserveCallsPerOrder
	for _, e := range res.Events {
		if e.Kind == "connection_dead" {
			n.lost++
		}
	}
	n.traps = trap.Find(sc, res)
	n.ending(res)
	n.breakers(res, incident)
	n.queue(res)
	return n, nil
}

// quantiles are over the checkouts begun during the incident, which is the same
// stretch for every remedy.
func (n *night) quantiles(incident Span) {
	var took []time.Duration
	for _, w := range n.waits {
		if w.start >= incident.From && w.start < incident.To {
			took = append(took, w.took)
		}
	}
	slices.Sort(took)
	n.p50, n.p99 = quantile(took, 0.5).Seconds(), quantile(took, 0.99).Seconds()
}

// quantile is the smallest of the sorted values that at least a share q of them
// does not exceed; 0 when there are none.
func quantile[V cmp.Ordered](sorted []V, q float64) (v V) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// ending says how the failing ended. A restart is not a recovery: what it ended is
// known to last until then and no more.
func (n *night) ending(res *sim.Result) {
	took, recovered, failed := res.Recovery()
	if n.troubled = failed; !failed {
		return
	}
	n.recovery = output.Until{Seconds: took.Seconds(), Censored: !recovered}
	n.recovery, n.restarted = untilRestart(res, n.recovery)
}

// untilRestart cuts off what had not happened by itself when the first restart after
// the trigger's end came, and says whether it did.
func untilRestart(res *sim.Result, u output.Until) (output.Until, bool) {
	for _, e := range res.Events {
		if e.Kind != "restart" {
			continue
		}
		if at := e.At.Sub(res.LockTo).Seconds(); at <= u.Seconds {
			return output.Until{Seconds: max(0, at), Censored: true}, true
		}
	}
	return u, false
}

// queue is what became of the orders that were left to it.
func (n *night) queue(res *sim.Result) {
	l := res.Left
	if n.left = res.Backlog != nil; !n.left {
		return
	}
	n.backlog, n.undone = float64(l.Most), float64(l.Declined+l.Failed+l.InFlight)
	inARow := 0.0
	for _, waiting := range res.Backlog {
		if inARow++; waiting == 0 {
			inARow = 0
		}
		n.noWayBack = max(n.noWayBack, inARow)
	}
	n.drain = output.Until{Seconds: l.DrainedAfter.Seconds()}
	if l.DrainedAfter < 0 {
		from := res.LockTo
		if from.IsZero() {
			from = res.Start
		}
		n.drain = output.Until{Seconds: res.Start.Add(res.Length).Sub(from).Seconds(), Censored: true}
	}
	n.drain, _ = untilRestart(res, n.drain)
}

// breakers counts what opened, and when the first one did.
func (n *night) breakers(res *sim.Result, incident Span) {
	n.opening = output.Until{Seconds: (incident.To - incident.From).Seconds(), Censored: true}
	for _, b := range res.Breakers {
		for _, c := range b.Changes {
			at := c.At.Sub(res.Start)
			if c.State != policy.Open || at < incident.From || at > incident.To {
				continue
			}
			n.trips++
			if after := (at - incident.From).Seconds(); after < n.opening.Seconds || n.opening.Censored && after == n.opening.Seconds {
				n.opening = output.Until{Seconds: after}
			}
		}
	}
}
