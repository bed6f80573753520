package formats

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct{ name, file, text, want string }{
		{"opossum", "options.json", `{"errorThreshold": 5}`, "opossum: it has the key errorThreshold"},
		{"opossum by its name", "conf/breaker.inventory.json", `{"timeout": 5000}`, "opossum: its name is breaker.<service>.json"},
		{"broken service config", "x.json", "{\n  \"methodConfig\" : [", "grpc: it has the key methodConfig"},
		{"spring", "application.yml", "spring:\n  x: 1\nresilience4j:\n", "resilience4j: it has the key resilience4j"},
		{"nothing", "x.json", `{"timeout": 5000}`, "x.json: of no format known here"},
		{"a value is no key", "x.json", `{"a": "methodConfig"}`, "x.json: of no format known here"},
		{"two", "x.json", `{"methodConfig": [], "resetTimeout": 5}`, "x.json: it may be opossum (it has the key resetTimeout) or grpc (it has the key methodConfig)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, reason, err := Detect(tt.file, tt.text)
			got := f.Name + ": " + reason
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// show is documents, one to a line, and where in the file their text begins.
func show(docs []Document) string {
	var b strings.Builder
	for _, d := range docs {
		blank := len(d.Text) - len(strings.TrimLeft(d.Text, " \n"))
		fmt.Fprintf(&b, "%d %s %s %d:%q\n", d.Line, d.Name, d.Format.Name, 1+strings.Count(d.Text[:blank], "\n"), strings.TrimSpace(d.Text))
	}
	return b.String()
}

func TestDocuments(t *testing.T) {
	for _, tt := range []struct{ name, text, as, want string }{
		{"one", "{\n\"resetTimeout\": 5}\n", "", "1 f opossum 1:\"{\\n\\\"resetTimeout\\\": 5}\"\n"},
		{"as asked", "{}", "grpc", "1 f grpc 1:\"{}\"\n"},
		{"bundle", "# two\n---\nresilience4j: {}\n--- # next\n\n{\"methodConfig\": []}\n---\n", "", "3 f resilience4j 3:\"resilience4j: {}\"\n6 f grpc 6:\"{\\\"methodConfig\\\": []}\"\n"},
		{"one of two unknown", "resilience4j: {}\n---\nmilk: 2\n", "", "1 f resilience4j 1:\"resilience4j: {}\"\n3 f  1:\"milk: 2\"\n"},
		{
			"config map", "apiVersion: v1\nkind: ConfigMap\ndata:\n  application.yml: |\n    resilience4j:\n      retry: {}\n\n  breaker.a.json: '{\"timeout\": 1}'\n  breaker.b.json: |-\n    {}\nmore: 1\n", "",
			"4 application.yml resilience4j 5:\"resilience4j:\\n      retry: {}\"\n8 breaker.a.json opossum 8:\"{\\\"timeout\\\": 1}\"\n9 breaker.b.json opossum 10:\"{}\"\n",
		},
		{"unknown", "milk: 2", "", "f: of no format known here"},
		{"empty", "---\n# nothing\n", "", "f: it is empty"},
		{"unsure", "{\"methodConfig\": [], \"resetTimeout\": 1}", "", "f: it may be opossum (it has the key resetTimeout) or grpc (it has the key methodConfig)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := Documents("f", tt.text, tt.as)
			got := show(docs)
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Whatever the text, taking it apart ends, and what is found stands where it stood.
func FuzzDocuments(f *testing.F) {
	f.Add("resilience4j: {}\n---\n{\"methodConfig\": []}\n")
	f.Add("kind: ConfigMap\ndata:\n  breaker.a.json: |\n    {}\n")
	f.Add("order.inventory: {deadline: 5s}")
	f.Add("new CircuitBreaker(a.b, {timeout: 1})")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := Documents("f", text, "")
		if err != nil {
			return
		}
		for _, d := range docs {
			if d.Line < 1 || d.Line > 1+strings.Count(text, "\n") {
				t.Errorf("%q at line %d", text, d.Line)
			}
			if d.Format.Name == "" {
				continue
			}
			_, _, _ = d.Format.Traps(d.Name, d.Text)
			if d.Format.Import != nil {
				_, _ = d.Format.Import(d.Name, d.Text)
			}
		}
	})
}

// A document is held with blanks for what stands before it, which of a megabyte of small
// ones made 12 GB.
func TestManyDocuments(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"small":  {strings.Repeat("---\na: 1\n", 110_000), "f:10002:1: found one more document, expected 5000 in one file at most"},
		"placed": {strings.Repeat("---\nresilience4j: 1\n"+strings.Repeat("\n", 280), 1000), "f:"},
		"lines":  {strings.Repeat("\n", 300_001), "f:300001:1: found one more line, expected 300000 in one file at most"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Documents("f", tt.text, "")
		runtime.ReadMemStats(&after)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 1000 {
			t.Errorf("%s: took %d MB", name, mb)
		}
	}
	var mesh strings.Builder
	for i := range 500 {
		fmt.Fprintf(&mesh, "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec: {host: h%d}\n", i)
	}
	docs, err := Documents("f", mesh.String(), "")
	if err != nil || len(docs) != 1 || strings.Count(docs[0].Text, "\n") != 2000 {
		t.Errorf("%d documents of a mesh: %v", len(docs), err)
	}
}

func TestEveryFormatIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		if f.Name == "" || f.Title == "" || f.Detect == nil || f.Traps == nil {
			t.Errorf("incomplete: %+v", f.Name)
		}
		if seen[f.Name] {
			t.Errorf("%s twice", f.Name)
		}
		seen[f.Name] = true
		if _, err := ByName(f.Name); err != nil {
			t.Error(err)
		}
	}
	if _, err := ByName("opossom"); err == nil || !strings.Contains(err.Error(), "did you mean opossum?") {
		t.Errorf("got %v", err)
	}
}
