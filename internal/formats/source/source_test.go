package source

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type sample struct {
	Name  *string        `json:"name"`
	Rate  *float64       `json:"failureRate" above:"0" max:"100"`
	Calls *int           `json:"minCalls" min:"1"`
	On    *bool          `json:"on"`
	List  []string       `json:"list"`
	Sub   map[string]sub `json:"sub"`
}

type sub struct {
	X *int `json:"x"`
}

func TestMistakesSayWhereAndWhat(t *testing.T) {
	for _, tt := range []struct{ name, json, yaml, want, wantYAML string }{
		{"unknown key", `{"failurerate": 1}`, "failurerate: 1", `f:1:2: no key "failurerate", did you mean failureRate? (known: name, failureRate, minCalls, on, list, sub)`, `f:1:1: no key "failurerate", did you mean failureRate? (known: name, failureRate, minCalls, on, list, sub)`},
		{"text for a number", "{\n  \"minCalls\": \"10\"}", "minCalls: '10'", `f:2:15: found "10", expected a whole number from 1`, `f:1:11: found "10", expected a whole number from 1`},
		{"out of range", `{"failureRate": 0}`, "failureRate: 0", `f:1:17: found 0, expected a number above 0 up to 100`, `f:1:14: found 0, expected a number above 0 up to 100`},
		{"fraction", `{"minCalls": 1.5}`, "minCalls: 1.5", `f:1:14: found 1.5, expected a whole number from 1`, `f:1:11: found 1.5, expected a whole number from 1`},
		{
			"something else altogether", `{"minCalls": "` + strings.Repeat("ü", 9000) + `"}`, "minCalls: " + strings.Repeat("ü", 9000),
			`f:1:14: found "` + strings.Repeat("ü", 60) + `...", expected a whole number from 1`, `f:1:11: found "` + strings.Repeat("ü", 60) + `...", expected a whole number from 1`,
		},
		{"not a mapping", `[]`, "- 1", `f:1:1: found a list, expected a mapping with name, failureRate, minCalls, on, list, sub`, `f:1:1: found a list, expected a mapping with name, failureRate, minCalls, on, list, sub`},
		{"null", `{"on": null}`, "on:\n", `f:1:8: found null, expected true or false`, `f:1:5: found null, expected true or false`},
		{"twice", `{"on": true, "on": false}`, "on: true\non: false", `f:1:14: found the key "on" a second time, expected each key once`, `f:2:1: not YAML: mapping key "on" already defined at [1:1]`},
		{"nested", `{"sub": {"a": {"y": 1}}}`, "sub:\n  a:\n    y: 1", `f:1:16: no key "y" (known: x)`, `f:3:5: no key "y" (known: x)`},
		{"broken", `{"on": tru}`, "on: [true", `f:1:8: not JSON: invalid character '}' in literal true (expecting 'e')`, `f:1:5: not YAML: sequence end token ']' not found`},
		{"cut off", "{\"on\":\n", "", `f:2:1: found the end of the file, expected the rest of a JSON value`, ""},
		{"more", `{} {}`, "", `f:1:4: found more text, expected the end of the file`, ""},
		{"an alias", `{"list": {}}`, "list: &a [x]", `f:1:10: found a mapping, expected a list`, `f:1:7: found an anchor, alias or tag, expected a list`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readSample(JSON("f", tt.json)); got != tt.want {
				t.Errorf("JSON:\n got %s\nwant %s", got, tt.want)
			}
			if tt.yaml == "" {
				return
			}
			docs, err := YAML("f", tt.yaml)
			var n *Node
			if len(docs) > 0 {
				n = docs[0]
			}
			if got := readSample(n, err); got != tt.wantYAML {
				t.Errorf("YAML:\n got %s\nwant %s", got, tt.wantYAML)
			}
		})
	}
}

func readSample(n *Node, err error) string {
	if err == nil {
		err = Decoder{}.Decode(n, &sample{})
	}
	if err == nil {
		return "no mistake"
	}
	return err.Error()
}

// What would take the parser gigabytes or minutes is refused before.
func TestBounds(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"brackets": {"a: " + strings.Repeat("[", 100_000), "f:1:1004: nested more than 100 deep"},
		"braces":   {"a:\n  " + strings.Repeat("{b: ", 20_000), "f:2:4003: nested more than 100 deep"},
		"dashes":   {strings.Repeat("- ", 20_000) + "a", "f:1:1: nested more than 100 deep"},
		"lines":    {"a: 1\n" + strings.Repeat("\n", 30_000) + strings.Repeat("b: 1\n", 20_000), "f:50001:1: found one more line, expected 20000 lines and items in one document at most"},
		"items":    {"a: {" + strings.Repeat("b: 1, ", 30_000), "f:1:120009: found one more item, expected 20000 lines and items in one document at most"},
		"a line":   {"a:\n  " + strings.Repeat("b", 200_001), "f:2:1: found a line of 200001 bytes, expected 200000 at most"},
	} {
		if _, err := YAML("f", tt.text); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := JSON("f", "["+strings.Repeat("1,", 200_000)+"1]"); err == nil || err.Error() != "f:1:400000: found one more value, expected 200000 in one file at most" {
		t.Errorf("values: %v", err)
	}
	if _, err := Properties("f", strings.Repeat("a\n", 2)); err == nil || !strings.HasPrefix(err.Error(), "f:2:1: found the key") {
		t.Errorf("a property twice: %v", err)
	}
	if _, err := YAML("f", strings.Repeat("- [{a: 1}]\n", 5000)+strings.Repeat("\n", 30_000)); err != nil {
		t.Errorf("brackets that are closed, and empty lines: %v", err)
	}
}

