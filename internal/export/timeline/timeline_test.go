package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-01-15 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func analysis() incident.Analysis {
	return incident.Analysis{
		Impact: incident.Window{From: at("14:23:01"), To: at("14:46:18")},
		Derived: []incident.Moment{
			{ID: "pool", At: at("14:23:46"), Kind: incident.MSymptom, Text: "pool of 100 connections full", System: "inventory", Lane: "pool", Confidence: "derived", SourceText: "pg", Precision: time.Second},
			{ID: "lock|root", At: at("14:23:01"), End: at("14:27:01"), Kind: incident.MTrigger, Text: "pid 48291 holds SHARE on stock_reservations: CREATE INDEX idx ON t (a|b)", System: "stock_reservations", Lane: "locks", Confidence: "measured", SourceText: "pg", Precision: time.Second, Support: []incident.ID{"episode/pg/session/48291"}},
			{ID: "first", At: at("14:23:01.401"), Kind: incident.MSymptom, Text: "first failing POST /api/orders", Lane: "errors", Confidence: "measured", Support: []incident.ID{"exemplar/access.log/first"}, Precision: time.Millisecond},
			{ID: "ack", At: at("14:31:00"), Kind: incident.MDetection, Text: "@oncall acks #123, mails ops@shop.example\x1b[2J", Lane: "people", Confidence: "stated", Precision: time.Minute, SourceText: "typed"},
			{ID: "wrong", At: at("14:32:00"), Kind: incident.MNote, Text: "a hidden note", Hidden: true},
			{ID: "restart", At: at("14:46:18"), Kind: incident.MRecovery, Text: "order service restarted", Lane: "deploy", Confidence: "measured", SourceText: "deploys", Precision: time.Second},
		},
	}
}

// night is the incident with what people wrote, of which one entry is hidden and one
// has words that are markup, a formula or a mention somewhere.
func night(t testing.TB) (incident.Analysis, *incident.View) {
	t.Helper()
	ev := incident.NewEvidence()
	ev.Add(incident.Exemplar{Kind: incident.FirstFailing, Start: at("14:23:01"), End: at("14:23:31"), Origin: incident.Origin{Group: "gateway", Name: "access.log", From: 8123990, To: 8124100}})
	ev.SetSource(incident.SourceStatus{Name: "access.log", Group: "gateway", Clock: incident.Clock{Ahead: 2 * time.Second, Within: time.Second}})
	a := analysis()
	for i := range a.Derived {
		if a.Derived[i].ID == "first" {
			a.Derived[i].Support = []incident.ID{ev.Snapshot().Exemplars()[0].ID()}
		}
	}
	day := 24 * time.Hour
	own := []incident.Entry{
		{
			Start: at("14:32:00"), Precision: time.Minute, Kind: incident.KAction, Text: "=HYPERLINK(\"http://x\") rolled back: 50% | <b>#1</b>; <!channel> `x`", Actor: "on-call engineer", Person: "Jo Doe", Confidence: "stated", Pinned: true,
			Source: incident.EntrySource{Name: "slack", Ref: "general.json:3:5", URL: "https://chat.example/1"}, Comments: []incident.Comment{{At: at("15:00:00"), Role: "author", Text: "by hand"}},
		},
		{Start: at("14:40:00"), Open: true, Precision: time.Second, Kind: incident.KCommunication, Text: "status page says degraded", Confidence: "stated", Phase: incident.PhaseAcknowledged},
		{Start: at("00:00:00").Add(11 * day), Open: true, Precision: day, Kind: incident.KPhase, Track: incident.RemediationTrack, Progress: incident.InProgress, Text: "phase 4: circuit breakers", Confidence: "assumed", Lane: "phases", Pinned: true},
		{Start: at("00:00:00").Add(76 * day), End: at("00:00:00").Add(166 * day), Precision: day, Kind: incident.KPhase, Track: incident.RemediationTrack, Progress: incident.Planned, Text: "phase 5: a queue", Confidence: "assumed", Lane: "phases"},
	}
	var written []incident.Written
	for i, e := range own {
		e.ID = incident.EntryID("test", string(rune('a'+i)))
		written = append(written, incident.WriteEntry(e))
	}
	ev.SetWritten(incident.PackWritten(slices.Values(written)))
	return a, ev.Snapshot()
}

func TestGolden(t *testing.T) {
	a, v := night(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	d := New(a, Options{Name: "INC-2847", View: v})
	empty := New(incident.Analysis{}, Options{Name: "quiet"})
	for _, f := range Formats() {
		data, err := d.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "timeline."+f, data)
		if data, err = empty.Encode(f); err != nil || len(data) == 0 {
			t.Errorf("%s of nothing: %d bytes, %v", f, len(data), err)
		}
	}
	golden(t, "empty.md", empty.Markdown())
	golden(t, "berlin.md", New(a, Options{Name: "INC-2847", View: v, Zone: berlin, Hidden: true, People: true}).Markdown())
	if _, err := d.Encode("pdf"); err == nil {
		t.Error("pdf was written")
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (TRIPCURVE_UPDATE=1 rewrites it):\n%s", name, d)
	}
}

