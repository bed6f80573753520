package postmortem

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/export/compare"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/export/postmortem/testreport"
	"tripcurve/internal/incident"
)

// notSimulated stands where figures of the simulator would.
func (b *builder) notSimulated() Block {
	if b.Counterfactual != nil {
		return text("Not simulated: of a described pipeline only what each cause is worth is, which stands with the causes.")
	}
	return text("Not simulated: this incident has no pipeline that the simulator could run under other settings, or it was not asked to.")
}

func (b *builder) responseTimes() (blocks []Block) {
	w, ok := worst(b.Analysis.Endpoints)
	if b.View == nil || !ok {
		blocks = append(blocks, text("The evidence has no endpoint that failed, and so no response times to compare."))
	} else {
		when := [][]Cell{
			figures("before the incident", export.Quantile(w.P50Before), export.Quantile(w.P99Before)),
			figures("during the incident", export.Quantile(w.P50During), export.Quantile(w.P99During)),
		}
		if b.Analysis.Impact.Length() == 0 {
			when = [][]Cell{figures("in all of the evidence", export.Quantile(w.P50Before), export.Quantile(w.P99Before))}
		}
		blocks = append(blocks, table("Measured, "+b.facts["endpoint"], []string{"when", "p50", "p99"}, when...))
	}
	if b.Simulated == nil {
		return append(blocks, b.notSimulated())
	}
	rep := b.Simulated.Comparison
	lines, p := b.waits(w.Endpoint, ok)
	blocks = append(blocks, Block{Kind: Chart, Chart: &p}, group("The same as a table", waitsTable(lines)))
	var rows [][]Cell
	for _, name := range b.Simulated.drawn() {
		r, ok := remedyOf(rep, name)
		if !ok {
			continue
		}
		rows = append(rows, figures(name, means(r, "wait_p50_s", 3)+" s", means(r, "wait_p99_s", 2)+" s", spread(r, "failed"), spread(r, "outage_s")+" s"))
	}
	return append(blocks,
		table(fmt.Sprintf("Projected, with the same customers under each (%s of the scenario %s, mean, 5-95 %% in brackets)", export.Plural(rep.Seeds, "run"), rep.Scenario),
			[]string{"remedy", "wait p50", "wait p99", "checkouts not served", "outage"}, rows...),
		text(fmt.Sprintf("Not served is a checkout that was not accepted within %s s. The waits are those of customers who came between the first fault and the last one's end, so they weigh rejections as answers: a breaker that rejects at once has short waits and many who are not served.", export.Number(rep.Patience, 0))),
	)
}

func remedyOf(rep compare.Report, name string) (compare.Remedy, bool) {
	i := slices.IndexFunc(rep.Remedies, func(r compare.Remedy) bool { return r.Name == name })
	if i < 0 {
		return compare.Remedy{}, false
	}
	return rep.Remedies[i], true
}

func means(r compare.Remedy, measure string, decimals int) string {
	return export.Number(r.Measures[measure].Mean, decimals)
}

// spread is a mean with its range: "212 (199-219)".
func spread(r compare.Remedy, measure string) string {
	m := r.Measures[measure]
	mean, lo, hi := export.Number(m.Mean, 0), export.Number(m.P5, 0), export.Number(m.P95, 0)
	if lo == hi {
		return mean
	}
	return fmt.Sprintf("%s (%s-%s)", mean, lo, hi)
}

