package datadog

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// vault is a key that its command prints, another one after each rotation.
type vault struct {
	mu      sync.Mutex
	version int
	asked   int
	have    string
	broken  error
}

func (v *vault) Get() (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.have == "" {
		if v.broken != nil {
			return "", v.broken
		}
		v.asked++
		v.have = fmt.Sprintf("key-of-version-%d", v.version)
	}
	return v.have, nil
}

func (v *vault) Refused(value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.have == value {
		v.have = ""
	}
}

func (v *vault) Changes() bool { return true }

func (v *vault) rotate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.version++
}

// guarded is a server that stands for Datadog and takes the keys of a version.
type guarded struct {
	version  int
	requests int
	bodies   []string
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.requests++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	g.bodies = append(g.bodies, string(body))
	w.Header().Set("Content-Type", "application/json")
	want := fmt.Sprintf("key-of-version-%d", g.version)
	if r.Header.Get("DD-API-KEY") != want || r.Header.Get("DD-APPLICATION-KEY") != want {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":["Forbidden: %s is expired"]}`, r.Header.Get("DD-API-KEY"))
		return
	}
	if strings.Contains(r.URL.Path, "logs") {
		fmt.Fprint(w, `{"logs":[],"status":"done"}`)
		return
	}
	fmt.Fprint(w, `{"status":"ok","series":[]}`)
}

func rotated(t *testing.T, g *guarded, api, app Key) *Client {
	t.Helper()
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	c, err := New(Keys{}, Options{URL: s.URL, API: api, App: app})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Keys that were rotated are asked for again, the request is made once more with its
// body, and nothing is lost in between.
func TestRotatedKeysAreReadAgain(t *testing.T) {
	g, api, app := &guarded{}, &vault{}, &vault{}
	c := rotated(t, g, api, app)
	for range 2 {
		if _, err := query(c); err != nil {
			t.Fatal(err)
		}
	}
	if g.requests != 2 || api.asked != 1 {
		t.Errorf("%d requests, asked %d times for keys that hold", g.requests, api.asked)
	}
	g.version = 1
	api.rotate()
	app.rotate()
	if _, err := query(c); err != nil {
		t.Fatal(err)
	}
	if g.requests != 4 || api.asked != 2 || app.asked != 2 {
		t.Errorf("after the rotation: %d requests, asked %d and %d times", g.requests, api.asked, app.asked)
	}
	g.version = 2
	api.rotate()
	app.rotate()
	g.bodies = nil
	if _, err := c.Logs(t.Context(), LogSearch{Query: "service:gateway", From: time.Unix(1, 0), To: time.Unix(2, 0)}); err != nil {
		t.Fatal(err)
	}
	if len(g.bodies) != 2 || g.bodies[0] == "" || g.bodies[0] != g.bodies[1] {
		t.Errorf("bodies %q", g.bodies)
	}
}

// Keys that are refused and are still the same are no end: the next request asks again.
func TestRefusedKeysThatMayRotate(t *testing.T) {
	g, api, app := &guarded{version: 7}, &vault{}, &vault{}
	c := rotated(t, g, api, app)
	_, err := query(c)
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden || errors.Is(err, ErrRefused) {
		t.Errorf("refused: %v", err)
	}
	if strings.Contains(err.Error(), "key-of-version") {
		t.Errorf("a key is in %v", err)
	}
	if g.requests != 1 {
		t.Errorf("%d requests with the same keys", g.requests)
	}
	for range 7 {
		api.rotate()
		app.rotate()
	}
	if _, err := query(c); err != nil {
		t.Errorf("with the keys that came: %v", err)
	}
	api.Refused("key-of-version-7")
	api.mu.Lock()
	api.broken = errors.New("the vault is sealed")
	api.mu.Unlock()
	if _, err := query(c); err == nil || !strings.Contains(err.Error(), "no keys to be had: the vault is sealed") {
		t.Errorf("without keys: %v", err)
	}
}
