package gatewaylog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode feeds lines to every format and to a pasted one: no panic, no
// invented time, and an error that names a column of the line.
func FuzzDecode(f *testing.F) {
	formats, err := Formats()
	if err != nil {
		f.Fatal(err)
	}
	for i, format := range formats {
		for _, s := range format.Samples {
			f.Add(uint8(i), []byte(s.Line))
		}
	}
	pasted := []string{
		pastedLayout,
		`escape=json '{"t":"$msec","r":"$request","s":$status,"urt":$upstream_response_time,"a":"$upstream_addr","rt":$request_time}'`,
		`log_format n escape=none '[$time_iso8601] $status "$request_uri" "$http_user_agent" $request_time $upstream_status';`,
		`$time_iso8601 $status $http_user_agent $request_uri $request_time`,
	}
	for _, text := range pasted {
		format, err := ParseFormat(text)
		if err != nil {
			f.Fatal(err)
		}
		formats = append(formats, format)
	}
	long := map[*Format]*Format{}
	for _, format := range formats {
		long[format] = theLongWay(format)
	}
	f.Fuzz(func(t *testing.T, which uint8, line []byte) {
		format := formats[int(which)%len(formats)]
		d := NewDecoder(format)
		before := string(line)
		var r, again, slow Record
		_ = d.Decode(line, &r) // so that the second is known
		err := d.Decode(line, &r)
		if errSlow := NewDecoder(long[format]).Decode(line, &slow); fmt.Sprint(err) != fmt.Sprint(errSlow) {
			t.Fatalf("error %v, by the long way %v", err, errSlow)
		}
		if string(line) != before {
			t.Fatal("the line was written to")
		}
		var bad *LineError
		if err != nil {
			if !errors.As(err, &bad) || bad.Column < 1 || bad.Column > len(line)+1 {
				t.Fatalf("error %v", err)
			}
			return
		}
		if !r.Start.Known() && !r.End.Known() {
			t.Fatal("no time")
		}
		for _, i := range []Instant{r.Start, r.End} {
			if y := i.Time().Year(); i.Known() && (y < minYear-2 || y > maxYear+2) {
				t.Fatalf("time %v", i.Time())
			}
		}
		if r.Took >= 0 && r.End-r.Start != Instant(r.Took) {
			t.Fatalf("start %v, end %v, took %v", r.Start.Time(), r.End.Time(), r.Took)
		}
		if r.Took < 0 && r.Start.Known() && r.End.Known() {
			t.Fatal("an end was invented")
		}
		if r.Took > maxTook || r.Status != 0 && (r.Status < 100 || r.Status > 999) {
			t.Fatalf("took %v, status %d", r.Took, r.Status)
		}
		// What the decoder remembers must not change what it reads.
		want := shown(&r)
		other := []byte(`198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 502 157 "-" "-" 30.002 30.000 10.0.3.15:8080 502`)
		_ = d.Decode(other, &again)
		if err := d.Decode(line, &again); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		for k, v := range shown(&again) {
			if want[k] != v {
				t.Fatalf("%s is %q, then %q", k, want[k], v)
			}
		}
		if diff := cmp.Diff(want, shown(&slow)); diff != "" {
			t.Fatalf("the long way reads otherwise:\n%s", diff)
		}
		e := newEndpoints(nil)
		_ = e.name(e.of(&r))
		if format.object != nil {
			agreesWithLibrary(t, format, d, line)
		}
	})
}

// theLongWay is the format without the usual ways of reading values.
func theLongWay(format *Format) *Format {
	withoutUsual := func(f Format) *Format {
		if f.program != nil {
			p := *f.program
			p.ops = slices.Clone(p.ops)
			for i := range p.ops {
				p.ops[i].usual = usualNone
			}
			p.fast = nil
			f.program = &p
		}
		return &f
	}
	long := withoutUsual(*format)
	long.relatives = nil
	for _, r := range format.relatives {
		long.relatives = append(long.relatives, withoutUsual(*r))
	}
	return long
}

