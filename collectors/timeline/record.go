// Package timeline reads entries of an incident's timeline out of what people have:
// our own exports, edited or not, tables as CSV, and what Slack, Datadog, Grafana and
// Kubernetes hand out. It says nothing of what they mean.
package timeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tripcurve/internal/incident"
)

// Options of a reading. The zero value finds the format out.
type Options struct {
	Format string         // one of Formats; empty: by the content
	Zone   *time.Location // of times that name none; nil: such a time is an error
	Last   time.Time      // a time of day without a date is the last such one that is not after it
	At     time.Time      // when it is read, for Source.Captured; zero: not said
}

// Record is one entry as it was read: what is not said of it has no field.
type Record struct {
	ID     string            // of ours; for the entries of others, of their source and key
	Fields map[string]string // by incident.Fields, as Entry.Set takes them
	Line   int               // where it begins, from 1
	Column int               // the same, in characters
}

// Reading is what was in a file.
type Reading struct {
	Format  string
	Records []Record
	Skipped int      // what was no entry: people who joined a channel, rows of other tables
	Ignored []string // columns that nobody knows
}

// Ours says that the format is one of our exports, whose entries are merged by id.
func (r Reading) Ours() bool {
	return r.Format == "markdown" || r.Format == "json" || r.Format == "csv"
}

// Most is how large a file may be, also unpacked, in bytes.
const Most = 64 << 20

// Formats are the names of all formats that are read.
func Formats() []string {
	return []string{"csv", "json", "markdown", "slack", "datadog", "grafana", "kubernetes"}
}

// Read reads a file. An error names it with line and column, what was found and what was
// expected; nothing of the file is taken then.
func Read(name string, data []byte, opt Options) (Reading, error) {
	if len(data) > Most {
		return Reading{}, fmt.Errorf("%s: %d bytes; expected at most %d", name, len(data), Most)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	format := opt.Format
	if format == "" {
		format = detect(data)
	}
	f := &file{name: name, data: data, opt: opt}
	sum := sha256.Sum256(data)
	f.hash = "sha256:" + hex.EncodeToString(sum[:8])
	var err error
	switch format {
	case "csv":
		err = f.csv()
	case "json":
		err = f.ours()
	case "markdown":
		err = f.markdown()
	case "slack":
		err = f.slack()
	case "datadog":
		err = f.datadog()
	case "grafana":
		err = f.grafana()
	case "kubernetes":
		err = f.kubernetes()
	default:
		return Reading{}, fmt.Errorf("%s:1:1: %s; expected an export of tripcurve timeline (Markdown, JSON, CSV), a table as CSV, a Slack export, Datadog events, Grafana annotations or Kubernetes events as JSON", name, orNothing(data))
	}
	if err != nil {
		return Reading{}, err
	}
	f.got.Format = format
	f.once()
	return f.got, nil
}

func orNothing(data []byte) string {
	if len(bytes.TrimSpace(data)) == 0 {
		return "nothing is in it"
	}
	return "no format that is known"
}

// detect finds the format out by what a file begins with.
func detect(data []byte) string {
	text := bytes.TrimSpace(data)
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return "slack"
	case len(text) == 0:
		return ""
	case text[0] == '[' || text[0] == '{':
		return detectJSON(text)
	case bytes.Contains(text, []byte("<!-- tripcurve.timeline/")), bytes.Contains(text, []byte("<!-- id: ")):
		return "markdown"
	case bytes.ContainsAny(text, ",;") && utf8.Valid(text):
		return "csv"
	}
	return ""
}

func detectJSON(text []byte) string {
	dec := json.NewDecoder(bytes.NewReader(text))
	var keys []string
	depth, want := 0, 1
	if text[0] == '[' {
		want = 2
	}
	key := true
	for len(keys) < 64 {
		t, err := dec.Token()
		if err != nil {
			break
		}
		d, is := t.(json.Delim)
		switch {
		case is && (d == '{' || d == '['):
			depth++
			key = d == '{'
			continue
		case is:
			depth--
			key = true
			if depth < want {
				goto done
			}
			continue
		}
		if s, ok := t.(string); ok && depth == want && key {
			keys = append(keys, s)
			if s == "schema" {
				return "json"
			}
			key = false
			continue
		}
		key = true
	}
done:
	has := func(name string) bool { return slices.Contains(keys, name) }
	switch {
	case has("involvedObject"), has("regarding"), has("apiVersion"), has("items"):
		return "kubernetes"
	case has("ts"), has("messages"):
		return "slack"
	case has("date_happened"), has("events"), has("data"):
		return "datadog"
	case has("time") && has("text"), has("timeEnd"), has("dashboardUID"):
		return "grafana"
	}
	return ""
}

// file is one that is being read.
type file struct {
	name  string // as it was given, for messages
	short string // of one in a zip file, without the folders of who imports it; empty: the name's end
	data  []byte
	hash  string
	opt   Options
	got   Reading
}

