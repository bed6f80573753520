package source

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestProperties(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"separators", "a=1\nb : 2\nc 3\nd\te\ne\f=\t:x", []string{`1:1 "a" 1:3 "1"`, `2:1 "b" 2:5 "2"`, `3:1 "c" 3:3 "3"`, `4:1 "d" 4:3 "e"`, `5:1 "e" 5:5 ":x"`}},
		{"one separator only", "a==1\nb=:2\nc : = 3", []string{`1:1 "a" 1:3 "=1"`, `2:1 "b" 2:3 ":2"`, `3:1 "c" 3:5 "= 3"`}},
		{"no value", "a\nb=\nc = ", []string{`1:1 "a" 1:2 ""`, `2:1 "b" 2:3 ""`, `3:1 "c" 3:5 ""`}},
		{"no key", "=1", []string{`1:1 "" 1:2 "1"`}},
		{"comments and blank lines", "# a=1\n  ! b=2\n\n \t\f\nc=3 # no comment\r\r\nd=4", []string{`5:1 "c" 5:3 "3 # no comment"`, `6:1 "d" 6:3 "4"`}},
		{"a comment does not go on", "# a \\\nb=1", []string{`2:1 "b" 2:3 "1"`}},
		{"blanks around", "  a  =  1  \nb=2\t", []string{`1:3 "a" 1:9 "1  "`, `2:1 "b" 2:3 "2\t"`}},
		{"escapes", `a\ b\=c\:d=\t\n\r\f\\\"\z\#`, []string{`1:1 "a b=c:d" 1:12 "\t\n\r\f\\\"z#"`}},
		{"unicode", `ä=\u00e4\u00E4\ud83d\ude00x\ud83d\u0041`, []string{`1:1 "ä" 1:4 "ää😀x�A"`}},
		{"a lone half at the end", `a=\udc00\`, []string{`1:1 "a" 1:3 "�"`}},
		{"goes on", "a=1,\\\n   2,\\\r\n\t3\nb\\\n  \\\n =4", []string{`1:1 "a" 1:3 "1,2,3"`, `4:1 "b" 6:3 "4"`}},
		{"goes on in front of its value", "a=\\\n  5", []string{`1:1 "a" 2:3 "5"`}},
		{"goes on over a comment sign", "a=\\\n#1", []string{`1:1 "a" 2:1 "#1"`}},
		{"but not to begin with", "\\\n#1\nb=2", []string{`3:1 "b" 3:3 "2"`}},
		{"goes on with nothing", "a=1\\\n\nb=2", []string{`1:1 "a" 1:3 "1"`, `3:1 "b" 3:3 "2"`}},
		{"two backslashes do not go on", "a=1\\\\\nb=2", []string{`1:1 "a" 1:3 "1\\"`, `2:1 "b" 2:3 "2"`}},
		{"cut off", `a=1\`, []string{`1:1 "a" 1:3 "1"`}},
		{"empty", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Properties("f", strings.ReplaceAll(tt.text, "\r\r\n", "\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range n.Members {
				got = append(got, fmt.Sprintf("%d:%d %q %d:%d %q", m.Line, m.Column, m.Key, m.Value.Line, m.Value.Column, m.Value.Text))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for text, want := range map[string]string{
		"a=1\nb=2\n a = 3":  `f:3:2: found the key "a" a second time, expected each key once`,
		`a=\u12`:            `f:1:3: found a \u without four hexadecimal digits, expected an escape such as \u00e4`,
		"a=1\n  b\\uzzzz=1": `f:2:4: found a \u without four hexadecimal digits, expected an escape such as \u00e4`,
		`a=\u00` + "\x110":  `f:1:3: found a \u without four hexadecimal digits, expected an escape such as \u00e4`,
	} {
		if _, err := Properties("f", text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// What is escaped is read back, whatever it is.
func TestEscapedPropertiesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, value := rapid.String().Draw(t, "key"), rapid.String().Draw(t, "value")
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return
		}
		n, err := Properties("f", EscapeProperty(key, true)+"="+EscapeProperty(value, false)+"\n")
		if err != nil || len(n.Members) != 1 || n.Members[0].Key != key || n.Members[0].Value.Text != value {
			t.Fatalf("%q=%q: %+v, %v", key, value, n, err)
		}
	})
}

// Whatever the text, reading ends, every place is in the text, and what was read is
// read again when it is written.
func FuzzProperties(f *testing.F) {
	f.Add("# x\nhystrix.command.inventory.circuitBreaker.enabled = true\n")
	f.Add("a\\ b:\\u00e4\\\n  more\r\n!\n=")
	f.Add("a=\\ud83d\\ude00\\")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Properties("f", text)
		if err != nil {
			return
		}
		lines := 1 + strings.Count(text, "\n")
		var b strings.Builder
		for _, m := range n.Members {
			if m.Line < 1 || m.Line > lines || m.Value.Line < m.Line || m.Value.Line > lines || m.Column < 1 || m.Value.Column < 1 {
				t.Fatalf("%q: %+v", text, m)
			}
			if !utf8.ValidString(m.Key) || !utf8.ValidString(m.Value.Text) {
				return
			}
			fmt.Fprintf(&b, "%s=%s\n", EscapeProperty(m.Key, true), EscapeProperty(m.Value.Text, false))
		}
		again, err := Properties("f", b.String())
		if err != nil || len(again.Members) != len(n.Members) {
			t.Fatalf("%q became %q: %v", text, b.String(), err)
		}
		for i, m := range n.Members {
			if a := again.Members[i]; a.Key != m.Key || a.Value.Text != m.Value.Text {
				t.Fatalf("%q=%q became %q=%q", m.Key, m.Value.Text, a.Key, a.Value.Text)
			}
		}
	})
}
