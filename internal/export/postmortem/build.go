package postmortem

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export"
	"tripcurve/internal/export/claims"
	"tripcurve/internal/export/postmortem/author"
	"tripcurve/internal/export/postmortem/diffstat"
	"tripcurve/internal/export/postmortem/testreport"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
)

// Input is all that a document is made of. What is nil or empty is not known, and
// the document says so in its place.
type Input struct {
	Name     string // of the incident
	View     *incident.View
	Analysis incident.Analysis
	Notes    *author.Notes
	Claims   *claims.Report
	// Edges are the policies under which the incident's system runs today.
	Edges     policy.Edges
	Simulated *Simulated
	// Counterfactual is the incident without each of its causes.
	Counterfactual *diagnose.Counterfactual
	Tests          []testreport.Report
	Diff           *diffstat.Stat
	// Assumed says that the evidence is simulated and what of it is assumed.
	Assumed []string

	GeneratedAt time.Time // zero: not stated
	Unredacted  bool
	Redaction   redact.Options
}

// New makes the document.
func New(in Input) *Document {
	b := &builder{Input: in, r: redact.New(in.Redaction), doc: &Document{
		Schema: Schema, GeneratedAt: export.Instant(in.GeneratedAt), Authors: []string{}, NotFilled: []Gap{}, Terms: []Term{}, Sections: []Section{},
	}}
	if b.Notes == nil {
		b.Notes = &author.Notes{}
	}
	b.facts = factsOf(in)
	d := b.doc
	d.Incident = b.ours(in.Name)
	d.Title = b.says(b.Notes.Title)
	if d.Title == "" {
		d.Title = "Postmortem of " + d.Incident
		b.gap("head", "the title", "title")
	}
	d.Status = string(b.Notes.Status)
	if d.Status == "" {
		d.Status = "draft"
		b.gap("head", "the status", "status")
	}
	for _, who := range b.Notes.Authors {
		d.Authors = append(d.Authors, b.says(who))
	}
	if len(d.Authors) == 0 {
		b.gap("head", "the authors", "authors")
	}
	if w := in.Analysis.Impact; w.Length() > 0 {
		d.Window = &Window{From: *export.Instant(w.From), To: *export.Instant(w.To), DurationS: export.Seconds(w.Length())}
	} else {
		d.unhurt = unhurt(in.Analysis)
	}
	for _, p := range parts() {
		b.section = p.id
		s := Section{ID: p.id, Title: p.title, From: p.from}
		for _, c := range b.Notes.Callouts {
			if c.Part == p.id && p.id != "callouts" {
				s.Blocks = append(s.Blocks, callout(string(c.Level), b.says(c.Title), b.says(c.Text)))
			}
		}
		s.Blocks = append(s.Blocks, p.build(b)...)
		d.Sections = append(d.Sections, s)
	}
	b.fillGlossary()
	d.Redaction = timeline.NewRedaction(b.r, in.Unredacted)
	return d
}

// builder makes one document.
type builder struct {
	Input
	r       *redact.Redactor
	doc     *Document
	section string // that is being made
	facts   map[string]string
}

// ours is a sentence of the program, redacted.
func (b *builder) ours(s string) string {
	if b.Unredacted {
		return redact.Flat(redact.MaskSecrets(s))
	}
	return redact.Flat(b.r.Prose(s))
}

// foreign is text that was collected, redacted.
func (b *builder) foreign(s string) string {
	if b.Unredacted {
		return redact.Flat(redact.MaskSecrets(s))
	}
	return redact.Flat(b.r.Text(s))
}

// verbatim is code or data of several lines, redacted.
func (b *builder) verbatim(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	if b.Unredacted {
		return redact.Lines(redact.MaskSecrets(s))
	}
	return redact.Lines(b.r.Prose(s))
}

// says is what an author wrote, with its facts in their places, redacted. Line feeds
// stay, for they part paragraphs.
func (b *builder) says(t author.Text) string {
	var s strings.Builder
	for _, p := range author.Pieces(string(t)) {
		if p.Fact == "" {
			s.WriteString(p.Text)
			continue
		}
		known, ok := b.facts[p.Fact]
		if !ok {
			known = "unknown"
		}
		s.WriteString(known)
	}
	if b.Unredacted {
		return redact.Lines(redact.MaskSecrets(s.String()))
	}
	return redact.Lines(b.r.Prose(s.String()))
}

func (b *builder) saysEach(list []author.Text) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = strings.Join(strings.Fields(b.says(t)), " ")
	}
	return out
}

// line is what an author wrote on one line.
func (b *builder) line(t author.Text) string { return strings.Join(strings.Fields(b.says(t)), " ") }

// gap takes down a question without an answer and gives the line that says so.
func (b *builder) gap(section, what, key string) Block {
	g := Gap{Section: section, What: what, Key: key}
	b.doc.NotFilled = append(b.doc.NotFilled, g)
	return Block{Kind: Missing, Gap: &g}
}

// ask is the text under a key, or the line that says that there is none.
func (b *builder) ask(t author.Text, what, key string) Block {
	if t == "" {
		return b.gap(b.section, what, key)
	}
	return text(b.says(t))
}

// cell is a text of a table; one that is missing is a gap.
func (b *builder) cell(t author.Text, what, key string) Cell {
	if t == "" {
		b.gap(b.section, what, key)
		return Cell{Text: "not filled in", Tone: Bad}
	}
	return Cell{Text: b.line(t)}
}

func (g Gap) line() string {
	return fmt.Sprintf("%s (key %s of the author's file).", g.What, g.Key)
}

func countMissing(n int) string { return export.Plural(n, "part") + " not filled in" }

func listMissing(all []Gap) string {
	var whats []string
	for _, g := range all {
		if s := g.What + " (" + g.Key + ")"; !slices.Contains(whats, s) {
			whats = append(whats, s)
		}
	}
	return strings.Join(whats, "; ") + "."
}

// unhurt is what is known of requests where there is no impact: that none failed is known
// only where some were read.
func unhurt(a incident.Analysis) string {
	var requests, failed int64
	for _, e := range a.Endpoints {
		requests += e.Requests
		failed += e.Failed
	}
	switch {
	case requests == 0:
		return "unknown, the evidence has no requests of a gateway"
	case failed == 0:
		return "no request failed in the evidence"
	}
	return fmt.Sprintf("none stands out: %s of %s failed in the evidence", export.Count(failed), export.Plural(int(requests), "request"))
}

// head is the lines at the top.
func (d *Document) head() (lines [][2]string) {
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, [2]string{name, value})
		}
	}
	add("Incident", d.Incident)
	add("Status", d.Status)
	add("Authors", strings.Join(d.Authors, ", "))
	if w := d.Window; w != nil {
		add("Impact", w.From+" to "+w.To+" ("+export.Number(w.DurationS, 3)+" s)")
	} else {
		add("Impact", d.unhurt)
	}
	add("Not filled in", map[bool]string{true: "nothing", false: export.Count(len(d.NotFilled))}[len(d.NotFilled) == 0])
	add("Redaction", d.Redaction.Statement)
	if d.GeneratedAt != nil {
		add("Generated at", *d.GeneratedAt)
	}
	return lines
}