func (b *builder) options() (blocks []Block) {
	if len(b.Notes.Options) == 0 {
		blocks = append(blocks, b.gap("options", "the options that were considered, with cost, date and verdict", "options"))
	}
	for _, o := range b.Notes.Options {
		verdict := Cell{Text: verdictWord(o.Verdict)}
		if o.Verdict == "" {
			verdict = b.cell("", "the verdict on an option", "options.verdict")
		}
		rows := [][]Cell{
			{{Text: "Verdict", Head: true}, verdict},
			{{Text: "Cost", Head: true}, b.cell(o.Cost, "the cost of an option", "options.cost")},
			{{Text: "When", Head: true}, b.cell(o.When, "when an option is due", "options.when")},
			{{Text: "Why", Head: true}, b.cell(o.Why, "the reason for a verdict", "options.why")},
		}
		inner := []Block{b.ask(o.What, "what an option is", "options.what"), facts(rows...)}
		for _, side := range []struct {
			title string
			items []author.Text
		}{{"What it gains", o.Gains}, {"What it costs besides", o.Costs}} {
			if len(side.items) > 0 {
				inner = append(inner, text(side.title+":"), list(b.saysEach(side.items)...))
			}
		}
		if b.Simulated != nil {
			for _, name := range o.Remedies {
				if r, ok := remedyOf(b.Simulated.Comparison, name); ok {
					inner = append(inner, text(fmt.Sprintf("Simulated as `%s`: %s", r.Name, b.ours(r.Says))))
				}
			}
		}
		blocks = append(blocks, opened(b.line(o.Name), inner...))
	}
	if b.Simulated == nil {
		return append(blocks, b.notSimulated())
	}
	rep := b.Simulated.Comparison
	var rows [][]Cell
	for _, r := range rep.Remedies {
		recovers := "no failure"
		switch {
		case r.Recovery.Failed > 0 && r.Recovery.Median.Value != nil:
			recovers = export.Number(*r.Recovery.Median.Value, 1) + " s"
		case r.Recovery.Failed > 0:
			recovers = "not by itself"
		}
		option := ""
		for _, o := range b.Notes.Options {
			if slices.Contains(o.Remedies, r.Name) {
				option, _, _ = strings.Cut(b.line(o.Name), ":")
			}
		}
		cells := figures(r.Name, spread(r, "failed"), spread(r, "outage_s")+" s", recovers, means(r, "wait_p99_s", 2)+" s", means(r, "reads_failed", 0), means(r, "orphans", 0), means(r, "false_trips_per_day", 1))
		rows = append(rows, slices.Insert(cells, 1, Cell{Text: option}))
	}
	var what []string
	for _, r := range rep.Remedies {
		what = append(what, fmt.Sprintf("`%s`: %s", r.Name, b.ours(sentence(r.What))))
	}
	return append(blocks,
		table(fmt.Sprintf("What the simulator makes of them (%s each, the same customers under all; mean, 5-95 %% in brackets)", export.Plural(rep.Seeds, "run")),
			[]string{"remedy", "of option", "not served", "outage", "recovers after", "wait p99", "reads failed", "orphans", "false trips a day"}, rows...),
		group("What each remedy changes", list(what...)),
		text("More runs of each, and the rest of the remedies: `tripcurve compare "+b.ours(rep.Scenario)+"`."),
	)
}

func (b *builder) whatIf() []Block {
	var blocks []Block
	if b.Notes.WhatIf == nil {
		blocks = append(blocks, b.gap("what-if", "the point that was chosen, and why", "what_if"))
	} else {
		blocks = append(blocks, b.ask(b.Notes.WhatIf.Text, "why this point was chosen", "what_if.text"))
	}
	if b.Simulated == nil || b.Simulated.WhatIf == nil {
		return append(blocks, b.notSimulated())
	}
	w := *b.Simulated.WhatIf
	w.Choose(b.Notes.WhatIf)
	return append(blocks, Block{Kind: Knobs, WhatIf: &w})
}

func (b *builder) rollback() (blocks []Block) {
	if len(b.Notes.Rollback) == 0 {
		return []Block{b.gap("rollback", "how each remedy is taken back, and which step cannot be", "rollback")}
	}
	for _, r := range b.Notes.Rollback {
		var inner []Block
		if r.Irreversible != "" {
			inner = append(inner, callout("danger", "Irreversible step", b.says(r.Irreversible)))
		}
		if len(r.Steps) == 0 {
			inner = append(inner, b.gap("rollback", "the steps back from a remedy", "rollback.steps"))
		} else {
			inner = append(inner, ordered(b.saysEach(r.Steps)...))
		}
		blocks = append(blocks, opened(b.line(r.Remedy), inner...))
	}
	if b.Edges != nil && b.Simulated != nil && b.Simulated.WhatIf != nil {
		edge := b.Simulated.WhatIf.Edge
		p := b.Edges[edge]
		value := func(d time.Duration) string {
			if d == 0 {
				return "none"
			}
			return d.String()
		}
		breaker := p.Breaker.Library
		if breaker == "" {
			breaker = "none"
		}
		blocks = append(blocks, opened("Values to go back to, of the exported configuration", facts(
			row("Edge", "`"+edge+"`"), row("Breaker", breaker), row("Deadline", value(p.Deadline)), row("HTTP/2 keepalive", value(p.Keepalive.Time)),
			row("Cancellation", p.Cancel.String()),
		), text("They are those of the night: `tripcurve export config --preset today` writes them.")))
	}
	return blocks
}

