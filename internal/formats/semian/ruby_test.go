package semian

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
)

// The part of Ruby's grammar that is written: comments, require with a string, and
// one call with a symbol and keyword arguments, each on a line of its own with a
// comma behind it (Ruby takes one behind the last, too). A string has no #{ or
// unknown escape in it, a number no bare point and no leading zero, and a name with
// :: is a constant.
var (
	rubyString   = `"((?:[^"\\#\x00-\x1f\x7f]|\\["\\#]|\\u[0-9A-F]{4})*)"`
	rubyRequire  = regexp.MustCompile(`^require ` + rubyString + `$`)
	rubySymbol   = regexp.MustCompile(`^:(?:([A-Za-z_][A-Za-z0-9_]*)|` + rubyString + `)$`)
	rubyKeyword  = regexp.MustCompile(`^([a-z_][a-z0-9_]*): (.+)$`)
	rubyNumber   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	rubyConstant = `[A-Z][A-Za-z0-9_]*(::[A-Z][A-Za-z0-9_]*)*`
	rubyList     = regexp.MustCompile(`^\[` + rubyConstant + `(, ` + rubyConstant + `)*\]$`)
)

// ruby reads the name, the required gems and the arguments out of a file that is
// written in that grammar, and nothing else.
func ruby(text string) (name string, gems []string, args *source.Node, err error) {
	args = source.NewNode("f.rb", source.Pos{}, source.Map, "")
	inside, closed := false, false
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		wrong := fmt.Errorf("line %d is no Ruby of ours: %s", i+1, line)
		if strings.ContainsAny(line, "\r\x00") {
			return "", nil, nil, wrong
		}
		if strings.HasPrefix(line, "#") || line == "" && !inside {
			continue
		}
		if !inside {
			if m := rubyRequire.FindStringSubmatch(line); m != nil && !closed {
				gems = append(gems, m[1])
			} else if line == "Semian.register(" && !closed {
				inside = true
			} else {
				return "", nil, nil, wrong
			}
			continue
		}
		if line == ")" {
			inside, closed = false, true
			continue
		}
		arg, comma := strings.CutSuffix(strings.TrimPrefix(line, "  "), ",")
		if !comma || !strings.HasPrefix(line, "  ") {
			return "", nil, nil, wrong
		}
		if m := rubySymbol.FindStringSubmatch(arg); m != nil && name == "" && len(args.Members) == 0 {
			if name = m[1]; name == "" {
				name = unquoteRuby(m[2])
			}
			continue
		}
		m := rubyKeyword.FindStringSubmatch(arg)
		if m == nil {
			return "", nil, nil, wrong
		}
		var value *source.Node
		switch v := m[2]; {
		case v == "true" || v == "false":
			value = source.NewNode("f.rb", source.Pos{}, source.Bool, v)
		case rubyNumber.MatchString(v):
			value = source.NewNode("f.rb", source.Pos{}, source.Number, v)
		case m[1] == "exceptions" && rubyList.MatchString(v):
			continue
		default:
			return "", nil, nil, wrong
		}
		if err := args.Add(source.Pos{Line: i + 1, Column: 3}, m[1], value); err != nil {
			return "", nil, nil, err
		}
	}
	if !closed {
		return "", nil, nil, fmt.Errorf("no call of Semian.register")
	}
	return name, gems, args, nil
}

// unquoteRuby is what stands in a string of that grammar.
func unquoteRuby(s string) string {
	s = regexp.MustCompile(`\\(u[0-9A-F]{4}|.)`).ReplaceAllStringFunc(s, func(e string) string {
		if e[1] != 'u' {
			return e[1:]
		}
		code, _ := strconv.ParseUint(e[2:], 16, 32)
		return string(rune(code))
	})
	return s
}

func TestRubyIsRuby(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := params(t)
		name := "x" + rapid.String().Draw(t, "name")
		o := FromParams(name, p)
		s := Snippet{Client: GRPC, Notes: []string{"a note"}, Origin: "from there"}
		if rapid.Bool().Draw(t, "limit") {
			s.Limit = millis.Draw(t, "its length")
		}
		text := WriteRuby(o, s)
		got, gems, args, err := ruby(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff([]string{"grpc", "semian"}, gems); diff != "" || got != strings.ToValidUTF8(name, "\ufffd") {
			t.Fatalf("%q, not %q\n%s%s", got, name, diff, text)
		}
		var back Options
		if err := (source.Decoder{}).Decode(args, &back); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		o.Name = nil
		if diff := cmp.Diff(o, back); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}

// TestRubyIsRefused shows that the grammar is strict.
func TestRubyIsRefused(t *testing.T) {
	good := WriteRuby(FromParams("inventory", Options{}.params()), Snippet{Client: Postgres})
	if _, _, _, err := ruby(good); err != nil {
		t.Fatal(err)
	}
	for old, broken := range map[string]string{
		":inventory,": ":inven-tory,", "error_timeout: 10,": "error_timeout: 10s,", "success_threshold: 2,": "success_threshold: 2",
		"error_threshold: 3,": "error_threshold: 03,", `require "pg"`: `require "#{pg}"`, "PG::ConnectionBad": "pg.ConnectionBad",
		"\n)\n": "\n", "bulkhead: false": "bulkhead => false",
	} {
		text := strings.Replace(good, old, broken, 1)
		if text == good {
			t.Errorf("%q is not in\n%s", old, good)
		}
		if _, _, _, err := ruby(text); err == nil {
			t.Errorf("taken for Ruby:\n%s", text)
		}
	}
}
