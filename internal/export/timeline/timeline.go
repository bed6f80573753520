// Package timeline writes an incident's timeline as Markdown and as JSON. Both
// hold the same entries in the same order, and the same evidence gives the same
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
const Schema = "tripcurve.timeline/1"

// Options of a document. The zero value redacts, leaves hidden entries out and
// does not say when it was made.
type Options struct {
	Name        string // of the incident
	Unredacted  bool
	Redaction   redact.Options
	Hidden      bool      // hidden entries too, marked so
	GeneratedAt time.Time // zero: not stated
	Get         export.Lookup
}

// Document is a timeline ready to be written.
type Document struct {
	Schema      string    `json:"schema"`
	Incident    string    `json:"incident"`
	GeneratedAt *string   `json:"generated_at,omitempty"`
	Redaction   Redaction `json:"redaction"`
	Impact      *Interval `json:"impact"` // null when nothing failed
	Spans       []Span    `json:"spans"`
	Entries     []Entry   `json:"entries"`
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

// Entry is one moment.
type Entry struct {
	ID         string   `json:"id"`
	At         string   `json:"at"`
	End        *string  `json:"end"`        // null for a point
	DurationS  *float64 `json:"duration_s"` // null for a point
	PrecisionS float64  `json:"precision_s"`
	Kind       string   `json:"kind"`
	Lane       string   `json:"lane"`
	System     string   `json:"system"`
	Text       string   `json:"text"`
	Confidence string   `json:"confidence"`
	Source     string   `json:"source"`
	Support    []string `json:"support"`
	Hidden     bool     `json:"hidden,omitempty"`

	moment incident.Moment
}

// New makes the document of an analysis.
func New(a incident.Analysis, opt Options) Document {
	r := redact.New(opt.Redaction)
	clean := r.Text
	if opt.Unredacted {
		clean = func(s string) string { return s }
	}
	d := Document{
		Schema: Schema, Incident: redact.Line(clean(opt.Name)), GeneratedAt: export.Instant(opt.GeneratedAt),
		Spans: spans(a), Entries: Entries(a.Timeline, opt.Hidden, opt.Get, clean),
	}
	if a.Impact != (incident.Window{}) {
		d.Impact = &Interval{
			From: *export.Instant(a.Impact.From), To: *export.Instant(a.Impact.To), DurationS: export.Seconds(a.Impact.Length()),
			from: a.Impact.From, to: a.Impact.To,
		}
	}
	d.Redaction = NewRedaction(r, opt.Unredacted)
	return d
}

// NewRedaction states what r has replaced so far.
func NewRedaction(r *redact.Redactor, unredacted bool) Redaction {
	if unredacted {
		return Redaction{Statement: "Not redacted.", Replaced: []redact.Count{}}
	}
	return Redaction{Applied: true, Statement: r.Statement(), Replaced: r.Counts()}
}

// Entries turns moments into entries: start, then kind, then end, then id: the
// order in which screens letter them. clean is applied to all foreign text.
func Entries(ms []incident.Moment, hidden bool, get export.Lookup, clean func(string) string) []Entry {
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b incident.Moment) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		if c := int(a.Kind) - int(b.Kind); c != 0 {
			return c
		}
		if c := a.End.Compare(b.End); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	entries := []Entry{}
	for _, m := range ms {
		if m.Hidden && !hidden {
			continue
		}
		e := Entry{
			ID: redact.Line(m.ID), At: m.At.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano), End: export.Instant(m.End),
			PrecisionS: export.Seconds(m.Precision), Kind: m.Kind.String(), Lane: redact.Line(m.Lane),
			System: redact.Line(clean(m.System)), Text: redact.Flat(clean(m.Text)), Confidence: redact.Line(m.Confidence),
			Support: []string{}, Hidden: m.Hidden, moment: m,
		}
		source := m.SourceText
		if source == "" {
			source = export.Sources(m.Support, get)
		}
		e.Source = redact.Line(clean(source))
		if !m.End.IsZero() {
			s := export.Seconds(m.End.Sub(m.At))
			e.DurationS = &s
		}
		for _, id := range m.Support {
			e.Support = append(e.Support, redact.Line(clean(string(id))))
		}
		entries = append(entries, e)
	}
	return entries
}

// spans names both ends of each duration, for products disagree about the words.
func spans(a incident.Analysis) []Span {
	if a.Impact == (incident.Window{}) {
		return []Span{}
	}
	var detected, acted time.Time
	for _, m := range a.Timeline {
		if m.Hidden {
			continue
		}
		if m.Kind == incident.MDetection && (detected.IsZero() || m.At.Before(detected)) {
			detected = m.At
		}
		if m.Kind == incident.MAction && !m.At.Before(a.Impact.From) && (acted.IsZero() || m.At.Before(acted)) {
			acted = m.At
		}
	}
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
		span("customer impact", "first failed request's start to last failed request's end", a.Impact.From, a.Impact.To),
		span("time to detect", "impact start to the first detection", a.Impact.From, detected),
		span("time to act", "impact start to the first action", a.Impact.From, acted),
		span("time to mitigate", "first detection to impact end", detected, a.Impact.To),
	}
}

// JSON is the document with a fixed order of keys.
func (d Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("timeline as JSON: %w", err)
	}
	return b.Bytes(), nil
}
