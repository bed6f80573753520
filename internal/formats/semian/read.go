package semian

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Detect says why a text has options of Semian in YAML. Ruby code has a key of that
// name, too.
func Detect(file, text string) string {
	if strings.HasSuffix(file, ".rb") || !source.HasKey(text, "semian") {
		return ""
	}
	return "it has the key semian"
}

// Read reads every semian: key of a YAML file, at any depth. Everything else in it is
// somebody else's.
func Read(file, text string) (Config, error) {
	root, err := tree(file, text)
	if err != nil {
		return nil, err
	}
	return read(file, root, source.Decoder{})
}

// Lint is the traps of a file read as far as it can be read, the tree in which they
// have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, err := tree(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	c, err := read(file, root, source.Decoder{Mistakes: &mistakes})
	if err != nil {
		return nil, root, err
	}
	return Traps(c), root, errors.Join(mistakes...)
}

// tree is the one document of a file.
func tree(file, text string) (*source.Node, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, err
	}
	switch len(docs) {
	case 0:
		return nil, missing(file)
	case 1:
		return docs[0], nil
	}
	return nil, docs[1].Errorf("one document", "a second document")
}

func missing(file string) error {
	return &source.Error{File: file, Found: "no semian in it", Want: "a YAML file with semian: in the section of an adapter"}
}

func read(file string, root *source.Node, d source.Decoder) (Config, error) {
	var c Config
	if err := c.find(root, nil, service(file), d); err != nil {
		return nil, err
	}
	if c == nil {
		return nil, missing(file)
	}
	return c, nil
}

// service is the name that a file gives to a breaker that nothing else names.
func service(file string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	if s, ok := strings.CutPrefix(name, "semian."); ok {
		return s
	}
	return name
}

// find collects what stands under keys named semian. A section may carry an anchor,
// as default: &default in a database.yml does.
func (c *Config) find(n *source.Node, at []string, section string, d source.Decoder) error {
	if n.Inside != nil {
		n = n.Inside
	}
	for _, m := range n.Members {
		to := trap.At(at, m.Key)
		if m.Key != "semian" {
			if err := c.find(m.Value, to, m.Key, d); err != nil {
				return err
			}
			continue
		}
		if m.Value.Kind == source.Bool && m.Value.Text == "false" {
			continue // the adapter is to be left alone
		}
		b := Breaker{Path: to, Name: section}
		var err error
		if b.Options, err = decode(m, d); err != nil {
			return err
		}
		if b.Options.Name != nil {
			b.Name = *b.Options.Name
		}
		// Environments share the name of a resource.
		if taken := slices.ContainsFunc(*c, func(o Breaker) bool { return o.Name == b.Name }); taken {
			b.Name = strings.Join(append(slices.Clone(at), b.Name), "-")
		}
		*c = append(*c, b)
	}
	for i, item := range n.Items {
		if err := c.find(item, trap.At(at, fmt.Sprint(i)), section, d); err != nil {
			return err
		}
	}
	return nil
}

// decode reads the options under one key and holds them against each other.
func decode(m source.Member, d source.Decoder) (Options, error) {
	n := m.Value
	if n.Inside != nil {
		n = n.Inside
	}
	var o Options
	if err := d.Decode(n, &o); err != nil {
		return o, err
	}
	if n.Kind != source.Map {
		return o, nil
	}
	return o, d.Note(o.check(m, n))
}

// check is what the library requires of several options together.
func (o Options) check(m source.Member, n *source.Node) error {
	if !is(o.CircuitBreaker, true) {
		return nil
	}
	p := o.params()
	if is(o.AdaptiveCircuitBreaker, false) {
		if at, ok := n.Get("integral_lower_cap"); ok && p.IntegralLowerCap > p.IntegralUpperCap {
			return at.Errorf("no more than integral_upper_cap", "%s", at.Text)
		}
		return nil
	}
	for _, key := range []string{"error_threshold", "error_timeout", "success_threshold"} {
		if _, ok := n.Get(key); !ok {
			return m.Bad(fmt.Sprintf("semian without %s, which the library requires", key))
		}
	}
	if at, ok := n.Get("lumping_interval"); ok && p.Lumped() {
		return at.Errorf("no more than error_threshold_timeout / (error_threshold - 1), or the breaker can never open", "%s", at.Text)
	}
	return nil
}
