package gatewaylog

import (
	"fmt"
	"strings"
)

// escaping is how a format writes bytes that could end a value.
type escaping uint8

const (
	escapeDefault escaping = iota // \xXX for quotes, backslashes, controls and all bytes from 0x80: no quote inside a value
	escapeJSON                    // as in a JSON string
	escapeNone                    // nothing: a value can hold anything
	escapeApache                  // \" and \\, other controls as \n or \xhh: a quote inside a value has a backslash
)

var escapings = map[string]escaping{
	"": escapeDefault, "default": escapeDefault, "json": escapeJSON, "none": escapeNone, "apache": escapeApache,
}

// op is one step of a program: a value, and the literal text after it. What each line
// needs stands first.
type op struct {
	usual usual  // the way of most lines
	stop  stop   // how its end is found
	head  uint64 // the first 8 bytes of lit, little endian, and which of them count
	mask  uint64
	lit   string // empty at the end of the line
	spec
	name   string // of the variable, for messages
	quoted bool   // the value stands in double quotes
	filled bool   // an empty value is an error: the line was torn
	word   bool   // a blank in the value is an error
}

// stop is how the end of a value is found.
type stop uint8

const (
	toWidth   stop = iota // a fixed number of bytes
	toQuote               // the next quote: none can be inside
	toClosing             // the next quote without a backslash
	toTry                 // a list of one exact duration, the rule; else as toList
	toList                // the end of an upstream list
	toRequest             // an unquoted request line
	found                 // from here on, what was looked for is the literal itself
	toLiteral             // the first occurrence of lit
	toByte                // the same of one byte
	toEnd                 // the end of the line
)

// program is a layout compiled: a literal, then values and literals in turn.
type program struct {
	head   string
	ops    []op
	tail   int // ops from here on are matched from the end of the line; len(ops) for none
	escape escaping
	fields int    // wanted ones, to choose between formats that both fit
	more   bool   // what stands behind the last literal does not matter
	fast   []step // of runFast; nil when the program has values that it cannot read
}

// vocabulary is how a layout names its values.
type vocabulary struct {
	sign   string                              // in front of names, for messages
	next   func(s string) (name string, n int) // reads a name at the start of s; n is 0 for text, and name empty for a sign that begins no name
	look   func(name string) (spec, error)     // what it means
	column func(i int) int                     // in what the user wrote, from 1; nil when that is the layout itself
}

// column is where in the user's text the i-th byte of the layout stands.
func (v *vocabulary) at(i int) int {
	if v.column == nil {
		return i + 1
	}
	return v.column(i)
}

// compile turns "text $variable text ${variable}..." into a program.
func compile(layout string, escape escaping, v vocabulary) (*program, error) {
	p := &program{escape: escape}
	lit := &p.head
	var text strings.Builder
	for i := 0; i < len(layout); {
		name, n := v.next(layout[i:])
		if n == 0 {
			text.WriteByte(layout[i])
			i++
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("column %d: %q is no variable", v.at(i), layout[i:min(i+8, len(layout))])
		}
		if name == v.sign { // the sign itself, written twice
			text.WriteString(name)
			i += n
			continue
		}
		*lit = text.String()
		text.Reset()
		s, err := v.look(name)
		if err != nil {
			return nil, fmt.Errorf("column %d: %s%s: %w", v.at(i), v.sign, name, err)
		}
		if k := len(p.ops); k > 0 && *lit == "" && p.ops[k-1].width == 0 {
			return nil, fmt.Errorf("column %d: no text between %s%s and %s%s: cannot tell where the first one ends", v.at(i), v.sign, p.ops[k-1].name, v.sign, name)
		}
		p.ops = append(p.ops, op{spec: s, name: name})
		lit = &p.ops[len(p.ops)-1].lit
		i += n
	}
	*lit = text.String()
	if len(p.ops) == 0 {
		return nil, fmt.Errorf("no variables in %q", layout)
	}
	p.anchor()
	p.planFast()
	return p, nil
}

// variable reads $name or ${name} at the start of s; n is its length, 0 when s
// does not begin with one. A dollar that starts no name has n 1 and no name.
func variable(s string) (name string, n int) {
	if s[0] != '$' {
		return "", 0
	}
	if strings.HasPrefix(s, "${") {
		name, _, ok := strings.Cut(s[2:], "}")
		if !ok {
			return "", 1
		}
		return name, len(name) + 3
	}
	n = 1
	for n < len(s) && (s[n] == '_' || s[n]-'0' <= 9 || s[n]-'a' <= 25 || s[n]-'A' <= 25) {
		n++
	}
	return s[1:n], n
}

// anchor finds what must be matched from the right: behind the last value that
// can hold the very text that follows it.
func (p *program) anchor() {
	p.tail = len(p.ops)
	before := p.head
	for i := range p.ops {
		o := &p.ops[i]
		o.quoted = strings.HasSuffix(before, `"`) && strings.HasPrefix(o.lit, `"`)
		before = o.lit
		// Blanks are kept out of values that only a longer literal ends, such as
		// the address in front of " [": a line of another shape would slide into them.
		o.word = !o.quoted && !o.text && !o.list && o.width == 0 && o.field != requestField && len(o.lit) > 1
		if o.field != skipField {
			p.fields++
		}
		free := o.text && o.width == 0 && (p.escape == escapeNone || !o.quoted && o.lit == " " && o.field != requestField)
		if free && i+1 < len(p.ops) {
			p.tail = i + 1
		}
	}
	for i := range p.ops {
		p.ops[i].plan(p.escape)
	}
	for i := p.tail; i < len(p.ops); i++ {
		// A value of open length right behind the free one has nothing that
		// says where it begins.
		if p.ops[i-1].lit == "" && p.ops[i].width == 0 {
			p.tail = len(p.ops)
		}
	}
}

// plan chooses how the end of the value is found.
func (o *op) plan(escape escaping) {
	o.stop = toLiteral
	o.filled = escape != escapeJSON && o.neverEmpty()
	switch {
	case o.width > 0:
		o.stop = toWidth
	case o.lit == "":
		o.stop = toEnd
	case o.quoted && escape == escapeDefault:
		o.stop = toQuote
	case o.quoted && (escape == escapeJSON || escape == escapeApache):
		o.stop = toClosing
	case o.list && (o.lit[0] == ' ' || o.lit[0] == ','):
		o.stop = toList
	case o.field == requestField && o.lit[0] == ' ':
		o.stop = toRequest
	case len(o.lit) == 1:
		o.stop = toByte
	}
	if o.exact && o.lit != "" && !o.quoted && o.lit[0] == ' ' {
		o.stop = toTry
	}
	for i := range min(8, len(o.lit)) {
		o.head |= uint64(o.lit[i]) << (8 * i)
		o.mask |= 0xff << (8 * i)
	}
	o.usual = o.planUsual()
}
