package tripcurve

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms is the table of ARCHITECTURE.md: which folder may import which of ours.
// A package belongs to the longest room that is a prefix of its path; within one
// room packages may import each other. A change of the house is a change here.
var rooms = map[string][]string{
	"internal/pglock":   {},
	"internal/redact":   {},
	"internal/policy":   {},
	"internal/formats":  {"internal/policy"},
	"internal/datadog":  {},
	"internal/incident": {"internal/pglock", "internal/redact"},
	"services":          {"internal/policy", "internal/pglock", "internal/datadog"},
	"collectors":        {"internal/incident", "internal/pglock", "internal/redact", "internal/datadog"},
	"sim":               {"internal/policy", "internal/pglock", "services", "internal/incident"},
	"sim/pipeline/file": {"sim", "internal/policy", "internal/pglock", "internal/formats", "services"}, // a description as YAML; services for the test against the handlers
	"internal/diagnose": {"internal/incident", "internal/pglock", "internal/policy", "sim"},
	"internal/bundled":  {"collectors", "sim", "sim/pipeline/file", "services", "internal/incident", "internal/diagnose", "internal/datadog", "internal/pglock", "internal/incident/claims"},
	"internal/lint":     {"internal/pglock", "internal/formats", "internal/policy"},
	"internal/export":   {"internal/policy", "internal/formats", "internal/incident", "internal/incident/claims", "sim", "internal/diagnose", "internal/redact"},
	"internal/config":   {"internal/formats"}, // the tree with lines and columns
	"internal/pgtest":   {},                   // a private Postgres for tests; only test files may import it
	"internal/promtest": {},                   // a private Prometheus for tests; the same
	"tui":               {"internal/policy", "internal/formats", "internal/incident", "sim", "internal/diagnose", "internal/export", "internal/redact", "internal/config"},
	"tui/tuitest":       {"tui", "internal/incident", "internal/pglock"}, // fixtures of the screens' tests
	"cmd":               {"*"},

	"internal/incident/claims": {"internal/incident", "internal/pglock", "internal/redact", "internal/policy", "internal/formats"}, // the breaker's own machine; the tree with lines and columns
}

// testOnly rooms may be imported by test files alone.
var testOnly = []string{"internal/pgtest", "internal/promtest", "internal/policy/policytest", "tui/tuitest", "services/memstore", "internal/redact/redacttest"}

// named packages were asked for by name: product code must use each of them.
var named = []string{
	"charm.land/bubbletea/v2",
	"charm.land/bubbles/v2",
	"github.com/DataDog/datadog-api-client-go/v2",
	"github.com/jackc/pgx/v5",
	"gonum.org/v1/plot",
}

// only says which one room may import a library.
var only = map[string]string{
	"charm.land": "tui",
	"github.com/DataDog/datadog-api-client-go/v2": "internal/datadog",
	"github.com/prometheus/client_golang/api":     "collectors",
	"gonum.org/v1/plot":                           "internal/export",
	"modernc.org/sqlite":                          "internal/incident",
	"github.com/wasilibs/go-pgquery":              "internal/lint",
}

// standardOnly rooms stay on the standard library, but for the named packages.
var standardOnly = map[string][]string{
	"internal/policy":   {"internal/policy/policytest"},
	"internal/pglock":   nil,
	"internal/incident": {"internal/incident/file", "internal/incident/sketch"},

	"internal/incident/claims": nil,
}

// clockless rooms take time and chance from their callers.
var clockless = map[string][]string{
	"internal/policy":   nil,
	"internal/incident": {"internal/incident/file"},
	"sim":               nil,
	"sim/pipeline/file": nil,
	"services":          {"services/host", "services/telemetry", "services/lab"},

	"internal/incident/claims": nil,
}

