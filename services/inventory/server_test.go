package inventory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/pglock"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/memstore"
	"tripcurve/services/pb"
)

func TestReserve(t *testing.T) {
	for _, c := range []struct {
		name  string
		items []*pb.Item
		code  codes.Code
		word  string
		left  int // of 5
	}{
		{"takes every item", []*pb.Item{{Sku: "a", Qty: 2}}, codes.OK, "", 3},
		{"adds up two lines of one sku", []*pb.Item{{Sku: "a", Qty: 2}, {Sku: "a", Qty: 2}}, codes.OK, "", 1},
		{"two lines of one sku can be too many together", []*pb.Item{{Sku: "a", Qty: 3}, {Sku: "a", Qty: 3}}, codes.FailedPrecondition, "out_of_stock", 5},
		{"too many", []*pb.Item{{Sku: "a", Qty: 6}}, codes.FailedPrecondition, "out_of_stock", 5},
		{"unknown sku", []*pb.Item{{Sku: "a", Qty: 1}, {Sku: "b", Qty: 1}}, codes.FailedPrecondition, "out_of_stock", 5},
		{"nothing asked for", nil, codes.InvalidArgument, "invalid_cart", 5},
		{"negative quantity", []*pb.Item{{Sku: "a", Qty: -1}}, codes.InvalidArgument, "invalid_cart", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := host.NewWallClock()
			defer clock.Close()
			stock := memstore.NewStock(clock, host.CryptoRand, map[string]int{"a": 5})
			s := inventory.New(inventory.Config{Stock: stock})
			_, err := s.Reserve(t.Context(), &pb.ReserveRequest{Items: c.items})
			if status.Code(err) != c.code || err != nil && host.Word(err) != c.word {
				t.Errorf("answered %v, want %v %s", err, c.code, c.word)
			}
			got, err := s.GetStock(t.Context(), &pb.GetStockRequest{Sku: "a"})
			if err != nil || int(got.GetAvailable()) != c.left {
				t.Errorf("%d left, %v, want %d", got.GetAvailable(), err, c.left)
			}
		})
	}
}

// brokenStock is a database that answers every statement with one error.
type brokenStock struct{ err error }

func (b brokenStock) Reserve(context.Context, []inventory.Item, time.Duration) (inventory.Reservation, error) {
	return inventory.Reservation{}, b.err
}

func (b brokenStock) Available(context.Context, string) (int, error) { return 0, b.err }

func (b brokenStock) Confirm(context.Context, string) error { return b.err }

func (b brokenStock) Release(context.Context, string) error { return b.err }

func (b brokenStock) Sweep(context.Context) ([]string, error) { return nil, b.err }

func TestStockFails(t *testing.T) {
	for _, c := range []struct {
		err  error
		code codes.Code
	}{
		{errors.New("password authentication failed for user shop"), codes.Unavailable},
		{context.Canceled, codes.Canceled},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
	} {
		s := inventory.New(inventory.Config{Stock: brokenStock{c.err}})
		_, err := s.Reserve(t.Context(), &pb.ReserveRequest{Items: []*pb.Item{{Sku: "a", Qty: 1}}})
		if status.Code(err) != c.code {
			t.Errorf("%v was answered with %v, want %v", c.err, err, c.code)
		}
		if c.code == codes.Unavailable && host.Word(err) != "stock_unavailable" {
			t.Errorf("callers are told %q: the database's own words stay here", err)
		}
	}
	s := inventory.New(inventory.Config{Stock: brokenStock{inventory.ErrUnknownSKU}})
	if _, err := s.GetStock(t.Context(), &pb.GetStockRequest{Sku: "b"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown sku was answered with %v, want NOT_FOUND", err)
	}
}

func TestConfirmAndRelease(t *testing.T) {
	clock := host.NewWallClock()
	defer clock.Close()
	s := inventory.New(inventory.Config{Stock: memstore.NewStock(clock, host.CryptoRand, map[string]int{"a": 5})})
	reserve := func() string {
		t.Helper()
		r, err := s.Reserve(t.Context(), &pb.ReserveRequest{Items: []*pb.Item{{Sku: "a", Qty: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetReservationId()
	}
	confirm := func(id string) error {
		_, err := s.Confirm(t.Context(), &pb.ConfirmReservationRequest{ReservationId: id})
		return err
	}
	release := func(id string) error {
		_, err := s.Release(t.Context(), &pb.ReleaseReservationRequest{ReservationId: id})
		return err
	}
	kept, returned := reserve(), reserve()
	for _, c := range []struct {
		what string
		err  error
		code codes.Code
		word string
	}{
		{"confirm", confirm(kept), codes.OK, ""},
		{"release", release(returned), codes.OK, ""},
		{"release what is sold", release(kept), codes.FailedPrecondition, "reservation_sold"},
		{"confirm what was released", confirm(returned), codes.NotFound, "unknown_reservation"},
	} {
		if status.Code(c.err) != c.code || c.err != nil && host.Word(c.err) != c.word {
			t.Errorf("%s: answered %v, want %v %s", c.what, c.err, c.code, c.word)
		}
	}
	if got, err := s.GetStock(t.Context(), &pb.GetStockRequest{Sku: "a"}); err != nil || got.GetAvailable() != 3 {
		t.Errorf("%d left, %v, want 3", got.GetAvailable(), err)
	}
}

// failingOnce is a stock whose first sweep fails.
type failingOnce struct {
	*memstore.Stock
	swept int
}

func (f *failingOnce) Sweep(ctx context.Context) ([]string, error) {
	if f.swept++; f.swept == 1 {
		return nil, errors.New("the server closed the connection")
	}
	return f.Stock.Sweep(ctx)
}

func TestSweeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, meter := host.NewWallClock(), host.NewMemoryMeter()
		defer clock.Close()
		stock := &failingOnce{Stock: memstore.NewStock(clock, host.CryptoRand, map[string]int{"a": 5})}
		s := inventory.New(inventory.Config{Stock: stock, Meter: meter, TTL: 90 * time.Second})
		if _, err := s.Reserve(t.Context(), &pb.ReserveRequest{Items: []*pb.Item{{Sku: "a", Qty: 2}}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.RunSweeper(ctx, clock, time.Minute) }()
		left := func() int {
			n, err := stock.Available(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		time.Sleep(119 * time.Second)
		if n := left(); n != 3 {
			t.Errorf("%d left before the sweep, want 3", n)
		}
		time.Sleep(2 * time.Second)
		if n := left(); n != 5 {
			t.Errorf("%d left after the sweep, want 5", n)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the sweeper ended with %v", err)
		}
		if e, n := meter.Counter("inventory.sweep.errors"), meter.Counter("inventory.reservations.expired"); e != 1 || n != 1 {
			t.Errorf("%d errors and %d expired counted, want one each", e, n)
		}
	})
}

// TestStatements says which statements of the service a CREATE INDEX without
// CONCURRENTLY makes wait.
func TestStatements(t *testing.T) {
	got := map[string]bool{}
	for _, s := range inventory.Statements() {
		got[s.Name] = pglock.Conflicts(pglock.Share, s.Lock)
	}
	want := map[string]bool{
		"reserve_select": false, "reserve_update": true, "available_select": false, "reservation_select": false,
		"expired_select": false, "confirm_update": true, "release_update": true, "stock_insert": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits for SHARE (-want +got):\n%s", diff)
	}
}
