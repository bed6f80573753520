package istio

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Detect says why a text is of Istio.
func Detect(_, text string) string {
	for line := range strings.Lines(text) {
		key, v, ok := strings.Cut(line, ":")
		key = strings.Trim(strings.TrimSpace(key), `"'`)
		switch v = strings.Trim(strings.TrimSpace(v), `"',`); {
		case !ok:
		case key == "apiVersion" && strings.HasPrefix(v, "networking.istio.io/"):
			return "its apiVersion is " + v
		case key == "kind" && (v == "DestinationRule" || v == "VirtualService"):
			return "its kind is " + v
		}
	}
	return ""
}

// Read reads the DestinationRules and VirtualServices of a file; its other resources
// are somebody else's.
func Read(file, text string) (Config, error) {
	root, err := tree(file, text)
	if err != nil {
		return Config{}, err
	}
	return decode(root, source.Decoder{})
}

// Lint is the traps of a file read as far as it can be read, the list of its
// documents in which they have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, err := tree(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	c, _ := decode(root, source.Decoder{Mistakes: &mistakes})
	return Traps(c), root, errors.Join(mistakes...)
}

// tree is the documents of a file as a list.
func tree(file, text string) (*source.Node, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, err
	}
	root := source.NewNode(file, source.Pos{Line: 1, Column: 1}, source.List, "")
	root.Items = docs
	for _, d := range docs {
		if kind(d) != "" {
			return root, nil
		}
	}
	return nil, &source.Error{File: file, Found: "no DestinationRule and no VirtualService", Want: "one of them at least, of networking.istio.io", Mistake: source.Value}
}

// kind is what a document is to us; empty for somebody else's.
func kind(d *source.Node) string {
	k, ok := d.Get("kind")
	if !ok || k.Text != "DestinationRule" && k.Text != "VirtualService" {
		return ""
	}
	return k.Text
}

func decode(root *source.Node, d source.Decoder) (Config, error) {
	var c Config
	for i, n := range root.Items {
		var err error
		switch kind(n) {
		case "DestinationRule":
			var r DestinationRule
			err = decodeOne(n, &r, d)
			c.DestinationRules, c.rulesAt = append(c.DestinationRules, r), append(c.rulesAt, i)
		case "VirtualService":
			var s VirtualService
			err = decodeOne(n, &s, d)
			c.VirtualServices, c.servicesAt = append(c.VirtualServices, s), append(c.servicesAt, i)
		}
		if err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

func decodeOne(n *source.Node, to any, d source.Decoder) error {
	version, ok := n.Get("apiVersion")
	if !ok {
		if err := d.Note(n.Errorf("apiVersion: networking.istio.io/v1", "no apiVersion")); err != nil {
			return err
		}
	} else if !strings.HasPrefix(version.Text, "networking.istio.io/") {
		if err := d.Note(version.Errorf("networking.istio.io/v1", "the apiVersion %q", version.Text)); err != nil {
			return err
		}
	}
	known := prune(n, reflect.TypeOf(to).Elem())
	if err := d.Decode(known, to); err != nil {
		return err
	}
	return check(known, d)
}

// check: what must be 1 ms or more where it is there.
func check(n *source.Node, d source.Decoder) error {
	for _, m := range n.Members {
		var t Duration
		if slices.Contains([]string{"interval", "baseEjectionTime", "perTryTimeout", "backoff"}, m.Key) &&
			t.ReadNode(m.Value) == nil && time.Duration(t) < time.Millisecond {
			if err := d.Note(m.Value.Wrong("1ms or more")); err != nil {
				return err
			}
		}
		if err := check(m.Value, d); err != nil {
			return err
		}
	}
	for _, item := range n.Items {
		if err := check(item, d); err != nil {
			return err
		}
	}
	return nil
}

// prune is n without the fields that Istio has and we do not look at, along a type
// of ours.
func prune(n *source.Node, t reflect.Type) *source.Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	c := *n
	switch {
	case t.Kind() == reflect.Slice:
		c.Items = nil
		for _, item := range n.Items {
			c.Items = append(c.Items, prune(item, t.Elem()))
		}
	case t.Kind() == reflect.Struct && n.Kind == source.Map:
		c.Members = nil
		for _, m := range n.Members {
			if f, ok := field(t, m.Key); ok {
				m.Value = prune(m.Value, f.Type)
			} else if slices.Contains(others[t], m.Key) || t == reflect.TypeFor[Metadata]() {
				continue
			}
			c.Members = append(c.Members, m)
		}
	default:
	}
	return &c
}

func field(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && source.Key(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// at is a path into a document of the file.
func at(document int, keys ...string) []string {
	return append([]string{fmt.Sprint(document)}, keys...)
}
