package timeline

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

var last = time.Date(2026, 1, 16, 2, 34, 0, 0, time.UTC)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// short is a record in a line, with what the tests look at.
func short(r Record) string {
	f := r.Fields
	return strings.Join([]string{f["start"], f["end"], f["precision"], f["kind"], f["system"], f["actor"], f["text"], f["confidence"]}, "|")
}

func TestFormatsOfOthers(t *testing.T) {
	for _, c := range []struct {
		file, format string
		skipped      int
		want         []string
	}{
		{"slack_day.json", "slack", 1, []string{
			"2026-01-15T14:31:05.0002Z||1ms|communication||participant|@U2 rolling back order to v41, see runbook (https://wiki.example/rb) & <b>|stated",
			"2026-01-15T14:32:00.000001Z||1ms|alert||bot|checkout error rate > 50 %|stated",
		}},
		{"datadog_v1.json", "datadog", 0, []string{
			"2026-01-15T14:24:00Z||1s|alert|order||[Triggered] 502 on checkout|measured",
			"2026-01-15T14:20:00Z||1s|change|web-1||deploy of order v42|measured",
		}},
		{"datadog_v2.json", "datadog", 0, []string{"2026-01-15T14:24:00.5Z||1ms|alert|order||[Triggered] 502 on checkout|measured"}},
		{"grafana.json", "grafana", 0, []string{
			"2026-01-15T14:23:01Z|2026-01-15T14:27:01Z|1ms|observation|inventory||lock on stock_reservations & more|stated",
			"2026-01-15T14:25:00Z||1ms|alert|||checkout alerting: 502 above 1 %|measured",
		}},
		{"kubernetes.json", "kubernetes", 0, []string{
			"2026-01-15T14:46:10Z|2026-01-15T14:46:18Z|1s|change|pod/order-7f|kubelet|Killing of pod/order-7f: Stopping container order (2 times)|measured",
			"2026-01-15T14:46:20.123456Z||1µs|observation|pod/order-8a|kubelet|Unhealthy of pod/order-8a: readiness probe failed|measured",
		}},
		{"table.csv", "csv", 0, []string{
			"2026-01-15T14:31:00Z||1m0s|action||on-call engineer|rolled back; with a , and \"quotes\"|",
			"2026-01-15T14:46:18Z||1s||order||=SUM(1) restarted|",
		}},
	} {
		got, err := Read(c.file, sample(t, c.file), Options{Last: last})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		var lines []string
		for _, r := range got.Records {
			lines = append(lines, short(r))
		}
		if d := cmp.Diff(c.want, lines); d != "" || got.Format != c.format || got.Skipped != c.skipped {
			t.Errorf("%s: format %s, %d skipped (-want +got)\n%s", c.file, got.Format, got.Skipped, d)
		}
		again, err := Read("elsewhere.json", sample(t, c.file), Options{Last: last, At: last})
		for i := range again.Records {
			if err != nil || again.Records[i].ID != got.Records[i].ID && c.format != "slack" { // whose channel is the file's name
				t.Errorf("%s: read again, an entry has another id, %v", c.file, err)
			}
		}
	}
}

