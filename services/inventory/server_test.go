package inventory_test

import (
	"context"
	"errors"
	"testing"
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

// TestStatements says which statements of the service a CREATE INDEX without
// CONCURRENTLY makes wait.
func TestStatements(t *testing.T) {
	got := map[string]bool{}
	for _, s := range []host.Statement{inventory.ReserveSelect, inventory.ReserveUpdate, inventory.AvailableSelect} {
		got[s.Name] = pglock.Conflicts(pglock.Share, s.Lock)
	}
	want := map[string]bool{"reserve_select": false, "reserve_update": true, "available_select": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits for SHARE (-want +got):\n%s", diff)
	}
}
