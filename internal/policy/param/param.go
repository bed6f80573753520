// Package param is what the parameters of every breaker library have in common:
// a table of names, units and ranges over the library's own struct of settings,
// read from text and written back as the library writes it.
package param

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tripcurve/internal/policy"
)

// Of is one parameter of a library whose settings are a P.
type Of[P any] struct {
	policy.Param
	// Set reads a typed value. On an error the settings are unchanged.
	Set func(*P, string) error
	// Get is the value as the library writes it, in the form that Set takes.
	Get func(P) string
}

// Table is all parameters of one library, in the order of its documentation.
type Table[P any] struct {
	Library string // for messages: "opossum"
	Word    string // what the library calls a parameter; "parameter" when empty
	Default func() P
	Params  []Of[P]
	// Hint says what is wrong with a name that is not in the table, where the
	// library has more to say than a list of those that are; nil where it has not.
	Hint func(name string) error
	// Validate looks at values that only make sense together; nil when none do.
	Validate func(P) error
	// Always are written by Map even at the library's default.
	Always []string
}

// List is the parameters that can be set.
func (t Table[P]) List() []policy.Param {
	list := make([]policy.Param, len(t.Params))
	def := t.Default()
	for i, p := range t.Params {
		list[i] = p.Param
		list[i].Text = p.Get(def)
	}
	return list
}

// Names are the names of all parameters.
func (t Table[P]) Names() []string {
	names := make([]string, len(t.Params))
	for i, p := range t.Params {
		names[i] = p.Name
	}
	return names
}

func (t Table[P]) find(name string) (Of[P], error) {
	for _, p := range t.Params {
		if p.Name == name {
			return p, nil
		}
	}
	if t.Hint != nil {
		if err := t.Hint(name); err != nil {
			return Of[P]{}, fmt.Errorf("%w (known: %s)", err, strings.Join(t.Names(), ", "))
		}
	}
	word := t.Word
	if word == "" {
		word = "parameter"
	}
	return Of[P]{}, policy.Unknown(t.Library+" "+word, name, t.Names())
}

// Known says what is wrong with a parameter's name, if anything.
func (t Table[P]) Known(name string) error {
	_, err := t.find(name)
	return err
}

// Check says whether the library takes value for its parameter name and returns
// it as the library writes it. Values are looked at one by one.
func (t Table[P]) Check(name, value string) (string, error) {
	p, err := t.find(name)
	if err != nil {
		return "", err
	}
	settings := t.Default()
	if err := p.Set(&settings, value); err != nil {
		return "", err
	}
	return p.Get(settings), nil
}

// Parse reads parameters under the library's own names over its defaults.
func (t Table[P]) Parse(params map[string]string) (P, error) {
	settings := t.Default()
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if err := t.Known(name); err != nil {
			return t.Default(), err
		}
	}
	for _, p := range t.Params {
		v, ok := params[p.Name]
		if !ok {
			continue
		}
		if err := p.Set(&settings, v); err != nil {
			return t.Default(), fmt.Errorf("%s: %s: %w", t.Library, p.Name, err)
		}
	}
	if t.Validate != nil {
		if err := t.Validate(settings); err != nil {
			return t.Default(), fmt.Errorf("%s: %w", t.Library, err)
		}
	}
	return settings, nil
}

// Map writes settings under the library's own names, leaving out what has the
// library's default except what is always written.
func (t Table[P]) Map(settings P) map[string]string {
	m := map[string]string{}
	def := t.Default()
	for _, p := range t.Params {
		if v := p.Get(settings); v != p.Get(def) || slices.Contains(t.Always, p.Name) {
			m[p.Name] = v
		}
	}
	return m
}
