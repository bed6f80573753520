package gateway_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/gateway"
	"tripcurve/services/host"
)

var (
	start   = time.Date(2026, 1, 15, 14, 23, 1, 401e6, time.UTC)
	shopper = gateway.Client{
		IP: "198.51.100.7", UserAgent: "ShopApp/7.3.1", RequestID: "6f0c", Authority: "shop.example.com",
		Path: "/api/orders", BytesIn: 412,
	}
)

// failed is the first order of INC-2847 that was answered 502.
func failed() gateway.AccessEntry {
	try := host.Attempt{Start: start, Took: 10 * time.Second, Err: &host.TimeoutError{Edge: "gateway.order", After: 10 * time.Second}}
	return gateway.AccessEntry{
		Client: shopper, Method: "POST", Route: "/api/orders", Status: 502, Flags: "UT,URX",
		Start: start, Took: 30001 * time.Millisecond, Upstream: "10.0.3.15:8080",
		Tries: []host.Attempt{try, try, try}, BytesOut: 62,
	}
}

func TestAccessLog(t *testing.T) {
	created := failed()
	created.Status, created.Flags, created.BytesOut = 201, "", 137
	created.Took = 42 * time.Millisecond
	created.Tries = []host.Attempt{{Start: start, Took: 41 * time.Millisecond}}

	rejected := failed()
	rejected.Status, rejected.Flags, rejected.Took, rejected.Tries, rejected.Upstream = 503, "UO", 0, nil, ""

	retried := created
	retried.Tries = []host.Attempt{{Start: start, Took: 9 * time.Millisecond, Err: status.Error(codes.Unavailable, "down")}, created.Tries[0]}

	hostile := created
	hostile.UserAgent = "a\"b\\c\n\x1b[31mé\xff"

	for _, c := range []struct {
		name         string
		entry        gateway.AccessEntry
		envoy, nginx string
	}{
		{
			"every try timed out", failed(),
			`{"start_time":"2026-01-15T14:23:01.401Z","method":"POST","path":"/api/orders","protocol":"HTTP/1.1","response_code":502,"response_flags":"UT,URX","response_code_details":"response_timeout","bytes_received":412,"bytes_sent":62,"duration":30001,"upstream_service_time":null,"upstream_request_attempt_count":3,"x_forwarded_for":"198.51.100.7","user_agent":"ShopApp/7.3.1","request_id":"6f0c","authority":"shop.example.com","upstream_host":"10.0.3.15:8080","route_name":"/api/orders"}`,
			`198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /api/orders HTTP/1.1" 502 62 "-" "ShopApp/7.3.1" 30.001 10.000, 10.000, 10.000 10.0.3.15:8080, 10.0.3.15:8080, 10.0.3.15:8080 504, 504, 504`,
		},
		{
			"created", created,
			`{"start_time":"2026-01-15T14:23:01.401Z","method":"POST","path":"/api/orders","protocol":"HTTP/1.1","response_code":201,"response_flags":"-","response_code_details":"via_upstream","bytes_received":412,"bytes_sent":137,"duration":42,"upstream_service_time":"41","upstream_request_attempt_count":1,"x_forwarded_for":"198.51.100.7","user_agent":"ShopApp/7.3.1","request_id":"6f0c","authority":"shop.example.com","upstream_host":"10.0.3.15:8080","route_name":"/api/orders"}`,
			`198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "POST /api/orders HTTP/1.1" 201 137 "-" "ShopApp/7.3.1" 0.042 0.041 10.0.3.15:8080 201`,
		},
		{
			"created at the second try", retried,
			`{"start_time":"2026-01-15T14:23:01.401Z","method":"POST","path":"/api/orders","protocol":"HTTP/1.1","response_code":201,"response_flags":"-","response_code_details":"via_upstream","bytes_received":412,"bytes_sent":137,"duration":42,"upstream_service_time":"41","upstream_request_attempt_count":2,"x_forwarded_for":"198.51.100.7","user_agent":"ShopApp/7.3.1","request_id":"6f0c","authority":"shop.example.com","upstream_host":"10.0.3.15:8080","route_name":"/api/orders"}`,
			`198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "POST /api/orders HTTP/1.1" 201 137 "-" "ShopApp/7.3.1" 0.042 0.009, 0.041 10.0.3.15:8080, 10.0.3.15:8080 503, 201`,
		},
		{
			"rejected by the gateway's own breaker", rejected,
			`{"start_time":"2026-01-15T14:23:01.401Z","method":"POST","path":"/api/orders","protocol":"HTTP/1.1","response_code":503,"response_flags":"UO","response_code_details":"overflow","bytes_received":412,"bytes_sent":62,"duration":0,"upstream_service_time":null,"upstream_request_attempt_count":0,"x_forwarded_for":"198.51.100.7","user_agent":"ShopApp/7.3.1","request_id":"6f0c","authority":"shop.example.com","upstream_host":null,"route_name":"/api/orders"}`,
			`198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "POST /api/orders HTTP/1.1" 503 62 "-" "ShopApp/7.3.1" 0.000 - - -`,
		},
		{
			"a hostile user agent", hostile,
			`{"start_time":"2026-01-15T14:23:01.401Z","method":"POST","path":"/api/orders","protocol":"HTTP/1.1","response_code":201,"response_flags":"-","response_code_details":"via_upstream","bytes_received":412,"bytes_sent":137,"duration":42,"upstream_service_time":"41","upstream_request_attempt_count":1,"x_forwarded_for":"198.51.100.7","user_agent":"a\"b\\c\u000a\u001b[31mé` + "\ufffd" + `","request_id":"6f0c","authority":"shop.example.com","upstream_host":"10.0.3.15:8080","route_name":"/api/orders"}`,
			`198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "POST /api/orders HTTP/1.1" 201 137 "-" "a\x22b\x5Cc\x0A\x1B[31m\xC3\xA9\xFF" 0.042 0.041 10.0.3.15:8080 201`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			envoy := gateway.AppendEnvoyJSON(nil, c.entry)
			if diff := cmp.Diff(c.envoy+"\n", string(envoy)); diff != "" {
				t.Errorf("Envoy JSON (-want +got):\n%s", diff)
			}
			if !json.Valid(envoy) {
				t.Error("the Envoy line is no JSON")
			}
			if diff := cmp.Diff(c.nginx+"\n", string(compiled(t, gateway.NginxTimed, "").Append(nil, c.entry))); diff != "" {
				t.Errorf("nginx (-want +got):\n%s", diff)
			}
		})
	}
	if e := failed(); e.Attempts() != 3 || e.UpstreamTook() != 30*time.Second {
		t.Errorf("%d attempts, %v upstream, want 3 and 30s", e.Attempts(), e.UpstreamTook())
	}
}

