package gatewaylog

import (
	"bytes"
	"hash/maphash"
	"sort"

	"tripcurve/internal/incident"
)

const (
	// fanOut is how many different names may stand at one place before they are
	// taken for values.
	fanOut = 50
	// maxTemplates bounds what a source can make us remember; what comes beyond
	// is counted as "/*".
	maxTemplates = 4_000
	maxNodes     = 4 * maxTemplates
	maxSegments  = 10
	maxPrefixes  = 16
)

// endpoints numbers the endpoints of one log. Numbers are dense and stay valid:
// when templates are learned late, two numbers become the same endpoint, so
// that counts kept under them are re-labelled by themselves.
type endpoints struct {
	routes *Routes
	root   *node
	nodes  int
	list   []endpoint
	given  map[string]int32 // method and template from the user or from the log
	cache  []cached
	seed   maphash.Seed

	overflow int32 // of "_OTHER /*"; -1 before it is needed
	stats    EndpointStats
}

// EndpointStats say how well the templates fit; all counted in requests.
type EndpointStats struct {
	Routed   int64 // matched a pattern of the user
	Named    int64 // by the log's own route field
	Inferred int64
	Overflow int64 // beyond the bound on templates
}

type endpoint struct {
	incident.Endpoint
	same int32 // the number that this one was merged into; its own when it was not
	node *node // nil for a given template
}

// node is one place in the tree of paths.
type node struct {
	label    string // segment, ":id", "*.js"
	parent   *node
	depth    int
	children map[string]*node
	id       *node // all ids at this place
	ends     []ending

	words, others             int
	wordsMerged, othersMerged bool
	prefixes                  [][]byte // of ids seen here
}

// ending is an endpoint that ends at a node.
type ending struct {
	method string
	number int32
}

// cached is one entry of the direct-mapped cache of raw paths.
type cached struct {
	method, path string
	route        bool // path is the log's route field
	source       uint8
	number       int32
}

const cacheSize = 1 << 12

func newEndpoints(routes *Routes) *endpoints {
	return &endpoints{
		routes: routes, root: &node{}, given: map[string]int32{},
		cache: make([]cached, cacheSize), seed: maphash.MakeSeed(), overflow: -1,
	}
}

// Where a label came from.
const (
	fromRoutes uint8 = iota
	fromLog
	fromPath
	fromOverflow
)

// of is the number of the endpoint of r.
func (e *endpoints) of(r *Record) int32 {
	text, route := r.Path, false
	if len(r.Route) > 0 && e.routes == nil {
		if t, ok := templateOf(r.Route); ok {
			text, route = t, true
		}
	}
	// The seed only moves entries about: what is found does not depend on it.
	c := &e.cache[maphash.Bytes(e.seed, text)&(cacheSize-1)]
	if c.path != string(text) || c.method != string(r.Method) || c.route != route || c.number < 0 || len(text) == 0 {
		number, source := e.find(r, text, route)
		if len(text) > maxRoute {
			e.count(source)
			return number
		}
		*c = cached{method: string(r.Method), path: string(text), route: route, source: source, number: number}
	}
	e.count(c.source)
	return c.number
}

func (e *endpoints) count(source uint8) {
	switch source {
	case fromRoutes:
		e.stats.Routed++
	case fromLog:
		e.stats.Named++
	case fromPath:
		e.stats.Inferred++
	default:
		e.stats.Overflow++
	}
}

func (e *endpoints) find(r *Record, text []byte, route bool) (int32, uint8) {
	method := methodName(r.Method)
	if label, ok := e.routes.match(r.Method, r.Path); ok {
		return e.givenNumber(method, label), fromRoutes
	}
	if e.routes != nil { // with patterns, the log's own name is the second choice
		if t, ok := templateOf(r.Route); ok {
			text, route = t, true
		}
	}
	if route {
		if number := e.givenNumber(method, string(text)); number >= 0 {
			return number, fromLog
		}
		return e.overflowNumber(), fromOverflow
	}
	if len(text) == 0 || text[0] != '/' { // no request line, "OPTIONS *", CONNECT
		return e.givenNumber(method, "-"), fromPath
	}
	n := e.walk(text)
	if n == nil {
		return e.overflowNumber(), fromOverflow
	}
	if number := e.end(n, method); number >= 0 {
		return number, fromPath
	}
	return e.overflowNumber(), fromOverflow
}

