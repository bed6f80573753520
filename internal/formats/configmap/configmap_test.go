package configmap

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: the files inside of a ConfigMap, and what they
// are where they stand; or what is wrong.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		if !Is("cm.yaml", d.Input) {
			return "no ConfigMap\n"
		}
		c, err := Read("cm.yaml", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n", c.Name)
		for _, f := range c.Files {
			blank := len(f.Placed) - len(strings.TrimLeft(f.Placed, " \n"))
			fmt.Fprintf(&b, "%d: %s: %q, placed from line %d: %q\n", f.Line, f.Name, f.Text, 1+strings.Count(f.Placed[:blank], "\n"), f.Placed[strings.LastIndexByte(f.Placed[:blank], '\n')+1:])
		}
		return b.String()
	})
}

var texts = rapid.OneOf(
	rapid.String(),
	rapid.StringMatching(`([a-z{}:"' #\t-]{0,12}\n){0,6}[a-z]{0,3}`),
	rapid.SampledFrom([]string{"", "\n", "a\n\n", " a\n", "---\na: 1\n---\nb: 2\n", "package x\n\nfunc f() {\n\treturn\n}\n", "# c\n", "a\n \nb\n", "\ta\n", "a\r\nb\r\n"}),
)

func TestRoundTrip(t *testing.T) {
	names := rapid.StringMatching(`[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Name: rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?`).Draw(t, "name")}
		seen := map[string]bool{}
		for range rapid.IntRange(0, 4).Draw(t, "files") {
			f := File{Name: names.Draw(t, "key"), Text: texts.Draw(t, "text")}
			if !seen[f.Name] {
				c.Files = append(c.Files, f)
			}
			seen[f.Name] = true
		}
		text, err := Write(c, []string{"from: there"})
		if err != nil {
			t.Fatal(err)
		}
		if !Is("f", text) {
			t.Fatalf("not taken for a ConfigMap:\n%s", text)
		}
		got, err := Read("f", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		lines := strings.Split(text, "\n")
		for i := range got.Files {
			f := &got.Files[i]
			if !strings.Contains(lines[f.Line-1], f.Name) {
				t.Fatalf("%s is not on line %d of\n%s", f.Name, f.Line, text)
			}
			f.Line, f.Placed = 0, ""
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
	})
}

func inside(t *testing.T, text string) []File {
	t.Helper()
	files, err := Files("cm.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestManyFiles(t *testing.T) {
	text := "kind: ConfigMap\ndata:\n" + strings.Repeat("  a%d: x\n", 501)
	for i := range 501 {
		text = strings.Replace(text, "%d", strconv.Itoa(i), 1)
	}
	if _, err := Files("cm.yaml", text); err == nil || !strings.HasPrefix(err.Error(), "cm.yaml:503:3: one more file") {
		t.Errorf("501 files: %v", err)
	}
}

// TestPlaced: a mistake inside has the line and column that it has in the manifest.
func TestPlaced(t *testing.T) {
	text, err := Write(Config{"breakers", []File{{Name: "breaker.inventory.json", Text: "{\n  \"timeout\": 5,\n  \"x\"; 1\n}\n"}}}, []string{"a comment"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = source.JSON("cm.yaml", inside(t, text)[0].Placed)
	if err == nil || !strings.HasPrefix(err.Error(), "cm.yaml:10:9: not JSON") { // in the file alone it is 3:5
		t.Errorf("%v in\n%s", err, text)
	}
	// Documents inside stay documents.
	text, err = Write(Config{"mesh", []File{{Name: "mesh.yaml", Text: "kind: A\n---\nkind: B\n"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := source.YAML("cm.yaml", inside(t, text)[0].Placed)
	if err != nil || len(docs) != 2 || docs[1].Line != 9 || docs[1].Column != 5 {
		t.Errorf("%+v, %v\n%s", docs, err, text)
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{Name: "Breakers"}, `"Breakers" is no name of a ConfigMap`},
		{Config{Name: "a..b"}, `"a..b" is no name of a ConfigMap`},
		{Config{Name: "-a"}, `"-a" is no name of a ConfigMap`},
		{Config{Name: strings.Repeat("a", 254)}, "longer than the 253 characters"},
		{Config{"a", []File{{Name: "a/b"}}}, `"a/b" is no key of a ConfigMap`},
		{Config{"a", []File{{Name: ".."}}}, `".." is no key of a ConfigMap`},
		{Config{"a", []File{{Name: "b"}, {Name: "b"}}}, `the key "b" twice`},
		{Config{"a", []File{{Name: "b", Text: "\xff"}}}, "b: a ConfigMap holds UTF-8 text"},
		{Config{"a", []File{{Name: "b", Text: strings.Repeat("x", 1<<20)}}}, "no more than 1048576 bytes"},
	} {
		if _, err := Write(tt.c, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  b: |\n    c\n  d: 'e'\n")
	f.Add("kind: ConfigMap\ndata:\n  b: >-\n    c\n\n    d\n")
	f.Fuzz(func(t *testing.T, text string) {
		Is("f", text)
		files, _ := Files("f", text)
		for _, file := range files {
			if n := 1 + strings.Count(text, "\n"); file.Line < 1 || file.Line > n {
				t.Errorf("%q: line %d of %d", text, file.Line, n)
			}
		}
		_, _ = Read("f", text)
	})
}
