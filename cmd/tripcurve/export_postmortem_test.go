package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"tripcurve/internal/bundled"
	"tripcurve/internal/config"
	"tripcurve/internal/export/postmortem"
	"tripcurve/internal/incident/cause"
	"tripcurve/sim/scenario"
)

// bundledDocument is the postmortem of the bundled incident, with as little simulated
// as fills every part.
var bundledDocument = sync.OnceValues(func() (*postmortem.Document, error) {
	in := postmortem.Input{Name: bundled.Name}
	var err error
	if in.Notes, err = (&app{stderr: io.Discard}).readAuthor(bundledName, ""); err != nil {
		return nil, err
	}
	night, err := bundled.Build(context.Background())
	if err != nil {
		return nil, err
	}
	in.View = night.Evidence.Snapshot()
	in.Analysis = cause.Analyze(in.View, cause.Options{})
	if in.Claims, err = checkedClaims(bundledName, &in); err != nil {
		return nil, err
	}
	sc := scenario.INC2847()
	in.Edges, in.Assumed = sc.Edges, sc.Assumed
	plan := postmortem.Plan{
		Seeds: 2, Runs: 2, Nights: 1, Workers: 2, Remedies: []string{"deadline", "breaker", "rollout-50"}, Incident: bundled.Name, Version: buildVersion(),
		Grid: postmortem.Grid{Edge: "order.inventory", Thresholds: []int{50}, Timeouts: []int{5000}, Deadlines: []int{0, 5000}},
	}
	if in.Simulated, err = postmortem.Simulate(context.Background(), sc, plan); err != nil {
		return nil, err
	}
	return postmortem.New(in), nil
})

// documentParts are the rows of the table of what a postmortem contains, each with
// its heading and a word that its content must have.
var documentParts = []struct{ row, heading, has string }{
	{"header, decision callout", "Decisions", "Adopted: "},
	{"options considered (adopt, plan, defer)", "Options considered", "6 engineer-weeks"},
	{"hot path / cold path", "Hot path and cold path", "Cold path: fulfilment"},
	{"annotated code with values", "Annotated code", "services/order/server.go:"},
	{"response-time comparison now / with breakers", "Response times, now and projected", "breaker"},
	{"issues ranked by severity", "Issues by severity", "Critical: "},
	{"endpoint impact table", "Endpoint impact", "/api/payments/intent"},
	{"error-type breakdown", "Error types", "upstream_timeout"},
	{"request / response examples", "Request and response examples", "pending_payment"},
	{"phased timeline with current phase", "Phases and where we are", "We are in phase 4 of 5"},
	{"timeline", "Timeline", "first failing POST /api/orders"},
	{"rollback steps, irreversible step", "Rollback steps", "Irreversible step"},
	{"files and modules touched", "Files and modules touched", "4 modules across 11 files"},
	{"dependency cards", "Dependencies", "Owner"},
	{"edge-case matrix", "Edge-case matrix", "unhandled"},
	{"test matrix with gaps", "Test matrix and gaps", "gap: no test"},
	{"what-if sliders + export", "What if", "tripcurve export config --set order.inventory.breaker=opossum"},
	{"glossary", "Glossary", "half-open"},
	{"analogy, words with two meanings", "Analogy, and words with two meanings", "DEADLINE_EXCEEDED"},
	{"decision flow chart", "Decision flow of the breaker", "EOPENBREAKER"},
	{"FAQ", "Questions and answers", "How many customers"},
	{"multi-track review", "Review tracks", "Observability"},
	{"callouts", "Warnings and residual risk", "Deployment coordination"},
	{"unsafe and safe code side by side", "Unsafe and safe code", "CREATE INDEX CONCURRENTLY"},
	{"evidence list", "Evidence", "gateway.log"},
	{"claims and their check", "Claims and their check", "240 / 1397 = 17.2 %"},
	{"summary", "Summary", "17.2 %"},
	{"impact", "Impact", "1,157 s"},
	{"detection, trigger, contributing factors, resolution", "Trigger, detection, factors and resolution", "Contributing factors"},
	{"what went well, badly, luck", "What went well, what went badly, where we were lucky", "surprised"},
	{"action items", "Action items", "prevent"},
}

