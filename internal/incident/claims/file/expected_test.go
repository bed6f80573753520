package file_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tripcurve/internal/incident/claims"
	"tripcurve/internal/incident/claims/file"
)

// load reads a list of the testdata.
func load(t *testing.T, name string) *claims.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := file.Read(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// normal is an arithmetic without differences of blanks.
func normal(s string) string { return strings.Join(strings.Fields(s), " ") }

// The lists were written before the checker was: each of their verdicts is its
// test. The arithmetic of the twin is held too, but where it has figures
// that are in no operand.
func TestExpectedVerdicts(t *testing.T) {
	for name, elsewhere := range map[string][]string{
		"inc-2847.yaml": nil,
		"corrected-twin.yaml": {
			"t09", // 0.941/s and 0.852/s
			"t26", // INSERTs
			"t29", // the 30 s of the last tries
		},
	} {
		doc := load(t, name)
		for i, r := range claims.Check(doc, nil).Claims {
			want := doc.Claims[i].Expect
			if r.Verdict.String() != want.Verdict {
				t.Errorf("%s %s: %s, want %s (%s)", name, r.ID, r.Verdict, want.Verdict, r.Why)
			}
			got := strings.Join(r.Arithmetic, "; ")
			if got == "" {
				got = "none"
			}
			if slices.Contains(elsewhere, r.ID) {
				continue
			}
			if normal(got) != normal(want.Arithmetic) {
				t.Errorf("%s %s: arithmetic\n  %s, want\n  %s", name, r.ID, got, want.Arithmetic)
			}
			if r.Why == "" {
				t.Errorf("%s %s: a verdict without a why", name, r.ID)
			}
			if r.WithEvidence != r.Verdict {
				t.Errorf("%s %s: %s with evidence, and there is none", name, r.ID, r.WithEvidence)
			}
		}
	}
}
