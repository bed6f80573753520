// Package claims writes what the claim checker found: as plain text of 80 columns,
// as Markdown, as CSV and as JSON. All say the same, and the same claims and
// evidence give the same bytes.
package claims

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/claims"
	"tripcurve/internal/redact"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.check/1"

// Options of a report. The zero value redacts.
type Options struct {
	Name       string // of the incident; empty takes the document's
	Unredacted bool
	Redaction  redact.Options
	Only       []claims.Verdict // of the document or with evidence; nil is all
	Note       string           // what a reader must know of the evidence
}

// Report is the verdicts ready to be written. Lists are never null.
type Report struct {
	Schema       string             `json:"schema"`
	Incident     string             `json:"incident"`
	Redaction    timeline.Redaction `json:"redaction"`
	Evidence     *Window            `json:"evidence"` // what the sources cover; null without evidence
	Notes        []string           `json:"notes"`
	Document     Counts             `json:"document_alone"` // of all claims, also of those that are not listed
	WithEvidence Counts             `json:"with_evidence"`
	Claims       []Claim            `json:"claims"`

	total int
}

// Window is half open.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Counts of claims by verdict.
type Counts struct {
	Inconsistent  int `json:"inconsistent"`
	NeedsEvidence int `json:"needs_evidence"`
	Consistent    int `json:"consistent"`
	NotCheckable  int `json:"not_checkable"`
}

// Claim is one sentence and its verdicts.
type Claim struct {
	ID           string   `json:"id"`
	Text         string   `json:"text"`
	Kind         string   `json:"kind"`
	Derived      bool     `json:"derived,omitempty"`
	Verdict      string   `json:"verdict"`
	WithEvidence string   `json:"verdict_with_evidence"`
	Arithmetic   string   `json:"arithmetic"` // parts set apart by semicolons, or none
	Why          string   `json:"why"`
	Evidence     string   `json:"evidence"` // what it says; empty when it says nothing
	Rules        []int    `json:"rules"`
	Needs        []string `json:"needs"`
	Support      []string `json:"support"` // ids of the evidence
}

// None is the arithmetic of a claim that has none.
const None = "none"

// New makes the report. v may be nil: then the document was alone.
func New(doc *claims.Document, checked claims.Checked, v *incident.View, opt Options) Report {
	r := redact.New(opt.Redaction)
	foreign := func(s string) string { return redact.Flat(r.Text(s)) }
	prose := func(s string) string { return redact.Flat(r.Prose(s)) }
	if opt.Unredacted { // credentials never leave: people's texts have not been through what masks them
		prose = func(s string) string { return redact.Flat(redact.MaskSecrets(s)) }
		foreign = prose
	}
	name := opt.Name
	if name == "" {
		name = doc.Incident
	}
	rep := Report{
		Schema: Schema, Incident: foreign(name), Document: counts(checked, false), WithEvidence: counts(checked, true),
		Notes: []string{}, Claims: []Claim{}, total: len(checked.Claims),
	}
	if v != nil {
		if w := v.Window; !w.From.IsZero() {
			rep.Evidence = &Window{From: *export.Instant(w.From), To: *export.Instant(w.To)}
		}
		for _, note := range []string{opt.Note, outside(doc, v)} {
			if note != "" {
				rep.Notes = append(rep.Notes, note)
			}
		}
	}
	for _, c := range checked.Claims {
		if len(opt.Only) > 0 && !slices.Contains(opt.Only, c.Verdict) && !slices.Contains(opt.Only, c.WithEvidence) {
			continue
		}
		rep.Claims = append(rep.Claims, Claim{
			ID: prose(c.ID), Text: foreign(c.Text), Kind: c.Kind, Derived: c.Derived, Verdict: c.Verdict.String(), WithEvidence: c.WithEvidence.String(),
			Arithmetic: arithmetic(c.Arithmetic, prose), Why: prose(c.Why), Evidence: foreign(c.Evidence),
			Rules: append([]int{}, c.Rules...), Needs: each(c.Needs, prose), Support: each(c.Support, foreign),
		})
	}
	rep.Redaction = timeline.NewRedaction(r, opt.Unredacted)
	return rep
}

// outside says that the claims are of another time than the evidence.
func outside(doc *claims.Document, v *incident.View) string {
	w := incident.Window{From: doc.Window.Start, To: doc.Window.End}
	if !w.To.After(w.From) {
		return "the claims state no window, so only those with instants of their own can be held against the evidence"
	}
	if v.Window.From.IsZero() || v.Window.Meet(w).Length() > 0 {
		return ""
	}
	return "the evidence is of another time than the claims' window, so it settles nothing that is counted in it"
}

func arithmetic(parts []string, f func(string) string) string {
	if len(parts) == 0 {
		return None
	}
	return f(strings.Join(parts, "; "))
}

func each[T ~string](list []T, f func(string) string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, f(string(s)))
	}
	return out
}

func counts(c claims.Checked, evidence bool) Counts {
	return Counts{
		c.Count(claims.Inconsistent, evidence), c.Count(claims.NeedsEvidence, evidence),
		c.Count(claims.Consistent, evidence), c.Count(claims.NotCheckable, evidence),
	}
}

// glyphs go with the words, for a screen without colours.
var glyphs = map[string]string{"inconsistent": "x", "needs_evidence": "?", "consistent": "+", "not_checkable": "-"}

// said is a verdict with its glyph: "x inconsistent".
func said(verdict string) string {
	return glyphs[verdict] + " " + strings.ReplaceAll(verdict, "_", " ")
}

