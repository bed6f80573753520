package payment_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/memstore"
	"tripcurve/services/payment"
	"tripcurve/services/payment/webhook"
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

	t.Run("refuses a key that was used for another sum", func(t *testing.T) {
		s := payment.New(payment.Config{Ledger: memstore.NewLedger()})
		in := &pb.CreateIntentRequest{AmountCents: 69998, Currency: "USD", IdempotencyKey: "k1"}
		if _, err := s.CreateIntent(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		in.AmountCents++
		if _, err := s.CreateIntent(t.Context(), in); status.Code(err) != codes.FailedPrecondition || host.Word(err) != "idempotency_key_reused" {
			t.Errorf("answered %v, want FAILED_PRECONDITION idempotency_key_reused", err)
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

// shop is told of payments; it takes what it is told while it is up.
type shop struct {
	t     *testing.T
	clock host.Clock
	up    atomic.Bool
	told  []webhook.Event
}

const secret = "whsec_3f9a"

func (s *shop) Send(_ context.Context, body []byte, signature string) error {
	e, err := webhook.NewKey(secret).Read(signature, body, s.clock.Now())
	if err != nil {
		s.t.Error(err)
	}
	s.told = append(s.told, e)
	if !s.up.Load() {
		return errors.New("answered 503 Service Unavailable")
	}
	return nil
}

func TestConfirmIntent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := host.NewWallClock()
		defer clock.Close()
		shop := &shop{t: t, clock: clock}
		meter := host.NewMemoryMeter()
		s := payment.New(payment.Config{Ledger: memstore.NewLedger(), Clock: clock, Shop: shop, Secret: secret, Meter: meter})
		made, err := s.CreateIntent(t.Context(), &pb.CreateIntentRequest{AmountCents: 69998, Currency: "USD", ReservationId: "res_7f3a"})
		if err != nil {
			t.Fatal(err)
		}
		confirm := func(id, clientSecret string) error {
			_, err := s.ConfirmIntent(t.Context(), &pb.ConfirmIntentRequest{IntentId: id, ClientSecret: clientSecret})
			return err
		}
		for what, err := range map[string]error{
			"unknown": confirm("pi_none", made.GetClientSecret()), "wrong secret": confirm(made.GetIntentId(), "pi_none"),
		} {
			if status.Code(err) != codes.NotFound || host.Word(err) != "unknown_intent" {
				t.Errorf("%s: answered %v, want NOT_FOUND unknown_intent", what, err)
			}
		}
		if len(shop.told) != 0 {
			t.Fatalf("the shop was told %v", shop.told)
		}

		for range 2 { // the customer's second click says nothing new
			if err := confirm(made.GetIntentId(), made.GetClientSecret()); err != nil {
				t.Fatal(err)
			}
		}
		if len(shop.told) != 1 {
			t.Fatalf("the shop was told %d times, want once", len(shop.told))
		}
		first := shop.told[0]
		if o := first.Data.Object; first.Type != webhook.Succeeded || !strings.HasPrefix(first.ID, "evt_") || o.ID != made.GetIntentId() ||
			o.Amount != 69998 || o.Currency != "USD" || o.Metadata.ReservationID != "res_7f3a" {
			t.Errorf("the shop was told %+v", first)
		}

		// It was down; it is told the same until it takes it, and then no more.
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.RunSender(ctx, time.Minute) }()
		time.Sleep(150 * time.Second)
		shop.up.Store(true)
		time.Sleep(time.Hour)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the sender ended with %v", err)
		}
		if diff := cmp.Diff([]webhook.Event{first, first, first, first}, shop.told); diff != "" {
			t.Errorf("the shop was told (-want +got):\n%s", diff)
		}
		if n := meter.Counter("payment.webhook.errors"); n != 3 {
			t.Errorf("%d errors counted, want 3", n)
		}
	})
}