func compiled(tb testing.TB, layout, escape string) *gateway.NginxFormat {
	tb.Helper()
	f, err := gateway.CompileNginx(layout, escape)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func FuzzAccessLog(f *testing.F) {
	timed := compiled(f, gateway.NginxTimed, "")
	object := compiled(f, `{"time":"$time_iso8601","agent":"$http_user_agent","request":"$request","status":$status}`, "json")
	f.Add("ShopApp/7.3.1", "/api/orders", "POST")
	f.Add("a\"b\\c\n\x1b[31m", "/\xff\"", "GE\"T")
	f.Fuzz(func(t *testing.T, agent, path, method string) {
		e := failed()
		e.UserAgent, e.Path, e.Method = agent, path, method
		envoy := gateway.AppendEnvoyJSON(nil, e)
		if !json.Valid(envoy) || bytes.Count(envoy, []byte("\n")) != 1 {
			t.Errorf("%q is not one line of JSON", envoy)
		}
		nginx := timed.Append(nil, e)
		if bytes.Count(nginx, []byte("\n")) != 1 || bytes.Count(nginx, []byte(`"`)) != 6 {
			t.Errorf("%q is not one line with three quoted fields", nginx)
		}
		if line := object.Append(nil, e); !json.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%q is not one line of JSON", line)
		}
	})
}

func BenchmarkAppendEnvoyJSON(b *testing.B) {
	e := failed()
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = gateway.AppendEnvoyJSON(line[:0], e)
	}
}
