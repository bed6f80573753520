// Package scenario is the bundled runs: the order pipeline of services/, its
// real handlers, in virtual time, on the night of INC-2847 and on a healthy day.
package scenario

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// Seed is the bundled run's. It is the first one, counting from 1, whose run has
// the incident's own numbers: 1,247 orders answered 502 to within 1 %, the pool
// full after 45 s to within 2 %, and a checkout that began within the second of
// the trigger. findseed.go looks for it again; the mean and the range over
// other seeds are printed beside every result, so that nobody takes a chosen seed
// for a law.
const Seed = 68

// INC2847 is the incident as reconstructed: a migration holds SHARE on
// stock_reservations for 240 s, nobody has a deadline or a keepalive, and the
// balancer between order and inventory drops the flow on which nothing moves.
func INC2847() sim.Scenario {
	sc := Healthy()
	sc.Name = "inc-2847"
	sc.Seed = Seed
	sc.Faults = []sim.Fault{
		sim.LockTable{
			At: 5*time.Minute + time.Second, Hold: 240 * time.Second, // 14:23:01 to 14:27:01
			Table: "stock_reservations", Mode: pglock.Share, PID: 48291, User: "migrator",
			Statement: "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)",
		},
		sim.RestartService{At: 28*time.Minute + 18*time.Second, Service: "order"}, // 14:46:18
	}
	return sc
}

// Healthy is the same pipeline and load with no fault.
func Healthy() sim.Scenario {
	return sim.Scenario{
		Name: "healthy", Seed: Seed,
		Start: time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC), Length: 34 * time.Minute,
		Checkouts:      sim.Ramp{From: 0.96, To: 0.83},
		InventoryReads: sim.Ramp{From: 2, To: 2},
		OrderReads:     sim.Ramp{From: 5, To: 5},
		Patience:       10 * time.Second,
		Edges:          Edges(),
		World: sim.World{
			NetworkDelay: 300 * time.Microsecond,
			PoolSize:     100, StreamQuota: 100,
			IdleDrop:      60 * time.Second,
			StatementTime: 1500 * time.Microsecond,
			StockPerSKU:   5000, SKUs: 24,
			ReservationTTL: 15 * time.Minute,
		},
		Assumed: assumed,
	}
}

// assumed are the values that the postmortem does not give.
var assumed = []string{
	"the date, and that its clock is UTC",
	"arrivals: checkouts fall from 0.96 to 0.83 per second, 2 reads of stock and 5 of orders per second, Poisson",
	"gateway: 3 tries of 10 s for a checkout, one try of 30 s for the rest; an abandoned try leaves its call running",
	"order to inventory: one connection without TCP keepalive, whose balancer drops flows idle for 60 s and tells neither end",
	"inventory: a pool of 100 Postgres connections, max_connections 200; a statement takes 1.5 ms on average",
	"customers wait 10 s; a later answer does not count as served",
	"grpc.client.duration was recorded by the gateway's tracer over all tries",
	"the 24 hours before, which are drawn and not simulated",
}

// Edges is the policy of every edge on that night.
func Edges() policy.Edges {
	one := policy.Policy{Timeout: 30 * time.Second, Retry: policy.Retry{Attempts: 1}}
	return policy.Edges{
		"gateway.order":         {Timeout: 10 * time.Second, Retry: policy.Retry{Attempts: 3}},
		"gateway.order_read":    one,
		"gateway.inventory":     one,
		"gateway.payment":       one,
		"order.inventory":       {},
		"order.payment":         {},
		"inventory.postgres":    {},
		"fulfillment.warehouse": {},
	}
}

// ByName is a bundled scenario; false when there is none of that name.
func ByName(name string) (sim.Scenario, bool) {
	for _, sc := range []sim.Scenario{INC2847(), Healthy()} {
		if sc.Name == name {
			return sc, true
		}
	}
	return sim.Scenario{}, false
}

// Names are the bundled scenarios.
func Names() []string { return []string{"inc-2847", "healthy"} }

// IsIncident says in what a run's numbers differ from those of the incident; nil
// when they are within 1 % (orders), 2 % (the time until the pool was full) or
// equal (all else).
func IsIncident(r *sim.Result) error {
	at := func(min, sec int) time.Time { return time.Date(2026, 1, 15, 14, min, sec, 0, time.UTC) }
	switch {
	case !within(float64(r.Orders.Answered502), 1247, 0.01):
		return fmt.Errorf("%d orders answered 502, not 1,247", r.Orders.Answered502)
	case !within(r.PoolFullAfter.Seconds(), 45, 0.02):
		return fmt.Errorf("pool full after %s, not 45 s", r.PoolFullAfter)
	case !r.First502Started.Truncate(time.Second).Equal(at(23, 1)):
		return fmt.Errorf("first 502 started at %s", r.First502Started)
	case !r.Last502Ended.Truncate(time.Second).Equal(at(46, 18)):
		return fmt.Errorf("last 502 ended at %s", r.Last502Ended)
	case !r.LockFrom.Equal(at(23, 1)) || !r.LockTo.Equal(at(27, 1)):
		return fmt.Errorf("lock held from %s to %s", r.LockFrom, r.LockTo)
	case r.LockWaitersMax != 100 || r.Orphans != 100 || r.DeadlineExceeded != 0:
		return fmt.Errorf("%d lock waiters, %d orphans, %d DEADLINE_EXCEEDED", r.LockWaitersMax, r.Orphans, r.DeadlineExceeded)
	}
	return nil
}

func within(got, want, share float64) bool { return math.Abs(got-want) <= share*want }
