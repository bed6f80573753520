package gatewaylog

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// An oracle reads the lines of one format in the plainest way, with regular
// expressions, encoding/json and time.Parse, and shares no code with the decoder.
type oracle struct {
	write func(q call) string
	// A line is read by the groups at, begin, close, method, path, status, took of
	// a regular expression, or by the same names of JSON keys.
	line string
	expr *regexp.Regexp // line, compiled
	keys map[string]string
	at   string        // layout of times; empty for seconds since 1970, "ms" and "ns" for those
	end  bool          // at is the end
	unit time.Duration // of took; 0 when it is not logged, -1 for a Go duration
	opt  Options
}

// call is one request that a sample file has.
type call struct {
	start        time.Time
	took         time.Duration // whole milliseconds
	method, path string
	status       int
}

func (q call) end() time.Time { return q.start.Add(q.took) }
func (q call) ms() int64      { return q.took.Milliseconds() }
func (q call) sec() string    { return fmt.Sprintf("%.3f", q.took.Seconds()) }

const (
	oracleCLF  = "02/Jan/2006:15:04:05 -0700"
	oracleISO  = "2006-01-02T15:04:05.000Z07:00"
	oracleWall = "02/Jan/2006:15:04:05.000"
)

// combinedLine is the layout that most servers share.
func combinedLine(at time.Time, q call) string {
	return fmt.Sprintf(`198.51.100.7 - - [%s] "%s %s HTTP/1.1" %d 157 "-" "ShopApp/7.3.1"`, at.Format(oracleCLF), q.method, q.path, q.status)
}

const combinedExpr = `^\S+ \S+ .+ \[(?P<at>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) HTTP/1.1" (?P<status>\d+) \d+ "[^"]*" "[^"]*"`

func haproxyLine(q call, head, tail string) string {
	return fmt.Sprintf(`198.51.100.7:51234 [%s] fe be/s1 0/0/1/8/%d %d 194 - - ---- 8/8/6/1/0 0/0 %s"%s %s HTTP/1.1"%s`, q.start.UTC().Format(oracleWall), q.ms(), q.status, head, q.method, q.path, tail)
}

const haproxyExpr = `^\S+ \[(?P<at>[^\]]+)\] \S+ \S+ -?\d+/-?\d+/-?\d+/-?\d+/(?P<took>\d+) (?P<status>\d+) .* "(?P<method>\S+) (?P<path>\S+) HTTP/1.1"`

func jsonLine(v map[string]any) string {
	b, err := json.Marshal(v) // maps of plain values always can be
	if err != nil {
		panic(err)
	}
	return string(b)
}

type members = map[string]any