// FuzzLogFormat compiles what users may paste, and decodes with it.
func FuzzLogFormat(f *testing.F) {
	f.Add(pastedLayout, `198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 502 157 "-" "-" 30.002 30.000 10.0.3.15:8080 502`)
	f.Add(`escape=json '{"t":"$msec","r":"$request","s":$status}'`, `{"t":"1768487011.402","r":"GET / HTTP/1.1","s":200}`)
	f.Add("log_format a escape=none '$time_iso8601 $request_uri $status $http_x $args $upstream_addr $pipe$status';", "x")
	f.Add(`LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" %D" x`, `203.0.113.9 - - [15/Jan/2026:14:23:01 +0000] "GET / HTTP/1.1" 504 - "-" 30001873`)
	f.Add(`[%{%d/%b/%Y %T}t.%{usec_frac}t %{%z}t] "%r" %>s %^FB %T %{ms}T %!200,304{X}i %%`, `[15/Jan/2026 14:23:01.120331 +0000] "GET /a HTTP/1.1" 200 1 0 1 - %`)
	f.Add(`{"t":"$context.requestTimeEpoch","r":"$context.routeKey","s":$context.status,"n":{"ms":"$context.responseLatency"}}`, `{"t":"1768486981120","r":"GET /x/{id}","s":"504","n":{"ms":"29002"}}`)
	f.Add(`$context.identity.sourceIp [$context.requestTime] "$context.httpMethod $context.path" $context.status`, `198.51.100.7 [15/Jan/2026:14:23:01 +0000] "GET /a" 200`)
	f.Add(`log-format "%ci:%cp [%tr] %b/%s %Tr/%Ta %ST %tsc %sq/%bq %hr %hs %{+Q}r %[x]"`, `1:2 [15/Jan/2026:14:23:01.120] be/s 1/2 200 ---- 0/0 {a} "GET / HTTP/1.1" 7`)
	f.Add(`[%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH):9%" %RESPONSE_CODE% %RESP(X)% %DURATION%`, `[2026-01-15T14:23:01.120Z] "POST /a" 504 x 30002`)
	f.Add(`{"a":"%START_TIME(%s%3f)%","b":%RESPONSE_CODE%,"c":{"d":"%REQ(:PATH)%"}}`, `{"a":"1768486981120","b":200,"c":{"d":"/a"}}`)
	f.Add(`$time_local$status${request}`, `15/Jan/2026:14:23:31 +0000200GET / HTTP/1.1`)
	f.Fuzz(func(t *testing.T, text, line string) {
		format, err := ParseFormat(text)
		if err != nil {
			return
		}
		began := time.Now()
		var r Record
		if NewDecoder(format).Decode([]byte(line), &r) == nil && !r.Start.Known() && !r.End.Known() {
			t.Fatal("no time")
		}
		if took := time.Since(began); took > time.Second {
			t.Fatalf("%v for %d bytes", took, len(line))
		}
	})
}

// agreesWithLibrary compares the scanner with encoding/json on lines that both
// can read, but for keys that come twice and for invalid UTF-8, where they may differ.
func agreesWithLibrary(t *testing.T, f *Format, d *Decoder, line []byte) {
	t.Helper()
	o := f.object
	for key := range o.keys {
		if bytes.Count(line, []byte(`"`+key+`"`)) > 1 {
			return
		}
	}
	if !json.Valid(line) || !utf8.Valid(line) || bytes.Contains(line, []byte(`\u`)) && !utf8.Valid(d.scratch) || comesTwice(line) {
		return
	}
	var fast, slow Record
	d.reset(f, &fast)
	if _, err := o.scan(d, line, &fast); err != nil {
		return
	}
	want := shown(&fast)
	if err := o.runSlow(d, f, line, &slow); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	for k, v := range shown(&slow) {
		if want[k] != v {
			t.Fatalf("%s: scanner %q, encoding/json %q", k, want[k], v)
		}
	}
}

// comesTwice says whether any object of the line has a key twice, of which the
// scanner and encoding/json may take different ones.
func comesTwice(line []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(line))
	var open []map[string]bool // nil for an array
	key := false
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		if n := len(open); key && n > 0 && open[n-1] != nil {
			if name, ok := tok.(string); ok {
				if open[n-1][name] {
					return true
				}
				open[n-1][name] = true
				key = false
				continue
			}
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		key = true
	}
}
