package gatewaylog

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

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
)

// endpoints numbers the endpoints of one log. Numbers are dense and stay valid:
// when templates are learned late, two numbers become the same endpoint, so
// that counts kept under them are re-labelled by themselves.
type endpoints struct {
	routes *Routes
	root   *node
	nodes  int
	list   []endpoint
	given  map[string][]ending // templates from the user or from the log

	known   [knownHeads]knownHead
	settled int // how often names were taken for values, which the known heads did not know

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

func (s *EndpointStats) merge(o EndpointStats) {
	s.Routed += o.Routed
	s.Named += o.Named
	s.Inferred += o.Inferred
	s.Overflow += o.Overflow
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
	few      []*node          // the children, while a look at each is cheaper than a map
	children map[string]*node // all children, from then on
	id       *node            // all ids at this place
	ends     []ending

	words, others             int // children of each kind, those with a prefix aside
	wordsMerged, othersMerged bool
	prefixes                  []*prefixed
}

// prefixed are the names at one place that share the part up to an underscore.
type prefixed struct {
	name  string
	names int
	ids   bool // one of them was an id, or there are too many: all of them are ids
}

// ending is an endpoint that ends at a node.
type ending struct {
	method string
	number int32
}

func newEndpoints(routes *Routes) *endpoints {
	return &endpoints{routes: routes, root: &node{}, given: map[string][]ending{}, overflow: -1}
}

// of is the number of the endpoint of r: by the user's patterns, by the log's
// own route field, else inferred from the path.
func (e *endpoints) of(r *Record) int32 {
	if e.routes != nil {
		if label, ok := e.routes.match(r.Method, r.Path); ok {
			e.stats.Routed++
			return e.givenNumber(methodName(r.Method), []byte(label))
		}
	}
	if len(r.Route) > 0 {
		if t, ok := templateOf(r.Route); ok {
			if number := e.givenNumber(methodName(r.Method), t); number >= 0 {
				e.stats.Named++
				return number
			}
		}
	}
	if len(r.Path) == 0 || r.Path[0] != '/' { // no request line, "OPTIONS *", CONNECT
		e.stats.Inferred++
		return e.givenNumber(methodName(r.Method), []byte("-"))
	}
	if n := e.walk(r.Path); n != nil {
		if number := e.end(n, r.Method); number >= 0 {
			e.stats.Inferred++
			return number
		}
	}
	e.stats.Overflow++
	if e.overflow < 0 {
		e.overflow = e.add(incident.Endpoint{Method: otherMethod, Route: "/*"}, nil)
	}
	return e.overflow
}

// givenNumber is the number of a template that was not inferred; -1 when a log
// names too many.
func (e *endpoints) givenNumber(method string, template []byte) int32 {
	ends := e.given[string(template)]
	for i := range ends {
		if ends[i].method == method {
			return ends[i].number
		}
	}
	if len(e.list) >= 2*maxTemplates {
		return -1
	}
	number := e.add(incident.Endpoint{Method: method, Route: string(template)}, nil)
	e.given[string(template)] = append(ends, ending{method, number})
	return number
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

// inferred are the endpoints that came from paths alone, as patterns that NewRoutes
// takes, in order. Methods that are none and what cannot be a pattern are left out.
func (e *endpoints) inferred() []string {
	var found []string
	for i := range e.list {
		ep := e.name(int32(i))
		if e.list[i].same != int32(i) || e.list[i].node == nil || ep.Method == otherMethod || ep.Method == "-" {
			continue
		}
		if p := ep.Method + " " + ep.Route; new(Routes).add(p) == nil {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

// unmatched says which share of the requests is of none of the user's routes; empty
// when all are, and when there are no routes.
func (s *Stats) unmatched() string {
	if all := s.Parsed; s.Routes > 0 && all > s.Endpoints.Routed {
		return fmt.Sprintf(", %.1f %% match none of %d routes", 100*float64(all-s.Endpoints.Routed)/float64(all), s.Routes)
	}
	return ""
}

// overflowed says how many requests found no place among the templates; empty for
// none.
func (s *Stats) overflowed() string {
	if n := s.Endpoints.Overflow; n > 0 {
		return fmt.Sprintf(", %d requests beyond %d endpoints are counted as /*", n, maxTemplates)
	}
	return ""
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
func (e *endpoints) end(n *node, method []byte) int32 {
	for i := range n.ends {
		if n.ends[i].method == string(method) {
			return n.ends[i].number
		}
	}
	name := methodName(method)
	for i := range n.ends {
		if n.ends[i].method == name {
			return n.ends[i].number
		}
	}
	if len(e.list) >= maxTemplates {
		return -1
	}
	number := e.add(incident.Endpoint{Method: name}, n)
	n.ends = append(n.ends, ending{name, number})
	return number
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

// pathHead is the first bytes of a path. Most paths begin like one that was there
// before, and differ in an id behind it.
type pathHead struct {
	first, second uint64
	whole         bool // the path is no longer
}

// headBytes is how many bytes of a path its head has.
const headBytes = 16

func headOf(path []byte) pathHead {
	switch n := len(path); {
	case n >= headBytes:
		return pathHead{binary.LittleEndian.Uint64(path), binary.LittleEndian.Uint64(path[8:]), n == headBytes}
	case n >= 8:
		return pathHead{binary.LittleEndian.Uint64(path), binary.LittleEndian.Uint64(path[n-8:]) >> (8 * (headBytes - n)), true}
	}
	var short [8]byte
	copy(short[:], path)
	return pathHead{binary.LittleEndian.Uint64(short[:]), uint64(len(path)) << 56, true}
}

// knownHead is where paths lead that begin so.
type knownHead struct {
	pathHead
	node *node // nil for none
	used int   // bytes of the path that lead there
}

// knownHeads is how many are remembered.
const knownHeads = 64

func (h *pathHead) slot() uint64 {
	x := h.first*0x9e3779b97f4a7c15 ^ h.second*0xc2b2ae3d27d4eb4f
	return (x ^ x>>32) % knownHeads
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

// put hangs c below n. A name too many at one place turns the names of its kind
// there into values; then the answer is where values go.
func (e *endpoints) put(n, c *node, kind segmentKind) *node {
	n.set(c)
	if n.depth == 0 || kind == idSegment { // never merge the root
		return c
	}
	full := false
	if prefix := n.idPrefix([]byte(c.label)); prefix != nil {
		p := n.prefix(prefix)
		p.names++
		p.ids = p.ids || p.names > fanOut
		full = p.ids || len(n.prefixes) > fanOut
	} else if kind == wordSegment {
		n.words++
		n.wordsMerged = n.wordsMerged || n.words > fanOut
		full = n.wordsMerged
	} else {
		n.others++
		n.othersMerged = n.othersMerged || n.others > fanOut
		full = n.othersMerged
	}
	if full {
		e.settle(n)
		return n.id
	}
	return c
}

// learn notes that ids at n begin with prefix.
func (e *endpoints) learn(n *node, prefix []byte) {
	if p := n.prefix(prefix); !p.ids {
		p.ids = true
		e.settle(n)
	}
}

// known is the group of names with this prefix; nil when there is none.
func (n *node) known(prefix []byte) *prefixed {
	for _, p := range n.prefixes {
		if p.name == string(prefix) {
			return p
		}
	}
	return nil
}

func (n *node) prefix(prefix []byte) *prefixed {
	if p := n.known(prefix); p != nil {
		return p
	}
	p := &prefixed{name: string(prefix)}
	if len(n.prefixes) <= fanOut { // beyond it all of them are ids
		n.prefixes = append(n.prefixes, p)
	}
	return p
}

// varies says whether a name at n is a value by what is known now. It depends on
// which names were seen, not on their order.
func (n *node) varies(s []byte, kind segmentKind) bool {
	if prefix := n.idPrefix(s); prefix != nil {
		p := n.known(prefix)
		return p != nil && p.ids || len(n.prefixes) > fanOut
	}
	if kind == wordSegment {
		return n.wordsMerged
	}
	return kind == otherSegment && n.othersMerged
}

// forget forgets the known heads: a node is given up.
func (e *endpoints) forget() {
	e.settled++
	clear(e.known[:])
}

// settle moves the children of n that are values after all to where values go.
func (e *endpoints) settle(n *node) {
	var names []string
	for _, name := range n.names() {
		if name[0] != '*' && n.varies([]byte(name), kindOf([]byte(name), n.depth+1, false)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	if n.id == nil {
		n.id = e.grow(n, ":id")
	}
	for _, name := range names {
		e.absorb(n.id, n.remove(name))
	}
}

// absorb makes from, which is given up, a part of to.
func (e *endpoints) absorb(to, from *node) {
	e.nodes--
	e.forget()
	for _, end := range from.ends {
		e.join(to, end)
	}
	to.wordsMerged = to.wordsMerged || from.wordsMerged
	to.othersMerged = to.othersMerged || from.othersMerged
	for _, p := range from.prefixes {
		if p.ids {
			to.prefix([]byte(p.name)).ids = true
		}
	}
	e.settle(to)
	if from.id != nil {
		if to.id == nil {
			to.id = e.grow(to, ":id")
		}
		e.absorb(to.id, from.id)
	}
	for _, name := range from.names() {
		e.absorb(e.placeFor(to, name), from.get([]byte(name)))
	}
}

// placeFor is where a child of that name belongs below n, which may be full.
func (e *endpoints) placeFor(n *node, name string) *node {
	if c := n.get([]byte(name)); c != nil {
		return c
	}
	kind := idSegment
	if name[0] != '*' {
		kind = kindOf([]byte(name), n.depth+1, false)
		if n.varies([]byte(name), kind) {
			if n.id == nil {
				n.id = e.grow(n, ":id")
			}
			return n.id
		}
	}
	return e.put(n, e.grow(n, name), kind)
}

// take adds another log's endpoints and answers what their numbers are here.
func (e *endpoints) take(o *endpoints) []int32 {
	base := int32(len(e.list))
	numbers := make([]int32, len(o.list))
	for i, ep := range o.list {
		numbers[i] = base + int32(i)
		ep.same += base
		e.list = append(e.list, ep)
	}
	o.root.renumber(base)
	e.absorb(e.root, o.root)
	e.nodes++ // the other root is no node of the tree
	for template, ends := range o.given {
		for _, end := range ends {
			e.takeGiven(template, ending{end.method, base + end.number})
		}
	}
	if o.overflow >= 0 {
		theirs := base + o.overflow
		if e.overflow < 0 {
			e.overflow = theirs
		}
		e.list[theirs].same = e.overflow
	}
	e.nodes += o.nodes
	e.stats.merge(o.stats)
	return numbers
}

func (e *endpoints) takeGiven(template string, end ending) {
	for _, have := range e.given[template] {
		if have.method == end.method {
			e.list[e.resolve(end.number)].same = e.resolve(have.number)
			return
		}
	}
	e.given[template] = append(e.given[template], end)
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
