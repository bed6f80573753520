package lab

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/services/gateway"
)

// shop is a gateway that answers as a test says, and what it was asked.
type shop struct {
	mu     sync.Mutex
	keys   []string // of checkouts
	paid   []string // orders, by the keys of their intents
	agreed []string // paths at the card processor
	first  func(w http.ResponseWriter, r *http.Request)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice who hangs up
	key := r.Header.Get("Idempotency-Key")
	s.mu.Lock()
	n := len(s.keys)
	switch r.URL.Path {
	case "/api/orders":
		s.keys = append(s.keys, key)
	case "/api/payments/intent":
		s.paid = append(s.paid, key)
	default:
		s.agreed = append(s.agreed, r.URL.Path)
	}
	s.mu.Unlock()
	switch {
	case r.URL.Path != "/api/orders":
	case n == 0:
		s.first(w, r)
	default:
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(gateway.Order{OrderID: "ord_1", ClientSecret: "pi_1_secret_2"})
	}
}

func TestCustomers(t *testing.T) {
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	fails := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	refuses := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }
	const soon = 50 * time.Millisecond
	for _, tt := range []struct {
		name  string
		of    Customers
		first func(http.ResponseWriter, *http.Request)
		asked int // checkouts
		paid  int
		want  Orders
	}{
		{"gives up and comes again", Customers{GiveUp: soon, Tries: 2}, hangs, 2, 1, Orders{Started: 1, Served: 1, TriedAgain: 1}},
		{"gives up for good", Customers{GiveUp: soon}, hangs, 1, 0, Orders{Started: 1, Failed: 1, GaveUp: 1}},
		{"is told that it failed and tries again", Customers{Tries: 3}, fails, 2, 1, Orders{Started: 1, Served: 1, TriedAgain: 1}},
		{"takes it as it is", Customers{}, fails, 1, 0, Orders{Started: 1, Failed: 1, Answered502: 1}},
		{"tries nothing again that is sold out", Customers{Tries: 3}, refuses, 1, 0, Orders{Started: 1, Failed: 1, OutOfStock: 1}},
	} {
		s := &shop{first: tt.first}
		server := httptest.NewServer(s)
		sc := Scenario{Patience: time.Minute, Customers: tt.of, World: World{SKUs: 4}}
		r := &run{sc: sc}
		newLoad(server.URL, server.URL, sc, r.answered).customer(t.Context(), 7, Arrival{Route: gateway.PostOrder})
		server.Close()
		var got Orders
		for _, a := range r.res.Answers {
			if a.Route == gateway.PostOrder {
				got.count(a, sc)
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
		if len(s.keys) != tt.asked || len(s.paid) != tt.paid {
			t.Errorf("%s: asked for %d orders and %d payments, want %d and %d", tt.name, len(s.keys), len(s.paid), tt.asked, tt.paid)
		}
		for _, k := range s.keys {
			if k != s.keys[0] || (k == "") != (tt.of.Tries <= 1) {
				t.Errorf("%s: the tries of one checkout have the keys %q", tt.name, s.keys)
			}
		}
		if tt.paid > 0 && (s.paid[0] != "ord_1" || !slices.Equal(s.agreed, []string{"/v1/payment_intents/pi_1/confirm"})) {
			t.Errorf("%s: paid for %q, agreed at %q", tt.name, s.paid, s.agreed)
		}
	}
}
