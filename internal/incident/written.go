package incident

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Written is what people wrote of one entry: all of it for one of their own, of a
// derived one only what they changed, so that the rest follows the evidence.
type Written struct {
	ID       string            `json:"id"`
	Derived  bool              `json:"derived"`  // it changes an entry that the evidence gives
	Fields   map[string]string `json:"fields"`   // by the names of Fields, as Entry.Get writes them
	Comments []Comment         `json:"comments"` // oldest first
}

// Clone shares nothing with w.
func (w Written) Clone() Written {
	w.Fields, w.Comments = maps.Clone(w.Fields), slices.Clone(w.Comments)
	if w.Fields == nil {
		w.Fields = map[string]string{}
	}
	return w
}

// Apply is the entry with what people wrote. A field that this program does not
// know, of a file of a later one, or that it cannot read, is left alone.
func (w Written) Apply(e Entry) Entry {
	for name, v := range w.Fields {
		e.take(name, v)
	}
	e.Derived = w.Derived
	e.Edited = w.Derived && len(w.Fields) > 0
	e.Comments = append(slices.Clone(e.Comments), w.Comments...)
	return e
}

// take reads a field from text, if it can be read.
func (e *Entry) take(name, value string) {
	i, ok := fieldAt[name]
	if !ok {
		return
	}
	before := *e
	if fields[i].set(e, value) != nil {
		*e = before
	}
}

// WriteEntry is an entry of people's own, ready to be kept.
func WriteEntry(e Entry) Written {
	w := Written{ID: e.ID, Fields: map[string]string{}, Comments: slices.Clone(e.Comments)}
	for _, f := range fields {
		if v := f.get(e); v != "" {
			w.Fields[f.name] = v
		}
	}
	return w
}

// field is one thing that people write of an entry, as text.
type field struct {
	name   string
	varies bool               // from entry to entry
	get    func(Entry) string // empty: not set
	set    func(*Entry, string) error
}

// fields in the order in which they are shown.
var fields = []field{
	{"start", true, func(e Entry) string { return stampText(e.Start) }, func(e *Entry, s string) (err error) { e.Start, err = instantText(s); return err }},
	{"end", true, func(e Entry) string {
		if e.Open {
			return "open"
		}
		return stampText(e.End)
	}, func(e *Entry, s string) (err error) {
		e.End, e.Open = time.Time{}, s == "open"
		if s != "" && !e.Open {
			e.End, err = instantText(s)
		}
		return err
	}},
	{"precision", false, func(e Entry) string { return durationText(e.Precision) }, func(e *Entry, s string) error { return setDuration(&e.Precision, s) }},
	{"clock", false, func(e Entry) string { return e.Clock.Name }, func(e *Entry, s string) error { e.Clock.Name = s; return nil }},
	{"clock_offset", false, func(e Entry) string { return durationText(e.Clock.Offset) }, func(e *Entry, s string) error { return setDuration(&e.Clock.Offset, s) }},
	{"clock_within", false, func(e Entry) string { return durationText(e.Clock.Within) }, func(e *Entry, s string) error { return setDuration(&e.Clock.Within, s) }},
	{"original_time", true, func(e Entry) string { return e.Clock.Original }, func(e *Entry, s string) error { e.Clock.Original = s; return nil }},
	{"phase", false, func(e Entry) string { return e.Phase.String() }, func(e *Entry, s string) error { return setWord(&e.Phase, phaseNames, s) }},
	{"kind", false, func(e Entry) string { return e.Kind.String() }, func(e *Entry, s string) error { return setWord(&e.Kind, entryKindNames, s) }},
	{"track", false, func(e Entry) string { return e.Track.String() }, func(e *Entry, s string) error { return setWord(&e.Track, trackNames, s) }},
	{"progress", false, func(e Entry) string { return e.Progress.String() }, func(e *Entry, s string) error { return setWord(&e.Progress, progressNames, s) }},
	{"text", true, func(e Entry) string { return e.Text }, func(e *Entry, s string) error {
		if strings.TrimSpace(s) == "" {
			return fmt.Errorf("the text is empty; expected one fact")
		}
		e.Text = s
		return nil
	}},
	{"actor", false, func(e Entry) string { return e.Actor }, func(e *Entry, s string) error { e.Actor = s; return nil }},
	{"person", false, func(e Entry) string { return e.Person }, func(e *Entry, s string) error { e.Person = s; return nil }},
	{"system", false, func(e Entry) string { return e.System }, func(e *Entry, s string) error { e.System = s; return nil }},
	{"lane", false, func(e Entry) string { return e.Lane }, func(e *Entry, s string) error { e.Lane = s; return nil }},
	{"source", false, func(e Entry) string { return e.Source.Name }, func(e *Entry, s string) error { e.Source.Name = s; return nil }},
	{"source_ref", true, func(e Entry) string { return e.Source.Ref }, func(e *Entry, s string) error { e.Source.Ref = s; return nil }},
	{"source_url", true, func(e Entry) string { return e.Source.URL }, func(e *Entry, s string) error { e.Source.URL = s; return nil }},
	{"source_captured", true, func(e Entry) string { return stampText(e.Source.Captured) }, func(e *Entry, s string) (err error) {
		e.Source.Captured = time.Time{}
		if s != "" {
			e.Source.Captured, err = instantText(s)
		}
		return err
	}},
	{"source_hash", true, func(e Entry) string { return e.Source.Hash }, func(e *Entry, s string) error { e.Source.Hash = s; return nil }},
	{"confidence", false, func(e Entry) string { return e.Confidence }, func(e *Entry, s string) error {
		if !slices.Contains(confidences, s) {
			return notOneOf(s, confidences)
		}
		e.Confidence = s
		return nil
	}},
	{"pinned", false, func(e Entry) string { return flagText(e.Pinned) }, func(e *Entry, s string) error { return setFlag(&e.Pinned, s) }},
	{"hidden", false, func(e Entry) string { return flagText(e.Hidden) }, func(e *Entry, s string) error { return setFlag(&e.Hidden, s) }},
}

