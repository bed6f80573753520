package gatewaylog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// object reads a JSON object and picks its fields by name, in any order, without
// building a tree.
type object struct {
	keys    map[string]*entry
	aliased bool // several keys may give one field

	// Of the object that is the whole line.
	required []string
	needs    []need
}

// need is a field that a line must have.
type need struct {
	field field
	name  string
}

// entry is what one key means.
type entry struct {
	spec
	object *object // of an object's members, or of those of each object in an array
	bit    uint64  // among the required keys; 0 for others
	rank   uint8   // among the keys that may give the field; the higher one counts
}

func newObject() *object { return &object{keys: map[string]*entry{}} }

// add makes a path mean a field. The path as a whole is a key too, for writers
// that flatten their objects.
func (o *object) add(path string, s spec, rank uint8) error {
	o.aliased = o.aliased || rank > 0
	at := o
	names := strings.Split(path, ".")
	for i, name := range names {
		name, list := strings.CutSuffix(name, "[]")
		e := at.keys[name]
		if e == nil {
			e = new(entry)
			at.keys[name] = e
		}
		if i == len(names)-1 && !list {
			if e.field != skipField {
				return fmt.Errorf("means two fields")
			}
			e.spec, e.rank = s, rank
			break
		}
		if e.object == nil {
			e.object = newObject()
			e.object.aliased = o.aliased
		}
		e.object.aliased = o.aliased
		at = e.object
	}
	if len(names) > 1 && o.keys[path] == nil {
		o.keys[path] = &entry{spec: s, rank: rank}
	}
	return nil
}

// require makes a path, nested or flat, one without which a line is not ours.
func (o *object) require(path string) bool {
	bit := uint64(1) << len(o.required)
	at := o
	names := strings.Split(path, ".")
	for i, name := range names {
		e := at.keys[name]
		if e == nil || len(o.required) == 64 {
			return false
		}
		if i == len(names)-1 {
			e.bit = bit
			break
		}
		if at = e.object; at == nil {
			return false
		}
	}
	if flat := o.keys[path]; flat != nil {
		flat.bit = bit
	}
	o.required = append(o.required, path)
	return true
}

func (o *object) each(do func(*spec)) {
	for _, e := range o.keys {
		if e.field != skipField {
			do(&e.spec)
		}
		if e.object != nil {
			e.object.each(do)
		}
	}
}

func (o *object) clone() *object {
	c := *o
	c.keys = map[string]*entry{}
	for name, e := range o.keys {
		copied := *e
		if e.object != nil {
			copied.object = e.object.clone()
		}
		c.keys[name] = &copied
	}
	return &c
}

// keyMemo remembers which key stood at which place on the last line and what it
// means: writers keep their order, so most lookups are one comparison.
type keyMemo [64]knownKey

type knownKey struct {
	of    *object
	name  string
	entry *entry // nil for a key that is read over
}

func (o *object) run(d *Decoder, f *Format, line []byte, r *Record) error {
	pos, err := o.scan(d, line, r)
	if err == nil {
		return nil
	}
	var missing errMissing
	whole := errors.As(err, &missing)
	if whole && !d.odds {
		return lineError(line, 0, err.Error())
	}
	errSlow := o.runSlow(d, f, line, r)
	if errSlow == nil {
		return nil
	}
	if errors.As(errSlow, &missing) {
		return lineError(line, 0, errSlow.Error())
	}
	return lineError(line, pos, err.Error())
}

// runSlow reads an odd line (escaped keys, a key that comes twice) by the
// standard library.
func (o *object) runSlow(d *Decoder, f *Format, line []byte, r *Record) error {
	var tree map[string]json.RawMessage
	if err := json.Unmarshal(line, &tree); err != nil {
		return err
	}
	d.reset(f, r)
	d.forget(o)
	if err := o.slowMembers(d, tree, r); err != nil {
		return err
	}
	return o.lacks(d)
}

