package postmortem

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/export/postmortem/diffstat"
	"tripcurve/internal/export/postmortem/testreport"
	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim/scenario"
)

var t0 = time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)

// hostile is what an attacker writes into a log line or a postmortem's author pastes.
const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(2)> | [x](javascript:alert(3)) @team "quoted" '=1+1' ` + "\x1b[31m\u202e`tick`"

// evil is an incident whose every text is hostile.
func evil() Input {
	ev := incident.NewEvidence()
	endpoint := incident.Endpoint{Method: "POST", Route: "/api/" + hostile}
	origin := incident.Origin{Group: "gateway", Name: "log" + hostile, File: "f" + hostile, From: 1, To: 2}
	ev.Add(
		incident.Bucket{At: t0, Width: time.Second, Endpoint: endpoint, Status: 502, Outcome: incident.UpstreamTimeout, Started: 3, Ended: 3, Origin: origin},
		incident.Exemplar{Kind: incident.FirstFailing, Start: t0, Endpoint: endpoint, Status: 502, Outcome: incident.UpstreamTimeout, Raw: "POST " + hostile, Origin: origin},
		incident.Change{At: t0, Kind: incident.Deploy, System: hostile, Text: hostile, Origin: incident.Origin{Group: "people", Name: hostile}},
	)
	ev.SetWritten(incident.PackWritten(slices.Values([]incident.Written{
		incident.WriteEntry(incident.Entry{ID: "a", Start: t0, Kind: incident.KDecision, Text: hostile, Actor: hostile, System: hostile, Confidence: "stated", Comments: []incident.Comment{{At: t0, Role: hostile, Text: hostile}}}),
		incident.WriteEntry(incident.Entry{ID: "b", Start: t0, Kind: incident.KPhase, Text: hostile, Progress: incident.InProgress, Track: incident.RemediationTrack}),
	})))
	v := ev.Snapshot()
	w := incident.Window{From: t0, To: t0.Add(time.Minute)}
	text := author.Text(hostile)
	return Input{
		Name: hostile, View: v, Assumed: []string{hostile},
		Analysis: incident.Analysis{
			Sentence: hostile, Impact: w, Coverage: 0.5, Checked: []string{hostile},
			Endpoints: []incident.Impact{{Endpoint: endpoint, Requests: 3, Failed: 3, FirstFailed: t0, LastFailed: t0, Statuses: map[int]int64{502: 3}}},
			Findings:  []incident.Finding{{ID: "lock_root/1", Role: incident.Trigger, Cause: "lock_root", Claim: hostile, Detail: []string{hostile}, Action: hostile, Window: w, Coverage: 0.5, Subject: incident.Subject{PID: 1, Relation: hostile, Mode: hostile, Waiters: 2}, GroupNames: []string{hostile}}},
			Derived:   []incident.Moment{{ID: "m", At: t0, Kind: incident.MTrigger, Text: hostile, System: hostile, SourceText: hostile}},
			Remainder: []incident.Remainder{{Window: w, Explanation: hostile}},
			Checks:    []incident.Check{{Rule: hostile, Looked: true, Why: hostile}},
			Extent: incident.Extent{
				Errors:     []incident.ErrorCount{{Endpoint: endpoint, Status: 502, Requests: 3, Share: 1}},
				Calls:      []incident.CallCount{{Caller: hostile, Callee: hostile, Code: "DEADLINE_EXCEEDED", Calls: 2}, {Open: true, Calls: 7}},
				Customers:  incident.Figure{Says: hostile, Query: hostile},
				Orders:     incident.Figure{N: 3, Known: true, AtLeast: true, Says: hostile},
				Dependents: []incident.Dependent{{Service: hostile, Effect: incident.Down, Callers: []string{hostile}, Says: hostile}},
				Times:      []incident.Span{{Name: hostile, Starts: hostile, Ends: hostile, Why: hostile}},
			},
		},
		Counterfactual: &diagnose.Counterfactual{
			Scenario: hostile, Counts: "requests that failed", Seeds: 20, Observed: 3, Fitted: true,
			Without: []diagnose.Without{{Finding: incident.Finding{ID: hostile}, Left: hostile, Necessity: diagnose.Range{Mean: 1}}},
			Skipped: []diagnose.Skipped{{Finding: incident.Finding{ID: hostile}, Why: hostile}},
			Books:   []diagnose.Balance{{Of: hostile, Arrived: 3, Failed: 3}},
		},
		Notes: &author.Notes{
			Title: text, Status: "draft", Authors: []author.Text{text}, Summary: text, Business: text, Well: []author.Text{text},
			Decisions: []author.Decision{{Title: text, Verdict: "adopt", Text: text}},
			Options:   []author.Option{{Name: text, What: text, Verdict: "plan", Cost: text, When: text, Why: text, Gains: []author.Text{text}}},
			Code:      []author.Code{{Title: text, File: hostile, Line: 7, Lang: "go\"><script>", Text: author.Verbatim("```\n" + hostile), Notes: []author.Note{{Line: 7, Text: text}}}},
			Examples:  []author.Example{{Title: text, Request: author.Verbatim(hostile), Response: author.Verbatim(hostile)}},
			Callouts:  []author.Callout{{Part: "code", Level: "danger", Title: text, Text: text}},
			Terms:     []author.Term{{Term: "team", Means: text}},
			FAQ:       []author.Question{{Question: text, Answer: text}},
			Tests:     []author.TestArea{{Area: text, Match: []author.Text{"a"}, Gap: text}},
			Touched:   &author.Touched{Modules: []author.Module{{Name: text, Files: []string{hostile}}}},
		},
		Tests: []testreport.Report{{File: hostile, Format: "junit", Tests: []testreport.Test{{Name: "a" + hostile, Suite: hostile, State: testreport.Failed}}}},
		Diff:  &diffstat.Stat{Files: []diffstat.File{{Name: hostile, Added: 1}}},
	}
}

