package gatewaylog

import (
	"fmt"
	"slices"

	"tripcurve/internal/incident"
)

// maxTemplates bounds what a source can make us remember; what comes beyond is
// counted as "/*".
const maxTemplates = 4_000

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
