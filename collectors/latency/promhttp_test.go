package latency

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/collectors/credential"

	"tripcurve/internal/incident"
)

// fakePrometheus answers as the real one does: every path of the API has its
// answer, made for each request.
type fakePrometheus struct {
	mu      sync.Mutex
	asked   []url.Values // of query and query_range, in order
	headers []http.Header
	series  string // answer to /api/v1/series
	query   func(r *http.Request) (code int, body string)
}

// heads are the headers of all requests.
func (f *fakePrometheus) heads() []http.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.headers)
}

// none is an answer without series.
const none = `{"status":"success","data":{"resultType":"matrix","result":[]}}`

func (f *fakePrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = r.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.headers = append(f.headers, r.Header)
	if r.URL.Path == "/api/v1/series" {
		_, _ = io.WriteString(w, f.series)
		return
	}
	f.asked = append(f.asked, r.Form)
	if strings.Contains(r.Form.Get("query"), processStart) && !strings.Contains(r.Form.Get("query"), "grpc") {
		_, _ = io.WriteString(w, none)
		return
	}
	code, body := f.query(r)
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

// oneSeries is what /api/v1/series knows of one started counter.
const oneSeries = `{"status":"success","data":[{"__name__":"grpc_client_started_total","job":"order","instance":"a:1"}]}`

// matrix is an answer with series of metrics written as in the exposition, such as
// {"__name__":"x"}, each with its values as [time, "value"] pairs.
func matrix(series ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
}

// sampled is one series of a matrix; at are pairs of seconds after t0 and a value.
func sampled(metric string, pairs ...any) string {
	var v []string
	for i := 0; i+1 < len(pairs); i += 2 {
		v = append(v, fmt.Sprintf(`[%d,"%v"]`, t0.Unix()+int64(pairs[i].(int)), pairs[i+1]))
	}
	return fmt.Sprintf(`{"metric":{%s},"values":[%s]}`, metric, strings.Join(v, ","))
}

// importFrom imports a minute from t0 on of a fake.
func importFrom(t *testing.T, h http.Handler) (*incident.View, PrometheusSummary, error) {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL}, Name: "prom"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ev := incident.NewEvidence()
	sum, err := c.Import(ctx, t0, t0.Add(time.Minute), func(time.Duration, string) {}, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	return ev.Snapshot(), sum, err
}

func TestPrometheusErrorsAreClear(t *testing.T) {
	answer := func(code int, kind, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "http://elsewhere.invalid/")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
	const js = "application/json"
	for _, tt := range []struct {
		name    string
		handler http.Handler
		want    string
		bad     bool // the user's to mend
	}{
		{"bad query", answer(400, js, `{"status":"error","errorType":"bad_data","error":"1:6: parse error: unexpected end"}`), "answered 400 Bad Request: bad_data: 1:6: parse error: unexpected end", true},
		{"an error in a success", answer(200, js, `{"status":"error","errorType":"internal","error":"store gateway is away"}`), "internal: store gateway is away", false},
		{"a proxy's page", answer(404, "text/html", "<html>secret=hunter2hunter2</html>"), "answered 404 Not Found: is the path before /api/v1 right?", false},
		{"a login page", answer(200, "text/html; charset=utf-8", "<html>"), "found an HTML page, expected JSON; is this the address", false},
		{"a proxy's JSON", answer(400, js, `{"message":"no tenant\u001b[31m","traceID":"x"}`), "answered 400 Bad Request: no tenant", false},
		{"plain text", answer(422, "text/plain", "no org id\n"), "answered 422 Unprocessable Entity: no org id", false},
		{"refused", answer(401, "text/html", "<html>"), "answered 401 Unauthorized: with an HTML page, which is a proxy's", false},
		{"forbidden, also by GET", answer(403, js, `{"status":"error","error":"no such right"}`), "answered 403 Forbidden: no such right", false},
		{"redirect", answer(302, "text/html", ""), "redirects are not followed", false},
		{"cut off", answer(200, js, `{"status":"success","data":[{"__name__"`), "the answer cannot be read", false},
		{"another type", answer(200, js, `{"status":"success","data":7}`), "the answer cannot be read", false},
		{"nothing at all", answer(200, js, ``), "the answer cannot be read", false},
		{"too long", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", js)
			blank := []byte(strings.Repeat(" ", 1<<20))
			for range maxAnswer>>20 + 1 {
				if _, err := w.Write(blank); err != nil {
					return
				}
			}
		}), "the answer is longer than 64 MB", false},
		{"broken off", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", js)
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"status":"success"`)
		}), "the answer broke off", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(tt.handler)
			defer srv.Close()
			c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL}})
			if err != nil {
				t.Fatal(err)
			}
			err = c.ask.discover(t.Context(), t0, t0.Add(time.Minute))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("err = %v\nwant %q in it", err, tt.want)
			}
			if BadQuery(err) != tt.bad {
				t.Errorf("the user's to mend: %v, want %v", BadQuery(err), tt.bad)
			}
			if refused := strings.HasPrefix(tt.name, "refused") || strings.HasPrefix(tt.name, "forbidden"); errors.Is(err, ErrPrometheusRefused) != refused {
				t.Errorf("refused: %v, want %v", !refused, refused)
			}
		})
	}
}

func TestPrometheusIsAskedAgainWhenItSays(t *testing.T) {
	var busy atomic.Int32
	f := &fakePrometheus{series: oneSeries, query: func(*http.Request) (int, string) {
		return 200, matrix(sampled(`"__name__":"grpc_client_started_total","job":"order","instance":"a:1"`, 0, 1, 5, 3))
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if busy.Add(1) <= 2 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		f.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL}, Name: "prom"})
	if err != nil {
		t.Fatal(err)
	}
	var waits []string
	began := time.Now()
	sum, err := c.Import(t.Context(), t0, t0.Add(time.Minute), func(_ time.Duration, wait string) {
		if wait != "" {
			_, text, _ := strings.Cut(wait, ": answered ")
			waits = append(waits, text)
		}
	}, func([]incident.Fact) error { return nil })
	if err != nil || sum.Points != 2 {
		t.Errorf("%d points, %v; want 2", sum.Points, err)
	}
	if d := cmp.Diff([]string{"429 Too Many Requests; asking again in 1s", "429 Too Many Requests; asking again in 1s"}, waits); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Errorf("took %s, and was asked to wait twice for 1 s", took)
	}
}

func TestPrometheusCredentials(t *testing.T) {
	f := &fakePrometheus{series: oneSeries, query: func(*http.Request) (int, string) { return 200, none }}
	srv := httptest.NewTLSServer(f)
	defer srv.Close()
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	write(token, "first\n")

	// Without the CA the connection is refused by us.
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL, Token: credential.File(token)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ask.discover(t.Context(), t0, t0.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "first") {
		t.Errorf("err = %v, want one of the certificate", err)
	}
	c, err = NewPrometheus(PrometheusConfig{Access: Access{URL: srv.URL + "/api/v1/", TLS: credential.TLS{CA: ca}, Token: credential.File(token), Tenant: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ask.discover(t.Context(), t0, t0.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	write(token, "second\n")
	if _, _, err := c.ask.one(t.Context(), t0, t0.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range f.heads() {
		got = append(got, h.Get("Authorization")+" "+h.Get("X-Scope-OrgID"))
	}
	if d := cmp.Diff([]string{"Bearer first shop", "Bearer second shop", "Bearer second shop"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ask.one(t.Context(), t0, t0.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "no bearer token to be had: open ") {
		t.Errorf("err = %v, want that the token cannot be read", err)
	}

	c, err = NewPrometheus(PrometheusConfig{Access: Access{
		URL: strings.Replace(srv.URL, "://", "://monitor@", 1), TLS: credential.TLS{CA: ca}, Password: credential.Fixed("w4tch"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ask.discover(t.Context(), t0, t0.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if heads := f.heads(); heads[len(heads)-1].Get("Authorization") != "Basic bW9uaXRvcjp3NHRjaA==" {
		t.Errorf("the last request had %v", heads[len(heads)-1])
	}
}

func TestPrometheusWantsOurCertificate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(&fakePrometheus{series: oneSeries})
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	srv.TLS.ClientCAs.AddCert(ours)
	srv.StartTLS()
	defer srv.Close()
	access := Access{URL: srv.URL, TLS: credential.TLS{CA: file("ca.pem", "CERTIFICATE", srv.Certificate().Raw)}}
	asked := func() error {
		t.Helper()
		c, err := NewPrometheus(PrometheusConfig{Access: access})
		if err != nil {
			t.Fatal(err)
		}
		return c.ask.discover(t.Context(), t0, t0.Add(time.Minute))
	}
	if err := asked(); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without ours: %v", err)
	}
	access.TLS.Cert, access.TLS.Key = file("our.pem", "CERTIFICATE", der), file("our.key", "PRIVATE KEY", key)
	if err := asked(); err != nil {
		t.Errorf("with ours: %v", err)
	}
}

func TestPrometheusThroughAProxy(t *testing.T) {
	through := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through <- r.URL.Host
		(&fakePrometheus{series: oneSeries}).ServeHTTP(w, r)
	}))
	defer proxy.Close()
	c, err := NewPrometheus(PrometheusConfig{Access: Access{URL: "http://prometheus.invalid"}})
	if err != nil {
		t.Fatal(err)
	}
	// The environment is read once in a process; what reads it is ours to choose.
	u, _ := url.Parse(proxy.URL)
	if c.client.base.Proxy == nil {
		t.Fatal("no proxy is looked for")
	}
	c.client.base.Proxy = http.ProxyURL(u)
	err = c.ask.discover(t.Context(), t0, t0.Add(time.Minute))
	if err != nil || <-through != "prometheus.invalid" {
		t.Errorf("err = %v, and %d more requests went through the proxy", err, len(through))
	}
}

func TestBadPrometheusAccess(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		access Access
		want   string
	}{
		{Access{URL: "ftp://x"}, "not a metrics URL"},
		{Access{URL: ""}, "not a metrics URL"},
		{Access{URL: "http://x/?q=1"}, "not a metrics URL"},
		{Access{URL: "https://u:hunter2@x"}, "the password of https://u:xxxxx@x must not stand in the URL"},
		{Access{URL: "https://x", Password: credential.File(text)}, "a password without a user; write https://USER@x"},
		{Access{URL: "https://x", TLS: credential.TLS{CA: text}}, "notes.txt holds none; expected PEM"},
		{Access{URL: "https://x", TLS: credential.TLS{CA: filepath.Join(dir, "no")}}, "no such file"},
		{Access{URL: "https://x", TLS: credential.TLS{Cert: text}}, "needed together"},
		{Access{URL: "https://x", TLS: credential.TLS{Cert: text, Key: text}}, "our certificate: "},
	} {
		_, err := NewPrometheus(PrometheusConfig{Access: tt.access})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q in it", tt.access.URL, err, tt.want)
		}
	}
	if _, err := NewPrometheus(PrometheusConfig{Access: Access{URL: "x:1"}, Queries: []string{" "}}); !errors.Is(err, ErrQuery) {
		t.Errorf("an empty query: %v", err)
	}
}
