package report

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Extent is how far the incident reached, over its window.
type Extent struct {
	Window     *Window     `json:"window"`
	Outcomes   []Outcome   `json:"outcomes"`
	Errors     []ErrorType `json:"errors"`
	Calls      []Call      `json:"calls"`
	Orders     Figure      `json:"orders_failed"`
	Customers  Figure      `json:"customers_hit"`
	Intents    Figure      `json:"payment_intents_asked"`
	Orphans    Figure      `json:"orphan_reservations"`
	Dependents []Dependent `json:"dependents"`
	Times      []Time      `json:"times"`
}

// Outcome is how many requests ended in one way.
type Outcome struct {
	Outcome  string `json:"outcome"`
	Requests int64  `json:"requests"`
}

// ErrorType is one type of failed request.
type ErrorType struct {
	Endpoint string   `json:"endpoint"`
	Status   int      `json:"status"` // 0: nothing was sent
	Reason   string   `json:"reason"` // why the gateway ended it
	Requests int64    `json:"requests"`
	Share    *float64 `json:"share"` // of all failed requests, 0..1
	Support  []string `json:"support"`
}

// Call is how calls of one edge ended; those that had not ended have no code.
type Call struct {
	Edge    string   `json:"edge"`
	Method  string   `json:"method"`
	Code    *string  `json:"grpc_code"`
	Calls   int64    `json:"calls"`
	Open    bool     `json:"never_ended"`
	Support []string `json:"support"`
}

// Figure is a count; null when it is unknown.
type Figure struct {
	Value   *int64   `json:"value"`
	AtLeast bool     `json:"at_least"` // value is a lower bound
	AtMost  *int64   `json:"at_most"`
	Says    string   `json:"says"`
	Query   string   `json:"query"` // what would tell, where it is unknown
	Support []string `json:"support"`
}

// Dependent is a service and what the incident did to it.
type Dependent struct {
	Service string   `json:"service"`
	Effect  string   `json:"effect"`
	Callers []string `json:"called_by"`
	Callees []string `json:"calls"`
	Edges   []Edge   `json:"edges"`
	Says    string   `json:"says"`
	Support []string `json:"support"`
}

// Edge is what became of one kind of call.
type Edge struct {
	Edge        string `json:"edge"`
	Method      string `json:"method"`
	Effect      string `json:"effect"`
	BegunBefore int64  `json:"begun_before"`
	Begun       int64  `json:"begun"`
	Ended       int64  `json:"ended"`
	Failed      int64  `json:"failed"`
	InFlight    int64  `json:"in_flight_max"`
}

// Time is a named duration; null when an end of it is unknown.
type Time struct {
	Name      string   `json:"name"`
	Starts    string   `json:"starts"`
	Ends      string   `json:"ends"`
	From      *string  `json:"from"`
	To        *string  `json:"to"`
	DurationS *float64 `json:"duration_s"`
	Impacts   int      `json:"impacts,omitempty"` // it is the union of so many
	Unknown   string   `json:"unknown"`           // why
}

