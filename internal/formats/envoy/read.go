package envoy

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

const (
	connectionManager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	router            = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
	protocolOptions   = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
)

// Read reads a bootstrap, or a RouteConfiguration, as YAML or JSON. Keys may be
// spelt as in the API (outlier_detection) or in its JSON (outlierDetection); one that
// Envoy does not have is a mistake wherever a policy could stand.
func Read(file, text string) (Config, error) {
	root, err := tree(file, text)
	if err != nil {
		return Config{}, err
	}
	return decode(root, source.Decoder{})
}

// Lint is the traps of a file read as far as it can be read, the tree in which they
// have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, err := tree(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	c, _ := decode(root, source.Decoder{Mistakes: &mistakes})
	return Traps(c), root, errors.Join(mistakes...)
}

func tree(file, text string) (*source.Node, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, err
	}
	switch len(docs) {
	case 0:
		return nil, &source.Error{File: file, Found: "an empty file", Want: "static_resources: or virtual_hosts:", Mistake: source.Syntax}
	case 1:
		return snake(docs[0])
	default:
		return nil, docs[1].Errorf("one document: Envoy reads no others", "a second document")
	}
}

func decode(root *source.Node, d source.Decoder) (Config, error) {
	var c Config
	known := prune(root, reflect.TypeFor[Config]())
	if err := d.Decode(known, &c); err != nil {
		return Config{}, err
	}
	return c, check(known, d)
}

// check is what the types alone do not say, at any depth.
func check(n *source.Node, d source.Decoder) error {
	for _, m := range n.Members {
		var err error
		switch m.Key {
		case "outlier_detection":
			err = errors.Join(above(m.Value, "interval", "base_ejection_time", "max_ejection_time"),
				notBelow(m.Value, "base_ejection_time", "max_ejection_time", defaultEjection))
		case "retry_back_off":
			err = errors.Join(need(m.Value, "base_interval"), above(m.Value, "base_interval", "max_interval"),
				notBelow(m.Value, "base_interval", "max_interval", 0))
		case "connection_keepalive":
			err = need(m.Value, "timeout")
		}
		if err := d.Note(err); err != nil {
			return err
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

// above: Envoy refuses a time of 0 here.
func above(n *source.Node, keys ...string) error {
	for _, key := range keys {
		v, ok := n.Get(key)
		var t Duration
		if ok && t.ReadNode(v) == nil && t == 0 {
			return v.Wrong("a time above 0s")
		}
	}
	return nil
}

func need(n *source.Node, key string) error {
	if _, ok := n.Get(key); !ok && n.Kind == source.Map {
		return n.Errorf(key, "no %s", key)
	}
	return nil
}

// notBelow: Envoy refuses a longest time that is shorter than the first.
func notBelow(n *source.Node, first, longest string, absent Duration) error {
	l, ok := n.Get(longest)
	var df, dl Duration
	if !ok || dl.ReadNode(l) != nil {
		return nil // said elsewhere
	}
	f, ok := n.Get(first)
	if !ok {
		df = absent
	} else if df.ReadNode(f) != nil {
		return nil
	}
	if dl < df {
		return l.Errorf("no less than "+first+" "+df.String()+": Envoy refuses the file", "%s %s", longest, dl)
	}
	return nil
}

// snake is n with the keys of the API's JSON spelling in that of the API.
func snake(n *source.Node) (*source.Node, error) {
	c := *n
	c.Members, c.Items = nil, nil
	for _, m := range n.Members {
		v, err := snake(m.Value)
		if err != nil {
			return nil, err
		}
		if err := c.Add(m.Pos, snakeKey(m.Key), v); err != nil {
			return nil, err
		}
	}
	for _, item := range n.Items {
		i, err := snake(item)
		if err != nil {
			return nil, err
		}
		c.Items = append(c.Items, i)
	}
	return &c, nil
}

// snakeKey leaves alone what is no field: types, and names of extensions.
func snakeKey(key string) string {
	if strings.ContainsAny(key, ".@_-") {
		return key
	}
	var b strings.Builder
	for _, r := range strings.ReplaceAll(key, "onsecutive5xx", "onsecutive_5xx") {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// prune is n without the fields of Envoy that we do not look at, along a type of
// ours. What is left and unknown to the type is unknown to Envoy.
func prune(n *source.Node, t reflect.Type) *source.Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	c := *n
	switch t.Kind() {
	case reflect.Slice:
		c.Items = nil
		for _, item := range n.Items {
			c.Items = append(c.Items, prune(item, t.Elem()))
		}
	case reflect.Map:
		c.Members = nil
		for _, m := range n.Members {
			if m.Key == protocolOptions {
				m.Value = prune(m.Value, t.Elem())
				c.Members = append(c.Members, m)
			}
		}
	case reflect.Struct:
		if n.Kind == source.Map {
			c.Members = pruned(n, t)
		}
	default:
	}
	return &c
}

func pruned(n *source.Node, t reflect.Type) []source.Member {
	var kept []source.Member
	if kind, ok := n.Get("@type"); ok && t == reflect.TypeFor[ConnectionManager]() && kind.Text != connectionManager {
		t = reflect.TypeFor[Typed]() // another filter
	}
	ignored := others[t]
	for _, m := range n.Members {
		f, ok := field(t, m.Key)
		switch {
		case ok:
			m.Value = prune(m.Value, f.Type)
			kept = append(kept, m)
		case t == reflect.TypeFor[Typed](), slices.Contains(ignored, m.Key):
		default:
			kept = append(kept, m)
		}
	}
	return kept
}

func field(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); source.Key(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}
