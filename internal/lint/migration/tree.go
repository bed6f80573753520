package migration

import (
	"bytes"
	"encoding/json"
	"strings"
)

// tree is a node of the grammar's answer. What is absent is the zero value there,
// and so it is here.
type tree map[string]any

func (t tree) text(key string) string {
	s, _ := t[key].(string)
	return s
}

func (t tree) is(key string) bool {
	b, _ := t[key].(bool)
	return b
}

func (t tree) number(key string) int {
	switch n := t[key].(type) {
	case json.Number:
		i, _ := n.Int64() // the grammar writes whole numbers
		return int(i)
	case float64:
		return int(n)
	}
	return 0
}

// node is a child whose type the grammar says in the parent: "relation".
func (t tree) node(key string) tree {
	m, _ := t[key].(map[string]any)
	return m
}

// list are the children under a key, each with its type.
func (t tree) list(key string) []typed {
	items, _ := t[key].([]any)
	var all []typed
	for _, item := range items {
		all = append(all, typeOf(item))
	}
	return all
}

// child is a child that says its own type: "def".
func (t tree) child(key string) typed { return typeOf(t[key]) }

// typed is a node with the name of its type.
type typed struct {
	kind string
	tree
}

func typeOf(v any) typed {
	m, _ := v.(map[string]any)
	for kind, body := range m { // there is one
		b, _ := body.(map[string]any)
		return typed{kind, b}
	}
	return typed{}
}

// words are the strings of a list: names, qualified or not.
func words(items []typed) []string {
	var all []string
	for _, i := range items {
		all = append(all, i.text("sval"))
	}
	return all
}

// name is a table's name without the schema that needs no naming.
func name(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	if len(kept) > 1 && kept[0] == "public" {
		kept = kept[1:]
	}
	return strings.Join(kept, ".")
}

// relation is the name in a RangeVar.
func relation(t tree) string { return name(t.text("schemaname"), t.text("relname")) }

// option is the value of an option such as CONCURRENTLY or FULL; named without one
// it is true.
func option(options []typed, key string) bool {
	on := false
	for _, o := range options {
		if o.text("defname") != key {
			continue
		}
		arg := o.child("arg")
		switch arg.kind {
		case "":
			on = true
		case "Integer":
			on = arg.number("ival") != 0
		case "Boolean":
			on = arg.is("boolval")
		default:
			v := strings.ToLower(arg.text("sval"))
			on = v == "on" || v == "true" || v == "yes" || v == "1"
		}
	}
	return on
}

// each calls f with every typed node at and below v.
func each(v any, f func(kind string, t tree)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			each(item, f)
		}
	case map[string]any:
		for key, item := range v {
			if m, ok := item.(map[string]any); ok {
				if key != "" && key[0] >= 'A' && key[0] <= 'Z' {
					f(key, m)
				}
				each(m, f)
			} else if items, ok := item.([]any); ok {
				each(items, f)
			}
		}
	}
}

func decode(text string) (tree, error) {
	var t tree
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	err := d.Decode(&t)
	return t, err
}
