// Package datadog is the one place that speaks to Datadog: it wraps the official
// client, whose two API packages take minutes to compile, behind small
// interfaces that others use and tests replace.
package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	dd "github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
)

// Metrics answers metric queries.
type Metrics interface {
	Query(ctx context.Context, from, to time.Time, query string) ([]Series, error)
}

var (
	// ErrNoKeys says that the environment has no keys.
	ErrNoKeys = errors.New("datadog: DD_API_KEY and DD_APP_KEY are not both set")
	// ErrRefused says that the keys were not accepted.
	ErrRefused = errors.New("datadog refuses the keys; check DD_API_KEY, DD_APP_KEY and DD_SITE")
	// ErrShape says that an answer is not what its documentation says: the client
	// gives such a one without an error, and with empty fields.
	ErrShape = errors.New("datadog answer")
)

// QueryError is an answer with HTTP status 200 that says that the query failed; the
// client gives it without an error.
type QueryError struct {
	What   string // "query"
	Status string // "error"; foreign text
	Text   string // Datadog's own words, foreign text
}

func (e *QueryError) Error() string {
	s := fmt.Sprintf("datadog %s: status %q", e.What, e.Status)
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Keys give access to one Datadog site. They print as nothing.
type Keys struct{ API, App, Site string }

func (k Keys) String() string   { return "keys of " + k.site() }
func (k Keys) GoString() string { return k.String() }

func (k Keys) site() string {
	if k.Site == "" {
		return "datadoghq.com"
	}
	return k.Site
}

// KeysFrom reads DD_API_KEY, DD_APP_KEY and DD_SITE, as os.Getenv gives them.
func KeysFrom(getenv func(string) string) (Keys, error) {
	k := Keys{API: getenv("DD_API_KEY"), App: getenv("DD_APP_KEY"), Site: getenv("DD_SITE")}
	if k.API == "" || k.App == "" {
		return Keys{}, ErrNoKeys
	}
	return k, nil
}

// sites are those that the client knows; it refuses others with a riddle.
var sites = []string{
	"datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com", "ap2.datadoghq.com",
	"uk1.datadoghq.com", "datadoghq.eu", "ddog-gov.com", "us2.ddog-gov.com",
}

// Options of a Client; the zero value is ready to use.
type Options struct {
	URL     string        // of a server that stands for Datadog; empty is the site's own
	Timeout time.Duration // of one query; 0 is 15 s

	// API and App are where keys come from that are rotated: they are got for every
	// request, and again when Datadog refuses them. Both nil: those of Keys, for good.
	API, App Key

	transport http.RoundTripper // nil is http.DefaultTransport
}

// Client is a Datadog site behind its keys. Any goroutine may use it.
type Client struct {
	api     *datadogV1.MetricsApi
	logs    *datadogV1.LogsApi
	keys    Keys
	rotates *rotating // nil: the keys stay
	timeout time.Duration
	limit   atomic.Pointer[Limit]
}

var _ Metrics = (*Client)(nil)

// Limit is what the newest answer said about the rate limit.
type Limit struct {
	Name      string
	Remaining int       // requests left until ResetAt
	ResetAt   time.Time // our clock
}

// maxBody bounds one answer: 1,500 points of 1,000 series are 60 MB at most.
const maxBody = 64 << 20

// New makes a client; the error is a site that does not exist, or a URL that will not
// do.
func New(keys Keys, opts Options) (*Client, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = 15 * time.Second
	}
	if err := checkIntake(opts.URL); err != nil {
		return nil, err
	}
	if opts.URL == "" && !slices.Contains(sites, keys.site()) {
		return nil, fmt.Errorf("datadog site %q is not one of %s", keys.site(), strings.Join(sites, ", "))
	}
	// The client warns through the standard logger, which would tear a screen.
	if log.Writer() == os.Stderr {
		log.SetOutput(io.Discard)
	}
	if opts.transport == nil {
		opts.transport = http.DefaultTransport
	}
	var rotates *rotating
	if opts.API != nil && opts.App != nil {
		rotates = &rotating{next: opts.transport, api: opts.API, app: opts.App}
		opts.transport = rotates
	}
	cfg := dd.NewConfiguration()
	cfg.HTTPClient = &http.Client{
		Timeout:   opts.Timeout,
		Transport: limited{opts.transport},
		// Keys must not travel to where an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	cfg.UserAgent = "tripcurve"
	// Who asks waits, as RetryAt says, and tells people so; the client's own retries
	// would wait in silence.
	cfg.RetryConfiguration.EnableRetry = false
	if opts.URL != "" {
		cfg.Servers = dd.ServerConfigurations{{URL: strings.TrimSuffix(opts.URL, "/")}}
		cfg.OperationServers = map[string]dd.ServerConfigurations{}
	}
	wire := dd.NewAPIClient(cfg)
	return &Client{api: datadogV1.NewMetricsApi(wire), logs: datadogV1.NewLogsApi(wire), keys: keys, rotates: rotates, timeout: opts.Timeout}, nil
}

// limited bounds the size of every answer.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxBody)
	return resp, nil
}

// Query asks for the series of a metric query such as
// "p99:grpc.client.duration{service:gateway}", or of spans, such as
// "apm:latency_p99 service:order env:prod operation:grpc.client", in [from, to). No series is an
// empty answer, also for a metric that does not exist.
func (c *Client) Query(ctx context.Context, from, to time.Time, query string) ([]Series, error) {
	if err := c.usedUp(); err != nil {
		return nil, err
	}
	ctx, cancel := c.prepare(ctx)
	defer cancel()
	if strings.HasPrefix(query, apmPrefix) {
		return c.queryAPM(ctx, from, to, query)
	}
	answer, resp, err := c.api.QueryMetrics(ctx, from.Unix(), to.Unix(), query)
	c.note(resp)
	if err != nil {
		return nil, c.explain("ask", err, resp)
	}
	all, err := seriesOf(answer)
	if err != nil {
		return nil, c.scrubbed(err)
	}
	return all, nil
}

