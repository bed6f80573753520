package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// The kinds of the jobs in the order database's queue.
const (
	CheckoutJob    = "checkout"    // does what an order that was accepted still lacks
	FulfillmentJob = "fulfillment" // ships one that is paid
)

// JobKinds are all of them.
func JobKinds() []string { return []string{CheckoutJob, FulfillmentJob} }

// JobArgs is what a job of either kind is told.
type JobArgs struct {
	OrderID string `json:"orderId"`
}

// ReadJob is what a job of that kind was told.
func ReadJob(kind string, args []byte) (a JobArgs, err error) {
	if err = json.Unmarshal(args, &a); err != nil {
		err = fmt.Errorf("%s job: %w", kind, err)
	}
	return a, err
}

// leave queues a job for an order.
func (s *Server) leave(ctx context.Context, kind string, o Order) error {
	args, err := json.Marshal(JobArgs{OrderID: o.ID})
	if err != nil {
		return fmt.Errorf("%s job of order %s: %w", kind, o.ID, err)
	}
	return s.jobs.Enqueue(ctx, host.Job{Kind: kind, Args: args, Unique: true})
}

// fulfill queues the fulfilment of an order.
func (s *Server) fulfill(ctx context.Context, o Order) error {
	if s.jobs == nil {
		return nil
	}
	return s.leave(ctx, FulfillmentJob, o)
}

// Words of answers that are no failures of anybody's.
const (
	outOfStock = "out_of_stock"
	// checkoutClosed is a checkout that is not taken, for those before it are drained.
	checkoutClosed = "checkout_closed"
)

// accept stores an order and leaves the rest to the queue, in one transaction.
// ErrSync when checkouts are synchronous after all.
func (s *Server) accept(ctx context.Context, in *pb.CheckoutRequest, cart Cart) (*pb.CheckoutResponse, error) {
	stored, err := s.store.Accept(ctx, s.place(in, cart, Accepted), func(ctx context.Context, o Order) error {
		return s.leave(ctx, CheckoutJob, o)
	})
	switch {
	case err == nil:
		return answer(&stored)
	case errors.Is(err, ErrSync):
		return nil, err
	case errors.Is(err, ErrClosed):
		return nil, status.Error(codes.Unavailable, checkoutClosed)
	}
	return nil, s.storeFailed(err)
}

// Process does one CheckoutJob: it reserves the stock of an accepted order, makes its
// payment intent and confirms that with the payment method of the checkout; the
// processor's message then says that it is paid. It may be done more than once, and
// twice at once: the order's status says what has been done. An error is a job to be
// tried again; stock that cannot be had is none, the order is declined.
func (s *Server) Process(ctx context.Context, args []byte) error {
	a, err := ReadJob(CheckoutJob, args)
	if err != nil {
		return err
	}
	if err := s.process(ctx, a.OrderID); err != nil {
		s.meter.Count("order.checkout.failed", 1)
		return fmt.Errorf("check out order %s: %w", a.OrderID, err)
	}
	return nil
}

func (s *Server) process(ctx context.Context, id string) error {
	o, err := s.store.Order(ctx, id)
	if err != nil {
		return err
	}
	// A try before this one left a reservation, which may have expired: nobody is
	// charged for stock that may be somebody else's by now.
	expired := (o.Status == Reserved || o.Status == PendingPayment) && !o.ExpiresAt.After(s.clock.Now())
	if o.Status == Accepted || expired {
		if o, err = s.secure(ctx, o); err != nil {
			return err
		}
	}
	if o.Status == Reserved {
		// The order is the intent's key: whoever else does this job means the same one.
		intent, err := s.intend(ctx, o.Items, o.ReservationID, o.ID)
		if err != nil {
			return fmt.Errorf("payment: %w", err)
		}
		o, err = s.store.Advance(ctx, o.ID, Step{To: PendingPayment, IntentID: intent.GetIntentId(), ClientSecret: intent.GetClientSecret()}, nil)
		if err != nil {
			return err
		}
	}
	if o.Status != PendingPayment {
		return nil // declined, or paid by a try before this one
	}
	_, err = s.payment.ConfirmIntent(ctx, &pb.ConfirmIntentRequest{IntentId: o.IntentID, ClientSecret: o.ClientSecret})
	if err != nil {
		return fmt.Errorf("payment: %w", err)
	}
	return nil
}

// secure reserves an order's stock, or declines the order when there is none. One whose
// payment may be under way already is not declined: it is tried again.
func (s *Server) secure(ctx context.Context, o Order) (Order, error) {
	r, err := s.reserve(ctx, o.Items, o.ID)
	step := Step{To: Reserved, ReservationID: r.GetReservationId(), ExpiresAt: time.Unix(0, r.GetExpiresAtUnixNano()).UTC()}
	switch code := status.Code(err); {
	case err == nil:
	case o.Status != PendingPayment && (code == codes.FailedPrecondition || code == codes.InvalidArgument):
		s.meter.Count("order.checkout.declined", 1)
		step = Step{To: Declined, ReservationID: o.ReservationID}
	default:
		return o, fmt.Errorf("inventory: %w", err)
	}
	return s.store.Advance(ctx, o.ID, step, nil)
}
