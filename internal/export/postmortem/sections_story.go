package postmortem

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/export/plot"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/export/report"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
)

// summary is what a reader gets who reads nothing else.
func (b *builder) summary() []Block {
	blocks := []Block{b.ask(b.Notes.Summary, "the summary in a few sentences", "summary")}
	if b.Analysis.Sentence == "" {
		blocks = append(blocks, text("The evidence shows nothing that is wrong."))
	} else {
		blocks = append(blocks, callout("note", "What the evidence says", b.foreign(sentence(b.Analysis.Sentence))+" Confidence: "+b.Analysis.Confidence.String()+"."))
	}
	if len(b.Assumed) > 0 {
		assumed := make([]string, len(b.Assumed))
		for i, s := range b.Assumed {
			assumed[i] = b.ours(s)
		}
		blocks = append(blocks, group("The evidence is simulated, and of it this is assumed", list(assumed...)))
	}
	return blocks
}

// sentence ends with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

func (b *builder) decisions() (blocks []Block) {
	if len(b.Notes.Decisions) == 0 {
		return []Block{b.gap("decisions", "the decisions that came out of it", "decisions")}
	}
	if w := b.doc.Window; w != nil {
		blocks = append(blocks, facts(
			row("Incident", b.doc.Incident), row("From", w.From), row("To", w.To), row("Length", b.facts["impact_duration"]+" ("+b.facts["impact_seconds"]+" s)"),
		))
	}
	for _, d := range b.Notes.Decisions {
		title := b.line(d.Title)
		if d.Verdict != "" {
			title = verdictWord(d.Verdict) + ": " + title
		}
		blocks = append(blocks, callout("note", title, b.says(d.Text)))
	}
	return blocks
}

func verdictWord(v author.Verdict) string {
	return map[author.Verdict]string{"adopt": "Adopted", "plan": "Planned", "defer": "Deferred", "reject": "Rejected"}[v]
}

// stated is our words with a capital and a full stop.
func stated(s string) string { return sentence(strings.ToUpper(s[:1]) + s[1:]) }

func (b *builder) impact() []Block {
	a := b.Analysis
	if a.Impact.Length() == 0 {
		return []Block{text(stated(unhurt(a))), b.ask(b.Notes.Business, "the impact in a number of the business", "business_impact")}
	}
	rows := [][]Cell{
		row("Customer impact", fmt.Sprintf("%s to %s UTC on %s, %s (%s s)", clock(a.Impact.From), clock(a.Impact.To), b.facts["impact_date"], b.facts["impact_duration"], b.facts["impact_seconds"])),
		row("Worst endpoint", fmt.Sprintf("%s: %s of %s requests failed (%s)", b.facts["endpoint"], b.facts["failed"], b.facts["requests"], b.facts["failed_share"])),
		row("Covered by its trigger", fmt.Sprintf("%s s of %s s (%s)", b.facts["covered_seconds"], b.facts["impact_seconds"], b.facts["coverage"])),
	}
	for _, m := range a.Remainder {
		why := m.Explanation
		if why == "" {
			why = "is unexplained"
		}
		rows = append(rows, row("Remainder", b.foreign(fmt.Sprintf("%s to %s, %s s: %s", clock(m.Window.From), clock(m.Window.To), export.Number(m.Window.Length().Seconds(), 0), why))))
	}
	x := a.Extent
	for _, hit := range []struct {
		name   string
		figure incident.Figure
	}{{"Orders not accepted", x.Orders}, {"Customers", x.Customers}, {"Payment intents asked for", x.Intents}, {"Orphan reservations", x.Orphans}} {
		if hit.figure.Says != "" {
			rows = append(rows, row(hit.name, b.figure(hit.figure)))
		}
	}
	if n, ok := b.facts["jobs_failed"]; ok {
		rows = append(rows, row("Jobs of paid orders that failed", n))
	}
	blocks := []Block{b.ask(b.Notes.Business, "the impact in a number of the business", "business_impact"), facts(rows...)}
	var spans [][]Cell
	for _, s := range x.Times {
		took := "unknown"
		if s.Known {
			took = s.Length.Round(time.Millisecond).String()
		}
		spans = append(spans, []Cell{{Text: s.Name, Head: true}, {Text: s.Starts}, {Text: s.Ends}, {Text: took, Right: true}, {Text: b.ours(s.Why)}})
	}
	if len(spans) > 0 {
		blocks = append(blocks, table("How long things took", []string{"name", "from", "to", "took", "why it is unknown"}, spans...))
	}
	if b.View != nil {
		blocks = append(blocks, b.incidentChart()...)
	}
	return blocks
}

