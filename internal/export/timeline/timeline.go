// Package timeline writes an incident's timeline for readers and for other tools. Every
// format holds the same entries in the same order, and the same evidence gives the same
// bytes: nothing depends on a clock, a locale or the order of a map.
package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.timeline/2"

// Options of a document. The zero value redacts, leaves hidden entries out, names
// roles and not people, and does not say when it was made.
type Options struct {
	Name        string // of the incident
	Unredacted  bool
	Redaction   redact.Options
	Hidden      bool           // hidden entries too, marked so
	Pinned      bool           // pinned entries alone
	People      bool           // who it was, beside the role
	Zone        *time.Location // of a second column of times; nil: none
	GeneratedAt time.Time      // zero: not stated
	View        *incident.View // the evidence, for sources and clocks; nil: only the analysis is known
}

// Document is a timeline ready to be written.
type Document struct {
	Schema      string    `json:"schema"`
	Incident    string    `json:"incident"`
	GeneratedAt *string   `json:"generated_at,omitempty"`
	Zone        string    `json:"zone,omitempty"` // IANA name of the local times
	Redaction   Redaction `json:"redaction"`
	Impact      *Interval `json:"impact"` // null when nothing failed
	Phase       *string   `json:"current_phase"`
	Spans       []Span    `json:"spans"`
	Rows        []Row     `json:"entries"`

	zone *time.Location
}

// Redaction says what was replaced before the document was written.
type Redaction struct {
	Applied   bool           `json:"applied"`
	Statement string         `json:"statement"`
	Replaced  []redact.Count `json:"replaced"`
}

// Interval is half open.
type Interval struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	DurationS float64 `json:"duration_s"`

	from, to time.Time
}

// Span is a named duration with both its ends named; null when one is unknown.
type Span struct {
	Name      string   `json:"name"`
	Between   string   `json:"between"`
	DurationS *float64 `json:"duration_s"`

	length time.Duration
}

// Row is one entry, clean and redacted.
type Row struct {
	ID         string    `json:"id"`
	Start      string    `json:"start"`
	End        *string   `json:"end"`  // null for a point, and while it is open
	Open       bool      `json:"open"` // still going on
	DurationS  *float64  `json:"duration_s"`
	PrecisionS float64   `json:"precision_s"`
	StartLocal *string   `json:"start_local,omitempty"`
	EndLocal   *string   `json:"end_local,omitempty"`
	Order      string    `json:"after_previous"` // certain, or uncertain: the clocks leave it open
	Track      string    `json:"track"`
	Phase      string    `json:"phase"`
	Kind       string    `json:"kind"`
	Progress   string    `json:"progress"`
	Text       string    `json:"text"`
	Actor      string    `json:"actor"`
	Person     string    `json:"person,omitempty"`
	System     string    `json:"system"`
	Lane       string    `json:"lane"`
	Confidence string    `json:"confidence"`
	Source     Source    `json:"source"`
	Clock      Clock     `json:"clock"`
	Pinned     bool      `json:"pinned"`
	Hidden     bool      `json:"hidden"`
	Derived    bool      `json:"derived"`
	Edited     bool      `json:"edited"`
	Support    []string  `json:"support"`
	Comments   []Comment `json:"comments"`

	entry incident.Entry
}

// Source is where an entry was read.
type Source struct {
	Name     string  `json:"name"`
	Ref      string  `json:"ref"`
	URL      string  `json:"url"`
	Captured *string `json:"captured_at"`
	Hash     string  `json:"hash"`
}

func (s Source) String() string { return incident.EntrySource{Name: s.Name, Ref: s.Ref}.String() }

// Clock is the clock that an entry's times were read from.
type Clock struct {
	Name     string  `json:"name"`
	OffsetS  float64 `json:"offset_s"` // added to what that clock showed
	WithinS  float64 `json:"within_s"` // of what is left of its error; 0 is not known
	Original string  `json:"original"` // the time as it was written there
}

// Comment is what somebody said of an entry.
type Comment struct {
	At   string `json:"at"`
	Role string `json:"role"`
	Text string `json:"text"`
}

