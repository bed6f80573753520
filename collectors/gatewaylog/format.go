package gatewaylog

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
)

// stampedEnd is which end of a request a format's timestamp names.
type stampedEnd uint8

const (
	stampEnd stampedEnd = iota
	stampStart
)

// Format is one way to write an access log. Built-in ones are data files that
// carry their own tests; an nginx log_format pasted by a user becomes the same
// thing.
type Format struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Family string `json:"family"` // formats of one family may be mixed in one log
	// Notes are what a reader must know: what could not be understood of a
	// pasted layout, what the log does not say.
	Notes []string `json:"notes,omitempty"`

	Layout     string            `json:"layout,omitempty"`     // text with $variables
	Vocabulary string            `json:"vocabulary,omitempty"` // "nginx": its variables; else our field names
	Escape     string            `json:"escape,omitempty"`     // default, json, none
	Free       []string          `json:"free,omitempty"`       // fields that may hold anything, quotes and blanks too
	Keys       map[string]string `json:"keys,omitempty"`       // JSON: key to field name
	Required   []string          `json:"required,omitempty"`   // JSON: keys that make a line one of ours

	At struct {
		Layout string `json:"layout"` // as in Go's time package, or "unix" with a unit
		Unit   string `json:"unit,omitempty"`
		Means  string `json:"means"` // "start" or "end"
	} `json:"at"`
	Took         unitOf `json:"took"`
	UpstreamTook unitOf `json:"upstream_took"`

	Samples []Sample `json:"samples"`

	stamp     stampedEnd
	program   *program
	object    *object
	relatives []*Format // rest of the family, more fields first
}

type unitOf struct {
	Unit string `json:"unit"`
}

// Sample is a line and what it must decode to. Fields that are not named are
// not compared.
type Sample struct {
	Line string            `json:"line"`
	Want map[string]string `json:"want,omitempty"`
	// Error is what the message must contain when the line does not fit.
	Error string `json:"error,omitempty"`
}

// Means says which end the format's timestamp names: "start" or "end".
func (f *Format) Means() string {
	if f.stamp == stampStart {
		return "start"
	}
	return "end"
}

// Timed says whether the format has a duration, without which only one end of a
// request is known.
func (f *Format) Timed() bool { return f.has(tookField) }

func (f *Format) has(want field) bool {
	if f.program != nil {
		return slices.ContainsFunc(f.program.ops, func(o op) bool { return o.field == want })
	}
	for _, s := range f.object.keys {
		if s.field == want {
			return true
		}
	}
	return false
}

// wanted is how many fields the format gives, to choose between formats that fit
// equally well.
func (f *Format) wanted() int {
	if f.program != nil {
		return f.program.fields
	}
	return len(f.object.keys)
}

//go:embed formats/*.json
var formatFiles embed.FS

var builtin = sync.OnceValues(func() ([]*Format, error) { return loadFormats(formatFiles) })

// Formats are the built-in formats, those that give more first.
func Formats() ([]*Format, error) { return builtin() }

// FormatByName is one built-in format.
func FormatByName(name string) (*Format, error) {
	all, err := Formats()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range all {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("gateway log format %q: not known; there are %s", name, strings.Join(names, ", "))
}

func loadFormats(files fs.FS) ([]*Format, error) {
	paths, err := fs.Glob(files, "formats/*.json")
	if err != nil {
		return nil, err
	}
	var all []*Format
	for _, path := range paths {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, err
		}
		f, err := readFormat(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b *Format) int { return b.wanted() - a.wanted() })
	for _, f := range all {
		for _, g := range all {
			if f != g && f.Family == g.Family {
				f.relatives = append(f.relatives, g)
			}
		}
	}
	return all, nil
}

// readFormat reads and compiles one format file.
func readFormat(text []byte) (*Format, error) {
	f := new(Format)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(f); err != nil {
		return nil, err
	}
	if f.Name == "" || f.Title == "" || f.Family == "" {
		return nil, fmt.Errorf("format %q: name, title and family are needed", f.Name)
	}
	switch f.At.Means {
	case "start":
		f.stamp = stampStart
	case "end":
		f.stamp = stampEnd
	default:
		return nil, fmt.Errorf("format %s: at.means is %q: start or end", f.Name, f.At.Means)
	}
	if f.Keys != nil {
		return f, f.compileObject()
	}
	return f, f.compileLayout()
}

func (f *Format) compileLayout() error {
	escape, ok := escapings[f.Escape]
	if !ok {
		return fmt.Errorf("format %s: escape %q: default, json or none", f.Name, f.Escape)
	}
	look := f.ownVar
	if f.Vocabulary == "nginx" {
		look = func(name string) (spec, error) {
			s, known := nginxVar(name)
			if !known {
				return s, fmt.Errorf("nginx has no such variable")
			}
			return s, nil
		}
	}
	p, err := compile(f.Layout, escape, look)
	if err != nil {
		return fmt.Errorf("format %s: layout: %w", f.Name, err)
	}
	f.program = p
	return nil
}

func (f *Format) compileObject() error {
	f.object = &object{keys: map[string]*spec{}, required: f.Required}
	for key, name := range f.Keys {
		s, err := f.ownVar(name)
		if err != nil {
			return fmt.Errorf("format %s: key %s: %w", f.Name, key, err)
		}
		s.required = slices.Contains(f.Required, key)
		f.object.keys[key] = &s
	}
	for _, key := range f.Required {
		if f.object.keys[key] == nil {
			return fmt.Errorf("format %s: required key %s has no field", f.Name, key)
		}
	}
	return nil
}

// ownVar is what a field name of ours means in this format. What is skipped may
// have a name of its own, written with an underscore in front.
func (f *Format) ownVar(name string) (spec, error) {
	fd, ok := fieldNames[name]
	if !ok && !strings.HasPrefix(name, "_") {
		return spec{}, fmt.Errorf("%q is no field", name)
	}
	s := spec{field: fd, text: slices.Contains(f.Free, name)}
	var err error
	switch fd {
	case atField:
		err = f.timeSpec(&s)
	case tookField:
		s.unit, err = unitNamed(f.Took.Unit)
	case upstreamTookField:
		s.unit, err = unitNamed(f.UpstreamTook.Unit)
	default:
	}
	return s, err
}

func (f *Format) timeSpec(s *spec) (err error) {
	switch f.At.Layout {
	case clfLayout:
		s.time, s.width = clfTime, 26
	case isoLayout:
		s.time = isoTime
	case unixLayout:
		s.time = unixTime
		s.unit, err = unitNamed(f.At.Unit)
	default:
		err = fmt.Errorf("time layout %q: %s, %s or %s", f.At.Layout, clfLayout, isoLayout, unixLayout)
	}
	return err
}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}

func unitNamed(name string) (time.Duration, error) {
	if u, ok := units[name]; ok {
		return u, nil
	}
	return 0, fmt.Errorf("unit %q: s, ms, us or ns", name)
}
