// Package source reads configuration text, JSON or YAML, into a tree in which
// every value knows its line and column, so that the strict readers above it can
// say where a mistake stands, what was found and what was expected.
package source

import (
	"fmt"
	"strings"
)

// Pos is a place in a text, both from 1. Column counts bytes.
type Pos struct{ Line, Column int }

// Error is a mistake in a text.
type Error struct {
	File string
	Pos
	Found, Want string
}

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
	Other // YAML that is not plain data: anchors, aliases, tags, merge keys
)

var kindNames = [...]string{"null", "a switch", "a number", "text", "a mapping", "a list", "an anchor, alias or tag"}

func (k Kind) String() string { return kindNames[k] }

// Node is one value.
type Node struct {
	Pos
	Kind    Kind
	Text    string   // of a scalar, unquoted
	Members []Member // of a Map, in order
	Items   []*Node  // of a List
	file    string
}

// Member is one key of a Map and its value.
type Member struct {
	Pos
	Key   string
	Value *Node
}

// Wrong is the key itself as the mistake.
func (m Member) Wrong(why string) error { return &Error{m.Value.file, m.Pos, why, ""} }

// Errorf is a mistake at n.
func (n *Node) Errorf(want, found string, args ...any) error {
	return &Error{n.file, n.Pos, fmt.Sprintf(found, args...), want}
}

// Wrong is n itself as the mistake.
func (n *Node) Wrong(want string) error { return n.Errorf(want, "%s", n.found()) }

func (n *Node) found() string {
	switch n.Kind {
	case Bool, Number:
		return n.Text
	case String:
		return fmt.Sprintf("%q", n.Text)
	default:
		return n.Kind.String()
	}
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

// at is the place of a byte offset.
func at(text string, offset int) Pos {
	offset = min(max(offset, 0), len(text))
	before := text[:offset]
	return Pos{1 + strings.Count(before, "\n"), offset - strings.LastIndexByte(before, '\n')}
}

// maxDepth bounds the nesting of a text; no configuration comes near it.
const maxDepth = 100
