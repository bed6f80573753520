package latency

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"tripcurve/collectors/credential"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Access is how to reach a server over HTTP: a /metrics page, a Prometheus, or what
// speaks like one: Mimir, Thanos, VictoriaMetrics. Proxies come from the usual
// environment variables.
type Access struct {
	URL      string // "https://prometheus.example", also without scheme; no password
	TLS      credential.TLS
	Token    credential.Credential // bearer token; nil is none
	Password credential.Credential // of the URL's user; nil is none
	Tenant   string                // X-Scope-OrgID; empty is none
}

// target is the URL without its user, and the user. The only error is ErrURL.
func (a Access) target(example string) (u *url.URL, user string, err error) {
	u = targetOf(a.URL)
	if u == nil {
		return nil, "", fmt.Errorf("%w: %q, expected for example %s", ErrURL, redact.MaskSecrets(a.URL), example)
	}
	user = u.User.Username()
	if _, has := u.User.Password(); has {
		return nil, "", fmt.Errorf("%w: the password of %s must not stand in the URL, where every user of the machine can see it", ErrURL, u.Redacted())
	}
	if a.Password != nil && user == "" {
		return nil, "", fmt.Errorf("%w: a password without a user; write %s://USER@%s", ErrURL, u.Scheme, u.Host)
	}
	u.User = nil
	return u, user, nil
}

// changes says whether a credential that was refused may become a good one.
func (a Access) changes() bool {
	return a.Token != nil && a.Token.Changes() || a.Password != nil && a.Password.Changes()
}

// transport connects within dial, which bounds a TLS handshake as well.
func (a Access) transport(dial time.Duration) (*http.Transport, error) {
	tlsConfig, err := a.TLS.Client()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dial}).DialContext,
		TLSClientConfig: tlsConfig, TLSHandshakeTimeout: dial, ForceAttemptHTTP2: true,
		MaxIdleConns: 2, IdleConnTimeout: time.Minute,
	}, nil
}

// refuseRedirects is for clients with credentials, which must not travel to where an
// answer points, and for all: no connection that was not configured.
func refuseRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// authorized puts credentials on requests, and measures the clock of who answers. One
// that is refused and has been rotated meanwhile is tried once more.
type authorized struct {
	next   http.RoundTripper
	access Access
	user   string
	clock  serverClock
}

// serverClock is the clock of a server by the Date of its answers, which tells whole
// seconds.
type serverClock struct {
	at atomic.Pointer[incident.Clock]
}

func (c *serverClock) note(date string, asked time.Time) {
	if at, err := http.ParseTime(date); err == nil {
		clock := incident.ClockOf(at, asked, time.Since(asked), time.Second)
		c.at.Store(&clock)
	}
}

// now is the newest measurement; the zero value before there is one.
func (c *serverClock) now() incident.Clock {
	if at := c.at.Load(); at != nil {
		return *at
	}
	return incident.Clock{}
}

// send sends a request and reads the clock off its answer.
func (t *authorized) send(r *http.Request) (*http.Response, error) {
	asked := time.Now()
	resp, err := t.next.RoundTrip(r)
	if err == nil {
		t.clock.note(resp.Header.Get("Date"), asked)
	}
	return resp, err
}

func (t *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	first := r.Clone(r.Context())
	used, err := t.authorize(first)
	if err != nil {
		return nil, err
	}
	resp, err := t.send(first)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || used.value == "" || !used.from.Changes() {
		return resp, err
	}
	used.from.Refused(used.value)
	again := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return resp, nil
		}
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil //nolint:nilerr // the refusal says more
		}
	}
	other, err := t.authorize(again)
	if err != nil || other.value == used.value {
		return resp, nil //nolint:nilerr // the refusal says more than that no other credential could be had
	}
	_ = resp.Body.Close()
	return t.send(again)
}

// used is a credential as it was sent.
type used struct {
	from  credential.Credential
	value string
}

func (t *authorized) authorize(r *http.Request) (used, error) {
	r.Header.Set("User-Agent", "tripcurve")
	if t.access.Tenant != "" {
		r.Header.Set("X-Scope-OrgID", t.access.Tenant)
	}
	for _, c := range []struct {
		from credential.Credential
		what string
		set  func(string)
	}{
		{t.access.Token, "bearer token", func(s string) { r.Header.Set("Authorization", "Bearer "+s) }},
		{t.access.Password, "password", func(s string) { r.SetBasicAuth(t.user, s) }},
	} {
		if c.from == nil {
			continue
		}
		s, err := c.from.Get()
		if err != nil {
			return used{}, fmt.Errorf("no %s to be had: %w", c.what, err)
		}
		if strings.ContainsAny(s, "\r\n\x00") {
			return used{}, fmt.Errorf("the %s has more than one line", c.what)
		}
		c.set(s)
		return used{c.from, s}, nil
	}
	return used{}, nil
}