func extent(x incident.Extent, foreign, ours func(string) string) Extent {
	out := Extent{
		Window: window(x.Window), Outcomes: []Outcome{}, Errors: []ErrorType{}, Calls: []Call{}, Dependents: []Dependent{}, Times: []Time{},
		Orders: figure(x.Orders, foreign, ours), Customers: figure(x.Customers, foreign, ours), Intents: figure(x.Intents, foreign, ours), Orphans: figure(x.Orphans, foreign, ours),
	}
	for _, o := range x.Outcomes {
		out.Outcomes = append(out.Outcomes, Outcome{o.Outcome.String(), o.Requests})
	}
	for _, e := range x.Errors {
		out.Errors = append(out.Errors, ErrorType{foreign(e.Endpoint.String()), e.Status, e.Outcome.String(), e.Requests, share(e.Share), ids(e.Support, foreign)})
	}
	for _, c := range x.Calls {
		call := Call{Edge: foreign(c.Caller + "." + c.Callee), Method: foreign(c.Method), Calls: c.Calls, Open: c.Open, Support: ids(c.Support, foreign)}
		if code := foreign(c.Code); !c.Open {
			call.Code = &code
		}
		out.Calls = append(out.Calls, call)
	}
	for _, d := range x.Dependents {
		dep := Dependent{
			Service: foreign(d.Service), Effect: d.Effect.String(), Callers: each(d.Callers, foreign), Callees: each(d.Callees, foreign),
			Edges: []Edge{}, Says: foreign(d.Says), Support: ids(d.Support, foreign),
		}
		for _, e := range d.Calls {
			dep.Edges = append(dep.Edges, Edge{foreign(e.Caller + "." + e.Callee), foreign(e.Method), e.Effect.String(), e.Before, e.Begun, e.Ended, e.Failed, e.InFlight})
		}
		out.Dependents = append(out.Dependents, dep)
	}
	for _, s := range x.Times {
		t := Time{Name: s.Name, Starts: s.Starts, Ends: s.Ends, From: export.Instant(s.From), To: export.Instant(s.To), Impacts: s.Impacts, Unknown: s.Why}
		if s.Known {
			t.DurationS = number(s.Length.Seconds())
		}
		out.Times = append(out.Times, t)
	}
	return out
}

func figure(f incident.Figure, foreign, ours func(string) string) Figure {
	out := Figure{AtLeast: f.AtLeast, Says: foreign(f.Says), Query: ours(f.Query), Support: ids(f.Support, foreign)}
	if f.Known {
		out.Value = &f.N
	}
	if f.AtMost > 0 {
		out.AtMost = &f.AtMost
	}
	return out
}

// hits are the figures in the order in which they are shown.
func (x Extent) hits() []struct {
	name string
	Figure
} {
	return []struct {
		name string
		Figure
	}{
		{"orders not accepted", x.Orders}, {"customers", x.Customers}, {"payment intents asked for", x.Intents}, {"orphan reservations", x.Orphans},
	}
}

// text is a figure in words: what is not known is said so.
func (f Figure) text() string {
	s := f.Says
	if f.Value != nil {
		s = fmt.Sprintf("%s (%s)", export.Count(*f.Value), f.Says)
		if f.AtLeast {
			s = "at least " + s
		}
	}
	return s
}

func (c Call) ended() string {
	switch {
	case c.Open:
		return "had begun and not ended: no code is recorded of them"
	case *c.Code == "":
		return "ended, the source does not say how"
	}
	return *c.Code
}

func (c Call) text() string {
	s := strings.Replace(c.Edge, ".", " -> ", 1)
	if c.Method != "" {
		s += " (" + c.Method + ")"
	}
	return s
}

func (e ErrorType) text() string {
	status := "nothing sent"
	if e.Status != 0 {
		status = fmt.Sprint(e.Status)
	}
	return status + ", " + strings.ReplaceAll(e.Reason, "_", " ")
}

// text is a time with both ends named, and unknown where one is not known.
func (t Time) text(raw incident.Span) string {
	if t.DurationS == nil {
		return fmt.Sprintf("%s (%s to %s): unknown, %s", t.Name, t.Starts, t.Ends, t.Unknown)
	}
	s := fmt.Sprintf("%s (%s %s to %s %s): %s", t.Name, t.Starts, clock(raw.From), t.Ends, till(raw.To), length(raw.Length))
	if t.Impacts > 1 {
		s += fmt.Sprintf(", in %d parts", t.Impacts)
	}
	return s
}

