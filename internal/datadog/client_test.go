package datadog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// cassette is a go-vcr recording, version 2.
type cassette struct {
	Interactions []struct {
		Request  struct{ Method, URL, Body string }
		Response struct {
			Body    string
			Code    int
			Headers map[string][]string
		}
	}
}

func readCassette(t *testing.T, path string) cassette {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c cassette
	if err := yaml.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

var keys = Keys{API: "api-key-0123", App: "app-key-4567"}

// serve answers with handler on loopback.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	c, err := New(keys, Options{URL: srv.URL, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(code int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func query(c *Client) ([]Series, error) {
	return c.Query(context.Background(), time.Unix(1641343852, 0), time.Unix(1641430252, 0), "system.cpu.idle{*}")
}

func TestQueryReplaysTheRecordedAnswer(t *testing.T) {
	rec := readCassette(t, "testdata/query_cpu_idle.yaml").Interactions[0]
	want, err := url.Parse(rec.Request.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != rec.Request.Method || r.URL.Path != want.Path || !cmp.Equal(r.URL.Query(), want.Query()) {
			t.Errorf("asked %s %s, recorded %s %s", r.Method, r.URL, rec.Request.Method, rec.Request.URL)
		}
		if r.Header.Get("DD-API-KEY") != keys.API || r.Header.Get("DD-APPLICATION-KEY") != keys.App {
			t.Error("the keys are not in the request")
		}
		answer(rec.Response.Code, rec.Response.Headers["Content-Type"][0], rec.Response.Body)(w, r)
	})
	got, err := query(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Metric != "system.cpu.idle" || len(got[0].Points) != 288 || got[0].Tags != nil {
		t.Fatalf("got %d series, want system.cpu.idle with 288 points: %.300v", len(got), got)
	}
	if d := cmp.Diff(Point{At: time.Date(2022, 1, 5, 0, 55, 0, 0, time.UTC), V: 91.4583840476142}, got[0].Points[0]); d != "" {
		t.Errorf("first point (-want +got):\n%s", d)
	}
	if d := cmp.Diff(Unit{Family: "percentage", Name: "percent", Short: "%", Scale: 1}, got[0].Unit); d != "" {
		t.Errorf("unit (-want +got):\n%s", d)
	}
	decoded, err := DecodeQuery([]byte(rec.Response.Body))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, decoded); d != "" {
		t.Errorf("DecodeQuery and Query differ:\n%s", d)
	}
}

