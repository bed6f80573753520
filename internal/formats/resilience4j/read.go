package resilience4j

import (
	"errors"
	"slices"
	"strings"
	"time"

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
		for _, check := range checks[source.Relax(m.Key)] {
			if err := d.Note(check(m.Value)); err != nil {
				return Config{}, err
			}
		}
	}
	return c, nil
}

// checks are what a module's keys have to do with each other, by module.
var checks = map[string][]func(*source.Node) error{
	"circuitbreaker": {bases, exclusive, atLeast("waitdurationinopenstate", "exponentialmaxwaitdurationinopenstate")},
	"retry":          {bases, atLeast("exponentialmaxwaitduration")},
	"timelimiter":    {bases},
	"bulkhead":       {bases},
}

// atLeast: these durations count in whole milliseconds, and 0 of them stops the
// application at start.
func atLeast(keys ...string) func(*source.Node) error {
	var check func(*source.Node) error
	check = func(n *source.Node) error {
		for _, m := range n.Members {
			if !slices.Contains(keys, source.Relax(m.Key)) {
				if err := check(m.Value); err != nil {
					return err
				}
			} else if d, err := parse(m.Value.Text); err == nil && d < time.Millisecond {
				return m.Value.Wrong("a duration of 1ms or more")
			}
		}
		return nil
	}
	return check
}

// bases: the config that an instance or another config builds on must be there, and
// not build on it in turn; else the application does not start.
func bases(module *source.Node) error {
	configs, ok := module.Get("configs")
	if !ok {
		configs = source.NewNode("", source.Pos{}, source.Map, "")
	}
	for _, group := range module.Members {
		if group.Key != "configs" && group.Key != "instances" {
			continue
		}
		for _, m := range group.Value.Members {
			seen := map[string]bool{}
			if group.Key == "configs" {
				seen[m.Key] = true
			}
			for n := m.Value; ; {
				base, ok := baseNode(n)
				if !ok {
					break
				}
				if n, ok = configs.Get(base.Text); !ok {
					return base.Errorf("one of the module's configs", "baseConfig %q", base.Text)
				}
				if seen[base.Text] {
					return base.Errorf("a config that does not build on itself", "baseConfig %q", base.Text)
				}
				seen[base.Text] = true
			}
		}
	}
	return nil
}

func baseNode(n *source.Node) (*source.Node, bool) {
	for _, m := range n.Members {
		if source.Relax(m.Key) == "baseconfig" && m.Value.Text != "" {
			return m.Value, true
		}
	}
	return nil, false
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
