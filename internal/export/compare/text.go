package compare

import (
	"fmt"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// Text is the comparison for a terminal of 80 columns.
func (rep Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s each, the same customers under all of them\n",
		rep.Scenario, remedies(len(rep.Remedies)), export.Plural(rep.Seeds, "run"))
	for _, t := range rep.tables() {
		fmt.Fprintf(&b, "\n%s\n\n", t.title)
		t.text(&b)
		b.WriteString(export.Wrap(t.note, "", ""))
	}
	b.WriteString("\nWhat it says\n\n")
	for _, s := range rep.Says {
		item(&b, s)
	}
	b.WriteString("\nRemedy by remedy\n\n")
	for _, r := range rep.Remedies {
		item(&b, r.Name+": "+r.What+". "+r.Says)
	}
	rep.assumed(&b)
	return b.String()
}

func (rep Report) assumed(b *strings.Builder) {
	if len(rep.Assumed) == 0 {
		return
	}
	b.WriteString("\nAssumed, for nobody measured or stated it:\n\n")
	for _, a := range rep.Assumed {
		item(b, a)
	}
}

func (t table) text(b *strings.Builder) { export.Align(b, append([][]string{t.head}, t.rows...)) }

// markdown writes the table and its note.
func (t table) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "| %s |\n|---%s|\n", strings.Join(t.head, " | "), strings.Repeat("|---:", len(t.head)-1))
	for _, row := range t.rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintf(b, "\n%s\n", t.note)
}

// item writes an entry of a list.
func item(b *strings.Builder, text string) { b.WriteString(export.Wrap(text, "- ", "  ")) }

// Markdown is the same for a document.
func (rep Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Remedies of %s\n\n<!-- %s -->\n\n%s, %s each, the same customers under all of them.\n",
		redact.Markdown(rep.Scenario), rep.Schema, remedies(len(rep.Remedies)), export.Plural(rep.Seeds, "run"))
	for _, t := range rep.tables() {
		fmt.Fprintf(&b, "\n## %s\n\n", t.title)
		t.markdown(&b)
	}
	b.WriteString("\n## What it says\n\n")
	for _, s := range rep.Says {
		fmt.Fprintf(&b, "- %s\n", redact.Markdown(s))
	}
	b.WriteString("\n## Remedy by remedy\n\n")
	for _, r := range rep.Remedies {
		fmt.Fprintf(&b, "- **%s**: %s. %s\n", redact.Markdown(r.Name), redact.Markdown(r.What), redact.Markdown(r.Says))
	}
	if len(rep.Assumed) > 0 {
		b.WriteString("\n## Assumed\n\nNobody measured or stated it.\n\n")
		for _, a := range rep.Assumed {
			fmt.Fprintf(&b, "- %s\n", redact.Markdown(a))
		}
	}
	return b.String()
}

func remedies(n int) string {
	if n == 1 {
		return "1 remedy"
	}
	return export.Count(n) + " remedies"
}
