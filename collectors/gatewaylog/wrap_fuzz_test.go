package gatewaylog

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// FuzzUnwrap feeds logs with something around their lines to an intake, in two
// pieces: every line is accounted for, nothing is invented, little is allocated,
// and what is shown of it is safe.
func FuzzUnwrap(f *testing.F) {
	lines := shopLines()[:6]
	for i, c := range wrappings {
		var b strings.Builder
		for j, line := range lines {
			b.WriteString(c.wrap(j, line) + "\n")
		}
		f.Add([]byte(b.String()), uint16(40*i))
	}
	f.Add([]byte(`[{"request":{"method":"GET","uri":"/a"},"response":{"status":504},"latencies":{"request":3},"started_at":1768486981120},{"x":[}]`+"\n"), uint16(9))
	f.Add([]byte("[pod/a/b] <1>1 - - - - - [x y=\"\\\"]\"]\n{\"log\":\"\\u001b]52;\\u202e\",\"stream\":\"stdout\"}\n"), uint16(3))
	f.Add([]byte(`{"MESSAGE":[49,57,255,],"__REALTIME_TIMESTAMP":"1"}`+"\n"), uint16(3))
	formats, err := Formats()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte, at uint16) {
		if len(text) > 1<<16 {
			return
		}
		format := formats[int(at)%len(formats)]
		if d, err := Detect(sampleOf(text, true, true)); err == nil {
			format = d.Format
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		in := NewIntake(format, incident.Origin{Group: Group, Name: "log", File: "x"}, nil, 0)
		cut := min(int(at), len(text))
		_, _ = in.Write(text[:cut])
		_, _ = in.Write(text[cut:])
		in.Close()
		s := in.Stats()
		if s.Lines != s.Parsed+s.Unparsed+s.Skipped || s.Bytes != int64(len(text)) {
			t.Fatalf("%+v of %d bytes", s, len(text))
		}
		if n := int64(bytes.Count(text, []byte("\n"))) + 1; s.Parsed > n+int64(bytes.Count(text, []byte("{"))) {
			t.Fatalf("%d requests on %d lines", s.Parsed, n)
		}
		facts := in.Flush()
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20+512*uint64(len(text)) {
			t.Fatalf("%d bytes allocated for %d", used, len(text))
		}
		for _, fact := range facts {
			x, ok := fact.(incident.Exemplar)
			if !ok {
				continue
			}
			if !x.Start.IsZero() && !x.End.IsZero() && x.Start.After(x.End) {
				t.Fatalf("start %v, end %v", x.Start, x.End)
			}
			for _, r := range redact.Line(x.Raw) + redact.Line(x.Note) + redact.Line(x.Endpoint.String()) {
				if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
					t.Fatalf("%q is shown", r)
				}
			}
		}
	})
}

// FuzzDetect asks for the format of anything: an answer reads what it says, and
// no answer names columns.
func FuzzDetect(f *testing.F) {
	formats, err := Formats()
	if err != nil {
		f.Fatal(err)
	}
	for _, format := range formats {
		f.Add([]byte(format.Samples[0].Line), "")
	}
	f.Add([]byte(`203.0.113.9 - - [15/Jan/2026:14:23:01 +0000] "GET / HTTP/1.1" 200 9 "-" "curl" 40`), "ms")
	f.Add([]byte("{\"time\":1,\"status\":200,\"duration\":1e300}\n{\"time\":1768487011,\"status\":\"200\",\"duration\":-0.5}"), "")
	f.Add([]byte(`" 200 -`), "s")
	f.Fuzz(func(t *testing.T, text []byte, unit string) {
		if len(text) > 1<<16 {
			return
		}
		lines := sampleOf(text, true, true)
		d, err := decide(lines, Options{Unit: unit})
		if err != nil {
			return
		}
		if d.Share < acceptShare || d.Share > 1 || d.Reason == "" {
			t.Fatalf("%v %s", d.Share, d.Reason)
		}
		inner, _ := unwrapped(lines)
		if c := try(d.Format, inner); c.Share == 0 && len(inner) > 0 {
			t.Fatalf("%s reads nothing", d.Format.Name)
		}
	})
}
