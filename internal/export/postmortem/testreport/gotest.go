package testreport

import (
	"encoding/json"
	"fmt"
	"strings"
)

// event is one line of `go test -json` (cmd/test2json).
type event struct {
	Action  string
	Package string
	Test    string
}

// goLine says whether the first line of a text is an event of a Go test.
func goLine(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	var e event
	return json.Unmarshal([]byte(line), &e) == nil && e.Action != ""
}

// goTest reads the events: the last word on a test counts. A test that began and did
// not end, for its package broke off, has failed.
func goTest(file, text string) ([]Test, error) {
	var tests []Test
	at := map[[2]string]int{}
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
			return nil, wrong(file, i+1, 1, shown(line), "an event of go test -json")
		}
		if e.Test == "" {
			continue
		}
		key := [2]string{e.Package, e.Test}
		n, ok := at[key]
		if !ok {
			if len(tests) == mostTests {
				return nil, wrong(file, i+1, 1, "one test more", fmt.Sprintf("%d at most", mostTests))
			}
			n = len(tests)
			at[key] = n
			tests = append(tests, Test{Name: cut(e.Test), Suite: cut(e.Package), State: Failed})
		}
		switch e.Action {
		case "pass":
			tests[n].State = Passed
		case "fail":
			tests[n].State = Failed
		case "skip":
			tests[n].State = Skipped
		}
	}
	return tests, nil
}
