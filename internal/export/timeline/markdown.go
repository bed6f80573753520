package timeline

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// Markdown is the document in GitHub-flavoured Markdown, without HTML but for
// comments: each entry's id stands in one, so that an edited document can still
// be matched with its evidence.
func (d Document) Markdown() []byte {
	var b strings.Builder
	title := "Timeline"
	if d.Incident != "" {
		title += " of " + redact.Markdown(d.Incident)
	}
	fmt.Fprintf(&b, "# %s\n\n<!-- %s -->\n\n", title, Schema)
	if d.Impact != nil {
		fmt.Fprintf(&b, "Customers were affected from %s to %s: %s (%s s). All times are UTC.\n\n",
			d.Impact.from.UTC().Format("2006-01-02 15:04:05Z"), d.until(d.Impact.to), length(d.Impact.to.Sub(d.Impact.from)),
			export.Number(d.Impact.DurationS, 3))
	} else {
		b.WriteString("No request is known to have failed. All times are UTC.\n\n")
	}
	if d.GeneratedAt != nil {
		fmt.Fprintf(&b, "Generated at %s.\n\n", *d.GeneratedAt)
	}
	fmt.Fprintf(&b, "%s\n\n", redact.Markdown(d.Redaction.Statement))

	dated := d.severalDays()
	b.WriteString("| Time (UTC) | Lasted | What happened | Kind | Source | Confidence |\n|---|---|---|---|---|---|\n")
	for _, e := range d.Entries {
		lasted := ""
		if !e.moment.End.IsZero() {
			lasted = length(e.moment.End.Sub(e.moment.At))
		}
		what := redact.Markdown(e.Text)
		if e.System != "" && !strings.Contains(e.Text, e.System) {
			what += " (" + redact.Markdown(e.System) + ")"
		}
		if e.Hidden {
			what = "(hidden) " + what
		}
		fmt.Fprintf(&b, "| %s | %s | %s <!-- id: %s --> | %s | %s | %s |\n", e.Clock(dated), lasted, what,
			strings.ReplaceAll(redact.MarkdownComment(e.ID), "|", "&#124;"), e.Kind, redact.Markdown(e.Source), redact.Markdown(e.Confidence))
	}
	if len(d.Entries) == 0 {
		b.WriteString("| | | no entries | | | |\n")
	}
	if len(d.Spans) > 0 {
		b.WriteString("\n| Duration | From and to | |\n|---|---|---|\n")
		for _, s := range d.Spans {
			v := "unknown"
			if s.DurationS != nil {
				v = fmt.Sprintf("%s (%s s)", length(s.length), export.Number(*s.DurationS, 3))
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Name, s.Between, v)
		}
	}
	return []byte(b.String())
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

func (d Document) severalDays() bool {
	day := ""
	for _, e := range d.Entries {
		for _, t := range []time.Time{e.moment.At, e.moment.End} {
			if t.IsZero() {
				continue
			}
			if at := t.UTC().Format(time.DateOnly); day == "" {
				day = at
			} else if at != day {
				return true
			}
		}
	}
	return d.Impact != nil && (day != "" && day != d.Impact.from.UTC().Format(time.DateOnly) ||
		d.Impact.from.UTC().YearDay() != d.Impact.to.UTC().YearDay())
}

// until is the end of the impact, with its date when that is another one.
func (d Document) until(t time.Time) string {
	if t.UTC().Format(time.DateOnly) == d.Impact.from.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04:05Z")
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
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
