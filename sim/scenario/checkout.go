package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tripcurve/services/order"
	"tripcurve/services/payment"
	"tripcurve/services/pb"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// refreshEvery is how often a replica of order looks whether another one was told to
// take orders differently.
const refreshEvery = time.Second

// leaves says whether orders are ever left to the queue in a scenario. In any other
// nobody works on them, and its run is as if there were no such thing.
func leaves(sc sim.Scenario) bool {
	return sc.Checkout == order.Async || slices.ContainsFunc(sc.Faults, func(f sim.Fault) bool {
		s, ok := f.(sim.SwitchCheckout)
		return ok && s.To == order.Async
	})
}

// till is the payment service. Who pays is served by the processor, whose draws are
// its own: what is paid changes nothing of what is asked for.
type till struct {
	*payment.Server
	back *backOffice
}

// ConfirmIntent is the shop's queue paying with what the customer gave at checkout.
func (t *till) ConfirmIntent(ctx context.Context, in *pb.ConfirmIntentRequest) (*pb.ConfirmIntentResponse, error) {
	return t.back.processor.ConfirmIntent(ctx, in)
}

// switchCheckout is the process of somebody who switches how orders are taken.
func (r *run) switchCheckout(f sim.SwitchCheckout) {
	ctx, shop := vtime.Detached(context.Background()), r.fleet.next().server
	var err error
	if f.Drain {
		r.event("checkout", fmt.Sprintf("no checkouts are taken while %d accepted orders are done", r.back.queue.Count(order.CheckoutJob).Left()))
		err = shop.Drain(ctx)
	} else {
		err = shop.Switch(ctx, f.To)
	}
	var left *order.InFlightError
	switch {
	case err == nil:
		r.rec.res.Left.Switched = r.w.Now()
		r.event("checkout", fmt.Sprintf("checkouts are %s from now on", f.To))
	case errors.As(err, &left):
		r.rec.res.Left.Refused = left.Orders
		r.event("checkout", fmt.Sprintf("the switch to %s was refused: %s", f.To, left))
	default:
		r.failure = errors.Join(r.failure, err)
	}
}

// left is what became of the orders that were left to the queue.
func (r *run) left() sim.Left {
	l, jobs := r.rec.res.Left, r.back.queue.Count(order.CheckoutJob)
	l.Accepted, l.Declined = r.orders.Left(), r.orders.Declined()
	l.Failed, l.InFlight = jobs.Failed, jobs.Left()
	l.DrainedAfter = -1
	if r.rec.res.Backlog == nil {
		return l
	}
	from := 0
	if to := r.rec.res.LockTo; !to.IsZero() {
		from = int(to.Sub(r.rec.res.Start) / time.Second)
	}
	for i, n := range r.rec.res.Backlog {
		l.Most = max(l.Most, n)
		if n == 0 && i >= from && l.DrainedAfter < 0 {
			l.DrainedAfter = time.Duration(i-from) * time.Second
		}
	}
	return l
}
