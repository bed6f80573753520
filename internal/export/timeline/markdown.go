package timeline

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Markdown is the document in GitHub-flavoured Markdown, without HTML but for
// comments: each entry's id stands in one, so that an edited copy can be read back
// (collectors/timeline reads it).
func (d Document) Markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n<!-- %s -->\n\n", redact.Markdown(d.title()), Schema)
	for _, s := range d.preface() {
		fmt.Fprintf(&b, "%s\n\n", redact.Markdown(s))
	}
	for _, t := range []incident.Track{incident.IncidentTrack, incident.RemediationTrack} {
		rows := d.track(t)
		if len(rows) == 0 && (t != incident.IncidentTrack || len(d.Rows) > 0) {
			continue
		}
		if t == incident.RemediationTrack {
			b.WriteString("\n## Remediation\n\n")
		}
		d.table(&b, rows, t)
	}
	if comments := d.commented(); len(comments) > 0 {
		b.WriteString("\n## Comments\n\n")
		for _, r := range comments {
			for _, c := range r.Comments {
				fmt.Fprintf(&b, "- %s, of %s: %s\n", redact.Markdown(c.Role), redact.Markdown(clip(r.Text, 60)), redact.Markdown(c.Text))
			}
		}
	}
	if len(d.Spans) > 0 {
		b.WriteString("\n| Duration | From and to | |\n|---|---|---|\n")
		for _, s := range d.Spans {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Name, s.Between, s.value())
		}
	}
	return []byte(b.String())
}

func (d Document) table(b *strings.Builder, rows []Row, t incident.Track) {
	dated := d.severalDays(rows)
	head := []string{"Time (UTC)", "Until", "Lasted", "What happened", "System", "Kind", "Who", "Source", "Confidence"}
	if t == incident.RemediationTrack {
		head[0] = "From"
	}
	if d.zone != nil {
		head = append([]string{head[0], "Time (" + redact.Markdown(d.Zone) + ")"}, head[1:]...)
	}
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, r := range rows {
		what := redact.Markdown(r.Text)
		if r.Hidden {
			what = "(hidden) " + what
		}
		at := stamp(r.entry.Start, r.entry.Precision, time.UTC, dated)
		if r.Order == "uncertain" && t == incident.IncidentTrack {
			at = "~ " + at
		}
		cells := []string{
			at, r.until(time.UTC, dated), r.lasted(), what + " <!-- id: " + redact.MarkdownComment(r.ID) + " -->",
			redact.Markdown(r.System), r.sort(), redact.Markdown(r.who()), redact.Markdown(r.Source.String()), redact.Markdown(r.Confidence),
		}
		if d.zone != nil {
			cells = append([]string{cells[0], stamp(r.entry.Start, r.entry.Precision, d.zone, dated)}, cells[1:]...)
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(rows) == 0 {
		fmt.Fprintf(b, "|%s\n", strings.Repeat(" |", 3)+" no entries |"+strings.Repeat(" |", len(head)-4))
	}
	if t == incident.IncidentTrack && d.uncertain(rows) {
		b.WriteString("\n~ may have been before the row above it: clocks or coarse times leave the order open.\n")
	}
}

// title is the document's, as plain text.
func (d Document) title() string {
	if d.Incident == "" {
		return "Timeline"
	}
	return "Timeline of " + d.Incident
}

// preface are the sentences above the rows, as plain text.
func (d Document) preface() []string {
	impact := "No request is known to have failed. All times are UTC."
	if d.Impact != nil {
		impact = fmt.Sprintf("Customers were affected from %s to %s: %s (%s s). All times are UTC.", d.Impact.from.UTC().Format("2006-01-02 15:04:05Z"),
			d.impactEnd(), length(d.Impact.to.Sub(d.Impact.from)), export.Number(d.Impact.DurationS, 3))
	}
	if d.zone != nil {
		impact = strings.TrimSuffix(impact, ".") + " where no other zone is named."
	}
	list := []string{impact}
	if d.Phase != nil {
		list = append(list, "Now in "+*d.Phase+".")
	}
	if d.GeneratedAt != nil {
		list = append(list, "Generated at "+*d.GeneratedAt+".")
	}
	return append(list, d.Redaction.Statement)
}

func (s Span) value() string {
	if s.DurationS == nil {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s s)", length(s.length), export.Number(*s.DurationS, 3))
}

// sort is what sort of thing a row tells, with what it marks or how far it is.
func (r Row) sort() string {
	switch {
	case r.Progress != "":
		return r.Kind + ", " + r.Progress
	case r.Phase != "":
		return r.Kind + ", " + r.Phase
	}
	return r.Kind
}

// who is the role, and the person where people were asked for.
func (r Row) who() string {
	if r.Person == "" || r.Person == r.Actor {
		return r.Actor
	}
	return strings.TrimSpace(r.Actor + " (" + r.Person + ")")
}

func (d Document) uncertain(rows []Row) bool {
	for _, r := range rows {
		if r.Order == "uncertain" {
			return true
		}
	}
	return false
}

func (d Document) commented() []Row {
	var rows []Row
	for _, r := range d.Rows {
		if len(r.Comments) > 0 {
			rows = append(rows, r)
		}
	}
	return rows
}

// clip is s in at most n characters.
func clip(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-3]) + "..."
	}
	return s
}
