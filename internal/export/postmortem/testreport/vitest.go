package testreport

import (
	"fmt"
	"strings"

	"tripcurve/internal/formats/source"
)

// vitest reads what vitest and Jest write with --reporter=json: testResults, each a
// file with assertionResults.
func vitest(file, text string) (tests []Test, err error) {
	root, err := source.JSON(file, text)
	if err != nil {
		return nil, fmt.Errorf("test report %w", err)
	}
	results, err := member(root, "testResults", source.List)
	if err != nil {
		return nil, err
	}
	for _, result := range results.Items {
		suite := ""
		if n, ok := result.Get("name"); ok && n.Kind == source.String {
			suite = n.Text
		}
		list, err := member(result, "assertionResults", source.List)
		if err != nil {
			return nil, err
		}
		for _, a := range list.Items {
			t, err := assertion(a, suite)
			if err != nil {
				return nil, err
			}
			if len(tests) == mostTests {
				return nil, fmt.Errorf("test report %w", a.Errorf(fmt.Sprintf("%d at most", mostTests), "one test more"))
			}
			tests = append(tests, t)
		}
	}
	return tests, nil
}

func assertion(a *source.Node, suite string) (Test, error) {
	name := ""
	if n, ok := a.Get("fullName"); ok && n.Kind == source.String {
		name = strings.TrimSpace(n.Text)
	}
	if name == "" {
		n, err := member(a, "title", source.String)
		if err != nil {
			return Test{}, err
		}
		name = n.Text
	}
	status, err := member(a, "status", source.String)
	if err != nil {
		return Test{}, err
	}
	t := Test{Name: cut(name), Suite: cut(suite)}
	switch status.Text {
	case "passed":
		t.State = Passed
	case "failed":
		t.State = Failed
	case "skipped", "pending", "todo", "disabled":
		t.State = Skipped
	default:
		return t, fmt.Errorf("test report %w", status.Wrong("passed, failed, skipped, pending, todo or disabled"))
	}
	return t, nil
}

// member is the value of a key that has to be there and of a kind.
func member(n *source.Node, key string, kind source.Kind) (*source.Node, error) {
	if n.Kind != source.Map {
		return nil, fmt.Errorf("test report %w", n.Wrong("an object with "+key))
	}
	v, ok := n.Get(key)
	if !ok {
		return nil, fmt.Errorf("test report %w", n.Errorf(key, "an object without %s", key))
	}
	if v.Kind != kind {
		return nil, fmt.Errorf("test report %w", v.Wrong(kind.String()))
	}
	return v, nil
}
