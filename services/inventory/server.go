// Package inventory is the service that owns the stock: it takes all items of a
// cart or none, for a limited time.
package inventory

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// DefaultTTL is how long a reservation holds its stock when Config has no TTL.
const DefaultTTL = 15 * time.Minute

// Config is what a Server stands on.
type Config struct {
	Stock Stock
	Meter host.Meter
	// TTL is how long a reservation holds its stock; 0 is DefaultTTL.
	TTL time.Duration
}

// Server answers pb.Inventory.
type Server struct {
	pb.UnimplementedInventoryServer
	stock Stock
	meter host.Meter
	ttl   time.Duration
}

// New makes a server.
func New(c Config) *Server {
	s := &Server{stock: c.Stock, meter: c.Meter, ttl: c.TTL}
	if s.ttl <= 0 {
		s.ttl = DefaultTTL
	}
	if s.meter == nil {
		s.meter = host.NewMemoryMeter()
	}
	return s
}

// Reserve takes stock for all items of a cart, or for none.
func (s *Server) Reserve(ctx context.Context, in *pb.ReserveRequest) (*pb.ReserveResponse, error) {
	items, ok := collect(in.GetItems())
	if !ok {
		return nil, status.Error(codes.InvalidArgument, "invalid_cart")
	}
	r, err := s.stock.Reserve(ctx, items, s.ttl)
	if errors.Is(err, ErrUnknownSKU) {
		err = ErrOutOfStock // what is not in the catalogue is not in stock
	}
	if err != nil {
		return nil, s.fail("inventory.reserve", err)
	}
	return &pb.ReserveResponse{ReservationId: r.ID, ExpiresAtUnixNano: r.ExpiresAt.UnixNano()}, nil
}

// GetStock counts what is left of one sku.
func (s *Server) GetStock(ctx context.Context, in *pb.GetStockRequest) (*pb.GetStockResponse, error) {
	n, err := s.stock.Available(ctx, in.GetSku())
	switch {
	case errors.Is(err, ErrUnknownSKU):
		return nil, host.Unknown("unknown_sku", host.Mistake{Field: "sku", Found: in.GetSku(), Expected: "a sku of the catalogue"})
	case err != nil:
		return nil, s.fail("inventory.get_stock", err)
	}
	return &pb.GetStockResponse{Sku: in.GetSku(), Available: int32(n)}, nil
}

// Confirm sells what a reservation holds.
func (s *Server) Confirm(ctx context.Context, in *pb.ConfirmReservationRequest) (*pb.ConfirmReservationResponse, error) {
	if err := s.stock.Confirm(ctx, in.GetReservationId()); err != nil {
		return nil, s.fail("inventory.confirm", err)
	}
	return &pb.ConfirmReservationResponse{}, nil
}

// Release puts back what a reservation holds.
func (s *Server) Release(ctx context.Context, in *pb.ReleaseReservationRequest) (*pb.ReleaseReservationResponse, error) {
	if err := s.stock.Release(ctx, in.GetReservationId()); err != nil {
		return nil, s.fail("inventory.release", err)
	}
	return &pb.ReleaseReservationResponse{}, nil
}

// DefaultSweep is how often expired reservations are looked for.
const DefaultSweep = time.Minute

// RunSweeper puts expired reservations back every so often until ctx ends, whose
// error it returns. A round that fails is counted and not the last.
func (s *Server) RunSweeper(ctx context.Context, clock host.Clock, every time.Duration) error {
	for {
		if err := clock.Sleep(ctx, every); err != nil {
			return err
		}
		expired, err := s.stock.Sweep(ctx)
		if err != nil && ctx.Err() == nil {
			s.meter.Count("inventory.sweep.errors", 1)
		}
		s.meter.Count("inventory.reservations.expired", int64(len(expired)))
	}
}

// collect joins the lines of a cart that ask for the same sku: one transaction
// does not skip the rows that it has locked itself, so two lines of one sku
// would be given the same rows twice.
func collect(lines []*pb.Item) ([]Item, bool) {
	if len(lines) == 0 {
		return nil, false
	}
	items := make([]Item, 0, len(lines))
next:
	for _, l := range lines {
		if l.GetSku() == "" || l.GetQty() <= 0 {
			return nil, false
		}
		for i := range items {
			if items[i].SKU == l.GetSku() {
				items[i].Qty += int(l.GetQty())
				continue next
			}
		}
		items = append(items, Item{SKU: l.GetSku(), Qty: int(l.GetQty())})
	}
	return items, true
}

// fail is the status of an error of the stock. What the database said stays
// here: callers learn that inventory could not answer.
func (s *Server) fail(method string, err error) error {
	switch {
	case errors.Is(err, ErrOutOfStock):
		return status.Error(codes.FailedPrecondition, "out_of_stock")
	case errors.Is(err, ErrNoReservation):
		return status.Error(codes.NotFound, "unknown_reservation")
	case errors.Is(err, ErrSold):
		return status.Error(codes.FailedPrecondition, "reservation_sold")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	s.meter.Count(method+".errors", 1)
	return status.Error(codes.Unavailable, "stock_unavailable")
}