// New makes the document of an analysis.
func New(a incident.Analysis, opt Options) Document {
	r := redact.New(opt.Redaction)
	clean := remembered(r.Text)
	if opt.Unredacted {
		clean = func(s string) string { return s }
	}
	d := Document{
		Schema: Schema, Incident: redact.Line(clean(opt.Name)), GeneratedAt: export.Instant(opt.GeneratedAt), zone: opt.Zone,
	}
	if opt.Zone != nil {
		d.Zone = opt.Zone.String()
	}
	var written *incident.Writings
	var get export.Lookup
	if opt.View != nil {
		written, get = opt.View.Written, opt.View.Get
	}
	entries := incident.Timeline(opt.View, a, written)
	d.Rows = make([]Row, 0, len(entries))
	phases := incident.Phases(entries)
	if i := incident.CurrentPhase(phases); i >= 0 {
		text := redact.Flat(clean(phases[i].Text))
		d.Phase = &text
	}
	for _, e := range entries {
		if e.Hidden && !opt.Hidden || opt.Pinned && !e.Pinned {
			continue
		}
		row := newRow(e, get, clean, opt)
		row.Order = "certain"
		if n := len(d.Rows); n > 0 && !incident.Earlier(d.Rows[n-1].entry, e) {
			row.Order = "uncertain"
		}
		d.Rows = append(d.Rows, row)
	}
	if a.Impact != (incident.Window{}) {
		d.Impact = &Interval{
			From: *export.Instant(a.Impact.From), To: *export.Instant(a.Impact.To), DurationS: export.Seconds(a.Impact.Length()),
			from: a.Impact.From, to: a.Impact.To,
		}
	}
	d.Spans = spans(a.Impact, entries)
	d.Redaction = NewRedaction(r, opt.Unredacted)
	return d
}

func newRow(e incident.Entry, get export.Lookup, clean func(string) string, opt Options) Row {
	if e.Source.Name == "" && e.Source.Ref == "" {
		e.Source.Name = export.Sources(e.Support, get)
	}
	line := func(s string) string { return redact.Line(clean(s)) }
	row := Row{
		ID: redact.Line(e.ID), Start: *export.Instant(e.Start), End: export.Instant(e.End), Open: e.Open, PrecisionS: export.Seconds(e.Precision),
		Track: e.Track.String(), Phase: e.Phase.String(), Kind: e.Kind.String(), Progress: e.Progress.String(),
		Text: redact.Flat(clean(e.Text)), Actor: line(e.Actor), System: line(e.System), Lane: line(e.Lane), Confidence: redact.Line(e.Confidence),
		Source: Source{line(e.Source.Name), line(e.Source.Ref), line(e.Source.URL), export.Instant(e.Source.Captured), redact.Line(e.Source.Hash)},
		Clock:  Clock{line(e.Clock.Name), export.Seconds(e.Clock.Offset), export.Seconds(e.Clock.Within), line(e.Clock.Original)},
		Pinned: e.Pinned, Hidden: e.Hidden, Derived: e.Derived, Edited: e.Edited, Support: []string{}, Comments: []Comment{}, entry: e,
	}
	if opt.People {
		row.Person = line(e.Person)
	}
	if !e.End.IsZero() {
		s := export.Seconds(e.End.Sub(e.Start))
		row.DurationS = &s
	}
	if opt.Zone != nil {
		local := func(t time.Time) *string {
			if t.IsZero() {
				return nil
			}
			s := t.In(opt.Zone).Format(time.RFC3339Nano)
			return &s
		}
		row.StartLocal, row.EndLocal = local(e.Start), local(e.End)
	}
	for _, id := range e.Support {
		row.Support = append(row.Support, line(string(id)))
	}
	for _, c := range e.Comments {
		row.Comments = append(row.Comments, Comment{*export.Instant(c.At), line(c.Role), redact.Flat(clean(c.Text))})
	}
	return row
}

// remembered is a filter that looks at a text in which there is nothing to replace
// only once: systems and sources are the same in thousands of rows. What has
// something to replace is counted each time.
func remembered(filter func(string) string) func(string) string {
	clean := map[string]bool{"": true}
	return func(s string) string {
		if clean[s] {
			return s
		}
		to := filter(s)
		if to == s {
			clean[s] = true
		}
		return to
	}
}