// Reading takes the time and the memory of what is read, not its square: what follows
// took minutes.
func TestLargeFiles(t *testing.T) {
	var object, properties strings.Builder
	object.WriteString("{\n")
	for i := range 90_000 {
		fmt.Fprintf(&object, "\"k%d\": %d,\n", i, i)
		fmt.Fprintf(&properties, "k%d = %d\n", i, i)
	}
	object.WriteString("\"k7\": 0}")
	if _, err := JSON("f", object.String()); err == nil || err.Error() != `f:90002:1: found the key "k7" a second time, expected each key once` {
		t.Errorf("JSON: %v", err)
	}
	properties.WriteString("k7 = 0")
	if _, err := Properties("f", properties.String()); err == nil || err.Error() != `f:90001:1: found the key "k7" a second time, expected each key once` {
		t.Errorf("properties: %v", err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"calls in calls": {strings.Repeat("new A(", 100_000), "f:1:"},
		"a bundle":       {strings.Repeat("x = 1;\n", 200_000) + "new A(1)", "f:200001:1: found new A in more than 1 MiB of code"},
	} {
		if _, err := ReadJS("f", tt.text).Calls(anyName); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	calls, err := ReadJS("f", strings.Repeat("new A(1)\n", 20_000)).Calls(anyName)
	if err != nil || len(calls) != 20_000 || calls[19_999].Pos != (Pos{20_000, 1}) {
		t.Errorf("%d calls: %v", len(calls), err)
	}
}

// zeros never ends, like a device or a pipe.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestReadAllEnds(t *testing.T) {
	if _, err := ReadAll(zeros{}); !errors.Is(err, ErrTooLong) {
		t.Errorf("without an end: %v", err)
	}
	if text, err := ReadAll(io.LimitReader(zeros{}, MostBytes)); err != nil || len(text) != MostBytes {
		t.Errorf("%d bytes: %v", len(text), err)
	}
}

func TestMistakesAreCollected(t *testing.T) {
	n, err := JSON("f", `{"nam": 1, "failureRate": 0, "minCalls": 3, "sub": {"a": {"y": 1, "x": 2}}, "list": ["a", 1]}`)
	if err != nil {
		t.Fatal(err)
	}
	var mistakes []error
	var got sample
	if err := (Decoder{Mistakes: &mistakes}).Decode(n, &got); err != nil {
		t.Fatal(err)
	}
	want := sample{Calls: new(3), Sub: map[string]sub{"a": {X: new(2)}}, List: []string{"a", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var kinds []string
	for _, e := range mistakes {
		var m *Error
		if !errors.As(e, &m) {
			t.Fatal(e)
		}
		kinds = append(kinds, fmt.Sprintf("%d:%s", m.Column, m.Mistake))
	}
	if diff := cmp.Diff([]string{"2:unknown-key", "27:value", "59:unknown-key", "91:value"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	docs, err := YAML("f", "a:\n  b-c:\n    - x: 1\n    - y: 2\n  d: 3\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want Pos // of the key
	}{
		{"", Pos{1, 1}},
		{"a", Pos{1, 1}},
		{"a d", Pos{5, 3}},
		{"a e", Pos{1, 1}}, // a missing key is its parent
		{"a bC 1 y", Pos{4, 7}},
		{"a b-c 7", Pos{2, 3}},
		{"a b-c 0", Pos{3, 7}},
		{"a d 0", Pos{5, 3}},
	} {
		if got := Find(docs[0], strings.Fields(tt.path)).Key; got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.path, got, tt.want)
		}
	}
}

func TestHasKey(t *testing.T) {
	for text, want := range map[string]bool{
		`{"timeout": 1}`: true, "timeout: 1": true, "timeout = 1": true, "a:\n  timeout: 1": true, "{timeout:1}": true,
		`{"a": "timeout"}`: false, "call-timeout: 1": false, "timeouts: 1": false, "timeout": false, "x.timeout=1": false,
		"timeouts, timeout: 1": true,
	} {
		if HasKey(text, "timeout") != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

func TestRelaxedKeys(t *testing.T) {
	docs, err := YAML("f", "failure-rate: 12.5\nmin_calls: 3\nsub: {A-b: {x: 1}}\n")
	if err != nil {
		t.Fatal(err)
	}
	var got sample
	if err := (Decoder{Relaxed: true}).Decode(docs[0], &got); err != nil {
		t.Fatal(err)
	}
	want := sample{Rate: new(12.5), Calls: new(3), Sub: map[string]sub{"A-b": {X: new(1)}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever the text, reading ends, without a panic, in a value or in a mistake
// that stands inside the text.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a": [1, null, {"b": "c"}]}`, "a:\n  - b: 1\n    c: &x [1]\n  - *x\n", "---\n---\n", "\x00", "a: !!binary x", "<<: {a: 1}", "? a\n: b", "[[[[[["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := JSON("f", text)
		if (n == nil) == (err == nil) {
			t.Errorf("JSON: %v and %v", n, err)
		}
		if n != nil {
			_ = Decoder{}.Decode(n, &sample{})
		}
		docs, err := YAML("f", text)
		if err != nil && docs != nil {
			t.Errorf("YAML: %v and %v", docs, err)
		}
		for _, d := range docs {
			_ = Decoder{Relaxed: true}.Decode(d, &sample{})
		}
	})
}
