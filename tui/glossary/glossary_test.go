package glossary

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

func TestTheFileIsSound(t *testing.T) {
	seen := map[string]string{}
	for _, term := range All() {
		if len(term.Meaning) < 10 || len(term.Meaning) > 400 || !strings.HasSuffix(term.Meaning, ".") {
			t.Errorf("%s: %q is no short sentence or two", term.Name, term.Meaning)
		}
		for i, w := range term.words() {
			if other := seen[w]; other != "" && i == 0 {
				t.Errorf("%q is a term twice", w)
			}
			seen[w] = term.Name
		}
		for _, s := range term.See {
			if _, ok := Find(s); !ok {
				t.Errorf("%s: see %q, which is no term", term.Name, s)
			}
		}
	}
	if len(All()) < 100 {
		t.Errorf("%d terms only", len(All()))
	}
}

// texts are the values of a list of words from its first on.
func texts[T interface {
	~uint8
	fmt.Stringer
}](last T) (list []string) {
	for v := range int(last) + 1 {
		list = append(list, T(v).String())
	}
	return list
}

// TestTheWordsOfTheScreensAreDefined: what the analysis and the locks call things is
// what screens show.
func TestTheWordsOfTheScreensAreDefined(t *testing.T) {
	var words []string
	words = append(words, texts(incident.Symptom)...)
	words = append(words, texts(incident.Likely)...)
	words = append(words, "down", "hung", "no traffic", "unaffected", "stale", "live", "replay", "no data")
	words = append(words, "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
	words = append(words, "measured", "derived", "stated", "assumed", "innocent", "undecided", "onset", "hit", "deadline", "half-open", "blocker")
	v := incident.NewEvidence().Snapshot()
	for _, c := range cause.Analyze(v, cause.Options{}).Checks {
		words = append(words, c.Rule)
	}
	for _, w := range words {
		if _, ok := Find(w); !ok {
			t.Errorf("%q is on the screens and is not defined", w)
		}
	}
}

// TestTheWordsOfTheFramesAreDefined: of frames and documents the lock modes, the status
// codes, and those words of the field that stand in capitals or with a hyphen.
func TestTheWordsOfTheFramesAreDefined(t *testing.T) {
	files, err := filepath.Glob("../*/testdata/*.txt")
	docs, docErr := filepath.Glob("../../docs/*.md")
	if err != nil || docErr != nil || len(files) < 20 || len(docs) < 10 {
		t.Fatalf("%d frames, %d documents, %v, %v", len(files), len(docs), err, docErr)
	}
	files = append(files, docs...)
	capitals := regexp.MustCompile(`\b((ACCESS |ROW )?(SHARE|EXCLUSIVE)( UPDATE| ROW)?( EXCLUSIVE)?|DEADLINE_EXCEEDED|CREATE INDEX CONCURRENTLY|50[234]|half-open|lock_timeout|idle in transaction|retry budget|retry storm|thundering herd|trip curve|false trips?|orphan reservations?|in flight|keepalive)\b`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range capitals.FindAllString(string(text), -1) {
			if _, ok := Find(strings.TrimSuffix(w, "s")); !ok {
				t.Errorf("%s: %q is not defined", f, w)
			}
		}
	}
}

func TestFindSearchIn(t *testing.T) {
	if got, ok := Find("Circuit Breaker"); !ok || got.Name != "breaker" {
		t.Errorf("%+v", got)
	}
	if _, ok := Find("flux capacitor"); ok {
		t.Error("found what is not there")
	}
	if got := Search("half-open"); len(got) < 2 || got[0].Name != "half-open" {
		t.Errorf("%+v", got)
	}
	var names []string
	for _, term := range In("the HALF-OPEN breaker, a deadline; sharecropper") {
		names = append(names, term.Name)
	}
	if got := strings.Join(names, " "); got != "breaker deadline half-open" {
		t.Errorf("in the text: %q", got)
	}
}
