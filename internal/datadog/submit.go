package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"
)

// ErrNoAPIKey says that the environment has no key to submit with.
var ErrNoAPIKey = errors.New("datadog: DD_API_KEY is not set")

// SubmitKeysFrom reads what submitting needs, DD_API_KEY and DD_SITE, as os.Getenv
// gives them. The application key is only for reading.
func SubmitKeysFrom(getenv func(string) string) (Keys, error) {
	k := Keys{API: getenv("DD_API_KEY"), Site: getenv("DD_SITE")}
	if k.API == "" {
		return Keys{}, ErrNoAPIKey
	}
	return k, nil
}

// SubmitOptions of a Submitter; the zero value is ready to use.
type SubmitOptions struct {
	URL     string        // of an intake that stands for Datadog; empty is the site's own
	Every   time.Duration // between two submissions, whole seconds; 0 is 10 s
	Timeout time.Duration // of one submission; 0 is 5 s
	Queue   int           // points kept until the intake takes them; 0 is 1,000
	Host    string        // resource of every point; empty is none
	Tags    []string      // of every point: "service:order"

	// Report is told when the intake begins to refuse and, with nil, when it takes
	// points again. It is called from the Submitter's goroutine, and not for every
	// submission that fails for the same reason.
	Report func(error)

	// Transport stands for the network; nil is a transport of the Submitter's own.
	Transport http.RoundTripper
}

// Submissions is what became of the counts that a Submitter was told; Count(name, 3)
// is three.
type Submissions struct {
	Sent     int64 // taken by the intake
	Dropped  int64 // given up: queue full, refused, too old, or told after Close
	Waiting  int64 // not sent yet
	Requests int64 // made, whatever became of them
	Failures int64 // of Requests
}

// Submitter counts and hands the counts over to Datadog, at most one submission at
// a time. Any goroutine may use it; nobody but Close ever waits for the network.
//
// What the intake did not take because it is slow, down or over its rate limit is
// kept for the next time, as long as there is room. To send a point again is safe,
// for the intake keeps one value of a series and second; which is why no two points
// of one name get the same second.
type Submitter struct {
	client *Client
	opts   SubmitOptions
	own    *http.Transport // to be closed; nil when the caller brought one
	base   context.Context // of all submissions
	cancel context.CancelFunc
	stop   chan struct{} // closed by Close
	ended  chan struct{} // closed by the goroutine

	mu      sync.Mutex // never held across a submission
	closed  bool
	pending map[string]*point // counted since the last submission
	backlog []point           // of earlier ones that failed; written by the goroutine alone
	done    Submissions
	last    map[string]int64 // second of the newest point by name

	failing int       // kind of what was reported last; the goroutine's
	resume  time.Time // no submission before, by the intake's own word; the goroutine's
}

// point is one value of a series.
type point struct {
	metric string
	second int64 // Unix
	n      int64
}

// maxAge is how old a point may be for the intake, less what a submission takes.
const maxAge = time.Hour - time.Minute

// NewSubmitter starts one; Close it. The error is a site or a URL that will not do.
func NewSubmitter(keys Keys, opts SubmitOptions) (*Submitter, error) {
	if keys.API == "" {
		return nil, ErrNoAPIKey
	}
	opts.Every = opts.Every.Truncate(time.Second)
	if opts.Every <= 0 {
		opts.Every = 10 * time.Second
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 5 * time.Second
	}
	if opts.Queue <= 0 {
		opts.Queue = 1000
	}
	if opts.Report == nil {
		opts.Report = func(error) {}
	}
	s := &Submitter{
		opts: opts, stop: make(chan struct{}), ended: make(chan struct{}),
		pending: map[string]*point{}, last: map[string]int64{},
	}
	transport := opts.Transport
	if transport == nil {
		s.own = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: opts.Timeout}).DialContext,
			TLSHandshakeTimeout: opts.Timeout,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        1,
			IdleConnTimeout:     90 * time.Second,
		}
		transport = s.own
	}
	client, err := New(Keys{API: keys.API, Site: keys.Site}, Options{URL: opts.URL, Timeout: opts.Timeout, transport: transport})
	if err != nil {
		return nil, err
	}
	s.client = client
	s.base, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

// checkIntake refuses to show the key to a network in the clear.
func checkIntake(raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("datadog intake: not a URL such as https://intake.example") // it may hold a password
	}
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return nil
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
		return nil
	}
	return fmt.Errorf("datadog intake: %s would get the key in the clear; use https", u.Hostname())
}

// Count adds n to a count. It never waits for the network. A name that finds the
// queue full is dropped, and Submissions says so.
func (s *Submitter) Count(metric string, n int64) {
	if n <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pending[metric]
	switch {
	case s.closed, p == nil && len(s.pending)+len(s.backlog) >= s.opts.Queue:
		s.done.Dropped += n
		return
	case p == nil:
		p = &point{metric: metric, second: s.second(metric)}
		s.pending[metric] = p
	}
	p.n += n
	s.done.Waiting += n
}

