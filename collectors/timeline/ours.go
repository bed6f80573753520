package timeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// schema is what our own JSON begins with.
const schema = "tripcurve.timeline/2"

// ours reads what `export timeline --format json` writes.
func (f *file) ours() error {
	var top struct {
		Schema *string `json:"schema"`
	}
	if err := f.decode(element{f.data, 0}, &top); err != nil {
		if !json.Valid(f.data) {
			_, err = f.elements("entries") // which says where
		}
		return err
	}
	if top.Schema == nil || *top.Schema != schema {
		found := "no schema"
		if top.Schema != nil {
			found = strconv.Quote(*top.Schema)
		}
		return f.errorAt(1, 1, "schema: found %s; expected %q", found, schema)
	}
	list, err := f.elements("entries")
	if err != nil {
		return err
	}
	for _, el := range list {
		x := struct {
			ID                                                                          string
			Start                                                                       string
			End                                                                         *string
			Open, Pinned, Hidden                                                        bool
			PrecisionS                                                                  float64 `json:"precision_s"`
			Track, Phase, Kind, Progress, Text, Actor, Person, System, Lane, Confidence string
			Source                                                                      struct {
				Name, Ref, URL, Hash string
				Captured             *string `json:"captured_at"`
			}
			Clock struct {
				Name, Original string
				OffsetS        float64 `json:"offset_s"`
				WithinS        float64 `json:"within_s"`
			}
		}{}
		if err := f.decode(el, &x); err != nil {
			return err
		}
		text := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		fields := map[string]string{
			"start": x.Start, "end": text(x.End), "precision": lengthText(x.PrecisionS), "track": x.Track, "phase": x.Phase, "kind": x.Kind, "progress": x.Progress,
			"text": x.Text, "actor": x.Actor, "person": x.Person, "system": x.System, "lane": x.Lane, "confidence": x.Confidence, "source": x.Source.Name,
			"source_ref": x.Source.Ref, "source_url": x.Source.URL, "source_hash": x.Source.Hash, "source_captured": text(x.Source.Captured), "clock": x.Clock.Name,
			"clock_offset": lengthText(x.Clock.OffsetS), "clock_within": lengthText(x.Clock.WithinS), "original_time": x.Clock.Original,
			"pinned": strconv.FormatBool(x.Pinned), "hidden": strconv.FormatBool(x.Hidden),
		}
		if x.Open {
			fields["end"] = "open"
		}
		line, column := f.at(el.at)
		if err := f.record(x.ID, fields, func(string) (int, int) { return line, column }); err != nil {
			return err
		}
	}
	return nil
}

func lengthText(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return time.Duration(seconds * float64(time.Second)).String()
}

// record keeps fields that an edited export or a table has. at says where one of them
// stands, and for "" the record.
func (f *file) record(id string, fields map[string]string, at func(field string) (line, column int)) error {
	var e incident.Entry
	for _, name := range incident.Fields() {
		v, has := fields[name]
		if !has || v == "" {
			continue
		}
		line, column := at(name)
		if name == "start" || name == "end" && v != "open" || name == "source_captured" {
			t, precision, err := f.instant(v)
			if err != nil {
				return f.errorAt(line, column, "%s: %w", name, err)
			}
			fields[name] = t.Format(time.RFC3339Nano)
			if _, said := fields["precision"]; name == "start" && !said {
				fields["precision"] = precision.String()
			}
		}
		if err := e.Set(name, fields[name]); err != nil {
			return f.errorAt(line, column, "%w", err)
		}
	}
	line, column := at("")
	if err := e.Check(); err != nil {
		return f.errorAt(line, column, "%w", err)
	}
	if id != "" && !entryID().MatchString(id) { // ids go to terminals and into file names
		return f.errorAt(line, column, "id %q; expected twelve hexadecimal digits, or none for a new entry", id)
	}
	f.got.Records = append(f.got.Records, Record{ID: id, Fields: fields, Line: line, Column: column})
	return nil
}