// tagsOf reads HTML as a browser's tokenizer would, near enough: element names and
// attributes outside style and script.
func tagsOf(t *testing.T, page []byte) (names []string, attributes []string) {
	t.Helper()
	body := regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAll(page, nil)
	tag := regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"]*")?)*)\s*/?>`)
	rest := tag.ReplaceAllString(string(body[bytes.Index(body, []byte("<body")):bytes.LastIndex(body, []byte("<script>"))]), "")
	if i := strings.IndexByte(rest, '<'); i >= 0 {
		t.Errorf("a < that begins no tag of ours: %q", rest[i:min(len(rest), i+80)])
	}
	for _, m := range tag.FindAllStringSubmatch(string(body), -1) {
		names = append(names, strings.ToLower(m[2]))
		for _, a := range regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`).FindAllStringSubmatch(m[3], -1) {
			attributes = append(attributes, a[0])
		}
	}
	return names, attributes
}

func TestLongHostileTextIsInert(t *testing.T) {
	d := New(evil())
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	names, attributes := tagsOf(t, page)
	scripts := 0
	for _, n := range names {
		switch n {
		case "script":
			scripts++
		case "img", "iframe", "object", "embed", "link", "form", "base":
			t.Errorf("an element <%s>", n)
		}
	}
	if scripts != 2 { // ours, begun and ended
		t.Errorf("%d tags of scripts", scripts)
	}
	for _, a := range attributes {
		if strings.HasPrefix(strings.ToLower(a), "on") || strings.Contains(strings.ToLower(a), `="javascript:`) || strings.HasPrefix(a, "style=") {
			t.Errorf("an attribute %s", a)
		}
	}
	md := string(d.Markdown())
	fence := ""
	for _, line := range strings.Split(md, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
			continue
		case fence != "":
			if line == fence {
				fence = ""
			}
			continue
		}
		outside := regexp.MustCompile("`+[^`]+`+|\\(#glossary \"[^\"]*\"\\)").ReplaceAllString(line, "")
		if strings.Contains(outside, "<script") || strings.Contains(outside, "<img") || regexp.MustCompile(`(^|[^\\])\]\(javascript`).MatchString(outside) {
			t.Errorf("Markdown: %s", line)
		}
	}
	for name, s := range map[string]string{"HTML": string(page), "Markdown": md} {
		if strings.ContainsAny(s, "\x1b\u202e") {
			t.Errorf("%s: a control character", name)
		}
	}
	data, err := d.JSON()
	if err != nil || !json.Valid(data) {
		t.Errorf("JSON: %v", err)
	}
}