func oracles() map[string]oracle {
	nginx := func(tail string, read string) oracle {
		return oracle{
			write: func(q call) string {
				return combinedLine(q.end(), q) + strings.NewReplacer("RT", q.sec(), "ST", strconv.Itoa(q.status)).Replace(tail)
			},
			line: combinedExpr + read + "$", at: oracleCLF, end: true, unit: time.Second,
		}
	}
	untimed := func(o oracle) oracle { o.unit = 0; return o }
	apache := func(head, tail, read string, unit time.Duration) oracle {
		return oracle{
			write: func(q call) string {
				us := strconv.FormatInt(q.took.Microseconds(), 10)
				return head + combinedLine(q.start, q) + strings.NewReplacer("US", us, "SEC", strconv.Itoa(int(q.took.Seconds()))).Replace(tail)
			},
			line: combinedExpr + read + "$", at: oracleCLF, unit: unit,
		}
	}
	common := func(tail, read string, unit time.Duration) oracle {
		o := apache("", tail, read, unit)
		long := o.write
		o.write = func(q call) string { return strings.Replace(long(q), ` "-" "ShopApp/7.3.1"`, "", 1) }
		o.line = strings.Replace(o.line, ` "[^"]*" "[^"]*"`, "", 1)
		return o
	}
	haproxy := func(head, tail string) oracle {
		return oracle{
			write: func(q call) string { return haproxyLine(q, head, tail) }, line: haproxyExpr, at: oracleWall, unit: time.Millisecond,
			opt: Options{Zone: time.UTC},
		}
	}
	alb := func(q call, times string) string {
		return fmt.Sprintf(`https %s app/shop/50 198.51.100.7:51234 10.0.3.15:8080 %s %d %d 412 227 "%s https://shop.example.com:443%s HTTP/2.0"`,
			q.end().UTC().Format("2006-01-02T15:04:05.000000Z"), times, q.status, q.status, q.method, q.path)
	}
	const albExpr = `^\S+ (?P<close>\S+) \S+ \S+ \S+ (?P<a>\S+) (?P<took>\S+) (?P<c>\S+) (?P<status>\d+) \S+ \d+ \d+ "(?P<method>\S+) https://[^/]+(?P<path>\S+) HTTP/2.0"`
	cut := func(s string) string { p, _, _ := strings.Cut(s, "?"); return p }
	all := map[string]oracle{
		"nginx_combined":              untimed(nginx("", "")),
		"nginx_main":                  untimed(nginx(` "-"`, ` "[^"]*"`)),
		"nginx_request_time":          nginx(" RT", ` (?P<took>\S+)`),
		"nginx_request_upstream_time": nginx(" RT 0.001, RT", ` (?P<took>\S+) .*`),
		"nginx_timed":                 nginx(" RT RT 10.0.3.15:8080 ST", ` (?P<took>\S+) \S+ \S+ \d+`),
		"nginx_timed_quoted":          nginx(` "RT" "RT" "10.0.3.15:8080" "ST"`, ` "(?P<took>[^"]+)" .*`),
		"ingress_nginx":               nginx(" 412 RT [shop-order-8080] [] 10.0.3.15:8080, 10.0.3.16:8080 0, 0 0.001, RT 504, ST 8f1e", ` \d+ (?P<took>\S+) .*`),

		"apache_common": common("", "", 0), "apache_common_tail": common(" US", ` (?P<took>\d+)`, time.Microsecond),
		"apache_combined": apache("", "", "", 0), "apache_combined_tail": apache("", " US", ` (?P<took>\d+)`, time.Microsecond),
		"apache_combined_ts_tail":    apache("", " SEC/US", ` \d+/(?P<took>\d+)`, time.Microsecond),
		"apache_vhost_combined":      apache("shop.example.com:443 ", "", "", 0),
		"apache_vhost_combined_tail": apache("shop.example.com:443 ", " US", ` (?P<took>\d+)`, time.Microsecond),

		"haproxy_httplog": haproxy("", ""), "haproxy_httplog_captures": haproxy("{shop.example.com|a b} {} ", ""),
		"haproxy_httpslog":          haproxy("", " 0/0/0/0/0 shop.example.com/TLSv1.3/TLS_AES"),
		"haproxy_httpslog_captures": haproxy("{shop.example.com} ", " 0/0/0/0/0 shop.example.com/TLSv1.3/TLS_AES"),
		"haproxy_tcplog": {
			write: func(q call) string {
				return fmt.Sprintf(`198.51.100.7:51234 [%s] fe be/s1 0/1/%d 412 -- 8/8/6/1/0 0/0`, q.start.UTC().Format(oracleWall), q.ms())
			},
			line: `^\S+ \[(?P<at>[^\]]+)\] \S+ \S+ \d+/\d+/(?P<took>\d+) `, at: oracleWall, unit: time.Millisecond, opt: Options{Zone: time.UTC},
		},
		"envoy_text": {
			write: func(q call) string {
				return fmt.Sprintf(`[%s] "%s %s HTTP/1.1" %d - 412 81 %d - "198.51.100.7" "say "hi"" "6f0c" "shop.example.com" "10.0.3.15:8080"`, q.start.UTC().Format(oracleISO), q.method, q.path, q.status, q.ms())
			},
			line: `^\[(?P<at>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) \S+" (?P<status>\d+) \S+ \d+ \d+ (?P<took>\d+) `, at: oracleISO, unit: time.Millisecond,
		},
		"istio_text": {
			write: func(q call) string {
				return fmt.Sprintf(`[%s] "%s %s HTTP/1.1" %d - via_upstream - "-" 412 81 %d 3 "-" "ShopApp/7.3.1" "6f0c" "shop.example.com" "10.0.3.15:8080" outbound|8080||order 10.0.9.1:1 10.0.9.1:8080 10.0.2.7:51234 - default`, q.start.UTC().Format(oracleISO), q.method, q.path, q.status, q.ms())
			},
			line: `^\[(?P<at>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) \S+" (?P<status>\d+) \S+ \S+ \S+ "[^"]*" \d+ \d+ (?P<took>\d+) `, at: oracleISO, unit: time.Millisecond,
		},
		"envoy_json": {
			write: func(q call) string {
				return jsonLine(members{"start_time": q.start.UTC().Format(oracleISO), "method": q.method, "path": q.path, "response_code": q.status, "duration": q.ms(), "response_flags": "-", "route_name": "default"})
			},
			keys: map[string]string{"at": "start_time", "method": "method", "path": "path", "status": "response_code", "took": "duration"}, at: oracleISO, unit: time.Millisecond,
		},
		"traefik_clf": {
			write: func(q call) string {
				return fmt.Sprintf(`198.51.100.7 - - [%s] "%s %s HTTP/1.1" %d 15 "-" "Shop"App" 412 "shop@docker" "http://10.0.3.15:8080" %dms`, q.start.Format(oracleCLF), q.method, q.path, q.status, q.ms())
			},
			line: `^\S+ - .+ \[(?P<at>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) \S+" (?P<status>\d+) .* (?P<took>\d+)ms$`, at: oracleCLF, unit: time.Millisecond,
		},
		"traefik_json": {
			write: func(q call) string {
				return jsonLine(members{"StartUTC": q.start.UTC().Format(time.RFC3339Nano), "Duration": q.took.Nanoseconds(), "DownstreamStatus": q.status, "OriginStatus": q.status, "RequestMethod": q.method, "RequestPath": q.path, "time": q.end().UTC().Format(time.RFC3339)})
			},
			keys: map[string]string{"at": "StartUTC", "method": "RequestMethod", "path": "RequestPath", "status": "DownstreamStatus", "took": "Duration"}, at: time.RFC3339Nano, unit: time.Nanosecond,
		},
		"caddy_json": {
			write: func(q call) string {
				return jsonLine(members{"ts": json.Number(fmt.Sprintf("%d.%03d", q.end().Unix(), q.end().Nanosecond()/1e6)), "msg": "handled request", "request": members{"method": q.method, "uri": q.path, "host": "shop"}, "duration": json.Number(q.sec()), "status": q.status, "size": 5})
			},
			keys: map[string]string{"at": "ts", "method": "request.method", "path": "request.uri", "status": "status", "took": "duration"}, end: true, unit: time.Second,
		},
		"kong_json": {
			write: func(q call) string {
				return jsonLine(members{"started_at": q.start.UnixMilli(), "latencies": members{"request": q.ms(), "proxy": q.ms(), "kong": 0}, "request": members{"method": q.method, "uri": q.path, "headers": members{"host": "shop"}}, "response": members{"status": q.status}, "tries": []any{members{"ip": "10.0.3.15", "port": 8080}}})
			},
			keys: map[string]string{"at": "started_at", "method": "request.method", "path": "request.uri", "status": "response.status", "took": "latencies.request"}, at: "ms", unit: time.Millisecond,
		},
		"datadog_json": {
			write: func(q call) string {
				return jsonLine(members{"timestamp": q.end().UTC().Format(time.RFC3339Nano), "http": members{"method": q.method, "status_code": strconv.Itoa(q.status), "url_details": members{"path": q.path, "host": "shop"}}, "duration": q.ms() * 1_000_000})
			},
			keys: map[string]string{"at": "timestamp", "method": "http.method", "path": "http.url_details.path", "status": "http.status_code", "took": "duration"}, at: time.RFC3339Nano, end: true, unit: time.Nanosecond,
		},
		"aws_alb": {
			write: func(q call) string {
				return alb(q, "0.001 -1 -1") + fmt.Sprintf(` "ShopApp/7.3.1" TLS TLSv1.3 arn:aws:x "Root=1" "shop.example.com" "-" 1 %s "forward" "-" "-" "10.0.3.15:8080" "200" "-" "-" TID_0a`, q.start.UTC().Format("2006-01-02T15:04:05.000000Z"))
			},
			line: albExpr + ` "[^"]*" \S+ \S+ \S+ "[^"]*" "[^"]*" "[^"]*" \d+ (?P<begin>\S+)`, at: time.RFC3339Nano,
		},
		"aws_alb_2016": {
			write: func(q call) string { return alb(q, "0.000 "+q.sec()+" 0.000") },
			line:  strings.Replace(albExpr, "<close>", "<at>", 1), at: time.RFC3339Nano, end: true, unit: time.Second,
		},
		"aws_api_gateway_json": {
			write: func(q call) string {
				return jsonLine(members{"requestTimeEpoch": strconv.FormatInt(q.start.UnixMilli(), 10), "httpMethod": q.method, "resourcePath": "$default", "path": q.path, "status": strconv.Itoa(q.status), "responseLatency": strconv.FormatInt(q.ms(), 10)})
			},
			keys: map[string]string{"at": "requestTimeEpoch", "method": "httpMethod", "path": "path", "status": "status", "took": "responseLatency"}, at: "ms", unit: time.Millisecond,
		},
		"gcp_lb": {
			write: func(q call) string {
				return jsonLine(members{"timestamp": q.start.UTC().Format(time.RFC3339Nano), "httpRequest": members{"requestMethod": q.method, "requestUrl": "https://shop.example.com" + q.path, "status": q.status, "latency": q.sec() + "s"}, "jsonPayload": members{"statusDetails": "response_sent_by_backend"}})
			},
			keys: map[string]string{"at": "timestamp", "method": "httpRequest.requestMethod", "path": "httpRequest.requestUrl", "status": "httpRequest.status", "took": "httpRequest.latency"}, at: time.RFC3339Nano, unit: -1,
		},
		"cloudflare_json": {
			write: func(q call) string {
				return jsonLine(members{"EdgeStartTimestamp": q.start.UnixNano(), "EdgeEndTimestamp": q.end().UnixNano(), "ClientRequestMethod": q.method, "ClientRequestURI": q.path, "EdgeResponseStatus": q.status, "OriginResponseStatus": q.status})
			},
			keys: map[string]string{"begin": "EdgeStartTimestamp", "close": "EdgeEndTimestamp", "method": "ClientRequestMethod", "path": "ClientRequestURI", "status": "EdgeResponseStatus"}, at: "ns",
		},
		"azure_appgw": {
			write: func(q call) string {
				return jsonLine(members{"TimeGenerated": q.end().UTC().Format(oracleISO), "HttpMethod": q.method, "RequestUri": cut(q.path), "HttpStatus": q.status, "TimeTaken": json.Number(q.sec()), "ServerStatus": strconv.Itoa(q.status)})
			},
			keys: map[string]string{"at": "TimeGenerated", "method": "HttpMethod", "path": "RequestUri", "status": "HttpStatus", "took": "TimeTaken"}, at: oracleISO, end: true, unit: time.Second,
		},
		"azure_appgw_storage": {
			write: func(q call) string {
				return jsonLine(members{"timeStamp": q.end().UTC().Format(oracleISO), "category": "ApplicationGatewayAccessLog", "properties": members{"httpMethod": q.method, "requestUri": cut(q.path), "httpStatus": q.status, "timeTaken": json.Number(q.sec())}})
			},
			keys: map[string]string{"at": "timeStamp", "method": "properties.httpMethod", "path": "properties.requestUri", "status": "properties.httpStatus", "took": "properties.timeTaken"}, at: oracleISO, end: true, unit: time.Second,
		},
		"azure_appgw_v1": {
			write: func(q call) string {
				return jsonLine(members{"time": q.end().UTC().Format(oracleISO), "properties": members{"httpMethod": q.method, "requestUri": cut(q.path), "httpStatus": q.status, "timeTaken": q.ms()}})
			},
			keys: map[string]string{"at": "time", "method": "properties.httpMethod", "path": "properties.requestUri", "status": "properties.httpStatus", "took": "properties.timeTaken"}, at: oracleISO, end: true, unit: time.Millisecond,
		},
		"generic_json": {
			write: func(q call) string {
				return jsonLine(members{"time": q.end().Format(oracleISO), "msg": "request", "method": q.method, "url": q.path, "status": q.status, "latency_ms": q.ms()})
			},
			keys: map[string]string{"at": "time", "method": "method", "path": "url", "status": "status", "took": "latency_ms"}, at: oracleISO, end: true, unit: time.Millisecond,
		},
	}
	return all
}

