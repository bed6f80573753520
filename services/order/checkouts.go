package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tripcurve/services/host"
)

// Mode is how a shop takes checkouts.
type Mode string

const (
	// Sync reserves the stock and makes the payment intent while the customer waits.
	Sync Mode = "sync"
	// Async accepts the order at once and leaves the rest to the queue (CheckoutJob).
	Async Mode = "async"
)

// ParseMode is the mode of that name.
func ParseMode(name string) (Mode, error) {
	switch m := Mode(name); m {
	case Sync, Async:
		return m, nil
	}
	return "", fmt.Errorf("checkout mode %q: expected %s or %s", name, Sync, Async)
}

// Checkouts is how an order database takes checkouts.
type Checkouts struct {
	Mode Mode `json:"mode"`
	// Closed: none is taken while those that were accepted are done.
	Closed bool `json:"closed"`
}

// Accepts is nil when orders are left to the queue, and else ErrSync or ErrClosed.
func (c Checkouts) Accepts() error {
	switch {
	case c.Mode != Async:
		return ErrSync
	case c.Closed:
		return ErrClosed
	}
	return nil
}

var (
	// ErrSync is an order that cannot be left to the queue: checkouts are synchronous.
	ErrSync = errors.New("checkouts are synchronous")
	// ErrClosed is an order that is not accepted: what was accepted is being drained.
	ErrClosed = errors.New("no checkouts are taken")
	// ErrOpened is a drain that ends because somebody lets orders in again.
	ErrOpened = errors.New("somebody else has let orders in again")
)

// InFlightError is a switch back to synchronous checkouts that was refused: so many
// orders were accepted and wait for the queue or are in its hands.
type InFlightError struct {
	Orders int `json:"in_flight"`
}

func (e *InFlightError) Error() string {
	return fmt.Sprintf("%d accepted orders are in flight", e.Orders)
}

// Intake is how checkouts are taken and what has become of those that were left to
// the queue.
type Intake struct {
	Checkouts
	Jobs host.JobCounts `json:"jobs"`
}

// Intake says how checkouts are taken.
func (s *Server) Intake(ctx context.Context) (i Intake, err error) {
	if i.Checkouts, err = s.store.Checkouts(ctx); err != nil || s.jobs == nil {
		return i, err
	}
	i.Jobs, err = s.jobs.Counts(ctx, CheckoutJob)
	return i, err
}

// Refresh learns how checkouts are taken. A server that has not takes them
// synchronously, which is never wrong: what is asynchronous is settled by the
// database whenever an order is accepted.
func (s *Server) Refresh(ctx context.Context) error {
	c, err := s.store.Checkouts(ctx)
	if err == nil {
		s.async.Store(c.Mode == Async && s.jobs != nil) // without a queue there is nothing to leave it to
	}
	return err
}

// RunRefresh learns every so often what another process has switched, until ctx ends, whose
// error it returns.
func (s *Server) RunRefresh(ctx context.Context, every time.Duration) error {
	for {
		if err := s.clock.Sleep(ctx, every); err != nil {
			return err
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			s.meter.Count("order.store.errors", 1)
		}
	}
}

// Switch changes how checkouts are taken, from the next one on. Back to synchronous
// it does so only when no accepted order is left in the queue (InFlightError): one
// that is taken synchronously meanwhile would overtake those that came before it, and
// whoever then removed the queue's workers would lose them.
func (s *Server) Switch(ctx context.Context, to Mode) error {
	var nobodyWaits func(context.Context) error
	switch {
	case to == Async && s.jobs == nil:
		return errors.New("there is no queue to leave checkouts to")
	case to == Sync && s.jobs != nil:
		nobodyWaits = func(ctx context.Context) error {
			n, err := s.jobs.Counts(ctx, CheckoutJob)
			if err == nil && n.Left() > 0 {
				err = &InFlightError{n.Left()}
			}
			return err
		}
	}
	if err := s.store.SetCheckouts(ctx, Checkouts{Mode: to}, nobodyWaits); err != nil {
		return fmt.Errorf("switch checkouts to %s: %w", to, err)
	}
	s.async.Store(to == Async)
	return nil
}

const (
	// drainLook is how often a drain looks whether the queue is empty.
	drainLook = 250 * time.Millisecond
	// reopenTimeout bounds the undoing of a drain that was interrupted.
	reopenTimeout = 5 * time.Second
)

// Drain takes no more checkouts, waits until those that were accepted are done, and
// switches to synchronous ones. It fails when ctx ends before, and lets orders in again;
// also those that a drain before it, whose process died, had kept out. ErrOpened when
// somebody else lets them in meanwhile.
func (s *Server) Drain(ctx context.Context) error {
	before, err := s.store.Checkouts(ctx)
	if err != nil {
		return fmt.Errorf("drain checkouts: %w", err)
	}
	if before.Mode == Sync {
		return nil
	}
	if err := s.store.SetCheckouts(ctx, Checkouts{Mode: Async, Closed: true}, nil); err != nil {
		return fmt.Errorf("drain checkouts: %w", err)
	}
	for {
		err := s.Switch(ctx, Sync)
		var left *InFlightError
		if err == nil {
			return nil
		}
		if errors.As(err, &left) {
			var how Checkouts
			if err = s.clock.Sleep(ctx, drainLook); err == nil {
				how, err = s.store.Checkouts(ctx)
			}
			switch {
			case err == nil && how == (Checkouts{Mode: Async}):
				return fmt.Errorf("drain checkouts: %w", ErrOpened)
			case err == nil:
				continue
			}
		}
		late, cancel := s.clock.WithTimeout(context.WithoutCancel(ctx), reopenTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("drain checkouts: %w", err), s.store.SetCheckouts(late, Checkouts{Mode: Async}, nil))
	}
}
