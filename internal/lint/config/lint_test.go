package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats"
)

// load reads the files of a folder of testdata, by their name in it.
func load(t *testing.T, dir string) []File {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata", dir))
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata", dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{dir + "/" + e.Name(), string(text)})
	}
	return files
}

// alone are the findings of each file by itself.
func alone(t *testing.T, files []File) []Finding {
	t.Helper()
	var findings []Finding
	for _, f := range files {
		found, err := Lint(f.Name, f.Text, "")
		if err != nil {
			t.Errorf("%v", err)
		}
		findings = append(findings, found...)
	}
	return findings
}

// everything is all that is found in testdata: each file alone, and the folders of
// layers each together.
func everything(t *testing.T) []Finding {
	t.Helper()
	findings := slices.Concat(alone(t, load(t, "good")), alone(t, load(t, "bad")), alone(t, load(t, "postmortem")))
	dirs, err := os.ReadDir(filepath.Join("testdata", "layers"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		found, err := All(load(t, "layers/"+d.Name()), "")
		if err != nil {
			t.Error(err)
		}
		findings = append(findings, found...)
	}
	return findings
}

// TestFindings holds every finding in testdata, to the column, in
// testdata/findings.txt.
func TestFindings(t *testing.T) {
	var b strings.Builder
	for _, f := range everything(t) {
		b.WriteString(f.String() + "\n")
	}
	golden := filepath.Join("testdata", "findings.txt")
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestGoodFilesAreSilent: there is one for each format, and nothing to say of it.
func TestGoodFilesAreSilent(t *testing.T) {
	good := map[string]bool{}
	for _, f := range load(t, "good") {
		format, _, err := formats.Detect(f.Name, f.Text)
		if err != nil {
			t.Error(err)
		}
		good[format.Name] = true
		found, err := Lint(f.Name, f.Text, "")
		if err != nil {
			t.Error(err)
		}
		for _, finding := range Failing(found) {
			t.Error(finding)
		}
		if format.Import == nil {
			continue
		}
		if _, err := format.Import(f.Name, f.Text); err != nil {
			t.Error(err)
		}
	}
	for _, f := range formats.All() {
		if !good[f.Name] {
			t.Errorf("no good file of %s in testdata/good", f.Name)
		}
	}
}

// TestCatalogue: what is found has a rule, which is as severe as the worst that is
// found by it, and every rule finds something in testdata.
func TestCatalogue(t *testing.T) {
	severities := map[string]Rule{}
	for _, r := range Rules() {
		if _, twice := severities[r.ID]; twice || r.Doc == "" {
			t.Errorf("%s is there twice, or says nothing", r.ID)
		}
		severities[r.ID] = r
	}
	hit := map[string]bool{}
	for _, f := range everything(t) {
		r, ok := severities[f.Rule]
		if !ok {
			t.Errorf("not in the catalogue: %s", f)
		} else if f.Severity < r.Severity {
			t.Errorf("the catalogue has it as %s: %s", r.Severity, f)
		}
		hit[f.Rule] = hit[f.Rule] || f.Severity == r.Severity
	}
	for _, r := range Rules() {
		if !hit[r.ID] && !generic(r.ID) {
			t.Errorf("nothing in testdata is found by %s", r.ID)
		}
	}
}

// TestDocs holds docs/lint.md, up to what it says of migrations, to the catalogue.
func TestDocs(t *testing.T) {
	page := filepath.Join("..", "..", "..", "docs", "lint.md")
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const migrations = "\n# Migrations\n"
	ours, theirs, ok := strings.Cut(string(have), migrations)
	if !ok {
		t.Fatal("docs/lint.md has no part on migrations")
	}
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.WriteFile(page, []byte(Docs()+migrations+theirs), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(ours, Docs()); diff != "" {
		t.Error(diff)
	}
}

func TestSARIF(t *testing.T) {
	findings := append(everything(t), Finding{Rule: "x/y", File: "/tmp/a b#c.json", What: "x"})
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           *struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(SARIF(findings, Rules(), "1.2.3"), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(run.Results) != len(findings) {
		t.Fatalf("version %s, %d results of %d findings", log.Version, len(run.Results), len(findings))
	}
	for i, r := range run.Results {
		f := findings[i]
		at := r.Locations[0].PhysicalLocation
		if r.RuleID != f.Rule || r.Level != f.Severity.String() || r.Message.Text != f.Sentence() ||
			r.RuleIndex >= 0 && run.Tool.Driver.Rules[r.RuleIndex].ID != f.Rule ||
			(at.Region == nil) != (f.Line == 0) || at.Region != nil && (at.Region.StartLine != f.Line || at.Region.StartColumn != f.Column) {
			t.Errorf("%v became %+v", f, r)
		}
	}
	if got, want := run.Results[len(findings)-1].Locations[0].PhysicalLocation.ArtifactLocation.URI, "file:///tmp/a%20b%23c.json"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnknownFormats(t *testing.T) {
	for _, tt := range []struct{ file, text, as, want string }{
		{"x.txt", "hello", "", "x.txt: of no format known here"},
		{"x.txt", "", "", "x.txt: it is empty"},
		{"x.txt", "{}", "possum", "did you mean opossum?"},
		{"x.json", `{"methodConfig": [], "resetTimeout": 5}`, "", "it may be opossum (it has the key resetTimeout) or grpc"},
	} {
		_, err := Lint(tt.file, tt.text, tt.as)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.text, err, tt.want)
		}
	}
	found, err := All([]File{{"x", "hello"}, {"breaker.a.json", `{"errorThreshold": 1, "timeout": 3000, "volumeThreshold": 5}`}}, "")
	if err == nil || len(Failing(found)) != 1 {
		t.Errorf("an unknown file hides what is found in another: %v, %v", found, err)
	}
}

// Services that all call each other have more ways than can be looked at; nine of them
// took for ever.
func TestMesh(t *testing.T) {
	var policies, many strings.Builder
	for caller := range 12 {
		for callee := range 12 {
			if caller != callee {
				fmt.Fprintf(&policies, "s%d.s%d: {attempts: 2, deadline: 1s}\n", caller, callee)
			}
		}
	}
	found, err := Lint("mesh.yaml", policies.String(), "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range found {
		if f.Rule == times.ID && strings.Contains(f.What, "more ways than were looked at, and on one of them 4096 calls") {
			n++
		}
	}
	if n != 12 {
		t.Errorf("%d of 12 callees: %v", n, found)
	}
	for i := range 1001 {
		fmt.Fprintf(&many, "hystrix.command.c%d.circuitBreaker.sleepWindowInMilliseconds=1000\n", i)
	}
	if _, err := Lint("many.properties", many.String(), ""); err == nil || err.Error() != "many.properties: found 1001 boundaries, expected 1000 in one file at most: split it" {
		t.Errorf("many: %v", err)
	}
}

// TestPostmortem: the snippets of the postmortem as configuration.
func TestPostmortem(t *testing.T) {
	found := map[string]bool{}
	for _, f := range alone(t, load(t, "postmortem")) {
		found[f.Rule] = true
	}
	for _, rule := range []string{
		"opossum/ignored-key", "opossum/volume-zero", "opossum/unbound-method", "opossum/misnamed-option", "grpc/no-timeout",
		"grpc-client/no-deadline", "grpc-client/no-keepalive", "grpc-client/insecure", "grpc-client/max-concurrent-streams",
	} {
		if !found[rule] {
			t.Errorf("%s found nothing", rule)
		}
	}
}
