// Package chosen is the set of policies that a user chose last on the screens, kept
// in a file of the state folder, one for each scenario, so that `tripcurve export
// config` can write it later. The file holds policies and nothing else.
package chosen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
)

// schema names the shape of the file.
const schema = "tripcurve.chosen/1"

// most is the size in bytes above which a file is none of ours.
const most = 1 << 20

// Set is what was chosen.
type Set struct {
	Scenario string       // whose edges these are: "inc-2847"
	Edge     string       // the edge that was looked at
	Screen   string       // on which it was chosen: "Tune"
	Edges    policy.Edges // not to be changed by who gets it
}

// Path is the file of a scenario below the state folder.
func Path(state, scenario string) string {
	return filepath.Join(state, "chosen", scenario+".yaml")
}

// text is the file's: what differs from base, the scenario's own policies.
func (s Set) text(base policy.Edges) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Chosen last on the screens; `tripcurve export config` writes it unless told otherwise.\n"+
		"# Without this file nothing is chosen.\nschema: %s\nscenario: %q\nscreen: %q\nedge: %q\npolicies:", schema, s.Scenario, s.Screen, s.Edge)
	changes := policyfile.Write(s.Edges, base)
	if changes == "{}\n" {
		return b.String() + " {}\n"
	}
	b.WriteByte('\n')
	for line := range strings.Lines(changes) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// Read is the set in the file at path, over base, the scenario's own policies. Where
// there is no file the error is fs.ErrNotExist; any other says what in the file is
// wrong, and where.
func Read(path, scenario string, base policy.Edges) (Set, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Set{}, err
	case !info.Mode().IsRegular():
		return Set{}, fmt.Errorf("%s: not a file", path)
	case info.Size() > most:
		return Set{}, fmt.Errorf("%s: larger than what the screens write", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Set{}, err
	}
	s, err := parse(path, string(text), base)
	if err == nil && s.Scenario != scenario {
		err = fmt.Errorf("%s: it is of the scenario %q, not of %s", path, s.Scenario, scenario)
	}
	return s, err
}

func parse(path, text string, base policy.Edges) (s Set, err error) {
	docs, err := source.YAML(path, text)
	if err != nil {
		return s, err
	}
	if len(docs) == 0 {
		return s, &source.Error{File: path, Found: "nothing in it", Want: "schema: " + schema}
	}
	root := docs[0]
	if len(docs) > 1 {
		return s, docs[1].Errorf("one", "a second document")
	}
	if root.Kind != source.Map {
		return s, root.Wrong("schema: " + schema)
	}
	// Another version's file may have any other key; that it is another version's
	// says more.
	if n, ok := root.Get("schema"); !ok {
		return s, root.Errorf("schema: "+schema, "no schema")
	} else if n.Text != schema {
		return s, n.Wrong(schema)
	}
	words := map[string]*string{"schema": new(string), "scenario": &s.Scenario, "screen": &s.Screen, "edge": &s.Edge}
	for _, m := range root.Members {
		word, known := words[m.Key]
		switch {
		case m.Key == "policies":
			s.Edges, err = policyfile.ReadTree(m.Value, base)
		case !known:
			err = m.Wrong(fmt.Sprintf("no key is called %q here", m.Key))
		case m.Value.Kind != source.String:
			err = m.Value.Wrong("a name")
		default:
			*word = m.Value.Text
		}
		if err != nil {
			return s, err
		}
	}
	if s.Edges == nil {
		return s, root.Errorf("policies", "none")
	}
	if !slices.Contains(base.Names(), s.Edge) {
		n, ok := root.Get("edge")
		if !ok {
			n = root
		}
		return s, n.Errorf("one of "+strings.Join(base.Names(), ", "), "the edge %q", s.Edge)
	}
	return s, nil
}

// None says whether err only means that nothing was chosen yet.
func None(err error) bool { return errors.Is(err, fs.ErrNotExist) }
