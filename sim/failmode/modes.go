package failmode

import (
	"fmt"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/sim"
)

// back is how long after a fault's end checkouts may fail yet: one open time of the
// breaker, and the call that follows it.
const back = 40 * time.Second

// Modes are the failure modes, in the order in which they are shown.
func Modes() []Mode {
	return []Mode{
		{
			ID: "partial_reservation", Name: "2 of 3 items reserved, then a timeout",
			Happens:   "for 3 min every item of a cart takes 2.2 s longer: a cart of three is given up during its third",
			Criterion: "no stock stays reserved for an order that does not exist",
			Guards:    []Guard{OneTransaction, CancelBelow},
			nights:    one(8*time.Minute, sim.SlowReserve{At: time.Minute, For: 3 * time.Minute, By: 2200 * time.Millisecond}),
			judge: func(_ []sim.Scenario, rs []*sim.Result) Finding {
				return atMost(rs[0].Orphans, 0, "reservation without an order", "reservations without an order")
			},
		},
		{
			ID: "last_item", Name: "many buyers, one last item",
			Happens:   "thirty customers check out at the same instant, and there is one piece; twenty nights",
			Criterion: "never more than one is sold, and nobody is answered 5xx",
			Guards:    []Guard{SkipLocked},
			nights:    lastItem,
			judge:     judgeLastItem,
		},
		{
			ID: "flapping", Name: "recovers, and fails again in half-open",
			Happens:   "four locks of 60 s with 30 s between them: probes fail, one closes the breaker, and it begins anew",
			Criterion: fmt.Sprintf("checkouts succeed again within %.0f s of the last", back.Seconds()),
			Guards:    []Guard{HalfOpen},
			nights:    one(10*time.Minute, flaps()...),
			judge: func(sc []sim.Scenario, rs []*sim.Result) Finding {
				f := within(sc[0], rs[0])
				again := reopened(rs[0])
				f.Pass = f.Pass && again > 0 // else it did not happen
				f.Measured += fmt.Sprintf(", %s failed before", things(again, "probe", "probes"))
				return f
			},
		},
		{
			ID: "clock_skew", Name: "client and server disagree about the time",
			Happens:   "order's clock is 4 min ahead; a lock of 60 s. The same night with a right clock is beside it",
			Criterion: "as many checkouts are served, calls timed out and orders paid as with a right clock",
			Guards:    []Guard{RelativeDeadline, WebhookTolerance},
			nights:    skewed,
			judge:     judgeSkew,
		},
		{
			ID: "retry_storm", Name: "a storm of retries",
			Happens:   "a lock of 2 min, and every customer who fails comes back twice, 3 s later",
			Criterion: fmt.Sprintf("checkouts succeed again within %.0f s of it, and at most one call for two of them reached inventory meanwhile", back.Seconds()),
			Guards:    []Guard{RetryBudget, OpenRejects},
			nights: func(base sim.Scenario) []sim.Scenario {
				base.Retries = sim.CustomerRetries{Times: 2, After: 3 * time.Second}
				return one(8*time.Minute, lock(time.Minute, 2*time.Minute))(base)
			},
			judge: func(sc []sim.Scenario, rs []*sim.Result) Finding {
				f := within(sc[0], rs[0])
				calls := rs[0].ReserveCallsPerOrder
				f.Pass = f.Pass && calls <= 0.5
				f.Measured += fmt.Sprintf(", %.2f calls per checkout", calls)
				return f
			},
		},
		{
			ID: "slow_dependency", Name: "slow, and not failing",
			Happens:   "for 5 min every item of a cart takes 1 s longer: reservations of 1 to 3 s, within every limit",
			Criterion: "every checkout is served, and no breaker opens",
			Guards:    []Guard{Threshold},
			nights:    one(8*time.Minute, sim.SlowReserve{At: time.Minute, For: 5 * time.Minute, By: time.Second}),
			judge: func(_ []sim.Scenario, rs []*sim.Result) Finding {
				return atMost(rs[0].Orders.Failed+len(rs[0].Breakers), 0, "checkout failed or breaker opened", "checkouts failed or breakers opened")
			},
		},
		{
			ID: "hung_probe", Name: "a probe that hangs",
			Happens:   "a lock of 240 s: every probe of the breaker hangs",
			Criterion: fmt.Sprintf("checkouts succeed again within %.0f s of it, and no probe that was given up still holds a stream at its end", back.Seconds()),
			Guards:    []Guard{CallTimeout, CancelBelow},
			nights:    one(9*time.Minute, lock(time.Minute, 4*time.Minute)),
			judge: func(sc []sim.Scenario, rs []*sim.Result) Finding {
				f := within(sc[0], rs[0])
				kept := rs[0].StreamsInUse[5*60-2]
				f.Pass = f.Pass && kept <= 1 // a probe may be under way
				f.Measured += fmt.Sprintf(", %s kept", things(kept, "stream", "streams"))
				return f
			},
		},
		{
			ID: "herd", Name: "a herd of probes across replicas",
			Happens:   "8 replicas of order, 40 checkouts/s, a lock of 100 s: all breakers opened at once, and probe at once",
			Criterion: fmt.Sprintf("checkouts succeed again within %.0f s of it", back.Seconds()),
			Guards:    []Guard{HalfOpen, CancelBelow},
			nights: func(base sim.Scenario) []sim.Scenario {
				base.World.OrderReplicas = 8
				base.Checkouts = sim.Ramp{From: 40, To: 40}
				base.World.StockPerSKU = 50_000
				return one(4*time.Minute, lock(30*time.Second, 100*time.Second))(base)
			},
			judge: func(sc []sim.Scenario, rs []*sim.Result) Finding { return within(sc[0], rs[0]) },
		},
		{
			ID: "orphans_swept", Name: "orphan reservations",
			Happens:   "reservations take 2 s longer, and the connection dies with their answers on it; they expire after 3 min",
			Criterion: "some lost their order, and all their stock is back 4 min later",
			Guards:    []Guard{Sweeper},
			nights: func(base sim.Scenario) []sim.Scenario {
				base.World.ReservationTTL = 3 * time.Minute
				base.Checkouts = sim.Ramp{From: 10, To: 10}
				sc := one(9*time.Minute,
					sim.SlowReserve{At: time.Minute, For: 30 * time.Second, By: 2 * time.Second},
					sim.BlackHole{At: 80 * time.Second},
					sim.RestartService{At: 95 * time.Second, Service: "order"})(base)
				return sc
			},
			judge: func(_ []sim.Scenario, rs []*sim.Result) Finding {
				r := rs[0]
				left := r.Orphans - r.OrphansSwept
				return Finding{Pass: r.Orphans > 0 && left == 0, Figure: float64(left), Measured: fmt.Sprintf("%d of %d never swept", left, r.Orphans)}
			},
		},
		{
			ID: "down_an_hour", Name: "inventory down for an hour",
			Happens:   "a lock of an hour",
			Criterion: fmt.Sprintf("checkouts succeed again within %.0f s of it", back.Seconds()),
			Guards:    []Guard{OpenRejects, CancelBelow},
			nights:    one(68*time.Minute, lock(2*time.Minute, time.Hour)),
			judge:     func(sc []sim.Scenario, rs []*sim.Result) Finding { return within(sc[0], rs[0]) },
		},
		{
			ID: "hang_in_payment", Name: "the same hang, in payment",
			Happens:   "for 4 min what payment begins takes 5 min",
			Criterion: fmt.Sprintf("half of the customers are answered within 10 s, checkouts succeed again within %.0f s of it, and ten of them reserve eleven times at most", back.Seconds()),
			Guards:    []Guard{CallTimeout, OpenRejects},
			nights:    one(9*time.Minute, hang("payment")),
			judge:     judgePayment,
		},
		{
			ID: "hang_in_warehouse", Name: "the same hang, in warehouse",
			Happens:   "for 4 min what warehouse begins takes 5 min",
			Criterion: "no checkout fails, and every order that was paid is shipped once, 9 min after it",
			Guards:    []Guard{Queued},
			nights:    one(14*time.Minute, hang("warehouse")),
			judge: func(_ []sim.Scenario, rs []*sim.Result) Finding {
				r := rs[0]
				bad := r.Orders.Failed + r.Fulfilment.Failed
				return Finding{
					Pass: bad == 0, Figure: float64(bad),
					Measured: fmt.Sprintf("%s, %d of %d shipped", things(r.Orders.Failed, "checkout failed", "checkouts failed"), r.Fulfilment.Shipped, r.Fulfilment.Paid),
				}
			},
		},
	}
}