// figure is a count and what was counted, or why it is not known.
func (b *builder) figure(f incident.Figure) string {
	says := strings.TrimPrefix(b.foreign(f.Says), "unknown: ")
	switch {
	case f.Known:
		return figureText(f) + ": " + says
	case f.Query != "":
		return "unknown: " + says + "; what would tell: `" + strings.ReplaceAll(b.ours(f.Query), "`", "'") + "`"
	}
	return "unknown: " + says
}

// incidentChart is failures, lock waiters and calls in flight over time.
func (b *builder) incidentChart() []Block {
	f := plot.Incident(b.Name, b.View, b.Analysis)
	p := picture(f)
	if p.svg == "" {
		return nil
	}
	return []Block{
		{Kind: Chart, Chart: &p},
		group("The same as a table", figureTable(f, 14)),
	}
}

func (b *builder) causes() []Block {
	blocks := []Block{group("Trigger", b.roles(incident.Trigger, "No trigger was found in the evidence.")...)}
	if b.Notes.Trigger != "" {
		blocks[0].Blocks = append(blocks[0].Blocks, text(b.says(b.Notes.Trigger)))
	}
	factors := append([]Block{text("In the evidence:")}, b.roles(incident.Amplifier, "No amplifier was found in the evidence.")...)
	if len(b.Notes.Factors) == 0 {
		factors = append(factors, b.gap("causes", "the contributing factors", "contributing_factors"))
	} else {
		factors = append(factors, text("As the authors see it:"), list(b.saysEach(b.Notes.Factors)...))
	}
	blocks = append(blocks,
		group("Detection", b.ask(b.Notes.Detection, "how it was noticed", "detection")),
		group("Contributing factors", factors...),
		group("Resolution", b.ask(b.Notes.Resolution, "what ended it", "resolution")),
	)
	if c := report.NewCounterfactual(b.Counterfactual, b.foreign); c != nil {
		blocks = append(blocks, group("Simulated without each of them", b.without(c)...))
	}
	if items := b.innocent(); len(items) > 0 {
		blocks = append(blocks, group("Looked at and found innocent", list(items...)))
	}
	for i := range blocks {
		blocks[i].Open = true
	}
	return blocks
}

// without is what a simulation says of each cause.
func (b *builder) without(c *report.Counterfactual) []Block {
	var rows [][]Cell
	for _, w := range c.Without {
		rows = append(rows, append(figures(w.Left, w.Failed.Count(), w.Necessity.Ratio(), w.Sufficiency.Ratio()), Cell{Text: w.Word}))
	}
	blocks := []Block{
		text(b.foreign(c.Lead())),
		table("The same customers without each cause (mean, and where nine runs in ten lie)", []string{"the same", c.Counts, "necessity", "sufficiency", "the cause"}, rows...),
	}
	var notes []string
	if said := c.Together(); said != "" {
		notes = append(notes, sentence(said))
	}
	notes = append(notes, sentence("a cause "+report.Rule))
	for _, s := range c.Skipped {
		notes = append(notes, sentence("not simulated: "+s.Finding+": "+s.Why))
	}
	for _, x := range c.Books {
		notes = append(notes, sentence(x.Sum()))
	}
	return append(blocks, list(notes...))
}

// innocent is what was looked at and is no cause, and what could not be looked at.
func (b *builder) innocent() (items []string) {
	for _, c := range b.Analysis.Checks {
		said := strings.ReplaceAll(c.Rule, "_", " ") + ": "
		if !c.Looked {
			said = "Not decided: " + said
		}
		items = append(items, b.foreign(said+c.Why))
	}
	for _, c := range b.Analysis.Checked {
		items = append(items, b.foreign(c))
	}
	return items
}

func (b *builder) roles(r incident.Role, none string) (blocks []Block) {
	var items []string
	for _, f := range b.Analysis.Findings {
		if f.Role == r {
			items = append(items, b.foreign(sentence(f.Claim)))
		}
	}
	if len(items) == 0 {
		return []Block{text(none)}
	}
	return []Block{list(items...)}
}

// entries are all of the timeline, what people wrote of it among them.
func (b *builder) entries() []incident.Entry {
	var written *incident.Writings
	if b.View != nil {
		written = b.View.Written
	}
	return incident.Timeline(b.View, b.Analysis, written)
}

