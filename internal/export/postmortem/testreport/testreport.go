// Package testreport reads the reports of test runners: JUnit's XML, vitest's JSON
// and the lines of `go test -json`.
package testreport

import (
	"fmt"
	"io"
	"os"
	"strings"

	"tripcurve/internal/formats/source"
)

const (
	mostTests = 200_000
	mostText  = 4000 // bytes of a name or a message; what is longer is cut
)

// State is how a test ended.
type State string

// The states.
const (
	Passed  State = "passed"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// Test is one test of a report.
type Test struct {
	Name  string // with the names that it stands under, a blank between
	Suite string // class, file or package
	State State
}

// Report is what a runner wrote.
type Report struct {
	File   string
	Format string // junit, vitest, go
	Tests  []Test // in the order of the report
}

// Count of the tests in a state.
func (r Report) Count(s State) (n int) {
	for _, t := range r.Tests {
		if t.State == s {
			n++
		}
	}
	return n
}

// mostBytes of a report; that of a large suite in Go comes to some MiB.
const mostBytes = 64 << 20

// ReadFile is Read of a file of at most 64 MiB.
func ReadFile(path string) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return Report{}, fmt.Errorf("read %s: %w", path, err)
	}
	return Read(path, string(text))
}

// Read is the report in the text of a file of that name, of whichever of the three
// formats it is. An error says file, line and column, what was found and what was
// expected.
func Read(name, text string) (Report, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if len(text) > mostBytes {
		return Report{}, wrong(name, 1, 1, "more than that", fmt.Sprintf("%d MiB at most", mostBytes>>20))
	}
	r := Report{File: name}
	var err error
	switch head := strings.TrimSpace(text); {
	case head == "":
		return r, wrong(name, 1, 1, "nothing", "JUnit XML, vitest JSON or the lines of go test -json")
	case head[0] == '<':
		r.Format = "junit"
		r.Tests, err = junit(name, text)
	case head[0] == '{' && goLine(head):
		r.Format = "go"
		r.Tests, err = goTest(name, text)
	case head[0] == '{':
		r.Format = "vitest"
		r.Tests, err = vitest(name, text)
	default:
		return r, wrong(name, 1, 1, shown(head), "JUnit XML, vitest JSON or the lines of go test -json")
	}
	if err != nil {
		return Report{}, err
	}
	return r, nil
}

func shown(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// cut is a name that is not endless.
func cut(s string) string {
	if len(s) > mostText {
		return s[:mostText] + "..."
	}
	return s
}

func wrong(file string, line, column int, found, want string) error {
	return fmt.Errorf("test report %w", &source.Error{File: file, Pos: source.Pos{Line: line, Column: column}, Found: found, Want: want})
}
