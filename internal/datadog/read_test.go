package datadog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// replay answers as the one interaction of a recording does, and holds the request
// against it; body may change what is not told by the recording's clock.
func replay(t *testing.T, path string, same func(recorded, asked map[string]any)) *Client {
	t.Helper()
	rec := readCassette(t, path).Interactions[0]
	want, err := url.Parse(rec.Request.URL)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != rec.Request.Method || r.URL.Path != want.Path || r.Header.Get("DD-API-KEY") != keys.API || r.Header.Get("DD-APPLICATION-KEY") != keys.App {
			t.Errorf("asked %s %s with the keys %q, %q; recorded %s %s", r.Method, r.URL, r.Header.Get("DD-API-KEY"), r.Header.Get("DD-APPLICATION-KEY"), rec.Request.Method, rec.Request.URL)
		}
		var recorded, asked map[string]any
		if json.Unmarshal([]byte(rec.Request.Body), &recorded) != nil || json.NewDecoder(r.Body).Decode(&asked) != nil {
			t.Error("the body is no JSON")
		}
		same(recorded, asked)
		if d := cmp.Diff(recorded, asked); d != "" {
			t.Errorf("body (-recorded +asked):\n%s", d)
		}
		answer(rec.Response.Code, rec.Response.Headers["Content-Type"][0], rec.Response.Body)(w, r)
	})
}

func TestLogsReplayTheRecordedAnswer(t *testing.T) {
	const path = "testdata/v1_Logs__Search_test_logs_returns_OK_response.yaml"
	c := replay(t, path, func(recorded, asked map[string]any) {
		if asked["limit"] != float64(LogPageSize) {
			t.Errorf("asked for %v at once", asked["limit"])
		}
		delete(asked, "limit") // the recording left these to the server
		delete(recorded["time"].(map[string]any), "timezone")
	})
	at := time.Date(2022, 4, 12, 13, 46, 1, 54_000_000, time.UTC)
	page, err := c.Logs(context.Background(), LogSearch{Query: "host:Test*", Index: "main", From: at, To: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Logs) < 7 || page.Next != "AQAAAYAeNzBYpo9uwQAAAABBWUFlTnphX0FBQ3ZDWWkzMEhwV3lnQUE" {
		t.Fatalf("%d logs, next %q", len(page.Logs), page.Next)
	}
	first := page.Logs[0]
	if first.Message != "test-log-list-1 Test-Go-TestLogsList-1649773129" || !first.At.Equal(time.Date(2022, 4, 12, 14, 2, 9, 0, time.UTC)) || first.Attributes["hostname"] != "Test-Go-TestLogsList-1649773129" {
		t.Errorf("first log %+v", first)
	}
	decoded, err := DecodeLogs([]byte(readCassette(t, path).Interactions[0].Response.Body))
	if d := cmp.Diff(page, decoded); err != nil || d != "" {
		t.Errorf("DecodeLogs and Logs differ: %v\n%s", err, d)
	}
}

// TestLogPages: the next page is asked for by the answer's cursor.
func TestLogPages(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ StartAt, Sort string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.StartAt != "b" || asked.Sort != "asc" {
			t.Errorf("asked %+v, %v", asked, err)
		}
		answer(200, "application/json", `{"status":"done","logs":[],"nextLogId":null}`)(w, r)
	})
	if page, err := c.Logs(context.Background(), LogSearch{Query: "*", Start: "b"}); err != nil || page.Next != "" || len(page.Logs) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

