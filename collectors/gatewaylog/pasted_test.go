package gatewaylog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPastedApacheAndAPIGateway(t *testing.T) {
	const classic = `203.0.113.9 - jane doe [15/Jan/2026:14:23:01 +0000] "POST /api/orders?x=1 HTTP/1.1" 504 - "-" "say \"hi\"" 30001873`
	for _, c := range []struct {
		name, format, line string
		want               map[string]string
	}{
		{
			"the directive of httpd.conf", `LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D" combined_us`, classic,
			map[string]string{"start": "2026-01-15T14:23:01Z", "end": "2026-01-15T14:23:31.001873Z", "took": "30.001873s", "method": "POST", "path": "/api/orders", "status": "504", "outcome": "upstream_timeout"},
		},
		{
			"only the string", `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D`, classic,
			map[string]string{"took": "30.001873s", "path": "/api/orders"},
		},
		{
			"the string with its quotes", `"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D"`, classic,
			map[string]string{"took": "30.001873s"},
		},
		{
			"a string that begins with a quoted value", `"%r" %>s %t`, `"GET /a HTTP/1.1" 200 [15/Jan/2026:14:23:01 +0000]`,
			map[string]string{"path": "/a", "status": "200", "took": ""},
		},
		{
			"the finest duration wins", `%t "%r" %s %>s %T %{ms}T %D %X`, `[15/Jan/2026:14:23:01 +0000] "GET /a HTTP/1.1" 200 302 30 30001 30001873 X`,
			map[string]string{"took": "30.001873s", "status": "302", "flags": "X", "outcome": "client_abort"},
		},
		{
			"milliseconds", `%v %a %{%Y-%m-%dT%H:%M:%S%z}t %m %U%q %H %>s %{ms}T`, `shop.example.com 10.0.0.7 2026-01-15T15:23:01+0100 GET /api/orders?x=1 HTTP/2.0 200 240`,
			map[string]string{"start": "2026-01-15T14:23:01Z", "took": "240ms", "host": "shop.example.com", "method": "GET", "target": "/api/orders?x=1", "path": "/api/orders"},
		},
		{
			"a time in pieces", `[%{%d/%b/%Y %T}t.%{usec_frac}t %{%z}t] "%r" %>s %D%%`, `[15/Jan/2026 14:23:01.120331 +0000] "GET /a HTTP/1.1" 200 1000%`,
			map[string]string{"start": "2026-01-15T14:23:01.120331Z", "end": "2026-01-15T14:23:01.121331Z"},
		},
		{
			"the end of the request", `%{end:msec}t "%r" %>s %{us}T`, `1768487011122 "GET /a HTTP/1.1" 200 30002000`,
			map[string]string{"start": "2026-01-15T14:23:01.12Z", "end": "2026-01-15T14:23:31.122Z"},
		},
		{
			"a condition, a header, a cookie", `%t "%r" %>s %!200,304{X-Shop}i %{sid}C %{X-Request-Id}i`, `[15/Jan/2026:14:23:01 +0000] "GET /a HTTP/1.1" 200 - a b c 6f0c`,
			map[string]string{"status": "200", "request_id": "6f0c"},
		},
		{
			"API Gateway in JSON", `{ "id":"$context.requestId","t":"$context.requestTimeEpoch", "verb":"$context.httpMethod","res":"$context.resourcePath","code":$context.status,"ms":"$context.responseLatency","integ":{"ms":"$context.integration.latency","why":"$context.error.responseType"},"both":"$context.stage $context.path" }`,
			`{"id":"6f0c","t":"1768486981120","verb":"POST","res":"/orders/{id}","code":504,"ms":"29002","integ":{"ms":"29000","why":"INTEGRATION_TIMEOUT"},"both":"prod /orders/7"}`,
			map[string]string{"start": "2026-01-15T14:23:01.12Z", "end": "2026-01-15T14:23:30.122Z", "upstream_took": "29s", "route": "/orders/{id}", "status": "504", "outcome": "upstream_timeout"},
		},
		{
			"API Gateway in text", `$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] "$context.httpMethod $context.resourcePath $context.protocol" $context.status $context.responseLength $context.requestId $context.responseLatency`,
			`198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "GET /orders/{id} HTTP/1.1" 200 41 6f0c 240`,
			map[string]string{"start": "2026-01-15T14:23:01Z", "took": "240ms", "method": "GET", "route": "/orders/{id}", "status": "200", "request_id": "6f0c"},
		},
		{
			"an HTTP API's route key", `$context.requestTime $context.routeKey|$context.status`, `15/Jan/2026:14:23:01 +0000 GET /orders/{id}|500`,
			map[string]string{"route": "GET /orders/{id}", "method": "GET", "status": "500", "outcome": "server_error"},
		},
		{
			"HAProxy's own httplog", `log-format "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"`,
			`198.51.100.7:51234 [15/Jan/2026:14:23:01.120] fe be/s1 0/0/1/-1/30002 504 194 - - sH-- 8/8/6/1/0 0/37 {shop|a b} "POST /api/orders HTTP/1.1"`,
			map[string]string{"took": "30.002s", "status": "504", "path": "/api/orders", "cluster": "be", "upstream": "s1", "outcome": "upstream_timeout"},
		},
		{
			"the same without captures", `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r`,
			`198.51.100.7:51234 [15/Jan/2026:14:23:01.120] fe be/s1 0/0/1/8/21 200 194 - - ---- 8/8/6/1/0 0/37 "GET /a HTTP/1.1"`,
			map[string]string{"took": "21ms", "upstream_took": "8ms", "status": "200", "path": "/a", "outcome": "ok"},
		},
		{
			"HAProxy in JSON", `log-format '{"t":%Ts.%ms,"m":"%HM","u":"%HU","s":%ST,"ta":%Ta,"x":"%[var(txn.id)]","f":"%tsc"}'`,
			`{"t":1768486981.120,"m":"GET","u":"/a?x=1","s":503,"ta":3004,"x":"7","f":"SC--"}`,
			map[string]string{"start": "2026-01-15T14:23:01.12Z", "end": "2026-01-15T14:23:04.124Z", "path": "/a", "outcome": "upstream_connect"},
		},
		{
			"Envoy's text", `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS_LONG% %DURATION% "%REQ(USER-AGENT):40%" %GRPC_STATUS% "%UPSTREAM_HOST%" 100%%
`,
			`[2026-01-15T14:23:01.120Z] "POST /api/orders HTTP/2" 504 UpstreamRequestTimeout 30002 "say "hi"" DeadlineExceeded "10.0.3.15:8080" 100%`,
			map[string]string{"end": "2026-01-15T14:23:31.122Z", "status": "504", "grpc_status": "4", "upstream": "10.0.3.15:8080", "outcome": "upstream_timeout"},
		},
		{
			"Envoy's JSON", `{"ts":"%START_TIME(%s.%3f)%","req":{"m":"%REQ(:METHOD)%","p":"%REQ(:PATH)%"},"code":%RESPONSE_CODE%,"why":"%RESPONSE_CODE_DETAILS%","ms":"%DURATION%"}`,
			`{"ts":"1768486981.120","req":{"m":"POST","p":"/api/orders"},"code":503,"why":"overflow","ms":0}`,
			map[string]string{"start": "2026-01-15T14:23:01.12Z", "took": "0s", "method": "POST", "path": "/api/orders", "outcome": "overload"},
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

func TestPastedFormatsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{`LogFormat "%h %l %u %t \"%r\" %>s %Z" x`, `LogFormat: column 35: %Z: no such conversion of Apache's`},
		{`LogFormat "%h%l %t %r %>s"`, `LogFormat: column 14: no text between %h and %l: cannot tell where the first one ends`},
		{`LogFormat "%h %t`, `the " of the format is not closed`},
		{`LogFormat %h %t`, `column 11: expected the format in quotes, found "%h %t"`},
		{`%h "%r" %>s`, `no time: %t is needed`},
		{`%t "%r"`, `no status: %>s is needed`},
		{`%t %>s`, `no request: %r, or %m and %U, is needed`},
		{`%{%H:%M:%S}t "%r" %>s`, `column 1: %{%H:%M:%S}t: a time needs year`},
		{`%{%A}t "%r" %>s`, `column 1: %{%A}t: %A in a time`},
		{`%t "%r" %>s %^XX`, `column 13: "%^XX" is no variable`},
		{`log-format "%ci [%tr] %XX %ST %r"`, `log-format: column 11: "%XX %ST `},
		{`log-format "%ci %ST %r"`, `log-format: no time: %tr or %t is needed`},
		{`%tr %ST %Ta %hr %hs %r`, `captured headers behind %Ta: cannot tell where they begin`},
		{`%tr %ST %HU %sq/%bq %hr {%[x]}`, `column 21: captured headers in front of " {": cannot tell where they end`},
		{`%tr %ST %HU %sq/%bq %hr %Ta`, `column 21: captured headers in front of " ": cannot tell where they end`},
		{`%{+E}o %tr %ST %r`, `of the flags in braces only +Q`},
		{`[%START_TIME(%A)%] %RESPONSE_CODE% %REQ(:PATH)%`, `Envoy format: column 2: %START_TIME(%A): a time layout that cannot be read`},
		{`%START_TIME% %RESPONSE_CODE%`, `Envoy format: no request`},
		{`%START_TIME% %RESPONSE_CODE% %REQ(:PATH)% %nothing`, `column 43: "%nothing" is no variable`},
		{`$context.status`, `no time: $context.requestTimeEpoch`},
		{`$context.requestTime $context.path`, `no status: $context.status is needed`},
		{`$context.requestTime $context.status`, `no request`},
		{`$context.requestTimeEpoch$context.status`, `column 26: no text between $context.requestTimeEpoch and $context.status`},
	} {
		_, err := ParseFormat(c.format)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.format, err, c.want)
		}
	}
}
