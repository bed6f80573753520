package gatewaylog

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// maxRouteFile bounds a file of templates, in bytes: the largest published OpenAPI
// files have some ten million.
const maxRouteFile = 32 << 20

// filePattern is a pattern and where it stands in its file, both from 1.
type filePattern struct {
	text         string
	line, column int
}

// RouteFile reads a list of endpoint patterns, one a line as NewRoutes takes them.
// What stands behind a # at a line's beginning or behind a blank is a remark.
func RouteFile(path string) ([]string, error) { return patternsOf(path, listPatterns) }

// OpenAPIFile reads the patterns of an OpenAPI file, 3.x or 2.0, YAML or JSON: its
// paths with their methods, below the paths of its servers.
func OpenAPIFile(path string) ([]string, error) { return patternsOf(path, openAPIPatterns) }

// patternsOf reads a file and tries its patterns, so that a bad one is told with
// its place.
func patternsOf(path string, read func([]byte) ([]filePattern, error)) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err // os names the path
	case info.Size() > maxRouteFile:
		return nil, fmt.Errorf("%s: %d bytes are no file of routes", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found, err := read(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	patterns := make([]string, 0, len(found))
	for _, p := range found {
		if err := new(Routes).add(p.text); err != nil {
			return nil, fmt.Errorf("%s:%w", path, p.error(err.Error()))
		}
		patterns = append(patterns, p.text)
	}
	if len(patterns) == 0 {
		return nil, fmt.Errorf("%s: no routes in it", path)
	}
	return patterns, nil
}

// error is what is wrong at the place of p.
func (p filePattern) error(what string) error {
	return fmt.Errorf("%d:%d: %s", p.line, p.column, what)
}

// listPatterns reads a list.
func listPatterns(text []byte) ([]filePattern, error) {
	var found []filePattern
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		rest := strings.TrimRight(line, "\r\n\t ")
		if i := strings.Index(rest, " #"); i >= 0 {
			rest = strings.TrimRight(rest[:i], "\t ")
		}
		pattern := strings.TrimLeft(rest, "\t ")
		if pattern == "" || pattern[0] == '#' {
			continue
		}
		p := filePattern{pattern, number, len(rest) - len(pattern) + 1}
		if name, _, _ := strings.Cut(pattern, ":"); len(found) == 0 && (pattern[0] == '{' || name == "openapi" || name == "swagger") {
			return nil, p.error("found an OpenAPI file, expected a list of routes such as GET /api/orders/:id")
		}
		found = append(found, p)
	}
	return found, nil
}
