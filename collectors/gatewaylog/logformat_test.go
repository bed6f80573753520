package gatewaylog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPastedLogFormat(t *testing.T) {
	for _, c := range []struct {
		name, format, line string
		want               map[string]string
	}{
		{
			"directive with several strings", pastedLayout,
			`198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /api/orders HTTP/1.1" 502 157 "-" "ShopApp/7.3.1" 30.002 30.000 10.0.3.15:8080 502`,
			map[string]string{"start": "2026-01-15T14:23:00.998Z", "took": "30.002s", "status": "502", "path": "/api/orders", "outcome": "upstream_timeout"},
		},
		{
			"bare string", `$remote_addr [$time_iso8601] "$request" $status rt=$request_time urt="$upstream_response_time"`,
			`198.51.100.7 [2026-01-15T15:23:31+01:00] "GET /api/orders/ord_9c4d1e HTTP/2.0" 200 rt=0.221 urt="0.001, 0.220"`,
			map[string]string{"end": "2026-01-15T14:23:31Z", "took": "221ms", "upstream_took": "221ms", "tries": "2"},
		},
		{
			"JSON with a list and an empty value", `log_format json escape=json '{"time":"$msec","method":"$request_method","uri":"$request_uri",'
				'"status":$status,"rt":$request_time,"urt":$upstream_response_time,"ua":"$http_user_agent"}';`,
			`{"time":"1768487011.402","method":"POST","uri":"/api/orders?x=\"1\"","status":502,"rt":30.001,"urt":10.000, 10.001,"ua":"say \"hi\""}`,
			map[string]string{"end": "2026-01-15T14:23:31.402Z", "start": "2026-01-15T14:23:01.401Z", "target": `/api/orders?x="1"`, "upstream_took": "20.001s", "tries": "2"},
		},
		{
			"nothing upstream in JSON", `escape=json '{"t":"$time_iso8601","r":"$request","s":$status,"urt":$upstream_response_time,"rt":$request_time}'`,
			`{"t":"2026-01-15T14:23:31+00:00","r":"GET /a.css HTTP/1.1","s":503,"urt":,"rt":0.000}`,
			map[string]string{"upstream_took": "", "status": "503", "outcome": "overload"},
		},
		{
			"the finest time wins", `$time_local $msec ${status} $request_method $uri $request_uri $request_time`,
			`15/Jan/2026:14:23:31 +0000 1768487011.402 200 GET /index.html /?a=b 0.001`,
			map[string]string{"end": "2026-01-15T14:23:31.402Z", "target": "/?a=b", "path": "/"},
		},
		{
			"free text without quotes, matched from the right", `$time_iso8601 $status $http_user_agent $request_uri $request_time`,
			`2026-01-15T14:23:31+00:00 200 Mozilla/5.0 (X11; Linux) Gecko/2010 /api/orders 0.007`,
			map[string]string{"path": "/api/orders", "took": "7ms"},
		},
		{
			"escape=none, matched from the right", `log_format n escape=none '[$time_iso8601] $status "$request_uri" "$http_user_agent" $request_time $upstream_status';`,
			`[2026-01-15T14:23:31+00:00] 502 "/api/orders" "a "quoted" agent" 30.000 504, 502`,
			map[string]string{"path": "/api/orders", "took": "30s", "upstream_status": "502", "tries": "2"},
		},
		{
			"an unquoted request", `[$time_iso8601] $request $status`,
			`[2026-01-15T14:23:31+00:00] GET /a HTTP/1.1 200`,
			map[string]string{"method": "GET", "path": "/a", "status": "200", "start": ""},
		},
		{
			"a connection that failed", `$time_iso8601 "$request" $status $request_time $upstream_connect_time`,
			`2026-01-15T14:23:31+00:00 "GET /a HTTP/1.1" 502 3.201 -, -`,
			map[string]string{"outcome": "upstream_connect"},
		},
		{
			"tabs and comments", "log_format t # ours\n '$time_iso8601\\t' # time\n '$status\\t$request_method\\t$request_uri';",
			"2026-01-15T14:23:31+00:00\t404\tGET\t/a",
			map[string]string{"status": "404", "method": "GET", "outcome": "client_error"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := ParseFormat(c.format)
			if err != nil {
				t.Fatal(err)
			}
			var r Record
			if err := NewDecoder(f).Decode([]byte(c.line), &r); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for k, v := range shown(&r) {
				if _, ok := c.want[k]; ok {
					got[k] = v
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLogFormatThatCannotBe(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"", `no variables in ""`},
		{"nginx_timd", "not known, did you mean nginx_timed?"},
		{"squid", "not known; there are alb, "},
		{`'$remote_addr$status $time_local $request'`, "column 13: no text between $remote_addr and $status"},
		{`"$request" $status`, "no time: one of $time_local"},
		{`$time_local "$request"`, "no $status"},
		{`$time_local $status`, "no request"},
		{`log_format main '$time_local`, "column 7: is not closed"},
		{`log_format main;`, "no format string"},
		{`log_format '$time_local';`, "no name"},
		{`log_format x escape=xml '$time_local';`, "escape=xml: default, json or none"},
		{`$time_local ${status $request`, `"${status`},
	} {
		_, err := ParseFormat(c.format)
		want := strings.ReplaceAll(c.want, "column 7: is not closed", "the ' of column 7 is not closed")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", c.format, err, want)
		}
	}
}

func TestNotesOfAPastedFormat(t *testing.T) {
	f, err := ParseFormat(`$time_local $status $request_uri $shop_id`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"$shop_id is not a variable that we know: read over",
		"no $request_method: requests of all methods are counted together",
	}
	if diff := cmp.Diff(want, f.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestTornLinesNameTheColumn(t *testing.T) {
	f, err := ParseFormat(pastedLayout)
	if err != nil {
		t.Fatal(err)
	}
	whole := `198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /api/orders HTTP/1.1" 502 157 "-" "ShopApp/7.3.1" 30.002 30.000 10.0.3.15:8080 502`
	d := NewDecoder(f)
	var r Record
	for n := range len(whole) {
		err := d.Decode([]byte(whole[:n]), &r)
		var line *LineError
		if !errors.As(err, &line) {
			t.Fatalf("%q gives %v", whole[:n], err)
		}
		if line.Column < 1 || line.Column > n+1 {
			t.Errorf("%q: column %d", whole[:n], line.Column)
		}
	}
}

func TestTimes(t *testing.T) {
	d := NewDecoder(&Format{})
	for _, c := range []struct{ text, want string }{
		{"15/Jan/2026:14:23:31 +0000", "2026-01-15T14:23:31Z"},
		{"15/Jan/2026:17:53:31 +0330", "2026-01-15T14:23:31Z"},
		{"29/Feb/2024:00:00:00 -0100", "2024-02-29T01:00:00Z"},
		{"31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00Z"},
		{"29/Feb/2026:00:00:00 -0100", ""},
		{"15/jan/2026:14:23:31 +0000", ""},
		{"15/Jan/1926:14:23:31 +0000", ""},
		{"15/Jan/2026:24:23:31 +0000", ""},
		{"15/Jan/2026:14:23:31 +00:0", ""},
		{strings.Repeat("\x00", 26), ""},
	} {
		at, ok := d.clock.parseCLF([]byte(c.text))
		if got := at.Time().Format(time.RFC3339Nano); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: %s %v, want %q", c.text, got, ok, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"2026-01-15T14:23:31Z", "2026-01-15T14:23:31Z"},
		{"2026-01-15T14:23:31.120Z", "2026-01-15T14:23:31.12Z"},
		{"2026-01-15T14:23:31.123456789+01:00", "2026-01-15T13:23:31.123456789Z"},
		{"2026-01-15 14:23:31.5-0100", "2026-01-15T15:23:31.5Z"},
		{"2026-01-15T14:23:31", ""},
		{"2026-01-15T14:23:31.Z", ""},
		{"2026-13-15T14:23:31Z", ""},
		{"2026-01-15T14:23:31+1", ""},
		{strings.Repeat("\x00", 20), ""},
	} {
		at, ok := d.clock.parseISO([]byte(c.text))
		if got := at.Time().Format(time.RFC3339Nano); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: %s %v, want %q", c.text, got, ok, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"1768487011.402", "2026-01-15T14:23:31.402Z"},
		{"1768487011", "2026-01-15T14:23:31Z"},
		{"1768487011.", ""},
		{"-1768487011", ""},
		{"12", ""},
		{"17684870110000000000", ""},
	} {
		at, ok := parseUnix([]byte(c.text), time.Second)
		if got := at.Time().Format(time.RFC3339Nano); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: %s %v, want %q", c.text, got, ok, c.want)
		}
	}
}
