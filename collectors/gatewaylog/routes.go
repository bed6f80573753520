package gatewaylog

import (
	"bytes"
	"fmt"
	"strings"
)

// Routes are the endpoint templates a user gave: "/api/inventory/:sku",
// "GET /api/orders/{id}", "/assets/*", "/files/**". A literal segment wins over
// a parameter, a parameter over a wildcard.
type Routes struct{ root routeNode }

type routeNode struct {
	literal map[string]*routeNode
	param   *routeNode // :id, {id}, *: one segment
	rest    *routeNode // **: any number of segments
	labels  map[string]string
}

// anyMethod is the key of a pattern without a method.
const anyMethod = ""

// NewRoutes reads patterns, one each. Without patterns it is nil, which matches
// nothing.
func NewRoutes(patterns []string) (*Routes, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	r := new(Routes)
	for _, p := range patterns {
		method, path, ok := strings.Cut(strings.TrimSpace(p), " ")
		if !ok {
			method, path = anyMethod, method
		}
		path = strings.TrimSpace(path)
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?") {
			return nil, fmt.Errorf("route %q: want a path like /api/orders/:id, with a method in front if you like", p)
		}
		n := &r.root
		segments := strings.Split(strings.Trim(path, "/"), "/")
		for i, s := range segments {
			if s == "**" && i < len(segments)-1 {
				return nil, fmt.Errorf("route %q: ** must be the last segment", p)
			}
			if s != "" {
				n = n.child(s)
			}
		}
		if n.labels == nil {
			n.labels = map[string]string{}
		}
		n.labels[strings.ToUpper(method)] = path
	}
	return r, nil
}

func (n *routeNode) child(s string) *routeNode {
	switch {
	case s == "**":
		if n.rest == nil {
			n.rest = new(routeNode)
		}
		return n.rest
	case s == "*" || s[0] == ':' || s[0] == '{' && strings.HasSuffix(s, "}"):
		if n.param == nil {
			n.param = new(routeNode)
		}
		return n.param
	}
	if n.literal == nil {
		n.literal = map[string]*routeNode{}
	}
	if n.literal[s] == nil {
		n.literal[s] = new(routeNode)
	}
	return n.literal[s]
}

// match is the pattern that fits best, as the user wrote it.
func (r *Routes) match(method, path []byte) (label string, ok bool) {
	if r == nil {
		return "", false
	}
	return r.root.match(method, bytes.Trim(path, "/"))
}

func (n *routeNode) match(method, path []byte) (string, bool) {
	if len(path) == 0 {
		return n.label(method)
	}
	head, tail, _ := bytes.Cut(path, []byte("/"))
	if next := n.literal[string(head)]; next != nil {
		if l, ok := next.match(method, tail); ok {
			return l, true
		}
	}
	if n.param != nil {
		if l, ok := n.param.match(method, tail); ok {
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
