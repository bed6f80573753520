package gatewaylog

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
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

	Layout     string   `json:"layout,omitempty"`     // text with $variables
	Vocabulary string   `json:"vocabulary,omitempty"` // "nginx": its variables; else our field names
	Escape     string   `json:"escape,omitempty"`     // default, json, none
	Free       []string `json:"free,omitempty"`       // fields that may hold anything, quotes and blanks too
	More       bool     `json:"more,omitempty"`       // what stands behind the layout does not matter
	// Keys are those of a JSON line and what they mean: "took", or "took ms" with
	// a unit. A dot leads into an object, [] into each object of an array.
	Keys map[string]string `json:"keys,omitempty"`
	// Aliases are the same by field, where writers do not agree: the first key
	// that a line has counts.
	Aliases  map[string][]string `json:"aliases,omitempty"`
	Required []string            `json:"required,omitempty"` // JSON: keys that make a line one of ours
	Needs    []string            `json:"needs,omitempty"`    // JSON: fields that do, by whichever key
	Outcomes string              `json:"outcomes,omitempty"` // the table that flags, details and statuses are read by
	// Names are other names that the format goes by.
	Names []string `json:"names,omitempty"`
	// Twin is the format that lines cannot always be told from. It is taken
	// unless the lines say otherwise.
	Twin string `json:"twin,omitempty"`
	// Last says that the format is a makeshift: any other that fits as well is better.
	Last bool `json:"last,omitempty"`

	At struct {
		Layout string `json:"layout"` // as in Go's time package, "unix" with a unit, or "any"
		Unit   string `json:"unit,omitempty"`
		Means  string `json:"means"` // "start", "end", or "both" where they have fields of their own
	} `json:"at"`
	Took         unitOf `json:"took"` // "guess": by the lines
	UpstreamTook unitOf `json:"upstream_took"`

	Samples []Sample `json:"samples"`

	stamp     stampedEnd
	program   *program
	object    *object
	outcomes  *outcomeTable
	relatives []*Format // rest of the family, more fields first
	oddTimes  bool      // it says more about time than one stamp
	zone      *time.Location
	written   string // what a user wrote; empty for a built-in one
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

// Given is what ParseFormat makes the format of again.
func (f *Format) Given() string {
	if f.written != "" {
		return f.written
	}
	return f.Name
}

// Means says which end of a request the format names: "start", "end" or "both".
func (f *Format) Means() string {
	if f.has(beginField) && f.has(closeField) {
		return "both"
	}
	if f.has(beginField) || f.stamp == stampStart && !f.has(closeField) {
		return "start"
	}
	return "end"
}

// Timed says whether the format has a duration, without which only one end of a
// request is known.
func (f *Format) Timed() bool {
	return f.has(tookField) || f.has(tookPartField) || f.has(beginField) && f.has(closeField)
}

func (f *Format) has(want field) bool {
	found := false
	f.each(func(s *spec) { found = found || s.field == want })
	return found
}

// each calls do for every value that the format reads.
func (f *Format) each(do func(*spec)) {
	if f.program != nil {
		for i := range f.program.ops {
			do(&f.program.ops[i].spec)
		}
	}
	if f.object != nil {
		f.object.each(do)
	}
}

// wanted is how many fields the format gives, to choose between formats that fit
// equally well.
func (f *Format) wanted() int {
	if f.program != nil {
		return f.program.fields
	}
	fields := map[field]bool{}
	f.each(func(s *spec) { fields[s.field] = true })
	return len(fields)
}

// zoneless says whether the format's times name no zone.
func (f *Format) zoneless() bool {
	zoneless := false
	f.each(func(s *spec) {
		zoneless = zoneless || s.time == wallTime || s.time == pieceTime && !s.pieces.zoned
	})
	return zoneless && !f.has(zoneField)
}

// unitless says whether durations of the format have no unit yet.
func (f *Format) unitless() bool {
	unitless := false
	f.each(func(s *spec) { unitless = unitless || s.field == tookField && s.unit == 0 })
	return unitless
}

// InZone is the format with times that name no zone read in that one.
func (f *Format) InZone(zone *time.Location) *Format {
	return f.changed(func(g *Format) { g.zone = zone })
}

// inUnit is the format with durations of no unit read in that one.
func (f *Format) inUnit(unit string) (*Format, error) {
	u, err := unitNamed(unit)
	if err != nil {
		return nil, err
	}
	return f.changed(func(g *Format) {
		if !g.unitless() {
			return
		}
		g.Took.Unit = unit
		if g.program != nil {
			p := *g.program
			p.ops = slices.Clone(p.ops)
			g.program = &p
		}
		if g.object != nil {
			g.object = g.object.clone()
		}
		g.each(func(s *spec) {
			if s.unit == 0 && (s.field == tookField || s.field == upstreamTookField) {
				s.unit = u
			}
		})
	}), nil
}

