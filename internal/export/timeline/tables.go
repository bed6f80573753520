package timeline

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// CSV is the rows as RFC 4180 has it: CRLF, a header, UTF-8 without a mark. No cell is
// a formula to a spreadsheet.
func (d Document) CSV() ([]byte, error) {
	head := []string{
		"id", "start", "end", "open", "duration_s", "precision_s", "after_previous", "track", "phase", "kind", "progress", "text",
		"actor", "system", "lane", "confidence", "source", "source_ref", "source_url", "source_captured_at", "source_hash",
		"clock", "clock_offset_s", "clock_within_s", "original_time", "pinned", "hidden", "derived", "edited", "comments",
	}
	if d.zone != nil {
		head = append(head, "start_local", "end_local", "zone")
	}
	people := false
	for _, r := range d.Rows {
		people = people || r.Person != ""
	}
	if people {
		head = append(head, "person")
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{head}
	for _, r := range d.Rows {
		var comments []string
		for _, c := range r.Comments {
			comments = append(comments, c.Role+": "+c.Text)
		}
		cells := []string{
			r.ID, r.Start, value(r.End), yes(r.Open), seconds(r.DurationS), seconds(&r.PrecisionS), r.Order, r.Track, r.Phase, r.Kind,
			r.Progress, r.Text, r.Actor, r.System, r.Lane, r.Confidence, r.Source.Name, r.Source.Ref, r.Source.URL, value(r.Source.Captured), r.Source.Hash,
			r.Clock.Name, seconds(&r.Clock.OffsetS), seconds(&r.Clock.WithinS), r.Clock.Original, yes(r.Pinned), yes(r.Hidden), yes(r.Derived), yes(r.Edited),
			strings.Join(comments, " / "),
		}
		if d.zone != nil {
			cells = append(cells, value(r.StartLocal), value(r.EndLocal), d.Zone)
		}
		if people {
			cells = append(cells, r.Person)
		}
		for i, c := range cells {
			if head[i] != "clock_offset_s" { // -2 is a number there, and no formula
				cells[i] = redact.CSV(c)
			}
		}
		rows = append(rows, cells)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("timeline as CSV: %w", err)
	}
	return b.Bytes(), nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func seconds(s *float64) string {
	if s == nil {
		return ""
	}
	return strconv.FormatFloat(*s, 'f', -1, 64)
}

// Mermaid is Markdown with one gantt chart per track: minutes and weeks on one axis
// would hide each other. A point is a milestone; what goes on is drawn to the last
// known instant.
func (d Document) Mermaid() []byte {
	var b strings.Builder
	for _, t := range []incident.Track{incident.IncidentTrack, incident.RemediationTrack} {
		rows := d.track(t)
		if len(rows) == 0 && t != incident.IncidentTrack {
			continue
		}
		title, axis := d.title(), "%H:%M:%S"
		if t == incident.RemediationTrack {
			title, axis = title+", remediation", "%Y-%m-%d"
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "```mermaid\ngantt\n    title %s, times in UTC\n    %%%% %s\n    dateFormat x\n    axisFormat %s\n",
			mermaid(title), mermaid(d.Redaction.Statement), axis)
		end, lane := latest(rows, time.Time{}), "-"
		dated := d.severalDays(rows)
		for _, l := range lanesOf(rows) {
			for _, r := range rows {
				if r.Lane != l {
					continue
				}
				if l != lane {
					lane = l
					fmt.Fprintf(&b, "    section %s\n", mermaid(orElse(l, "people")))
				}
				tags := map[string]string{"done": "done, ", "in-progress": "active, "}[r.Progress]
				if r.Phase == "trigger" {
					tags += "crit, "
				}
				name := stamp(r.entry.Start, r.entry.Precision, time.UTC, dated) + " " + r.Text
				if strings.HasPrefix(name, "20") {
					name = "on " + name // a task must not begin like a date
				}
				if r.Open {
					name += " (goes on)"
				}
				last := r.entry.End
				if r.Open {
					last = end
				}
				if !last.After(r.entry.Start) {
					fmt.Fprintf(&b, "    %s :milestone, %se%s, %d, 0d\n", mermaid(name), tags, r.ID, r.entry.Start.UnixMilli())
				} else {
					fmt.Fprintf(&b, "    %s :%se%s, %d, %d\n", mermaid(name), tags, r.ID, r.entry.Start.UnixMilli(), last.UnixMilli())
				}
			}
		}
		b.WriteString("```\n")
	}
	return []byte(b.String())
}

// mermaid is s as the name of a task: a colon would end it, # and ; are of its own
// escapes, % begins a comment, and a backquote could end the fence.
func mermaid(s string) string { return mermaidEscapes.Replace(redact.Flat(s)) }

var mermaidEscapes = strings.NewReplacer("#", "#35;", ":", "#58;", ";", "#59;", "%", "#37;", "`", "#96;", "<", "#60;", ">", "#62;")

func lanesOf(rows []Row) []string {
	var lanes []string
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.Lane] {
			seen[r.Lane] = true
			lanes = append(lanes, r.Lane)
		}
	}
	return lanes
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// ICal is the rows as events of RFC 5545. A point has no end; what is known to the day
// is an event of whole days.
func (d Document) ICal() []byte {
	var b strings.Builder
	line := func(name, v string) { fold(&b, name+":"+v) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//tripcurve//timeline 2//EN")
	line("CALSCALE", "GREGORIAN")
	line("X-WR-CALNAME", icalText(d.title()))
	line("X-WR-CALDESC", icalText(d.Redaction.Statement))
	const instant = "20060102T150405Z"
	for _, r := range d.Rows {
		e := r.entry
		made := e.Start // never a clock's now: the same timeline is the same file
		if d.GeneratedAt != nil {
			if t, err := time.Parse(time.RFC3339Nano, *d.GeneratedAt); err == nil {
				made = t
			}
		}
		line("BEGIN", "VEVENT")
		line("UID", icalText(r.ID+"@tripcurve"))
		line("DTSTAMP", made.UTC().Format(instant))
		if e.Precision >= 24*time.Hour {
			line("DTSTART;VALUE=DATE", e.Start.UTC().Format("20060102"))
			if !e.End.IsZero() {
				line("DTEND;VALUE=DATE", e.End.UTC().AddDate(0, 0, 1).Format("20060102")) // the day after the last
			}
		} else {
			line("DTSTART", e.Start.UTC().Format(instant))
			if e.End.Truncate(time.Second).After(e.Start.Truncate(time.Second)) {
				line("DTEND", e.End.UTC().Format(instant))
			}
		}
		line("SUMMARY", icalText(r.Text))
		line("DESCRIPTION", icalText(strings.Join(r.facts(), "\n")))
		line("CATEGORIES", icalText(r.Kind))
		if r.Source.URL != "" && !strings.ContainsAny(r.Source.URL, " \\\"") {
			line("URL", r.Source.URL)
		}
		line("TRANSP", "TRANSPARENT")
		line("END", "VEVENT")
	}
	line("END", "VCALENDAR")
	return []byte(b.String())
}

// facts are the rest of what a row knows, a line each.
func (r Row) facts() []string {
	list := []string{"at " + r.Start}
	for _, f := range []struct{ name, value string }{
		{"until", value(r.End)},
		{"lasted", r.lasted()},
		{"system", r.System},
		{"kind", r.sort()},
		{"who", r.who()},
		{"source", r.Source.String()},
		{"confidence", r.Confidence},
	} {
		if f.value != "" {
			list = append(list, f.name+" "+f.value)
		}
	}
	for _, c := range r.Comments {
		list = append(list, c.Role+": "+c.Text)
	}
	return list
}

func icalText(s string) string { return icalEscapes.Replace(redact.Lines(s)) }

var icalEscapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// fold writes a content line in pieces of at most 75 octets, never within a character.
func fold(b *strings.Builder, s string) {
	room := 75
	for len(s) > room {
		n := room
		for n > 0 && s[n]&0xc0 == 0x80 {
			n--
		}
		b.WriteString(s[:n] + "\r\n ")
		s, room = s[n:], 74
	}
	b.WriteString(s + "\r\n")
}
