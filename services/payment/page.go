package payment

import (
	"encoding/json"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// ConfirmPath is where the checkout page posts what the customer agreed to: to
// the processor itself, past the shop. {id} is the intent's.
const ConfirmPath = "/v1/payment_intents/{id}/confirm"

// Agreement is the body of that post.
type Agreement struct {
	ClientSecret string `json:"clientSecret"`
}

// maxAgreement bounds its body, in bytes; a real one has some 100.
const maxAgreement = 4 << 10

// Page serves ConfirmPath: 200 when the intent is paid, 400 when the body is no
// agreement, 404 when there is no intent of that id and secret, 503 when the
// processor cannot tell.
func (s *Server) Page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+ConfirmPath, func(w http.ResponseWriter, r *http.Request) {
		var a Agreement
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAgreement)).Decode(&a); err != nil {
			http.Error(w, "bad_agreement", http.StatusBadRequest)
			return
		}
		out, err := s.ConfirmIntent(r.Context(), &pb.ConfirmIntentRequest{IntentId: r.PathValue("id"), ClientSecret: a.ClientSecret})
		switch status.Code(err) {
		case codes.OK:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"status": out.GetStatus()}) // nobody to tell when it does not arrive
		case codes.NotFound:
			http.Error(w, host.Word(err), http.StatusNotFound)
		default:
			http.Error(w, host.Word(err), http.StatusServiceUnavailable)
		}
	})
	return mux
}