func (o *object) slowMembers(d *Decoder, tree map[string]json.RawMessage, r *Record) error {
	for name, raw := range tree {
		e := o.keys[name]
		if e == nil || len(raw) == 0 {
			continue
		}
		d.seen |= e.bit
		if err := e.slow(d, raw, r); err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) slow(d *Decoder, raw json.RawMessage, r *Record) error {
	switch {
	case string(raw) == "null":
		return nil
	case raw[0] == '{':
		if e.object == nil {
			return nil
		}
		var tree map[string]json.RawMessage
		if err := json.Unmarshal(raw, &tree); err != nil {
			return err
		}
		return e.object.slowMembers(d, tree, r)
	case raw[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for i, element := range list {
			if len(element) == 0 || element[0] == '[' || element[0] != '{' && !e.takes(i) {
				continue
			}
			if err := e.slow(d, element, r); err != nil {
				return err
			}
		}
		e.counted(r, len(list))
		return nil
	case e.field == skipField || e.outranked(d):
		return nil
	}
	v := []byte(raw)
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		v = []byte(text)
		if e.escaped() {
			v = bytes.ReplaceAll(v, []byte(`\`), []byte(`\\`))
		}
	}
	switch {
	case d.assign(r, &e.spec, v):
		e.gave(d)
	case e.rank == 0:
		return errOdd
	}
	return nil
}

var errOdd = errors.New("not a line of this format")

// forget begins a line.
func (d *Decoder) forget(o *object) {
	d.place, d.seen, d.odds = 0, 0, false
	if o.aliased {
		clear(d.ranks[:])
	}
}

// lacks is what a line lacks that was read to its end.
func (o *object) lacks(d *Decoder) error {
	if missing := ^d.seen & (1<<len(o.required) - 1); missing != 0 {
		return errMissing("the key " + strconv.Quote(o.required[bits.TrailingZeros64(missing)]))
	}
	for _, n := range o.needs {
		if d.ranks[n.field] == 0 {
			return errMissing("a key for " + n.name)
		}
	}
	return nil
}

// scan is the fast path. Its error says what was expected at pos.
func (o *object) scan(d *Decoder, b []byte, r *Record) (pos int, err error) {
	d.forget(o)
	i := blank(b, 0)
	if i >= len(b) || b[i] != '{' {
		return i, errExpect("{")
	}
	if i, err = o.members(d, b, i, r); err != nil {
		return i, err
	}
	if i = blank(b, i); i != len(b) {
		return i, errExpect("the end of the line")
	}
	return 0, o.lacks(d)
}

// members reads the object at i and answers where it ends.
func (o *object) members(d *Decoder, b []byte, i int, r *Record) (int, error) {
	if i = blank(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return i, errExpect("a key in quotes")
		}
		e, end := d.look(o, b[i+1:])
		if end < 0 {
			return i, errExpect("the closing quote of a key")
		}
		i += end + 2
		if i < len(b) && b[i] != ':' {
			i = blank(b, i)
		}
		if i >= len(b) || b[i] != ':' {
			return i, errExpect(":")
		}
		if i++; i < len(b) && b[i] == ' ' {
			i = blank(b, i)
		}
		var next int
		if e == nil {
			var ok bool
			if _, _, next, ok = value(b, i); !ok {
				return i, errExpect("a value")
			}
		} else {
			if e.bit != 0 && d.seen&e.bit != 0 {
				return i, errOdd // it comes twice
			}
			d.seen |= e.bit
			var err error
			if next, err = e.read(d, b, i, r); err != nil {
				return next, err
			}
		}
		i = blank(b, next)
		if i >= len(b) {
			return i, errExpect(", or }")
		}
		if b[i] == '}' {
			return i + 1, nil
		}
		if b[i] != ',' {
			return i, errExpect(", or }")
		}
		i = blank(b, i+1)
	}
}

// read takes the value at i and answers where it ends.
func (e *entry) read(d *Decoder, b []byte, i int, r *Record) (int, error) {
	if i < len(b) && b[i] == '{' && e.object != nil {
		return e.object.members(d, b, i, r)
	}
	if i < len(b) && b[i] == '[' {
		return e.list(d, b, i, r)
	}
	from, to, next, ok := value(b, i)
	if !ok {
		return i, errExpect("a value")
	}
	v := b[from:to]
	if b[i] == '{' || e.field == skipField || b[i] == 'n' || e.outranked(d) {
		return next, nil
	}
	if b[i] == '"' && !e.escaped() {
		v = d.unescaped(v)
	}
	switch {
	case d.assign(r, &e.spec, v):
		e.gave(d)
	case e.rank == 0: // another key may give what this one does not
		return from, errExpect(expected[e.field])
	}
	return next, nil
}

// list takes the array at i: objects in it one by one, of other values the first,
// or the last where that is the latest try.
func (e *entry) list(d *Decoder, b []byte, i int, r *Record) (int, error) {
	n := 0
	if i = blank(b, i+1); i < len(b) && b[i] == ']' {
		e.counted(r, 0)
		return i + 1, nil
	}
	for ; ; n++ {
		var err error
		next := 0
		if i < len(b) && b[i] != '[' && (b[i] == '{' || e.takes(n)) {
			if next, err = e.read(d, b, i, r); err != nil {
				return next, err
			}
		} else {
			var ok bool
			if _, _, next, ok = value(b, i); !ok {
				return i, errExpect("a value")
			}
		}
		i = blank(b, next)
		switch {
		case i < len(b) && b[i] == ',':
			i = blank(b, i+1)
		case i < len(b) && b[i] == ']':
			e.counted(r, n+1)
			return i + 1, nil
		default:
			return i, errExpect(", or ]")
		}
	}
}

// takes says whether the n-th value of an array is the one that counts, or may be.
func (e *entry) takes(n int) bool { return n == 0 || e.field == upstreamStatusField }

// counted takes the length of an array of tries.
func (e *entry) counted(r *Record, n int) {
	if e.field == triesField {
		r.Tries = max(r.Tries, n)
		r.NoUpstream = r.NoUpstream || n == 0
	}
}

// outranked says that a better key has given the field already.
func (e *entry) outranked(d *Decoder) bool { return e.rank > 0 && d.ranks[e.field] >= e.rank }

func (e *entry) gave(d *Decoder) {
	if e.rank > 0 {
		d.ranks[e.field] = e.rank
	}
}

// escaped says that assign undoes the escapes itself.
func (s *spec) escaped() bool {
	return s.field == targetField || s.field == routeField || s.field == requestField
}

// errExpect is what should have stood at a place.
type errExpect string

func (e errExpect) Error() string { return string(e) }

// errMissing is what a line lacks that is well formed.
type errMissing string

func (e errMissing) Error() string { return string(e) }

// look finds what the next key means, and where its closing quote stands; end is
// negative when it has none. b begins behind the opening quote.
func (d *Decoder) look(o *object, b []byte) (e *entry, end int) {
	place := d.place
	d.place++
	if place < len(d.keys) {
		k := &d.keys[place]
		if n := len(k.name); k.of == o && n < len(b) && b[n] == '"' && string(b[:n]) == k.name {
			return k.entry, n
		}
	}
	end = indexNear(b, '"')
	if end < 0 {
		return nil, end
	}
	e = o.keys[string(b[:end])]
	if bytes.IndexByte(b[:end], '\\') >= 0 {
		d.odds = true
		return e, end
	}
	if place < len(d.keys) {
		d.keys[place] = knownKey{o, string(b[:end]), e}
	}
	return e, end
}

func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// value finds the value at i: its text without quotes, and where it ends.
func value(b []byte, i int) (from, to, next int, ok bool) {
	if i >= len(b) {
		return 0, 0, 0, false
	}
	switch b[i] {
	case '"':
		n := closingQuote(b[i+1:])
		if n < 0 {
			return 0, 0, 0, false
		}
		return i + 1, i + 1 + n, i + n + 2, true
	case '{', '[':
		end := skipNested(b, i)
		return i, end, end, end > 0
	}
	j := i
	for j < len(b) && b[j] != ',' && b[j] != '}' && b[j] != ']' && b[j] != ' ' {
		j++
	}
	return i, j, j, scalar(b[i:j])
}

// scalar says whether b is a number or one of the three words.
func scalar(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if digit(b[0]) || b[0] == '-' {
		return plainNumber(b)
	}
	return string(b) == "null" || string(b) == "true" || string(b) == "false"
}

// skipNested is the end of the object or array at i, 0 when it has none. Brackets
// inside strings do not count.
func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := closingQuote(b[i+1:])
			if n < 0 {
				return 0
			}
			i += n + 1
		}
		i++
	}
	return 0
}
