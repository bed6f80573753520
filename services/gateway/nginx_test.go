package gateway_test

import (
	"strings"
	"testing"
	"time"

	"tripcurve/services/gateway"
)

func TestNginxFormats(t *testing.T) {
	asked := failed()
	asked.Path = "/api/inventory/WH%2D1?site=a b"
	asked.UserAgent = "a\"b\tc"
	rejected := asked
	rejected.Tries, rejected.Upstream, rejected.RequestID = nil, "", ""
	for _, c := range []struct {
		name, layout, escape string
		entry                gateway.AccessEntry
		want                 string
	}{
		{"the end in three ways", "$msec $time_iso8601 [$time_local]", "", asked, "1768487011.402 2026-01-15T14:23:31+00:00 [15/Jan/2026:14:23:31 +0000]"},
		{"the pieces of a request", "$request_method|$request_uri|$uri|$args|$server_protocol|$scheme|$host", "", asked, "POST|/api/inventory/WH%2D1?site=a b|/api/inventory/WH-1|site=a b|HTTP/1.1|http|shop.example.com"},
		{"braces, and text of its own", "rt=${request_time}s id=$request_id;", "", asked, "rt=30.001s id=6f0c;"},
		{"a try's values", "$upstream_status ($upstream_response_time)", "", asked, "504, 504, 504 (10.000, 10.000, 10.000)"},
		{"what is missing", "$request_id $upstream_addr $remote_user|", "", rejected, "- - -|"},
		{"what is missing in JSON", `{"id":"$request_id","upstream":"$upstream_addr"}`, "json", rejected, `{"id":"","upstream":""}`},
		{"a quote", `"$http_user_agent"`, "default", asked, `"a\x22b\x09c"`},
		{"a quote in JSON", `"$http_user_agent"`, "json", asked, `"a\"b\tc"`},
		{"a quote as it is", `"$http_user_agent"`, "none", asked, "\"a\"b\tc\""},
	} {
		if got := string(compiled(t, c.layout, c.escape).Append(nil, c.entry)); got != c.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.TrimSuffix(got, "\n"), c.want)
		}
	}
	// The hour is the log's, which is UTC, whatever the request's zone was.
	abroad := failed()
	abroad.Start = abroad.Start.In(time.FixedZone("", 9*3600))
	if got := string(compiled(t, "$time_iso8601", "").Append(nil, abroad)); got != "2026-01-15T14:23:31+00:00\n" {
		t.Errorf("from abroad: %s", got)
	}
}

func TestNginxFormatErrors(t *testing.T) {
	for _, c := range []struct{ layout, escape, want string }{
		{"$status $request_tim", "", `unknown "request_tim" variable`},
		{"$status ${status", "", `"${status" is no variable`},
		{"costs 5$ each", "", `"$ each" is no variable`},
		{"status", "", "no variable in"},
		{"", "", "no variable in"},
		{"$status", "html", "escape=html"},
		{"$status\n$request", "", "a line break"},
	} {
		if _, err := gateway.CompileNginx(c.layout, c.escape); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.layout, err, c.want)
		}
	}
}
