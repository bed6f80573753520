package gatewaylog

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Routes are the endpoint templates a user gave: "/api/inventory/:sku",
// "GET /api/orders/{id}", "/assets/*", "/files/**", "/reports/{id}.pdf". A literal
// segment wins over one that begins or ends with a parameter, that over a
// parameter alone, a parameter over a wildcard. "GET /wiki/* => /wiki/:page"
// calls the endpoint by the name behind the arrow.
type Routes struct {
	root  routeNode
	count int
}

// size is how many patterns there are.
func (r *Routes) size() int {
	if r == nil {
		return 0
	}
	return r.count
}

type routeNode struct {
	literal map[string]*routeNode
	mixed   []*mixedNode // report-{id}.pdf: text around parameters; the longest text first
	param   *routeNode   // :id, {id}, *: one segment
	rest    *routeNode   // **: any number of segments
	labels  map[string]string
}

// mixedNode is a segment with text in it: the pieces between its parameters.
type mixedNode struct {
	routeNode
	pieces []string // at least two; a parameter, not empty, stands between any two
	text   int      // bytes in pieces
}

// anyMethod is the key of a pattern without a method.
const anyMethod = ""

// NewRoutes reads patterns, one each; of two for the same paths the first counts.
// Without patterns it is nil, which matches nothing.
func NewRoutes(patterns []string) (*Routes, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	r := new(Routes)
	for _, p := range patterns {
		if err := r.add(p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Routes) add(p string) error {
	path, name, named := strings.Cut(strings.TrimSpace(p), "=>")
	method, path, ok := strings.Cut(strings.TrimSpace(path), " ")
	if !ok {
		method, path = anyMethod, method
	}
	path = strings.TrimSpace(path)
	if name = strings.TrimSpace(name); !named {
		name = path
	}
	switch {
	case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?") || method != anyMethod && !token([]byte(method)):
		return fmt.Errorf("route %q: want a path like /api/orders/:id, with a method in front if you like", p)
	case name == "" || len(name) > maxRoute || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || !unicode.IsPrint(c) }):
		return fmt.Errorf("route %q: want a name without blanks behind =>, of %d bytes at most", p, maxRoute)
	}
	n := &r.root
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i, s := range segments {
		if s == "**" && i < len(segments)-1 {
			return fmt.Errorf("route %q: ** must be the last segment", p)
		}
		if s != "" {
			n = n.child(s)
		}
	}
	if n.labels == nil {
		n.labels = map[string]string{}
	}
	method = strings.ToUpper(method)
	if _, ok := n.labels[method]; !ok {
		n.labels[method] = name
		r.count++
	}
	return nil
}

func (n *routeNode) child(s string) *routeNode {
	pieces := piecesOf(s)
	switch {
	case s == "**":
		if n.rest == nil {
			n.rest = new(routeNode)
		}
		return n.rest
	case len(pieces) == 2 && pieces[0] == "" && pieces[1] == "":
		if n.param == nil {
			n.param = new(routeNode)
		}
		return n.param
	case len(pieces) > 1:
		return n.mixedChild(pieces)
	}
	if n.literal == nil {
		n.literal = map[string]*routeNode{}
	}
	if n.literal[s] == nil {
		n.literal[s] = new(routeNode)
	}
	return n.literal[s]
}

func (n *routeNode) mixedChild(pieces []string) *routeNode {
	for _, m := range n.mixed {
		if slices.Equal(m.pieces, pieces) {
			return &m.routeNode
		}
	}
	m := &mixedNode{pieces: pieces}
	for _, p := range pieces {
		m.text += len(p)
	}
	i := slices.IndexFunc(n.mixed, func(o *mixedNode) bool { return o.text < m.text })
	if i < 0 {
		i = len(n.mixed)
	}
	n.mixed = slices.Insert(n.mixed, i, m)
	return &m.routeNode
}

// piecesOf cuts a segment at its parameters: one piece when it has none, two empty
// ones when it is one.
func piecesOf(s string) []string {
	if s[:min(1, len(s))] == ":" { // what a router allows behind the name is its own
		return []string{"", ""}
	}
	var pieces []string
	for {
		i := strings.IndexAny(s, "{*")
		if i < 0 {
			return append(pieces, s)
		}
		n := 1
		if s[i] == '{' {
			if n = strings.IndexByte(s[i:], '}') + 1; n == 0 {
				return append(pieces, s)
			}
		}
		pieces = append(pieces, s[:i])
		s = s[i+n:]
	}
}

// fits says whether a segment has the text, and something in between.
func (m *mixedNode) fits(s []byte) bool {
	first, last := m.pieces[0], m.pieces[len(m.pieces)-1]
	if len(s) < m.text+len(m.pieces)-1 || string(s[:len(first)]) != first || string(s[len(s)-len(last):]) != last {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, p := range m.pieces[1 : len(m.pieces)-1] {
		i := bytes.Index(s[min(1, len(s)):], []byte(p))
		if i < 0 {
			return false
		}
		s = s[1+i+len(p):]
	}
	return len(s) > 0
}

// match is the pattern that fits best, by the name that the user gave it.
func (r *Routes) match(method, path []byte) (label string, ok bool) {
	if r == nil {
		return "", false
	}
	tries := maxRouteTries
	path = bytes.Trim(path, "/")
	if label, ok = r.root.match(method, path, &tries); !ok && string(method) == "HEAD" { // which answers as GET does
		label, ok = r.root.match([]byte("GET"), path, &tries)
	}
	return label, ok
}

// maxRouteTries bounds the ways that are tried for one path: a path of many
// segments can fit many patterns up to its last one.
const maxRouteTries = 1000

func (n *routeNode) match(method, path []byte, tries *int) (string, bool) {
	if len(path) == 0 {
		return n.label(method)
	}
	if *tries--; *tries < 0 {
		return "", false
	}
	head, tail, _ := bytes.Cut(path, []byte("/"))
	if next := n.literal[string(head)]; next != nil {
		if l, ok := next.match(method, tail, tries); ok {
			return l, true
		}
	}
	for _, m := range n.mixed {
		if m.fits(head) {
			if l, ok := m.match(method, tail, tries); ok {
				return l, true
			}
		}
	}
	if n.param != nil {
		if l, ok := n.param.match(method, tail, tries); ok {
			return l, true
		}
	}
	if n.rest != nil {
		return n.rest.label(method)
	}
	return "", false
}

func (n *routeNode) label(method []byte) (string, bool) {
	if l, ok := n.labels[string(method)]; ok {
		return l, true
	}
	l, ok := n.labels[anyMethod]
	if !ok && n.rest != nil {
		return n.rest.label(method)
	}
	return l, ok
}

// templateOf is the template that a log's own route field holds: a path, or a
// method and a path. Names such as "default" are none.
func templateOf(route []byte) ([]byte, bool) {
	if i := bytes.IndexByte(route, ' '); i > 0 && token(route[:i]) {
		route = route[i+1:]
	}
	if len(route) == 0 || route[0] != '/' || len(route) > maxRoute || bytes.IndexByte(route, ' ') >= 0 {
		return nil, false
	}
	return route, true
}

// maxRoute bounds what is taken for a template, in bytes.
const maxRoute = 256
