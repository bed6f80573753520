package gatewaylog

import (
	"bytes"
	"encoding/json"
	"errors"
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
type keyMemo [48]knownKey

type knownKey struct {
	of   *object
	name string
	spec *spec // nil for a key that is read over
}

func (o *object) run(d *Decoder, line []byte, r *Record) error {
	pos, err := o.scan(d, line, r)
	if err == nil {
		return nil
	}
	if o.runSlow(d, line, r) == nil {
		return nil
	}
	var tree map[string]json.RawMessage
	if json.Unmarshal(line, &tree) == nil {
		if name := o.missing(tree); name != "" {
			return lineError(line, 0, "the key "+strconv.Quote(name))
		}
	}
	return lineError(line, pos, err.Error())
}

// runSlow reads an odd line (escaped keys, a key that comes twice) by the
// standard library.
func (o *object) runSlow(d *Decoder, line []byte, r *Record) error {
	r.reset()
	d.at, d.grade, d.scratch = Unknown, 0, d.scratch[:0]
	var tree map[string]json.RawMessage
	if err := json.Unmarshal(line, &tree); err != nil {
		return err
	}
	if o.missing(tree) != "" {
		return errOdd
	}
	for name, raw := range tree {
		s := o.keys[name]
		if s == nil || len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
			continue
		}
		v := []byte(raw)
		if raw[0] == '"' {
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				return err
			}
			v = []byte(text)
			if s.escaped() {
				v = bytes.ReplaceAll(v, []byte(`\`), []byte(`\\`))
			}
		}
		if !d.assign(r, s, v) {
			return errOdd
		}
	}
	return nil
}

var errOdd = errors.New("not a line of this format")

// missing is a required key that a line lacks.
func (o *object) missing(tree map[string]json.RawMessage) string {
	for _, name := range o.required {
		if _, ok := tree[name]; !ok {
			return name
		}
	}
	return ""
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
		s, end := d.keys.look(o, place, b[i+1:])
		if end < 0 {
			return i, errExpect("the closing quote of a key")
		}
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

// look finds what the key at a place means, and where its closing quote stands;
// end is negative when it has none. b begins behind the opening quote.
func (m *keyMemo) look(o *object, place int, b []byte) (s *spec, end int) {
	if place < len(m) {
		k := &m[place]
		if n := len(k.name); k.of == o && n < len(b) && b[n] == '"' && string(b[:n]) == k.name {
			return k.spec, n
		}
	}
	end = indexNear(b, '"')
	if end < 0 {
		return nil, end
	}
	s = o.keys[string(b[:end])]
	if place < len(m) {
		m[place] = knownKey{o, string(b[:end]), s}
	}
	return s, end
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