// NewRedaction states what r has replaced so far.
func NewRedaction(r *redact.Redactor, unredacted bool) Redaction {
	if unredacted {
		return Redaction{Statement: "Not redacted.", Replaced: []redact.Count{}}
	}
	return Redaction{Applied: true, Statement: r.Statement(), Replaced: r.Counts()}
}

// spans names both ends of each duration, for products disagree about the words.
func spans(impact incident.Window, entries []incident.Entry) []Span {
	if impact == (incident.Window{}) {
		return []Span{}
	}
	first := func(is func(incident.Entry) bool) (t time.Time) {
		for _, e := range entries { // in order of time
			if !e.Hidden && e.Kind != incident.KPhase && is(e) {
				return e.Start
			}
		}
		return t
	}
	detected := first(func(e incident.Entry) bool { return e.Phase == incident.PhaseDetected || e.Kind == incident.KAlert })
	acknowledged := first(func(e incident.Entry) bool { return e.Phase == incident.PhaseAcknowledged })
	resolved := first(func(e incident.Entry) bool { return e.Phase == incident.PhaseResolved })
	acted := first(func(e incident.Entry) bool { return e.Kind == incident.KAction && !e.Start.Before(impact.From) })
	span := func(name, between string, from, to time.Time) Span {
		s := Span{Name: name, Between: between}
		if !from.IsZero() && !to.IsZero() {
			s.length = to.Sub(from)
			v := export.Seconds(s.length)
			s.DurationS = &v
		}
		return s
	}
	return []Span{
		span("customer impact", "first failed request's start to last failed request's end", impact.From, impact.To),
		span("time to detect", "impact start to the first detection", impact.From, detected),
		span("time to acknowledge", "first detection to acknowledged", detected, acknowledged),
		span("time to act", "impact start to the first action", impact.From, acted),
		span("time to mitigate", "first detection to impact end", detected, impact.To),
		span("time to resolve", "first detection to resolved", detected, resolved),
	}
}

// JSON is the document with a fixed order of keys.
func (d Document) JSON() ([]byte, error) { return asJSON("timeline", d) }

func asJSON(what string, v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("%s as JSON: %w", what, err)
	}
	return b.Bytes(), nil
}

// Formats are the names of all formats, in the order in which help lists them.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// FormatOf is the format of a file by its ending; empty when none is meant by it.
func FormatOf(ending string) string {
	for _, f := range formats {
		if f.ending != "" && f.ending == strings.ToLower(ending) {
			return f.name
		}
	}
	return ""
}

// Encode writes the document in a format of Formats.
func (d Document) Encode(format string) ([]byte, error) {
	i := slices.IndexFunc(formats, func(f formatter) bool { return f.name == format })
	if i < 0 {
		return nil, fmt.Errorf("no format %q; expected one of %s", format, strings.Join(Formats(), ", "))
	}
	return formats[i].write(d)
}

type formatter struct {
	name, ending string
	write        func(Document) ([]byte, error)
}

var formats = []formatter{
	{"md", ".md", func(d Document) ([]byte, error) { return d.Markdown(), nil }},
	{"html", ".html", Document.HTML},
	{"json", ".json", Document.JSON},
	{"csv", ".csv", Document.CSV},
	{"mermaid", ".mmd", func(d Document) ([]byte, error) { return d.Mermaid(), nil }},
	{"ical", ".ics", func(d Document) ([]byte, error) { return d.ICal(), nil }},
	{"grafana", "", Document.Grafana},
	{"datadog-event", "", Document.DatadogEvents},
	{"datadog-notebook", "", Document.DatadogNotebook},
	{"slack", "", Document.Slack},
}

// track are the rows of a track, in their order.
func (d Document) track(t incident.Track) []Row {
	rows := make([]Row, 0, len(d.Rows))
	for _, r := range d.Rows {
		if r.entry.Track == t {
			rows = append(rows, r)
		}
	}
	return rows
}

// latest is the last instant that any row knows of, which is as far as an open
// interval can be drawn; at is used when there is none.
func latest(rows []Row, at time.Time) time.Time {
	for _, r := range rows {
		for _, t := range []time.Time{r.entry.Start, r.entry.End} {
			if t.After(at) {
				at = t
			}
		}
	}
	return at
}