func (b *builder) touched() (blocks []Block) {
	t := b.Notes.Touched
	if d := b.Diff; d != nil {
		added, deleted := d.Lines()
		modules := d.Modules()
		blocks = append(blocks, text(fmt.Sprintf("The change touches %s across %s: %s added, %s deleted.",
			export.Plural(len(modules), "module"), export.Plural(len(d.Files), "file"), export.Plural(added, "line"), export.Plural(deleted, "line"))))
		var rows [][]Cell
		for _, m := range modules {
			for i, f := range m.Files {
				name := ""
				if i == 0 {
					name = b.foreign(m.Name)
				}
				a, del := export.Count(f.Added), export.Count(f.Deleted)
				if f.Binary {
					a, del = "binary", ""
				}
				rows = append(rows, []Cell{{Text: name, Head: true}, {Text: "`" + b.foreign(f.Name) + "`"}, {Text: a, Right: true}, {Text: del, Right: true}})
			}
		}
		blocks = append(blocks, table("", []string{"module", "file", "added", "deleted"}, rows...))
	}
	if t == nil || len(t.Modules) == 0 {
		if b.Diff == nil {
			blocks = append(blocks, b.gap("touched", "the files that the fix touches (or --diff with the output of git diff --numstat)", "touched"))
		}
		return blocks
	}
	files := 0
	var rows [][]Cell
	for _, m := range t.Modules {
		files += len(m.Files)
		names := make([]string, len(m.Files))
		for i, f := range m.Files {
			names[i] = "`" + b.ours(f) + "`"
		}
		rows = append(rows, []Cell{{Text: b.line(m.Name), Head: true}, {Text: strconv.Itoa(len(m.Files)), Right: true}, {Text: strings.Join(names, ", ")}, {Text: b.line(m.Text)}})
	}
	blocks = append(blocks, text(fmt.Sprintf("The fix touches %s across %s.", export.Plural(len(t.Modules), "module"), export.Plural(files, "file"))))
	if t.Text != "" {
		blocks = append(blocks, text(b.says(t.Text)))
	}
	return append(blocks, table("", []string{"module", "files", "which", "what changes"}, rows...))
}

func (b *builder) edgeCases() (blocks []Block) {
	if b.Simulated != nil && b.Simulated.Matrix != nil {
		m := b.Simulated.Matrix
		head := []string{"failure mode"}
		var what []string
		for _, c := range m.Configs {
			head = append(head, c.Name)
			what = append(what, fmt.Sprintf("%s: %s", c.Name, b.ours(sentence(c.What))))
		}
		head = append(head, "guard")
		var rows [][]Cell
		for _, mode := range m.Modes {
			r := []Cell{{Text: b.ours(mode.Name), Head: true}}
			for _, c := range mode.Cells {
				if c.Pass {
					r = append(r, Cell{Text: "handled: " + b.ours(c.Measured), Tone: Good})
				} else {
					r = append(r, Cell{Text: "unhandled: " + b.ours(c.Measured), Tone: Bad})
				}
			}
			var guards []string
			for _, g := range mode.Guards {
				guards = append(guards, "`"+g.At+"` "+b.ours(g.Does))
			}
			rows = append(rows, append(r, Cell{Text: strings.Join(guards, "; ")}))
		}
		blocks = append(blocks,
			text(fmt.Sprintf("Each failure mode is run in the simulator, %s of each, and is handled when it passes in all of them.", export.Plural(m.Seeds, "night"))),
			list(what...), table("Simulated", head, rows...))
	} else {
		blocks = append(blocks, b.notSimulated())
	}
	if len(b.Notes.EdgeCases) == 0 {
		if b.Simulated == nil || b.Simulated.Matrix == nil {
			blocks = append(blocks, b.gap("edge-cases", "failure modes beyond this incident, handled or not", "edge_cases"))
		}
		return blocks
	}
	var rows [][]Cell
	for _, e := range b.Notes.EdgeCases {
		state := Cell{Text: "unhandled", Tone: Bad}
		if e.Handled {
			state = Cell{Text: "handled", Tone: Good}
		}
		rows = append(rows, []Cell{{Text: b.line(e.Case), Head: true}, state, {Text: b.line(e.Guard)}, {Text: b.line(e.Text)}})
	}
	return append(blocks, table("Named by the authors", []string{"case", "state", "guard", "notes"}, rows...))
}

