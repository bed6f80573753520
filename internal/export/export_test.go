package export

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

func TestWriteNeverReplacesUnasked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "breaker.js")
	if err := Write(path, []byte("one\n"), false); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("one\n"), false); err != nil {
		t.Errorf("writing what is there: %v", err)
	}
	if err := Write(path, []byte("two\n"), false); !errors.Is(err, ErrExists) {
		t.Errorf("replacing without force: %v, want ErrExists", err)
	}
	if got := read(t, path); got != "one\n" {
		t.Errorf("the file is %q after a refused write", got)
	}
	if err := Write(path, []byte("two\n"), true); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "two\n" {
		t.Errorf("the file is %q after a forced write", got)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 {
		t.Errorf("%d files in the folder, want the one: a temporary file was left", len(left))
	}
}

func TestWriteKeepsTheMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "private.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("[]"), true); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want the old file's 0600", info.Mode().Perm())
	}
}

func TestWriteRefusesFolders(t *testing.T) {
	if err := Write(t.TempDir(), []byte("x"), true); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("writing over a folder: %v", err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDiff(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"equal", "a\nb\n", "a\nb\n", ""},
		{"one line", "timeout: 5000,\nreset: 30000,\n", "timeout: 2500,\nreset: 30000,\n", `--- f
+++ f (new)
@@ -1,2 +1,2 @@
-timeout: 5000,
+timeout: 2500,
 reset: 30000,
`},
		{"new file", "", "a\n", "--- f\n+++ f (new)\n@@ -0,0 +1 @@\n+a\n"},
		{"emptied", "a\n", "", "--- f\n+++ f (new)\n@@ -1 +0,0 @@\n-a\n"},
		{"no newline at the end", "a", "a\n", "--- f\n+++ f (new)\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{
			"two hunks", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "one\n2\n3\n4\n5\n6\n7\n8\n9\nten\n",
			"--- f\n+++ f (new)\n@@ -1,4 +1,4 @@\n-1\n+one\n 2\n 3\n 4\n@@ -7,4 +7,4 @@\n 7\n 8\n 9\n-10\n+ten\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Diff("f", tt.old, tt.new)); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzDiff checks that what stays and comes is the new text, and what stays and
// goes the old.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\nd\n")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, old, new string) {
		var was, is strings.Builder
		for _, e := range compare(lines(old), lines(new)) {
			if e.op != '+' {
				was.WriteString(e.text)
			}
			if e.op != '-' {
				is.WriteString(e.text)
			}
		}
		if was.String() != old || is.String() != new {
			t.Errorf("edits make %q -> %q of %q -> %q", was.String(), is.String(), old, new)
		}
		Diff("f", old, new)
	})
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 1, "0"},
		{999, 0, "999"},
		{1397.25, 1, "1,397.2"},
		{1000, 0, "1,000"},
		{30.0010, 3, "30.001"},
		{-999, 1, "-999"},
		{-1234567.5, 1, "-1,234,567.5"},
		{math.NaN(), 1, "unknown"},
		{math.Inf(1), 1, "unknown"},
	} {
		if got := Number(c.v, c.decimals); got != c.want {
			t.Errorf("Number(%v, %d) = %q, want %q", c.v, c.decimals, got, c.want)
		}
	}
	if got := Plural(1, "root") + ", " + Plural(int64(1200), "session"); got != "1 root, 1,200 sessions" {
		t.Error(got)
	}
}

// TestHolderOfALog: a server's log does not say in what state a holder is, nor always which lock it holds.
func TestHolderOfALog(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	e := incident.Episode{Kind: incident.SessionState, From: at, To: at.Add(time.Second), Relation: "orders", Session: incident.Session{PID: 999}}
	if got, want := Describe(e), "pid 999 holds a lock on orders, 14:23:01Z to 14:23:02Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e.Session.State, e.Held = "active", 5 // SHARE
	if got, want := Describe(e), "pid 999 active, holds SHARE on orders, 14:23:01Z to 14:23:02Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
