package latency

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"tripcurve/internal/redact"
)

// ErrPrometheusRefused says that credentials are missing, wrong or lack a right.
var ErrPrometheusRefused = errors.New("prometheus refuses the credentials")

// PrometheusError is an answer of the HTTP API, or of what stands before it, that
// is no success.
type PrometheusError struct {
	Status  int       // of HTTP; 200 when the error is inside
	Kind    string    // "bad_data", "execution", "timeout", ...; empty when the answer was not the API's
	Text    string    // what it said, short and in one line
	RetryAt time.Time // when to ask again; zero when it does not say
}

func (e *PrometheusError) Error() string {
	s := fmt.Sprintf("answered %d %s", e.Status, http.StatusText(e.Status))
	switch {
	case e.Kind != "" && e.Text != "":
		s += ": " + e.Kind + ": " + e.Text
	case e.Text != "":
		s += ": " + e.Text
	}
	return s
}

func (e *PrometheusError) Unwrap() error {
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		return ErrPrometheusRefused
	}
	return nil
}

// Secret gives a credential each time one is needed, for files of them are
// rotated. Empty is none.
type Secret func() (string, error)

// SecretFile reads a credential from a file; blanks around it do not count.
func SecretFile(path string) Secret {
	return func() (string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		s := strings.TrimSpace(string(b))
		if s == "" {
			return "", fmt.Errorf("%s is empty", path)
		}
		return s, nil
	}
}

// PrometheusAccess is how to reach a Prometheus, or what speaks like one: Mimir,
// Thanos, VictoriaMetrics. Proxies come from the usual environment variables.
type PrometheusAccess struct {
	URL       string // "https://prometheus.example", with the path before /api/v1 if there is one; no password
	CA        string // file of certificates to trust, PEM; empty trusts the system's
	Cert, Key string // files of our certificate and its key, PEM; read at every handshake
	Token     Secret // bearer token; nil is none
	Password  Secret // of the URL's user; nil is none
	Rotated   bool   // the credentials are read anew each time, so refused ones may become good
	Tenant    string // X-Scope-OrgID; empty is none
}

const (
	// maxAnswer bounds one answer; pieces are chosen to be a tenth of it.
	maxAnswer = 64 << 20
	// maxErrorAnswer bounds what is read of an answer that is no success.
	maxErrorAnswer = 64 << 10
	// askTimeout bounds one request, with its answer.
	askTimeout = 30 * time.Second
	// maxWait bounds what a server can make us wait.
	maxWait = 5 * time.Minute
)

// promClient is the API behind its access.
type promClient struct {
	promv1.API
	url  *url.URL
	base *http.Transport
	edge *promEdge
}

