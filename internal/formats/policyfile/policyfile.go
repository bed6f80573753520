// Package policyfile is the policy of every edge as YAML, for --policy FILE: the
// same names and values as --set takes.
//
//	"*":
//	  cancel: propagate
//	order.inventory:
//	  deadline: 5s
//	  breaker:
//	    library: opossum
//	    volumeThreshold: 10
package policyfile

import (
	"fmt"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
)

// Read sets what the file says over base, which names the edges there are and is
// itself left alone. "*" comes first, wherever it stands in the file.
func Read(file, text string, base policy.Edges) (policy.Edges, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, err
	}
	edges := base.Clone()
	for i, d := range docs {
		if i > 0 {
			return nil, d.Errorf("one", "a second document")
		}
		if d.Kind != source.Map {
			return nil, d.Wrong("a mapping from edges to policies")
		}
		for _, star := range []bool{true, false} {
			for _, m := range d.Members {
				if (m.Key == "*") != star {
					continue
				}
				if err := readEdge(edges, m); err != nil {
					return nil, err
				}
			}
		}
	}
	return edges, nil
}

func readEdge(edges policy.Edges, edge source.Member) error {
	if _, ok := edges[edge.Key]; !ok && edge.Key != "*" {
		return edge.Wrong(policy.Unknown("edge", edge.Key, append(edges.Names(), "*")).Error())
	}
	if edge.Value.Kind != source.Map {
		return edge.Value.Wrong("a mapping from fields to values")
	}
	// Parameters need their library, wherever it stands.
	for _, library := range []bool{true, false} {
		for _, m := range edge.Value.Members {
			if (m.Key == "breaker") != library {
				continue
			}
			if err := readField(edges, edge.Key, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func readField(edges policy.Edges, edge string, m source.Member) error {
	if m.Key == "breaker" && m.Value.Kind == source.Map {
		return readBreaker(edges, edge, m.Value)
	}
	return set(edges, edge, m, m.Key)
}

// readBreaker reads {library: opossum, timeout: 5000}.
func readBreaker(edges policy.Edges, edge string, n *source.Node) error {
	for _, library := range []bool{true, false} {
		for _, m := range n.Members {
			if (m.Key == "library") != library {
				continue
			}
			field := "breaker"
			if !library {
				field += "." + m.Key
			}
			if err := set(edges, edge, m, field); err != nil {
				return err
			}
		}
	}
	return nil
}

func set(edges policy.Edges, edge string, m source.Member, field string) error {
	switch m.Value.Kind {
	case source.Bool, source.Number, source.String:
	default:
		return m.Value.Wrong("one value")
	}
	if err := edges.Set(edge+"."+field, m.Value.Text); err != nil {
		return m.Wrong(err.Error())
	}
	return nil
}

// Write is the file that turns base into edges: what differs, and no more.
func Write(edges, base policy.Edges) string {
	var b strings.Builder
	for _, name := range edges.Names() {
		p, was := edges[name], base[name]
		var lines []string
		for _, f := range policy.Fields() {
			if v := f.Get(p); v != f.Get(was) && f.Name != "breaker" {
				lines = append(lines, fmt.Sprintf("  %s: %s\n", f.Name, v))
			}
		}
		lines = append(lines, breaker(p, was)...)
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s:\n%s", strconv.Quote(name), strings.Join(lines, ""))
		}
	}
	if b.Len() == 0 {
		return "{}\n"
	}
	return b.String()
}

func breaker(p, was policy.Policy) []string {
	if p.Breaker.Library == "" {
		if was.Breaker.Library == "" {
			return nil
		}
		return []string{"  breaker: none\n"}
	}
	lines := []string{"  breaker:\n", fmt.Sprintf("    library: %s\n", p.Breaker.Library)}
	changed := p.Breaker.Library != was.Breaker.Library
	for _, f := range policy.FieldsOf(p) {
		name, ok := strings.CutPrefix(f.Name, "breaker.")
		if !ok {
			continue
		}
		v, given := p.Breaker.Params[name]
		old, had := was.Breaker.Params[name]
		if given || had && !changed { // what base had and edges have not goes back to the default
			lines = append(lines, fmt.Sprintf("    %s: %s\n", name, strconv.Quote(f.Get(p))))
		}
		changed = changed || v != old
	}
	if !changed {
		return nil
	}
	return lines
}
