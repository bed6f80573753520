package source

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Call is one `new Name(...)` in a JavaScript or TypeScript text. Of its arguments
// object literals are a Map, lists a List, and literals their scalars; what must be
// run to be known is Other, with its text.
type Call struct {
	Pos
	Name string // "CircuitBreaker", also where it stands behind a dot
	Args []*Node
}

// JS is a JavaScript or TypeScript text. What it says is found, not parsed: it knows
// comments, strings, brackets and literals, and gives up on the rest.
type JS struct {
	jsReader
	consts map[string][]int // where the values of constants begin
	values map[string]*Node // those that were read; nil is no object literal
}

// ReadJS takes a text in.
func ReadJS(file, text string) *JS {
	return &JS{jsReader: jsReader{file: file, text: text, blank: jsBlank(text)}}
}

// What is read of code at most: the bytes of a module, and those of all arguments
// together, which calls inside of calls read again.
const (
	mostCode      = 1 << 20
	mostArguments = 32 << 20
)

// Calls finds the constructor calls of the names that are wanted.
func (j *JS) Calls(wanted func(name string) bool) ([]Call, error) {
	var calls []Call
	for _, m := range jsNew().FindAllStringSubmatchIndex(j.blank, -1) {
		name := j.text[m[2]:m[3]]
		name = name[strings.LastIndexByte(name, '.')+1:]
		if !wanted(name) {
			continue
		}
		if len(j.text) > mostCode {
			return nil, &Error{j.file, j.place(m[0]), fmt.Sprintf("new %s in more than %d MiB of code", name, mostCode>>20), "the module it was written in", Syntax}
		}
		j.at = m[3]
		j.generic()
		if !j.take('(') {
			continue
		}
		calls = append(calls, Call{Pos: j.place(m[0]), Name: name, Args: j.list(')', 0)})
		if j.read > mostArguments {
			return nil, &Error{j.file, j.place(m[0]), "one more call inside of others", "code that people write", Syntax}
		}
	}
	return calls, nil
}

// Const is the object literal that a constant of that name is given, or that a
// function without parameters of that name returns, if it is one.
func (j *JS) Const(name string) (*Node, bool) {
	if j.consts == nil {
		j.consts, j.values = map[string][]int{}, map[string]*Node{}
		for _, m := range jsConst().FindAllStringSubmatchIndex(j.blank, -1) {
			is := j.text[m[2]:m[3]]
			j.consts[is] = append(j.consts[is], m[1])
		}
	}
	n, read := j.values[name]
	if read {
		return n, n != nil
	}
	j.values[name] = nil
	for _, at := range j.consts[name] {
		j.at = at
		if n := j.value(",;)\n", 0); n.Kind == Map {
			j.values[name] = n
			return n, true
		}
	}
	return nil, false
}

var (
	jsNew   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bnew\s+([A-Za-z_$][\w$.]*)`) })
	jsConst = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*(?::[^=]*)?=\s*(?:\(\s*\)\s*=>\s*\(\s*)?`)
	})
	// jsProduct is a number, or numbers multiplied, as people write times.
	jsProduct = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\d_.]+(?:e\d+)?(?:\s*\*\s*[\d_.]+)*$`) })
)

// jsBlank is the text with spaces for its comments and for what is inside of
// quotes, each byte where it was.
func jsBlank(text string) string {
	b := []byte(text)
	for i := 0; i < len(b); {
		switch {
		case strings.HasPrefix(text[i:], "//"):
			i = blankTo(b, i, strings.IndexByte(text[i:], '\n'))
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end >= 0 {
				end += 4
			}
			i = blankTo(b, i, end)
		case b[i] == '"' || b[i] == '\'' || b[i] == '`':
			end := jsQuote(text[i:])
			blankTo(b, i+1, end-2)
			i += end
		default:
			i++
		}
	}
	return string(b)
}

// blankTo blanks n bytes from i, all for a negative n, and is where they end.
func blankTo(b []byte, i, n int) int {
	end := i + n
	if n < 0 {
		end = len(b)
	}
	for ; i < end; i++ {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return end
}

// jsQuote is the length of the string that a text begins with, quotes included. One
// that is not closed ends with its line, or, in backquotes, with the text.
func jsQuote(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == text[0]:
			return i + 1
		case text[i] == '\n' && text[0] != '`':
			return i
		}
	}
	return len(text)
}