func newPromClient(a PrometheusAccess) (*promClient, error) {
	u := targetOf(a.URL)
	if u == nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: %q, expected for example https://prometheus.example:9090", ErrURL, redact.MaskSecrets(a.URL))
	}
	user := u.User.Username()
	if _, has := u.User.Password(); has {
		return nil, fmt.Errorf("%w: the password of %s must not stand in the URL, where every user of the machine can see it", ErrURL, u.Redacted())
	}
	if a.Password != nil && user == "" {
		return nil, fmt.Errorf("%w: a password without a user; write %s://USER@%s", ErrURL, u.Scheme, u.Host)
	}
	u.User = nil
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1") // as people paste it
	tlsConfig, err := a.tls()
	if err != nil {
		return nil, err
	}
	base := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig: tlsConfig, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		MaxIdleConns: 2, IdleConnTimeout: time.Minute,
	}
	edge := &promEdge{next: base, access: a, user: user}
	c, err := api.NewClient(api.Config{Address: u.String(), Client: &http.Client{
		Transport: edge, Timeout: askTimeout,
		// Credentials must not travel to where an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return &promClient{API: promv1.NewAPI(c), url: u, base: base, edge: edge}, nil
}

func (a PrometheusAccess) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CA != "" {
		pem, err := os.ReadFile(a.CA)
		if err != nil {
			return nil, fmt.Errorf("certificates to trust: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates to trust: %s holds none; expected PEM (-----BEGIN CERTIFICATE-----)", a.CA)
		}
	}
	if (a.Cert == "") != (a.Key == "") {
		return nil, errors.New("our certificate and its key are needed together")
	}
	if a.Cert != "" {
		if _, err := tls.LoadX509KeyPair(a.Cert, a.Key); err != nil {
			return nil, fmt.Errorf("our certificate: %w", err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
			return &pair, err
		}
	}
	return c, nil
}

// promEdge puts credentials on requests and turns every answer that is no success
// into a PrometheusError, for the client hides their headers. It bounds what is
// read.
type promEdge struct {
	next   http.RoundTripper
	access PrometheusAccess
	user   string
	ahead  atomic.Int64 // of the server's clock before ours, ns, to about a second
	heard  atomic.Bool  // somebody has answered
}

func (e *promEdge) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "tripcurve")
	if e.access.Tenant != "" {
		r.Header.Set("X-Scope-OrgID", e.access.Tenant)
	}
	if err := e.authorize(r); err != nil {
		return nil, err
	}
	asked := time.Now()
	resp, err := e.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	e.heard.Store(true)
	e.clock(resp.Header.Get("Date"), asked)
	code := resp.StatusCode
	if r.Method == http.MethodPost && (code == http.StatusForbidden || code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented) {
		return resp, nil // the client tries GET
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if code != http.StatusOK || kind != "application/json" {
		defer func() { _ = resp.Body.Close() }()
		return nil, promFailure(resp, kind, time.Now())
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

func (e *promEdge) authorize(r *http.Request) error {
	for _, c := range []struct {
		secret Secret
		what   string
		set    func(string)
	}{
		{e.access.Token, "bearer token", func(s string) { r.Header.Set("Authorization", "Bearer "+s) }},
		{e.access.Password, "password", func(s string) { r.SetBasicAuth(e.user, s) }},
	} {
		if c.secret == nil {
			continue
		}
		s, err := c.secret()
		if err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		if strings.ContainsAny(s, "\r\n\x00") {
			return fmt.Errorf("%s: it has more than one line", c.what)
		}
		c.set(s)
		return nil
	}
	return nil
}

// clock notes by how much the server's clock is ahead of ours.
func (e *promEdge) clock(date string, asked time.Time) {
	if at, err := http.ParseTime(date); err == nil {
		took := time.Since(asked)
		e.ahead.Store(int64(at.Add(500 * time.Millisecond).Sub(asked.Add(took / 2))))
	}
}

// promFailure is what an answer says that is no success.
func promFailure(resp *http.Response, kind string, now time.Time) *PrometheusError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer)) // what came is what there is to say
	e := &PrometheusError{Status: resp.StatusCode}
	var said struct {
		ErrorType string `json:"errorType"`
		Error     string `json:"error"`
		Message   string `json:"message"` // of proxies
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Text = "redirects are not followed, give the final URL"
	case resp.StatusCode == http.StatusOK:
		e.Text = fmt.Sprintf("found %s, expected JSON; is this the address of Prometheus's HTTP API?", promKind(kind))
	case kind == "application/json" && json.Unmarshal(body, &said) == nil && (said.Error != "" || said.Message != ""):
		e.Kind, e.Text = promText(said.ErrorType, 40), promText(said.Error, 300)
		if said.Error == "" {
			e.Text = promText(said.Message, 300)
		}
	case kind == "text/plain" && len(bytes.TrimSpace(body)) > 0:
		e.Text = promText(string(body), 120)
	case resp.StatusCode == http.StatusNotFound:
		e.Text = "is the path before /api/v1 right?"
	case len(body) > 0:
		e.Text = "with " + promKind(kind) + ", which is a proxy's and not Prometheus's"
	}
	if after := resp.Header.Get("Retry-After"); after != "" {
		if s, err := strconv.Atoi(after); err == nil && s >= 0 {
			e.RetryAt = now.Add(time.Duration(min(s, int(maxWait/time.Second))) * time.Second)
		} else if at, err := http.ParseTime(after); err == nil {
			e.RetryAt = now.Add(min(max(at.Sub(now), 0), maxWait))
		}
	}
	if e.Status == http.StatusTooManyRequests && e.RetryAt.IsZero() {
		e.RetryAt = now.Add(10 * time.Second)
	}
	return e
}

func promKind(kind string) string {
	switch kind {
	case "":
		return "an answer without a type"
	case "text/html":
		return "an HTML page"
	}
	return promText(kind, 60)
}

// promText is foreign text in one short line, without credentials.
func promText(s string, most int) string {
	s = redact.Line(redact.MaskSecrets(strings.TrimSpace(s)))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// promError is err as ours: typed, short, and without the request's URL.
func promError(err error) error {
	var ours *PrometheusError
	var theirs *promv1.Error
	var large *http.MaxBytesError
	var u *url.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &large):
		return fmt.Errorf("the answer is longer than %d MB: %w", large.Limit>>20, large)
	case errors.As(err, &theirs) && theirs.Type == promv1.ErrBadResponse:
		return &PrometheusError{Status: http.StatusOK, Kind: string(theirs.Type), Text: "the answer cannot be read: " + promText(theirs.Msg, 160)}
	case errors.As(err, &theirs):
		return &PrometheusError{Status: http.StatusOK, Kind: promText(string(theirs.Type), 40), Text: promText(theirs.Msg, 300)}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the answer broke off: %w", err)
	case errors.As(err, &u):
		return u.Err
	}
	return err
}

// tooMuch says whether a shorter piece may be answered where this one was not.
func tooMuch(err error) bool {
	var e *PrometheusError
	if errors.As(err, &e) {
		switch {
		case e.Kind == "execution", e.Kind == "timeout":
			return true
		case e.Kind == "bad_data" && strings.Contains(e.Text, "exceeded maximum resolution"):
			return true
		}
		return e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusUnprocessableEntity || e.Status == http.StatusGatewayTimeout
	}
	return errors.As(err, new(*http.MaxBytesError)) || errors.Is(err, context.DeadlineExceeded)
}

// BadQuery says whether an error is the user's to mend: a query that the server
// does not understand, or one that asks for too much.
func BadQuery(err error) bool {
	var e *PrometheusError
	return errors.As(err, &e) && e.Kind == "bad_data" || errors.Is(err, errTooManySeries)
}