// forbidden are the calls that clockless rooms must not make.
var forbidden = map[string][]string{
	"time":         {"Now", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Since", "Until"},
	"context":      {"WithTimeout", "WithDeadline"},
	"math/rand":    {"*"},
	"math/rand/v2": {"Int", "IntN", "Int64", "Int64N", "Uint32", "Uint64", "Float64", "Float32", "Perm", "Shuffle", "N", "ExpFloat64", "NormFloat64"},
}

// handlers are sequential Go, for the simulator runs each as one coroutine.
var handlers = []string{"services/gateway", "services/order", "services/inventory", "services/payment", "services/fulfillment", "services/warehouse"}

// handlerEdges are files of handler packages that stand outside the handlers:
// what is served to the real world, and test kits.
var handlerEdges = map[string]bool{"services/gateway/http.go": true}

type source struct {
	path string // slash path from the root
	pkg  string // its folder
	test bool
	file *ast.File
}

func parseTree(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	fset := token.NewFileSet()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		p := filepath.ToSlash(path)
		all = append(all, source{path: p, pkg: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(name, "_test.go"), file: f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d Go files found: the walk looks in the wrong place", len(all))
	}
	return fset, all
}

// under says whether pkg is dir or lies below it.
func under(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func roomOf(pkg string) string {
	best := ""
	for r := range rooms {
		if under(pkg, r) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

// exempt says whether pkg is one of the exceptions of room.
func exempt(pkg string, exceptions []string) bool {
	return slices.ContainsFunc(exceptions, func(e string) bool { return under(pkg, e) })
}

// imports calls visit for every import of ours and of others, with its place.
func imports(fset *token.FileSet, s source, visit func(path, at string)) {
	for _, im := range s.file.Imports {
		p, _ := strconv.Unquote(im.Path.Value)
		pos := fset.Position(im.Pos())
		visit(p, fmt.Sprintf("%s:%d", s.path, pos.Line))
	}
}

func TestImportsPointUpTheTable(t *testing.T) {
	fset, files := parseTree(t)
	for _, s := range files {
		if s.pkg == "." {
			continue
		}
		room := roomOf(s.pkg)
		if room == "" {
			t.Errorf("%s: folder %s is not in the table", s.path, s.pkg)
			continue
		}
		imports(fset, s, func(p, at string) {
			ours, ok := strings.CutPrefix(p, "tripcurve/")
			if !ok {
				for lib, owner := range only {
					if under(p, lib) && !under(s.pkg, owner) && !s.test {
						t.Errorf("%s: %s may import %s, %s may not", at, owner, p, s.pkg)
					}
				}
				return
			}
			if !s.test && exempt(ours, testOnly) {
				t.Errorf("%s: %s is for tests alone", at, ours)
			}
			if s.test && exempt(ours, testOnly) {
				return
			}
			to := roomOf(ours)
			allowed := rooms[room]
			if to == room || slices.Contains(allowed, "*") || slices.Contains(allowed, to) {
				return
			}
			t.Errorf("%s: %s may not import %s", at, s.pkg, ours)
		})
	}
}

func TestTopLevelFolders(t *testing.T) {
	known := []string{"cmd", "collectors", "docs", "internal", "services", "sim", "tui", "dist", "bin", "scripts"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(known, e.Name()) {
			t.Errorf("unknown top-level folder %s", e.Name())
		}
	}
}

func TestNamedPackagesAreUsed(t *testing.T) {
	fset, files := parseTree(t)
	used := map[string]bool{}
	for _, s := range files {
		if s.test {
			continue
		}
		imports(fset, s, func(p, _ string) {
			for _, n := range named {
				if under(p, n) {
					used[n] = true
				}
			}
		})
	}
	for _, n := range named {
		if !used[n] {
			t.Errorf("no product code imports %s", n)
		}
	}
}

func TestStandardLibraryOnly(t *testing.T) {
	fset, files := parseTree(t)
	for _, s := range files {
		exceptions, bound := standardOnly[roomOf(s.pkg)]
		if !bound || s.test || exempt(s.pkg, exceptions) {
			continue
		}
		imports(fset, s, func(p, at string) {
			first, _, _ := strings.Cut(p, "/")
			if strings.Contains(first, ".") {
				t.Errorf("%s: %s stays on the standard library, not %s", at, s.pkg, p)
			}
		})
	}
}

func TestNoWallClockNoGlobalChance(t *testing.T) {
	fset, files := parseTree(t)
	for _, s := range files {
		exceptions, bound := clockless[roomOf(s.pkg)]
		if !bound || s.test || exempt(s.pkg, exceptions) || strings.HasSuffix(s.path, ".pb.go") {
			continue
		}
		names := map[string]string{} // local name -> import path
		for _, im := range s.file.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			if _, watched := forbidden[p]; !watched {
				continue
			}
			local := filepath.Base(strings.TrimSuffix(p, "/v2"))
			if im.Name != nil {
				local = im.Name.Name
			}
			names[local] = p
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			if calls := forbidden[names[x.Name]]; slices.Contains(calls, sel.Sel.Name) || slices.Contains(calls, "*") {
				t.Errorf("%s: %s.%s: time and chance come from the caller here", fset.Position(sel.Pos()), x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestHandlersAreSequential(t *testing.T) {
	fset, files := parseTree(t)
	for _, s := range files {
		if s.test || !slices.Contains(handlers, s.pkg) || handlerEdges[s.path] {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			what := ""
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "go"
			case *ast.SelectStmt:
				what = "select"
			case *ast.SendStmt:
				what = "a channel send"
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					what = "a channel receive"
				}
			}
			if what != "" {
				t.Errorf("%s: a handler has no %s", fset.Position(n.Pos()), what)
			}
			return true
		})
	}
}

func TestRootModelStaysSmall(t *testing.T) {
	b, err := os.ReadFile("tui/root.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n >= 300 {
		t.Errorf("tui/root.go has %d lines; it routes and nothing else (under 300)", n)
	}
}