func (b *builder) tests() (blocks []Block) {
	for _, r := range b.Tests {
		blocks = append(blocks, text(fmt.Sprintf("`%s` (%s): %s, %s passed, %s failed, %s skipped.", b.foreign(r.File), r.Format, export.Plural(len(r.Tests), "test"),
			export.Count(r.Count(testreport.Passed)), export.Count(r.Count(testreport.Failed)), export.Count(r.Count(testreport.Skipped)))))
	}
	if len(b.Notes.Tests) == 0 {
		return append(blocks, b.gap("tests", "the areas of function and their tests", "tests"))
	}
	var rows [][]Cell
	gaps := 0
	for _, a := range b.Notes.Tests {
		names, failed := b.testsOf(a)
		state, which := Cell{Text: "tested", Tone: Good}, strings.Join(names, ", ")
		switch {
		case len(names) == 0:
			state, which = Cell{Text: "gap: no test", Tone: Bad}, ""
			gaps++
		case failed > 0:
			state = Cell{Text: fmt.Sprintf("failing: %s of %s", export.Count(failed), export.Count(len(names))), Tone: Bad}
		case a.Gap != "":
			state = Cell{Text: "partly", Tone: Warn}
		}
		rows = append(rows, []Cell{{Text: b.line(a.Area), Head: true}, state, {Text: which}, {Text: b.line(a.Gap)}})
	}
	if gaps > 0 {
		blocks = append(blocks, callout("danger", "Gaps", fmt.Sprintf("%s of %d without a test.", export.Plural(gaps, "area"), len(rows))))
	}
	blocks = append(blocks, table("", []string{"area", "state", "tests", "what is missing"}, rows...))
	if len(b.Tests) == 0 {
		blocks = append(blocks, text("The tests are as the authors name them; `--tests` reads the report of a run."))
	}
	return blocks
}

// testsOf is the tests of an area: those of the reports whose names it matches, or
// those that the authors name where there is no report.
func (b *builder) testsOf(a author.TestArea) (names []string, failed int) {
	if len(b.Tests) == 0 {
		for _, t := range a.Tests {
			names = append(names, b.line(t))
		}
		return names, 0
	}
	for _, r := range b.Tests {
		for _, t := range r.Tests {
			if t.State == testreport.Skipped || !matches(t, a.Match) {
				continue
			}
			name := b.foreign(t.Name)
			if t.State == testreport.Failed {
				failed++
				name += " (failed)"
			}
			names = append(names, name)
		}
	}
	return names, failed
}

// matches says whether a test's name or its suite's holds one of the words.
func matches(t testreport.Test, words []author.Text) bool {
	name := strings.ToLower(t.Suite + " " + t.Name)
	return slices.ContainsFunc(words, func(w author.Text) bool { return strings.Contains(name, strings.ToLower(string(w))) })
}

func (b *builder) codePairs() (blocks []Block) {
	if len(b.Notes.CodePairs) == 0 {
		return []Block{b.gap("unsafe-safe", "code that is unsafe and code that is safe, side by side", "code_pairs")}
	}
	for _, p := range b.Notes.CodePairs {
		half := func(title string, code author.Verbatim) Block {
			if code == "" {
				return opened(title, b.gap("unsafe-safe", "the "+strings.ToLower(title)+" code of a pair", "code_pairs."+strings.ToLower(title)))
			}
			return opened(title, Block{Kind: Code, Code: &Listing{Lang: lang(p.Lang), Text: b.verbatim(string(code))}})
		}
		inner := []Block{{Kind: Columns, Blocks: []Block{half("Unsafe", p.Unsafe), half("Safe", p.Safe)}}}
		if p.Why != "" {
			inner = append(inner, text(b.says(p.Why)))
		}
		blocks = append(blocks, opened(b.line(p.Title), inner...))
	}
	return blocks
}

func (b *builder) review() []Block {
	var blocks []Block
	if checks := b.checks(); len(checks) > 0 {
		blocks = append(blocks, table("Checked by the program", []string{"track", "state", "what"}, checks...))
	}
	if len(b.Notes.Review) == 0 {
		return append(blocks, b.gap("review", "what the review of the fix found, in each of its tracks", "review"))
	}
	var rows [][]Cell
	for _, t := range b.Notes.Review {
		state := Cell{Text: string(t.Verdict)}
		switch t.Verdict {
		case "pass":
			state.Tone = Good
		case "attention":
			state = Cell{Text: "needs attention", Tone: Warn}
		case "blocked":
			state.Tone = Bad
		default:
			state = b.cell("", "the verdict of a track", "review.verdict")
		}
		rows = append(rows, []Cell{{Text: b.line(t.Track), Head: true}, state, b.cell(t.Text, "what a track found", "review.text")})
	}
	return append(blocks, table("By people", []string{"track", "state", "what"}, rows...))
}