// usedUp is the error of a request that would be over the rate limit.
func (c *Client) usedUp() error {
	if l := c.limit.Load(); l != nil && l.Remaining == 0 && time.Now().Before(l.ResetAt) {
		return &Error{Status: http.StatusTooManyRequests, Text: "rate limit " + l.Name + " is used up", RetryAt: l.ResetAt}
	}
	return nil
}

// prepare adds the deadline, the keys and the site to a request's context.
func (c *Client) prepare(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	ctx = context.WithValue(ctx, dd.ContextAPIKeys, map[string]dd.APIKey{
		"apiKeyAuth": {Key: c.keys.API}, "appKeyAuth": {Key: c.keys.App},
	})
	return context.WithValue(ctx, dd.ContextServerVariables, map[string]string{"site": c.keys.site()}), cancel
}

// Limit is what the newest answer said about the rate limit; ok is false before
// one did.
func (c *Client) Limit() (l Limit, ok bool) {
	p := c.limit.Load()
	if p == nil {
		return Limit{}, false
	}
	return *p, true
}

// Pacer says how long to wait before the next request, where every is the usual
// time: longer when few requests are left until the rate limit is reset.
type Pacer interface {
	Pace(every time.Duration, now time.Time) time.Duration
}

// Pace is what a Pacer says, by the newest answer's headers.
func (c *Client) Pace(every time.Duration, now time.Time) time.Duration {
	l, ok := c.Limit()
	if !ok || l.Remaining > 2 || !l.ResetAt.After(now) {
		return every
	}
	return max(every, l.ResetAt.Sub(now)/time.Duration(l.Remaining+1))
}

// note reads the rate limit headers of an answer.
func (c *Client) note(resp *http.Response) {
	if resp == nil {
		return
	}
	h := resp.Header
	remaining, err1 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	reset, err2 := strconv.Atoi(h.Get("X-RateLimit-Reset"))
	if err2 != nil || reset < 0 {
		return
	}
	if err1 != nil {
		if resp.StatusCode != http.StatusTooManyRequests {
			return
		}
		remaining = 0
	}
	reset = min(reset, 3600) // a day's wait is no answer
	c.limit.Store(&Limit{Name: h.Get("X-RateLimit-Name"), Remaining: remaining, ResetAt: time.Now().Add(time.Duration(reset) * time.Second)})
}

// Error is an answer that is not 2xx.
type Error struct {
	Status  int
	Text    string    // Datadog's own words, or what came instead; foreign text
	RetryAt time.Time // when the rate limit ends; zero when it is not that
	Rotates bool      // the keys may be others the next time: a refusal is not the end
}

func (e *Error) Error() string {
	s := fmt.Sprintf("datadog answers %d %s", e.Status, http.StatusText(e.Status))
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

func (e *Error) Unwrap() error {
	if e.Rotates {
		return nil
	}
	if e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized {
		return ErrRefused
	}
	return nil
}

// explain is the error of a request that we made to ask or to tell Datadog.
func (c *Client) explain(verb string, err error, resp *http.Response) error {
	var api dd.GenericOpenAPIError
	if !errors.As(err, &api) || resp == nil || resp.StatusCode < 300 {
		return fmt.Errorf("%s datadog: %s", verb, c.scrub(err.Error()))
	}
	return c.refusal(resp, api.Body())
}

// refusal is an answer that is not 2xx.
func (c *Client) refusal(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, Text: c.scrub(words(body)), Rotates: c.rotates.changes()}
	if resp.StatusCode == http.StatusTooManyRequests {
		e.RetryAt = time.Now().Add(30 * time.Second)
		if l := c.limit.Load(); l != nil {
			e.RetryAt = l.ResetAt
		}
	}
	return e
}

// words are the errors in a body: v1 and v2 have strings, JSON:API has objects,
// a proxy in between has a page.
func words(body []byte) string {
	var v struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &v) != nil {
		return "not an answer of its API; something in between speaks"
	}
	var all []string
	for _, raw := range v.Errors {
		var text string
		var object struct{ Title, Detail string }
		switch {
		case json.Unmarshal(raw, &text) == nil:
			all = append(all, text)
		case json.Unmarshal(raw, &object) == nil:
			all = append(all, strings.TrimPrefix(object.Title+": "+object.Detail, ": "))
		}
	}
	return strings.Join(all, "; ")
}

// scrubbed is an error whose foreign text may echo the request.
func (c *Client) scrubbed(err error) error {
	var q *QueryError
	if errors.As(err, &q) {
		return &QueryError{What: q.What, Status: c.scrub(q.Status), Text: c.scrub(q.Text)}
	}
	if errors.Is(err, ErrShape) {
		return fmt.Errorf("%w: %s", ErrShape, strings.TrimPrefix(c.scrub(err.Error()), ErrShape.Error()+": "))
	}
	return errors.New(c.scrub(err.Error()))
}

// scrub takes the keys out of a text that may echo the request.
func (c *Client) scrub(s string) string {
	for _, key := range append([]string{c.keys.API, c.keys.App}, c.rotates.used()...) {
		if key != "" {
			s = strings.ReplaceAll(s, key, "****")
		}
	}
	return s
}