func TestLongPostmortemHasEveryPart(t *testing.T) {
	d, err := bundledDocument()
	if err != nil {
		t.Fatal(err)
	}
	if len(d.NotFilled) > 0 {
		t.Errorf("not filled in: %+v", d.NotFilled)
	}
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	md := string(d.Markdown())
	html := string(page)
	for name, s := range map[string]string{"Markdown": md, "HTML": html} {
		for _, no := range []string{"Not filled in</strong>", "**Not filled in**: the", "not filled in (", "%!", "NaN", "Not simulated"} {
			if strings.Contains(s, no) {
				t.Errorf("%s has %q", name, no)
			}
		}
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, p := range documentParts {
		_, part, found := strings.Cut(md, "\n## "+p.heading+"\n")
		part, _, _ = strings.Cut(part, "\n## ")
		if !found || !strings.Contains(strings.ReplaceAll(part, `\`, ""), p.has) {
			t.Errorf("Markdown: %s: no heading %q with %q below it", p.row, p.heading, p.has)
		}
		_, part, found = strings.Cut(html, `">`+p.heading+"</h2>")
		part, _, _ = strings.Cut(part, "</section>")
		if !found || !strings.Contains(tags.ReplaceAllString(part, ""), p.has) {
			t.Errorf("HTML: %s: no heading %q with %q below it", p.row, p.heading, p.has)
		}
	}
	if len(documentParts) != len(d.Sections) {
		t.Errorf("%d parts, %d sections", len(documentParts), len(d.Sections))
	}
}

// A point of the sliders is what export config writes for the same settings.
func TestPostmortemFilesAreThoseOfExportConfig(t *testing.T) {
	d, err := bundledDocument()
	if err != nil {
		t.Fatal(err)
	}
	var grid *postmortem.WhatIf
	for _, s := range d.Sections {
		s.Walk(func(b *postmortem.Block) {
			if b.WhatIf != nil {
				grid = b.WhatIf
			}
		})
	}
	if grid == nil {
		t.Fatal("no grid")
	}
	home := t.TempDir()
	env := func(name string) string {
		if name == "HOME" {
			return home
		}
		return ""
	}
	for i, p := range grid.Points {
		for j, target := range grid.Targets {
			args := append(strings.Fields(p.Command)[1:], "--for", target.ID, "-o", "-")
			var out, errs bytes.Buffer
			a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, env: env, paths: config.FindPaths(env)}
			if code := a.execute(t.Context(), args); code != 0 {
				t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
			}
			if out.String() != p.Files[j] {
				t.Errorf("point %d, %s: the document has\n%s\nexport config writes\n%s", i, target.ID, p.Files[j], out.String())
			}
		}
	}
}

// The code that the bundled document quotes is in the source, in the lines that it
// names. TRIPCURVE_UPDATE=1 writes the lines as they are.
func TestPostmortemQuotesTheSource(t *testing.T) {
	notes, err := (&app{stderr: io.Discard}).readAuthor(bundledName, "")
	if err != nil {
		t.Fatal(err)
	}
	yaml := string(bundled.Postmortem)
	for _, c := range notes.Code {
		text, err := os.ReadFile(filepath.Join("../..", c.File))
		if err != nil {
			t.Fatal(err)
		}
		at := linesOf(string(text), string(c.Text))
		switch {
		case at == 0:
			t.Errorf("%s does not have the lines that %q quotes", c.File, c.Title)
		case at != c.Line:
			t.Errorf("%s:%d: quoted as line %d (TRIPCURVE_UPDATE=1 rewrites it)", c.File, at, c.Line)
			yaml = moved(yaml, string(c.Title), at-c.Line)
		}
		for _, n := range c.Notes {
			if last := c.Line + strings.Count(string(c.Text), "\n"); n.Line < c.Line || n.Line > last {
				t.Errorf("%q: a note on line %d, which is not in %d to %d", c.Title, n.Line, c.Line, last)
			}
		}
	}
	files := 0
	for _, m := range notes.Touched.Modules {
		for _, f := range m.Files {
			files++
			if _, err := os.Stat(filepath.Join("../..", f)); err != nil {
				t.Error(err)
			}
		}
	}
	if len(notes.Touched.Modules) != 4 || files != 11 {
		t.Errorf("%d modules, %d files", len(notes.Touched.Modules), files)
	}
	if os.Getenv("TRIPCURVE_UPDATE") != "" && yaml != string(bundled.Postmortem) {
		if err := os.WriteFile("../../internal/bundled/postmortem.yaml", []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// linesOf is the line of a text at which some lines begin, whatever their
// indentation; 0 when they are not there, or twice.
func linesOf(text, quoted string) (at int) {
	all, want := strings.Split(text, "\n"), strings.Split(quoted, "\n")
	for i := range all {
		same := i+len(want) <= len(all)
		for j := range want {
			same = same && strings.TrimSpace(all[i+j]) == strings.TrimSpace(want[j])
		}
		if same && at > 0 {
			return 0
		}
		if same {
			at = i + 1
		}
	}
	return at
}

// moved adds to the numbers of lines below a title of the YAML.
func moved(yaml, title string, by int) string {
	before, rest, _ := strings.Cut(yaml, "title: \""+title+"\"")
	item, after, found := strings.Cut(rest, "\n  - title:")
	item = regexp.MustCompile(`line: \d+`).ReplaceAllStringFunc(item, func(s string) string {
		var n int
		_, _ = fmt.Sscanf(s, "line: %d", &n) // the expression saw to it
		return fmt.Sprintf("line: %d", n+by)
	})
	if found {
		after = "\n  - title:" + after
	}
	return before + "title: \"" + title + "\"" + item + after
}
