package export

import (
	"cmp"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/tui/behind"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Behind is what the selected target is made from: whose values the thresholds are, or what
// each row and each sentence rests on; and the command that writes the same elsewhere.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	t := s.focused()
	if t == nil {
		return "", nil
	}
	name := cmp.Or(t.name(s.preview.artifact), t.Name)
	title = "what stands behind " + redact.Line(name)
	const elsewhere = "the same outside the screens"
	incidentFile := cmp.Or(s.opt.File, "FILE")
	switch t.Group {
	case groupThresholds:
		return title, s.thresholdsBehind(t, elsewhere)
	case groupTimeline:
		parts = append(parts, behind.Command(elsewhere, "", []string{"export", "timeline", incidentFile, "-o", name}))
		return title, append(parts, s.rowsBehind()...)
	case groupAnalysis:
		words := []string{"analyze", incidentFile}
		if f := formatOf(name); f != "" {
			words = append(words, "--format", f)
		}
		parts = append(parts, behind.Command(elsewhere, "", words))
		return title, append(parts, s.claimsBehind()...)
	default:
		parts = append(parts, behind.Command(elsewhere, "", []string{"export", "plots", incidentFile, "-o", name}))
		parts = append(parts, s.sourcesBehind())
		return title, append(parts, s.rowsBehind()...)
	}
}

// formatOf is what --format of analyze calls the format of a file; empty for its own.
func formatOf(file string) string {
	switch _, ending, _ := strings.Cut(file, "."); ending {
	case "md", "json":
		return ending
	}
	return ""
}

// thresholdsBehind says whose values a target of the thresholds has, which they are, and
// what of them it cannot express.
func (s *Screen) thresholdsBehind(t *Target, elsewhere string) (parts []screen.Part) {
	parts = append(parts, screen.Part{Head: "whose values they are", Text: redact.Flat(s.origin())})
	p, ok := s.edges[s.edge]
	if !ok {
		return parts
	}
	words := []string{"export", "config", "--for", t.Name, "--edge", s.edge}
	sets := policy.Edges{s.edge: p}.Since(policy.Edges{s.edge: s.opt.Now[s.edge]})
	options := behind.Sets(sets)
	switch {
	case !s.turned && s.edge == Proposed:
		words, options = append(words, "--preset", "postmortem"), nil
	case len(sets) == 0:
		words = append(words, "--preset", "today")
	}
	parts = append(parts, behind.Command(elsewhere, "", words, options...))
	var values []string
	for _, f := range policy.FieldsOf(p) {
		if v := f.Get(p); v != "" {
			values = append(values, f.Name+" "+v)
		}
	}
	parts = append(parts, screen.Part{Head: s.edge + ", all values", Text: redact.Flat(strings.Join(values, ", "))})
	if w := s.preview.artifact.Warnings; len(w) > 0 {
		parts = append(parts, screen.Part{Head: "what " + t.Name + " cannot express", Text: redact.Flat(strings.Join(w, "; "))})
	}
	return parts
}

// rowsBehind are the rows of the timeline, each with what it rests on.
func (s *Screen) rowsBehind() (parts []screen.Part) {
	more := 0
	for i := range s.Rows.Len() {
		if s.Rows.Hidden(i) {
			continue
		}
		if len(parts) == behind.Most {
			more++
			continue
		}
		m := s.Rows.Moment(i)
		rests := m.SourceText
		if len(m.Support) > 0 && s.View != nil {
			rests = export.Sources(m.Support, s.View.Get)
		}
		said := redact.Flat(rests)
		switch {
		case said == "" && m.Confidence == "stated":
			said = "somebody wrote it"
		case said == "":
			said = "no fact of it is kept"
		}
		if m.Confidence != "" {
			said = redact.Line(m.Confidence) + ": " + said
		}
		parts = append(parts, screen.Part{Head: text.Clock(m.At) + " " + redact.Flat(m.Text), Text: said})
	}
	if more > 0 {
		parts = append(parts, screen.Part{Head: "and " + text.Plural(more, "more row")})
	}
	return parts
}

// claimsBehind are the sentences of the analysis, each with what is for and against it.
func (s *Screen) claimsBehind() (parts []screen.Part) {
	for _, f := range s.Analysis.Findings {
		if s.View == nil {
			break
		}
		said := "for it " + text.Plural(len(f.Support), "fact") + " of " + text.Plural(f.Groups(), "independent source")
		if from := export.Sources(f.Support, s.View.Get); from != "" {
			said += ": " + from
		}
		if len(f.Against) > 0 {
			said += "; against it " + text.Plural(len(f.Against), "fact") + ": " + export.Sources(f.Against, s.View.Get)
		}
		parts = append(parts, screen.Part{Head: redact.Flat(f.Claim), Text: said})
	}
	return append(parts, s.sourcesBehind())
}

// sourcesBehind are the sources that were read.
func (s *Screen) sourcesBehind() screen.Part {
	p := screen.Part{Head: "the sources that were read"}
	if s.View == nil {
		p.Text = "none yet"
		return p
	}
	var list []string
	for _, src := range s.View.Sources {
		list = append(list, redact.Line(src.Name)+" ("+src.State.String()+")")
	}
	p.Text = strings.Join(list, ", ")
	return p
}

var _ screen.Sourcer = (*Screen)(nil)