// second is now's, or the first one in which that metric has no point yet. The
// lock is held.
func (s *Submitter) second(metric string) int64 {
	at := time.Now().Unix()
	last, known := s.last[metric]
	if known && at <= last {
		at = last + 1
	}
	if known || len(s.last) < s.opts.Queue {
		s.last[metric] = at
	}
	return at
}

// Submissions is what became of all counts so far.
func (s *Submitter) Submissions() Submissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// Close submits what is left, once, and ends the Submitter. It waits for that
// until ctx ends, and a submission ends by its own timeout. The error says how
// many counts were never taken, by this submission or before.
func (s *Submitter) Close(ctx context.Context) error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if !again {
		close(s.stop)
	}
	release := context.AfterFunc(ctx, s.cancel)
	<-s.ended
	release()
	s.cancel()
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
	if lost := s.Submissions().Dropped; lost > 0 {
		return fmt.Errorf("datadog: %d counts were not delivered", lost)
	}
	return nil
}

// run submits until the Submitter is closed.
func (s *Submitter) run() {
	defer close(s.ended)
	t := time.NewTicker(s.opts.Every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if !time.Now().Before(s.resume) {
				s.flush()
			}
		case <-s.stop:
			s.flush()
			s.mu.Lock()
			s.drop(s.backlog)
			s.backlog = nil
			s.mu.Unlock()
			return
		}
	}
}

// flush submits all that waits.
func (s *Submitter) flush() {
	batch := s.take()
	if len(batch) == 0 {
		return
	}
	err := s.client.submit(s.base, s.payload(batch))
	var said *Error
	if errors.As(err, &said) {
		s.resume = said.RetryAt
	}
	s.mu.Lock()
	s.done.Requests++
	switch {
	case err == nil:
		for _, p := range batch {
			s.done.Sent += p.n
			s.done.Waiting -= p.n
		}
		s.backlog = nil
	case !passing(said):
		s.done.Failures++
		s.drop(batch)
		s.backlog = nil
	default:
		s.done.Failures++
	}
	s.mu.Unlock()
	s.report(err)
}

// take moves what is pending behind the backlog, without what has become too old,
// and hands it all over.
func (s *Submitter) take() []point {
	oldest := time.Now().Add(-maxAge).Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.pending)) {
		s.backlog = append(s.backlog, *s.pending[name])
	}
	clear(s.pending)
	s.backlog = slices.DeleteFunc(s.backlog, func(p point) bool {
		old := p.second < oldest
		if old {
			s.drop([]point{p})
		}
		return old
	})
	return s.backlog
}

// drop gives points up. The lock is held.
func (s *Submitter) drop(all []point) {
	for _, p := range all {
		s.done.Dropped += p.n
		s.done.Waiting -= p.n
	}
}

// passing says whether what an intake answered may be over the next time. nil is
// no answer at all.
func passing(e *Error) bool {
	return e == nil || e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// report tells of a change. Failures are told apart by their status and not by
// their words, which name another port every time.
func (s *Submitter) report(err error) {
	kind := 0
	var said *Error
	switch {
	case errors.As(err, &said):
		kind = said.Status
	case err != nil:
		kind = -1
	}
	if kind != s.failing {
		s.failing = kind
		s.opts.Report(err)
	}
}

// The v2 intake's request. The client's own package of v2 takes gigabytes of memory
// and minutes to compile, for these few fields.
type (
	payload struct {
		Series []series `json:"series"`
	}
	series struct {
		Metric    string     `json:"metric"`
		Type      int        `json:"type"`     // 1 is a count
		Interval  int64      `json:"interval"` // seconds that each point counted
		Points    []value    `json:"points"`
		Resources []resource `json:"resources,omitempty"`
		Tags      []string   `json:"tags,omitempty"`
	}
	value struct {
		Timestamp int64   `json:"timestamp"` // Unix seconds
		Value     float64 `json:"value"`
	}
	resource struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
)

// payload is one series of each metric.
func (s *Submitter) payload(batch []point) payload {
	var all []series
	at := map[string]int{}
	for _, p := range batch {
		i, ok := at[p.metric]
		if !ok {
			i = len(all)
			at[p.metric] = i
			one := series{Metric: p.metric, Type: 1, Interval: int64(s.opts.Every / time.Second), Tags: s.opts.Tags}
			if s.opts.Host != "" {
				one.Resources = []resource{{Name: s.opts.Host, Type: "host"}}
			}
			all = append(all, one)
		}
		all[i].Points = append(all[i].Points, value{Timestamp: p.second, Value: float64(p.n)})
	}
	return payload{Series: all}
}

// submit hands points over, as the client's SubmitMetrics does.
func (c *Client) submit(ctx context.Context, all payload) error {
	ctx, cancel := c.prepare(ctx)
	defer cancel()
	resp, body, err := c.post(ctx, "tell", "v2.MetricsApi.SubmitMetrics", "/api/v2/series", &all, [2]string{"apiKeyAuth", "DD-API-KEY"})
	if err != nil {
		return err
	}
	var answer struct{ Errors []string }
	switch err := json.Unmarshal(body, &answer); {
	case err == nil && len(answer.Errors) > 0:
		return c.refusal(resp, body)
	case err != nil:
		return fmt.Errorf("tell datadog: %s is not an answer of its intake", resp.Status)
	}
	return nil
}
