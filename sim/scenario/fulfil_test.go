package scenario

import (
	"context"
	"testing"
	"time"

	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// The postmortem: the jobs of orders that were paid before the trigger all ship.
func TestWhatWasPaidShipsDuringTheIncident(t *testing.T) {
	r := runOf(t, INC2847(), Observers{})
	accepted := r.Orders.Served + r.Orders.Late
	if f := r.Fulfilment; f.Failed != 0 || f.Paid != accepted || f.Shipped != f.Paid || f.Paid == 0 {
		t.Errorf("%+v of %d accepted orders", f, accepted)
	}
}

// Nobody loses a parcel when whoever handles it dies, every 20 s: the processor,
// the shop, the worker and the warehouse in turn.
func TestWhatWasPaidShipsThroughRestarts(t *testing.T) {
	sc := Healthy()
	services := []string{"payment", "order", "fulfillment", "warehouse"}
	for i := range 80 {
		sc.Faults = append(sc.Faults, sim.RestartService{At: time.Duration(20*i+7) * time.Second, Service: services[i%len(services)]})
	}
	r := runOf(t, sc, Observers{})
	if f := r.Fulfilment; f.Failed != 0 || f.Shipped != f.Paid || f.Paid < 1000 {
		t.Errorf("%+v", f)
	}
}

// Without anybody who works on the queue the orders that were paid before the
// trigger count as failed, and those of the last half minute do not.
func TestWhatIsNotShippedIsCounted(t *testing.T) {
	r := newRun(INC2847(), Observers{})
	defer r.w.Close()
	if err := r.build(); err != nil {
		t.Fatal(err)
	}
	r.schedule()
	pass := func(until time.Duration) {
		if err := r.w.K.Run(context.Background(), vtime.Time(until)); err != nil {
			t.Fatal(err)
		}
	}
	pass(2 * time.Minute)
	r.back.worker.Kill()
	shipped := r.back.count().Shipped
	pass(r.sc.Length)
	f := r.back.count()
	if f.Shipped != shipped || f.Failed < 100 || f.Paid < f.Shipped+f.Failed+100 {
		t.Errorf("%+v, %d shipped after 2 min", f, shipped)
	}
	if jobs := r.back.queue.Count(order.FulfillmentJob); jobs.Left() != f.Paid-f.Shipped {
		t.Errorf("jobs %+v; %+v", jobs, f)
	}
}

// The hundred orphans of the incident go back a reservation's time and at most a
// sweep after they were made, and what was sold stays so: without the sweeper
// nothing goes back, and without the word of what was sold everything would.
func TestOrphansAreSwept(t *testing.T) {
	today := runOf(t, INC2847(), Observers{})
	if today.Orphans != 100 || today.OrphansSwept != 0 {
		t.Errorf("%d orphans, %d swept, although nobody sweeps", today.Orphans, today.OrphansSwept)
	}
	sc := INC2847()
	sc.World.Sweep = time.Minute
	r := newRun(sc, Observers{})
	defer r.w.Close()
	if err := r.build(); err != nil {
		t.Fatal(err)
	}
	r.schedule()
	left := func(until time.Duration) (n int) {
		if err := r.w.K.Run(context.Background(), vtime.Time(until)); err != nil {
			t.Fatal(err)
		}
		named := r.orders.Reservations()
		for _, v := range r.stock.Reserved() {
			if !named[v.ID] && !v.Returned() {
				n++
			}
			if named[v.ID] && v.Returned() {
				t.Errorf("reservation %s of an order was put back", v.ID)
			}
		}
		return n
	}
	lockEnd := 9*time.Minute + time.Second
	if n := left(lockEnd + sc.World.ReservationTTL - time.Second); n != 100 {
		t.Errorf("%d orphans before they expire", n)
	}
	if n := left(lockEnd + sc.World.ReservationTTL + sc.World.Sweep + time.Second); n != 0 {
		t.Errorf("%d orphans after a sweep", n)
	}
	left(sc.Length)
	if res := r.result(); res.OrphansSwept != res.Orphans || res.Orphans < 100 || res.Fulfilment.Failed != 0 {
		t.Errorf("%d orphans, %d swept, %+v", res.Orphans, res.OrphansSwept, res.Fulfilment)
	}
	if err := r.stock.Err(); err != nil {
		t.Error(err)
	}
}
