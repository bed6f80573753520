package report

import (
	"fmt"
	"strings"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// Counterfactual is the fitted scenario with and without what was found.
type Counterfactual struct {
	Scenario string    `json:"scenario"`
	Counts   string    `json:"counts"` // what failed is a number of: orders not accepted, requests that failed
	Seeds    int       `json:"seeds"`
	Observed int64     `json:"observed_failed"`
	With     Range     `json:"with"`
	Fitted   bool      `json:"fitted"` // with the causes there are about as many as were seen
	Without  []Without `json:"without"`
	Skipped  []Skipped `json:"not_simulated"`
	Books    []Balance `json:"conservation"`
	Tries    *Tries    `json:"tries"`
}

// Range is a mean over the seeds, and where nine in ten lie.
type Range struct {
	Mean *float64 `json:"mean"`
	P5   *float64 `json:"p5"`
	P95  *float64 `json:"p95"`
}

// Without is the same nights without one cause.
type Without struct {
	Finding     string `json:"finding"`
	Left        string `json:"changed"`
	Failed      Range  `json:"failed"`
	Necessity   Range  `json:"necessity"`   // 1 - without/with
	Sufficiency Range  `json:"sufficiency"` // with/observed
	Word        string `json:"word"`        // explains, contributes
}

// Skipped is a finding that was not simulated.
type Skipped struct {
	Finding string `json:"finding"`
	Why     string `json:"why"`
}

// Balance is the conservation of requests.
type Balance struct {
	Of        string `json:"of"`
	Before    int64  `json:"in_flight_before"`
	Arrived   int64  `json:"arrived"`
	Completed int64  `json:"completed"`
	Failed    int64  `json:"failed"`
	InFlight  int64  `json:"in_flight"`
	Holds     bool   `json:"holds"`
}

// Tries are calls for requests, as two sources count one stream.
type Tries struct {
	Calls    int64    `json:"calls"`
	Requests int64    `json:"requests"`
	Each     *float64 `json:"calls_per_request"`
	Most     int      `json:"most_tries"`
	Fits     bool     `json:"fits"`
}

// NewCounterfactual writes one down; foreign redacts what was collected. It is nil for nil.
func NewCounterfactual(c *diagnose.Counterfactual, foreign func(string) string) *Counterfactual {
	if c == nil {
		return nil
	}
	out := &Counterfactual{
		Scenario: c.Scenario, Counts: c.Counts, Seeds: c.Seeds, Observed: c.Observed, With: ranged(c.With), Fitted: c.Fitted,
		Without: []Without{}, Skipped: []Skipped{}, Books: []Balance{},
	}
	for _, w := range c.Without {
		word := "contributes"
		if w.Explains() {
			word = explains
		}
		out.Without = append(out.Without, Without{foreign(w.Finding.ID), foreign(w.Left), ranged(w.Failed), ranged(w.Necessity), ranged(w.Sufficiency), word})
	}
	for _, s := range c.Skipped {
		out.Skipped = append(out.Skipped, Skipped{foreign(s.Finding.ID), foreign(s.Why)})
	}
	for _, b := range c.Books {
		out.Books = append(out.Books, Balance{foreign(b.Of), b.Before, b.Arrived, b.Completed, b.Failed, b.InFlight, b.Holds()})
	}
	if t := c.Tries; t != nil {
		out.Tries = &Tries{t.Calls, t.Requests, share(t.Each()), t.Most, t.Fits()}
	}
	return out
}

func ranged(r diagnose.Range) Range { return Range{share(r.Mean), share(r.P5), share(r.P95)} }

// Count is "1,244 (1,190 to 1,295)".
func (r Range) Count() string { return r.text(func(v float64) string { return export.Number(v, 0) }) }

// Ratio is "0.83 (0.81 to 0.85)".
func (r Range) Ratio() string {
	return r.text(func(v float64) string { return fmt.Sprintf("%.2f", v) })
}

func (r Range) text(number func(float64) string) string {
	n := func(v *float64) string {
		if v == nil {
			return "unknown"
		}
		return number(*v)
	}
	return fmt.Sprintf("%s (%s to %s)", n(r.Mean), n(r.P5), n(r.P95))
}

// Together says what it means that several explain.
func (c Counterfactual) Together() string {
	n := 0
	for _, w := range c.Without {
		if w.Word == explains {
			n++
		}
	}
	if n < 2 {
		return ""
	}
	return fmt.Sprintf("%d of these explain: without any one of them most of the impact is gone, so none is enough alone", n)
}

const explains = "explains"

// Sum is the conservation with its arithmetic.
func (b Balance) Sum() string {
	left := export.Count(b.Arrived)
	arrivals := "arrivals"
	if b.Before != 0 {
		left = fmt.Sprintf("%s + %s", export.Count(b.Before), left)
		arrivals = "in flight before + arrivals"
	}
	s := fmt.Sprintf("%s: %s = completed + failed + in flight: %s = %s + %s + %s", b.Of, arrivals, left,
		export.Count(b.Completed), export.Count(b.Failed), export.Count(b.InFlight))
	if !b.Holds {
		s += fmt.Sprintf(" does NOT hold: the right side is %s", export.Count(b.Completed+b.Failed+b.InFlight))
	}
	return s
}

func (t Tries) text() string {
	s := fmt.Sprintf("calls for each checkout: %s calls gateway -> order / %s requests = %s; the gateway tries up to %d times", export.Count(t.Calls), export.Count(t.Requests),
		export.Number(*t.Each, 2), t.Most)
	if !t.Fits {
		s += ": the two do NOT agree"
	}
	return s
}

// Lead is what the comparison is about.
func (c Counterfactual) Lead() string {
	s := fmt.Sprintf("%d nights of %s with the causes have %s %s; %s were seen.", c.Seeds, c.Scenario, c.With.Count(), c.Counts, export.Count(c.Observed))
	if !c.Fitted {
		s += " That is not about as many (0.7 to 1.3 of them): the scenario is not this incident's, and nothing can be said to explain it."
	}
	return s
}

// Rule is when a cause is said to explain.
const Rule = "explains: necessity (1 - without/with) of 0.8 and more and sufficiency (with/observed) of 0.7 to 1.3, means of the nights; else contributes"

func (rep Report) counterfactualText(b *strings.Builder) {
	c := rep.Counterfactual
	if c == nil {
		return
	}
	b.WriteString("\nCOUNTERFACTUAL, the same customers with and without each cause (5 to 95 %)\n")
	b.WriteString(export.Wrap(c.Lead(), "  ", "  "))
	for _, w := range c.Without {
		b.WriteString(export.Wrap(fmt.Sprintf("%s: %s", w.Left, w.Word), "  ", "    "))
		b.WriteString(export.Wrap(fmt.Sprintf("%s %s; necessity %s; sufficiency %s", c.Counts, w.Failed.Count(), w.Necessity.Ratio(), w.Sufficiency.Ratio()), "    ", "    "))
	}
	for _, s := range c.Skipped {
		b.WriteString(export.Wrap(fmt.Sprintf("not simulated: %s: %s", s.Finding, s.Why), "  ", "    "))
	}
	if said := c.Together(); said != "" {
		b.WriteString(export.Wrap(said, "  ", "    "))
	}
	b.WriteString(export.Wrap(Rule, "  ", "    "))
	for _, x := range c.Books {
		b.WriteString(export.Wrap(x.Sum(), "  ", "    "))
	}
	if c.Tries != nil {
		b.WriteString(export.Wrap(c.Tries.text(), "  ", "    "))
	}
}

func (rep Report) counterfactualMarkdown(b *strings.Builder) {
	c, md := rep.Counterfactual, redact.Markdown
	if c == nil {
		return
	}
	fmt.Fprintf(b, "## Counterfactual\n\n%s\n\n| The same nights | %s | Necessity | Sufficiency | |\n|---|---|---|---|---|\n", md(c.Lead()), strings.ToUpper(c.Counts[:1])+c.Counts[1:])
	for _, w := range c.Without {
		fmt.Fprintf(b, "| %s <!-- id: %s --> | %s | %s | %s | %s |\n", md(w.Left), strings.ReplaceAll(redact.MarkdownComment(w.Finding), "|", "&#124;"),
			w.Failed.Count(), w.Necessity.Ratio(), w.Sufficiency.Ratio(), w.Word)
	}
	fmt.Fprintf(b, "\nMeans, and where nine nights in ten lie; %s.\n\n", md(Rule))
	if said := c.Together(); said != "" {
		fmt.Fprintf(b, "- %s\n", md(said))
	}
	for _, s := range c.Skipped {
		fmt.Fprintf(b, "- not simulated: %s: %s\n", md(s.Finding), md(s.Why))
	}
	for _, x := range c.Books {
		fmt.Fprintf(b, "- %s\n", md(x.Sum()))
	}
	if c.Tries != nil {
		fmt.Fprintf(b, "- %s\n", md(c.Tries.text()))
	}
	b.WriteByte('\n')
}
