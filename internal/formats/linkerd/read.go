package linkerd

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/linkerd"
)

// prefixes of the annotations that are read strictly.
var prefixes = []string{"balancer.linkerd.io/", "balancer.alpha.linkerd.io/", "timeout.linkerd.io/", "retry.linkerd.io/"}

func ours(key string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// Detect says why a text is of Linkerd. A Service without annotations is only where
// its file says so.
func Detect(file, text string) string {
	if name := file[strings.LastIndexByte(file, '/')+1:]; strings.HasPrefix(name, "linkerd.") && source.HasKey(text, "kind") {
		return "its name is linkerd.<service>.yaml"
	}
	for line := range strings.Lines(text) {
		key := strings.TrimLeft(strings.TrimSpace(line), `"'{`)
		key, _, ok := strings.Cut(key, ":")
		if key = strings.TrimRight(key, `"' `); ok && (ours(key) || key == "linkerd.io/inject") {
			return "it has the annotation " + key
		}
	}
	for _, key := range slices.Sorted(maps.Values(linkerd.Annotations)) { // on the line of another key
		if source.HasKey(text, key) {
			return "it has the annotation " + key
		}
	}
	return ""
}

// kinds that the annotations can stand on.
var kinds = []string{"Service", "EgressNetwork", "HTTPRoute", "GRPCRoute"}

// Read reads the Services and routes of a file, as far as Linkerd's annotations go;
// everything else is somebody else's.
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
	if !slices.ContainsFunc(docs, annotated) {
		return nil, &source.Error{File: file, Found: "no Service", Want: "a Service with Linkerd's annotations", Mistake: source.Value}
	}
	return root, nil
}

// annotated is a resource that the annotations can stand on.
func annotated(d *source.Node) bool {
	k, ok := d.Get("kind")
	return ok && slices.Contains(kinds, k.Text)
}

func decode(root *source.Node, d source.Decoder) (Config, error) {
	var c Config
	for i, n := range root.Items {
		if !annotated(n) {
			continue
		}
		var r Resource
		known := prune(n, "apiVersion", "kind", "metadata")
		if err := d.Decode(known, &r); err != nil {
			return Config{}, err
		}
		if err := check(known, r.Metadata, d); err != nil {
			return Config{}, err
		}
		c.Resources, c.at = append(c.Resources, r), append(c.at, i)
	}
	return c, nil
}

// prune is n with these members alone; metadata with the annotations that are read,
// and those that Linkerd does not have.
func prune(n *source.Node, keys ...string) *source.Node {
	c := *n
	if n.Kind != source.Map {
		return &c
	}
	c.Members = nil
	for _, m := range n.Members {
		if !slices.Contains(keys, m.Key) {
			continue
		}
		switch m.Key {
		case "metadata":
			m.Value = prune(m.Value, "name", "namespace", "annotations")
		case "annotations":
			m.Value = annotations(m.Value)
		}
		c.Members = append(c.Members, m)
	}
	return &c
}

func annotations(n *source.Node) *source.Node {
	c := *n
	c.Members = nil
	known := source.Keys(reflect.TypeFor[Annotations]())
	for _, m := range n.Members {
		if slices.Contains(known, m.Key) || ours(m.Key) && !slices.Contains(others, m.Key) {
			c.Members = append(c.Members, m)
		}
	}
	return &c
}

// check is what makes Linkerd drop a policy as a whole.
func check(n *source.Node, m Metadata, d source.Decoder) error {
	if m.Annotations == nil {
		return nil
	}
	a := m.Annotations
	node := source.Find(n, []string{"metadata", "annotations"})
	at := func(name string) *source.Node { return source.Find(node, []string{name}) }
	var err error
	least, most := time.Duration(value(a.MinPenalty, Duration(time.Second))), time.Duration(value(a.MaxPenalty, Duration(time.Minute)))
	switch {
	case most == 0:
		err = at(maxPenalty).Wrong("a time above 0")
	case least > most:
		where := maxPenalty
		if a.MaxPenalty == nil {
			where = minPenalty
		}
		err = at(where).Errorf("no less than the min-penalty: Linkerd drops the whole failure accrual", "min-penalty %s and max-penalty %s", Duration(least), Duration(most))
	case a.Threshold != nil && *a.Threshold > 1:
		err = at(threshold).Wrong("a success rate from 0 to 1")
	case value(a.Threshold, 1) > 0 && a.Window != nil && time.Duration(*a.Window) < 10*time.Millisecond:
		err = at(window).Wrong("10ms or more")
	case value(a.Threshold, 1) > 0 && value(a.MinRequests, 0) > 1_000_000:
		err = at(minRequests).Wrong("1000000 at most")
	case value(a.RetryLimit, 0) > math.MaxUint16:
		err = at(retryLimit).Wrong("65535 at most")
	}
	return d.Note(err)
}

// path is where an annotation stands in the file.
func path(document int, keys ...string) []string {
	return append([]string{fmt.Sprint(document), "metadata", "annotations"}, keys...)
}