func TestWithoutAnythingEveryPartSaysSo(t *testing.T) {
	d := New(Input{Name: "INC-1"})
	if len(d.NotFilled) < 20 {
		t.Errorf("only %d questions", len(d.NotFilled))
	}
	if len(d.Sections) != len(parts()) {
		t.Fatalf("%d sections", len(d.Sections))
	}
	for _, s := range d.Sections {
		if len(s.Blocks) == 0 {
			t.Errorf("%s is empty", s.ID)
		}
	}
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"HTML": string(page), "Markdown": string(d.Markdown())} {
		if !strings.Contains(s, "parts not filled in") || strings.Count(s, "Not filled in") < 20 {
			t.Errorf("%s does not say what is missing", name)
		}
	}
}

func TestFiguresThatAreNotKnownAreNeverZero(t *testing.T) {
	md := string(New(evil()).Markdown())
	for _, want := range []string{"We are in phase 1 of 1", "| **Customers** | unknown: ", "| **Orders not accepted** | at least 3: ", "2 ended with `DEADLINE_EXCEEDED`, and 7 had begun and not ended"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q", want)
		}
	}
	if d := New(Input{Notes: &author.Notes{Summary: "{{customers}} customers, {{failed}} requests"}}); !strings.Contains(string(d.Markdown()), "unknown customers, unknown requests") {
		t.Error("a fact that is not known is not said to be unknown")
	}
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	a, b := New(evil()), New(evil())
	for _, write := range []func(*Document) ([]byte, error){(*Document).JSON, (*Document).HTML, func(d *Document) ([]byte, error) { return d.Markdown(), nil }} {
		x, err := write(a)
		if err != nil {
			t.Fatal(err)
		}
		y, err := write(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Error("two exports differ")
		}
		if z, _ := write(a); !bytes.Equal(x, z) {
			t.Error("writing twice differs")
		}
	}
	at := time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC)
	in := evil()
	in.GeneratedAt = at
	if md := string(New(in).Markdown()); !strings.Contains(md, "2026-01-20T09:00:00Z") {
		t.Error("the instant of the export is not stated")
	}
}

func TestSecretsAreReplaced(t *testing.T) {
	in := Input{Name: "INC-1", Notes: &author.Notes{
		Summary:  "mail jane.doe@example.com, or look into postgres://u:hunter3secret@db/x",
		Examples: []author.Example{{Title: "x", Request: `{"line1": "1 Main St", "clientSecret": "pi_3Mx_secret_abc123"}`, Response: "Authorization: Bearer abcdefghijklmnop1234567890"}},
		Queries:  []author.Query{{Source: "db", Query: "postgres://u:hunter2secret@db/x"}},
	}}
	d := New(in)
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	data, _ := d.JSON()
	for name, s := range map[string]string{"HTML": string(page), "Markdown": string(d.Markdown()), "JSON": string(data)} {
		for _, secret := range []string{"jane.doe", "1 Main St", "secret_abc123", "abcdefghijklmnop1234567890", "hunter2secret", "hunter3secret"} {
			if strings.Contains(s, secret) {
				t.Errorf("%s holds %s", name, secret)
			}
		}
	}
	in.Unredacted = true
	open := string(New(in).Markdown())
	if !strings.Contains(open, "1 Main St") {
		t.Error("unredacted is redacted")
	}
	for _, credential := range []string{"hunter2secret", "hunter3secret"} {
		if strings.Contains(open, credential) {
			t.Errorf("unredacted, it holds %s", credential)
		}
	}
}

