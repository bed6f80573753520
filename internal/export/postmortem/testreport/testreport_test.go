package testreport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	junitText = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="checkout" tests="4">
  <testcase name="creates an order" classname="shop.Checkout" time="0.01"/>
  <testcase name="rejects a cart"><failure message="x">trace &lt;here&gt;</failure></testcase>
  <testcase name="later"><skipped/></testcase>
  <testcase name="breaks"><error/></testcase>
</testsuite></testsuites>`
	vitestText = `{"numTotalTests": 3, "testResults": [{"name": "breaker.test.ts", "assertionResults": [
  {"fullName": "CircuitBreaker opens circuit", "title": "opens circuit", "status": "passed"},
  {"title": "sends probe", "status": "failed"},
  {"title": "someday", "status": "todo"}]}]}`
	goText = `{"Action":"start","Package":"shop"}
{"Action":"run","Package":"shop","Test":"TestDeadline"}
{"Action":"output","Package":"shop","Test":"TestDeadline","Output":"=== RUN\n"}
{"Action":"pass","Package":"shop","Test":"TestDeadline","Elapsed":0.1}
{"Action":"run","Package":"shop","Test":"TestHangs"}
{"Action":"run","Package":"shop","Test":"TestLater"}
{"Action":"skip","Package":"shop","Test":"TestLater"}
{"Action":"fail","Package":"shop"}
`
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		format, text string
		want         []Test
	}{
		{"junit", junitText, []Test{
			{"creates an order", "shop.Checkout", Passed}, {"rejects a cart", "checkout", Failed}, {"later", "checkout", Skipped}, {"breaks", "checkout", Failed},
		}},
		{"junit", `<testsuite name="one"><testcase name="a"/></testsuite>`, []Test{{"a", "one", Passed}}},
		{"vitest", vitestText, []Test{
			{"CircuitBreaker opens circuit", "breaker.test.ts", Passed}, {"sends probe", "breaker.test.ts", Failed}, {"someday", "breaker.test.ts", Skipped},
		}},
		// A test that never ended has failed: its package broke off.
		{"go", goText, []Test{{"TestDeadline", "shop", Passed}, {"TestHangs", "shop", Failed}, {"TestLater", "shop", Skipped}}},
	} {
		r, err := Read("r", c.text)
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		if r.Format != c.format {
			t.Errorf("format %s, wants %s", r.Format, c.format)
		}
		if d := cmp.Diff(c.want, r.Tests); d != "" {
			t.Errorf("%s: %s", c.format, d)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", " \n", "r:1:1: found nothing"},
		{"prose", "all is well", "r:1:1: "},
		{"XML that ends", "<testsuite>\n<testcase name=\"a\">", "r:2:"},
		{"other XML", "\n<html></html>", "r:2:1: found <html>, expected testsuites or testsuite"},
		{"a test without a name", "<testsuite>\n  <testcase/></testsuite>", "r:2:3: found a testcase without a name"},
		{"tests in tests", `<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>`, "a testcase in a testcase"},
		{"other JSON", `{"a": 1}`, "an object without testResults"},
		{"another state", `{"testResults": [{"assertionResults": [{"title": "a", "status": "fine"}]}]}`, "r:1:"},
		{"JSON that ends", `{"testResults": [`, "r:1:"},
		{"a line between events", goText + "panic: boom\n", "r:9:1: found \"panic: boom\", expected an event of go test -json"},
		{"an encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><testsuite/>`, "r:1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Read("r", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, wants %q", err, c.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(junitText)
	f.Add(vitestText)
	f.Add(goText)
	f.Add("<testsuite><testsuite></testsuite>")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read("r", text)
		if err != nil {
			if !strings.Contains(err.Error(), "r:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		if got := r.Count(Passed) + r.Count(Failed) + r.Count(Skipped); got != len(r.Tests) {
			t.Errorf("%d of %d tests have a state", got, len(r.Tests))
		}
		for _, x := range r.Tests {
			if x.Name == "" {
				t.Error("a test without a name")
			}
		}
	})
}

func TestReadFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	if err := os.WriteFile(path, []byte(goText), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadFile(path); err != nil || len(r.Tests) != 3 {
		t.Errorf("%d tests, %v", len(r.Tests), err)
	}
	if err := os.Truncate(path, mostBytes+1); err != nil { // sparse
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "64 MiB at most") {
		t.Errorf("a file too large: %v", err)
	}
	if _, err := ReadFile(path + ".none"); err == nil {
		t.Error("no file, no error")
	}
}