func (rep Report) extentText(b *strings.Builder) {
	x, raw := rep.Extent, rep.analysis.Extent
	if rep.Impact == nil {
		return
	}
	head := func(s string) { fmt.Fprintf(b, "\n%s\n", s) }
	if len(x.Errors) > 0 {
		head("ERRORS, by what the client was told and why the request ended")
		for i, e := range x.Errors {
			b.WriteString(export.Wrap(fmt.Sprintf("%s: %s", e.Endpoint, e.text()), fmt.Sprintf("  %8s %7s  ", export.Count(e.Requests), percent(raw.Errors[i].Share)), strings.Repeat(" ", 20)))
		}
	}
	if len(x.Calls) > 0 {
		head("CALLS, by gRPC code")
		for _, c := range x.Calls {
			b.WriteString(export.Wrap(fmt.Sprintf("%s: %s", c.text(), c.ended()), fmt.Sprintf("  %8s  ", export.Count(c.Calls)), strings.Repeat(" ", 12)))
		}
	}
	if raw.Window.Length() > 0 {
		head("WHO WAS HIT")
		for _, f := range x.hits() {
			b.WriteString(export.Wrap(f.name+": "+f.text(), "  ", "    "))
			if f.Query != "" {
				b.WriteString(export.Wrap("ask: "+f.Query, "    ", "         "))
			}
		}
	}
	if len(x.Dependents) > 0 {
		head("SERVICES")
		for _, d := range x.Dependents {
			b.WriteString(export.Wrap(fmt.Sprintf("%s: %s; %s", d.Service, d.Effect, d.Says), "  ", "    "))
		}
	}
	if len(x.Times) > 0 {
		head("TIMES")
		for i, t := range x.Times {
			b.WriteString(export.Wrap(t.text(raw.Times[i]), "  ", "    "))
		}
	}
}

func (rep Report) extentMarkdown(b *strings.Builder) {
	x, raw, md := rep.Extent, rep.analysis.Extent, redact.Markdown
	if rep.Impact == nil {
		return
	}
	if len(x.Errors) > 0 {
		b.WriteString("## Errors\n\n| Endpoint | Status | Why it ended | Requests | Share |\n|---|---|---|---|---|\n")
		for i, e := range x.Errors {
			status := "nothing sent"
			if e.Status != 0 {
				status = fmt.Sprint(e.Status)
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", redact.MarkdownCode(e.Endpoint), status, md(strings.ReplaceAll(e.Reason, "_", " ")), export.Count(e.Requests), percent(raw.Errors[i].Share))
		}
		b.WriteByte('\n')
	}
	if len(x.Calls) > 0 {
		b.WriteString("## Calls by gRPC code\n\n| Calls | Number | Ended |\n|---|---|---|\n")
		for _, c := range x.Calls {
			fmt.Fprintf(b, "| %s | %s | %s |\n", md(c.text()), export.Count(c.Calls), md(c.ended()))
		}
		b.WriteByte('\n')
	}
	if raw.Window.Length() > 0 {
		b.WriteString("## Who was hit\n\n")
		for _, f := range x.hits() {
			fmt.Fprintf(b, "- %s: %s\n", f.name, md(f.text()))
			if f.Query != "" {
				fmt.Fprintf(b, "  - ask: %s\n", redact.MarkdownCode(f.Query))
			}
		}
		b.WriteByte('\n')
	}
	if len(x.Dependents) > 0 {
		b.WriteString("## Services\n\n| Service | Effect | Called by | Calls | What became of its calls |\n|---|---|---|---|---|\n")
		for _, d := range x.Dependents {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", md(d.Service), d.Effect, md(strings.Join(d.Callers, ", ")), md(strings.Join(d.Callees, ", ")), md(d.Says))
		}
		b.WriteByte('\n')
	}
	if len(x.Times) > 0 {
		b.WriteString("## Times\n\n| Time | From | To | Lasted |\n|---|---|---|---|\n")
		for i, t := range x.Times {
			at := func(name string, when time.Time) string {
				if when.IsZero() {
					return name + ", unknown"
				}
				return name + ", " + clock(when)
			}
			lasted := "unknown: " + t.Unknown
			if s := raw.Times[i]; s.Known {
				lasted = length(s.Length)
				if s.Impacts > 1 {
					lasted += fmt.Sprintf(", in %d parts", s.Impacts)
				}
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", t.Name, at(t.Starts, raw.Times[i].From), at(t.Ends, raw.Times[i].To), lasted)
		}
		b.WriteByte('\n')
	}
}
