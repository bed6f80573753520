package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tripcurve/internal/bundled"
	"tripcurve/internal/config"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/internal/redact/redacttest"
)

// bundledView is the bundled incident, made once.
var bundledView = sync.OnceValues(func() (*incident.View, error) {
	in, err := bundled.Build(context.Background())
	if err != nil {
		return nil, err
	}
	return in.Evidence.Snapshot(), nil
})

// planted is the bundled incident as a recording in which texts, in turn, stand wherever
// somebody outside can write: statements, names of sessions, log lines and their notes,
// changes, states of sources, and the entries of the timeline with all their fields.
func planted(t *testing.T, texts []string) string {
	t.Helper()
	v, err := bundledView()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	next := func() string { n++; return texts[n%len(texts)] }
	// The day before has no text, and every command would read it.
	facts := slices.DeleteFunc(v.Facts(), func(f incident.Fact) bool {
		b, ok := f.(incident.Bucket)
		return ok && b.At.Before(v.Window.From)
	})
	for i, f := range facts {
		switch f := f.(type) {
		case incident.Episode:
			f.Session.Application, f.Session.Query, f.Text = next(), next(), next()
			if i%2 == 0 {
				f.Session.User, f.Session.Client = next(), next()
			}
			facts[i] = f
		case incident.Exemplar:
			f.Raw, f.Note, f.Upstream = next(), next(), next()
			facts[i] = f
		case incident.Upstream:
			f.Name = next()
			facts[i] = f
		case incident.Change:
			f.System, f.Text = next(), f.Text+" "+next()
			facts[i] = f
		case incident.Series:
			f.Caveat = next()
			facts[i] = f
		}
	}
	sources := slices.Clone(v.Sources)
	for i := range sources {
		sources[i].Detail = next()
	}
	facts = append(facts, incident.LogFile{
		Path: "/srv/" + next(), Format: next(), Zone: next(), Unit: next(), Routes: []string{next()}, Origin: incident.Origin{Group: "gateway", Name: "access.log"},
	})
	path := filepath.Join(t.TempDir(), "planted.incident")
	w, err := file.Create(path, "INC "+texts[0], v.Window.From)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(facts, sources); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	var entries []incident.Written
	for i := range texts { // each text in each field of some entry
		e := incident.Entry{
			ID: fmt.Sprintf("p%d", i), Start: at.Add(time.Duration(i) * time.Second), Kind: incident.KAction, Confidence: "stated",
			Text: texts[i], Actor: texts[(i+1)%len(texts)], Person: texts[(i+2)%len(texts)], System: texts[(i+3)%len(texts)],
			Clock:  incident.EntryClock{Original: texts[(i+5)%len(texts)]},
			Source: incident.EntrySource{Name: texts[(i+4)%len(texts)], Ref: texts[(i+6)%len(texts)], URL: "https://chat.example/" + texts[(i+7)%len(texts)]},
		}
		x := incident.WriteEntry(e)
		x.Comments = []incident.Comment{{At: at, Role: texts[(i+8)%len(texts)], Text: texts[(i+9)%len(texts)]}}
		entries = append(entries, x)
	}
	if err := w.WriteTimeline(at, "on-call engineer", "add", entries...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var claims strings.Builder
	claims.WriteString("schema: tripcurve.claims/1\nincident: INC\nzone: UTC\nclaims:\n")
	for i, text := range texts {
		fmt.Fprintf(&claims, "- id: c%d\n  text: %q\n  kind: duration\n  operands: {start: \"2026-01-15T14:23:01Z\", end: \"2026-01-15T14:46:18Z\", stated_s: 1380, stated_unit: min, rounding: down}\n", i, printable(text))
	}
	if err := os.WriteFile(strings.TrimSuffix(path, ".incident")+claimsSuffix, []byte(claims.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// printable is a text that YAML takes in quotes as Go writes them.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffd {
			return ' '
		}
		return r
	}, s)
}