// oracleRoutes are the endpoints, and how the oracle knows them.
var oracleRoutes = []struct {
	route string
	expr  *regexp.Regexp
}{
	{"/api/orders", regexp.MustCompile(`^/api/orders$`)},
	{"/api/orders/:id", regexp.MustCompile(`^/api/orders/[^/]+$`)},
	{"/api/inventory/:sku", regexp.MustCompile(`^/api/inventory/[^/]+$`)},
}

// calls are requests of a bad quarter of an hour, in the order of their ends.
func calls(n int) []call {
	rng := rand.New(rand.NewPCG(2847, uint64(n)))
	zone := time.FixedZone("", 3600)
	begin := time.Date(2026, 1, 15, 15, 20, 0, 0, zone)
	var all []call
	for range n {
		q := call{start: begin.Add(time.Duration(rng.IntN(900_000)) * time.Millisecond), took: time.Duration(rng.IntN(300)) * time.Millisecond, method: "GET", status: 200}
		if rng.IntN(6) == 0 {
			q.took, q.status = 30*time.Second+time.Duration(rng.IntN(9))*time.Millisecond, []int{499, 502, 503, 504}[rng.IntN(4)]
		}
		switch rng.IntN(4) {
		case 0:
			q.method, q.path = "POST", "/api/orders"
		case 1:
			q.path = fmt.Sprintf("/api/orders/ord_%06x?expand=%d", rng.IntN(1<<24), rng.IntN(3))
		case 2:
			q.path = fmt.Sprintf("/api/inventory/WH-%04dXM5", rng.IntN(9999))
		default:
			q.path = "/healthz?v=7"
		}
		all = append(all, q)
	}
	return all
}

