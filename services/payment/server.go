// Package payment stands in for a card processor: it keeps payment intents, one
// per idempotency key, and charges nobody.
package payment

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// Config is what a Server stands on.
type Config struct {
	Ledger Ledger
	Rand   host.Rand
	Meter  host.Meter
}

// Server answers pb.Payment.
type Server struct {
	pb.UnimplementedPaymentServer
	ledger Ledger
	rand   host.Rand
	meter  host.Meter
}

// New makes a server.
func New(c Config) *Server {
	s := &Server{ledger: c.Ledger, rand: c.Rand, meter: c.Meter}
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
	if in.GetAmountCents() <= 0 || in.GetCurrency() != "USD" {
		return nil, status.Error(codes.InvalidArgument, "invalid_intent")
	}
	id := s.rand.ID("pi_")
	made, err := s.ledger.CreateIntent(ctx, Intent{
		ID: id, Key: in.GetIdempotencyKey(), Secret: s.rand.ID(id + "_secret_"),
		AmountCents: in.GetAmountCents(), Currency: in.GetCurrency(),
		ReservationID: in.GetReservationId(),
	})
	switch {
	case err == nil:
		return &pb.CreateIntentResponse{IntentId: made.ID, ClientSecret: made.Secret}, nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, status.FromContextError(err).Err()
	default:
		s.meter.Count("payment.create_intent.errors", 1)
		return nil, status.Error(codes.Unavailable, "ledger_unavailable")
	}
}
