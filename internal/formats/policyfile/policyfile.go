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
	"errors"
	"fmt"
	"slices"
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
		if err := read(edges, d, source.Decoder{}); err != nil {
			return nil, err
		}
	}
	return edges, nil
}

// ReadTree is Read of policies that are part of another file.
func ReadTree(root *source.Node, base policy.Edges) (policy.Edges, error) {
	edges := base.Clone()
	if err := read(edges, root, source.Decoder{}); err != nil {
		return nil, err
	}
	return edges, nil
}

// Lenient reads a file's own edges, whatever they are called, and collects mistakes
// instead of ending at the first. Without a tree the text could not be read at all.
func Lenient(file, text string) (policy.Edges, *source.Node, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, nil, err
	}
	if len(docs) == 0 {
		return nil, nil, &source.Error{File: file, Found: "nothing in it", Want: "a mapping from edges to policies"}
	}
	var mistakes []error
	edges := own(docs[0])
	_ = read(edges, docs[0], source.Decoder{Mistakes: &mistakes})
	for _, d := range docs[1:] {
		mistakes = append(mistakes, d.Errorf("one", "a second document"))
	}
	return edges, docs[0], errors.Join(mistakes...)
}

// Own reads a file over nothing: its edges are those that it names.
func Own(file, text string) (policy.Edges, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return policy.Edges{}, nil
	}
	return Read(file, text, own(docs[0]))
}

// own is an empty policy for every edge that a file names. A file for every edge
// stands for itself.
func own(root *source.Node) policy.Edges {
	edges := policy.Edges{}
	for _, m := range root.Members {
		if m.Key != "*" || len(root.Members) == 1 {
			edges[m.Key] = policy.Policy{}
		}
	}
	return edges
}

func read(edges policy.Edges, root *source.Node, d source.Decoder) error {
	if root.Kind != source.Map {
		return d.Note(root.Wrong("a mapping from edges to policies"))
	}
	for _, star := range []bool{true, false} {
		for _, m := range root.Members {
			if (m.Key == "*") != star {
				continue
			}
			if err := readEdge(edges, m, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReadEdge sets what one member of a file says of the edge that it is named for, or
// of every edge: for files that hold policies among other things.
func ReadEdge(edges policy.Edges, edge source.Member) error {
	return readEdge(edges, edge, source.Decoder{})
}

func readEdge(edges policy.Edges, edge source.Member, d source.Decoder) error {
	if _, ok := edges[edge.Key]; !ok && edge.Key != "*" {
		return d.Note(edge.Wrong(policy.Unknown("edge", edge.Key, append(edges.Names(), "*")).Error()))
	}
	if edge.Value.Kind != source.Map {
		return d.Note(edge.Value.Wrong("a mapping from fields to values"))
	}
	// Parameters need their library, wherever it stands.
	for _, library := range []bool{true, false} {
		for _, m := range edge.Value.Members {
			if (m.Key == "breaker") != library {
				continue
			}
			if err := readField(edges, edge.Key, m, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func readField(edges policy.Edges, edge string, m source.Member, d source.Decoder) error {
	if m.Key == "breaker" && m.Value.Kind == source.Map {
		return readBreaker(edges, edge, m.Value, d)
	}
	return d.Note(set(edges, edge, m, m.Key))
}

// readBreaker reads {library: opossum, timeout: 5000}.
func readBreaker(edges policy.Edges, edge string, n *source.Node, d source.Decoder) error {
	for _, library := range []bool{true, false} {
		for _, m := range n.Members {
			if (m.Key == "library") != library {
				continue
			}
			field := "breaker"
			if !library {
				field += "." + m.Key
			}
			if err := d.Note(set(edges, edge, m, field)); err != nil {
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
	err := edges.Set(edge+"."+field, m.Value.Text)
	switch {
	case err == nil:
		return nil
	case slices.ContainsFunc(policy.FieldsOf(edges[edge]), func(f policy.Field) bool { return f.Name == field }):
		return m.Bad(err.Error())
	default:
		return m.Wrong(err.Error())
	}
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
	var chosen policy.Policy // choosing the library writes parameters of its own
	_ = chosen.Set("breaker", p.Breaker.Library)
	newly := changed
	for _, f := range policy.FieldsOf(p) {
		name, ok := strings.CutPrefix(f.Name, "breaker.")
		if !ok {
			continue
		}
		v, given := p.Breaker.Params[name]
		old, had := was.Breaker.Params[name]
		_, unasked := chosen.Breaker.Params[name]
		// What base had, or the choice brings, and edges have not goes back to the
		// library's default.
		if given || had && !newly || unasked && newly {
			lines = append(lines, fmt.Sprintf("    %s: %s\n", name, strconv.Quote(f.Get(p))))
		}
		changed = changed || v != old
	}
	if !changed {
		return nil
	}
	return lines
}

// JSON is what Write wrote as values that marshal: JSON is YAML too, so Read takes
// either.
func JSON(file, text string) (map[string]map[string]any, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]any{}
	for _, d := range docs {
		for _, edge := range d.Members {
			fields := map[string]any{}
			for _, m := range edge.Value.Members {
				fields[m.Key] = value(m.Value)
			}
			all[edge.Key] = fields
		}
	}
	return all, nil
}

func value(n *source.Node) any {
	if n.Kind != source.Map {
		return n.Text
	}
	params := map[string]string{}
	for _, m := range n.Members {
		params[m.Key] = m.Value.Text
	}
	return params
}