// fieldAt is where each field stands among them.
var fieldAt = func() map[string]int {
	at := map[string]int{}
	for i, f := range fields {
		at[f.name] = i
	}
	return at
}()

// Fields are the names of what people can write of an entry, in their order.
func Fields() []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// FieldWords are the words that a field takes; nil where it takes any text.
func FieldWords(field string) []string {
	words := map[string][]string{
		"kind": entryKindNames, "phase": phaseNames, "track": trackNames, "progress": progressNames, "confidence": confidences,
	}[field]
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
}

// TextFields are those that hold foreign text, and no instant, length or word of ours.
func TextFields() []string {
	return []string{"clock", "original_time", "text", "actor", "person", "system", "lane", "source", "source_ref", "source_url"}
}

// Get is a field as text; empty when it is not set, or there is none of that name.
func (e Entry) Get(name string) string {
	for _, f := range fields {
		if f.name == name {
			return f.get(e)
		}
	}
	return ""
}

// Set reads a field from text: instants as RFC 3339, lengths as 1m30s, the end of an
// entry also as "open" or, for a point, as nothing. On an error the entry is as before.
func (e *Entry) Set(name, value string) error {
	for _, f := range fields {
		if f.name == name {
			before := *e
			if err := f.set(e, value); err != nil {
				*e = before
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
	}
	return fmt.Errorf("no field %q; expected one of %s", name, strings.Join(Fields(), ", "))
}

// Check says what is wrong with an entry as a whole.
func (e Entry) Check() error {
	switch {
	case e.Start.IsZero():
		return fmt.Errorf("no start; expected an instant")
	case strings.TrimSpace(e.Text) == "":
		return fmt.Errorf("the text is empty; expected one fact")
	case !e.End.IsZero() && e.End.Before(e.Start):
		return fmt.Errorf("it ends at %s, before it starts at %s", stampText(e.End), stampText(e.Start))
	}
	return nil
}

// ParseEntryTime reads an instant as people write it of an incident (ParseInstant),
// or a day (2026-01-19), and says how exactly that tells it: 14:31Z has a minute.
func ParseEntryTime(s string, last time.Time) (time.Time, time.Duration, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, 24 * time.Hour, nil
	}
	t, err := ParseInstant(s, last)
	if err != nil {
		return t, 0, err
	}
	_, clock, dated := strings.Cut(s, "T")
	if !dated {
		clock = s
	}
	if at := strings.IndexAny(clock, "Zz+-"); at >= 0 {
		clock = clock[:at]
	}
	if strings.Count(clock, ":") < 2 {
		return t, time.Minute, nil
	}
	precision := time.Second
	if _, digits, ok := strings.Cut(clock, "."); ok {
		for range min(len(digits), 9) {
			precision /= 10
		}
	}
	return t, precision, nil
}

func stampText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func flagText(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func instantText(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("%q is no instant; expected RFC 3339, such as 2026-01-15T14:23:01Z", s)
	}
	return t.UTC(), nil
}

func setDuration(d *time.Duration, s string) error {
	if s == "" {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no length of time; expected one such as 500ms, 1s or 1m", s)
	}
	*d = v
	return nil
}

func setFlag(b *bool, s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil && s != "" {
		return fmt.Errorf("%q; expected true or false", s)
	}
	*b = v
	return nil
}

func setWord[T ~uint8](t *T, names []string, s string) error {
	v, ok := parse[T](names, s)
	if !ok {
		return notOneOf(s, names)
	}
	*t = v
	return nil
}

func notOneOf(s string, names []string) error {
	return fmt.Errorf("%q; expected one of %s", s, strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" }), ", "))
}

// Rewrite is what people wrote of an entry that is now as after says. derived is the
// entry as the evidence gives it, nil for one of people's own.
func Rewrite(derived *Entry, after Entry) Written {
	if derived == nil {
		return WriteEntry(after)
	}
	w := Written{ID: after.ID, Derived: true, Fields: map[string]string{}, Comments: slices.Clone(after.Comments)}
	for _, f := range fields {
		if v := f.get(after); v != f.get(*derived) {
			w.Fields[f.name] = v
		}
	}
	return w
}
