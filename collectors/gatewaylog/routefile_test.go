package gatewaylog

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const petsYAML = `openapi: 3.1.0
info:
  title: Pets
  description: |
    paths:
      /not/this: here
servers:
  - url: https://api.example.com/v1/
  - { url: /v2 }
  - description: the next one
    url: 'https://{region}.example.com/{base}' # with variables
paths:
  # a remark
  x-owner: { team: pets }
  "/pets/{petId}":
    parameters:
    - name: petId
      get: no method
    summary: One pet.
    get:
      responses: {}
    delete:
      post: no method
  /pets: { get: {}, post: {} }
  /pets/{petId}:feed:
    $ref: other.yaml
components:
  paths:
    /neither: this
`

const petsJSON = `{
  "paths": {
    "x-owner": {"team": "pets"},
    "/pets/{petId}": {"get": {"responses": {"200": {"post": 1}}}, "delete": {}, "summary": "One pet."},
    "/pets": {"get": {}, "post": {}},
    "/pets/{petId}:feed": {"$ref": "other.json"}
  },
  "servers": [{"url": "https://api.example.com/v1/"}],
  "openapi": "3.1.0"
}`

func TestOpenAPIFile(t *testing.T) {
	paths := func(base string) []string {
		return []string{"GET " + base + "/pets/{petId}", "DELETE " + base + "/pets/{petId}", "GET " + base + "/pets", "POST " + base + "/pets", base + "/pets/{petId}:feed"}
	}
	all := slices.Concat(paths("/v1"), paths("/{base}"))
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"yaml":           {petsYAML, all},
		"with crlf":      {"\ufeff---\r\n" + strings.ReplaceAll(petsYAML, "\n", "\r\n"), all},
		"indented":       {"  " + strings.ReplaceAll(petsYAML, "\n", "\n  "), all},
		"json":           {petsJSON, paths("/v1")},
		"swagger":        {"swagger: '2.0'\nbasePath: /v1\npaths:\n  /pets/{petId}: {get: {}, delete: {}}\n  /pets: {get: {}, post: {}}\n  /pets/{petId}:feed:\n", paths("/v1")},
		"without server": {"openapi: 3.0.3\npaths:\n    /a:\n        get:\n    /b:\n        put:\n", []string{"GET /a", "PUT /b"}},
	} {
		got, err := OpenAPIFile(write(t, "openapi", []byte(c.text)))
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestOpenAPIFileOfTheGateway(t *testing.T) {
	got, err := OpenAPIFile("../../services/gateway/openapi.yaml")
	want := []string{"POST /api/orders", "GET /api/orders/{id}", "GET /api/inventory/{sku}", "POST /api/payments/intent"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestRouteFile(t *testing.T) {
	text := "# the shop\r\n\r\nGET /api/inventory/:sku\n  POST /api/orders   # the hot path\n/wiki/* => /wiki/:page\n/assets/**"
	got, err := RouteFile(write(t, "routes", []byte(text)))
	want := []string{"GET /api/inventory/:sku", "POST /api/orders", "/wiki/* => /wiki/:page", "/assets/**"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A file that cannot be read says where.
func TestRouteFilesRefuse(t *testing.T) {
	for _, c := range []struct {
		read       func(string) ([]string, error)
		text, want string
	}{
		{RouteFile, "GET /a\n  api/orders\n", `:2:3: route "api/orders": want a path like`},
		{RouteFile, "/a/**/b\n", ":1:1: "},
		{RouteFile, "/a => b c\n", ":1:1: "},
		{RouteFile, "# nothing\n", ": no routes in it"},
		{RouteFile, petsYAML, ":1:1: found an OpenAPI file"},
		{RouteFile, petsJSON, ":1:1: found an OpenAPI file"},
		{OpenAPIFile, "GET /a\n", `:1:1: found "GET /a", expected a key`},
		{OpenAPIFile, "info:\npaths:\n  /a:\n", ":1:1: expected an OpenAPI file with the key openapi or swagger"},
		{OpenAPIFile, "openapi: 3.0.0\n", ":1:1: expected the key paths"},
		{OpenAPIFile, "openapi: 3.0.0\npaths: {}\n", ": no routes in it"},
		{OpenAPIFile, "openapi: 3.0.0\npaths: { /a: {get: {}} }\n", ":2:1: found paths in braces"},
		{OpenAPIFile, "openapi: 3.0.0\npaths:\n  - /a\n", `:3:3: found "- /a", expected a path`},
		{OpenAPIFile, "openapi: 3.0.0\npaths:\n  /a:\n  /a b:\n", ":4:3: route "},
		{OpenAPIFile, "{\"openapi\": \"3.0.0\",\n \"paths\": {\"/a\": {},\n  \"/a b\": {}}}", ":3:3: route "},
		{OpenAPIFile, "{\"openapi\": \"3.0.0\",\n \"paths\": {\"/a\": 7}}", ":2:"},
		{OpenAPIFile, "{\"openapi\": \"3.0.0\",\n \"paths\" {}}", ":2:10: "},
		{OpenAPIFile, "{\"openapi\": \"3.0.0\"", "expected more JSON"},
		{OpenAPIFile, "[]", ":1:1: "},
	} {
		path := write(t, "file", []byte(c.text))
		_, err := c.read(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+":") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := RouteFile(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzOpenAPI(f *testing.F) {
	f.Add([]byte(petsYAML))
	f.Add([]byte(petsJSON))
	f.Add([]byte("swagger: '2.0'\nbasePath: /v1\npaths:\n  ? complex\n  : {get: {}}\n"))
	f.Add([]byte("{\"openapi\":1,\"paths\":{\"/a\":{\"get\":null}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, read := range []func([]byte) ([]filePattern, error){openAPIPatterns, listPatterns} {
			found, err := read(text)
			if err != nil {
				continue
			}
			lines := strings.Count(string(text), "\n") + 1
			for _, p := range found {
				if p.line < 1 || p.line > lines || p.column < 1 {
					t.Fatalf("%q at %d:%d of %d lines", p.text, p.line, p.column, lines)
				}
				r := new(Routes)
				if r.add(p.text) == nil {
					r.match([]byte("GET"), []byte("/a/b/c"))
				}
			}
		}
	})
}

// FuzzRoutes matches hostile paths against hostile patterns: no panic, and bounded
// work.
func FuzzRoutes(f *testing.F) {
	f.Add("GET /a/:b/{c}.pdf\n/a/*/**\n/x-{y}-{z}", "/a/b/c.pdf")
	f.Add("/{a}{b}/*.js => /n", "/xy/a.js")
	f.Fuzz(func(t *testing.T, patterns, path string) {
		r := new(Routes)
		for _, p := range strings.Split(patterns, "\n") {
			if r.add(p) == nil {
				r.match([]byte("GET"), []byte(path))
			}
		}
	})
}

// The table of a shop with more ids than anyone could list: 200,000 requests of
// seven endpoints to 48,000 different paths. Inferred they are the seven; by a table
// or an OpenAPI file, too, by their own names.
func TestShopOfManyPaths(t *testing.T) {
	requests, distinct := manyPaths(200_000)
	if distinct < 45_000 || distinct > 51_000 {
		t.Fatalf("%d different paths", distinct)
	}
	table := []string{
		"GET /api/orders/{id}", "POST /api/orders", "GET /api/inventory/{sku}", "POST /api/payments/intent", "GET /api/users/{id}/cart",
		"PUT /api/carts/{cart}/items/{sku}", "GET /health",
	}
	asInferred := slices.Clone(table)
	for i, s := range asInferred {
		asInferred[i] = strings.NewReplacer("{id}", ":id", "{sku}", ":id", "{cart}", ":id").Replace(s)
	}
	for _, c := range []struct {
		name           string
		patterns, want []string
	}{{"inferred", nil, asInferred}, {"table", table, table}} {
		routes, err := NewRoutes(c.patterns)
		if err != nil {
			t.Fatal(err)
		}
		e := newEndpoints(routes)
		var got []string
		for name := range labels(e, visit(e, requests)) {
			got = append(got, name)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if s := e.stats; s.Routed+s.Inferred != int64(len(requests)) || (s.Routed > 0) != (routes != nil) {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}

// manyPaths is that shop's traffic: a few SKUs are hot, ids are hardly seen twice.
func manyPaths(n int) (requests []string, distinct int) {
	rng := rand.New(rand.NewPCG(2847, 11))
	seen := map[string]bool{}
	sku := func() string {
		if rng.IntN(3) > 0 {
			return []string{"WH-1000XM5", "WF-1000XM4", "QC45-BLK"}[rng.IntN(3)]
		}
		return fmt.Sprintf("%c%c-%dXM%d", 'A'+rng.IntN(26), 'A'+rng.IntN(26), 100+rng.IntN(9), rng.IntN(9))
	}
	for range n {
		method, path := "GET", "/health"
		switch k := rng.IntN(100); {
		case k < 12:
			path = fmt.Sprintf("/api/orders/ord_%06x", rng.IntN(1<<24))
		case k < 32:
			method, path = "POST", "/api/orders"
		case k < 64:
			path = "/api/inventory/" + sku()
		case k < 80:
			method, path = "POST", "/api/payments/intent"
		case k < 88:
			path = fmt.Sprintf("/api/users/%d/cart", rng.IntN(5000))
		case k < 90:
			method, path = "PUT", fmt.Sprintf("/api/carts/cart_%05x/items/%s", rng.IntN(1<<20), sku())
		}
		seen[path] = true
		requests = append(requests, method+" "+path)
	}
	return requests, len(seen)
}