func TestTermsAreMarkedWhereTheyAreUsedFirst(t *testing.T) {
	d := New(Input{Name: "INC-1", Notes: &author.Notes{
		Summary: "Of 7,504 and 1.504: a cart, a deadline and another deadline. `deadline` is code.", Terms: []author.Term{{Term: "cart", Means: "what is bought"}},
	}})
	md := string(d.Markdown())
	if strings.Count(md, `[deadline](#glossary "`) != 1 || !strings.Contains(md, `: a [cart](#glossary "what is bought"), a [deadline](#glossary`) {
		t.Errorf("terms in %s", md)
	}
	if strings.Contains(md, "[504]") {
		t.Error("a part of a number is a term")
	}
	page, _ := d.HTML()
	if n := bytes.Count(page, []byte(`href="#term-deadline"`)); n != 1 {
		t.Errorf("%d links to deadline", n)
	}
	if !bytes.Contains(page, []byte(`id="term-cart"`)) || !bytes.Contains(page, []byte(`id="means-cart">what is bought`)) {
		t.Error("the glossary has no cart")
	}
}

func TestAreasWithoutATestAreGaps(t *testing.T) {
	in := Input{Name: "INC-1", Notes: &author.Notes{Tests: []author.TestArea{
		{Area: "checkout", Match: []author.Text{"Checkout"}}, {Area: "keepalive", Match: []author.Text{"keepalive"}}, {Area: "later", Match: []author.Text{"later"}},
	}}, Tests: []testreport.Report{{File: "r", Format: "go", Tests: []testreport.Test{
		{Name: "TestCheckout", State: testreport.Passed}, {Name: "TestCheckoutTwice", State: testreport.Failed}, {Name: "TestLater", State: testreport.Skipped},
	}}}}
	md := string(New(in).Markdown())
	for _, want := range []string{
		"| checkout | failing: 1 of 2 | TestCheckout, TestCheckoutTwice (failed) |", "| keepalive | gap: no test |", "| later | gap: no test |", "2 areas of 3 without a test",
	} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in\n%s", want, md[strings.Index(md, "## Test matrix"):][:800])
		}
	}
}

func TestDriveKnowsWhatLibrariesDo(t *testing.T) {
	got, err := drive(policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "5000", "errorThresholdPercentage": "50", "resetTimeout": "30000"}})
	if err != nil {
		t.Fatal(err)
	}
	// More than half: of 10 good calls and 11 bad ones 52.4 % failed.
	if got.failures != 11 || got.reason != "EOPENBREAKER" || got.openFor != 30*time.Second || got.probes != 1 || got.closes != 1 || !got.reopens || got.callTimeout != 5*time.Second {
		t.Errorf("opossum: %+v", got)
	}
	for _, l := range library.All() {
		if _, err := drive(policy.BreakerSpec{Library: l.Name}); err != nil && !strings.Contains(err.Error(), "has no breaker") {
			t.Errorf("%s: %v", l.Name, err)
		}
	}
}