// TestFailuresThatTheClientHides: HTTP 200 with an error inside, and answers that
// are not of the documented shape, are errors that one can branch on.
func TestFailuresThatTheClientHides(t *testing.T) {
	logs := func(c *Client) error { _, err := c.Logs(context.Background(), LogSearch{Query: "*"}); return err }
	metric := func(c *Client) error { _, err := query(c); return err }
	spans := func(c *Client) error {
		_, err := c.Query(context.Background(), time.Unix(0, 0), time.Unix(9, 0), "apm:hits service:a env:b")
		return err
	}
	for _, c := range []struct {
		name, body string
		ask        func(*Client) error
		shape      bool
		want       string
	}{
		{"a metric query", `{"status":"error","error":"no such metric ` + keys.API + `"}`, metric, false, `datadog query: status "error": no such metric ****`},
		{"a search that was cut off", `{"status":"timeout","logs":[]}`, logs, false, `datadog log search: status "timeout"`},
		{"a query of spans", `{"data":{"attributes":{"series":[],"times":[],"values":[]}},"errors":"too many"}`, spans, false, `datadog query: status "error": too many`},
		{"an interval that is text", `{"status":"ok","series":[{"metric":"m","interval":"20","pointlist":[[1,1]]}]}`, metric, true, "documented type"},
		{"logs that are no list", `{"status":"done","logs":{}}`, logs, true, "not a list of logs"},
		{"a time that is none", `{"status":"done","logs":[{"content":{"timestamp":"yesterday"}}]}`, logs, true, "log 0"},
		{"a table with a hole", `{"data":{"attributes":{"series":[{}],"times":[1,2],"values":[[1]]}}}`, spans, true, "1 values at 2 times"},
		{"nothing at all", `{}`, spans, true, "not of the shape"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.ask(serve(t, answer(200, "application/json", c.body)))
			var q *QueryError
			if errors.Is(err, ErrShape) != c.shape || errors.As(err, &q) == c.shape || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: shape %v, want %q", err, errors.Is(err, ErrShape), c.want)
			}
			if strings.Contains(err.Error(), keys.API) {
				t.Errorf("a key is in %v", err)
			}
		})
	}
}

func TestSpansReplayTheRecordedAnswers(t *testing.T) {
	const apm = "testdata/v2_Metrics__Timeseries_cross_product_query_with_apm_resource_stats_data_source_returns_OK_response.yaml"
	c := replay(t, apm, func(recorded, _ map[string]any) {
		a := recorded["data"].(map[string]any)["attributes"].(map[string]any)
		delete(a, "interval") // we take the API's own
		delete(a["formulas"].([]any)[0].(map[string]any), "limit")
		q := a["queries"].([]any)[0].(map[string]any)
		delete(q, "primary_tag_name")
		delete(q, "primary_tag_value")
	})
	got, err := c.Query(context.Background(), time.UnixMilli(1775658332000), time.UnixMilli(1775661932000), "apm:hits service:azure-bill-import env:staging operation:cassandra.query")
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v: want no series, which is no error", got, err)
	}
	body := readCassette(t, "testdata/v2_Metrics__Timeseries_cross_product_query_returns_OK_response.yaml").Interactions[0].Response.Body
	got, err = DecodeTimeseries([]byte(body))
	if err != nil || len(got) != 1 || len(got[0].Points) != 3 || got[0].Points[2] != (Point{At: time.UnixMilli(1711980225000).UTC(), V: 87}) {
		t.Errorf("%+v, %v", got, err)
	}
	bad := readCassette(t, "testdata/v2_Metrics__Timeseries_cross_product_query_returns_Bad_Request_response.yaml").Interactions[0].Response
	_, err = serve(t, answer(bad.Code, "application/json", bad.Body)).Query(context.Background(), time.Unix(0, 0), time.Unix(9, 0), "apm:hits service:a env:b")
	var e *Error
	if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(err.Error(), `Expected "timeseries_request"`) {
		t.Errorf("a refused request: %v", err)
	}
	with := `{"data":{"attributes":{"series":[{"group_tags":["resource_name:inventory.Inventory/Reserve"],"unit":[{"family":"time","name":"second","short_name":"s","scale_factor":1},null]}],"times":[2000,1000],"values":[[null,0.5]]}}}`
	got, err = serve(t, answer(200, "application/vnd.api+json", with)).Query(context.Background(), time.Unix(0, 0), time.Unix(9, 0), "apm:latency_p99 service:order env:prod resource:a b")
	if err != nil || len(got) != 1 || got[0].Metric != "apm.latency_p99" || got[0].Tags["service"] != "order" || got[0].Tags["resource_name"] != "inventory.Inventory/Reserve" ||
		got[0].Unit.Short != "s" || got[0].Points[0].V != 0.5 || !math.IsNaN(got[0].Points[1].V) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCheckQuery(t *testing.T) {
	for q, want := range map[string]string{
		"p99:grpc.client.duration{*}": "", "apm:latency_p99 service:a env:b operation:grpc.client resource:GET /a b": "",
		" ": "it is empty", "apm:": "expected apm: and one of errors", "apm:p99 service:a env:b": "expected apm: and one of",
		"apm:hits service:a": "expected service:NAME and env:NAME", "apm:hits service: env:b": `found "service:"`, "apm:hits host:x": `found "host:x"`,
	} {
		err := CheckQuery(q)
		if (err == nil) != (want == "") || err != nil && (!errors.Is(err, ErrQuery) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", q, err, want)
		}
	}
}

