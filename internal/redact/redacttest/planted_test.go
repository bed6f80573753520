package redacttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/redact"
)

// Every planted value is one that a Redactor replaces, as the kind it is of, and no two are
// equal: else a test that plants them would find nothing to be wrong.
func TestSecretsAreWhatTheySay(t *testing.T) {
	all := Secrets(2847, 200)
	if len(all) != 200 || 200 < 4*Ways() {
		t.Fatalf("%d secrets of %d ways, want each way at least four times", len(all), Ways())
	}
	if d := cmp.Diff(all, Secrets(2847, 200)); d != "" {
		t.Errorf("the same seed gives others: %s", d)
	}
	seen := map[string]bool{}
	for _, s := range all {
		if len(Leaks(s.Text, []Secret{s})) != 1 || seen[s.Value] {
			t.Errorf("%q is not in %q, or twice", s.Value, s.Text)
		}
		seen[s.Value] = true
		for name, of := range map[string]func(*redact.Redactor, string) string{"text": (*redact.Redactor).Text, "statement": (*redact.Redactor).SQL} {
			r := redact.New(redact.Options{})
			got := of(r, s.Text)
			if len(Leaks(got, []Secret{s})) > 0 {
				t.Errorf("%s: as %s %q stays in %q", s.Kind, name, s.Value, got)
			}
			if c := r.Counts(); name == "text" && (len(c) == 0 || !has(c, s.Kind)) {
				t.Errorf("%s: counted as %+v", s.Text, c)
			}
		}
	}
}

func has(counts []redact.Count, k redact.Kind) bool {
	for _, c := range counts {
		if c.Kind == k {
			return true
		}
	}
	return false
}

// Inert has to find each hostile text where nothing was done to it.
func TestInertFindsWhatIsActive(t *testing.T) {
	for format, doc := range map[string]string{
		"text": "a\x1b[2J", "html": "<td><script>alert(1)</script></td>", "csv": "a,b\r\n=1+1,x\r\n", "json": `{"a":"\u202e"}`,
		"md": "| a | b |\n|---|---|\n| a|b|c | d |\n",
	} {
		if len(Inert(format, []byte(doc))) != 1 {
			t.Errorf("%s: %q: %v", format, doc, Inert(format, []byte(doc)))
		}
	}
	for _, md := range []string{"@alice", "see #123", "<b>x</b>", "[link](http://x)", "http://evil.example", "**bold**"} {
		if len(Inert("md", []byte("text "+md+"\n"))) == 0 {
			t.Errorf("%q is not found", md)
		}
	}
	for format, of := range map[string]func(string) string{"text": redact.Lines, "md": redact.Markdown, "html": redact.HTML} {
		for _, s := range Hostile {
			if found := Inert(format, []byte(of(s))); len(found) > 0 {
				t.Errorf("%s of %q is %q: %v", format, s, of(s), found)
			}
		}
	}
	for _, s := range Hostile {
		if found := Inert("md", []byte("| "+redact.Markdown(s)+" | "+redact.MarkdownCode(s)+" |\n|---|---|\n")); len(found) > 0 {
			t.Errorf("in a cell: %q: %v", s, found)
		}
	}
}
