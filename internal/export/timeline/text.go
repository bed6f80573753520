package timeline

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
)

// Stamp is when an entry was, with its date, no more exactly than it is known.
func Stamp(e incident.Entry) string { return stamp(e.Start, e.Precision, time.UTC, true) }

// Text is the rows for a terminal, with their ids: a line each, and what does not fit
// on it below.
func (d Document) Text() string {
	var b strings.Builder
	for _, t := range []incident.Track{incident.IncidentTrack, incident.RemediationTrack} {
		rows := d.track(t)
		if len(rows) == 0 {
			continue
		}
		if t == incident.RemediationTrack {
			b.WriteString("\nREMEDIATION\n")
		}
		dated := d.severalDays(rows)
		for _, r := range rows {
			mark := " "
			switch {
			case r.Hidden:
				mark = "x"
			case r.Pinned:
				mark = "*"
			case r.Edited || !r.Derived:
				mark = "+"
			}
			rest := r.sort()
			if l := r.lasted(); l != "" {
				rest += ", " + l
			}
			if s := r.Source.String(); s != "" {
				rest += ", " + s
			}
			if r.Confidence != "" {
				rest += ", " + r.Confidence
			}
			text := fmt.Sprintf("%s [%s]", r.Text, rest)
			b.WriteString(export.Wrap(text, fmt.Sprintf("%s %s %-13s ", r.ID, mark, stamp(r.entry.Start, r.entry.Precision, time.UTC, dated)), "                             "))
			for _, c := range r.Comments {
				b.WriteString(export.Wrap(c.Role+": "+c.Text, "                             > ", "                               "))
			}
		}
	}
	if len(d.Rows) == 0 {
		return "no entries\n"
	}
	b.WriteString("\n+ written or changed by people, * pinned, x hidden\n")
	return b.String()
}