// columns are what the columns of a table are called, beside the names of the fields.
var columns = map[string]string{
	"time": "start", "at": "start", "timestamp": "start", "date": "start", "when": "start", "started_at": "start", "from": "start",
	"ended_at": "end", "until": "end", "to": "end", "what": "text", "what happened": "text", "description": "text", "message": "text", "event": "text", "title": "text",
	"who": "actor", "role": "actor", "service": "system", "type": "kind", "url": "source_url", "source_captured_at": "source_captured",
	"precision_s": "precision", "clock_offset_s": "clock_offset", "clock_within_s": "clock_within",
}

// derivedColumns are those of our export that say again what others say.
var derivedColumns = []string{"id", "open", "duration_s", "after_previous", "derived", "edited", "comments", "start_local", "end_local", "zone"}

// csv reads a table with a header: our export, or anybody's with a time and a text.
func (f *file) csv() error {
	r := csv.NewReader(bytes.NewReader(f.data))
	r.FieldsPerRecord = -1
	if line, _, _ := bytes.Cut(f.data, []byte{'\n'}); bytes.Count(line, []byte{';'}) > bytes.Count(line, []byte{','}) {
		r.Comma = ';' // as spreadsheets write it where the comma is in numbers
	}
	head, err := r.Read()
	if err != nil {
		return f.csvError(err)
	}
	names := make([]string, len(head))
	for i, h := range head {
		name := strings.ToLower(strings.TrimSpace(h))
		if to := columns[name]; to != "" {
			name = to
		}
		switch {
		case slices.Contains(incident.Fields(), name) && !slices.Contains(names, name), slices.Contains(derivedColumns, name):
			names[i] = name
		default:
			f.got.Ignored = append(f.got.Ignored, h)
		}
	}
	for _, need := range []string{"start", "text"} {
		if !slices.Contains(names, need) {
			return f.errorAt(1, 1, "the header is %q; expected a column %s (start, time or at; text, what, description or message)", strings.Join(head, ","), need)
		}
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.csvError(err)
		}
		if len(row) != len(head) {
			line, column := r.FieldPos(0)
			return f.errorAt(line, column, "%d cells; expected %d, as in the header", len(row), len(head))
		}
		fields, where := map[string]string{}, map[string][2]int{}
		id := ""
		for i, v := range row {
			line, column := r.FieldPos(i)
			where[names[i]] = [2]int{line, column}
			if len(v) > 1 && v[0] == '\'' && strings.IndexByte("=+-@", v[1]) >= 0 {
				v = v[1:] // which keeps a spreadsheet from taking it for a formula
			}
			switch name := names[i]; {
			case name == "id":
				id = v
			case name == "open" && v == "true":
				fields["end"] = "open"
			case name == "precision" || name == "clock_offset" || name == "clock_within":
				s, err := strconv.ParseFloat(orElse(v, "0"), 64)
				if err != nil || !strings.HasSuffix(strings.TrimSpace(head[i]), "_s") {
					fields[name] = v
					continue
				}
				fields[name] = lengthText(s)
			case name != "" && !slices.Contains(derivedColumns, name) && fields[name] == "":
				fields[name] = v
			}
		}
		line, column := r.FieldPos(0)
		err = f.record(id, fields, func(field string) (int, int) {
			if at, ok := where[field]; ok && field != "" {
				return at[0], at[1]
			}
			return line, column
		})
		if err != nil {
			return err
		}
	}
}

func (f *file) csvError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return f.errorAt(p.Line, p.Column, "%w", p.Err)
	}
	return f.errorAt(1, 1, "%w; expected a header", err)
}

// markdownColumns are those of our tables.
var markdownColumns = map[string]string{
	"Time (UTC)": "start", "From": "start", "Until": "end", "What happened": "text", "System": "system", "Kind": "kind", "Who": "actor",
	"Source": "source", "Confidence": "confidence",
}