// read counts one line by its start and by its end, as plainly as can be.
func (o oracle) read(t *testing.T, line string, counts map[string]int64) {
	t.Helper()
	got := map[string]string{}
	if o.line != "" {
		expr := o.expr
		m := expr.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("the oracle cannot read %s", line)
		}
		for i, name := range expr.SubexpNames() {
			got[name] = m[i]
		}
	} else {
		var tree map[string]any
		dec := json.NewDecoder(strings.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		for name, path := range o.keys {
			var v any = tree
			for _, key := range strings.Split(path, ".") {
				v = v.(map[string]any)[key]
			}
			got[name] = fmt.Sprint(v)
		}
	}
	instant := func(text string) time.Time {
		switch o.at {
		case "":
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return time.UnixMilli(int64(f*1000 + 0.5)).UTC()
		case "ms", "ns":
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if o.at == "ms" {
				return time.UnixMilli(n).UTC()
			}
			return time.Unix(0, n).UTC()
		}
		at, err := time.Parse(o.at, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC()
	}
	var start, end time.Time
	took := time.Duration(-1)
	switch {
	case o.unit == -1:
		d, err := time.ParseDuration(got["took"])
		if err != nil {
			t.Fatal(err)
		}
		took = d
	case o.unit > 0:
		f, err := strconv.ParseFloat(got["took"], 64)
		if err != nil {
			t.Fatal(err)
		}
		took = time.Duration(f*float64(o.unit) + 0.5).Round(time.Microsecond)
	}
	switch {
	case got["begin"] != "":
		start, end = instant(got["begin"]), instant(got["close"])
	case o.end:
		if end = instant(got["at"]); took >= 0 {
			start = end.Add(-took)
		}
	default:
		if start = instant(got["at"]); took >= 0 {
			end = start.Add(took)
		}
	}
	path := strings.TrimPrefix(got["path"], "https://shop.example.com")
	path, _, _ = strings.Cut(path, "?")
	route := path
	for _, r := range oracleRoutes {
		if r.expr.MatchString(path) {
			route = r.route
		}
	}
	status := got["status"]
	if path == "" { // a TCP session
		route, status = "-", "0"
	}
	key := got["method"] + " " + route + " " + status
	if !start.IsZero() {
		counts[start.Format(time.TimeOnly)+" started "+key]++
	}
	if !end.IsZero() {
		counts[end.Format(time.TimeOnly)+" ended "+key]++
	}
}

// Our counts, per second, endpoint and status, are those of an oracle that shares
// no code with us, for every format, and stay the same when lines are shuffled.
func TestCountsEqualTheOracles(t *testing.T) {
	formats, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	known := oracles()
	queries := calls(200)
	var routes []string
	for _, r := range oracleRoutes {
		routes = append(routes, r.route)
	}
	for _, f := range formats {
		o, ok := known[f.Name]
		if !ok {
			t.Errorf("format %s has no oracle", f.Name)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			if o.line != "" {
				o.expr = regexp.MustCompile(o.line)
			}
			var lines []string
			want := map[string]int64{}
			for _, q := range queries {
				line := o.write(q)
				lines = append(lines, line)
				o.read(t, line, want)
			}
			opt := o.opt
			opt.Name = "access.log"
			for i := range 2 {
				opt.Format = f
				if i == 1 && f.Twin == "" { // found by itself, in lines that were shuffled
					opt.Format = nil
				}
				opt.Routes = routes
				ev := incident.NewEvidence()
				s := gather(t, ev, write(t, "access.log", []byte(strings.Join(lines, "\n")+"\n")), opt)
				if s.Parsed != int64(len(lines)) || s.Detection.Format.Name != f.Name {
					t.Fatalf("%d of %d lines, %s", s.Parsed, len(lines), s.Detection.Reason)
				}
				got := map[string]int64{}
				for _, b := range ev.Snapshot().Buckets() {
					method := b.Endpoint.Method
					if method == "-" {
						method = ""
					}
					key := method + " " + b.Endpoint.Route + " " + strconv.Itoa(b.Status)
					if b.Started > 0 {
						got[b.At.UTC().Format(time.TimeOnly)+" started "+key] += b.Started
					}
					if b.Ended > 0 {
						got[b.At.UTC().Format(time.TimeOnly)+" ended "+key] += b.Ended
					}
				}
				if !maps.Equal(want, got) {
					t.Fatalf("pass %d (-oracle +ours):\n%s\n%s", i, cmp.Diff(want, got), lines[0])
				}
				rand.New(rand.NewPCG(uint64(i), 7)).Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
			}
		})
	}
}
