// Package payment stands in for a card processor: it keeps payment intents, one
// per idempotency key, and charges nobody.
package payment

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/payment/webhook"
	"tripcurve/services/pb"
)

// Sender takes a signed message to the shop; an error means that the shop has
// not taken it.
type Sender interface {
	Send(ctx context.Context, body []byte, signature string) error
}

// Config is what a Server stands on.
type Config struct {
	Ledger Ledger
	Rand   host.Rand
	Meter  host.Meter
	// Clock, Shop and Secret are needed where customers pay: the shop is told by a
	// message signed with Secret. Without a Shop nobody is told.
	Clock  host.Clock
	Shop   Sender
	Secret string
}

// Server answers pb.Payment.
type Server struct {
	pb.UnimplementedPaymentServer
	ledger Ledger
	rand   host.Rand
	meter  host.Meter
	clock  host.Clock
	shop   Sender
	key    *webhook.Key
}

// New makes a server.
func New(c Config) *Server {
	s := &Server{ledger: c.Ledger, rand: c.Rand, meter: c.Meter, clock: c.Clock, shop: c.Shop, key: webhook.NewKey(c.Secret)}
	if s.rand == nil {
		s.rand = host.CryptoRand
	}
	if s.meter == nil {
		s.meter = host.NewMemoryMeter()
	}
	return s
}

// CreateIntent makes an intent, or returns the one its idempotency key already
// has. Without a key every call makes one.
func (s *Server) CreateIntent(ctx context.Context, in *pb.CreateIntentRequest) (*pb.CreateIntentResponse, error) {
	if cents := in.GetAmountCents(); cents <= 0 {
		return nil, host.Invalid("invalid_intent", host.Mistake{Field: "amount", Found: strconv.FormatInt(cents, 10) + " cents", Expected: "more than nothing"})
	}
	if c := in.GetCurrency(); c != "USD" {
		return nil, host.Invalid("invalid_intent", host.Mistake{Field: "currency", Found: cmp.Or(c, host.Nothing), Expected: "USD"})
	}
	id := s.rand.ID("pi_")
	made, err := s.ledger.CreateIntent(ctx, Intent{
		ID: id, Key: in.GetIdempotencyKey(), Secret: s.rand.ID(id + "_secret_"),
		AmountCents: in.GetAmountCents(), Currency: in.GetCurrency(),
		ReservationID: in.GetReservationId(),
	})
	if err != nil {
		return nil, s.fail("payment.create_intent", err)
	}
	return &pb.CreateIntentResponse{IntentId: made.ID, ClientSecret: made.Secret}, nil
}

// ConfirmIntent is the customer's agreement, by the secret that the checkout gave
// to them alone. The shop is told at once if it can be reached, else by RunSender.
func (s *Server) ConfirmIntent(ctx context.Context, in *pb.ConfirmIntentRequest) (*pb.ConfirmIntentResponse, error) {
	i, err := s.ledger.Intent(ctx, in.GetIntentId())
	if err == nil && subtle.ConstantTimeCompare([]byte(i.Secret), []byte(in.GetClientSecret())) == 0 {
		err = ErrNoIntent // a wrong secret does not learn which intents there are
	}
	if err != nil {
		return nil, s.fail("payment.confirm_intent", err)
	}
	event := s.rand.ID("evt_")
	i, err = s.ledger.Succeed(ctx, i.ID, event, s.clock.Now())
	if err != nil {
		return nil, s.fail("payment.confirm_intent", err)
	}
	if i.EventID == event {
		if err := s.send(ctx, i); err != nil {
			s.meter.Count("payment.webhook.errors", 1)
		}
	}
	return &pb.ConfirmIntentResponse{Status: "succeeded"}, nil
}

const (
	// DefaultResend is how often events that the shop has not taken are sent again.
	DefaultResend = 10 * time.Second
	// resendAtOnce is how many events one round sends.
	resendAtOnce = 100
)

// RunSender sends the events that the shop has not taken every so often until
// ctx ends, whose error it returns.
func (s *Server) RunSender(ctx context.Context, every time.Duration) error {
	for {
		if err := s.clock.Sleep(ctx, every); err != nil {
			return err
		}
		unsent, err := s.ledger.Unsent(ctx, resendAtOnce)
		for _, i := range unsent {
			err = errors.Join(err, s.send(ctx, i))
		}
		if err != nil && ctx.Err() == nil {
			s.meter.Count("payment.webhook.errors", 1)
		}
	}
}

// send tells the shop that an intent was paid and notes how that went. The shop
// may be told twice.
func (s *Server) send(ctx context.Context, i Intent) error {
	if s.shop == nil {
		return nil
	}
	e := webhook.Event{ID: i.EventID, Type: webhook.Succeeded, Created: i.PaidAt.Unix()}
	o := &e.Data.Object
	o.ID, o.Amount, o.Currency, o.Metadata.ReservationID = i.ID, i.AmountCents, i.Currency, i.ReservationID
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("event %s: %w", i.EventID, err)
	}
	err = s.shop.Send(ctx, body, s.key.Sign(body, s.clock.Now()))
	return errors.Join(err, s.ledger.Tried(ctx, i.ID, err == nil))
}

// fail is the status of an error of the ledger.
func (s *Server) fail(method string, err error) error {
	switch {
	case errors.Is(err, ErrNoIntent):
		return status.Error(codes.NotFound, "unknown_intent")
	case errors.Is(err, ErrKeyReused):
		return status.Error(codes.FailedPrecondition, "idempotency_key_reused")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	s.meter.Count(method+".errors", 1)
	return status.Error(codes.Unavailable, "ledger_unavailable")
}
