package payment_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/memstore"
	"tripcurve/services/payment"
	"tripcurve/services/pb"
)

func TestCreateIntent(t *testing.T) {
	t.Run("is idempotent", func(t *testing.T) {
		ledger := memstore.NewLedger()
		s := payment.New(payment.Config{Ledger: ledger})
		in := &pb.CreateIntentRequest{AmountCents: 69998, Currency: "USD", ReservationId: "res_7f3a", IdempotencyKey: "k1"}
		first, err := s.CreateIntent(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if id, secret := first.GetIntentId(), first.GetClientSecret(); !strings.HasPrefix(id, "pi_") || !strings.HasPrefix(secret, id+"_secret_") {
			t.Errorf("intent %q with secret %q: want pi_... and pi_..._secret_...", id, secret)
		}
		again, err := s.CreateIntent(t.Context(), in)
		if err != nil || again.GetIntentId() != first.GetIntentId() || again.GetClientSecret() != first.GetClientSecret() {
			t.Errorf("again: %v, %v, want the first intent %v", again, err, first)
		}
		if ledger.Len() != 1 {
			t.Errorf("%d intents stored, want 1", ledger.Len())
		}
	})

	t.Run("refuses what cannot be paid", func(t *testing.T) {
		s := payment.New(payment.Config{Ledger: memstore.NewLedger()})
		for _, in := range []*pb.CreateIntentRequest{
			{AmountCents: 0, Currency: "USD"},
			{AmountCents: -5, Currency: "USD"},
			{AmountCents: 5, Currency: "EUR"},
		} {
			if _, err := s.CreateIntent(t.Context(), in); status.Code(err) != codes.InvalidArgument {
				t.Errorf("%v was answered with %v, want INVALID_ARGUMENT", in, err)
			}
		}
	})
}
