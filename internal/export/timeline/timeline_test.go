package timeline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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
		Timeline: []incident.Moment{
			{ID: "pool", At: at("14:23:46"), Kind: incident.MSymptom, Text: "pool of 100 connections full", System: "inventory", Lane: "pool", Confidence: "derived", SourceText: "pg", Precision: time.Second},
			{ID: "lock|root", At: at("14:23:01"), End: at("14:27:01"), Kind: incident.MTrigger, Text: "pid 48291 holds SHARE on stock_reservations: CREATE INDEX idx ON t (a|b)", System: "stock_reservations", Lane: "locks", Confidence: "measured", SourceText: "pg", Precision: time.Second, Support: []incident.ID{"episode/pg/session/48291"}},
			{ID: "first", At: at("14:23:01.401"), Kind: incident.MSymptom, Text: "first failing POST /api/orders", Lane: "errors", Confidence: "measured", Support: []incident.ID{"exemplar/access.log/first"}, Precision: time.Millisecond},
			{ID: "ack", At: at("14:31:00"), Kind: incident.MDetection, Text: "@oncall acks #123, mails ops@shop.example\x1b[2J", Lane: "people", Confidence: "stated", Precision: time.Minute, SourceText: "typed"},
			{ID: "wrong", At: at("14:32:00"), Kind: incident.MNote, Text: "a hidden note", Hidden: true},
			{ID: "restart", At: at("14:46:18"), Kind: incident.MRecovery, Text: "order service restarted", Lane: "deploy", Confidence: "measured", SourceText: "deploys", Precision: time.Second},
		},
	}
}

func get(id incident.ID) (incident.Fact, bool) {
	if id == "exemplar/access.log/first" {
		return incident.Exemplar{Origin: incident.Origin{Group: "gateway", Name: "access.log", From: 8123990, To: 8124100}}, true
	}
	return nil, false
}

func TestGolden(t *testing.T) {
	d := New(analysis(), Options{Name: "INC-2847", Get: get})
	js, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "timeline.md", d.Markdown())
	golden(t, "timeline.json", js)
	empty := New(incident.Analysis{}, Options{Name: "quiet"})
	golden(t, "empty.md", empty.Markdown())
	if js, err = empty.JSON(); err != nil {
		t.Fatal(err)
	}
	golden(t, "empty.json", js)
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

// The order in which the moments come must not matter.
func TestExportsAreByteIdentical(t *testing.T) {
	a := analysis()
	want, err := New(a, Options{Get: get}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(a.Timeline)
	got, err := New(a, Options{Get: get}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the reversed timeline is exported differently")
	}
}

func TestBothFormatsHoldTheSameEntries(t *testing.T) {
	d := New(analysis(), Options{Get: get, Hidden: true})
	ids := regexp.MustCompile(`<!-- id: (\S+) -->`).FindAllStringSubmatch(string(d.Markdown()), -1)
	if len(ids) != len(d.Entries) || len(ids) != 6 {
		t.Fatalf("%d rows in Markdown, %d in JSON, want 6", len(ids), len(d.Entries))
	}
	for i, e := range d.Entries {
		if got := strings.ReplaceAll(ids[i][1], "&#124;", "|"); got != e.ID {
			t.Errorf("row %d is %s in Markdown and %s in JSON", i, got, e.ID)
		}
	}
}

// A row that a hostile text could break would shift its columns.
func TestEveryRowHasSixCells(t *testing.T) {
	a := analysis()
	a.Timeline[0].Text = "a | b\n| c \\| d `|` <b>\r\n\x1b]8;;http://x\x07"
	a.Timeline[0].SourceText = "x|y"
	cell := regexp.MustCompile(`(?:[^|\\]|\\.)*\|`)
	rows := 0
	for _, line := range strings.Split(string(New(a, Options{}).Markdown()), "\n") {
		if !strings.Contains(line, "<!-- id:") {
			continue
		}
		rows++
		if n := len(cell.FindAllString(strings.TrimPrefix(line, "|"), -1)); n != 6 {
			t.Errorf("%d cells in %q", n, line)
		}
	}
	if rows != 5 {
		t.Errorf("%d rows, want 5", rows)
	}
}

func TestJSONIsSafe(t *testing.T) {
	js, err := New(analysis(), Options{}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(js, "\x1b\u202e") || bytes.Contains(js, []byte("ops@shop.example")) {
		t.Errorf("control characters or an address in %s", js)
	}
	var back map[string]any
	if err := json.Unmarshal(js, &back); err != nil {
		t.Fatal(err)
	}
	for _, e := range back["entries"].([]any) {
		if e.(map[string]any)["support"] == nil {
			t.Error("support is null, want an empty array")
		}
	}
}

func TestUnredactedIsSaid(t *testing.T) {
	d := New(analysis(), Options{Unredacted: true, GeneratedAt: at("15:00:00")})
	md := string(d.Markdown())
	for _, want := range []string{"Not redacted.", "Generated at 2026-01-15T15:00:00Z.", "ops@<!-- -->shop.example"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in\n%s", want, md)
		}
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
