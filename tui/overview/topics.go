package overview

import (
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/behind"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/widget"
)

// topic is a line of the list that is no finding: what the analysis says of the whole
// incident, in one line, and all of it.
type topic struct {
	severity widget.Severity
	word     string
	text     string
	title    string
	parts    []screen.Part
	support  []incident.ID
	caption  string   // over it where it is listed beside the charts; empty: it is not
	lines    []string // a line each there
}

// hit is one figure of who was hit.
type hit struct{ name, amount string }

func hits(a incident.Analysis) (list []hit) {
	if a.Impact.Length() == 0 {
		return nil
	}
	for _, f := range figures(a.Extent) {
		if f.Says != "" || f.Known {
			list = append(list, hit{f.name, amount(f.Figure)})
		}
	}
	return list
}

// topics are those that have something to say.
func topics(a incident.Analysis) (out []topic) {
	for _, t := range []topic{reach(a), others(a), onset(a), services(a), slower(a), innocent(a), undecided(a)} {
		if t.text != "" {
			out = append(out, t)
		}
	}
	return out
}

// figures are the extent's, in the order in which they are told.
func figures(x incident.Extent) []struct {
	name, one string
	incident.Figure
} {
	return []struct {
		name, one string
		incident.Figure
	}{
		{"orders not accepted", "order not accepted", x.Orders},
		{"customers hit", "customer hit", x.Customers},
		{"payment intents meanwhile", "payment intent meanwhile", x.Intents},
		{"orphan reservations", "orphan reservation", x.Orphans},
	}
}

// amount is a figure in a few characters; what is not known is never a number.
func amount(f incident.Figure) string {
	switch {
	case f.Known && f.AtLeast:
		return "at least " + text.Count(f.N)
	case f.Known:
		return text.Count(f.N)
	case f.AtMost > 0:
		return "unknown, at most " + text.Count(f.AtMost)
	}
	return "unknown"
}

func reach(a incident.Analysis) topic {
	t := topic{severity: widget.Note, word: "hit", title: "who was hit"}
	if a.Extent.Window.Length() == 0 || a.Impact.Length() == 0 {
		return t
	}
	var said []string
	for _, f := range figures(a.Extent) {
		if f.Says == "" && !f.Known {
			continue
		}
		name := f.name
		if f.Known && f.N == 1 {
			name = f.one
		}
		if f.Known {
			said = append(said, amount(f.Figure)+" "+name)
		} else {
			said = append(said, name+" "+amount(f.Figure))
		}
		p := screen.Part{Head: f.name + ": " + amount(f.Figure), Text: redact.Flat(f.Says)}
		if f.Query != "" {
			p.Quote = "what would tell: " + redact.Flat(f.Query)
		}
		t.parts, t.support = append(t.parts, p), append(t.support, f.Support...)
	}
	t.text = strings.Join(said, "; ")
	var kinds []string
	for _, e := range a.Extent.Errors {
		status := "nothing sent"
		if e.Status != 0 {
			status = fmt.Sprint(e.Status)
		}
		kinds = append(kinds, fmt.Sprintf("%s (%s)  %s: %s, %s", text.Count(e.Requests), text.Percent(e.Share), redact.Line(e.Endpoint.String()), status, e.Outcome))
	}
	var calls []string
	for _, c := range a.Extent.Calls {
		how := c.Code
		if c.Open {
			how = "had begun and not ended: no code is recorded of them"
		}
		calls = append(calls, redact.Line(fmt.Sprintf("%s  %s -> %s %s: %s", text.Count(c.Calls), c.Caller, c.Callee, c.Method, how)))
	}
	for _, list := range []struct {
		head  string
		lines []string
	}{{"errors, by what the client was told and why the request ended", kinds}, {"calls, by how they ended", calls}, {"times", spans(a.Extent.Times)}} {
		if len(list.lines) > 0 {
			t.parts = append(t.parts, screen.Part{Head: list.head, Text: strings.Join(list.lines, "\n")})
		}
	}
	return t
}

func spans(times []incident.Span) (lines []string) {
	for _, s := range times {
		said := "unknown, " + s.Why
		if s.Known {
			said = text.Dur(s.Length) + ", " + text.Clock(s.From) + " to " + text.Clock(s.To)
		}
		lines = append(lines, redact.Line(fmt.Sprintf("%s (%s to %s): %s", s.Name, s.Starts, s.Ends, said)))
	}
	return lines
}

