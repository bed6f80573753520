package payment_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tripcurve/services/host"
	"tripcurve/services/memstore"
	"tripcurve/services/payment"
	"tripcurve/services/pb"
)

// ears is a shop that counts the messages it is sent.
type ears struct{ heard int }

func (e *ears) Send(context.Context, []byte, string) error {
	e.heard++
	return nil
}

func TestTheCheckoutPagePays(t *testing.T) {
	clock, shop, ledger := host.NewWallClock(), &ears{}, memstore.NewLedger()
	t.Cleanup(clock.Close)
	s := payment.New(payment.Config{Ledger: ledger, Clock: clock, Shop: shop, Secret: "whsec_1"})
	made, err := s.CreateIntent(t.Context(), &pb.CreateIntentRequest{AmountCents: 5, Currency: "USD", IdempotencyKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	agreed := `{"clientSecret":"` + made.GetClientSecret() + `"}`
	path := strings.Replace(payment.ConfirmPath, "{id}", made.GetIntentId(), 1)
	for _, c := range []struct {
		name, method, path, body string
		status, heard            int
	}{
		{"no JSON", "POST", path, "{", 400, 0},
		{"too much", "POST", path, `{"clientSecret":"` + strings.Repeat("x", 5000) + `"}`, 400, 0},
		{"another's secret", "POST", path, `{"clientSecret":"pi_1_secret_2"}`, 404, 0},
		{"no secret", "POST", path, `{}`, 404, 0},
		{"unknown intent", "POST", strings.Replace(path, made.GetIntentId(), "pi_none", 1), agreed, 404, 0},
		{"another method", "GET", path, "", 405, 0},
		{"agreed", "POST", path, agreed, 200, 1},
		{"agreed again", "POST", path, agreed, 200, 1},
	} {
		w := httptest.NewRecorder()
		s.Page().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || shop.heard != c.heard {
			t.Errorf("%s: %d %s, the shop heard %d times; want %d and %d", c.name, w.Code, w.Body, shop.heard, c.status, c.heard)
		}
		if c.status == http.StatusOK && !strings.Contains(w.Body.String(), `"status":"succeeded"`) {
			t.Errorf("%s: body %s", c.name, w.Body)
		}
	}
}