// The order in which the moments come must not matter, and no format may have fewer
// rows than another.
func TestEveryFormatHoldsEveryEntry(t *testing.T) {
	a, v := night(t)
	d := New(a, Options{View: v, Hidden: true})
	if len(d.Rows) != 10 {
		t.Fatalf("%d rows, want 10", len(d.Rows))
	}
	slices.Reverse(a.Derived)
	again := New(a, Options{View: v, Hidden: true})
	plain := func(s string) string {
		s = regexp.MustCompile(`<!-- -->|&lt;!-- --&gt;|\\r\n |\\`).ReplaceAllString(strings.ReplaceAll(s, "\r\n ", ""), "")
		return strings.NewReplacer("#58;", ":", "#35;", "#", "#59;", ";", "#37;", "%", "#96;", "`", "#60;", "<", "#62;", ">", "&#37;", "%", `u0026`, "&").Replace(html.UnescapeString(html.UnescapeString(s)))
	}
	for _, f := range Formats() {
		want, err := d.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := again.Encode(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: exported again it differs, %v", f, err)
		}
		text := plain(string(want))
		last := -1
		for _, r := range d.Rows {
			look := plain(r.Text)
			if i := strings.IndexByte(look, '"'); i >= 0 { // quotes are doubled or escaped by some
				look = look[:i]
			}
			i := strings.LastIndex(text, look) // the preface names the current phase
			if at := strings.Index(text, r.ID); i >= 0 && at >= 0 {
				i = at
			}
			if i < 0 {
				t.Errorf("%s lacks %q", f, look)
			} else if f != "mermaid" && f != "html" && i < last { // which have lanes
				t.Errorf("%s has %q before the entry that it follows", f, look)
			}
			last = i
		}
	}
}

func TestMarkdownIsATable(t *testing.T) {
	a, v := night(t)
	a.Derived[0].Text = "a | b\n| c \\| d `|` <b>\r\n\x1b]8;;http://x\x07"
	a.Derived[0].SourceText = "x|y"
	cell := regexp.MustCompile(`(?:[^|\\]|\\.)*\|`)
	d := New(a, Options{View: v})
	rows := 0
	for _, line := range strings.Split(string(d.Markdown()), "\n") {
		if !strings.Contains(line, "<!-- id:") {
			continue
		}
		rows++
		if n := len(cell.FindAllString(strings.TrimPrefix(line, "|"), -1)); n != 9 {
			t.Errorf("%d cells in %q", n, line)
		}
	}
	if rows != len(d.Rows) {
		t.Errorf("%d rows, want %d", rows, len(d.Rows))
	}
}

// What is hostile in the text of an entry must be inert in each format.
func TestLongHostileTextIsInert(t *testing.T) {
	const hostile = "<script>alert(1)</script> ![x](http://evil) @channel <!channel> =cmd|'/C calc'!A0 \x1b]0;x\x07 \u202e %%% %%{init}%% : section x ``` end"
	a := incident.Analysis{}
	for i, text := range []string{hostile, "=1+1", "+1", "-1", "@x", "section x", "%% comment", "2026-01-01 x", "BEGIN:VEVENT\r\nUID:x"} {
		a.Derived = append(a.Derived, incident.Moment{ID: text, At: at("14:00:00").Add(time.Duration(i) * time.Second), Text: text, System: text, SourceText: text, Lane: text})
	}
	d := New(a, Options{Name: hostile, Unredacted: true})
	forbidden := map[string][]string{
		"":        {"\x1b", "\u202e"},
		"html":    {"<script", "<!channel"},
		"md":      {"<script", "![x]", "@channel", "http://evil"},
		"slack":   {"<!channel", "<script"},
		"grafana": {`"text": "<`},
		"ical":    {"\r\nUID:x", "\nBEGIN:VEVENT\\n"},
		"csv":     {"\r\n=", ",=", ",+1", ",-1,", ",@x", "\"="},
		"mermaid": {"%%{", "\n    section x", "```\nend", "<script"},
	}
	for _, f := range Formats() {
		if f == "slack" { // whose header is plain text, where nothing is markup
			d.Incident = "INC"
		}
		data, err := d.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range append(forbidden[f], forbidden[""]...) {
			if strings.Contains(string(data), bad) {
				t.Errorf("%s has %q", f, bad)
			}
		}
	}
	js, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Document
	if err := json.Unmarshal(js, &back); err != nil || len(back.Rows) != len(a.Derived) {
		t.Errorf("%d rows come back, %v", len(back.Rows), err)
	}
}

