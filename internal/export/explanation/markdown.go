package explanation

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tripcurve/internal/redact"
)

// Markdown is the report in GitHub-flavoured Markdown.
func (rep Report) Markdown() []byte {
	var b bytes.Buffer
	md := redact.Markdown
	all := rep.all()
	fmt.Fprintf(&b, "# %s: why %s\n\n%s\n\n%s\n", md(rep.Incident), minutes(rep.OutageS), md(rep.lead()), md(rep.answer()))
	if w := rep.Weight; w != nil {
		fmt.Fprintf(&b, "%s\n", md(w.text()))
	}
	b.WriteString("\n## Mechanisms\n\n| | mechanism | facts | tail | verdict |\n|---|---|---:|---:|---|\n")
	for i, m := range all {
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %s | %s |\n", rep.key(i), md(m.Name), m.Reproduced, m.Of, m.tail(), m.word())
	}
	b.WriteString("\n## Facts\n\no: the simulated nights have it; x: they have not.\n\n| fact | evidence |")
	for i := range all {
		fmt.Fprintf(&b, " %s |", rep.key(i))
	}
	b.WriteString("\n|---|---:|")
	for range all {
		b.WriteString("---|")
	}
	b.WriteByte('\n')
	for i, f := range rep.Facts {
		fmt.Fprintf(&b, "| %s | %s |", md(f.Text), f.figure(f.Value))
		for _, m := range all {
			fmt.Fprintf(&b, " %s |", mark(m.Fits[i].Reproduced))
		}
		b.WriteByte('\n')
	}
	for i, m := range all {
		fmt.Fprintf(&b, "\n## %s. %s: %s\n\n%s.\n\n- Simulated: %s.\n", rep.key(i), md(title(m.Name)), m.word(), md(title(m.How)), md(m.Simulated))
		if m.Reckoning != "" {
			fmt.Fprintf(&b, "- Reckoned: %s.\n", md(m.Reckoning))
		}
		for _, s := range rep.contradictions(m) {
			fmt.Fprintf(&b, "- Contradicted: %s.\n", md(s))
		}
		fmt.Fprintf(&b, "- Would tell it apart: %s.\n", md(m.TellingApart))
	}
	b.WriteString("\n## What nobody recorded\n\n| mechanism |")
	for _, p := range all[0].Predictions {
		fmt.Fprintf(&b, " %s |", md(p.Name))
	}
	b.WriteString("\n|---|")
	for range all[0].Predictions {
		b.WriteString("---:|")
	}
	b.WriteByte('\n')
	for i, m := range all {
		fmt.Fprintf(&b, "| %s. %s |", rep.key(i), md(m.Name))
		for _, p := range m.Predictions {
			fmt.Fprintf(&b, " %s |", plain(p.Spread.Median))
		}
		b.WriteByte('\n')
	}
	list := func(head string, of []string) {
		fmt.Fprintf(&b, "\n## %s\n\n", head)
		for _, s := range of {
			fmt.Fprintf(&b, "- %s\n", md(s))
		}
	}
	list("Stays unexplained", rep.Unexplained)
	list("Assumed, for nobody measured or stated it", rep.Assumed)
	fmt.Fprintf(&b, "\n%s\n", md(rep.Redaction.Statement))
	return b.Bytes()
}

// JSON is the report for programs.
func (rep Report) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(rep)
	return b.Bytes(), err
}
