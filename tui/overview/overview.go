// Package overview is the first screen: one sentence that says what holds whom,
// the proof under it, how much of the outage it explains, then what to do.
package overview

import (
	"cmp"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
	"tripcurve/tui/widget"
)

// Screen is the overview.
type Screen struct {
	screen.Common
	list  screen.List
	rows  []row
	facts facts
	about []topic // of the whole incident
	hits  []hit

	failing, waiting, flight chart.Cache
}

// row is one line of the list: a finding, what to do about it, or an endpoint.
type row struct {
	id       string // of what it tells of, whatever there is to tell
	severity widget.Severity
	word     string
	text     string
	plain    string // text as it is copied, with instants in UTC; empty: text
	show     string // the screen that shows it
	finding  int    // index into the findings, -1 for endpoints
	endpoint incident.Endpoint
	do       bool          // what to do about the finding
	topic    *topic        // nil for findings and endpoints
	parts    []screen.Part // all that is known, but for findings
}

// New is the screen before any data.
func New() *Screen { return &Screen{} }

func (s *Screen) Title() string { return "Overview" }

// Actions are what the list can do, and the time cursor.
func (s *Screen) Actions() []screen.Action {
	return append([]screen.Action{
		{Name: "open", Keys: []string{"enter"}, Help: "go to the screen that shows the selected line", Hint: "open"},
		{Name: "detail", Keys: []string{"d"}, Help: "the selected line whole, with all that is known of it", Hint: "detail"},
	}, append(screen.Moves(), screen.TimeMoves()...)...)
}

// Update takes in shared messages and moves in the list.
func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	if s.Apply(msg) {
		switch msg.(type) {
		case screen.EvidenceMsg, screen.FilterMsg, screen.ZoneMsg:
			s.remake()
		}
		return s, nil
	}
	switch msg := msg.(type) {
	case screen.ActionMsg:
		return s, s.act(msg.Name)
	case tea.MouseClickMsg:
		if _, again := s.list.Click(msg, len(s.rows)); again {
			return s, s.open()
		}
	}
	return s, nil
}

// remake makes the rows anew, with the cursor on what it was on.
func (s *Screen) remake() {
	was := ""
	if s.list.At < len(s.rows) {
		was = s.rows[s.list.At].id
	}
	s.rows = s.makeRows()
	s.list.Clamp(len(s.rows))
	if s.list.Moved() {
		s.list.Follow(len(s.rows), func(i int) bool { return s.rows[i].id == was })
	}
}

func (s *Screen) act(name string) tea.Cmd {
	if s.list.Move(name, len(s.rows), 5) {
		return nil
	}
	if cmd, ok := s.MoveTime(name); ok {
		return cmd
	}
	switch name {
	case "open":
		return s.open()
	case "detail":
		return s.detail()
	case "yank":
		return s.yank()
	case "yank-markdown":
		return screen.Copy(s.markdown(), "the overview")
	}
	return nil
}

// open goes to the screen that shows the selected line, with the time cursor
// inside its window.
func (s *Screen) open() tea.Cmd {
	if s.list.At >= len(s.rows) {
		return nil
	}
	r := s.rows[s.list.At]
	if r.topic != nil {
		return s.detail()
	}
	subject := incident.Subject{Endpoint: r.endpoint}
	at := time.Time{}
	if r.finding >= 0 {
		f := s.Analysis.Findings[r.finding]
		subject = f.Subject
		if !f.Window.Has(s.Cursor) {
			at = f.Window.From.Add(f.Window.Length() / 2)
		}
	}
	return screen.Show(r.show, subject, at)
}

// detail opens the selected line whole.
func (s *Screen) detail() tea.Cmd {
	title, parts := s.whole()
	if parts == nil {
		return screen.Say("nothing is selected")
	}
	return screen.Sheet(title, parts)
}

// yank copies the selected line: the statement alone when it is what to do,
// else the finding's sentence.
func (s *Screen) yank() tea.Cmd {
	if s.list.At >= len(s.rows) {
		return screen.Copy(s.Analysis.Sentence, "the sentence")
	}
	r := s.rows[s.list.At]
	switch {
	case r.do:
		return screen.Copy(statement(s.Analysis.Findings[r.finding].Action), "what to do")
	case r.finding >= 0:
		return screen.Copy(s.Analysis.Findings[r.finding].Claim, "the finding")
	}
	return screen.Copy(cmp.Or(r.plain, r.text), "the line")
}