// others are the impacts that the sentence does not speak of.
func others(a incident.Analysis) topic {
	t := topic{severity: widget.Warn, word: "also", title: "other impacts; findings, numbers and endpoints here are not of them"}
	var lines []string
	for _, w := range a.Others {
		lines = append(lines, text.Clock(w.From)+" to "+text.Clock(w.To)+", "+text.Dur(w.Length()))
	}
	if len(lines) == 0 {
		return t
	}
	t.text = "requests failed, too, from " + lines[0]
	if more := len(lines) - 1; more > 0 {
		t.text += ", and " + text.Plural(more, "more time")
	}
	t.parts = []screen.Part{{Head: "requests failed, too, from", Text: strings.Join(lines, "\n")}, {Text: "`tripcurve trim` copies a part of the file, which is then analysed by itself"}}
	return t
}

func onset(a incident.Analysis) topic {
	o := a.Onset
	t := topic{word: "onset", title: "when it began, by what changed together", text: redact.Flat(strings.TrimPrefix(o.Says, "Onset by consensus: "))}
	if o.Says == "" {
		return t
	}
	t.parts = []screen.Part{{Head: redact.Flat(o.Says), Text: redact.Flat(o.Slow)}}
	var lines []string
	for _, g := range o.Agree {
		way := "up"
		if g.Jump < 0 {
			way = "down"
		}
		lines = append(lines, fmt.Sprintf("%s  %s %s, %.1f times its own noise", text.Clock(g.At), redact.Line(g.Name), way, max(g.Jump, -g.Jump)))
		t.support = append(t.support, g.Support...)
	}
	if len(lines) > 0 {
		t.parts = append(t.parts, screen.Part{Head: fmt.Sprintf("%d of %d series that vary changed then, the clearest first", len(o.Agree), o.Of), Text: strings.Join(lines, "\n")})
	}
	if f := a.First; !f.At.IsZero() {
		t.parts = append(t.parts, screen.Part{Head: "first failure", Text: redact.Line(f.Endpoint.String()) + ", " + text.Clock(f.At)})
		t.support = append(t.support, f.Support...)
	}
	return t
}

func services(a incident.Analysis) topic {
	t := topic{word: "services", title: "services, and what the incident did to them"}
	byEffect := map[incident.Effect][]string{}
	for _, d := range a.Extent.Dependents {
		byEffect[d.Effect] = append(byEffect[d.Effect], redact.Line(d.Service))
		head := redact.Line(d.Service) + ": " + d.Effect.String()
		if len(d.Callers) > 0 {
			head += "; called by " + redact.Line(strings.Join(d.Callers, ", "))
		}
		t.parts = append(t.parts, screen.Part{Head: head, Text: redact.Flat(d.Says)})
		t.support = append(t.support, d.Support...)
	}
	var said []string
	for e := incident.Starved; ; e-- {
		if list := byEffect[e]; len(list) > 0 {
			said = append(said, strings.Join(list, ", ")+" "+e.String())
		}
		if e == 0 {
			break
		}
	}
	t.text = strings.Join(said, "; ")
	return t
}

func slower(a incident.Analysis) topic {
	t := topic{word: "slower", title: "where the time went: components, and between both ends of calls"}
	for _, c := range a.Components {
		t.parts = append(t.parts, screen.Part{Head: redact.Line(c.Name), Text: redact.Flat(c.Says)})
		t.support = append(t.support, c.Support...)
	}
	for _, g := range a.Gaps {
		t.parts = append(t.parts, screen.Part{Head: redact.Line(g.Caller + " -> " + g.Callee), Text: redact.Flat(g.Says)})
		t.support = append(t.support, g.Support...)
	}
	for _, h := range a.ReadHangs {
		t.parts = append(t.parts, screen.Part{Head: redact.Line(h.Endpoint.String()) + " hung: " + h.Why.String(), Text: redact.Flat(h.Text)})
		t.support = append(t.support, h.Support...)
	}
	if len(t.parts) > 0 {
		t.text = t.parts[0].Head
		if first := t.parts[0].Text; len(a.Components) > 0 && first != "" {
			t.text = first
		}
	}
	return t
}

// rule is a rule's name in words.
func rule(name string) string { return strings.ReplaceAll(redact.Line(name), "_", " ") }

func innocent(a incident.Analysis) topic {
	t := topic{word: "innocent", title: "looked at, and not the cause", caption: "LOOKED AT, NOT THE CAUSE"}
	var names []string
	for _, c := range a.Checks {
		if !c.Looked {
			continue
		}
		names = append(names, rule(c.Rule))
		t.parts = append(t.parts, screen.Part{Head: rule(c.Rule), Text: redact.Flat(c.Why) + " (" + text.Plural(len(c.Support), "fact") + ")"})
		t.support = append(t.support, c.Support...)
		t.lines = append(t.lines, rule(c.Rule)+": "+redact.Flat(c.Why))
	}
	for _, l := range a.Checked {
		t.lines = append(t.lines, redact.Flat(l))
		t.parts = append(t.parts, screen.Part{Head: "also", Text: redact.Flat(l)})
	}
	if len(names) > 0 {
		t.text = strings.Join(names, ", ")
	} else if len(a.Checked) > 0 {
		t.text = redact.Flat(strings.Join(a.Checked, "; "))
	}
	return t
}

