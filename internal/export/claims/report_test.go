package claims

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/claims"
)

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-01-15 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// checked is one claim of each verdict, one of them hostile.
func checked() (*claims.Document, claims.Checked) {
	doc := &claims.Document{Incident: "INC-1", Window: claims.Interval{Start: at("14:00:00"), End: at("14:10:00")}}
	return doc, claims.Checked{Incident: "INC-1", Claims: []claims.Result{
		{
			ID: "a", Kind: "universal", Text: "=cmd|' /C calc'!A0 <script>alert(1)</script> \x1b[31mred\x1b[0m | jane.doe@example.com",
			Verdict: claims.Inconsistent, WithEvidence: claims.Consistent, Arithmetic: []string{"1 + 1 = 2", "2 < 3"}, Why: "said otherwise",
			Evidence: "the log of 203.0.113.7 has it", Support: []incident.ID{"bucket/x/1"}, Rules: []int{9},
		},
		{ID: "b", Kind: "other", Text: "It costs 6 weeks.", Why: "an estimate"},
		{ID: "c", Kind: "cause", Text: "The holder was 12.", Verdict: claims.NeedsEvidence, WithEvidence: claims.NeedsEvidence, Why: "a pid", Needs: []string{"the lock", "its statement"}, Rules: []int{2}},
		{ID: "d", Kind: "count", Text: strings.Repeat("Long words of a claim that go on. ", 10), Verdict: claims.Consistent, WithEvidence: claims.Consistent, Why: "they add up"},
	}}
}

func evidence() *incident.View {
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: at("13:00:00"), System: "x"}, incident.Change{At: at("15:00:00"), System: "x"})
	return ev.Snapshot()
}

func TestEveryFormatHasEveryClaim(t *testing.T) {
	doc, c := checked()
	rep := New(doc, c, evidence(), Options{})
	text, md := rep.Text(), string(rep.Markdown())
	sheet, err := rep.CSV()
	if err != nil {
		t.Fatal(err)
	}
	body, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text, md, string(sheet), string(body)} {
		for _, want := range []string{"1 + 1 = 2; 2 < 3", "It costs 6 weeks.", "its statement", "they add up"} {
			if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(out, "&lt;", "<")), " "), want) && !strings.Contains(strings.ReplaceAll(out, `\`, ""), want) {
				t.Errorf("%q is missing in\n%s", want, out)
			}
		}
		for _, secret := range []string{"jane.doe@example.com", "203.0.113.7", "\x1b"} {
			if strings.Contains(out, secret) {
				t.Errorf("%q stands in\n%s", secret, out)
			}
		}
	}
	if strings.Contains(md, "<script>") {
		t.Errorf("live HTML in the Markdown:\n%s", md)
	}
	for l := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	for _, want := range []string{
		"a      x inconsistent, with the evidence + consistent", "figures  1 + 1 = 2; 2 < 3", "needs    the lock; its statement",
		"x inconsistent                  1              0", "+ consistent                    1              2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(string(sheet))).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows of CSV: %v", len(rows), err)
	}
	if cell := rows[1][4]; !strings.HasPrefix(cell, "'=") {
		t.Errorf("a formula stands in the CSV: %s", cell)
	}
	var back map[string]any
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	first := back["claims"].([]any)[0].(map[string]any)
	for key, want := range map[string]any{"id": "a", "verdict": "inconsistent", "verdict_with_evidence": "consistent", "arithmetic": "1 + 1 = 2; 2 < 3", "why": "said otherwise"} {
		if first[key] != want {
			t.Errorf("%s is %v, want %v", key, first[key], want)
		}
	}
	for _, x := range back["claims"].([]any) {
		for _, key := range []string{"needs", "support", "rules"} {
			if _, ok := x.(map[string]any)[key].([]any); !ok {
				t.Errorf("%s is no list in %v", key, x)
			}
		}
	}
	again := New(doc, c, evidence(), Options{})
	if twice, err := again.JSON(); err != nil || string(twice) != string(body) || again.Text() != text {
		t.Errorf("the same claims gave other bytes: %v", err)
	}
}

func TestOnlySomeVerdicts(t *testing.T) {
	doc, c := checked()
	rep := New(doc, c, nil, Options{Only: []claims.Verdict{claims.Inconsistent, claims.NeedsEvidence}})
	var got []string
	for _, x := range rep.Claims {
		got = append(got, x.ID)
	}
	if s := strings.Join(got, " "); s != "a c" {
		t.Errorf("shown are %s", s)
	}
	if text := rep.Text(); !strings.HasPrefix(text, "INC-1: 4 claims, the document alone, 2 shown.") || strings.Contains(text, "with evidence\n") {
		t.Errorf("%s", text)
	}
}

// Claims of another time than the evidence are said to be that.
func TestAnotherTime(t *testing.T) {
	doc, c := checked()
	doc.Window = claims.Interval{Start: at("20:00:00"), End: at("21:00:00")}
	rep := New(doc, c, evidence(), Options{Note: "it is simulated"})
	if len(rep.Notes) != 2 || !strings.Contains(rep.Notes[1], "another time") || !strings.Contains(rep.Text(), "Note: it is simulated.") {
		t.Errorf("%q", rep.Notes)
	}
	doc.Window = claims.Interval{}
	if rep := New(doc, c, evidence(), Options{}); len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "no window") {
		t.Errorf("%q", rep.Notes)
	}
}