type jsReader struct {
	file, text, blank string
	places            places
	at                int
	read              int // bytes of expressions, so far
}

func (r *jsReader) place(offset int) Pos {
	if r.places == nil {
		r.places = placesOf(r.text)
	}
	return r.places.at(offset)
}

func (r *jsReader) space() {
	for r.at < len(r.blank) && strings.IndexByte(" \t\r\n", r.blank[r.at]) >= 0 {
		r.at++
	}
}

// take steps over c, if it comes next.
func (r *jsReader) take(c byte) bool {
	r.space()
	if r.at < len(r.blank) && r.blank[r.at] == c {
		r.at++
		return true
	}
	return false
}

// generic steps over the type arguments of TypeScript.
func (r *jsReader) generic() {
	if r.space(); r.at < len(r.blank) && r.blank[r.at] == '<' {
		r.expression("(")
	}
}

// list reads values up to a closing bracket.
func (r *jsReader) list(end byte, depth int) []*Node {
	var items []*Node
	for {
		if r.space(); r.at >= len(r.blank) || r.take(end) {
			return items
		}
		before := r.at
		items = append(items, r.value(","+string(end), depth+1))
		if !r.take(',') && r.at == before {
			r.at++ // a bracket that nobody opened
		}
	}
}

// value reads one value up to any of the bytes in end.
func (r *jsReader) value(end string, depth int) *Node {
	r.space()
	n := NewNode(r.file, r.place(r.at), Other, "")
	if depth < maxDepth && r.at < len(r.blank) {
		start := r.at
		switch r.blank[r.at] {
		case '{':
			r.at++
			r.members(n, depth)
			n.Kind = Map
		case '[':
			r.at++
			n.Kind, n.Items = List, r.list(']', depth)
		}
		after := r.at
		r.space()
		newline := strings.Contains(end, "\n") && strings.Contains(r.blank[after:r.at], "\n")
		if n.Kind != Other && (newline || r.at >= len(r.blank) || strings.IndexByte(end, r.blank[r.at]) >= 0) {
			return n
		}
		r.at, n.Kind, n.Members, n.Items = start, Other, nil, nil // the beginning of a longer expression
	}
	n.Kind, n.Text = jsScalar(r.expression(end))
	return n
}

// expression is the text up to any of the bytes in end outside of brackets.
func (r *jsReader) expression(end string) string {
	start, open := r.at, 0
	defer func() { r.read += r.at - start }()
	for ; r.at < len(r.blank); r.at++ {
		switch c := r.blank[r.at]; {
		case open == 0 && strings.IndexByte(end, c) >= 0:
			return strings.TrimSpace(r.text[start:r.at])
		case strings.IndexByte("([{", c) >= 0:
			open++
		case strings.IndexByte(")]}", c) >= 0:
			if open == 0 {
				return strings.TrimSpace(r.text[start:r.at])
			}
			open--
		}
	}
	return strings.TrimSpace(r.text[start:r.at])
}

// jsScalar is what an expression is without running it.
func jsScalar(text string) (Kind, string) {
	switch {
	case text == "true" || text == "false":
		return Bool, text
	case text == "null" || text == "undefined":
		return Null, ""
	case len(text) > 1 && (text[0] == '"' || text[0] == '\'') && jsQuote(text) == len(text):
		return String, text[1 : len(text)-1]
	case jsProduct().MatchString(text):
		product := 1.0
		for f := range strings.SplitSeq(text, "*") {
			x, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(f), "_", ""), 64)
			if err != nil {
				return Other, text
			}
			product *= x
		}
		return Number, strconv.FormatFloat(product, 'f', -1, 64)
	default:
		return Other, text
	}
}

// members reads an object literal behind its brace. What is no key with a value (a
// spread, a method, a shorthand) is a member of kind Other under its own text.
func (r *jsReader) members(n *Node, depth int) {
	for {
		if r.space(); r.at >= len(r.blank) || r.take('}') {
			return
		}
		start := r.at
		pos := r.place(start)
		key := r.expression(":,}")
		var value *Node
		if r.take(':') {
			value = r.value(",}", depth+1)
		} else {
			value = NewNode(r.file, pos, Other, key)
		}
		if kind, text := jsScalar(key); kind == String {
			key = text
		}
		_ = n.Add(pos, key, value) // the language allows a key twice
		if !r.take(',') && r.at == start {
			r.at++
		}
	}
}
