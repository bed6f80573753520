package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Text is the report for a terminal, a mail or a pager.
func (rep Report) Text() string {
	var b strings.Builder
	a := rep.analysis
	line := func(indent, s string) { b.WriteString(export.Wrap(s, indent, indent)) }
	head := func(s string) { fmt.Fprintf(&b, "\n%s\n", s) }

	if rep.Incident != "" {
		fmt.Fprintf(&b, "%s\n\n", rep.Incident)
	}
	if rep.Sentence == "" {
		b.WriteString("Nothing found.\n")
	} else {
		line("", rep.Sentence)
	}
	for _, p := range rep.newProof() {
		line("  ", p)
	}
	fmt.Fprintf(&b, "  Confidence: %s.\n", rep.Confidence)
	if rep.Impact == nil {
		for _, l := range rep.whenAndWhere() {
			line("  ", l)
		}
	}
	if rep.Impact != nil {
		head("IMPACT")
		line("  ", rep.extent())
		if x := rep.First; x != nil {
			line("  ", fmt.Sprintf("First failure: %s %s, begun at %s", x.Method, x.Route, x.At))
		}
		for _, l := range rep.whenAndWhere() {
			line("  ", l)
		}
		for i, m := range rep.Remainder {
			w := a.Remainder[i].Window
			line("  ", fmt.Sprintf("%s to %s %s", clock(w.From), till(w.To), said(m.Explanation)))
			for _, d := range m.Detail {
				line("    ", d)
			}
		}
	}
	if len(rep.Findings) > 0 {
		head("FINDINGS")
		for i, f := range rep.Findings {
			rep.finding(&b, i, f)
		}
		if rep.uncounted() {
			line("  ", allUncounted)
		}
	}
	rep.counterfactualText(&b)
	if len(rep.Endpoints) > 0 {
		head("ENDPOINTS, " + rep.scope())
		fmt.Fprintf(&b, "  %-30s %8s %8s %7s %9s %9s\n", "", "requests", "failed", "share", "p50", "p99")
		for i, e := range rep.Endpoints {
			rep.endpoint(&b, e, a.Endpoints[i])
		}
	}
	rep.upstreamsText(&b)
	rep.extentText(&b)
	if len(rep.Timeline) > 0 {
		head("TIMELINE (UTC)")
		for _, e := range rep.Timeline {
			end := ""
			if e.DurationS != nil {
				end = ", lasted " + length(time.Duration(*e.DurationS*float64(time.Second)))
			}
			source := ""
			if e.Source != "" {
				source = " [" + e.Source + "]"
			}
			b.WriteString(export.Wrap(fmt.Sprintf("%s  %s%s%s", e.Clock(false), e.Text, end, source), "  ", "             "))
		}
	}
	if len(rep.Sources) > 0 {
		head("SOURCES")
		for i, s := range rep.Sources {
			last := "gave nothing"
			if s.LastAt != nil {
				last = "last " + clock(rep.lastAt(i))
			}
			detail := ""
			if s.Detail != "" {
				detail = ": " + s.Detail
			}
			line("  ", fmt.Sprintf("%s (%s) %s, %s%s", s.Name, s.Group, s.State, last, detail))
		}
	}
	if len(rep.ReadHangs) > 0 {
		head("WHY READS HUNG")
		for _, r := range rep.ReadHangs {
			line("  ", fmt.Sprintf("%s: %s: %s", r.Endpoint, r.Why, r.Text))
		}
	}
	if innocent := rep.innocent(); len(innocent) > 0 {
		head("CHECKED, AND NOT THE CAUSE")
		for _, c := range innocent {
			line("  ", c)
		}
	}
	if undecided := rep.undecided(); len(undecided) > 0 {
		head("NOT DECIDED")
		for _, u := range undecided {
			line("  ", u)
		}
	}
	b.WriteByte('\n')
	b.WriteString(export.Wrap(rep.Redaction.Statement, "", ""))
	return b.String()
}

// innocent is what was looked at and is not the cause, in words.
func (rep Report) innocent() []string {
	lines := slices.Clone(rep.Checked)
	for _, c := range rep.Checks {
		if c.Innocent {
			lines = append(lines, fmt.Sprintf("%s: %s (%s)", c.Rule, c.Why, export.Plural(len(c.Support), "fact")))
		}
	}
	return lines
}

