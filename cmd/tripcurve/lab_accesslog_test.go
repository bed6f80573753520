package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/services/gateway"
	"tripcurve/services/host"
	"tripcurve/services/lab"
)

// customLog is a log_format as somebody pastes it: quoted pieces, times of its
// own kind.
const customLog = `log_format timed escape=json '{"end":"$msec","what":"$request","code":$status,'
  '"rt":$request_time,"tries":"$upstream_response_time","from":"$remote_addr","agent":"$http_user_agent"}';`

// requests are as many entries of the gateway's log, in the order of their ends.
func requests(n int) []gateway.AccessEntry {
	chance := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	var all []gateway.AccessEntry
	for i := range n {
		at = at.Add(time.Duration(chance.IntN(400)) * time.Millisecond)
		took := time.Duration(chance.IntN(6000)) * time.Millisecond
		e := gateway.AccessEntry{
			Client: gateway.Client{IP: "127.0.0.1", UserAgent: `a "quoted" one`, RequestID: fmt.Sprint(i), Path: fmt.Sprintf("/api/orders/ord_%d?a=b c", i)},
			Method: "GET", Route: "/api/orders/:id", Status: 200, Start: at.Add(-took), Took: took, BytesOut: 143,
			Upstream: "127.0.0.1:7000", Tries: []host.Attempt{{Start: at.Add(-took), Took: took}},
		}
		if i%5 == 0 {
			e.Status, e.Flags = 504, "UT"
			e.Tries[0].Err = &host.TimeoutError{Edge: "gateway.order_read", After: took}
		}
		all = append(all, e)
	}
	return all
}

// Whatever the lab's gateway writes the collectors read: every request, with the
// start that it had, to what the format can hold.
func TestLabAccessLog(t *testing.T) {
	for _, tt := range []struct {
		flag   string
		means  string
		within time.Duration // of a start
	}{
		{"envoy", "start", time.Millisecond},
		{"nginx", "end", time.Second},
		{"nginx_combined", "end", -1}, // it has no durations
		{customLog, "end", time.Millisecond},
		{`$remote_addr [$time_iso8601] "$request_method $uri" $status $request_time`, "end", time.Second},
	} {
		f := labFlags{accessLog: tt.flag}
		format, err := f.format()
		if err != nil {
			t.Errorf("%s: %v", tt.flag, err)
			continue
		}
		write := gateway.AppendEnvoyJSON
		if format != nil {
			w, err := gateway.CompileNginx(format.Layout, format.Escape)
			if err != nil {
				t.Errorf("%s: %v", tt.flag, err)
				continue
			}
			write = w.Append
		}
		entries := requests(200)
		var log []byte
		for _, e := range entries {
			log = write(log, e)
		}
		if format == nil {
			if format, err = gatewaylog.FormatByName("envoy_json"); err != nil {
				t.Fatal(err)
			}
		}
		if format.Means() != tt.means {
			t.Errorf("%s stamps the %s, want the %s", tt.flag, format.Means(), tt.means)
		}
		lines := bytes.Split(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
		if len(lines) != len(entries) {
			t.Errorf("%s: %d lines of %d requests", tt.flag, len(lines), len(entries))
			continue
		}
		d := gatewaylog.NewDecoder(format)
		for i, line := range lines {
			var r gatewaylog.Record
			if err := d.Decode(line, &r); err != nil {
				t.Errorf("%s: %v in %s", tt.flag, err, line)
				break
			}
			e := entries[i]
			path, _, _ := strings.Cut(e.Path, "?")
			if string(r.Method) != e.Method || string(r.Path) != path || r.Status != e.Status {
				t.Errorf("%s: read %s %s %d of %s", tt.flag, r.Method, r.Path, r.Status, line)
				break
			}
			if tt.within < 0 {
				continue
			}
			if off := r.Start.Time().Sub(e.Start); off > 0 && off > time.Millisecond || -off > tt.within {
				t.Errorf("%s: it began at %s, read %s of %s", tt.flag, e.Start, r.Start.Time(), line)
				break
			}
		}
	}
}

func TestLabAccessLogRefused(t *testing.T) {
	for flag, want := range map[string]string{
		"":                            "expected envoy, nginx or an nginx log_format",
		"apache":                      "apache",
		"istio_text":                  "the lab's gateway writes envoy, nginx",
		"ingress_nginx":               `unknown "`,
		"$status of $request":         "no time",
		"[$time_local] $status $reqs": "no request",
		"[$time_local] $status \"$request\" $upstream_connect_time": `unknown "upstream_connect_time" variable; this gateway knows $args, `,
	} {
		if _, err := (&labFlags{accessLog: flag}).format(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", flag, err, want)
		}
	}
	if err := (lab.AccessLog{Layout: "$what"}).Check(); err == nil {
		t.Error("a variable that nobody knows was accepted")
	}
}

func TestQuoted(t *testing.T) {
	if got, want := quoted(`a 'b' $c`), `'a '\''b'\'' $c'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