func (b *builder) timeline() (blocks []Block) {
	for _, t := range []struct {
		track incident.Track
		title string
	}{{incident.IncidentTrack, "The incident (all instants are UTC)"}, {incident.RemediationTrack, "The remediation"}} {
		var rows [][]Cell
		for _, e := range b.entries() {
			if !e.Hidden && e.Track == t.track {
				rows = append(rows, b.entry(e))
			}
		}
		if len(rows) > 0 {
			blocks = append(blocks, table(t.title, []string{"at", "kind", "what", "lasted", "who", "source", "confidence"}, rows...))
		}
	}
	if len(blocks) == 0 {
		return []Block{text("The timeline has no entry.")}
	}
	return append(blocks, text("Entries can be added, corrected and hidden with `tripcurve timeline`; every format of `tripcurve export timeline` holds the same rows."))
}

// entry is a row of the timeline.
func (b *builder) entry(e incident.Entry) []Cell {
	kind := strings.ReplaceAll(e.Kind.String(), "-", " ")
	if e.Phase != incident.NoPhase {
		kind += ", " + strings.ReplaceAll(e.Phase.String(), "-", " ")
	}
	took := ""
	switch {
	case e.Open:
		took = "not over"
	case !e.End.IsZero():
		took = export.Number(e.End.Sub(e.Start).Seconds(), 3) + " s"
	}
	source := e.Source.String()
	if source == "" && b.View != nil {
		source = export.Sources(e.Support, b.View.Get)
	}
	words := b.foreign(e.Text)
	for _, c := range e.Comments {
		words += fmt.Sprintf(" (%s: %s)", b.foreign(c.Role), b.foreign(c.Text))
	}
	return []Cell{{Text: timeline.Stamp(e), Head: true}, {Text: kind}, {Text: words}, {Text: took, Right: true}, {Text: b.foreign(e.Actor)}, {Text: b.foreign(source)}, {Text: b.foreign(e.Confidence)}}
}

// phases are those of the timeline, and those of the author's file.
func (b *builder) phases() (blocks []Block) {
	if phases := incident.Phases(b.entries()); len(phases) > 0 {
		current := incident.CurrentPhase(phases)
		var rows [][]Cell
		for i, p := range phases {
			to := ""
			switch {
			case p.Open:
				to = "not over"
			case !p.End.IsZero():
				to = timeline.Stamp(incident.Entry{Start: p.End, Precision: p.Precision})
			}
			rows = append(rows, phaseRow(i, current, b.foreign(numberless(p.Text, i)), strings.ReplaceAll(p.Progress.String(), "-", " "), timeline.Stamp(p), to, b.foreign(p.Confidence)))
		}
		said := "No phase is in progress."
		if current >= 0 {
			said = fmt.Sprintf("We are in phase %d of %d: %s.", current+1, len(phases), b.foreign(numberless(phases[current].Text, current)))
		}
		blocks = append(blocks, text(said), table("On the timeline", []string{"phase", "what", "state", "from", "to", "known by"}, rows...))
	}
	if len(b.Notes.Phases) == 0 {
		if len(blocks) == 0 {
			blocks = append(blocks, b.gap("phases", "the phases from the trigger to full resolution (here, or as entries of the timeline)", "phases"))
		}
		return blocks
	}
	current := slices.IndexFunc(b.Notes.Phases, func(p author.Phase) bool { return p.State == author.InProgress })
	var rows [][]Cell
	for i, p := range b.Notes.Phases {
		if p.State == "" {
			b.gap("phases", "the state of a phase", "phases.state")
		}
		rows = append(rows, phaseRow(i, current, b.line(p.Name), string(p.State), b.line(p.From), b.line(p.To), b.line(p.Text)))
	}
	said := "No phase is in progress."
	if current >= 0 {
		said = fmt.Sprintf("We are in phase %d of %d: %s.", current+1, len(rows), b.line(b.Notes.Phases[current].Name))
	}
	return append(blocks, text(said), table("As the authors tell it", []string{"phase", "what", "state", "from", "to", "notes"}, rows...))
}

// numberless is what a phase is without the number that it may begin with, which
// stands beside it.
func numberless(s string, i int) string {
	return strings.TrimPrefix(s, fmt.Sprintf("phase %d: ", i+1))
}

func phaseRow(i, current int, what, state, from, to, notes string) []Cell {
	cell := Cell{Text: state}
	switch state {
	case string(author.Done):
		cell.Tone = Good
	case string(author.InProgress):
		cell.Tone = Warn
	case "":
		cell = Cell{Text: "not filled in", Tone: Bad}
	}
	if i == current {
		what += " (we are here)"
	}
	return []Cell{{Text: fmt.Sprint(i + 1), Head: true}, {Text: what}, cell, {Text: from}, {Text: to}, {Text: notes}}
}

