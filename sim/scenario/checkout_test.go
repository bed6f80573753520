package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/order"
	"tripcurve/sim"
)

func asynchronous() sim.Scenario {
	sc := INC2847()
	sc.Checkout = order.Async
	return sc
}

// The queue takes the customers out of the incident, and nothing more: its ten
// workers hang on the dead connection as the customers did, until the restart.
func TestAsynchronousCheckoutMovesTheWait(t *testing.T) {
	r := runOf(t, asynchronous(), Observers{})
	if r.Orders.Failed != 0 || r.Waits.Max > time.Second || r.PoolFullAfter != -1 {
		t.Errorf("%d orders failed, the longest wait %s, pool full after %s; want none, hardly any and never", r.Orders.Failed, r.Waits.Max, r.PoolFullAfter)
	}
	l := r.Left
	if l.Accepted != r.Orders.Started || l.InFlight+l.Failed+l.Declined != 0 || r.Fulfilment.Shipped != l.Accepted {
		t.Errorf("%+v of %d orders, %d shipped; want all of them", l, r.Orders.Started, r.Fulfilment.Shipped)
	}
	if r.LockWaitersMax != 10 || r.Orphans != 10 {
		t.Errorf("%d waiters, %d orphans, want the ten workers' of both", r.LockWaitersMax, r.Orphans)
	}
	restart := 23*time.Minute + 17*time.Second - 240*time.Second // after the lock's end
	if l.Most < 1200 || l.DrainedAfter < restart || l.DrainedAfter > restart+20*time.Second {
		t.Errorf("backlog of %d, drained after %s; want some 1,250 and the restart after %s", l.Most, l.DrainedAfter, restart)
	}
}

// With a deadline or a caller whose end is told, the workers come back when the lock goes.
func TestAsynchronousCheckoutDrainsWhereCallsEnd(t *testing.T) {
	for name, change := range map[string]func(*policy.Policy){
		"deadline":  func(p *policy.Policy) { p.Deadline = 5 * time.Second },
		"propagate": func(p *policy.Policy) { p.Cancel = policy.Propagate },
	} {
		sc := asynchronous()
		for edge, p := range sc.Edges {
			change(&p)
			sc.Edges[edge] = p
		}
		r := runOf(t, sc, Observers{})
		// A job that failed four times waits 256 s.
		if l := r.Left; l.InFlight != 0 || l.Most > 300 || l.DrainedAfter > 290*time.Second || r.Orders.Failed != 0 {
			t.Errorf("%s: %+v, %d orders failed", name, l, r.Orders.Failed)
		}
	}
}

func TestTheWayBackFromAsynchronousCheckout(t *testing.T) {
	at := 10 * time.Minute // 59 s after the lock has gone, the connection dead
	sc := asynchronous()
	sc.Faults = append(sc.Faults, sim.SwitchCheckout{At: at, To: order.Sync})
	r := runOf(t, sc, Observers{})
	if r.Left.Refused != r.Backlog[at/time.Second-1] || r.Left.Refused < 200 || !r.Left.Switched.IsZero() {
		t.Errorf("refused for %d orders of a backlog of %d; switched at %s", r.Left.Refused, r.Backlog[at/time.Second-1], r.Left.Switched)
	}
	if r.Orders.Answered503 != 0 || r.Left.Accepted != r.Orders.Started {
		t.Errorf("%d answered 503, %d accepted after the refusal, want none and all", r.Orders.Answered503, r.Left.Accepted)
	}

	sc.Faults[len(sc.Faults)-1] = sim.SwitchCheckout{At: at, To: order.Sync, Drain: true}
	r = runOf(t, sc, Observers{})
	restart := sc.Start.Add(28*time.Minute + 18*time.Second)
	if late := r.Left.Switched.Sub(restart); late < 0 || late > 30*time.Second {
		t.Errorf("drained %s after the restart", late)
	}
	if r.Orders.Answered503 < 900 || r.Orders.Answered503 != r.Orders.Failed || r.Left.InFlight != 0 {
		t.Errorf("%d answered 503, %d failed, %d in flight", r.Orders.Answered503, r.Orders.Failed, r.Left.InFlight)
	}
	if r.Left.Accepted+r.Orders.Answered503 >= r.Orders.Started {
		t.Errorf("%d accepted and %d turned away of %d: none came synchronously in the end", r.Left.Accepted, r.Orders.Answered503, r.Orders.Started)
	}
	n := slices.IndexFunc(r.Events, func(e sim.Event) bool { return e.Kind == "checkout" })
	if n < 0 || !strings.Contains(r.Events[n].Text, "no checkouts are taken while") {
		t.Errorf("events %v", r.Events)
	}
}

// A shop that switches on a healthy day, there and back, loses nobody.
func TestSwitchingOnAHealthyDay(t *testing.T) {
	sc := Healthy()
	for i := range 16 {
		to := []order.Mode{order.Async, order.Sync}[i%2]
		sc.Faults = append(sc.Faults, sim.SwitchCheckout{At: time.Duration(i+1) * 2 * time.Minute, To: to, Drain: to == order.Sync})
	}
	r := runOf(t, sc, Observers{})
	if l := r.Left; l.InFlight+l.Failed+l.Declined != 0 || l.Accepted < r.Orders.Started/3 || l.Accepted > 2*r.Orders.Started/3 {
		t.Errorf("%+v of %d orders", l, r.Orders.Started)
	}
	if turned := r.Orders.Failed; turned > 16 || turned != r.Orders.Answered503 {
		t.Errorf("%d orders failed, %d answered 503; a drain takes a second", turned, r.Orders.Answered503)
	}
}

// Nobody's order is lost or shipped twice when the shop, which works on the queue,
// or somebody whom it calls dies, every 20 s.
func TestAcceptedOrdersSurviveRestarts(t *testing.T) {
	sc := Healthy()
	sc.Checkout = order.Async
	services := []string{"order", "inventory", "order", "payment"}
	for i := range 80 {
		sc.Faults = append(sc.Faults, sim.RestartService{At: time.Duration(20*i+7) * time.Second, Service: services[i%len(services)]})
	}
	r := runOf(t, sc, Observers{})
	if l := r.Left; l.InFlight+l.Failed+l.Declined != 0 || r.Fulfilment.Shipped != l.Accepted || l.Accepted < 1500 {
		t.Errorf("%+v, %+v", l, r.Fulfilment)
	}
}

func TestWhatIsOutOfStockIsDeclinedLater(t *testing.T) {
	sc := Healthy()
	sc.Checkout, sc.World.StockPerSKU = order.Async, 20
	r := runOf(t, sc, Observers{})
	if l := r.Left; l.Declined < l.Accepted/2 || l.Accepted != r.Orders.Served || r.Fulfilment.Shipped != l.Accepted-l.Declined {
		t.Errorf("%+v of %d served, %d shipped", l, r.Orders.Served, r.Fulfilment.Shipped)
	}
}

func TestCheckoutModesThatThereAreNot(t *testing.T) {
	for want, change := range map[string]func(*sim.Scenario){
		`checkout mode "later": expected sync or async`:                    func(sc *sim.Scenario) { sc.Checkout = "later" },
		`switch of the checkout: checkout mode "": expected sync or async`: func(sc *sim.Scenario) { sc.Faults = []sim.Fault{sim.SwitchCheckout{}} },
		`switch of the checkout to async: only a switch to sync drains`:    func(sc *sim.Scenario) { sc.Faults = []sim.Fault{sim.SwitchCheckout{To: order.Async, Drain: true}} },
	} {
		sc := Healthy()
		change(&sc)
		if _, err := Run(t.Context(), sc, Observers{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
