package latency

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
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
	auth *authorized
	edge *promEdge
}

func newPromClient(a Access) (*promClient, error) {
	const example = "https://prometheus.example:9090"
	u, user, err := a.target(example)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: %q, expected for example %s", ErrURL, redact.MaskSecrets(a.URL), example)
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1") // as people paste it
	base, err := a.transport(10 * time.Second)
	if err != nil {
		return nil, err
	}
	auth := &authorized{next: base, access: a, user: user}
	edge := &promEdge{next: auth}
	c, err := api.NewClient(api.Config{Address: u.String(), Client: &http.Client{
		Transport: edge, Timeout: askTimeout, CheckRedirect: refuseRedirects,
	}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return &promClient{API: promv1.NewAPI(c), url: u, base: base, auth: auth, edge: edge}, nil
}

// promEdge turns every answer that is no success into a PrometheusError, for the
// client hides their headers. It bounds what is read.
type promEdge struct {
	next  http.RoundTripper
	heard atomic.Bool // somebody has answered
}

func (e *promEdge) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := e.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	e.heard.Store(true)
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