// undecided are the rules that could not say, those together that lack the same.
func (rep Report) undecided() (lines []string) {
	rules := map[string][]string{}
	var why []string
	for _, c := range rep.Checks {
		if c.Innocent {
			continue
		}
		if rules[c.Why] == nil {
			why = append(why, c.Why)
		}
		rules[c.Why] = append(rules[c.Why], c.Rule)
	}
	for _, w := range why {
		lines = append(lines, strings.Join(rules[w], ", ")+": "+w)
	}
	return lines
}

func (rep Report) lastAt(i int) time.Time {
	t, err := time.Parse(time.RFC3339Nano, *rep.Sources[i].LastAt)
	if err != nil {
		return time.Time{}
	}
	return t
}

func (rep Report) finding(b *strings.Builder, i int, f Finding) {
	fmt.Fprint(b, export.Wrap(fmt.Sprintf("%d. %s: %s", i+1, title(f.Role), f.Claim), "  ", "     "))
	for _, d := range f.Detail {
		if !strings.HasPrefix(d, uncounted) {
			fmt.Fprint(b, export.Wrap(d, "     ", "     "))
		}
	}
	sources := "no independent source"
	if n := len(f.Groups); n > 0 {
		sources = fmt.Sprintf("%d independent: %s", n, strings.Join(f.Groups, ", "))
	}
	w := rep.analysis.Findings[i].Window
	when := ""
	if w.Length() > 0 {
		var parts []string
		if !strings.Contains(f.Claim, clock(w.From)) { // else the claim says when, and how exactly that is known
			parts = append(parts, clock(w.From)+" to "+till(w.To))
		}
		if rep.Impact != nil {
			parts = append(parts, percent(rep.analysis.Findings[i].Coverage)+" of the impact")
		}
		if len(parts) > 0 {
			when = strings.Join(parts, ", ") + "; "
		}
	}
	fmt.Fprint(b, export.Wrap(fmt.Sprintf("%s; %s%s; %d facts for it, %d against", f.Confidence, when, sources, len(f.Support), len(f.Against)), "     ", "     "))
	if f.Action != "" {
		fmt.Fprint(b, export.Wrap("do: "+f.Action, "     ", "         "))
	}
}

// waits are the quantiles that stand beside an endpoint's requests: those of the impact
// window, and without one of all the evidence.
func (rep Report) waits(e incident.Impact) (p50, p99 incident.Quantile) {
	if rep.Impact == nil { // everything is before it
		return e.P50Before, e.P99Before
	}
	return e.P50During, e.P99During
}

func (rep Report) endpoint(b *strings.Builder, e Endpoint, raw incident.Impact) {
	name := e.Method + " " + e.Route
	if export.Cells(name) > 30 {
		fmt.Fprintf(b, "  %s\n", name)
		name = ""
	}
	shared := "-"
	if e.FailedShare != nil {
		shared = percent(*e.FailedShare)
	}
	p50, p99 := rep.waits(raw)
	fmt.Fprintf(b, "  %s %8s %8s %7s %9s %9s\n", export.Left(name, 30), thousands(float64(e.Requests)), thousands(float64(e.Failed)), shared,
		brief(p50), brief(p99))
	var notes []string
	if w := raw.NoneWell; w != (incident.Window{}) {
		notes = append(notes, fmt.Sprintf("%s: none answered well from %s to %s", e.Effect, clock(w.From), clock(w.To)))
	} else if raw.Effect != incident.Unaffected && !e.Vanished {
		notes = append(notes, e.Effect)
	}
	if !raw.FirstFailed.IsZero() {
		notes = append(notes, fmt.Sprintf("failing from %s to %s", clock(raw.FirstFailed), till(raw.LastFailed)))
	}
	if !raw.Recovered.IsZero() {
		notes = append(notes, "recovered "+clock(raw.Recovered))
	}
	if e.Vanished {
		notes = append(notes, "traffic stopped at "+clock(raw.VanishedFrom))
	}
	if e.CountedByEnd {
		notes = append(notes, "counted by their end")
	}
	if len(notes) > 0 {
		fmt.Fprint(b, export.Wrap(strings.Join(notes, "; "), "    ", "    "))
	}
	if rep.Impact == nil {
		return
	}
	var apart []string
	for _, t := range []struct {
		when string
		n    incident.Counts
		p99  incident.Quantile
	}{{"before", raw.Before, raw.P99Before}, {"after", raw.After, raw.P99After}} {
		if t.n.Requests > 0 {
			apart = append(apart, fmt.Sprintf("%s: %s of %s failed, p99 %s", t.when, export.Count(t.n.Failed), export.Count(t.n.Requests), brief(t.p99)))
		}
	}
	if len(apart) > 0 {
		fmt.Fprint(b, export.Wrap(strings.Join(apart, "; "), "    ", "    "))
	}
}