// RFC 5545: lines end in CRLF and have at most 75 octets, never half a character.
func TestICalIsFolded(t *testing.T) {
	a := incident.Analysis{Derived: []incident.Moment{{ID: "x", At: at("14:00:00"), Text: strings.Repeat("für ", 60) + "a,b;c\\d"}}}
	text := string(New(a, Options{}).ICal())
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		t.Error("a line ends without CR")
	}
	for _, line := range strings.Split(text, "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) {
			t.Errorf("%d octets: %q", len(line), line)
		}
	}
	for _, want := range []string{"DTSTART:20260115T140000Z", "DTSTAMP:20260115T140000Z", "UID:"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if unfolded := strings.ReplaceAll(text, "\r\n ", ""); !strings.Contains(unfolded, `a\,b\;c\\d`) || strings.Contains(unfolded, "DTEND") {
		t.Error(unfolded)
	}
}

// A zone change in the incident must not reorder, and a day that ends in either zone
// puts dates beside the times.
func TestLocalTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	a := incident.Analysis{Derived: []incident.Moment{
		{ID: "1", At: utc("2026-10-25T00:30:00Z"), Text: "before", Precision: time.Second}, // 02:30 summer time
		{ID: "2", At: utc("2026-10-25T01:15:00Z"), Text: "after", Precision: time.Second},  // 02:15 winter time
	}}
	md := string(New(a, Options{Zone: berlin}).Markdown())
	if !strings.Contains(md, "| 00:30:00Z | 02:30:00+02:00 |") || !strings.Contains(md, "| 01:15:00Z | 02:15:00+01:00 |") || strings.Index(md, "before") > strings.Index(md, "after") {
		t.Error(md)
	}
	a.Derived = append(a.Derived, incident.Moment{ID: "3", At: utc("2026-10-24T21:00:00Z"), Text: "on the eve"}) // 23:00 in Berlin; another day in both
	if md := string(New(a, Options{Zone: berlin}).Markdown()); !strings.Contains(md, "| 2026-10-24 21:00:00Z | 2026-10-24 23:00:00+02:00 |") {
		t.Error(md)
	}
	a.Derived = []incident.Moment{{ID: "1", At: utc("2026-10-24T21:30:00Z"), Text: "x"}, {ID: "2", At: utc("2026-10-24T22:30:00Z"), Text: "y"}} // one day in UTC, two there
	if md := string(New(a, Options{Zone: berlin}).Markdown()); !strings.Contains(md, "2026-10-24 22:30:00Z | 2026-10-25 00:30:00+02:00") {
		t.Error(md)
	}
}

func TestLimitsOfServices(t *testing.T) {
	var a incident.Analysis
	for i := range 500 {
		a.Derived = append(a.Derived, incident.Moment{ID: fmt.Sprint(i), At: at("14:00:00").Add(time.Duration(i) * time.Second), Text: fmt.Sprintf("entry %d. %s", i, strings.Repeat("<long> ", 40+i*2))})
	}
	d := New(a, Options{Name: strings.Repeat("long name ", 40)})
	data, err := d.Slack()
	if err != nil {
		t.Fatal(err)
	}
	var messages []slackMessage
	if err := json.Unmarshal(data, &messages); err != nil || len(messages) < 2 {
		t.Fatal(len(messages), err)
	}
	for _, m := range messages {
		if len(m.Blocks) > 50 {
			t.Errorf("%d blocks", len(m.Blocks))
		}
		for _, b := range m.Blocks {
			if b.Text != nil && utf8.RuneCountInString(b.Text.Text) > 3000 || b.Type == "header" && utf8.RuneCountInString(b.Text.Text) > 150 {
				t.Errorf("%s of %d characters", b.Type, utf8.RuneCountInString(b.Text.Text))
			}
		}
	}
	var events []event
	if data, err = d.DatadogEvents(); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &events); err != nil || len(events) != 500 {
		t.Fatal(len(events), err)
	}
	for _, e := range events {
		if utf8.RuneCountInString(e.Text) > 4000 || utf8.RuneCountInString(e.Title) > 100 || !strings.HasPrefix(e.Text, "%%% ") || !strings.HasSuffix(e.Text, " %%%") {
			t.Errorf("%d characters: %.80q", utf8.RuneCountInString(e.Text), e.Text)
		}
	}
}

