package explanation

import (
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// Text is the report for a terminal.
func (rep Report) Text() string {
	var b strings.Builder
	line := func(indent, s string) { b.WriteString(export.Wrap(redact.Line(s), indent, indent)) }
	head := func(s string) { fmt.Fprintf(&b, "\n%s\n", s) }
	all := rep.all()

	fmt.Fprintf(&b, "%s: why %s\n\n", redact.Line(rep.Incident), minutes(rep.OutageS))
	line("", rep.lead())
	b.WriteByte('\n')
	line("", rep.answer())
	if w := rep.Weight; w != nil {
		line("", w.text())
	}

	head("MECHANISMS")
	fmt.Fprintf(&b, "  %-38s %8s %7s  %s\n", "", "facts", "tail", "verdict")
	for i, m := range all {
		fmt.Fprintf(&b, "  %s %-36s %8s %7s  %s\n", rep.key(i), m.Name, fmt.Sprintf("%d of %d", m.Reproduced, m.Of), m.tail(), m.word())
	}
	line("  ", fmt.Sprintf("Tail: for so long after the release checkouts went on failing, in the middle of the nights; %s s are to be explained.", export.Number(rep.RemainderS, 0)))

	head("FACTS (o: the simulated nights have it, x: they have not)")
	fmt.Fprintf(&b, "  %-55s %9s  %s\n", "", "evidence", rep.keys())
	for i, f := range rep.Facts {
		fmt.Fprintf(&b, "  %-55s %9s  %s\n", f.Text, f.figure(f.Value), rep.marks(i))
	}
	for i, m := range all {
		head(fmt.Sprintf("%s. %s: %s", rep.key(i), title(m.Name), m.word()))
		line("   ", title(m.How)+".")
		line("   ", "Simulated: "+m.Simulated+".")
		if m.Reckoning != "" {
			line("   ", "Reckoned: "+m.Reckoning+".")
		}
		if m.Reproduced < m.Of {
			line("   ", "Contradicted by:")
			for _, s := range rep.contradictions(m) {
				b.WriteString(export.Wrap(s, "   - ", "     "))
			}
		}
		line("   ", "Would tell it apart: "+m.TellingApart+".")
	}

	head("WHAT NOBODY RECORDED, AND WHAT EACH MECHANISM SAYS OF IT")
	for i, p := range all[0].Predictions {
		fmt.Fprintf(&b, "  %s  %s\n", letter(i), p.Name)
	}
	fmt.Fprintf(&b, "  %-42s", "")
	for i := range all[0].Predictions {
		fmt.Fprintf(&b, "%9s", letter(i))
	}
	b.WriteByte('\n')
	for i, m := range all {
		fmt.Fprintf(&b, "  %s %-40s", rep.key(i), m.Name)
		for _, p := range m.Predictions {
			fmt.Fprintf(&b, "%9s", plain(p.Spread.Median))
		}
		b.WriteByte('\n')
	}

	head("STAYS UNEXPLAINED")
	for _, s := range rep.Unexplained {
		b.WriteString(export.Wrap(redact.Line(s)+".", "  - ", "    "))
	}
	head("ASSUMED, FOR NOBODY MEASURED OR STATED IT")
	for _, s := range rep.Assumed {
		b.WriteString(export.Wrap(redact.Line(s), "  - ", "    "))
	}
	b.WriteString("\n" + export.Wrap(rep.Redaction.Statement, "", ""))
	return b.String()
}

// all is the mechanisms and the twins behind them.
func (rep Report) all() []Mechanism { return slices.Concat(rep.Mechanisms, rep.Twins) }

// key is how a mechanism is called in tables: its number, or = for a twin.
func (rep Report) key(i int) string {
	if i < len(rep.Mechanisms) {
		return fmt.Sprint(i + 1)
	}
	return "="
}

// keys is the heads of the marks.
func (rep Report) keys() string {
	var b strings.Builder
	for i := range rep.all() {
		b.WriteString(rep.key(i))
	}
	return b.String()
}

// marks says of a fact which mechanisms reproduce it.
func (rep Report) marks(fact int) string {
	var b strings.Builder
	for _, m := range rep.all() {
		b.WriteString(mark(m.Fits[fact].Reproduced))
	}
	return b.String()
}

func mark(reproduced bool) string {
	if reproduced {
		return "o"
	}
	return "x"
}

func (rep Report) lead() string {
	return fmt.Sprintf("The trigger covers %s s of the %s s in which checkouts failed (%.1f %%). What can have held the other %s s? "+
		"%s simulated in %s with other customers than those of the evidence; what a night leaves behind is read as the evidence was.",
		export.Number(rep.TriggerS, 0), export.Number(rep.OutageS, 0), 100*rep.TriggerS/rep.OutageS, export.Number(rep.RemainderS, 0),
		title(rep.number()), export.Plural(rep.Seeds, "night"))
}

// answer is the verdict on all of them in a sentence.
func (rep Report) answer() string {
	var fit []string
	for i, m := range rep.all() {
		if m.Verdict != "contradicted" {
			fit = append(fit, fmt.Sprintf("%s (%s)", m.Name, rep.key(i)))
		}
	}
	all := len(rep.Facts)
	switch len(fit) {
	case 0:
		return fmt.Sprintf("None of them reproduces all %d facts: it stays unexplained.", all)
	case 1:
		return fmt.Sprintf("One of them reproduces all %d facts: %s.", all, fit[0])
	}
	return fmt.Sprintf("All %d facts are reproduced by %s, and by %s, which the evidence does not tell apart from it.",
		all, fit[0], strings.Join(fit[1:], " and "))
}

func (w Weight) text() string {
	word := "contributes to"
	if w.Explains {
		word = "explains"
	}
	return fmt.Sprintf("With a connection dropped in silence %s orders are answered 502 (%s were), without it %s: it is necessary for %.0f %% of them, and so %s the outage.",
		export.Number(w.With, 0), export.Number(w.Observed, 0), export.Number(w.Without, 0), 100*w.Necessity, word)
}

// contradictions are the facts that a mechanism does not reproduce, with both figures.
func (rep Report) contradictions(m Mechanism) (list []string) {
	for i, f := range m.Fits {
		if f.Reproduced {
			continue
		}
		fact := rep.Facts[i]
		list = append(list, fmt.Sprintf("%s: evidence %s, simulated %s", fact.Text, fact.figure(fact.Value), fact.spread(f.Spread)))
	}
	return list
}

// figure is a value of the fact in its unit.
func (f Fact) figure(v *float64) string {
	switch {
	case v == nil:
		return f.none
	case f.Unit == "share":
		return export.Number(100**v, 1) + " %"
	case f.Unit == "s" && *v < 1 && *v > 0:
		return export.Number(1000**v, 0) + " ms"
	case f.Unit == "s":
		return export.Number(*v, 0) + " s"
	}
	return export.Number(*v, 0)
}

// spread is the middle of the nights and their ends.
func (f Fact) spread(s Spread) string {
	if s.Median == nil {
		return f.none
	}
	text := f.figure(s.Median)
	if lo, hi := f.figure(s.Min), f.figure(s.Max); lo != hi {
		text += fmt.Sprintf(" (%s to %s)", lo, hi)
	}
	if s.Absent > 0 {
		text += fmt.Sprintf(", and %s in %d of %d nights", f.none, s.Absent, s.Nights)
	}
	return text
}

func (m Mechanism) tail() string {
	if m.Tail.Median == nil {
		return "-"
	}
	return export.Number(*m.Tail.Median, 0) + " s"
}

func (m Mechanism) word() string {
	return strings.Replace(strings.ReplaceAll(m.Verdict, "_", " "), "fits not", "fits, not", 1)
}

func plain(v *float64) string {
	if v == nil {
		return "-"
	}
	return export.Number(*v, 0)
}

func letter(i int) string { return string(rune('a' + i)) }

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// minutes is a duration as people say it: "23 minutes".
func minutes(s float64) string {
	if s < 60 {
		return export.Plural(int(s), "second")
	}
	return export.Plural(int(s/60), "minute")
}

// number is "eight mechanisms, each".
func (rep Report) number() string {
	words := []string{"no mechanism is", "one mechanism,", "two mechanisms, each", "three mechanisms, each", "four mechanisms, each", "five mechanisms, each", "six mechanisms, each", "seven mechanisms, each", "eight mechanisms, each"}
	return words[min(len(rep.Mechanisms), len(words)-1)]
}
