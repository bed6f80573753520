package gatewaylog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// repeated are n lines that differ in nothing.
func repeated(n int, line string) [][]byte {
	var lines [][]byte
	for range n {
		lines = append(lines, []byte(line))
	}
	return lines
}

// The lines that a format file carries are enough to know the format by.
func TestDetectKnowsEverySample(t *testing.T) {
	formats, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range formats {
		for i, s := range f.Samples {
			if s.Error != "" {
				continue
			}
			d, err := Detect(repeated(10, s.Line))
			if err != nil {
				t.Errorf("%s, sample %d: %v", f.Name, i, err)
			} else if d.Format.Name != f.Name && d.Format.Name != f.Twin {
				t.Errorf("%s, sample %d: taken for %s", f.Name, i, d.Reason)
			}
		}
	}
}

func TestDetectSaysWhatItTookThingsFor(t *testing.T) {
	const combined = `203.0.113.9 - - [15/Jan/2026:14:23:01 +0000] "GET / HTTP/1.1" `
	for _, c := range []struct {
		name  string
		lines [][]byte
		opt   Options
		want  []string
	}{
		{
			"what both servers write", repeated(5, combined+`200 9 "-" "curl"`),
			Options{},
			[]string{"nginx combined: 100.0 % of 5 sampled lines, which Apache combined looks like too: if it is that, say --log-format apache_combined", "time is the end"},
		},
		{
			"a size of none", append(repeated(5, combined+`200 9 "-" "curl"`), []byte(combined+`304 - "-" "curl"`)),
			Options{},
			[]string{"Apache combined: 100.0 % of 6 sampled lines, which nginx would not write so", "time is the start"},
		},
		{
			"a status of nginx's own", append(repeated(5, combined+`200 9 "-" "curl"`), []byte(combined+`499 0 "-" "curl"`)),
			Options{},
			[]string{"nginx combined: 100.0 % of 6 sampled lines; "},
		},
		{"microseconds", repeated(5, combined+`200 9 "-" "curl" 12500`), Options{}, []string{"durations taken for us, for half of them are 12500 or more"}},
		{
			"mostly below a millisecond", append(repeated(5, combined+`200 9 "-" "curl" 863`), []byte(combined+`502 9 "-" "curl" 2000689`)),
			Options{},
			[]string{"durations taken for us, for the longest would be 33m21s in ms"},
		},
		{
			"whole seconds", append(repeated(5, combined+`200 9 "-" "curl" 0`), []byte(combined+`504 9 "-" "curl" 30`)),
			Options{},
			[]string{"durations taken for s, for most of them are 0"},
		},
		{"neither", repeated(5, combined+`200 9 "-" "curl" 40`), Options{}, []string{"durations are not read, for their unit is not clear (half of them are 40 or more): --log-unit"}},
		{"as the user says", repeated(5, combined+`200 9 "-" "curl" 40`), Options{Unit: "ms"}, []string{"durations in ms, as given"}},
		{
			"JSON in Go's way", repeated(5, `{"time":"2026-01-15T14:23:31Z","method":"GET","path":"/a","status":200,"duration":12500000}`),
			Options{},
			[]string{"JSON with usual keys", "durations taken for ns"},
		},
		{
			"JSON in Python's way", repeated(5, `{"time":"2026-01-15T14:23:31Z","method":"GET","path":"/a","status":200,"duration":0.0125}`),
			Options{},
			[]string{"durations taken for s, for half of them are 0.0125 or more, with decimals"},
		},
		{
			"JSON in JavaScript's way", repeated(5, `{"time":1768487011122,"method":"GET","url":"/a","statusCode":200,"responseTime":12}`),
			Options{},
			[]string{"durations taken for ms"},
		},
		{
			"no zone", repeated(5, `198.51.100.7:51234 [15/Jan/2026:14:23:01.120] fe be/s1 0/0/1/8/21 200 2 - - ---- 8/8/6/1/0 0/0 "GET / HTTP/1.1"`),
			Options{Zone: mustZone(t, "Europe/Berlin")},
			[]string{"times name no zone: read in Europe/Berlin"},
		},
		{
			"a given format that fits nothing", repeated(5, "hello"),
			Options{Format: mustFormat(t, "combined")},
			[]string{"nginx combined: given, but it reads 0 % of 5 sampled lines"},
		},
		{"common and combined in one log", append(repeated(5, combined+`200 9`), repeated(5, combined+`200 9 "-" "curl"`)...), Options{}, []string{"Apache common: 100.0 % of 10 sampled lines"}},
		{
			"calls of gRPC without their status", repeated(5, `[2026-01-15T14:23:01.120Z] "POST /shop.Orders/Reserve HTTP/2" 200 - 412 81 7 3 "-" "grpc-go/1.60" "6f0c" "shop" "10.0.3.15:8080"`),
			Options{},
			[]string{"the statuses of gRPC calls are not logged: those that fail look fine"},
		},
		{"notes of the format", repeated(5, `198.51.100.7:51234 [15/Jan/2026:14:23:01.120] fe be/s1 0/1/30002 412 -- 8/8/6/1/0 0/0`), Options{}, []string{"sessions, not requests"}},
		{"a unit too many", repeated(5, combined+`200 9 "-" "curl" 0.040`), Options{Unit: "ms"}, []string{"--log-unit is not needed"}},
	} {
		d, err := decide(c.lines, c.opt)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(d.Reason, want) {
				t.Errorf("%s: %s, want %q", c.name, d.Reason, want)
			}
		}
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestDetectNamesTheClosest(t *testing.T) {
	var lines [][]byte
	for i := range 100 {
		line := fmt.Sprintf(`198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /%d HTTP/1.1" 200 157 "-" "curl"`, i)
		if i%2 == 0 {
			line = "2026/01/15 14:23:31 [error] 7#7: *1 upstream timed out"
		}
		lines = append(lines, []byte(line))
	}
	_, err := Detect(lines)
	var unknown *UnknownFormatError
	if !errors.As(err, &unknown) || len(unknown.Candidates) != 3 || unknown.Candidates[0].Share != 0.5 || unknown.Candidates[0].Error == nil {
		t.Fatalf("%v", err)
	}
	if want := "unknown format: of 100 lines nginx_combined reads 50 % (column 1: expected"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// Times without a zone: the ordinary, the hour that comes twice, the one that never comes.
func TestZonelessTimes(t *testing.T) {
	f := mustFormat(t, "haproxy_httplog").InZone(mustZone(t, "Europe/Berlin"))
	d := NewDecoder(f)
	for _, c := range []struct {
		at, want string
		twice    bool
	}{
		{"15/Jan/2026:14:23:01.120", "2026-01-15T13:23:01.12Z", false},
		{"15/Jul/2026:14:23:01.120", "2026-07-15T12:23:01.12Z", false},
		{"25/Oct/2026:02:30:00.000", "2026-10-25T00:30:00Z", true},
		{"25/Oct/2026:01:59:59.999", "2026-10-24T23:59:59.999Z", false},
		{"25/Oct/2026:03:00:00.000", "2026-10-25T02:00:00Z", false},
		{"29/Mar/2026:02:30:00.000", "2026-03-29T01:30:00Z", false},
		{"29/Mar/2026:03:00:00.000", "2026-03-29T01:00:00Z", false},
	} {
		var r Record
		line := `198.51.100.7:51234 [` + c.at + `] fe be/s1 0/0/1/8/21 200 2 - - ---- 8/8/6/1/0 0/0 "GET / HTTP/1.1"`
		if err := d.Decode([]byte(line), &r); err != nil {
			t.Errorf("%s: %v", c.at, err)
		}
		if got := r.Start.Time().Format(time.RFC3339Nano); got != c.want || r.Twice != c.twice {
			t.Errorf("%s: %s, twice %v; want %s, %v", c.at, got, r.Twice, c.want, c.twice)
		}
	}
}

// A format that was named and understands nothing is no source that is fine.
func TestFollowAGivenFormatThatFitsNothing(t *testing.T) {
	path := write(t, "access.log", nil)
	r := follow(t, newFollow(t, quick(FollowOptions{Options: Options{Format: mustFormat(t, "haproxy_httplog")}, Path: path, FromStart: true})))
	appendTo(t, path, strings.Join(shopLines(), "\n")+"\n")
	r.until("a word about it", func() bool {
		return strings.Contains(r.last.Detail, "none of 60 lines is of the format haproxy_httplog: column ")
	})
	if r.last.State != incident.SourceStale {
		t.Errorf("state %v: %s", r.last.State, r.last.Detail)
	}
}

func TestInjectedFaultsAreSaid(t *testing.T) {
	line := `[2026-01-15T14:23:01.120Z] "POST /api/orders HTTP/2" 503 FLAG 412 81 7 - "-" "-" "6f0c" "shop" "-"` + "\n"
	text := strings.Repeat(strings.Replace(line, "FLAG", "UF", 1), 3) + strings.Replace(line, "FLAG", "DI,FI", 1)
	s, err := ImportReader(context.Background(), strings.NewReader(text), Options{}, func([]incident.Fact) error { return nil })
	if detail := s.Source().Detail; err != nil || !strings.Contains(detail, "SOMEBODY INJECTS FAULTS: 1 request with") {
		t.Errorf("%v: %s", err, detail)
	}
}