// statement is an action without the comments that explain it.
func statement(action string) string {
	var keep []string
	for line := range strings.SplitSeq(action, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") && strings.TrimSpace(line) != "" {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "\n")
}

// makeRows lists what was found, what to do about it, and how every endpoint
// fares.
func (s *Screen) makeRows() []row {
	var out []row
	for i, f := range s.Analysis.Findings {
		show, do := screenOf(f), redact.Flat(statement(f.Action))
		r := row{id: f.ID, severity: widget.OfFinding(f), word: widget.RoleWord(f.Role), text: redact.Flat(f.Claim), show: show, finding: i}
		if !s.Filter.Match(r.word, r.text, do) { // a finding and what to do about it stay together
			continue
		}
		out = append(out, r)
		if f.Action != "" {
			out = append(out, row{id: "do " + f.ID, word: "do", text: do, show: show, finding: i, do: true})
		}
	}
	s.about, s.hits = topics(s.Analysis), hits(s.Analysis)
	about := func(first bool) { // who was hit, and when else
		for i := range s.about {
			t := &s.about[i]
			if (t.word == "hit" || t.word == "also") == first && s.Filter.Match(t.word, t.text) {
				out = append(out, row{id: t.word + " " + t.title, severity: t.severity, word: t.word, text: t.text, show: "detail", finding: -1, topic: t, parts: t.parts})
			}
		}
	}
	about(true)
	for _, e := range s.Analysis.Endpoints {
		sev, word := widget.OfImpact(e)
		r := row{id: e.Endpoint.String(), severity: sev, word: word, text: impactText(e, s.Clock), plain: impactText(e, text.Clock), show: "Gateway", finding: -1, endpoint: e.Endpoint, parts: endpointParts(e, s.Analysis.Impact.Length() > 0)}
		if s.Filter.Match(r.word, r.text) {
			out = append(out, r)
		}
	}
	about(false)
	return out
}

// screenOf is the screen on which a finding's proof is seen.
func screenOf(f incident.Finding) string {
	switch {
	case f.Subject.PID != 0 || f.Subject.Relation != "" || f.Subject.Pool != "":
		return "Locks"
	case f.Subject.Edge != "":
		return "gRPC"
	}
	return "Gateway"
}

// impactText is how an endpoint fared, with instants as clock writes them.
func impactText(e incident.Impact, clock func(time.Time) string) string {
	name := redact.Line(e.Endpoint.String())
	switch {
	case e.Vanished:
		return name + "  no requests since " + clock(e.VanishedFrom)
	case e.Failed > 0:
		out := name + "  " + text.Count(e.Failed) + " of " + text.Count(e.Requests) +
			" failed (" + text.Percent(float64(e.Failed)/float64(max(1, e.Requests))) + ")"
		if !e.FirstFailed.IsZero() { // else now and then, which is no impact
			out += " since " + clock(e.FirstFailed)
		}
		if !e.Recovered.IsZero() {
			out += ", recovered " + clock(e.Recovered)
		}
		return out
	}
	return name + "  0 of " + text.Count(e.Requests) + " failed"
}

// markdown is the overview for the incident channel.
func (s *Screen) markdown() string {
	a := s.Analysis
	var b strings.Builder
	b.WriteString("**" + redact.Markdown(redact.Flat(a.Sentence)) + "**\n\n")
	for _, p := range a.Proof {
		b.WriteString("- " + redact.MarkdownCode(redact.Flat(p)) + "\n")
	}
	if a.Impact.Length() > 0 {
		b.WriteString("- " + coverageLine(a) + "\n")
		for _, r := range a.Remainder {
			b.WriteString("- " + redact.Markdown(redact.Flat(remainderLine(r))) + "\n")
		}
	}
	for _, f := range a.Findings {
		b.WriteString("\n" + redact.Markdown(redact.Flat(f.Claim)) + " (" + f.Confidence.String() +
			"; evidence: " + redact.Markdown(strings.Join(f.GroupNames, ", ")) + ")\n")
		if f.Action != "" {
			b.WriteString("\n```sql\n" + strings.ReplaceAll(redact.Lines(f.Action), "```", "---") + "\n```\n")
		}
	}
	return b.String()
}

// coverageLine says how much of the outage the trigger explains.
func coverageLine(a incident.Analysis) string {
	total := a.Impact.Length()
	covered := time.Duration(a.Coverage * float64(total)).Round(time.Second)
	name := "the trigger"
	for _, f := range a.Findings {
		if f.Role == incident.Trigger && f.Subject.Mode != "" {
			name = "lock"
			break
		}
	}
	return name + " covers " + text.Count(int64(covered/time.Second)) + " s of " +
		text.Count(int64(total.Round(time.Second)/time.Second)) + " s (" + text.Percent(a.Coverage) + ")"
}

// remainderLine says what is known of a part that no trigger covers.
func remainderLine(r incident.Remainder) string {
	n := text.Count(int64(r.Window.Length().Round(time.Second) / time.Second))
	if r.Explanation == "" {
		return "the other " + n + " s are not explained by any evidence"
	}
	return "the other " + n + " s: " + r.Explanation
}
