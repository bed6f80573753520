package resilience4j

import (
	"errors"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Read reads the part of an application.yml under resilience4j. Everything else in
// it is somebody else's.
func Read(file, text string) (Config, error) {
	_, part, err := find(file, text)
	if err != nil {
		return Config{}, err
	}
	return decode(part, source.Decoder{})
}

// Lint is the traps of a file read as far as it can be read, the tree in which they
// have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, part, err := find(file, text)
	if err != nil {
		return nil, root, err
	}
	var mistakes []error
	c, _ := decode(part, source.Decoder{Mistakes: &mistakes})
	return Traps(c), root, errors.Join(mistakes...)
}

// find is the document with resilience4j in it, and what stands under that key.
func find(file, text string) (root, part *source.Node, err error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range docs {
		for _, m := range d.Members {
			switch {
			case strings.HasPrefix(m.Key, "resilience4j."):
				return d, nil, m.Wrong("a dotted key: write resilience4j: and nest the rest under it")
			case m.Key != "resilience4j":
			case part != nil:
				return root, nil, m.Wrong("resilience4j a second time, in another document: read one profile at a time")
			default:
				root, part = d, m.Value
			}
		}
	}
	if part == nil {
		return nil, nil, &source.Error{File: file, Found: "no resilience4j in it", Want: "an application.yml with resilience4j:"}
	}
	return root, part, nil
}

func decode(n *source.Node, d source.Decoder) (Config, error) {
	d.Relaxed = true
	var c Config
	if err := d.Decode(n, &c); err != nil {
		return Config{}, err
	}
	for _, m := range n.Members {
		if source.Relax(m.Key) == "circuitbreaker" {
			if err := d.Note(exclusive(m.Value)); err != nil {
				return Config{}, err
			}
		}
	}
	return c, nil
}

// exclusive: a breaker's open time either grows or is randomised; both together
// stop the application at start. (A retry may have both.)
func exclusive(n *source.Node) error {
	on := map[string]*source.Node{}
	for _, m := range n.Members {
		switch key := source.Relax(m.Key); key {
		case "enableexponentialbackoff", "enablerandomizedwait":
			if m.Value.Text == "true" {
				on[key] = m.Value
			}
		default:
			if err := exclusive(m.Value); err != nil {
				return err
			}
		}
	}
	if len(on) == 2 {
		return on["enablerandomizedwait"].Errorf("one of the two: the application does not start", "enableRandomizedWait beside enableExponentialBackoff")
	}
	return nil
}
