package export

import (
	"strings"
	"testing"
)

// TestAlign: a column begins and ends in the same cell of a terminal in every line, whatever
// is written there.
func TestAlign(t *testing.T) {
	var b strings.Builder
	Align(&b, [][]string{{"", "p50", "p99"}, {"GET /ab", "1 ms", "12 ms"}, {"GET /\u5728\u5eab", "1.5 ms", "no data"}, {"e\u0301", "-", ""}})
	const want = "" +
		"              p50      p99\n" +
		"GET /ab      1 ms    12 ms\n" +
		"GET /\u5728\u5eab  1.5 ms  no data\n" +
		"e\u0301               -\n"
	if b.String() != want {
		t.Errorf("%q\nwant\n%q", b.String(), want)
	}
}

func TestWrapCountsCells(t *testing.T) {
	word := strings.Repeat("\u5728", 13)                          // 26 columns
	want := word + " " + word + " " + word + "\n  " + word + "\n" // three fill a line
	if got := Wrap(strings.Repeat(word+" ", 4), "", "  "); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