func (b *builder) lessons() (blocks []Block) {
	for _, part := range []struct {
		title, what, key string
		items            []author.Text
	}{
		{"What went well", "what went well", "went_well", b.Notes.Well},
		{"What went badly", "what went badly", "went_badly", b.Notes.Badly},
		{"Where we were lucky", "where we were lucky", "lucky", b.Notes.Lucky},
		{"What surprised us", "what surprised us", "surprises", b.Notes.Surprises},
	} {
		if len(part.items) == 0 {
			blocks = append(blocks, opened(part.title, b.gap("lessons", part.what, part.key)))
			continue
		}
		blocks = append(blocks, opened(part.title, list(b.saysEach(part.items)...)))
	}
	return blocks
}

func (b *builder) actions() []Block {
	if len(b.Notes.Actions) == 0 {
		return []Block{b.gap("actions", "what is to be done, by whom and until when", "action_items")}
	}
	var rows [][]Cell
	for _, a := range b.Notes.Actions {
		state := Cell{Text: string(a.Status)}
		if a.Status == author.Done {
			state.Tone = Good
		}
		what := b.cell(a.What, "what an action is", "action_items.what")
		what.Head = true
		rows = append(rows, []Cell{
			what,
			{Text: string(a.Type)},
			b.cell(a.Owner, "who does an action", "action_items.owner"),
			{Text: b.line(a.Ticket)},
			b.cell(a.Due, "until when an action is done", "action_items.due"), state,
		})
	}
	return []Block{table("", []string{"what", "type", "owner", "ticket", "due", "state"}, rows...)}
}

func (b *builder) faq() (blocks []Block) {
	var rows [][]Cell
	if b.facts["failed"] != "" {
		rows = append(rows, row("Requests that failed", fmt.Sprintf("%s of %s of %s", b.facts["failed"], b.facts["requests"], b.facts["endpoint"])))
	}
	x := b.Analysis.Extent
	if x.Customers.Says != "" {
		rows = append(rows, row("Customers", b.figure(x.Customers)))
	}
	if x.Intents.Says != "" {
		rows = append(rows, row("Payment intents meanwhile", b.figure(x.Intents)))
	}
	if x.Orphans.Says != "" {
		rows = append(rows, row("Reservations that no order names", b.figure(x.Orphans)))
	}
	if open := b.withoutDeadline(); b.Edges != nil {
		what := "none"
		if len(open) > 0 {
			what = strings.Join(open, ", ")
		}
		rows = append(rows, row("Calls that still have no deadline", what))
	}
	if len(rows) > 0 {
		blocks = append(blocks, facts(rows...))
	}
	if len(b.Notes.FAQ) == 0 {
		return append(blocks, b.gap("faq", "the questions that people ask, and their answers", "faq"))
	}
	for _, q := range b.Notes.FAQ {
		blocks = append(blocks, group(b.line(q.Question), b.ask(q.Answer, "an answer", "faq.answer")))
	}
	return blocks
}

func (b *builder) analogy() (blocks []Block) {
	if a := b.Notes.Analogy; a == nil {
		blocks = append(blocks, b.gap("analogy", "an analogy", "analogy"))
	} else {
		inner := []Block{b.ask(a.Text, "the analogy", "analogy.text")}
		var rows [][]Cell
		for _, p := range a.Pairs {
			rows = append(rows, row(b.line(p.Here), b.line(p.There)))
		}
		if len(rows) > 0 {
			inner = append(inner, table("", []string{"here", "there"}, rows...))
		}
		if a.Limit != "" {
			inner = append(inner, text("Where it ends: "+b.says(a.Limit)))
		}
		title := b.line(a.Title)
		if title == "" {
			title = "An analogy"
		}
		blocks = append(blocks, opened(title, inner...))
	}
	if len(b.Notes.TwoMeanings) == 0 {
		return append(blocks, b.gap("analogy", "words with two meanings", "two_meanings"))
	}
	var rows [][]Cell
	for _, w := range b.Notes.TwoMeanings {
		for i, m := range w.Meanings {
			name := ""
			if i == 0 {
				name = b.line(w.Word)
			}
			rows = append(rows, row(name, b.line(m.In), b.line(m.Means)))
		}
	}
	return append(blocks, opened("Words with two meanings", table("", []string{"word", "in", "means"}, rows...)))
}