// givenNumber is the number of a template that was not inferred; -1 when there
// are too many, which a user's own patterns never are.
func (e *endpoints) givenNumber(method, template string) int32 {
	key := method + " " + template
	if number, ok := e.given[key]; ok {
		return number
	}
	if len(e.list) >= 2*maxTemplates {
		return e.overflowNumber()
	}
	number := e.add(incident.Endpoint{Method: method, Route: template}, nil)
	e.given[key] = number
	return number
}

func (e *endpoints) overflowNumber() int32 {
	if e.overflow < 0 {
		e.overflow = e.add(incident.Endpoint{Method: otherMethod, Route: "/*"}, nil)
	}
	return e.overflow
}

func (e *endpoints) add(ep incident.Endpoint, n *node) int32 {
	number := int32(len(e.list))
	e.list = append(e.list, endpoint{Endpoint: ep, same: number, node: n})
	return number
}

// resolve is the number that an endpoint goes by now.
func (e *endpoints) resolve(number int32) int32 {
	for e.list[number].same != number {
		e.list[number].same = e.list[e.list[number].same].same
		number = e.list[number].same
	}
	return number
}

// name is the endpoint as it is called now.
func (e *endpoints) name(number int32) incident.Endpoint {
	ep := e.list[e.resolve(number)]
	if ep.node != nil {
		ep.Route = ep.node.path()
	}
	return ep.Endpoint
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

// end is the endpoint of a method at a node; -1 when there are too many.
func (e *endpoints) end(n *node, method string) int32 {
	for i := range n.ends {
		if n.ends[i].method == method {
			return n.ends[i].number
		}
	}
	if len(e.list) >= maxTemplates {
		return -1
	}
	number := e.add(incident.Endpoint{Method: method}, n)
	n.ends = append(n.ends, ending{method, number})
	return number
}

// walk follows a raw path into the tree, growing it; nil when the tree is full.
func (e *endpoints) walk(path []byte) *node {
	n := e.root
	for path = bytes.Trim(path, "/"); len(path) > 0; {
		var s []byte
		s, path, _ = bytes.Cut(path, []byte("/"))
		if len(s) == 0 {
			continue
		}
		if n.depth == maxSegments {
			return e.child(n, "*", idSegment)
		}
		if n = e.step(n, s, len(path) == 0); n == nil {
			return nil
		}
	}
	return n
}

// step is the child of n that the segment s leads to.
func (e *endpoints) step(n *node, s []byte, last bool) *node {
	if c := n.children[string(s)]; c != nil {
		return c
	}
	kind := kindOf(s, n.depth+1, last)
	if prefix := idPrefix(s); prefix != nil && n.depth > 0 {
		switch {
		case kind == idSegment:
			e.learn(n, prefix)
		case n.knows(prefix):
			kind = idSegment
		}
	}
	switch {
	case kind == staticSegment:
		return e.child(n, "*"+staticExtension(s), idSegment)
	case kind == idSegment, kind == wordSegment && n.wordsMerged, kind == otherSegment && n.othersMerged:
		return e.idOf(n)
	}
	return e.child(n, string(s), kind)
}

func (e *endpoints) idOf(n *node) *node {
	if n.id == nil {
		if n.id = e.newNode(n, ":id"); n.id == nil {
			return nil
		}
	}
	return n.id
}

func (e *endpoints) newNode(parent *node, label string) *node {
	if e.nodes >= maxNodes {
		return nil
	}
	e.nodes++
	return &node{label: label, parent: parent, depth: parent.depth + 1}
}

// child is the child of n with this label. A name too many at one place turns
// the names there into values.
func (e *endpoints) child(n *node, label string, kind segmentKind) *node {
	if c := n.children[label]; c != nil {
		return c
	}
	c := e.newNode(n, label)
	if c == nil {
		return nil
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	n.children[label] = c
	switch kind {
	case wordSegment:
		n.words++
	case otherSegment:
		n.others++
	default:
		return c
	}
	if n.depth == 0 { // never the root
		return c
	}
	n.wordsMerged = n.wordsMerged || n.words > fanOut
	n.othersMerged = n.othersMerged || n.others > fanOut
	if kind == wordSegment && n.wordsMerged || kind == otherSegment && n.othersMerged {
		e.settle(n)
		return n.id
	}
	return c
}

// learn notes that ids at n may begin with prefix.
func (e *endpoints) learn(n *node, prefix []byte) {
	if n.knows(prefix) {
		return
	}
	n.prefixes = append(n.prefixes, bytes.Clone(prefix))
	e.settle(n)
}

// knows says whether ids with this prefix were seen at n. With too many
// prefixes every prefix is one.
func (n *node) knows(prefix []byte) bool {
	if len(n.prefixes) > maxPrefixes {
		return true
	}
	for _, p := range n.prefixes {
		if bytes.Equal(p, prefix) {
			return true
		}
	}
	return false
}

// settle moves the children of n that are values after all into its id.
func (e *endpoints) settle(n *node) {
	var labels []string
	for label := range n.children {
		if n.varies(label) {
			labels = append(labels, label)
		}
	}
	if len(labels) == 0 {
		return
	}
	id := e.idOf(n)
	if id == nil {
		e.nodes-- // the place of one that goes
		id = e.newNode(n, ":id")
		n.id = id
	}
	sort.Strings(labels)
	for _, label := range labels {
		c := n.children[label]
		delete(n.children, label)
		e.absorb(id, c)
	}
	clear(e.cache)
	for i := range e.cache {
		e.cache[i].number = -1
	}
}

// varies says whether a child's name is a value by what is known now.
func (n *node) varies(label string) bool {
	if label[0] == '*' {
		return false
	}
	s := []byte(label)
	if prefix := idPrefix(s); prefix != nil && n.depth > 0 && n.knows(prefix) {
		return true
	}
	if kindOf(s, n.depth+1, false) == wordSegment {
		return n.wordsMerged
	}
	return n.othersMerged
}

// absorb makes from a part of to.
func (e *endpoints) absorb(to, from *node) {
	e.nodes--
	for _, end := range from.ends {
		e.join(to, end)
	}
	labels := make([]string, 0, len(from.children))
	for label := range from.children {
		labels = append(labels, label)
	}
	sort.Strings(labels)
	for _, label := range labels {
		c := from.children[label]
		kind := idSegment
		if label[0] != '*' {
			kind = kindOf([]byte(label), to.depth+1, false)
		}
		if kind != idSegment && to.varies(label) {
			e.absorb(e.mustID(to), c)
			continue
		}
		if have := to.children[label]; have != nil {
			e.absorb(have, c)
			continue
		}
		// The child's place in the tree moves with its subtree.
		e.nodes--
		e.absorbNew(to, label, kind, c)
	}
	if from.id != nil {
		e.absorb(e.mustID(to), from.id)
	}
	to.wordsMerged = to.wordsMerged || from.wordsMerged
	to.othersMerged = to.othersMerged || from.othersMerged
	for _, p := range from.prefixes {
		if !to.knows(p) {
			to.prefixes = append(to.prefixes, p)
		}
	}
	if to.wordsMerged || to.othersMerged || len(to.prefixes) > 0 {
		e.settle(to)
	}
}

// absorbNew makes a new child of to and moves c into it.
func (e *endpoints) absorbNew(to *node, label string, kind segmentKind, c *node) {
	e.nodes = min(e.nodes, maxNodes-1) // what is moved needs no new place
	n := e.child(to, label, kind)
	e.nodes++
	e.absorb(n, c)
}

// mustID is idOf where a node is about to be given up, so that there is room.
func (e *endpoints) mustID(n *node) *node {
	if n.id == nil {
		e.nodes = min(e.nodes, maxNodes-1)
		return e.idOf(n)
	}
	return n.id
}

// join makes an ending one of a node's own.
func (e *endpoints) join(n *node, end ending) {
	for _, have := range n.ends {
		if have.method == end.method {
			e.list[e.resolve(end.number)].same = e.resolve(have.number)
			return
		}
	}
	e.list[e.resolve(end.number)].node = n
	n.ends = append(n.ends, end)
}

const otherMethod = "_OTHER"

var methods = []string{
	"GET", "POST", "PUT", "HEAD", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",
	"LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE", "QUERY",
}

// methodName keeps a client from inventing endpoints by inventing methods.
func methodName(m []byte) string {
	for _, name := range methods {
		if string(m) == name {
			return name
		}
	}
	if len(m) == 0 {
		return "-"
	}
	return otherMethod
}
