package order

import (
	"context"
	"errors"
	"io"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/payment/webhook"
)

// PaymentEvent takes one message of the card processor: the order of a paid
// intent becomes paid, and its fulfilment is queued in the same transaction. A
// message may come more than once, and twice at once: the order's status says
// what has been done.
func (s *Server) PaymentEvent(ctx context.Context, body []byte, signature string) error {
	e, err := s.key.Read(signature, body, s.clock.Now())
	switch {
	case errors.Is(err, webhook.ErrSignature):
		s.meter.Count("order.webhook.refused", 1)
		return status.Error(codes.Unauthenticated, "bad_signature")
	case err != nil:
		return status.Error(codes.InvalidArgument, "bad_event")
	case e.Type != webhook.Succeeded:
		return nil // the processor tells of more than a shop needs to know
	}
	intent := e.Data.Object
	if intent.ID == "" {
		return status.Error(codes.InvalidArgument, "bad_event")
	}
	o, err := s.store.ByIntent(ctx, intent.ID)
	if err != nil {
		return s.notPaid(err) // unknown now, perhaps stored before the processor tries again
	}
	if intent.Amount != o.TotalCents || intent.Currency != currency {
		s.meter.Count("order.webhook.wrong_sum", 1)
		return status.Error(codes.FailedPrecondition, "wrong_sum")
	}
	_, err = s.store.Advance(ctx, o.ID, Step{To: Paid}, s.fulfill)
	return s.notPaid(err)
}

// notPaid is the answer to a message that could not be followed.
func (s *Server) notPaid(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNoOrder):
		return status.Error(codes.NotFound, "unknown_order")
	case errors.Is(err, ErrStep):
		s.meter.Count("order.webhook.wrong_step", 1)
		return status.Error(codes.FailedPrecondition, "wrong_step")
	default:
		return s.storeFailed(err)
	}
}

// Webhook serves PaymentEvent over HTTP. The processor sends a message again
// until it is answered with 200.
func (s *Server) Webhook() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "method_not_allowed", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhook.MaxBody))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			http.Error(w, "too_large", http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			http.Error(w, "bad_event", http.StatusBadRequest)
			return
		}
		err = s.PaymentEvent(r.Context(), body, r.Header.Get(webhook.Header))
		code := http.StatusServiceUnavailable
		switch status.Code(err) {
		case codes.OK:
			return // 200, and nothing to say
		case codes.InvalidArgument:
			code = http.StatusBadRequest
		case codes.Unauthenticated:
			code = http.StatusUnauthorized
		case codes.NotFound:
			code = http.StatusNotFound
		case codes.FailedPrecondition:
			code = http.StatusConflict
		default: // the store failed
		}
		http.Error(w, host.Word(err), code)
	})
}
