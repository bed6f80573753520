package gatewaylog

import (
	"maps"
	"slices"
)

const (
	maxNodes    = 4 * maxTemplates // of all places
	maxSegments = 10               // of a path; what is longer ends as "*"
)

// node is one place in the tree of paths.
type node struct {
	label    string // segment, ":id", "*.js"
	parent   *node
	depth    int
	few      []*node          // the children, while a look at each is cheaper than a map
	children map[string]*node // all children, from then on
	id       *node            // all ids at this place
	ends     []ending

	words, others             int // children of each kind, those with a prefix aside
	wordsMerged, othersMerged bool
	prefixes                  []*prefixed
}

func (n *node) path() string {
	if n.parent == nil {
		return "/"
	}
	if n.parent.parent == nil {
		return "/" + n.label
	}
	return n.parent.path() + "/" + n.label
}

// walk follows a raw path into the tree, growing it; nil when the tree is full.
func (e *endpoints) walk(path []byte) *node {
	head := headOf(path)
	known := &e.known[head.slot()]
	n, rest := e.root, path
	if known.pathHead == head && known.node != nil && (!head.whole || known.used == len(path)) { // a NUL looks like an end
		if n, rest = known.node, path[known.used:]; len(rest) == 0 {
			return n
		}
	}
	settled := e.settled
	begun, used := n, 0
	for len(rest) > 0 {
		if rest[0] == '/' {
			rest = rest[1:]
			if at := len(path) - len(rest); at <= headBytes {
				begun, used = n, at
			}
			continue
		}
		if c := n.next(rest); c != nil {
			n, rest = c, rest[len(c.label):]
			continue
		}
		if n.depth == maxSegments {
			return e.child(n, "*", idSegment) // the rest of a very long path
		}
		if n.id != nil && n.depth > 0 && n.surelyID(rest) {
			n = n.id
			break
		}
		seen, l := classesOf(rest)
		s := rest[:l]
		rest = rest[min(l+1, len(rest)):]
		if at := len(path) - len(rest); at <= headBytes && len(rest) > 0 {
			begun, used = nil, 0 // a slash was read over: the node behind it is not known yet
		}
		if n = e.step(n, s, seen, len(rest) == 0); n == nil {
			return nil
		}
	}
	switch {
	case e.settled != settled: // what was passed may be no more
	case head.whole && n.label != ":id":
		*known = knownHead{head, n, len(path)}
	case !head.whole && used > 0:
		*known = knownHead{head, begun, used}
	}
	return n
}

// step is the child of n that the segment s, which has bytes of the classes seen,
// leads to.
func (e *endpoints) step(n *node, s []byte, seen byteClass, last bool) *node {
	if n.children != nil { // few children have been looked at by next
		if c := n.children[string(s)]; c != nil {
			return c
		}
	}
	kind := kindOfClasses(s, seen, n.depth+1, last)
	var prefix []byte
	if seen&under != 0 {
		prefix = n.idPrefix(s)
	}
	if kind == idSegment && prefix != nil {
		e.learn(n, prefix)
	}
	switch {
	case kind == staticSegment:
		return e.child(n, "*"+staticExtension(s), idSegment)
	case kind == idSegment, n.varies(s, kind):
		if n.id == nil {
			n.id = e.newNode(n, ":id")
		}
		return n.id
	}
	return e.child(n, string(s), kind)
}

// idPrefix is the prefix by which s is judged here: not directly below the root.
func (n *node) idPrefix(s []byte) []byte {
	if n.depth == 0 {
		return nil
	}
	return idPrefix(s)
}

// newNode is a node below parent; nil when the tree is full.
func (e *endpoints) newNode(parent *node, label string) *node {
	if e.nodes >= maxNodes {
		return nil
	}
	return e.grow(parent, label)
}

func (e *endpoints) grow(parent *node, label string) *node {
	e.nodes++
	return &node{label: label, parent: parent, depth: parent.depth + 1}
}

// child is the child of n with this label; nil when the tree is full.
func (e *endpoints) child(n *node, label string, kind segmentKind) *node {
	if c := n.get([]byte(label)); c != nil {
		return c
	}
	c := e.newNode(n, label)
	if c == nil {
		return nil
	}
	return e.put(n, c, kind)
}

// maxFew is how many children are looked through one by one.
const maxFew = 8

func (n *node) get(name []byte) *node {
	if n.children != nil {
		return n.children[string(name)]
	}
	for _, c := range n.few {
		if c.label == string(name) {
			return c
		}
	}
	return nil
}

// next is the child that the path goes to next, when one of few is: no need
// then to know where the segment ends.
func (n *node) next(path []byte) *node {
	for _, c := range n.few {
		l := len(c.label)
		if l <= len(path) && c.label[0] == path[0] && (l == len(path) || path[l] == '/') && c.label == string(path[:l]) {
			return c
		}
	}
	return nil
}

func (n *node) set(c *node) {
	if n.children == nil {
		if len(n.few) < maxFew {
			n.few = append(n.few, c)
			return
		}
		n.children = make(map[string]*node, 2*maxFew)
		for _, f := range n.few {
			n.children[f.label] = f
		}
		n.few = nil
	}
	n.children[c.label] = c
}

func (n *node) remove(name string) *node {
	c := n.get([]byte(name))
	if n.children != nil {
		delete(n.children, name)
	} else {
		n.few = slices.DeleteFunc(n.few, func(f *node) bool { return f == c })
	}
	return c
}

// names are the children's names in order.
func (n *node) names() []string {
	names := slices.Collect(maps.Keys(n.children))
	for _, c := range n.few {
		names = append(names, c.label)
	}
	slices.Sort(names)
	return names
}

func (n *node) renumber(base int32) {
	for i := range n.ends {
		n.ends[i].number += base
	}
	for _, name := range n.names() {
		n.get([]byte(name)).renumber(base)
	}
	if n.id != nil {
		n.id.renumber(base)
	}
}