// export is a Slack export of one channel.
func export(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range []struct{ name, text string }{
		{"users.json", `[{"id":"U1","name":"jo","real_name":"Jo Doe"},{"id":"U2","name":"sam"}]`},
		{"incidents/2026-01-16.json", `[{"type":"message","user":"U1","text":"resolved","ts":"1768550000.0001"}]`},
		{"incidents/2026-01-15.json", string(sample(t, "slack_day.json"))},
		{"channels.json", `not read`},
	} {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSlackExportAsZip(t *testing.T) {
	got, err := Read("/home/jo/export.zip", export(t), Options{})
	if err != nil || len(got.Records) != 3 || got.Format != "slack" {
		t.Fatalf("%+v, %v", got, err)
	}
	first := got.Records[0].Fields
	if !strings.HasPrefix(first["text"], "@sam rolling back") || first["person"] != "Jo Doe" || first["source_ref"] != "export.zip/incidents/2026-01-15.json:2:3" {
		t.Errorf("%+v", first)
	}
	if got.Records[2].Fields["text"] != "resolved" {
		t.Errorf("%+v", got.Records[2])
	}
}

// Bad input names file, line and column, what was found and what was expected.
func TestBadInput(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "f:1:1: nothing is in it; expected"},
		{"prose", "hello", "f:1:1: no format that is known; expected"},
		{"cut", `[{"ts":"1.0","text":"x"}`, "f:1:"},
		{"no JSON", "{\"events\": [\n  {\"id\": 1,]\n}", "f:2:12: no JSON: "},
		{"slack time", `[{"type":"message","text":"x","ts":"yesterday"}]`, `f:1:2: ts: found "yesterday"; expected seconds since 1970`},
		{"type", "{\"events\": [\n {\"date_happened\": \"now\"}]}", "f:2:"},
		{"no time", `{"events":[{"title":"x"}]}`, "f:1:12: date_happened is missing; expected seconds since 1970"},
		{"no title", `{"events":[{"date_happened":1768487011}]}`, "f:1:12: the text is empty; expected one fact"},
		{"grafana range", `[{"time":1,"timeEnd":99999999999999999,"text":"x"}]`, "f:1:2: timeEnd: the year"},
		{"kind", `{"kind":"Pod"}`, `f:1:1: no format that is known`},
		{"kubernetes", `{"apiVersion":"v1","kind":"Pod"}`, `f:1:1: kind "Pod"; expected a List of Events`},
		{"kubernetes time", `{"apiVersion":"v1","items":[{"kind":"Event","reason":"x","firstTimestamp":"soon"}]}`, `f:1:29: firstTimestamp, eventTime: "soon" is no instant; expected`},
		{"id", "id,time,text\n\x1b[2J,14:31Z,x\n", `f:2:1: id "\x1b[2J"; expected twelve hexadecimal digits`},
		{"kubernetes cut", `{"kind":"List","items":[`, "f:1:24: no JSON: unexpected end of JSON input"},
		{"schema", `{"schema":"tripcurve.timeline/9"}`, `f:1:1: schema: found "tripcurve.timeline/9"; expected "tripcurve.timeline/2"`},
		{"header", "a,b\n1,2\n", `f:1:1: the header is "a,b"; expected a column start`},
		{"cells", "time,text\n2026-01-15T14:31:00Z,x,y\n", "f:2:1: 3 cells; expected 2"},
		{"quote", "time,text\n2026-01-15T14:31:00Z,\"x\n", "f:2:"},
		{"zone", "time,text\n2026-01-15 14:31:00,x\n", `f:2:1: start: "2026-01-15 14:31:00" names no zone`},
		{"word", "time,text,kind\n14:31Z,x,guess\n", `f:2:10: kind: "guess"; expected one of observation`},
		{"reversed", "time,until,text\n14:31Z,14:30Z,x\n", "f:2:1: it ends at"},
		{"year", "time,text\n9999-01-01T00:00:00Z,x\n", "f:2:1: start: the year 9999; expected one from 1970"},
		{"row", "<!-- tripcurve.timeline/2 -->\n| Time (UTC) | What happened |\n|---|---|\n| 14:31Z | a | b |\n", "f:4:1: 3 cells; expected 2"},
		{"comment", "<!-- tripcurve.timeline/2 -->\n| Time (UTC) | What happened |\n|---|---|\n| 14:31Z | a <!-- id: x |\n", "f:4:12: the comment with the id has no end"},
		{"instant", "<!-- tripcurve.timeline/2 -->\n| Time (UTC) | What happened |\n|---|---|\n| noon | a |\n", `f:4:3: start: "noon" is no instant`},
	} {
		_, err := Read("f", []byte(c.text), Options{Last: last})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestTimesWithoutAZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read("f.csv", []byte("when;what\n2026-01-15 15:31;\"rolled back\"\n2026-01-15T15:31:07.5;restarted\n1768487011;x\n1768487011123;y\n"), Options{Zone: berlin})
	if err != nil {
		t.Fatal(err)
	}
	var times []string
	for _, r := range got.Records {
		times = append(times, r.Fields["start"])
	}
	if d := cmp.Diff([]string{"2026-01-15T14:31:00Z", "2026-01-15T14:31:07.5Z", "2026-01-15T14:23:31Z", "2026-01-15T14:23:31.123Z"}, times); d != "" {
		t.Error(d)
	}
}

// An edited export changes what was edited, and nothing that redaction or rounding did
// to the export.
func TestMergeOfAnEditedExport(t *testing.T) {
	const head = "<!-- tripcurve.timeline/2 -->\n\n| Time (UTC) | Until | What happened | Kind |\n|---|---|---|---|\n"
	entries := []incident.Entry{
		{ID: "aaaaaaaaaaaa", Start: last.Add(123 * time.Millisecond), Precision: time.Second, Text: "told jo@example.org and sam@example.org", Confidence: "stated"},
		{ID: "bbbbbbbbbbbb", Start: last, Precision: time.Second, Text: "unchanged", Confidence: "measured", Derived: true},
		{ID: "cccccccccccc", Start: last, Precision: time.Second, Text: "cut out", Confidence: "measured"},
	}
	now := head + "| 02:34:00Z |  | told \\[email-1\\] and \\[email-2\\] <!-- id: aaaaaaaaaaaa --> | observation |\n" +
		"| 02:34:00Z |  | unchanged <!-- id: bbbbbbbbbbbb --> | observation |\n| 02:34:00Z |  | cut out <!-- id: cccccccccccc --> | observation |\n"
	edited := head + "| 02:34:00Z | 02:35:00Z | asked \\[email-2\\], then \\[email-1\\] <!-- id: aaaaaaaaaaaa --> | decision, acknowledged |\n" +
		"| ~ 02:34:00Z |  | unchanged <!-- id: bbbbbbbbbbbb --> | observation |\n| 14:40Z | open | new: a \\| b &lt;c&gt; @<!-- -->x | action |\n"
	read := func(text string) Reading {
		r, err := Read("e.md", []byte(text), Options{Last: last.Add(6 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	p, err := Merge("e.md", entries, read(now), read(edited))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 2 || p.Same != 1 || len(p.Missing) != 1 || p.Missing[0].ID != "cccccccccccc" {
		t.Fatalf("%+v", p)
	}
	if c := p.Changes[0]; c.New || c.After.Text != "asked sam@example.org, then jo@example.org" || c.After.Phase != incident.PhaseAcknowledged ||
		cmp.Diff([]string{"end", "phase", "kind", "text"}, c.Fields) != "" || !c.After.Start.Equal(entries[0].Start) {
		t.Errorf("%+v", c)
	}
	if c := p.Changes[1]; !c.New || c.After.Text != "new: a | b <c> @x" || !c.After.Open || c.After.Start.Hour() != 14 || c.After.Start.Day() != 15 {
		t.Errorf("%+v", c)
	}
	for _, again := range []string{now, edited} {
		if p, err := Merge("e.md", entries, read(now), read(now)); err != nil || len(p.Changes)+len(p.Missing) > 0 {
			t.Errorf("%s: %+v, %v", again, p, err)
		}
	}
}

// What was imported once is not imported again, nor is what people changed of it.
func TestMergeOfOthersIsOnce(t *testing.T) {
	in, err := Read("grafana.json", sample(t, "grafana.json"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Merge("grafana.json", nil, Reading{}, in)
	if err != nil || len(p.Changes) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	var have []incident.Entry
	for _, c := range p.Changes {
		c.After.Text = "edited"
		have = append(have, c.After)
	}
	if p, err = Merge("grafana.json", have, Reading{}, in); err != nil || len(p.Changes) > 0 || p.Same != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"slack_day.json", "datadog_v1.json", "datadog_v2.json", "grafana.json", "kubernetes.json", "table.csv"} {
		f.Add("", sample(f, name))
	}
	f.Add("markdown", []byte("<!-- tripcurve.timeline/2 -->\n| Time (UTC) | Until | What happened | Kind |\n|---|---|---|---|\n| 14:31Z | open | x \\| y <!-- id: 0123456789ab --> | action |\n"))
	f.Add("json", []byte(`{"schema":"tripcurve.timeline/2","entries":[{"id":"0123456789ab","start":"2026-01-15T14:31:00Z","text":"y","kind":"action"}]}`))
	f.Add("slack", export(f))
	f.Fuzz(func(t *testing.T, format string, data []byte) {
		if format != "" && !cmp.Equal(strings.TrimSpace(format), format) {
			return
		}
		got, err := Read("f", data, Options{Format: format, Last: last})
		if err != nil {
			return
		}
		for _, r := range got.Records {
			at, err := time.Parse(time.RFC3339Nano, r.Fields["start"])
			if err != nil || at.Year() < 1969 || at.Year() > 2201 || strings.TrimSpace(r.Fields["text"]) == "" || r.Line < 1 || r.Column < 1 {
				t.Fatalf("a record of no instant, text or place: %+v, %v", r, err)
			}
		}
		if _, err := Merge("f", nil, Reading{}, got); err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}

func FuzzRestore(f *testing.F) {
	f.Add("told [email-1]", "told jo@x.org", "asked [email-1]")
	f.Add("[ip-1][ip-1] $1", "a b c", "$1 [ip-2]")
	f.Fuzz(func(t *testing.T, redacted, original, edited string) {
		if got := restore(redacted, original, redacted); token().MatchString(redacted) && len(original) < 200 && got != original && got != redacted && len(token().FindAllString(redacted, -1)) == 1 {
			t.Fatalf("%q of %q restored as %q", redacted, original, got)
		}
		_ = restore(redacted, original, edited)
	})
}

func BenchmarkReadCSV(b *testing.B) {
	var text strings.Builder
	text.WriteString("time,text,kind\r\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "2026-01-15T14:%02d:%02dZ,entry %d,action\r\n", i/60%60, i%60, i)
	}
	data := []byte(text.String())
	for b.Loop() {
		if _, err := Read("t.csv", data, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
