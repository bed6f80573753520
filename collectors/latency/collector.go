package latency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tripcurve/collectors/credential"
	"tripcurve/internal/incident"
)

// Config of a scraping collector.
type Config struct {
	Access   Access        // URL "http://127.0.0.1:9090/metrics"; a bare host:port gets both ends
	Names    *Names        // of metrics beyond those that are known
	Name     string        // of the source; empty is the URL's host
	Interval time.Duration // between scrapes; 0 is 5 s
	Most     int           // series kept of the page; 0 is 2,000
}

// maxPage bounds one page; a busy service's is below 2 MB.
const maxPage = 16 << 20

// scrapeTimeout bounds one scrape; a page is text from memory.
const scrapeTimeout = 5 * time.Second

// ErrURL is a target that is no http or https URL.
var ErrURL = errors.New("not a metrics URL")

// Collector scrapes one target. It is run by a supervisor.
type Collector struct {
	cfg    Config
	url    *url.URL
	client *http.Client
	base   *http.Transport
	auth   *authorized
	scrape *Scrape
}

// targetOf is an http or https URL as people write one, also without its scheme; nil
// when it is none.
func targetOf(raw string) *url.URL {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return u
}

// New makes a collector. The errors are ErrURL, and files of certificates that cannot
// be read.
func New(cfg Config) (*Collector, error) {
	if u := targetOf(cfg.Access.URL); u != nil && u.User != nil && cfg.Access.Password == nil {
		if password, has := u.User.Password(); has { // on a command line; a settings file is not read that far
			u.User, cfg.Access.Password = url.User(u.User.Username()), credential.Fixed(password)
			cfg.Access.URL = u.String()
		}
	}
	u, user, err := cfg.Access.target("http://127.0.0.1:9090/metrics")
	if err != nil {
		return nil, err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/metrics"
	}
	if cfg.Name == "" {
		cfg.Name = u.Host
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 5 * time.Second
	}
	base, err := cfg.Access.transport(scrapeTimeout)
	if err != nil {
		return nil, err
	}
	base.MaxIdleConns, base.ResponseHeaderTimeout = 1, scrapeTimeout
	scrape := NewScrape(cfg.Name)
	scrape.names = cfg.Names
	if cfg.Most > 0 {
		scrape.most = cfg.Most
	}
	auth := &authorized{next: base, access: cfg.Access, user: user}
	client := &http.Client{Timeout: scrapeTimeout, Transport: auth, CheckRedirect: refuseRedirects}
	return &Collector{cfg: cfg, url: u, client: client, base: base, auth: auth, scrape: scrape}, nil
}

// Source is what the collector reads, before it has read anything.
func (c *Collector) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: c.cfg.Name, Group: "grpc", State: incident.SourceDown, Detail: "connecting to " + c.url.Redacted()}
}

// Every is the distance between two scrapes.
func (c *Collector) Every() time.Duration { return c.cfg.Interval }

// Run scrapes until ctx ends or a scrape fails.
func (c *Collector) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	defer c.base.CloseIdleConnections()
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	for {
		began := time.Now()
		body, err := c.fetch(ctx)
		if err == nil {
			var facts []incident.Fact
			// The page was made between asking and now; it cannot show what began later.
			facts, err = c.scrape.Observe(began, body)
			if err == nil {
				out <- facts
				status <- c.ok(began, facts)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("scrape %s: %w", c.url.Redacted(), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (c *Collector) ok(at time.Time, facts []incident.Fact) incident.SourceStatus {
	detail := fmt.Sprintf("%d series each %s", len(facts), c.cfg.Interval)
	switch {
	case len(facts) == 0:
		detail = "no metric of calls, breakers or pools on this page"
	case c.scrape.Skipped() > 0:
		detail += fmt.Sprintf("; %d more than we keep of one target are left out", c.scrape.Skipped())
	}
	return incident.SourceStatus{Name: c.cfg.Name, Group: "grpc", State: incident.SourceOK, LastAt: at.UTC(), Detail: detail, Clock: c.auth.clock.now()}
}

// fetch reads the page.
func (c *Collector) fetch(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1")
	resp, err := c.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // whose text repeats the URL
			err = u.Err
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", status(resp.StatusCode))
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind != "text/plain" && kind != "application/openmetrics-text" {
		return nil, fmt.Errorf("answered %s, expected the text exposition (text/plain)", kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("the page is longer than %d MB", maxPage>>20)
	}
	return body, nil
}

// status is a code with its standard text, for the server's own is foreign.
func status(code int) string {
	s := fmt.Sprintf("%d %s", code, http.StatusText(code))
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		s += "; the credentials are missing, wrong or lack a right"
	case code == http.StatusNotFound:
		s += "; is the path right?"
	case code >= 300 && code < 400:
		s += "; redirects are not followed, give the final URL"
	}
	return s
}
