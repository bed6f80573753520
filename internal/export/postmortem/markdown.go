package postmortem

import (
	"fmt"
	"strings"

	"tripcurve/internal/redact"
)

// Markdown is the document as plain GitHub-flavoured Markdown: no HTML but for line
// breaks in cells, so that importers of Markdown take it as it is.
func (d *Document) Markdown() []byte {
	w := &markdown{terms: newMarker(d.Terms)}
	fmt.Fprintf(&w.b, "# %s\n\n", redact.Markdown(d.Title))
	for _, line := range d.head() {
		fmt.Fprintf(&w.b, "- **%s**: %s\n", redact.Markdown(line[0]), redact.Markdown(line[1]))
	}
	w.missing(d)
	w.b.WriteString("\n## Contents\n\n")
	for _, s := range d.Sections {
		fmt.Fprintf(&w.b, "- [%s](#%s)\n", redact.Markdown(s.Title), anchor(s.Title))
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&w.b, "\n## %s\n", redact.Markdown(s.Title))
		w.blocks(s.Blocks, 3)
	}
	return []byte(w.b.String())
}

// anchor is what GitHub makes of a heading for links to it.
func anchor(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(title) {
		switch {
		case c == ' ':
			b.WriteByte('-')
		case c == '-', c == '_', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		}
	}
	return b.String()
}

type markdown struct {
	b     strings.Builder
	terms *marker
}

func (w *markdown) missing(d *Document) {
	if len(d.NotFilled) == 0 {
		return
	}
	fmt.Fprintf(&w.b, "\n> **%s**: %s\n", redact.Markdown(countMissing(len(d.NotFilled))), redact.Markdown(listMissing(d.NotFilled)))
}

func (w *markdown) blocks(all []Block, depth int) {
	for _, b := range all {
		w.b.WriteByte('\n')
		w.block(b, depth)
	}
}

func (w *markdown) block(b Block, depth int) {
	switch b.Kind {
	case Paragraph:
		w.paragraphs(b.Text, "")
	case List:
		for i, item := range b.Items {
			bullet := "-"
			if b.Ordered {
				bullet = fmt.Sprintf("%d.", i+1)
			}
			fmt.Fprintf(&w.b, "%s %s\n", bullet, w.inline(item))
		}
	case Table, Facts:
		w.table(b)
	case Code:
		w.code(*b.Code)
	case Callout:
		word := map[string]string{"note": "Note", "warning": "Warning", "danger": "Danger"}[b.Level]
		head := word
		if b.Title != "" {
			head += ": " + b.Title
		}
		fmt.Fprintf(&w.b, "> **%s**\n>\n", redact.Markdown(head))
		w.paragraphs(b.Text, "> ")
	case Group:
		fmt.Fprintf(&w.b, "%s %s\n", strings.Repeat("#", min(depth, 6)), redact.Markdown(b.Title))
		w.blocks(b.Blocks, depth+1)
	case Columns:
		for i, c := range b.Blocks {
			if i > 0 {
				w.b.WriteByte('\n')
			}
			w.block(c, depth)
		}
	case Chart:
		fmt.Fprintf(&w.b, "*%s*\n", redact.Markdown(b.Chart.Alt))
	case Knobs:
		w.table(b.WhatIf.table())
		for _, s := range b.WhatIf.how() {
			fmt.Fprintf(&w.b, "\n%s\n", w.inline(s))
		}
	case Missing:
		fmt.Fprintf(&w.b, "> **Not filled in**: %s\n", redact.Markdown(b.Gap.line()))
	}
}

// paragraphs are parted by empty lines; a single line feed is a blank.
func (w *markdown) paragraphs(s, indent string) {
	for i, p := range paragraphs(s) {
		if i > 0 {
			fmt.Fprintf(&w.b, "%s\n", strings.TrimRight(indent, " "))
		}
		fmt.Fprintf(&w.b, "%s%s\n", indent, w.inline(p))
	}
}

// inline is prose with its code and, where a term is used first, its definition as
// the title of a link.
func (w *markdown) inline(s string) string {
	var b strings.Builder
	for _, p := range w.terms.pieces(s) {
		switch {
		case p.code:
			b.WriteString(redact.MarkdownCode(p.text))
		case p.term != nil:
			fmt.Fprintf(&b, "[%s](#glossary \"%s\")", redact.Markdown(p.text), strings.NewReplacer(`"`, "'", `\`, "", "`", "", "<", "", ">", "").Replace(p.term.Means))
		case b.Len() == 0:
			b.WriteString(redact.Markdown(p.text))
		default: // in the middle of a line nothing begins a list
			b.WriteString(strings.TrimPrefix(redact.Markdown("x"+p.text), "x"))
		}
	}
	return b.String()
}

func (w *markdown) table(b Block) {
	if b.Title != "" {
		fmt.Fprintf(&w.b, "%s:\n\n", redact.Markdown(b.Title))
	}
	head := b.Head
	if b.Kind == Facts {
		head = []string{"", ""}
	}
	w.b.WriteByte('|')
	for _, h := range head {
		fmt.Fprintf(&w.b, " %s |", redact.Markdown(h))
	}
	w.b.WriteString("\n|")
	for i := range head {
		if len(b.Rows) > 0 && i < len(b.Rows[0]) && b.Rows[0][i].Right {
			w.b.WriteString("---:|")
		} else {
			w.b.WriteString("---|")
		}
	}
	w.b.WriteByte('\n')
	for _, r := range b.Rows {
		w.b.WriteByte('|')
		for _, c := range r {
			s := w.plain(c.Text)
			if c.Head && s != "" && b.Kind == Facts {
				s = "**" + s + "**"
			}
			fmt.Fprintf(&w.b, " %s |", s)
		}
		w.b.WriteByte('\n')
	}
}

// plain is prose with its code and without links to terms.
func (w *markdown) plain(s string) string {
	var b strings.Builder
	for _, p := range codePieces(s) {
		if p.code {
			b.WriteString(redact.MarkdownCode(p.text))
		} else {
			b.WriteString(redact.Markdown(p.text))
		}
	}
	return b.String()
}

func (w *markdown) code(c Listing) {
	if c.At != "" {
		fmt.Fprintf(&w.b, "%s\n\n", redact.MarkdownCode(c.At))
	}
	body := redact.Lines(c.Text)
	fence := "```"
	for strings.Contains(body, fence) {
		fence += "`"
	}
	fmt.Fprintf(&w.b, "%s%s\n%s\n%s\n", fence, c.Lang, body, fence)
	for i, n := range c.Notes {
		if i == 0 {
			w.b.WriteByte('\n')
		}
		fmt.Fprintf(&w.b, "- line %d: %s\n", n.Line, w.inline(n.Text))
	}
}