// at is a place in the file, as editors count: line and column from 1.
func (f *file) at(offset int64) (line, column int) {
	before := f.data[:max(0, min(int(offset), len(f.data)))]
	line = bytes.Count(before, []byte{'\n'}) + 1
	return line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

func (f *file) errorAt(line, column int, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %w", f.name, line, column, fmt.Errorf(format, args...))
}

func (f *file) errorOf(offset int64, format string, args ...any) error {
	line, column := f.at(offset)
	return f.errorAt(line, column, format, args...)
}

// take keeps an entry of somebody else's, whose identity is its source's key.
func (f *file) take(offset int64, source, key string, e incident.Entry) error {
	line, column := f.at(offset)
	if e.Clock.Name == "" {
		e.Clock.Name = source
	}
	if e.Source.Name == "" {
		e.Source.Name = source
	}
	if e.Source.Ref == "" {
		e.Source.Ref = fmt.Sprintf("%s:%d:%d", orElse(f.short, path.Base(f.name)), line, column)
	}
	e.Source.Hash, e.Source.Captured = f.hash, f.opt.At
	if e.ID == "" {
		e.ID = incident.EntryID(source, key)
	}
	if err := e.Check(); err != nil {
		return f.errorAt(line, column, "%w", err)
	}
	f.got.Records = append(f.got.Records, Record{ID: e.ID, Fields: incident.WriteEntry(e).Fields, Line: line, Column: column})
	return nil
}

// once leaves out what was there before in the same file.
func (f *file) once() {
	seen := map[string]bool{}
	f.got.Records = slices.DeleteFunc(f.got.Records, func(r Record) bool {
		if r.ID == "" {
			return false
		}
		was := seen[r.ID]
		seen[r.ID] = true
		return was
	})
}

// instant reads a time as people and programs write it, and how exactly that tells it:
// RFC 3339 also with a blank, a day, a time of day, seconds or milliseconds since 1970,
// and without a zone where opt names one.
func (f *file) instant(s string) (time.Time, time.Duration, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch len(s) {
		case 10:
			return time.Unix(n, 0).UTC(), time.Second, nil
		case 13:
			return time.UnixMilli(n).UTC(), time.Millisecond, nil
		}
	}
	t, precision, err := incident.ParseEntryTime(dated(s), f.opt.Last)
	if err == nil {
		return t, precision, inRange(t)
	}
	for _, form := range []struct {
		layout    string
		precision time.Duration
	}{
		{"2006-01-02T15:04Z07:00", time.Minute},
		{"2006-01-02T15:04:05.999999999", time.Second},
		{"2006-01-02T15:04", time.Minute},
	} {
		zone := f.opt.Zone
		if strings.HasSuffix(form.layout, "Z07:00") {
			zone = time.UTC
		}
		at, bad := time.ParseInLocation(form.layout, dated(s), orUTC(zone))
		if bad != nil {
			continue
		}
		if zone == nil {
			return t, 0, fmt.Errorf("%q names no zone; expected one, such as %sZ, or --tz with that of the file", s, s)
		}
		return at.UTC(), form.precision, inRange(at)
	}
	return t, 0, err
}

func orUTC(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}

// dated is a date and a time with a blank between them as RFC 3339 has it.
func dated(s string) string {
	if len(s) > 11 && s[10] == ' ' {
		return s[:10] + "T" + strings.TrimSpace(s[11:])
	}
	return s
}

// inRange keeps out what nanoseconds since 1970 cannot say, and no incident needs.
func inRange(t time.Time) error {
	if y := t.UTC().Year(); y < 1970 || y > 2200 {
		return fmt.Errorf("the year %d; expected one from 1970 to 2200", y)
	}
	return nil
}

// element is one of a list in JSON, and where it begins.
type element struct {
	raw json.RawMessage
	at  int64
}

// elements are those of the list under key in the outermost object, or, for an empty
// key, of the outermost list.
func (f *file) elements(key string) ([]element, error) {
	dec := json.NewDecoder(bytes.NewReader(f.data))
	if key != "" {
		if err := f.delim(dec, '{', "an object"); err != nil {
			return nil, err
		}
		for {
			if !dec.More() {
				return nil, f.errorAt(1, 1, "no %q; expected a list of that name", key)
			}
			t, err := dec.Token()
			if err != nil {
				return nil, f.syntax(err, dec)
			}
			if t == key {
				break
			}
			var skip json.RawMessage
			if err := dec.Decode(&skip); err != nil {
				return nil, f.syntax(err, dec)
			}
		}
	}
	if err := f.delim(dec, '[', "a list"); err != nil {
		return nil, err
	}
	var list []element
	for dec.More() {
		at := dec.InputOffset()
		for at < int64(len(f.data)) && strings.IndexByte(" \t\r\n,", f.data[at]) >= 0 {
			at++
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, f.syntax(err, dec)
		}
		list = append(list, element{raw, at})
	}
	if err := f.delim(dec, ']', "the list's end"); err != nil {
		return nil, err
	}
	return list, nil
}

func (f *file) delim(dec *json.Decoder, want json.Delim, what string) error {
	at := dec.InputOffset()
	t, err := dec.Token()
	if err != nil {
		return f.syntax(err, dec)
	}
	if t != want {
		return f.errorOf(at, "found %v; expected %s", t, what)
	}
	return nil
}

// syntax is the place and the reason of what is no JSON.
func (f *file) syntax(err error, dec *json.Decoder) error {
	at := dec.InputOffset()
	var s *json.SyntaxError
	var all json.RawMessage
	if whole := json.Unmarshal(f.data, &all); errors.As(whole, &s) { // a decoder counts from anywhere
		at, err = max(0, s.Offset-1), whole
	}
	return f.errorOf(at, "no JSON: %w", err)
}

// decode reads an element into v, whose types say what is expected.
func (f *file) decode(e element, v any) error {
	err := json.Unmarshal(e.raw, v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return f.errorOf(e.at+max(0, wrong.Offset-1), "%s: found %s; expected %s", orElse(wrong.Field, "the element"), wrong.Value, wrong.Type)
	}
	if err != nil {
		return f.errorOf(e.at, "%w", err)
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
