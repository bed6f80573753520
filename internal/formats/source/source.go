// Package source reads configuration text, JSON or YAML, into a tree in which
// every value knows its line and column, so that the strict readers above it can
// say where a mistake stands, what was found and what was expected.
package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a text, both from 1. Column counts bytes.
type Pos struct{ Line, Column int }

// Error is a mistake in a text.
type Error struct {
	File string
	Pos
	Found, Want string
	Mistake     Mistake
}

// Mistake is the kind of an Error.
type Mistake uint8

const (
	// Value: of another kind, out of range, or at odds with another one.
	Value Mistake = iota
	// Syntax: the text cannot be read at all.
	Syntax
	// UnknownKey: a key that nobody reads.
	UnknownKey
	// Repeated: the same key twice.
	Repeated
)

var mistakeNames = [...]string{"value", "syntax", "unknown-key", "repeated-key"}

func (m Mistake) String() string { return mistakeNames[m] }

func (e *Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
	}
	if e.Want == "" {
		return fmt.Sprintf("%s: %s", where, e.Found)
	}
	return fmt.Sprintf("%s: found %s, expected %s", where, e.Found, e.Want)
}

// Kind of a value.
type Kind uint8

const (
	Null Kind = iota
	Bool
	Number
	String
	Map
	List
	Other // no plain data: YAML's anchors, aliases, tags and merge keys, expressions of a language
)

var kindNames = [...]string{"null", "a switch", "a number", "text", "a mapping", "a list", "an anchor, alias or tag"}

func (k Kind) String() string { return kindNames[k] }

// Node is one value.
type Node struct {
	Pos
	Key     Pos // of the key that it stands under, else its own
	Kind    Kind
	Text    string   // of a scalar, unquoted
	Members []Member // of a Map, in order
	Items   []*Node  // of a List
	Inside  *Node    // of an Other: what a YAML anchor names, for readers that look past it
	file    string
	keys    map[string]bool // of Members, once there are many: see Add
	index   *index          // of Members, once there are many and they are looked up: see Find
}

// index is members by their names and by their relaxed names.
type index struct {
	of             []Member
	named, relaxed map[string]*Node
}

// few is how many members are looked through one by one.
const few = 16

// NewNode is a value for readers of other notations than JSON and YAML.
func NewNode(file string, at Pos, kind Kind, text string) *Node {
	return &Node{Pos: at, Key: at, Kind: kind, Text: text, file: file}
}

// Add puts a member behind the others of a Map. A key that is there already is a
// mistake.
func (n *Node) Add(at Pos, key string, value *Node) error {
	if n.has(key) {
		return &Error{n.file, at, fmt.Sprintf("the key %q a second time", key), "each key once", Repeated}
	}
	value.Key = at
	n.Members = append(n.Members, Member{at, key, value})
	if n.keys != nil {
		n.keys[key] = true
	}
	return nil
}

// has looks a key up in a set once there are many, so that a Map is not built in the
// square of its members.
func (n *Node) has(key string) bool {
	if len(n.Members) <= few {
		_, there := n.Get(key)
		return there
	}
	if len(n.keys) != len(n.Members) {
		n.keys = make(map[string]bool, 2*len(n.Members))
		for _, m := range n.Members {
			n.keys[m.Key] = true
		}
	}
	return n.keys[key]
}

// Member is one key of a Map and its value.
type Member struct {
	Pos
	Key   string
	Value *Node
}

// Wrong is the key itself as the mistake.
func (m Member) Wrong(why string) error { return &Error{m.Value.file, m.Pos, why, "", UnknownKey} }

// Bad is the value of the key as the mistake, where the message names the key.
func (m Member) Bad(why string) error { return &Error{m.Value.file, m.Pos, why, "", Value} }

// Errorf is a mistake at n.
func (n *Node) Errorf(want, found string, args ...any) error {
	return &Error{n.file, n.Pos, fmt.Sprintf(found, args...), want, Value}
}

// Wrong is n itself as the mistake.
func (n *Node) Wrong(want string) error { return n.Errorf(want, "%s", n.found()) }

func (n *Node) found() string {
	switch n.Kind {
	case Bool, Number:
		return clip(n.Text)
	case String:
		return fmt.Sprintf("%q", clip(n.Text))
	case Other:
		if n.Text != "" {
			return "the expression " + n.Text
		}
		fallthrough
	default:
		return n.Kind.String()
	}
}

// most is as much of a text, in characters, as a message quotes: who gave a file that is
// none of these, such as a picture, has it in the message otherwise.
const most = 60

func clip(text string) string {
	n := 0
	for i := range text {
		if n++; n > most {
			return text[:i] + "..."
		}
	}
	return text
}

// Get is the value of a key of a Map.
func (n *Node) Get(key string) (*Node, bool) {
	for _, m := range n.Members {
		if m.Key == key {
			return m.Value, true
		}
	}
	return nil, false
}

// Find follows a path of keys, and of indices in lists, as far as it goes: the node
// that is meant, or the nearest one above it. A key is found in another spelling of
// the same name, too, as a relaxed Decoder takes it.
func Find(n *Node, path []string) *Node {
	for _, key := range path {
		below := n.below(key)
		if below == nil {
			return n
		}
		n = below
	}
	return n
}

func (n *Node) below(key string) *Node {
	if n.Inside != nil {
		n = n.Inside
	}
	if n.Kind == List {
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Items) {
			return n.Items[i]
		}
		return nil
	}
	if len(n.Members) > few {
		return n.among(key)
	}
	if v, ok := n.Get(key); ok {
		return v
	}
	for _, m := range n.Members {
		if Relax(m.Key) == Relax(key) {
			return m.Value
		}
	}
	return nil
}

// among is below for many members: every trap of a file is looked up in the same ones.
func (n *Node) among(key string) *Node {
	x := n.index
	if x == nil || len(x.of) != len(n.Members) || &x.of[0] != &n.Members[0] { // a copy may have others
		x = &index{n.Members, map[string]*Node{}, map[string]*Node{}}
		for _, m := range slices.Backward(n.Members) { // of a name twice the first one holds
			x.named[m.Key], x.relaxed[Relax(m.Key)] = m.Value, m.Value
		}
		n.index = x
	}
	if v, ok := x.named[key]; ok {
		return v
	}
	return x.relaxed[Relax(key)]
}

// HasKey says whether a text has a key of that name at any depth, quoted or not. It
// looks at the text alone, so that broken JSON, YAML and properties are known for
// what they should have been.
func HasKey(text, name string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(name)
		rest := strings.TrimLeft(strings.TrimLeft(text[end:], `"'`), " \t")
		if (start == 0 || strings.IndexByte("\"' \t\n\r{,", text[start-1]) >= 0) && rest != "" && (rest[0] == ':' || rest[0] == '=') {
			return true
		}
		from = end
	}
}
