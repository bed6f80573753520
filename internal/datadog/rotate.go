package datadog

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// Key is an API or application key that may be another one tomorrow.
type Key interface {
	// Get is the one to use now.
	Get() (string, error)
	// Refused says that Datadog did not take value.
	Refused(value string)
	// Changes says whether a later Get may give another one.
	Changes() bool
}

// The headers that keys travel in.
const (
	apiHeader = "DD-API-KEY"
	appHeader = "DD-APPLICATION-KEY"
)

// rotating puts the keys of now into every request. When Datadog refuses them they are
// asked for again, and if there are others the request is made once more.
type rotating struct {
	next     http.RoundTripper
	api, app Key

	mu   sync.Mutex
	seen []string // all keys that were used, for no error may hold one
}

// maxSeen bounds the keys that are remembered: the newest, for an answer echoes none
// of last month's.
const maxSeen = 64

// changes says whether other keys may come.
func (t *rotating) changes() bool { return t != nil && (t.api.Changes() || t.app.Changes()) }

// keys are those of now.
func (t *rotating) keys() (api, app string, err error) {
	if api, err = t.api.Get(); err == nil {
		app, err = t.app.Get()
	}
	if err != nil {
		return "", "", fmt.Errorf("no keys to be had: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range []string{api, app} {
		if !slices.Contains(t.seen, k) {
			t.seen = append(t.seen, k)
		}
	}
	t.seen = t.seen[max(0, len(t.seen)-maxSeen):]
	return api, app, nil
}

// used are the keys that were used so far.
func (t *rotating) used() []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.seen)
}

// RoundTrip makes the request, twice where the keys have changed.
func (t *rotating) RoundTrip(r *http.Request) (*http.Response, error) {
	api, app, err := t.keys()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(keyed(r, api, app))
	if err != nil || resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnauthorized || !t.changes() {
		return resp, err
	}
	t.api.Refused(api)
	t.app.Refused(app)
	newAPI, newApp, err := t.keys()
	if err != nil || newAPI == api && newApp == app || r.Body != nil && r.GetBody == nil {
		return resp, nil // the refusal is the answer; the next request asks again
	}
	again := keyed(r, newAPI, newApp)
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil
		}
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	_ = resp.Body.Close()
	return t.next.RoundTrip(again)
}

// keyed is a request with keys in it.
func keyed(r *http.Request, api, app string) *http.Request {
	k := r.Clone(r.Context())
	k.Header.Set(apiHeader, api)
	k.Header.Set(appHeader, app)
	return k
}
