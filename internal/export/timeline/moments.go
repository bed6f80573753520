package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Entry is one moment as reports list it.
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
			ID: redact.Line(clean(m.ID)), At: m.At.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano), End: export.Instant(m.End),
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

// Clock writes an entry's instant no more exactly than it is known, with its
// date when dated.
func (e Entry) Clock(dated bool) string {
	layout := "15:04:05Z"
	switch t := e.moment.At; {
	case e.moment.Precision >= time.Minute:
		layout = "15:04Z"
	case e.moment.Precision < time.Second && !t.Truncate(time.Second).Equal(t):
		layout = "15:04:05.000Z"
	}
	if dated {
		layout = "2006-01-02 " + layout
	}
	return e.moment.At.UTC().Format(layout)
}

// length is a duration as 4m00s; below a minute as 30.001s.
func length(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	if d < time.Minute {
		return sign + d.Round(time.Millisecond).String()
	}
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%s%dm%02ds", sign, s/60, s%60)
	}
	return fmt.Sprintf("%s%dh%02dm%02ds", sign, s/3600, s/60%60, s%60)
}
