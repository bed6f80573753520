package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tripcurve/services/payment/webhook"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

const secret = "whsec_3f9a"

// Computed with openssl dgst -sha256 -hmac over "1768478400." and the body.
const (
	body     = `{"id":"evt_1"}`
	byHandV1 = "85c1440dec4b53cd71687446e73f0985458e890223ed68484513fbec3ba3a554"
	byHand   = "t=1768478400,v1=" + byHandV1
	wrongV1  = "0000000000000000000000000000000000000000000000000000000000000000"
)

func TestSign(t *testing.T) {
	if got := webhook.NewKey(secret).Sign([]byte(body), noon); got != byHand {
		t.Errorf("signature %s, want %s", got, byHand)
	}
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name, secret, header, body string
		now                        time.Time
		ok                         bool
	}{
		{"as it was signed", secret, byHand, body, noon, true},
		{"with spaces and other schemes", secret, " t=1768478400 , v0=ab, v1=" + byHandV1, body, noon, true},
		{"one of two secrets", secret, "t=1768478400,v1=" + wrongV1 + ",v1=" + byHandV1, body, noon, true},
		{"one of two, the other last", secret, byHand + ",v1=" + wrongV1, body, noon, true},
		{"just in time", secret, byHand, body, noon.Add(webhook.Tolerance), true},
		{"a clock that is behind", secret, byHand, body, noon.Add(-webhook.Tolerance), true},
		{"sent again later", secret, byHand, body, noon.Add(webhook.Tolerance + time.Second), false},
		{"from the future", secret, byHand, body, noon.Add(-webhook.Tolerance - time.Second), false},
		{"another body", secret, byHand, body + " ", noon, false},
		{"another time", secret, "t=1768478401,v1=" + byHandV1, body, noon, false},
		{"another secret", "whsec_0000", byHand, body, noon, false},
		{"no secret", "", webhook.NewKey("").Sign([]byte(body), noon), body, noon, false},
		{"half of it", secret, byHand[:len(byHand)-32], body, noon, false},
		{"nothing", secret, "", body, noon, false},
		{"no signature", secret, "t=1768478400", body, noon, false},
		{"no time", secret, "v1=" + byHandV1, body, noon, false},
		{"a time that is none", secret, "t=now,v1=" + byHandV1, body, noon, false},
		{"not hexadecimal", secret, "t=1768478400,v1=zz", body, noon, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := webhook.NewKey(c.secret).Verify(c.header, []byte(c.body), c.now)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, webhook.ErrSignature) {
				t.Errorf("error %v, want it right: %v", err, c.ok)
			}
		})
	}
}

// Whatever a header holds, it is right only with the one signature of its own
// time.
func FuzzVerify(f *testing.F) {
	f.Add(byHand, body)
	f.Add("t=9223372036854775807,v1=00", "")
	f.Fuzz(func(t *testing.T, header, text string) {
		switch err := webhook.NewKey(secret).Verify(header, []byte(text), noon); {
		case err == nil:
			signed := false
			for at := noon.Add(-webhook.Tolerance); !at.After(noon.Add(webhook.Tolerance)); at = at.Add(time.Second) {
				_, v1, _ := strings.Cut(webhook.NewKey(secret).Sign([]byte(text), at), "v1=")
				signed = signed || strings.Contains(strings.ToLower(header), v1)
			}
			if !signed {
				t.Errorf("%q passes, which nobody signed", header)
			}
		case !errors.Is(err, webhook.ErrSignature):
			t.Errorf("error %v", err)
		}
	})
}

func TestPost(t *testing.T) {
	var got webhook.Event
	var code int
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if got, err = webhook.NewKey(secret).Read(r.Header.Get(webhook.Header), b, noon); err != nil {
			t.Error(err)
		}
		w.WriteHeader(code)
	}))
	defer shop.Close()
	e := webhook.Event{ID: "evt_1", Type: webhook.Succeeded, Created: noon.Unix()}
	e.Data.Object.ID, e.Data.Object.Amount = "pi_1", 69998
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	p := webhook.Post{URL: shop.URL, Client: shop.Client()}
	for _, c := range []struct {
		code  int
		taken bool
	}{{200, true}, {204, true}, {404, false}, {503, false}} {
		code = c.code
		err := p.Send(context.Background(), b, webhook.NewKey(secret).Sign(b, noon))
		if (err == nil) != c.taken || got != e {
			t.Errorf("answer %d: error %v; the shop was told %+v", c.code, err, got)
		}
	}
}
