package gatewaylog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// object reads one JSON object per line and picks its fields by name, in any
// order, without building a tree.
type object struct {
	keys     map[string]*spec
	required []string
}

// keyMemo remembers which key stood at which place on the last line and what it
// means: writers keep their order, so most lookups are one comparison.
type keyMemo [48]struct {
	of   *object
	name string
	spec *spec // nil for a key that is read over
}

func (o *object) run(d *Decoder, line []byte, r *Record) error {
	pos, err := o.scan(d, line, r)
	if err == nil {
		return nil
	}
	// An odd line (escaped keys, floats with exponents, blanks in odd places) is
	// the standard library's: slower, but right.
	at := d.at
	r.reset()
	d.at = Unknown
	var tree map[string]json.RawMessage
	if json.Unmarshal(line, &tree) != nil {
		d.at = at
		return lineError(line, pos, err.Error())
	}
	for name, raw := range tree {
		s := o.keys[name]
		if s == nil || len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
			continue
		}
		v := []byte(raw)
		if raw[0] == '"' {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				return lineError(line, pos, err.Error())
			}
			v = []byte(text)
			if s.escaped() {
				v = bytes.ReplaceAll(v, []byte(`\`), []byte(`\\`))
			}
		}
		if !d.assign(r, s, v) {
			return lineError(line, max(0, bytes.Index(line, bytes.Trim(raw, `"`))), expected[s.field])
		}
	}
	return o.complete(tree, line)
}

// complete says which required key a line lacks.
func (o *object) complete(tree map[string]json.RawMessage, line []byte) error {
	for _, name := range o.required {
		if _, ok := tree[name]; !ok {
			return lineError(line, 0, "the key "+strconv.Quote(name))
		}
	}
	return nil
}

// scan is the fast path. Its error says what was expected at pos.
func (o *object) scan(d *Decoder, b []byte, r *Record) (pos int, err error) {
	i := blank(b, 0)
	if i >= len(b) || b[i] != '{' {
		return i, errExpect("{")
	}
	i = blank(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i, errExpect("a key")
	}
	required := 0
	for place := 0; ; place++ {
		if i >= len(b) || b[i] != '"' {
			return i, errExpect("a key in quotes")
		}
		end := bytes.IndexByte(b[i+1:], '"')
		if end < 0 {
			return i, errExpect("the closing quote of a key")
		}
		name := b[i+1 : i+1+end]
		s := d.keys.look(o, place, name)
		i += end + 2
		if i < len(b) && b[i] != ':' {
			i = blank(b, i)
		}
		if i >= len(b) || b[i] != ':' {
			return i, errExpect(":")
		}
		if i++; i < len(b) && b[i] == ' ' {
			i = blank(b, i)
		}
		from, to, next, ok := value(b, i)
		if !ok {
			return i, errExpect("a value")
		}
		if s != nil {
			if b[i] == '{' || b[i] == '[' {
				return i, errExpect(expected[s.field])
			}
			if s.required {
				required++
			}
			if v := b[from:to]; string(v) != "null" || b[i] == '"' {
				if b[i] == '"' && !s.escaped() {
					v = d.unescaped(v)
				}
				if !d.assign(r, s, v) {
					return from, errExpect(expected[s.field])
				}
			}
		}
		i = blank(b, next)
		if i >= len(b) {
			return i, errExpect(", or }")
		}
		if b[i] == '}' {
			if i = blank(b, i+1); i != len(b) {
				return i, errExpect("the end of the line")
			}
			break
		}
		if b[i] != ',' {
			return i, errExpect(", or }")
		}
		i = blank(b, i+1)
	}
	if required != len(o.required) {
		return 0, errExpect("an object with " + fmt.Sprintf("%q", o.required))
	}
	return 0, nil
}

// escaped says that assign undoes the escapes itself.
func (s *spec) escaped() bool {
	return s.field == targetField || s.field == routeField || s.field == requestField
}

// errExpect is what should have stood at a place.
type errExpect string

func (e errExpect) Error() string { return string(e) }

// look finds what the key at a place means.
func (m *keyMemo) look(o *object, place int, name []byte) *spec {
	if place >= len(m) {
		return o.keys[string(name)]
	}
	k := &m[place]
	if k.of != o || k.name != string(name) {
		k.of, k.name, k.spec = o, string(name), o.keys[string(name)]
	}
	return k.spec
}

func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// value finds the value at i: its text without quotes, and where it ends.
func value(b []byte, i int) (from, to, next int, ok bool) {
	if i >= len(b) {
		return 0, 0, 0, false
	}
	switch b[i] {
	case '"':
		n := closingQuote(b[i+1:])
		if n < 0 {
			return 0, 0, 0, false
		}
		return i + 1, i + 1 + n, i + n + 2, true
	case '{', '[':
		end := skipNested(b, i)
		return i, end, end, end > 0
	}
	j := i
	for j < len(b) && b[j] != ',' && b[j] != '}' && b[j] != ' ' {
		j++
	}
	return i, j, j, scalar(b[i:j])
}

// scalar says whether b is a number or one of the three words.
func scalar(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if digit(b[0]) || b[0] == '-' {
		return plainNumber(b)
	}
	return string(b) == "null" || string(b) == "true" || string(b) == "false"
}

// skipNested is the end of the object or array at i, 0 when it has none. Brackets
// inside strings do not count.
func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := closingQuote(b[i+1:])
			if n < 0 {
				return 0
			}
			i += n + 1
		}
		i++
	}
	return 0
}