// row is one line of the summary.
type row struct {
	verdict            string
	document, evidence int
}

func (rep Report) rows() []row {
	d, e := rep.Document, rep.WithEvidence
	return []row{
		{"inconsistent", d.Inconsistent, e.Inconsistent},
		{"needs_evidence", d.NeedsEvidence, e.NeedsEvidence},
		{"consistent", d.Consistent, e.Consistent},
		{"not_checkable", d.NotCheckable, e.NotCheckable},
	}
}

// verdict of a claim in words, and what the evidence makes of it.
func (c Claim) verdict() string {
	if c.Verdict == c.WithEvidence {
		return said(c.Verdict)
	}
	return said(c.Verdict) + ", with the evidence " + said(c.WithEvidence)
}

// Text is the report for a terminal or a mail.
func (rep Report) Text() string {
	var b strings.Builder
	const indent = "       "
	b.WriteString(export.Wrap(rep.head(), "", "  "))
	for _, note := range rep.Notes {
		b.WriteString(export.Wrap("Note: "+note+".", "", "  "))
	}
	for _, c := range rep.Claims {
		b.WriteByte('\n')
		b.WriteString(export.Wrap(c.verdict(), fmt.Sprintf("%-6s ", c.ID), indent))
		b.WriteString(export.Wrap(c.Text, indent, indent))
		line := func(head, s string) {
			if s != "" {
				b.WriteString(export.Wrap(s, indent+fmt.Sprintf("%-9s", head), indent+"         "))
			}
		}
		if c.Arithmetic != None {
			line("figures", c.Arithmetic)
		}
		line("why", c.Why)
		line("evidence", c.Evidence)
		line("needs", strings.Join(c.Needs, "; "))
	}
	fmt.Fprintf(&b, "\n%-18s %14s", "", "document alone")
	if rep.Evidence != nil {
		fmt.Fprintf(&b, " %14s", "with evidence")
	}
	b.WriteByte('\n')
	for _, r := range rep.rows() {
		fmt.Fprintf(&b, "%-18s %14d", said(r.verdict), r.document)
		if rep.Evidence != nil {
			fmt.Fprintf(&b, " %14d", r.evidence)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + export.Wrap(rep.Redaction.Statement, "", ""))
	return b.String()
}

// head says what was checked against what.
func (rep Report) head() string {
	s := export.Plural(rep.total, "claim")
	if rep.Incident != "" {
		s = rep.Incident + ": " + s
	}
	if rep.Evidence == nil {
		s += ", the document alone"
	} else {
		s += fmt.Sprintf(", against the document and the evidence from %s to %s", shortInstant(rep.Evidence.From), shortInstant(rep.Evidence.To))
	}
	if n := len(rep.Claims); n < rep.total {
		s += fmt.Sprintf(", %s shown", export.Count(n))
	}
	return s + "."
}

// shortInstant is an instant to the second.
func shortInstant(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s // ours: it was formatted by us
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// Markdown is the report in GitHub-flavoured Markdown.
func (rep Report) Markdown() []byte {
	var b bytes.Buffer
	md := redact.Markdown
	title := "Claims"
	if rep.Incident != "" {
		title = rep.Incident + ": claims"
	}
	fmt.Fprintf(&b, "# %s\n\n%s\n", md(title), md(rep.head()))
	for _, note := range rep.Notes {
		fmt.Fprintf(&b, "\nNote: %s.\n", md(note))
	}
	b.WriteString("\n| verdict | document alone | with evidence |\n|---|---:|---:|\n")
	for _, r := range rep.rows() {
		with := "not asked"
		if rep.Evidence != nil {
			with = fmt.Sprint(r.evidence)
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", strings.ReplaceAll(r.verdict, "_", " "), r.document, with)
	}
	b.WriteString("\n| id | claim | verdict | with evidence | arithmetic | why |\n|---|---|---|---|---|---|\n")
	for _, c := range rep.Claims {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", md(c.ID), md(c.Text), strings.ReplaceAll(c.Verdict, "_", " "),
			strings.ReplaceAll(c.WithEvidence, "_", " "), md(c.Arithmetic), md(c.because()))
	}
	fmt.Fprintf(&b, "\n%s\n", md(rep.Redaction.Statement))
	return b.Bytes()
}

// because is the why, what the evidence says and what is needed, in one cell.
func (c Claim) because() string {
	s := c.Why
	if c.Evidence != "" {
		s += ". Evidence: " + c.Evidence
	}
	if len(c.Needs) > 0 {
		s += ". Needs: " + strings.Join(c.Needs, "; ")
	}
	return s
}

// CSV has one row for each claim.
func (rep Report) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{{"id", "kind", "verdict", "verdict_with_evidence", "text", "arithmetic", "why", "evidence", "needs", "support"}}
	for _, c := range rep.Claims {
		rows = append(rows, []string{
			redact.CSV(c.ID), c.Kind, c.Verdict, c.WithEvidence, redact.CSV(c.Text), redact.CSV(c.Arithmetic), redact.CSV(c.Why),
			redact.CSV(c.Evidence), redact.CSV(strings.Join(c.Needs, "; ")), redact.CSV(strings.Join(c.Support, "; ")),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("claims as CSV: %w", err)
	}
	return b.Bytes(), nil
}

// JSON is the report with a fixed order of keys.
func (rep Report) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(rep); err != nil {
		return nil, fmt.Errorf("claims as JSON: %w", err)
	}
	return b.Bytes(), nil
}