// changed is a copy of the format, relatives and all, in which change was made.
func (f *Format) changed(change func(*Format)) *Format {
	copied := func(f *Format) *Format {
		g := *f
		change(&g)
		return &g
	}
	g := copied(f)
	g.relatives = nil
	for _, r := range f.relatives {
		g.relatives = append(g.relatives, copied(r))
	}
	return g
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
		if f.Name == name || slices.Contains(f.Names, name) {
			return f, nil
		}
		names = append(append(names, f.Name), f.Names...)
	}
	slices.Sort(names)
	if near := nearest(name, names); near != "" {
		return nil, fmt.Errorf("gateway log format %q: not known, did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("gateway log format %q: not known; there are %s", name, strings.Join(names, ", "))
}

// nearest is the name that a few slips of the finger lead from; empty when none is near.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := slips(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// slips counts what must be typed otherwise to make a of b (Levenshtein).
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
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
	slices.SortStableFunc(all, func(a, b *Format) int {
		if a.Last != b.Last {
			return btoi(a.Last) - btoi(b.Last)
		}
		if (a.Twin == "") != (b.Twin == "") {
			return btoi(a.Twin != "") - btoi(b.Twin != "")
		}
		return b.wanted() - a.wanted()
	})
	for _, f := range all {
		for _, g := range all {
			if f != g && f.Family == g.Family {
				f.relatives = append(f.relatives, g)
			}
		}
	}
	return all, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
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
	case "end", "both":
		f.stamp = stampEnd
	default:
		return nil, fmt.Errorf("format %s: at.means is %q: start, end or both", f.Name, f.At.Means)
	}
	compile := f.compileLayout
	if f.Keys != nil || f.Aliases != nil {
		compile = f.compileObject
	}
	if err := compile(); err != nil {
		return nil, err
	}
	if (f.At.Means == "both") != (f.Means() == "both") {
		return nil, fmt.Errorf("format %s: at.means is both for one with begin and close, and for no other", f.Name)
	}
	return f, f.complete()
}

// complete finds what decoding needs to know besides the fields.
func (f *Format) complete() error {
	f.each(func(s *spec) {
		switch s.field {
		case beginField, closeField, tookPartField, fractionField, zoneField:
			f.oddTimes = true
		default:
		}
		f.oddTimes = f.oddTimes || s.time == wallTime || s.time == pieceTime
	})
	tables, err := outcomeTables()
	if err != nil {
		return err
	}
	if f.outcomes = tables[f.Outcomes]; f.outcomes == nil && f.Outcomes != "" {
		return fmt.Errorf("format %s: there are no outcomes %q", f.Name, f.Outcomes)
	}
	if f.outcomes == nil {
		f.outcomes = new(outcomeTable)
	}
	return nil
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
	p, err := compile(f.Layout, escape, vocabulary{sign: "$", next: variable, look: look})
	if err != nil {
		return fmt.Errorf("format %s: layout: %w", f.Name, err)
	}
	if f.program = p; f.More {
		if p.ops[len(p.ops)-1].lit == "" {
			return fmt.Errorf("format %s: more, but the last value of the layout has no end", f.Name)
		}
		p.more = true
	}
	for i := range p.ops {
		o := &p.ops[i]
		o.whole = o.field == tookField && o.unit == 0 // a dot would be somebody's s.mmm
	}
	return nil
}

func (f *Format) compileObject() error {
	f.object = newObject()
	for _, path := range slices.Sorted(maps.Keys(f.Keys)) {
		if err := f.addKey(path, f.Keys[path], 0); err != nil {
			return err
		}
	}
	for name, paths := range f.Aliases {
		for i, path := range paths {
			path, unit, _ := strings.Cut(path, " ")
			if err := f.addKey(path, name+" "+unit, uint8(len(paths)-i)); err != nil {
				return err
			}
		}
	}
	for _, path := range f.Required {
		if !f.object.require(path) {
			return fmt.Errorf("format %s: required key %s has no field", f.Name, path)
		}
	}
	for _, name := range f.Needs {
		if _, ok := fieldNames[name]; !ok {
			return fmt.Errorf("format %s: needs %s, which is no field", f.Name, name)
		}
		f.object.needs = append(f.object.needs, need{fieldNames[name], name})
	}
	return nil
}

// addKey makes a key mean a field: "took", or "took ms".
func (f *Format) addKey(path, means string, rank uint8) error {
	name, unit, _ := strings.Cut(means, " ")
	s, err := f.ownVar(name)
	if unit != "" {
		s.unit, err = unitNamed(unit)
	}
	if err == nil {
		s.grade = int(rank)
		err = f.object.add(path, s, rank)
	}
	if err != nil {
		return fmt.Errorf("format %s: key %s: %w", f.Name, path, err)
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
	case atField, beginField, closeField:
		err = f.timeSpec(&s)
	case tookField, tookPartField:
		s.unit, err = f.Took.duration()
	case upstreamTookField, connectField:
		s.unit, err = f.UpstreamTook.duration()
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
	case anyLayout:
		s.time = anyTime
	case wallLayout:
		s.time, s.width = wallTime, len(wallLayout)
	default:
		err = fmt.Errorf("time layout %q: %s, %s, %s, %s or %s", f.At.Layout, clfLayout, isoLayout, wallLayout, unixLayout, anyLayout)
	}
	return err
}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}

// guessUnit stands for a unit that the lines must tell.
const guessUnit = "guess"

// duration is the unit; 0 when the lines must tell.
func (u unitOf) duration() (time.Duration, error) {
	if u.Unit == guessUnit {
		return 0, nil
	}
	return unitNamed(u.Unit)
}

// ParseUnit checks the unit of durations that name none; empty leaves it to the lines.
func ParseUnit(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	_, err := unitNamed(name)
	return name, err
}

func unitNamed(name string) (time.Duration, error) {
	if u, ok := units[name]; ok {
		return u, nil
	}
	return 0, fmt.Errorf("unit %q: s, ms, us or ns", name)
}