// hang makes every statement of a service, 1.5 ms on average, take minutes.
func hang(service string) sim.SlowService {
	return sim.SlowService{At: time.Minute, For: 4 * time.Minute, Service: service, Factor: 200_000}
}

// judgePayment looks at the waits until checkouts are well again, and at how often
// each reserved.
func judgePayment(sc []sim.Scenario, rs []*sim.Result) Finding {
	r := rs[0]
	f := within(sc[0], r)
	f.Pass = f.Pass && r.Waits.P50 <= 10*time.Second && r.ReserveCallsPerOrder <= 1.1
	f.Measured = fmt.Sprintf("half wait %s or less, %s, %.1f reservations per checkout", seconds(r.Waits.P50), f.Measured, r.ReserveCallsPerOrder)
	return f
}

// lock is the migration's, for so long.
func lock(at, hold time.Duration) sim.LockTable {
	return sim.LockTable{
		At: at, Hold: hold, Table: "stock_reservations", Mode: pglock.Share, PID: 48291, User: "migrator",
		Statement: "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)",
	}
}

func flaps() (fs []sim.Fault) {
	for i := range 4 {
		l := lock(time.Minute+time.Duration(i)*90*time.Second, time.Minute)
		l.PID += i
		fs = append(fs, l)
	}
	return fs
}