// TestProxies: the usual environment variables name one, and it never sees a key.
func TestProxies(t *testing.T) {
	if os.Getenv("TRIPCURVE_TEST_PROXIED") != "" {
		c, err := New(keys, Options{Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := query(c); err == nil || strings.Contains(err.Error(), keys.API) {
			t.Fatalf("err = %v", err)
		}
		return
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	saw := make(chan string, 1)
	go func() {
		conn, err := lis.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			saw <- err.Error()
			return
		}
		var all strings.Builder
		_ = req.Header.Write(&all)
		saw <- req.Method + " " + req.Host + " " + all.String()
		_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
	}()
	// The environment is read once in a process.
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxies$")
	cmd.Env = append(os.Environ(), "TRIPCURVE_TEST_PROXIED=1", "HTTPS_PROXY=http://"+lis.Addr().String(), "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	select {
	case got := <-saw:
		if !strings.HasPrefix(got, "CONNECT api.datadoghq.com:443 ") || strings.Contains(got, keys.API) {
			t.Errorf("the proxy saw %s", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("the proxy was not asked")
	}
}

// TestPace: what is left until the limit is reset is spread over that time.
func TestPace(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		remaining string
		want      time.Duration
	}{{"100", 20 * time.Second}, {"2", 20 * time.Second}, {"0", 60 * time.Second}} {
		cl := serve(t, answer(200, "application/json", `{"status":"ok","series":[]}`, "X-RateLimit-Remaining", c.remaining, "X-RateLimit-Reset", "60"))
		if _, err := query(cl); err != nil {
			t.Fatal(err)
		}
		if got := cl.Pace(20*time.Second, now); got < c.want || got > c.want+6*time.Second {
			t.Errorf("%s left: the next request in %s, want %s", c.remaining, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"status":"done","logs":[{"id":"x","content":{"timestamp":"2022-04-12T14:02:09.000Z","attributes":{"http":{"status_code":200}}}}]}`))
	f.Add([]byte(`{"status":"ok","series":[{"metric":"m","unit":[{"family":"time","scale_factor":1e-3},null],"pointlist":[[1,1],[2,null]],"tag_set":["a:b"]}]}`))
	f.Add([]byte(`{"data":{"attributes":{"series":[{"group_tags":[],"unit":null}],"times":[1711977645000],"values":[[1]]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := DecodeLogs(body)
		var q *QueryError
		if err != nil && !errors.Is(err, ErrShape) && !errors.As(err, &q) {
			t.Fatalf("logs: %v is of no kind", err)
		}
		for name, decode := range map[string]func([]byte) ([]Series, error){"query": DecodeQuery, "timeseries": DecodeTimeseries} {
			all, err := decode(body)
			if err != nil && !errors.Is(err, ErrShape) && !errors.As(err, &q) {
				t.Fatalf("%s: %v is of no kind", name, err)
			}
			if err != nil && len(all) > 0 {
				t.Fatalf("%s: both an error and %d series", name, len(all))
			}
		}
	})
}
