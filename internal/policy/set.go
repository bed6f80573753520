package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Set gives one value by its path, <edge>.<field>: "order.inventory.keepalive".
// The edge * is every edge. On an error nothing has changed.
func (e Edges) Set(path, value string) error {
	names, field, err := e.resolve(path)
	if err != nil {
		return err
	}
	changed := make(Edges, len(names))
	for _, name := range names {
		p := e[name]
		if err := p.Set(field, value); err != nil {
			return fmt.Errorf("%s.%s: %w", name, field, err)
		}
		changed[name] = p
	}
	maps.Copy(e, changed)
	return nil
}

// Names are the edges in order.
func (e Edges) Names() []string { return slices.Sorted(maps.Keys(e)) }

// Since are the values by which e differs from what was, each as Set takes it:
// "order.inventory.deadline=5s". A library comes before its parameters, of which those are
// left out that choosing it sets by itself.
func (e Edges) Since(was Edges) (sets []string) {
	base := was.Clone()
	for _, name := range e.Names() {
		this, from := e[name], base[name]
		for _, f := range FieldsOf(this) {
			value := f.Get(this)
			if value == f.Get(from) {
				continue
			}
			sets = append(sets, name+"."+f.Name+"="+value)
			if f.Name == "breaker" {
				_ = f.Set(&from, value) // a value that it has itself
			}
		}
	}
	return sets
}

// resolve splits a path into edges and a field. Edges have dots in their names,
// and so have breaker parameters, so the longest edge that fits is meant.
func (e Edges) resolve(path string) (edges []string, field string, err error) {
	if field, ok := strings.CutPrefix(path, "*."); ok {
		if len(e) == 0 {
			return nil, "", fmt.Errorf("%s: there is no edge", path)
		}
		return e.Names(), field, nil
	}
	longest := ""
	for name := range e {
		if strings.HasPrefix(path, name+".") && len(name) > len(longest) {
			longest = name
		}
	}
	if longest != "" {
		return []string{longest}, path[len(longest)+1:], nil
	}
	known := append(e.Names(), "*")
	if slices.Contains(known, path) {
		return nil, "", fmt.Errorf("%s: names an edge but no field: write %s.timeout=5s (fields: %s)", path, path, strings.Join(fieldNames(Fields()), ", "))
	}
	return nil, "", fmt.Errorf("%s: %w", path, Unknown("edge", edgePart(path), known))
}

// edgePart guesses which part of an unknown path was meant as the edge.
func edgePart(path string) string {
	if edge, _, ok := strings.Cut(path, ".breaker."); ok {
		return edge
	}
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i]
	}
	return path
}

// Set gives one field its value; on an error the policy is unchanged.
func (p *Policy) Set(field, value string) error {
	f, err := p.field(field)
	if err != nil {
		return err
	}
	return f.Set(p, value)
}

// Get is one field's value, in the form that Set takes.
func (p Policy) Get(field string) (string, error) {
	f, err := p.field(field)
	if err != nil {
		return "", err
	}
	return f.Get(p), nil
}

func (p Policy) field(name string) (Field, error) {
	fields := FieldsOf(p)
	for _, f := range fields {
		if f.Name == name {
			return f, nil
		}
	}
	// The library knows best what is wrong with a name of its own.
	if param, ok := strings.CutPrefix(name, "breaker."); ok {
		library := p.Breaker.Library
		return Field{
			Name: name,
			Get:  func(Policy) string { return "" },
			Set:  func(p *Policy, v string) error { return setParam(p, library, param, v) },
		}, nil
	}
	return Field{}, Unknown("field", name, append(fieldNames(Fields()), "breaker.<parameter>"))
}

func fieldNames(fields []Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Unknown is the error for a name that is not among the known ones: it lists them
// and, where one is close, asks whether that was meant.
func Unknown(what, name string, known []string) error {
	hint := ""
	if near := Near(name, known); near != "" {
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	return fmt.Errorf("no %s %q%s (known: %s)", what, name, hint, strings.Join(known, ", "))
}

// Near is the known name that a few slips of the finger lead from, or that name is the
// beginning or a part of; empty when none is near. More than one slip is less likely than
// a beginning that no other name has.
func Near(name string, known []string) string {
	best, distance := "", 1+len(name)/3
	if len(name) < 3 {
		distance = 0
	}
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	if begin := whole(name, known); begin != "" && (best == "" || distance > 1) {
		best = begin
	}
	for _, k := range known { // "inventory" for "order.inventory"
		if best == "" && len(name) > 2 && strings.Contains(k, name) {
			best = k
		}
	}
	return best
}

// whole is the one known name that begins with name, of three letters or more.
func whole(name string, known []string) (only string) {
	for _, k := range known {
		switch {
		case len(name) < 3 || !strings.HasPrefix(strings.ToLower(k), strings.ToLower(name)):
		case only != "":
			return ""
		default:
			only = k
		}
	}
	return only
}

// editDistance counts the letters to insert, delete or replace between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
