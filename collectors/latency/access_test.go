package latency

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tripcurve/collectors/credential"
)

// A token that a command prints is asked for once, and again when the server has
// rotated it: the request that was refused is sent again, whatever its method.
func TestATokenThatWasRotatedIsAskedForAgain(t *testing.T) {
	var valid, refused atomic.Int64
	valid.Store(1)
	fake := &fakePrometheus{series: oneSeries, query: func(*http.Request) (int, string) { return 200, none }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", valid.Load()):
			refused.Add(1)
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.URL.Path == "/metrics":
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprintln(w, "grpc_client_started_total 1")
		default:
			fake.ServeHTTP(w, r)
		}
	}))
	defer srv.Close()
	asked := 0
	token := func() credential.Credential {
		asked = 0
		return credential.Asked(func() (string, error) {
			asked++
			return fmt.Sprintf("t%d", valid.Load()), nil
		})
	}
	scraped, err := New(Config{Access: Access{URL: srv.URL, Token: token()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ valid, asked, refused int64 }{{1, 1, 0}, {1, 1, 0}, {2, 2, 1}, {2, 2, 1}} {
		valid.Store(want.valid)
		if _, err := scraped.fetch(t.Context()); err != nil || int64(asked) != want.asked || refused.Load() != want.refused {
			t.Errorf("%v; asked %d times, refused %d, want %+v", err, asked, refused.Load(), want)
		}
	}
	prom, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL, Token: token()}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 { // a POST, whose body is sent again
		valid.Add(1)
		prom.ask.at = time.Time{}
		if err := prom.ask.discover(t.Context(), t0, t0.Add(time.Minute)); err != nil || asked != i+1 {
			t.Errorf("%v; asked %d times, want %d", err, asked, i+1)
		}
	}
	// One that stays wrong is refused once a request, and not for good.
	wrong, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL, Token: credential.Asked(func() (string, error) { return "stale", nil })}})
	if err != nil {
		t.Fatal(err)
	}
	before := refused.Load()
	err = wrong.ask.discover(t.Context(), t0, t0.Add(time.Minute))
	if !errors.Is(err, ErrPrometheusRefused) || !wrong.cfg.Access.changes() || refused.Load() != before+1 {
		t.Errorf("%v, refused %d times; want a refusal that may pass, of 1 request", err, refused.Load()-before)
	}
}

// The name that a server's certificate must be for can be another than the host's.
func TestTheServersNameIsChecked(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(w, "grpc_client_started_total 1")
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "", "example.com": "", "evil.example": "not evil.example"} {
		c, err := New(Config{Access: Access{URL: srv.URL, TLS: credential.TLS{CA: ca, ServerName: name}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.fetch(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}