// brief is a quantile for a narrow column, to two digits, which is what a sketch
// or a histogram knows at best: the middle of its interval, or ">=" its lower end.
func brief(q incident.Quantile) string {
	if q == (incident.Quantile{}) {
		return "no data"
	}
	at, mark := q.Lo, ">="
	if !q.Capped {
		at, mark = q.Lo+(q.Hi-q.Lo)/2, ""
	}
	digit := time.Duration(1)
	for at >= 100*digit {
		digit *= 10
	}
	return mark + at.Round(digit).String()
}

func title(role string) string {
	s := strings.ReplaceAll(role, "_", " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func clock(t time.Time) string {
	if t.IsZero() {
		return "time unknown"
	}
	return t.UTC().Format("15:04:05Z")
}

// till is an end to the full second after it.
func till(t time.Time) string { return clock(up(t, time.Second)) }

func percent(v float64) string {
	if v != v {
		return "unknown"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// length is a duration as 23m17s.
func length(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// thousands is a number to one decimal with thousands apart.
func thousands(v float64) string { return export.Number(v, 1) }

// uncounted begins what every finding says that no simulation was asked about;
// the text says it once.
const (
	uncounted    = "no counterfactual was run"
	allUncounted = "No counterfactual was run (the same incident without one of these): Possible, not Likely."
)

func (rep Report) uncounted() bool {
	return rep.Counterfactual == nil && slices.ContainsFunc(rep.Findings, func(f Finding) bool {
		return slices.ContainsFunc(f.Detail, func(d string) bool { return strings.HasPrefix(d, uncounted) })
	})
}

// newProof is the proof, unless the sections below tell all of it.
func (rep Report) newProof() []string {
	if rep.Impact != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(rep.Proof), func(p string) bool {
		return slices.ContainsFunc(rep.Findings, func(f Finding) bool { return slices.Contains(f.Detail, p) })
	})
}

// extent is how long the impact was. How much of it triggers cover, the sentence
// says where there is a trigger.
func (rep Report) extent() string {
	w := rep.analysis.Impact
	text := fmt.Sprintf("%s to %s, %s", stamp(w.From), till(w.To), length(w.Length()))
	if w.Length() >= time.Minute {
		text += fmt.Sprintf(" (%s s)", thousands(w.Length().Seconds()))
	}
	if !slices.ContainsFunc(rep.analysis.Findings, func(f incident.Finding) bool { return f.Role == incident.Trigger }) {
		text += "; no trigger is known"
	}
	return text + "."
}

// said is an explanation, or that there is none.
func said(explanation string) string {
	if explanation == "" {
		return "is unexplained"
	}
	return explanation
}

// scope is the time that the numbers of endpoints are of.
func (rep Report) scope() string {
	if rep.Impact == nil {
		return "in all of the evidence"
	}
	return "in the impact window"
}

// Markdown is the report in GitHub-flavoured Markdown.
func (rep Report) Markdown() []byte {
	var b strings.Builder
	a, md := rep.analysis, redact.Markdown
	name := rep.Incident
	if name == "" {
		name = "Incident"
	}
	fmt.Fprintf(&b, "# %s: analysis\n\n<!-- %s -->\n\n", md(name), Schema)
	if rep.Sentence == "" {
		b.WriteString("Nothing found.\n\n")
	} else {
		fmt.Fprintf(&b, "**%s** (%s)\n\n", md(rep.Sentence), rep.Confidence)
	}
	for _, p := range rep.newProof() {
		fmt.Fprintf(&b, "- %s\n", md(p))
	}
	if rep.Impact == nil {
		for _, l := range rep.whenAndWhere() {
			fmt.Fprintf(&b, "- %s\n", md(l))
		}
	}
	if len(rep.newProof()) > 0 || rep.Impact == nil && rep.Onset != nil {
		b.WriteByte('\n')
	}
	if rep.Impact != nil {
		fmt.Fprintf(&b, "## Impact\n\n%s\n\n", rep.extent())
		for _, l := range rep.whenAndWhere() {
			fmt.Fprintf(&b, "- %s\n", md(l))
		}
		for i, m := range rep.Remainder {
			w := a.Remainder[i].Window
			fmt.Fprintf(&b, "- %s to %s %s\n", clock(w.From), till(w.To), md(said(m.Explanation)))
			for _, d := range m.Detail {
				fmt.Fprintf(&b, "  - %s\n", md(d))
			}
		}
		if len(rep.Remainder) > 0 {
			b.WriteByte('\n')
		}
	}
	if len(rep.Findings) > 0 {
		b.WriteString("## Findings\n\n| | Finding | Role | Confidence | Sources | Covers | What to do |\n|---|---|---|---|---|---|---|\n")
		for i, f := range rep.Findings {
			fmt.Fprintf(&b, "| %d | %s <!-- id: %s --> | %s | %s | %s | %s | %s |\n", i+1, md(f.Claim),
				strings.ReplaceAll(redact.MarkdownComment(f.ID), "|", "&#124;"), title(f.Role), f.Confidence,
				md(strings.Join(f.Groups, ", ")), percent(a.Findings[i].Coverage), md(f.Action))
		}
		b.WriteByte('\n')
	}
	rep.counterfactualMarkdown(&b)
	if len(rep.Endpoints) > 0 {
		b.WriteString("## Endpoints, " + rep.scope() + "\n\n| Endpoint | Impact | Requests | Failed | Share | Share before | p50 | p99 | p99 before | p99 after | First failed | Last failed | Recovered |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
		for i, e := range rep.Endpoints {
			raw, shared := a.Endpoints[i], "-"
			if e.FailedShare != nil {
				shared = percent(*e.FailedShare)
			}
			at := func(t time.Time) string {
				if t.IsZero() {
					return "-"
				}
				return clock(t)
			}
			last := "-"
			if !raw.LastFailed.IsZero() {
				last = till(raw.LastFailed)
			}
			if e.Vanished {
				last = "traffic stopped " + at(raw.VanishedFrom)
			}
			p50, p99 := rep.waits(raw)
			was := "no data"
			if e.Before.Share != nil {
				was = percent(*e.Before.Share)
			}
			fmt.Fprintf(&b, "| %s | %s: %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", redact.MarkdownCode(e.Method+" "+e.Route),
				e.Effect, md(e.Says), thousands(float64(e.Requests)), thousands(float64(e.Failed)), shared, was, md(export.Quantile(p50)), md(export.Quantile(p99)),
				md(export.Quantile(raw.P99Before)), md(export.Quantile(raw.P99After)), at(raw.FirstFailed), last, at(raw.Recovered))
		}
		b.WriteByte('\n')
	}
	rep.upstreamsMarkdown(&b)
	rep.extentMarkdown(&b)
	if len(rep.Timeline) > 0 {
		b.WriteString("## Timeline (UTC)\n\n| Time | What happened | Source | Confidence |\n|---|---|---|---|\n")
		for _, e := range rep.Timeline {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.Clock(!strings.HasPrefix(e.At, a.Impact.From.UTC().Format(time.DateOnly))), md(e.Text), md(e.Source), md(e.Confidence))
		}
		b.WriteByte('\n')
	}
	if len(rep.Sources) > 0 {
		b.WriteString("## Sources\n\n| Source | Group | State | Detail |\n|---|---|---|---|\n")
		for _, s := range rep.Sources {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", md(s.Name), md(s.Group), s.State, md(s.Detail))
		}
		b.WriteByte('\n')
	}
	if len(rep.ReadHangs) > 0 {
		b.WriteString("## Why reads hung\n\n")
		for _, r := range rep.ReadHangs {
			fmt.Fprintf(&b, "- %s: %s: %s\n", md(r.Endpoint), r.Why, md(r.Text))
		}
		b.WriteByte('\n')
	}
	if innocent := rep.innocent(); len(innocent) > 0 {
		b.WriteString("## Checked, and not the cause\n\n")
		for _, c := range innocent {
			fmt.Fprintf(&b, "- %s\n", md(c))
		}
		b.WriteByte('\n')
	}
	if undecided := rep.undecided(); len(undecided) > 0 {
		b.WriteString("## Not decided\n\n")
		for _, u := range undecided {
			fmt.Fprintf(&b, "- %s\n", md(u))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s\n", md(rep.Redaction.Statement))
	return []byte(b.String())
}