func TestUnredactedIsSaid(t *testing.T) {
	md := string(New(analysis(), Options{Unredacted: true, GeneratedAt: at("15:00:00")}).Markdown())
	for _, want := range []string{"Not redacted.", "Generated at 2026-01-15T15:00:00Z.", "ops@<!-- -->shop.example"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in\n%s", want, md)
		}
	}
	if js, err := New(analysis(), Options{}).JSON(); err != nil || bytes.Contains(js, []byte("ops@shop.example")) {
		t.Errorf("an address in %s, %v", js, err)
	}
	a, v := night(t)
	for people, want := range map[bool]bool{false: false, true: true} {
		if js, err := New(a, Options{View: v, People: people}).JSON(); err != nil || bytes.Contains(js, []byte("Jo Doe")) != want {
			t.Errorf("people %v: %v", people, err)
		}
	}
}

// Whatever field of an entry an address stands in, no format has it.
func TestEveryFieldIsRedacted(t *testing.T) {
	e := incident.Entry{ID: "abcdefabcdef", Start: at("14:00:00"), Precision: time.Second, Confidence: "stated"}
	const plant = "by jane.roe@example.org at 203.0.113.77"
	for _, field := range incident.TextFields() {
		if err := e.Set(field, plant); err != nil {
			t.Fatal(err)
		}
	}
	e.Comments = []incident.Comment{{At: e.Start, Role: plant, Text: plant}}
	ev := incident.NewEvidence()
	ev.SetWritten(incident.PackWritten(slices.Values([]incident.Written{incident.WriteEntry(e)})))
	d := New(incident.Analysis{}, Options{Name: plant, View: ev.Snapshot(), People: true})
	for _, f := range Formats() {
		data, err := d.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"jane.roe", "203.0.113.77"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s has %s:\n%s", f, secret, data)
			}
		}
	}
}

func TestPinnedAndHidden(t *testing.T) {
	a, v := night(t)
	for want, opt := range map[int]Options{2: {Pinned: true, View: v}, 9: {View: v}, 10: {Hidden: true, View: v}} {
		if n := len(New(a, opt).Rows); n != want {
			t.Errorf("%d rows, want %d", n, want)
		}
	}
	if p := New(a, Options{View: v}).Phase; p == nil || *p != "phase 4: circuit breakers" {
		t.Errorf("current phase %v", p)
	}
}

// Entries come in the order in which screens letter them, and an instant is
// written no more exactly than to the millisecond.
func TestEntriesComeAsTheScreensLetterThem(t *testing.T) {
	ms := []incident.Moment{
		{ID: "symptom", At: at("14:23:01"), Kind: incident.MSymptom},
		{ID: "trigger", At: at("14:23:01"), End: at("14:27:01"), Kind: incident.MTrigger},
		{ID: "fine", At: at("14:23:01.064960629"), Kind: incident.MNote, Precision: time.Millisecond},
	}
	var ids []string
	for i, e := range Entries(ms, false, nil, strings.Clone) {
		ids = append(ids, e.ID)
		if e.ID != incident.Shown(ms)[i].ID {
			t.Errorf("entry %d is %s", i, e.ID)
		}
		if e.ID == "fine" && e.At != "2026-01-15T14:23:01.064Z" {
			t.Error(e.At)
		}
	}
	if d := cmp.Diff([]string{"trigger", "symptom", "fine"}, ids); d != "" {
		t.Error(d)
	}
}

// BenchmarkTenThousandEntries guards the second that an export of as many may take.
func BenchmarkTenThousandEntries(b *testing.B) {
	ev := incident.NewEvidence()
	var written []incident.Written
	for i := range 10_000 {
		written = append(written, incident.WriteEntry(incident.Entry{
			ID: incident.EntryID("bench", fmt.Sprint(i)), Start: at("00:00:00").Add(time.Duration(i) * time.Second), Precision: time.Second, Confidence: "stated", System: "order",
			Text: fmt.Sprintf("request %d of client 203.0.113.%d failed: UPDATE t SET a = '%d' WHERE b = 1", i, i%200, i), Actor: "on-call engineer",
			Source: incident.EntrySource{Name: "slack", Ref: fmt.Sprintf("general.json:%d", i)},
		}))
	}
	ev.SetWritten(incident.PackWritten(slices.Values(written)))
	v := ev.Snapshot()
	for _, f := range Formats() {
		b.Run(f, func(b *testing.B) {
			began := cpuTime(b)
			for b.Loop() {
				if _, err := New(incident.Analysis{}, Options{View: v}).Encode(f); err != nil {
					b.Fatal(err)
				}
			}
			each := (cpuTime(b) - began) / time.Duration(b.N)
			b.ReportMetric(each.Seconds(), "cpu-s/op")
			if each > time.Second {
				b.Errorf("%s of 10,000 entries took %s of processor time, promised is 1 s", f, each)
			}
		})
	}
}

// cpuTime is what this process has used so far, for a shared machine's clock says little.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