// checks are what the program can see for itself of the fix.
func (b *builder) checks() (rows [][]Cell) {
	add := func(track string, ok bool, good, bad string) {
		if ok {
			rows = append(rows, []Cell{{Text: track, Head: true}, {Text: "pass", Tone: Good}, {Text: good}})
		} else {
			rows = append(rows, []Cell{{Text: track, Head: true}, {Text: "open", Tone: Bad}, {Text: bad}})
		}
	}
	if b.Edges != nil {
		open := b.withoutDeadline()
		add("Correctness", len(open) == 0, "every call has a deadline or a timeout", "calls without a deadline today: "+strings.Join(open, ", "))
		breakers := 0
		for _, p := range b.Edges {
			if p.Breaker.Library != "" {
				breakers++
			}
		}
		add("Resilience", breakers > 0, export.Plural(breakers, "edge")+" with a breaker today", "no edge has a breaker today")
	}
	if b.View != nil {
		seen := slices.ContainsFunc(b.View.AllSeries(), func(s *incident.Series) bool {
			return strings.HasPrefix(s.Name, "circuit.") || strings.HasPrefix(s.Name, "circuit_")
		})
		add("Observability", seen, "the evidence has a breaker's transitions", "the evidence has no metric of a breaker's transitions (circuit.<name>.open and its kin)")
	}
	for _, f := range b.Analysis.Findings {
		if f.Role != incident.Trigger {
			continue
		}
		for _, d := range f.Detail {
			if s := strings.ToLower(d); strings.HasPrefix(s, "create index") && !strings.Contains(s, "concurrently") {
				add("Operations", false, "", "the trigger can recur: a migration makes an index without CONCURRENTLY; `tripcurve lint` finds such before they run")
			}
		}
	}
	return rows
}

func (b *builder) callouts() (blocks []Block) {
	for _, c := range b.Notes.Callouts {
		if c.Part == "callouts" {
			blocks = append(blocks, callout(string(c.Level), b.line(c.Title), b.says(c.Text)))
		}
	}
	if b.Simulated != nil {
		if rows := b.rollout(); len(rows) > 0 {
			blocks = append(blocks, callout("warning", "Deployment coordination", "A breaker on some of the order replicas and not on the others behaves as neither does. The simulator runs four replicas, with none to all of them changed."),
				table("A rollout that stops halfway", []string{"remedy", "not served", "outage", "recovers", "orphans"}, rows...))
		}
	}
	var open []string
	for _, f := range b.Analysis.Findings {
		if f.Role == incident.Trigger || f.Role == incident.Amplifier {
			open = append(open, b.foreign(sentence(f.Claim)))
		}
	}
	if len(open) > 0 {
		blocks = append(blocks, opened("What can happen again until it is fixed", list(open...)))
	}
	if len(b.Notes.Risks) == 0 {
		return append(blocks, b.gap("callouts", "the risks that remain", "residual_risks"))
	}
	var rows [][]Cell
	for _, r := range b.Notes.Risks {
		rows = append(rows, []Cell{{Text: b.line(r.Risk), Head: true}, b.cell(r.Until, "until when a risk remains", "residual_risks.until"), b.cell(r.Owner, "who watches a risk", "residual_risks.owner")})
	}
	return append(blocks, table("Residual risk", []string{"risk", "until", "watched by"}, rows...))
}

func (b *builder) rollout() (rows [][]Cell) {
	for _, r := range b.Simulated.Comparison.Remedies {
		if !strings.HasPrefix(r.Name, "rollout-") {
			continue
		}
		recovers := fmt.Sprintf("in %d of %d runs", r.Recovery.Failed-r.Recovery.Censored, r.Recovery.Failed)
		rows = append(rows, figures(strings.TrimPrefix(r.Name, "rollout-")+" % of the replicas", spread(r, "failed"), spread(r, "outage_s")+" s", recovers, means(r, "orphans", 0)))
	}
	return rows
}

// finite is a value for a chart: what is not known is a gap.
func finite(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