// given is what a command hands out: its standard output and the files that it writes.
func given(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	home := t.TempDir()
	env := func(k string) string { return map[string]string{"HOME": home}[k] }
	var stdout, stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: env, paths: config.FindPaths(env)}
	if code := a.execute(t.Context(), args); code > exitFindings {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// exports are all commands that hand evidence of a recorded incident out, with the format
// that a reader takes it for.
var exports = []struct {
	format string
	args   []string
	states bool // that it is redacted, in itself
}{
	{"text", []string{"analyze", "FILE"}, true},
	{"json", []string{"analyze", "FILE", "--format", "json"}, true},
	{"md", []string{"analyze", "FILE", "--format", "md"}, true},
	{"text", []string{"check", "FILE"}, true},
	{"json", []string{"check", "FILE", "--format", "json"}, true},
	{"csv", []string{"check", "FILE", "--format", "csv"}, false}, // a table of claims and nothing else
	{"md", []string{"check", "FILE", "--format", "md"}, true},
	{"md", []string{"export", "timeline", "FILE"}, true},
	{"json", []string{"export", "timeline", "FILE", "--format", "json"}, true},
	{"html", []string{"export", "timeline", "FILE", "--format", "html", "--people"}, true},
	{"csv", []string{"export", "timeline", "FILE", "--format", "csv"}, false},
	{"md", []string{"export", "timeline", "FILE", "--format", "mermaid"}, true},
	{"ical", []string{"export", "timeline", "FILE", "--format", "ical"}, true},
	{"json", []string{"export", "timeline", "FILE", "--format", "grafana"}, false},
	{"json", []string{"export", "timeline", "FILE", "--format", "datadog-event"}, false},
	{"json", []string{"export", "timeline", "FILE", "--format", "datadog-notebook"}, true},
	{"json", []string{"export", "timeline", "FILE", "--format", "slack"}, true},
	{"html", []string{"export", "postmortem", "FILE", "--no-simulation"}, true},
	{"md", []string{"export", "postmortem", "FILE", "--no-simulation", "--format", "md"}, true},
	{"json", []string{"export", "postmortem", "FILE", "--no-simulation", "--format", "json"}, true},
	{"svg", []string{"export", "plots", "FILE", "--format", "svg", "-o", "-"}, true},
	{"pdf", []string{"export", "plots", "FILE", "--format", "pdf", "-o", "-"}, false}, // compressed
	{"text", []string{"explain", "FILE", "--scenario", "inc-2847", "--seeds", "1", "--mechanism", "dropped_flow"}, true},
	{"text", []string{"fit", "FILE", "-o", "-", "--anyway"}, true}, // the pipeline with its comments; the report goes to stderr
}

func on(path string, args []string) []string {
	args = slices.Clone(args)
	args[slices.Index(args, "FILE")] = path
	return args
}

// 200 secrets of 39 ways of writing one are in the evidence and in what people wrote of it,
// and none is in anything that is handed out.
func TestLongNoSecretLeaves(t *testing.T) {
	all := redacttest.Secrets(2847, 200)
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = s.Text
	}
	path := planted(t, texts)
	shown := map[string]bool{}
	for _, x := range exports {
		args := on(path, x.args)
		out, errs := given(t, args...)
		for _, leak := range redacttest.Leaks(out+errs, all) {
			t.Errorf("%v: %s", x.args, leak)
		}
		if x.states && !strings.Contains(out, "Redacted") {
			t.Errorf("%v does not say that it is redacted", x.args)
		}
		if !strings.Contains(errs, "replaced; equal tokens stand for equal values") && x.format != "svg" && x.format != "pdf" {
			t.Errorf("%v does not say on stderr what was replaced: %s", x.args, errs)
		}
	}
	// Credentials are masked when they come in. The others are there for who asks for them: else
	// nothing was shown above that had anything to hide.
	for _, x := range exports {
		if x.args[0] != "explain" && x.args[0] != "fit" && x.args[1] != "plots" {
			out, _ := given(t, append(on(path, x.args), "--unredacted")...)
			for _, s := range all {
				if len(redacttest.Leaks(out, []redacttest.Secret{s})) > 0 {
					shown[s.Value] = true
				}
			}
		}
	}
	personal := 0
	for _, s := range all {
		if s.Kind != "secret" {
			personal++
		}
		if s.Kind == "secret" == shown[s.Value] {
			t.Errorf("unredacted, %s %q is shown: %t", s.Kind, s.Value, shown[s.Value])
		}
	}
	if personal < 100 {
		t.Errorf("%d of the 200 are personal data, want at least half", personal)
	}

	// A redacted copy has none in its bytes, and says the same.
	out := filepath.Join(t.TempDir(), "redacted.incident")
	given(t, "redact", path, "-o", out)
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if strings.Contains(string(raw), s.Value) {
			t.Errorf("the redacted file has %s %q", s.Kind, s.Value)
		}
	}
}

// Texts that would do something to a terminal, a browser, a spreadsheet or a reader of
// Markdown do nothing in anything that is handed out, redacted or not.
func TestLongHostileTextIsInert(t *testing.T) {
	path := planted(t, redacttest.Hostile)
	for _, x := range exports {
		for _, more := range [][]string{nil, {"--unredacted"}} {
			format := x.format
			switch {
			case format == "pdf", more != nil && (x.args[0] == "explain" || x.args[1] == "plots"):
				continue
			case format == "svg":
				format = "html"
			}
			out, errs := given(t, append(on(path, x.args), more...)...)
			for _, what := range redacttest.Inert(format, []byte(out)) {
				t.Errorf("%v %v: %s", x.args, more, what)
			}
			for _, what := range redacttest.Inert("text", []byte(errs)) {
				t.Errorf("stderr of %v: %s", x.args, what)
			}
		}
	}
}

// TestHostileNameIsInert: a folder of logs may hold files that somebody else named.
func TestHostileNameIsInert(t *testing.T) {
	folder := t.TempDir()
	log := `{"timestamp":"2026-01-15T14:23:01.000Z","method":"GET","path":"/","status":200,"duration_ms":3}` + "\n"
	if err := os.WriteFile(filepath.Join(folder, "a\x1b]0;owned\x07.log"), []byte(strings.Repeat(log, 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // new, and read before
		_, errs := given(t, "import", folder, "-o", filepath.Join(folder, "..", "x\x1b[31m.incident"))
		if strings.Contains(errs, "\x1b") || !strings.Contains(errs, `a\x1b]0;owned\x07.log: `) {
			t.Errorf("stderr: %q", errs)
		}
	}
}