// markdown reads what `export timeline --format md` writes, also edited: rows with the id
// of an entry in a comment, and rows without, which are new.
func (f *file) markdown() error {
	var names []string // of the table that one is in; nil: in none of ours
	remediation := false
	for n, line := range strings.Split(string(f.data), "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimSpace(line)
		if !strings.HasPrefix(trimmed, "|") {
			names = nil
			continue
		}
		cells := cellsOf(line)
		if names == nil {
			names = []string{}
			for _, c := range cells {
				names = append(names, markdownColumns[c.text])
			}
			remediation = slices.ContainsFunc(cells, func(c cell) bool { return c.text == "From" })
			if !slices.Contains(names, "start") || !slices.Contains(names, "text") {
				names = []string{}
			}
			continue
		}
		if len(names) == 0 {
			f.got.Skipped++ // of another table
			continue
		}
		if strings.Trim(trimmed, "|-: ") == "" {
			continue // the line under the header
		}
		if len(cells) != len(names) {
			return f.errorAt(n+1, 1, "%d cells; expected %d, as in the header (a | in a text is written as \\|)", len(cells), len(names))
		}
		if err := f.markdownRow(n+1, names, cells, remediation); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) markdownRow(line int, names []string, cells []cell, remediation bool) error {
	fields, where := map[string]string{}, map[string]int{}
	id := ""
	for i, name := range names {
		if name == "" {
			continue
		}
		where[name] = cells[i].column
		v := cells[i].text
		switch name {
		case "start":
			v = strings.TrimSpace(strings.TrimPrefix(v, "~"))
		case "text":
			if before, rest, ok := strings.Cut(v, "<!-- id: "); ok {
				given, after, closed := strings.Cut(rest, " -->")
				if !closed {
					return f.errorAt(line, cells[i].column, "the comment with the id has no end; expected -->")
				}
				id, v = html.UnescapeString(strings.TrimSpace(given)), strings.TrimSpace(before+after)
			}
			v, fields["hidden"] = strings.TrimPrefix(v, "(hidden) "), strconv.FormatBool(strings.HasPrefix(v, "(hidden) "))
			if v == "no entries" && id == "" {
				return nil
			}
		}
		v = plain(v)
		switch name {
		case "kind":
			kind, rest, _ := strings.Cut(v, ",")
			kind, rest = strings.TrimSpace(kind), strings.TrimSpace(rest)
			fields["kind"] = kind
			fields[map[bool]string{true: "progress", false: "phase"}[kind == "phase"]] = rest
		case "actor":
			role, person, named := strings.Cut(strings.TrimSuffix(v, ")"), " (")
			if fields["actor"] = v; named && strings.HasSuffix(v, ")") {
				fields["actor"], fields["person"] = role, person
			}
		case "source":
			name, ref, _ := strings.Cut(v, ", ")
			fields["source"], fields["source_ref"] = name, ref
		default:
			fields[name] = v
		}
	}
	where["phase"], where["progress"], where["hidden"] = where["kind"], where["kind"], where["text"]
	if remediation {
		fields["track"] = "remediation"
		if fields["kind"] == "" {
			fields["kind"] = "phase"
		}
	}
	return f.record(id, fields, func(field string) (int, int) { return line, max(1, where[field]) })
}

// cell is one of a row, and the column in which it begins, from 1.
type cell struct {
	text   string
	column int
}

// cellsOf are the cells of a row: a \| does not part them.
func cellsOf(line string) []cell {
	runes := []rune(line)
	var cells []cell
	start := -1
	add := func(end int) {
		for start < end && runes[start] == ' ' {
			start++
		}
		cells = append(cells, cell{strings.TrimSpace(string(runes[start:end])), start + 1})
	}
	for i := 0; i < len(runes); i++ {
		switch runes[i] {
		case '\\':
			i++
		case '|':
			if start >= 0 {
				add(i)
			}
			start = i + 1
		}
	}
	if start >= 0 && strings.TrimSpace(string(runes[start:])) != "" { // a row may end without |
		add(len(runes))
	}
	return cells
}

// plain takes back what redact.Markdown did to a text.
func plain(s string) string {
	s = strings.NewReplacer("<!-- -->", "", "<br>", "\n").Replace(s)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("|\\`*[]~_#+=-.)", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return html.UnescapeString(b.String())
}
