package gatewaylog

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// wrappings put something around lines, as it is found in the wild.
var wrappings = []struct {
	name, said string
	wrap       func(i int, line string) string
}{
	{"docker json-file", "docker json-file", func(_ int, line string) string {
		return `{"log":"` + jsonText(line) + `\n","stream":"stdout","time":"2026-01-15T14:23:31.122334455Z"}`
	}},
	{"docker json-file with blanks", "docker json-file", func(_ int, line string) string {
		return `{ "log": "` + jsonText(line) + `\n", "stream": "stdout", "time": "2026-01-15T14:23:31.122334455Z" }`
	}},
	{"docker json-file in another order", "docker json-file", func(_ int, line string) string {
		return `{"stream":"stdout","attrs":{"log":"no","n":1},"time":"2026-01-15T14:23:31.122334455Z","log":"` + jsonText(line) + `\n"}`
	}},
	{"docker json-file, cut at 16 KiB", "docker json-file", func(i int, line string) string {
		if i%3 > 0 {
			return `{"log":"` + jsonText(line) + `\n","stream":"stdout","time":"2026-01-15T14:23:31.122334455Z"}`
		}
		return `{"log":"` + jsonText(line[:40]) + `","stream":"stdout","time":"2026-01-15T14:23:31.122334455Z"}` + "\n" +
			`{"log":"[warn] a line of the other stream\n","stream":"stderr","time":"2026-01-15T14:23:31.122334455Z"}` + "\n" +
			`{"log":"` + jsonText(line[40:]) + `\n","stream":"stdout","time":"2026-01-15T14:23:31.122334455Z"}`
	}},
	{"CRI", "CRI", func(_ int, line string) string { return "2026-01-15T14:23:31.122334455Z stdout F " + line }},
	{"CRI with partial lines", "CRI", func(i int, line string) string {
		if i%2 > 0 {
			return "2026-01-15T14:23:31.122334455+01:00 stdout F " + line
		}
		return "2026-01-15T14:23:31.122334455Z stdout P " + line[:20] + "\n2026-01-15T14:23:31.122334456Z stderr F [warn] in between\n" +
			"2026-01-15T14:23:31.122334457Z stdout P " + line[20:50] + "\n2026-01-15T14:23:31.122334458Z stdout F " + line[50:]
	}},
	{"docker-compose", "docker-compose", func(i int, line string) string { return fmt.Sprintf("gateway-%d  | %s", i%2+1, line) }},
	{"docker-compose in colour", "docker-compose", func(_ int, line string) string { return "\x1b[36mgateway-1  |\x1b[0m " + line }},
	{"kubectl --prefix", "kubectl --prefix", func(_ int, line string) string { return "[pod/gateway-7d9f4-x2x8p/nginx] " + line }},
	{"kubectl --prefix --timestamps", "kubectl --prefix, then a timestamp in front", func(_ int, line string) string {
		return "[pod/gateway-7d9f4-x2x8p/nginx] 2026-01-15T14:23:31.122334455Z " + line
	}},
	{"syslog of 1980", "syslog", func(_ int, line string) string { return "Jan  5 14:23:31 lb1 haproxy[2213]: " + line }},
	{"syslog with priority and no host", "syslog", func(_ int, line string) string { return "<190>Jan 15 14:23:31 nginx: " + line }},
	{"syslog with an ISO time", "syslog", func(_ int, line string) string {
		return "2026-01-15T14:23:31.122334+00:00 lb1 nginx[7]: " + line
	}},
	{"syslog with priority alone", "syslog", func(_ int, line string) string { return "<134>" + line }},
	{"syslog 5424", "syslog (RFC 5424)", func(_ int, line string) string {
		return `<134>1 2026-01-15T14:23:31.122Z lb1 nginx 7 - [meta x="a]\"b"][more y="1"] ` + line
	}},
	{"syslog 5424 without data", "syslog (RFC 5424)", func(_ int, line string) string {
		return "<134>1 2026-01-15T14:23:31.122Z lb1 nginx 7 - - \ufeff" + line
	}},
	{"journald export", "journald export", func(i int, line string) string {
		return fmt.Sprintf("__CURSOR=s=1;i=%d\n__REALTIME_TIMESTAMP=1768487011122334\nPRIORITY=6\n_SYSTEMD_UNIT=nginx.service\nMESSAGE=%s\n_PID=7\n", i, line)
	}},
	{"journald JSON", "journald JSON", func(_ int, line string) string {
		return `{"__CURSOR":"s=1","PRIORITY":"6","MESSAGE":"` + jsonText(line) + `","__REALTIME_TIMESTAMP":"1768487011122334"}`
	}},
	{"journald JSON in bytes", "journald JSON", func(_ int, line string) string {
		return `{"__REALTIME_TIMESTAMP":"1768487011122334","MESSAGE":` + numbers(line) + `}`
	}},
	{"CRI around syslog", "CRI, then syslog", func(_ int, line string) string {
		return "2026-01-15T14:23:31.122334455Z stdout F <134>Jan 15 14:23:31 lb1 nginx[7]: " + line
	}},
}

// jsonText escapes as docker and journald do.
func jsonText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(s)
}

