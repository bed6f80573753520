package language

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "# ") {
			all = append(all, line)
		}
	}
	return all
}

// Every sentence that blames is told once, at its phrase.
func TestBlames(t *testing.T) {
	all := lines(t, "blames.txt")
	if len(all) < 45 {
		t.Fatalf("%d sentences", len(all))
	}
	ids := map[string]bool{}
	for _, line := range all {
		id, marked, _ := strings.Cut(line, ": ")
		ids[id] = true
		open, end := strings.IndexByte(marked, '['), strings.IndexByte(marked, ']')
		text := marked[:open] + marked[open+1:end] + marked[end+1:]
		found := Check(text)
		if len(found) != 1 || found[0].Rule != id || found[0].Text != marked[open+1:end] || found[0].Column != open+1 || found[0].Line != 1 {
			t.Errorf("%s\n got %+v", marked, found)
		}
	}
	for _, id := range names() {
		if !ids[id] {
			t.Errorf("no sentence for %s", id)
		}
	}
}

// No sentence that says what happened is warned of.
func TestFair(t *testing.T) {
	all := lines(t, "fair.txt")
	if len(all) < 55 {
		t.Fatalf("%d sentences", len(all))
	}
	for _, line := range all {
		if found := Check(line); len(found) > 0 {
			t.Errorf("%s\n got %+v", line, found)
		}
	}
	if found := Check(strings.Join(all, "\n\n")); len(found) > 0 {
		t.Errorf("as one document: %+v", found)
	}
}

// Places are those of the file, over lines, code and characters of several bytes.
func TestPlaces(t *testing.T) {
	text := "# Über uns\n\n```\nAlice forgot\n```\n\nDas – the on-call\nengineer failed\nto look. <!-- Bob forgot -->\n\n| Wer | Ä: Bob forgot |\n"
	type at struct {
		Rule         string
		Line, Column int
		Text         string
	}
	var got []at
	for _, w := range Check(text) {
		if w.Reason == "" || w.Ask == "" {
			t.Errorf("no reason: %+v", w)
		}
		got = append(got, at{w.Rule, w.Line, w.Column, w.Text})
	}
	want := []at{{"fault", 8, 10, "failed to"}, {"fault", 11, 17, "forgot"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestIgnore(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"on the line", "Bob forgot it. <!-- tripcurve:ignore fault: his own words -->", nil},
		{"any rule", "Bob forgot it. <!-- tripcurve:ignore: a quotation -->", nil},
		{"with the family's name", "Bob forgot it. <!-- tripcurve:ignore language/fault: his own words -->", nil},
		{"on the line before", "<!-- tripcurve:ignore fault: his own words -->\nBob forgot it.\nBob forgot it.", []string{"fault 3"}},
		{"another line", "Bob forgot it. <!-- tripcurve:ignore fault: his own words -->\n\nBob forgot it.", []string{"fault 3"}},
		{"another rule", "Bob forgot it. <!-- tripcurve:ignore why: his own words -->", []string{"fault 1"}},
		{"no reason", "Bob forgot it. <!-- tripcurve:ignore fault -->", []string{"fault 1", "ignore-without-reason 1"}},
		{"no such rule", "<!-- tripcurve:ignore blame: x -->", []string{"unknown-rule 1"}},
	} {
		var got []string
		for _, w := range Check(tt.text) {
			got = append(got, w.Rule+" "+string(rune('0'+w.Line)))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// FuzzCheck: no text panics, and every place is in it.
func FuzzCheck(f *testing.F) {
	f.Add("The engineer forgot.\n<!-- tripcurve:ignore")
	f.Add("Ünïcode ```\n~~~ Bob failed\nto\x00 \xff why did we")
	f.Fuzz(func(t *testing.T, text string) {
		rows := strings.Split(text, "\n")
		for _, w := range Check(text) {
			if w.Line < 1 || w.Line > len(rows) || w.Column < 1 || w.Column > len(rows[w.Line-1]) {
				t.Fatalf("%+v is not in %q", w, text)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	text := strings.Repeat("The on-call engineer restarted the order service at 14:46, and recovery followed at once.\n", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Check(text)
	}
}
