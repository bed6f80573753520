package postmortem

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/incident"
)

// statuses is the status codes of an endpoint by their number: "502: 1,245".
func statuses(m map[int]int64, failing bool) string {
	codes := slices.SortedFunc(maps.Keys(m), func(a, b int) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, code := range codes {
		if failing && code != 0 && code < 500 {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: %s", statusWord(code), export.Count(m[code])))
	}
	return strings.Join(parts, ", ")
}

func statusWord(code int) string {
	if code == 0 {
		return "never answered"
	}
	return strconv.Itoa(code)
}

func (b *builder) endpoints() []Block {
	if len(b.Analysis.Endpoints) == 0 {
		return []Block{text("The evidence has no requests of a gateway.")}
	}
	labels := map[string]author.Text{}
	for _, l := range b.Notes.Endpoints {
		labels[l.Endpoint] = l.Label
	}
	var rows, before [][]Cell
	for _, e := range b.Analysis.Endpoints {
		label, ok := labels[e.Endpoint.String()]
		said := Cell{Text: b.line(label)}
		if !ok {
			said = b.cell("", "the label of "+b.foreign(e.Endpoint.String()), "endpoints")
		}
		state := Cell{Text: "unaffected", Tone: Good}
		switch {
		case e.Vanished:
			state = Cell{Text: "no traffic from " + clock(e.VanishedFrom), Tone: Bad}
		case e.Requests > 0 && 2*e.Failed >= e.Requests:
			state = Cell{Text: "down", Tone: Bad}
		case e.Failed > 0:
			state = Cell{Text: "partly failing", Tone: Warn}
		}
		name := Cell{Text: "`" + b.foreign(e.Endpoint.String()) + "`", Head: true}
		right := func(s string) Cell { return Cell{Text: s, Right: true} }
		rows = append(rows, []Cell{
			name, state, right(export.Count(e.Requests)), right(export.Count(e.Failed)), right(share(e.Failed, e.Requests)),
			right(export.Quantile(e.P50During)), right(export.Quantile(e.P99During)),
			{Text: instant(e.FirstFailed.IsZero(), clock(e.FirstFailed))},
			{Text: instant(e.LastFailed.IsZero(), clock(e.LastFailed))},
			said,
		})
		before = append(before, []Cell{
			name, right(counted(e.Before)), right(counted(e.During)), right(counted(e.After)), right(export.Quantile(e.P50Before)), right(export.Quantile(e.P99Before)),
		})
	}
	over := "During the impact"
	if b.Analysis.Impact.Length() == 0 { // before what?
		before, over = nil, "In all of the evidence"
		for i, e := range b.Analysis.Endpoints { // where the quantiles are of what there is
			rows[i][5].Text, rows[i][6].Text = export.Quantile(e.P50Before), export.Quantile(e.P99Before)
		}
	}
	blocks := []Block{
		table(over, []string{"endpoint", "state", "requests", "failed", "share", "p50", "p99", "first failed", "last failed", "what it meant"}, rows...),
	}
	if before != nil {
		blocks = append(blocks, table("Before, during and after (failed of all)", []string{"endpoint", "before", "during", "after", "p50 before", "p99 before"}, before...))
	}
	return blocks
}

func instant(none bool, s string) string {
	if none {
		return "-"
	}
	return s
}

func counted(c incident.Counts) string {
	return export.Count(c.Failed) + " of " + export.Count(c.Requests)
}

func (b *builder) errors() []Block {
	errors := b.Analysis.Extent.Errors
	if len(errors) == 0 {
		said := stated(unhurt(b.Analysis))
		if b.Analysis.Impact.Length() > 0 {
			said = "No request failed."
		}
		return []Block{text(said), text(b.deadlineExceeded())}
	}
	names := map[int]author.Text{}
	for _, g := range b.Notes.ErrorGroups {
		for _, s := range g.Statuses {
			names[s] = g.Name
		}
	}
	groups, total := map[string]int64{}, int64(0)
	for _, e := range errors {
		total += e.Requests
	}
	var rows [][]Cell
	for _, e := range errors {
		name := names[e.Status]
		cell := Cell{Text: b.line(name)}
		if name == "" {
			cell = b.cell("", "a name for answers with "+statusWord(e.Status), "error_groups")
		}
		groups[cell.Text] += e.Requests
		rows = append(rows, []Cell{
			{Text: "`" + b.foreign(e.Endpoint.String()) + "`", Head: true},
			{Text: statusWord(e.Status)},
			{Text: e.Outcome.String()},
			cell,
			{Text: export.Count(e.Requests), Right: true},
			{Text: percent(e.Share), Right: true},
		})
	}
	bars := make([]bar, 0, len(groups))
	for _, name := range slices.SortedFunc(maps.Keys(groups), func(x, y string) int { return cmp.Or(cmp.Compare(groups[y], groups[x]), cmp.Compare(x, y)) }) {
		bars = append(bars, bar{name, float64(groups[name]), export.Count(groups[name]) + " (" + share(groups[name], total) + ")"})
	}
	p := barChart("Failed requests by kind of error", bars)
	blocks := []Block{
		{Kind: Chart, Chart: &p},
		table("Requests that began in the impact window and failed", []string{"endpoint", "status", "how the gateway saw it end", "name", "requests", "share"}, rows...),
	}
	for _, g := range b.Notes.ErrorGroups {
		if g.Text != "" {
			blocks = append(blocks, text(b.line(g.Name)+": "+b.says(g.Text)))
		}
	}
	return append(blocks, text(b.deadlineExceeded()))
}

// deadlineExceeded says what the calls' own counters say of it, for no status of
// HTTP does.
func (b *builder) deadlineExceeded() string {
	calls := b.Analysis.Extent.Calls
	if len(calls) == 0 {
		return "The evidence has no counters of calls between services."
	}
	var exceeded, open int64
	for _, c := range calls {
		switch {
		case c.Open:
			open += c.Calls
		case c.Code == "DEADLINE_EXCEEDED":
			exceeded += c.Calls
		}
	}
	return fmt.Sprintf("Of the calls between services %s ended with `DEADLINE_EXCEEDED`, and %s had begun and not ended.", export.Count(exceeded), export.Count(open))
}

// issue is a line of the ranking.
type issue struct {
	severity string
	finding  *incident.Finding
	note     *author.Issue
}

func (b *builder) issues() []Block {
	var all []issue
	taken := map[int]bool{}
	for i := range b.Analysis.Findings {
		f := &b.Analysis.Findings[i]
		is := issue{severity: severityOf(f), finding: f}
		for j := range b.Notes.Issues {
			n := &b.Notes.Issues[j]
			if n.Finding != "" && strings.HasPrefix(f.ID, n.Finding) && !taken[j] {
				taken[j], is.note = true, n
				if n.Severity != "" {
					is.severity = string(n.Severity)
				}
				break
			}
		}
		all = append(all, is)
	}
	for j := range b.Notes.Issues {
		if n := &b.Notes.Issues[j]; !taken[j] {
			severity := string(n.Severity)
			if severity == "" {
				severity = "medium"
			}
			all = append(all, issue{severity: severity, note: n})
		}
	}
	if len(all) == 0 {
		return []Block{text("Nothing was found.")}
	}
	slices.SortStableFunc(all, func(x, y issue) int {
		return cmp.Compare(slices.Index(author.Severities, x.severity), slices.Index(author.Severities, y.severity))
	})
	blocks := make([]Block, 0, len(all))
	for i, is := range all {
		g := b.issue(is)
		g.Title = fmt.Sprintf("%d. %s: %s", i+1, strings.ToUpper(is.severity[:1])+is.severity[1:], g.Title)
		g.Open = i == 0
		blocks = append(blocks, g)
	}
	return blocks
}

// severityOf ranks a finding by its share of the impact; an author may say otherwise.
func severityOf(f *incident.Finding) string {
	switch {
	case f.Role == incident.Symptom || f.Role == incident.FirstFailure:
		return "low"
	case f.Coverage >= 0.5:
		return "critical"
	case f.Role == incident.Trigger:
		return "high"
	}
	return "medium"
}

func (b *builder) issue(is issue) Block {
	var g Block
	if n := is.note; n != nil {
		g.Title = b.line(n.Title)
		if n.Text != "" {
			g.Blocks = append(g.Blocks, text(b.says(n.Text)))
		}
	}
	g.Kind = Group
	if f := is.finding; f != nil {
		if g.Title == "" {
			g.Title = b.foreign(strings.ReplaceAll(f.Cause, "_", " "))
		}
		g.Blocks = append(g.Blocks, facts(
			row("Finding", b.foreign(f.Claim)), row("Role", f.Role.String()), row("Confidence", f.Confidence.String()),
			row("Covers", b.covers(f)),
			row("Evidence", fmt.Sprintf("%s for it, %s against it; independent sources: %s", export.Plural(len(f.Support), "fact"), export.Count(len(f.Against)), b.foreign(strings.Join(f.GroupNames, ", ")))),
		))
		var details []string
		for _, d := range f.Detail {
			details = append(details, b.foreign(d))
		}
		if len(details) > 0 {
			g.Blocks = append(g.Blocks, list(details...))
		}
	} else {
		g.Blocks = append(g.Blocks, text("No finding of the evidence says this; it is the author's."))
	}
	switch {
	case is.note != nil && is.note.Fix != "":
		g.Blocks = append(g.Blocks, text("Fix: "+b.says(is.note.Fix)))
	case is.finding != nil && is.finding.Action != "":
		g.Blocks = append(g.Blocks, text("Fix: "+b.ours(sentence(is.finding.Action))))
	}
	return g
}

func (b *builder) code() (blocks []Block) {
	if len(b.Notes.Code) == 0 {
		return []Block{b.gap("code", "the code that it happened in, with what its lines were worth", "code")}
	}
	for _, c := range b.Notes.Code {
		at := b.ours(c.File)
		if c.Line > 0 {
			at += ":" + strconv.Itoa(c.Line)
		}
		l := &Listing{At: at, First: max(c.Line, 1), Lang: lang(c.Lang), Text: b.verbatim(string(c.Text))}
		for _, n := range c.Notes {
			l.Notes = append(l.Notes, LineNote{n.Line, b.line(n.Text)})
		}
		inner := []Block{{Kind: Code, Code: l}}
		if c.After != "" {
			inner = append(inner, text(b.says(c.After)))
		}
		blocks = append(blocks, opened(b.line(c.Title), inner...))
	}
	return blocks
}

// lang keeps a language's name to letters, for it stands unquoted behind a fence.
func lang(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func (b *builder) paths() []Block {
	if len(b.Notes.Paths) == 0 {
		return []Block{b.gap("paths", "the hot and the cold path", "paths")}
	}
	cols := Block{Kind: Columns}
	for _, p := range b.Notes.Paths {
		kind := "Cold path"
		if p.Hot {
			kind = "Hot path"
		}
		inner := []Block{b.ask(p.Text, "what a path is", "paths.text")}
		var rows [][]Cell
		for i, s := range p.Steps {
			guard := Cell{Text: b.line(s.Guard)}
			if s.Guard == "" {
				guard = Cell{Text: "nothing", Tone: Warn}
			}
			rows = append(rows, []Cell{{Text: strconv.Itoa(i + 1), Head: true}, {Text: b.line(s.Call)}, {Text: b.line(s.Note)}, guard})
		}
		if len(rows) > 0 {
			inner = append(inner, table("", []string{"step", "call", "what it does", "bounded by"}, rows...))
		}
		cols.Blocks = append(cols.Blocks, opened(kind+": "+b.line(p.Name), inner...))
	}
	blocks := []Block{cols}
	if flows := b.flows(); len(flows) > 0 {
		blocks = append(blocks, table("Calls between services, as their counters have them", []string{"caller", "called", "began", "ended", "by a deadline", "in flight at most"}, flows...))
	}
	return blocks
}

// flows are the edges of the call graph that somebody counts.
func (b *builder) flows() (rows [][]Cell) {
	if b.View == nil {
		return nil
	}
	for _, f := range b.View.Flows() {
		var began, ended, deadline, most float64
		for _, p := range f.Points(b.View.Window) {
			began, ended, deadline, most = began+p.Started, ended+p.Finished, deadline+p.Deadline, max(most, p.InFlight)
		}
		caller := f.Caller
		if f.Server {
			caller = "not known"
		}
		right := func(v float64) Cell { return Cell{Text: export.Number(v, 0), Right: true} }
		rows = append(rows, []Cell{{Text: b.foreign(caller), Head: true}, {Text: b.foreign(strings.TrimSpace(f.Service + " " + f.Method))}, right(began), right(ended), right(deadline), right(most)})
	}
	return rows
}

func (b *builder) examples() (blocks []Block) {
	if line, ok := b.failing(); ok {
		blocks = append(blocks, opened("The first request that failed, as the gateway logged it", Block{Kind: Code, Code: &Listing{Lang: "text", Text: line}}))
	}
	if len(b.Notes.Examples) == 0 {
		return append(blocks, b.gap("examples", "a request and its answer", "examples"))
	}
	for _, e := range b.Notes.Examples {
		cols := Block{Kind: Columns}
		for _, half := range []struct {
			title, key string
			body       author.Verbatim
		}{{"Request", "examples.request", e.Request}, {"Response", "examples.response", e.Response}} {
			if half.body == "" {
				cols.Blocks = append(cols.Blocks, opened(half.title, b.gap("examples", "the "+strings.ToLower(half.title)+" of an example", half.key)))
				continue
			}
			cols.Blocks = append(cols.Blocks, opened(half.title, Block{Kind: Code, Code: &Listing{Lang: bodyLang(string(half.body)), Text: b.verbatim(string(half.body))}}))
		}
		blocks = append(blocks, opened(b.line(e.Title), cols))
	}
	return blocks
}

func bodyLang(s string) string {
	if strings.Contains(s, "{") {
		return "json"
	}
	return "text"
}

// failing is the line of the log that was the first to fail.
func (b *builder) failing() (string, bool) {
	w, ok := worst(b.Analysis.Endpoints)
	if b.View == nil || !ok {
		return "", false
	}
	for _, x := range b.View.Exemplars() {
		if x.Kind == incident.FirstFailing && x.Endpoint == w.Endpoint && x.Raw != "" {
			return b.foreign(x.Raw), true
		}
	}
	return "", false
}

func (b *builder) dependencies() []Block {
	var blocks []Block
	if len(b.Notes.Dependencies) == 0 {
		blocks = append(blocks, b.gap("dependencies", "the services that depend on it, with owner and contact", "dependencies"))
	}
	cols := Block{Kind: Columns}
	for _, d := range b.Notes.Dependencies {
		cols.Blocks = append(cols.Blocks, opened(b.line(d.Name), b.ask(d.Role, "what a dependency does", "dependencies.role"), facts(
			[]Cell{{Text: "How it was hit", Head: true}, b.cell(d.Hit, "how a dependency was hit", "dependencies.hit")},
			[]Cell{{Text: "Owner", Head: true}, b.cell(d.Owner, "the owner of a dependency", "dependencies.owner")},
			[]Cell{{Text: "Contact", Head: true}, b.cell(d.Contact, "the contact of a dependency", "dependencies.contact")},
			row("Interface", b.line(d.Endpoint)),
		)))
	}
	if len(cols.Blocks) > 0 {
		blocks = append(blocks, cols)
	}
	var hit [][]Cell
	for _, d := range b.Analysis.Extent.Dependents {
		effect := Cell{Text: d.Effect.String(), Tone: Bad}
		switch d.Effect {
		case incident.Unaffected:
			effect.Tone = Good
		case incident.Slower, incident.Failing:
			effect.Tone = Warn
		case incident.Down, incident.Hung, incident.Starved:
		}
		hit = append(hit, []Cell{{Text: b.foreign(d.Service), Head: true}, effect, {Text: b.foreign(strings.Join(d.Callers, ", "))}, {Text: b.foreign(strings.Join(d.Callees, ", "))}, {Text: b.foreign(d.Says)}})
	}
	if len(hit) > 0 {
		blocks = append(blocks, table("Services of the call graph, as the evidence has them", []string{"service", "effect", "called by", "calls", "what happened"}, hit...))
	}
	if rows := b.lockRows(); len(rows) > 0 {
		blocks = append(blocks, table("Who waited for whom in the database", []string{"who", "what", "on", "sessions that waited"}, rows...))
	}
	return blocks
}

// lockRows are the roots of the lock graph that findings name.
// covers is the share of the impact that a finding explains, where there is an impact.
func (b *builder) covers(f *incident.Finding) string {
	if b.Analysis.Impact.Length() == 0 {
		return "unknown, no impact was seen"
	}
	return percent(f.Coverage) + " of the impact"
}

func (b *builder) lockRows() (rows [][]Cell) {
	for _, f := range b.Analysis.Findings {
		if s := f.Subject; s.PID != 0 && s.Relation != "" {
			rows = append(rows, []Cell{
				{Text: fmt.Sprintf("pid %d", s.PID), Head: true}, {Text: b.foreign(cmp.Or(s.Mode, "a lock"))}, {Text: b.foreign(s.Relation)}, {Text: export.Count(s.Waiters), Right: true},
			})
		}
	}
	return rows
}

// withoutDeadline are the edges of today on which a call may last for ever.
func (b *builder) withoutDeadline() (names []string) {
	for _, name := range b.Edges.Names() {
		if p := b.Edges[name]; p.Deadline == 0 && p.Timeout == 0 && !strings.HasSuffix(name, ".postgres") {
			names = append(names, "`"+b.ours(name)+"`")
		}
	}
	return names
}