func undecided(a incident.Analysis) topic {
	t := topic{word: "undecided", title: "what could not be decided, and what is missing for it", caption: "NOT DECIDED"}
	var names []string
	for _, c := range a.Checks {
		if c.Looked {
			continue
		}
		names = append(names, rule(c.Rule))
		t.parts = append(t.parts, screen.Part{Head: rule(c.Rule), Text: redact.Flat(c.Why)})
		t.lines = append(t.lines, rule(c.Rule)+": "+redact.Flat(c.Why))
	}
	t.text = strings.Join(names, ", ")
	return t
}

// findingParts are a finding whole, with the facts for and against it.
func (s *Screen) findingParts(f incident.Finding) []screen.Part {
	parts := []screen.Part{{
		Head: redact.Flat(f.Claim),
		Text: f.Confidence.String() + "; " + text.Clock(f.Window.From) + " to " + text.Clock(f.Window.To) + "; " +
			text.Percent(f.Coverage) + " of the impact; independent sources: " + redact.Line(strings.Join(f.GroupNames, ", ")),
	}}
	for _, d := range f.Detail {
		parts = append(parts, screen.Part{Text: "- " + redact.Flat(d)})
	}
	if f.Action != "" {
		parts = append(parts, screen.Part{Head: "what to do; nothing runs by itself", Quote: redact.Lines(f.Action)})
	}
	return append(parts, s.forAndAgainst(f)...)
}

// forAndAgainst are the facts for and against a finding.
func (s *Screen) forAndAgainst(f incident.Finding) (parts []screen.Part) {
	for _, side := range []struct {
		name string
		ids  []incident.ID
	}{{"for it", f.Support}, {"against it", f.Against}} {
		if len(side.ids) > 0 {
			parts = append(parts, screen.Part{Head: strings.ToUpper(side.name) + ": " + text.Plural(len(side.ids), "fact")})
			parts = append(parts, behind.Facts(s.View, side.ids)...)
		}
	}
	return parts
}

// endpointParts are what an endpoint went through, before, during and after the impact
// where there is one.
func endpointParts(e incident.Impact, impact bool) []screen.Part {
	type phase struct {
		name     string
		counts   incident.Counts
		p50, p99 incident.Quantile
	}
	parts := []screen.Part{{Head: redact.Line(e.Endpoint.String()), Text: redact.Flat(e.Says)}}
	phases := []phase{{"before", e.Before, e.P50Before, e.P99Before}, {"during", e.During, e.P50During, e.P99During}, {"after", e.After, e.P50After, e.P99After}}
	if !impact { // of which there is no before: all of the evidence is counted there
		phases = []phase{{"in all", e.Before, e.P50Before, e.P99Before}}
	}
	for _, p := range phases {
		share := "-"
		if v, ok := p.counts.Share(); ok {
			share = text.Percent(v)
		}
		parts = append(parts, screen.Part{Text: fmt.Sprintf("%-7s %s requests, %s failed (%s), p50 %s, p99 %s",
			p.name, text.Count(p.counts.Requests), text.Count(p.counts.Failed), share, export.Quantile(p.p50), export.Quantile(p.p99))})
	}
	return parts
}

// whole is the selected line with all that is known of it.
func (s *Screen) whole() (title string, parts []screen.Part) {
	if s.list.At >= len(s.rows) {
		return "", nil
	}
	switch r := &s.rows[s.list.At]; {
	case r.topic != nil:
		return r.topic.title, r.topic.parts
	case r.finding >= 0:
		return r.word, s.findingParts(s.Analysis.Findings[r.finding])
	default:
		for _, e := range s.Analysis.Endpoints {
			if e.Endpoint == r.endpoint {
				return "endpoint", append(slices.Clip(r.parts), behind.Facts(s.View, e.Support)...)
			}
		}
		return "", nil
	}
}

// Behind is what the selected line rests on.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	if s.list.At >= len(s.rows) {
		return "", nil
	}
	r := &s.rows[s.list.At]
	switch {
	case r.topic != nil:
		return "what this rests on: " + r.topic.title, behind.Facts(s.View, r.topic.support)
	case r.finding >= 0:
		return "what this rests on", s.forAndAgainst(s.Analysis.Findings[r.finding])
	}
	w := s.Analysis.Impact
	if w.Length() == 0 {
		w = s.View.Window
	}
	parts = behind.Counted(s.View, w, func(b incident.Bucket) bool { return b.Endpoint == r.endpoint })
	for _, e := range s.Analysis.Endpoints {
		if e.Endpoint == r.endpoint {
			parts = append(parts, behind.Facts(s.View, e.Support)...)
		}
	}
	return "what " + redact.Line(r.endpoint.String()) + " was counted from", parts
}
