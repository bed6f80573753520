// Package file reads a pipeline's description from YAML, strictly: an unknown key, a
// wrong unit or an impossible value is told with its line and column, what was found
// and what was expected. docs/pipeline-yaml.md is the language.
package file

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
	"tripcurve/sim/pipeline"
)

// defaultStart is the instant at which a run begins that says none.
var defaultStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// document is the whole file.
type document struct {
	Name     text     `json:"name"`
	Seed     seed     `json:"seed"`
	Start    instant  `json:"start"`
	Length   duration `json:"length"`
	Network  dist     `json:"network"`
	Services services `json:"services"`
	Edges    edges    `json:"edges"`
	Clients  clients  `json:"clients"`
	Faults   faults   `json:"faults"`
}

// Read is the description in a text. The file's name is for messages, and for the
// pipeline when it has no name of its own.
func Read(file, yaml string) (*pipeline.Pipeline, error) {
	docs, err := source.YAML(file, yaml)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, &source.Error{File: file, Found: "nothing in it", Want: "a pipeline with length, services and clients"}
	}
	if len(docs) > 1 {
		return nil, docs[1].Errorf("one", "a second document")
	}
	root := docs[0]
	d := document{Start: instant(defaultStart), Seed: 1}
	if err := (source.Decoder{}).Decode(root, &d); err != nil {
		return nil, err
	}
	for _, key := range []string{"length", "services", "clients"} {
		if _, given := root.Get(key); !given {
			return nil, root.Errorf(key, "no %s", key)
		}
	}
	p := &pipeline.Pipeline{
		Name: string(d.Name), Seed: uint64(d.Seed), Start: time.Time(d.Start), Length: time.Duration(d.Length), Network: d.Network.Dist,
		Services: d.Services, Edges: d.Edges.specs, Clients: d.Clients.over(time.Time(d.Start), time.Duration(d.Length)), Faults: d.Faults, Policies: policy.Edges{},
	}
	if p.Name == "" {
		base := filepath.Base(file)
		p.Name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	for _, name := range pipeline.EdgeNames(p) {
		p.Policies[name] = policy.Policy{}
	}
	// What is named must be there before a policy is laid on it.
	if err := placed(root, pipeline.Check(p)); err != nil {
		return nil, err
	}
	if err := d.Edges.policies(p); err != nil {
		return nil, err
	}
	return p, placed(root, pipeline.Check(p))
}

// placed gives a mistake of the description its place in the text.
func placed(root *source.Node, err error) error {
	var m *pipeline.Mistake
	if !errors.As(err, &m) {
		return err
	}
	at := source.Find(root, oneRequest(root, m.Path))
	if m.Key {
		at.Pos = at.Key
	}
	return at.Errorf(m.Want, "%s", m.Found)
}

// oneRequest is a path to the requests of a client that says request.
func oneRequest(root *source.Node, path []string) []string {
	if len(path) < 3 || path[0] != "clients" || path[2] != "requests" {
		return path
	}
	if _, one := source.Find(root, path[:2]).Get("request"); one {
		return []string{path[0], path[1], "request"}
	}
	return path
}

// edges is what is said of the edges, and the policies, which wait until all edges
// are known.
type edges struct {
	specs []pipeline.Edge
	laid  []source.Member // the policy of an edge under its name, "*" first
}

type edge struct {
	Network  *dist     `json:"network"`
	Streams  int       `json:"streams" min:"1"`
	IdleDrop duration  `json:"idle_drop"`
	MinPing  duration  `json:"min_ping"`
	Policy   *verbatim `json:"policy"`
}

// verbatim is a value that is read later.
type verbatim struct{ *source.Node }

func (v *verbatim) ReadNode(n *source.Node) error {
	v.Node = n
	return nil
}

func (e *edges) ReadNode(n *source.Node) error {
	return eachMember(n, "a mapping from edges to what they are like", func(m source.Member) error {
		var own edge
		if err := (source.Decoder{}).Decode(m.Value, &own); err != nil {
			return err
		}
		if own.Policy != nil {
			at := source.Member{Pos: m.Pos, Key: m.Key, Value: own.Policy.Node}
			if m.Key == "*" {
				e.laid = append([]source.Member{at}, e.laid...)
			} else {
				e.laid = append(e.laid, at)
			}
		}
		if m.Key == "*" {
			if own.Network != nil || own.Streams > 0 || own.IdleDrop > 0 || own.MinPing > 0 {
				return m.Value.Errorf("policy, the only thing that can be said of every edge", "more than a policy under *")
			}
			return nil
		}
		spec := pipeline.Edge{Name: m.Key, Streams: own.Streams, IdleDrop: time.Duration(own.IdleDrop), MinPing: time.Duration(own.MinPing)}
		if own.Network != nil {
			spec.Network = &own.Network.Dist
		}
		e.specs = append(e.specs, spec)
		return nil
	})
}

// policies lays the policies on their edges.
func (e *edges) policies(p *pipeline.Pipeline) error {
	pools := pipeline.PoolEdges(p)
	for _, m := range e.laid {
		if err := ofPool(m.Value, slices.Contains(pools, m.Key)); err != nil {
			return err
		}
		if err := policyfile.ReadEdge(p.Policies, m); err != nil {
			return err
		}
	}
	return nil
}

// ofPool refuses what a pool's own policy says and nobody would do.
func ofPool(n *source.Node, pool bool) error {
	if !pool {
		return nil
	}
	for _, m := range n.Members {
		if m.Key != "cancel" {
			return m.Wrong(pipeline.NotOfPool(m.Key))
		}
	}
	return nil
}

// eachMember visits the members of a mapping.
func eachMember(n *source.Node, want string, visit func(source.Member) error) error {
	if n.Kind != source.Map {
		return n.Wrong(want)
	}
	for _, m := range n.Members {
		if err := visit(m); err != nil {
			return err
		}
	}
	return nil
}
