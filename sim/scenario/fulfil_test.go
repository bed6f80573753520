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
