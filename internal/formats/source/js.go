package source

import (
	"regexp"
	"strconv"
	"strings"
)

// Call is one `new Name(...)` in a JavaScript or TypeScript text. Of its arguments
// object literals are a Map, lists a List, and literals their scalars; what must be
// run to be known is Other, with its text.
type Call struct {
	Pos
	Name string // "CircuitBreaker", also where it stands behind a dot
	Args []*Node
}

// JSCalls finds the constructor calls of a text. It is no parser of the language:
// it knows comments, strings, brackets and literals, and gives up on the rest.
func JSCalls(file, text string) []Call {
	r := &jsReader{file: file, text: text, blank: jsBlank(text)}
	var calls []Call
	for _, m := range jsNew.FindAllStringSubmatchIndex(r.blank, -1) {
		name := text[m[2]:m[3]]
		r.at = m[3]
		r.generic()
		if !r.take('(') {
			continue
		}
		c := Call{Pos: at(text, m[0]), Name: name[strings.LastIndexByte(name, '.')+1:], Args: r.list(')', 0)}
		calls = append(calls, c)
	}
	return calls
}

// JSConst is the object literal that a constant of that name is given, or that a
// function without parameters of that name returns, if it is one.
func JSConst(file, text, name string) (*Node, bool) {
	r := &jsReader{file: file, text: text, blank: jsBlank(text)}
	for _, m := range jsConst.FindAllStringSubmatchIndex(r.blank, -1) {
		if text[m[2]:m[3]] != name {
			continue
		}
		r.at = m[1]
		if n := r.value(",;)\n", 0); n.Kind == Map {
			return n, true
		}
	}
	return nil, false
}

var (
	jsNew   = regexp.MustCompile(`\bnew\s+([A-Za-z_$][\w$.]*)`)
	jsConst = regexp.MustCompile(`\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*(?::[^=]*)?=\s*(?:\(\s*\)\s*=>\s*\(\s*)?`)
	// jsProduct is a number, or numbers multiplied, as people write times.
	jsProduct = regexp.MustCompile(`^[\d_.]+(?:e\d+)?(?:\s*\*\s*[\d_.]+)*$`)
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
	at                int
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
	n := NewNode(r.file, at(r.text, r.at), Other, "")
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
	case jsProduct.MatchString(text):
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
		pos := at(r.text, start)
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
