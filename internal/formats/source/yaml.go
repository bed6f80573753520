package source

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// YAML reads the documents of a YAML text; an empty one gives none.
func YAML(file, text string) (docs []*Node, err error) {
	// The parser is foreign and its input too: a bug of its own must end as a
	// mistake in the text, not as the end of a recording.
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, &Error{File: file, Found: fmt.Sprintf("YAML that the parser cannot take (%v)", p), Mistake: Syntax}
		}
	}()
	if err := bounded(file, text); err != nil {
		return nil, err
	}
	parsed, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, yamlError(file, err)
	}
	for _, d := range parsed.Docs {
		if d.Body == nil {
			continue
		}
		n, err := fromYAML(file, d.Body, 0)
		if err != nil {
			return nil, err
		}
		docs = append(docs, n)
	}
	return docs, nil
}

// What the parser is given is bounded: it is quadratic in the keys of one mapping and
// in the length of a line, and takes some seconds for so many.
const (
	mostLines  = 20_000
	mostInLine = 200_000 // bytes
)

// bounded refuses what the parser would take gigabytes or minutes for before it
// finds it wrong: 100 kB of opening brackets alone are 5 GB. Brackets are counted
// wherever they stand, so their bound is ten times that of the tree.
func bounded(file, text string) error {
	line, items, open := 0, 0, 0
	for l := range strings.Lines(text) {
		line++
		rest := strings.TrimSpace(l)
		if rest == "" {
			continue
		}
		if items++; items > mostLines {
			return &Error{file, Pos{line, 1}, "one more line", fmt.Sprintf("%d lines and items in one document at most", mostLines), Syntax}
		}
		if len(rest) > mostInLine {
			return &Error{file, Pos{line, 1}, fmt.Sprintf("a line of %d bytes", len(rest)), fmt.Sprintf("%d at most", mostInLine), Syntax}
		}
		commas := 0
		for i := range len(l) {
			switch l[i] {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			case ',': // the first one of a line ends what the line is counted for
				if open > 0 {
					commas++
				}
			}
			if commas > 1 && items+commas-1 > mostLines {
				return &Error{file, Pos{line, i + 1}, "one more item", fmt.Sprintf("%d lines and items in one document at most", mostLines), Syntax}
			}
			if open > 10*maxDepth {
				return &Error{file, Pos{line, i + 1}, fmt.Sprintf("nested more than %d deep", maxDepth), "", Syntax}
			}
		}
		items += max(commas-1, 0)
		dashes := 0
		for strings.HasPrefix(rest, "- ") {
			rest = strings.TrimLeft(rest[2:], " ")
			if dashes++; dashes > maxDepth {
				return &Error{file, Pos{line, 1}, fmt.Sprintf("nested more than %d deep", maxDepth), "", Syntax}
			}
		}
	}
	return nil
}

// yamlError keeps the parser's first line; the rest is an excerpt with a pointer.
func yamlError(file string, err error) error {
	e := &Error{File: file, Mistake: Syntax}
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		e.Found = "not YAML: " + syntax.GetMessage()
		e.Pos = pos(syntax.GetToken())
		return e
	}
	e.Found, _, _ = strings.Cut("not YAML: "+err.Error(), "\n")
	return e
}

func pos(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{}
	}
	return Pos{t.Position.Line, t.Position.Column}
}

func fromYAML(file string, y ast.Node, depth int) (*Node, error) {
	if y == nil {
		return NewNode(file, Pos{}, Null, ""), nil
	}
	n := NewNode(file, pos(y.GetToken()), Null, "")
	if depth > maxDepth {
		return nil, n.Errorf("", "nested more than %d deep", maxDepth)
	}
	switch y := y.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		n.Kind, n.Text = Bool, fmt.Sprint(y.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.Kind, n.Text = Number, y.GetToken().Value
	case *ast.StringNode:
		n.Kind, n.Text = String, y.Value
	case *ast.LiteralNode:
		n.Kind, n.Text = String, y.Value.Value
	case *ast.SequenceNode:
		n.Kind = List
		for _, v := range y.Values {
			item, err := fromYAML(file, v, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, item)
		}
	case *ast.MappingNode:
		n.Kind = Map
		for _, v := range y.Values {
			if err := n.addMember(v, depth); err != nil {
				return nil, err
			}
		}
		if len(n.Members) > 0 {
			n.Pos, n.Key = n.Members[0].Pos, n.Members[0].Pos // the parser's own token is the first colon
		}
	case *ast.MappingValueNode:
		n.Kind = Map
		if err := n.addMember(y, depth); err != nil {
			return nil, err
		}
		n.Pos, n.Key = n.Members[0].Pos, n.Members[0].Pos
	case *ast.AnchorNode:
		inside, err := fromYAML(file, y.Value, depth+1)
		if err != nil {
			return nil, err
		}
		n.Kind, n.Inside = Other, inside
	default:
		n.Kind = Other
	}
	return n, nil
}

func (n *Node) addMember(v *ast.MappingValueNode, depth int) error {
	p := pos(v.Key.GetToken())
	key := v.Key.GetToken().Value
	if _, merge := v.Key.(*ast.MergeKeyNode); merge {
		key = "<<"
	}
	value, err := fromYAML(n.file, v.Value, depth+1)
	if err != nil {
		return err
	}
	if value.Pos == (Pos{}) {
		value.Pos = p
	}
	return n.Add(p, key, value)
}