// numbers is how journald writes bytes that are not text.
func numbers(s string) string {
	var all []string
	for i := range len(s) {
		all = append(all, strconv.Itoa(int(s[i])))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// shopLines are some lines of a shop's nginx, one of which has escapes.
func shopLines() []string {
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprintf(`198.51.100.%d - - [15/Jan/2026:14:23:%02d +0000] "POST /api/orders?i=%d HTTP/1.1" %d 157 "-" "Shop\x22App\x22/7.3.1" 0.%03d 0.%03d 10.0.3.15:8080 %d`,
			i, i%30, i, 200+i%2*302, i, i, 200+i%2*302))
	}
	return lines
}

// What is around the lines must not change what is counted, whether they are
// imported or followed, or come with Windows' line ends.
func TestWrappersAreTakenOff(t *testing.T) {
	lines := shopLines()
	want := incident.NewEvidence()
	gather(t, want, write(t, "access.log", []byte(strings.Join(lines, "\n")+"\n")), Options{Name: "log"})
	for _, c := range wrappings {
		for _, end := range []string{"\n", "\r\n"} {
			t.Run(c.name+fmt.Sprintf(" %q", end), func(t *testing.T) {
				var b strings.Builder
				b.WriteString("\ufeff")
				for i, line := range lines {
					b.WriteString(strings.ReplaceAll(c.wrap(i, line), "\n", end) + end)
				}
				path := write(t, "wrapped.log", []byte(b.String()))
				got := incident.NewEvidence()
				s := gather(t, got, path, Options{Name: "log"})
				if s.Detection.Wrapped != c.said || s.Parsed != int64(len(lines)) {
					t.Fatalf("inside %q, %d of %d lines: %s", s.Detection.Wrapped, s.Parsed, len(lines), s.Detection.Reason)
				}
				if diff := cmp.Diff(counts(want), counts(got)); diff != "" {
					t.Errorf("imported (-want +got):\n%s", diff)
				}
				given := incident.NewEvidence()
				s = gather(t, given, path, Options{Name: "log", Format: mustFormat(t, pastedLayout)})
				if s.Parsed != int64(len(lines)) {
					t.Errorf("with the format given, %d of %d lines", s.Parsed, len(lines))
				}
				f := newFollow(t, FollowOptions{Options: Options{Name: "log"}, Reader: strings.NewReader(b.String())})
				r := follow(t, f)
				if err := r.end(); err != nil {
					t.Fatal(err)
				}
				if n := r.ended(); n != int64(len(lines)) {
					t.Errorf("followed, %d requests of %d", n, len(lines))
				}
			})
		}
	}
}

func mustFormat(t *testing.T, text string) *Format {
	t.Helper()
	f, err := ParseFormat(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// counts are the buckets of an evidence, in words.
func counts(ev *incident.Evidence) map[string]int64 {
	all := map[string]int64{}
	for _, b := range ev.Snapshot().Buckets() {
		key := fmt.Sprint(b.At.UTC().Format(time.TimeOnly), " ", b.Endpoint, " ", b.Status, " ", b.Outcome)
		all[key+" started"] += b.Started
		all[key+" ended"] += b.Ended
	}
	return all
}

func TestListsAreReadOneByOne(t *testing.T) {
	const one = `{"request":{"method":"POST","uri":"/api/orders"},"response":{"status":504},"latencies":{"request":30002,"proxy":30000},"tries":[],"started_at":%d}`
	element := func(i int) string { return fmt.Sprintf(one, 1768486981120+i) }
	for name, text := range map[string]string{
		"batches of http-log": "[" + element(1) + "," + element(2) + ", " + element(3) + "]\n[" + element(4) + "]\n",
		"an element a line":   "[\n" + element(1) + ",\n" + element(2) + ",\n" + element(3) + ",\n" + element(4) + "\n]\n",
		"an event hub's":      `{"records":[` + element(1) + "," + element(2) + "," + element(3) + "," + element(4) + "]}\n",
	} {
		s, err := ImportReader(context.Background(), strings.NewReader(text), Options{}, func([]incident.Fact) error { return nil })
		if err != nil || s.Parsed != 4 || s.Unparsed != 0 || s.Detection.Format.Name != "kong_json" {
			t.Errorf("%s: %d parsed, %d not, %v %s", name, s.Parsed, s.Unparsed, err, s.Detection.Reason)
		}
	}
}

// Where in the line it went wrong is told of the line as it stands in the log.
func TestColumnBehindAWrapper(t *testing.T) {
	var b bytes.Buffer
	for _, line := range shopLines() {
		b.WriteString("Jan 15 14:23:31 lb1 nginx[7]: " + line + "\n")
	}
	b.WriteString(`Jan 15 14:23:31 lb1 nginx[7]: 198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET / HTTP/1.1" 2x0 157` + "\n")
	var note string
	_, err := ImportReader(context.Background(), &b, Options{}, func(facts []incident.Fact) error {
		for _, f := range facts {
			if x, ok := f.(incident.Exemplar); ok && x.Kind == incident.Unparsed {
				note = x.Note
			}
		}
		return nil
	})
	if err != nil || !strings.HasPrefix(note, "column 94: expected a status (3 digits), found \"2x0 157\"") {
		t.Errorf("%v: %s", err, note)
	}
}