// one is a night of so long with these faults.
func one(length time.Duration, faults ...sim.Fault) func(sim.Scenario) []sim.Scenario {
	return func(base sim.Scenario) []sim.Scenario {
		base.Length, base.Faults = length, faults
		return []sim.Scenario{base}
	}
}

// lastItem is twenty nights in which thirty customers want the same piece.
func lastItem(base sim.Scenario) (nights []sim.Scenario) {
	base.Length = 40 * time.Second
	base.World.SKUs, base.World.StockPerSKU = 1, 1
	for range 30 {
		base.Arrivals = append(base.Arrivals, sim.Arrival{At: 5 * time.Second, Route: gateway.PostOrder})
	}
	for i := range uint64(20) {
		sc := base
		sc.Seed += i
		nights = append(nights, sc)
	}
	return nights
}

func judgeLastItem(_ []sim.Scenario, rs []*sim.Result) Finding {
	sold, twice, failed := 0, 0, 0
	for _, r := range rs {
		n := r.Orders.Served + r.Orders.Late
		sold += n
		if n > 1 {
			twice++
		}
		failed += r.Orders.Answered502 + r.Orders.Answered503 + r.Orders.Answered504
	}
	return Finding{
		Pass: twice == 0 && failed == 0 && sold > 0, Figure: float64(twice),
		Measured: fmt.Sprintf("%d sold in %d nights, twice in %d, %d 5xx", sold, len(rs), twice, failed),
	}
}

// skewed is a night with order's clock ahead, and one with it right.
func skewed(base sim.Scenario) []sim.Scenario {
	right := one(6*time.Minute, lock(time.Minute, time.Minute))(base)[0]
	wrong := right
	wrong.World.OrderAhead = 4 * time.Minute
	return []sim.Scenario{wrong, right}
}

func judgeSkew(_ []sim.Scenario, rs []*sim.Result) Finding {
	wrong, right := rs[0], rs[1]
	off := abs(wrong.Orders.Served-right.Orders.Served) + abs(wrong.DeadlineExceeded-right.DeadlineExceeded) + abs(wrong.Fulfilment.Paid-right.Fulfilment.Paid)
	return Finding{
		Pass: off == 0, Figure: float64(off),
		Measured: fmt.Sprintf("served %d and %d, paid %d and %d", wrong.Orders.Served, right.Orders.Served, wrong.Fulfilment.Paid, right.Fulfilment.Paid),
	}
}

// within says how long after the last fault checkouts succeed again, which may be at
// most back.
func within(sc sim.Scenario, r *sim.Result) Finding {
	end := time.Duration(0)
	for _, f := range sc.Faults {
		_, to := f.Span(sc.Length)
		end = max(end, to)
	}
	if r.RecoveredAt.IsZero() {
		left := r.Length - end
		if r.Orders.Failed == 0 {
			return Finding{Pass: true, Measured: "nothing failed"}
		}
		return Finding{Figure: left.Seconds(), Measured: fmt.Sprintf("not back after %.0f s", left.Seconds())}
	}
	took := max(0, r.RecoveredAt.Sub(r.Start)-end)
	return Finding{Pass: took <= back, Figure: took.Seconds(), Measured: fmt.Sprintf("back after %.0f s", took.Seconds())}
}

// reopened counts the probes after which a breaker opened again.
func reopened(r *sim.Result) (n int) {
	for _, b := range r.Breakers {
		for i, c := range b.Changes {
			if i > 0 && c.State == policy.Open && b.Changes[i-1].State == policy.HalfOpen {
				n++
			}
		}
	}
	return n
}

// atMost is a count that may not be larger.
func atMost(n, most int, singular, plural string) Finding {
	return Finding{Pass: n <= most, Figure: float64(n), Measured: things(n, singular, plural)}
}

// seconds is a duration with what matters of it: "12 ms", "30 s".
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

func things(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}

func abs(n int) int { return max(n, -n) }