func TestSimulateASmallGrid(t *testing.T) {
	plan := Plan{
		Seeds: 2, Runs: 2, Workers: 2, Remedies: []string{"deadline"}, Version: "v1", Incident: "INC-2847",
		Grid: Grid{Edge: "order.inventory", Thresholds: []int{50}, Timeouts: []int{5000}, Deadlines: []int{0, 5000}},
	}
	last := 0
	plan.Progress = func(done, of int) {
		if done < last || done > of {
			t.Errorf("%d of %d after %d", done, of, last)
		}
		last = done
	}
	s, err := Simulate(t.Context(), scenario.INC2847(), plan)
	if err != nil {
		t.Fatal(err)
	}
	w := s.WhatIf
	if len(w.Points) != 2 || len(w.Points[0].Files) != len(w.Targets) {
		t.Fatalf("%d points", len(w.Points))
	}
	failed := slices.IndexFunc(w.Measures, func(m Measure) bool { return m.ID == "failed" })
	if now, then := w.Today[failed], w.Points[0].Figures[failed]; then >= now/2 {
		t.Errorf("today %v not served, with the breaker %v", now, then)
	}
	w.Choose(&author.WhatIf{Threshold: 40, TimeoutMS: 4000, Deadline: 4000})
	if w.Chosen != 1 {
		t.Errorf("point %d is chosen", w.Chosen)
	}
	if !strings.Contains(w.Points[1].Command, "--set order.inventory.deadline=5s") || !strings.Contains(w.Points[0].Files[0], `"timeout": 5000`) {
		t.Errorf("point: %+v", w.Points[1])
	}
	in := Input{Name: "INC-2847", Simulated: s, Edges: scenario.INC2847().Edges}
	page, err := New(in).HTML()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte(`id="grid"`)) || !bytes.Contains(page, []byte(`type="range"`)) {
		t.Error("no sliders")
	}
	if bytes.Contains(page, []byte("%!")) {
		t.Errorf("a verb without its value: %s", page[bytes.Index(page, []byte("%!"))-60:][:120])
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	c := chart{from: t0, step: 10 * time.Second, steps: 3, panels: []panel{{label: "a < b", series: []series{{"x", []float64{1, 2, 3}}}}, {label: "none", absent: "no data"}}}
	spec := policy.BreakerSpec{Library: "opossum"}
	how, err := drive(spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, svg := range map[string]string{"chart": pictureOf("alt & more", c).svg, "bars": barChart("bars", []bar{{"a<b", 3, "3"}, {"b", 0, "0"}}).svg, "flow": how.svg()} {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in %s", name, err, svg)
			}
		}
		if !strings.Contains(svg, "<svg") || strings.Contains(svg, "NaN") {
			t.Errorf("%s: %s", name, svg)
		}
	}
	for from, want := range map[float64]float64{0: 1, 0.7: 0.8, 13: 20, 21: 30, 30: 30, 96: 100} {
		if got := nice(from); got < want*(1-1e-9) || got > want*(1+1e-9) {
			t.Errorf("nice(%v) = %v, wants %v", from, got, want)
		}
	}
}

// TestWithoutAnImpact: that nothing failed is said only where requests were read and none
// did, and what there is no impact of is not told before, during and after it.
func TestWithoutAnImpact(t *testing.T) {
	endpoint := func(requests, failed int64) []incident.Impact {
		e := incident.Impact{Endpoint: incident.Endpoint{Method: "GET", Route: "/x"}, Requests: requests, Failed: failed}
		e.Before = incident.Counts{Requests: requests, Failed: failed}
		return []incident.Impact{e}
	}
	held := incident.Finding{Role: incident.Trigger, Cause: "lock_root", Claim: "pid 1 held a lock", Subject: incident.Subject{PID: 1, Relation: "orders", Waiters: 2}}
	for _, c := range []struct {
		analysis  incident.Analysis
		want, not []string
	}{
		{
			incident.Analysis{Findings: []incident.Finding{held}},
			[]string{"**Impact**: unknown, the evidence has no requests of a gateway", "Unknown, the evidence has no requests of a gateway.", "unknown, no impact was seen", "| pid 1 | a lock | orders |"},
			[]string{"o request failed", "% of the impact"},
		},
		{incident.Analysis{Endpoints: endpoint(9, 0)}, []string{"**Impact**: no request failed in the evidence", "In all of the evidence"}, []string{"During the impact", "Before, during and after"}},
		{
			incident.Analysis{Endpoints: endpoint(1, 1)},
			[]string{"**Impact**: none stands out: 1 of 1 request failed in the evidence", "In all of the evidence", "| in all of the evidence |"},
			[]string{"o request failed", "During the impact", "Before, during and after", "during the incident"},
		},
	} {
		md := string(New(Input{Name: "INC-1", Analysis: c.analysis, View: incident.NewEvidence().Snapshot()}).Markdown())
		for _, part := range c.want {
			if !strings.Contains(md, part) {
				t.Errorf("%+v: lacks %q", c.analysis.Endpoints, part)
			}
		}
		for _, part := range c.not {
			if strings.Contains(md, part) {
				t.Errorf("%+v: has %q", c.analysis.Endpoints, part)
			}
		}
	}
}