func TestDecodeQuery(t *testing.T) {
	at := time.UnixMilli(1768487100000).UTC()
	for _, tt := range []struct {
		name, body string
		want       []Series
		wantErr    string
	}{
		{name: "no series", body: `{"status":"ok","series":[]}`},
		{
			name: "a unit, a group, and no data for a while",
			body: `{"status":"ok","series":[{"metric":"grpc.client.duration","expression":"p99:grpc.client.duration{*} by {service}","scope":"service:gateway",
				"tag_set":["service:gateway"],"unit":[{"family":"time","name":"millisecond","short_name":"ms","scale_factor":0.001},null],
				"pointlist":[[1768487100000,30000],[1768487110000,null]]}]}`,
			want: []Series{{
				Metric: "grpc.client.duration", Expression: "p99:grpc.client.duration{*} by {service}",
				Tags:   map[string]string{"service": "gateway"},
				Unit:   Unit{Family: "time", Name: "millisecond", Short: "ms", Scale: 0.001},
				Points: []Point{{At: at, V: 30000}, {At: at.Add(10 * time.Second), V: math.NaN()}},
			}},
		},
		{name: "an error in a 200", body: `{"status":"error","error":"Rule 'x' did not match","series":[]}`, wantErr: `status "error": Rule 'x' did not match`},
		{name: "a field of another type", body: `{"status":"ok","series":[{"metric":"m","interval":"20s","pointlist":[[1,1]]}]}`, wantErr: "documented type"},
		{name: "a point without time", body: `{"status":"ok","series":[{"metric":"m","pointlist":[[null,1]]}]}`, wantErr: "point 0 is no pair"},
		{name: "NaN is no JSON", body: `{"status":"ok","series":[{"metric":"m","pointlist":[[1,NaN]]}]}`, wantErr: "invalid character 'N'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeQuery([]byte(tt.body))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("err = %v, want %q in it", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			nan := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
			if d := cmp.Diff(tt.want, got, nan); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestErrorsSayWhatDatadogSaidAndNeverTheKeys(t *testing.T) {
	echo := `{"errors":["Forbidden: key ` + keys.API + ` is not valid"]}`
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
		refused bool
	}{
		{"forbidden", answer(403, "application/json", echo), "datadog answers 403 Forbidden: Forbidden: key **** is not valid", true},
		{"bad request", answer(400, "application/json", `{"errors":["Error parsing query"]}`), "datadog answers 400 Bad Request: Error parsing query", false},
		{"JSON:API", answer(400, "application/json", `{"errors":[{"title":"Bad Request","detail":"from is after to"}]}`), "datadog answers 400 Bad Request: Bad Request: from is after to", false},
		{"a proxy's page", answer(502, "text/html", "<html>\x1b[31mBad gateway</html>"), "datadog answers 502 Bad Gateway: not an answer of its API; something in between speaks", false},
		{"an error in a 200", answer(200, "application/json", `{"status":"error","error":"oops `+keys.App+`"}`), `datadog query: status "error": oops ****`, false},
		{"a page in a 200", answer(200, "text/html", "<html>login</html>"), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := query(serve(t, tt.handler))
			if err == nil {
				t.Fatal("no error")
			}
			if tt.want != "" && err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if errors.Is(err, ErrRefused) != tt.refused {
				t.Errorf("refused = %v", !tt.refused)
			}
			if s := fmt.Sprintf("%+v %#v", err, keys); strings.Contains(s, keys.API) || strings.Contains(s, keys.App) {
				t.Errorf("a key is in %s", s)
			}
		})
	}
}

func TestTheRateLimitIsRespected(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		answer(429, "application/json", `{"errors":["Too many requests"]}`,
			"X-RateLimit-Limit", "100", "X-RateLimit-Period", "10", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "8", "X-RateLimit-Name", "query")(w, r)
	})
	before := time.Now()
	var e *Error
	for range 3 {
		if _, err := query(c); !errors.As(err, &e) || e.Status != 429 {
			t.Fatalf("err = %v, want 429", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times within the limit's 8 s, want once", asked)
	}
	if wait := e.RetryAt.Sub(before); wait < 8*time.Second || wait > 13*time.Second {
		t.Errorf("try again after %s, want 8 s", wait)
	}
	if l, ok := c.Limit(); !ok || l.Name != "query" || l.Remaining != 0 {
		t.Errorf("limit = %+v, %v", l, ok)
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	gone := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}))
	defer srv.Close()
	defer close(gone)
	c, err := New(keys, Options{URL: srv.URL, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query(c); err == nil || !strings.Contains(err.Error(), "ask datadog: ") {
		t.Errorf("err = %v", err)
	}
}

func TestKeysAndSites(t *testing.T) {
	env := map[string]string{"DD_API_KEY": "a", "DD_SITE": "datadoghq.eu"}
	if _, err := KeysFrom(func(k string) string { return env[k] }); !errors.Is(err, ErrNoKeys) {
		t.Errorf("one key of two: %v", err)
	}
	env["DD_APP_KEY"] = "b"
	k, err := KeysFrom(func(k string) string { return env[k] })
	if err != nil || k != (Keys{"a", "b", "datadoghq.eu"}) {
		t.Errorf("keys %#v, %v", k, err)
	}
	k.Site = "datadog.example"
	if _, err := New(k, Options{}); err == nil || !strings.Contains(err.Error(), `"datadog.example" is not one of datadoghq.com`) {
		t.Errorf("unknown site: %v", err)
	}
}
