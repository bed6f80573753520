package testreport

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// deepest is how many suites may stand in each other.
const deepest = 64

// junit reads the XML that JUnit's ant task began and every runner writes since:
// testsuite elements, in each other or in testsuites, with testcase elements.
func junit(file, text string) (tests []Test, err error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("the encoding %s", charset)
	}
	at := func() (int, int) { return d.InputPos() }
	var suites []string
	var open *Test
	depth, rooted := 0, false
	for {
		line, column := at()
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			l, c := at()
			return nil, wrong(file, l, c, strings.TrimPrefix(err.Error(), "XML syntax error on "), "XML")
		}
		switch e := t.(type) {
		case xml.StartElement:
			depth++
			switch e.Name.Local {
			case "testsuites":
				rooted = rooted || depth == 1
			case "testsuite":
				rooted = rooted || depth == 1
				if len(suites) == deepest {
					return nil, wrong(file, line, column, "a suite more", fmt.Sprintf("%d in each other at most", deepest))
				}
				suites = append(suites, attribute(e, "name"))
			case "testcase":
				if open != nil {
					return nil, wrong(file, line, column, "a testcase in a testcase", "its end")
				}
				name := attribute(e, "name")
				if name == "" {
					return nil, wrong(file, line, column, "a testcase without a name", `name="..."`)
				}
				suite := attribute(e, "classname")
				if suite == "" && len(suites) > 0 {
					suite = suites[len(suites)-1]
				}
				open = &Test{Name: cut(name), Suite: cut(suite), State: Passed}
			case "failure", "error":
				if open != nil {
					open.State = Failed
				}
			case "skipped":
				if open != nil && open.State != Failed {
					open.State = Skipped
				}
			}
			if !rooted {
				return nil, wrong(file, line, column, "<"+e.Name.Local+">", "testsuites or testsuite")
			}
		case xml.EndElement:
			depth--
			switch {
			case e.Name.Local == "testsuite" && len(suites) > 0:
				suites = suites[:len(suites)-1]
			case e.Name.Local == "testcase" && open != nil:
				if len(tests) == mostTests {
					return nil, wrong(file, line, column, "one test more", fmt.Sprintf("%d at most", mostTests))
				}
				tests, open = append(tests, *open), nil
			}
		}
	}
	if !rooted {
		return nil, wrong(file, 1, 1, "no element", "testsuites or testsuite")
	}
	return tests, nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
