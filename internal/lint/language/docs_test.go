package language

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page for users lists the rules as they are.
func TestDocs(t *testing.T) {
	const page = "../../../docs/blameless.md"
	var table strings.Builder
	for _, r := range Rules() {
		fmt.Fprintf(&table, "| `language/%s` | %s |\n", r.ID, r.Doc)
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(have), "|---|---|\n")
	_, tail, more := strings.Cut(rest, "\n\n")
	if !ok || !more {
		t.Fatal("the page has no table")
	}
	want := head + "|---|---|\n" + table.String() + "\n" + tail
	if want == string(have) {
		return
	}
	if os.Getenv("TRIPCURVE_UPDATE") == "" {
		t.Fatalf("%s is not what the code says; TRIPCURVE_UPDATE=1 writes it", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
