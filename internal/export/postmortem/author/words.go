package author

import (
	"strings"

	"tripcurve/internal/formats/source"
)

// Text is prose. `code` is set as code, and {{name}} is replaced by a fact of the
// evidence; nothing else in it has a meaning.
type Text string

// ReadNode takes numbers too, for a cost of 6 is a text here.
func (t *Text) ReadNode(n *source.Node) error {
	if n.Kind != source.String && n.Kind != source.Number {
		return n.Wrong("text")
	}
	*t = Text(strings.TrimSpace(n.Text))
	return nil
}

// Verbatim is code or data whose blanks and braces are its own.
type Verbatim string

// ReadNode keeps the text as it is, but for line feeds at its ends.
func (v *Verbatim) ReadNode(n *source.Node) error {
	if n.Kind != source.String {
		return n.Wrong("text")
	}
	*v = Verbatim(strings.Trim(n.Text, "\n"))
	return nil
}

// word reads one of some words.
func word[T ~string](to *T, n *source.Node, words ...string) error {
	if n.Kind != source.String || !known(n.Text, words) {
		return n.Wrong("one of " + strings.Join(words, ", "))
	}
	*to = T(n.Text)
	return nil
}

// Status of a document.
type Status string

// ReadNode takes one of the four.
func (s *Status) ReadNode(n *source.Node) error {
	return word(s, n, "draft", "in review", "reviewed", "closed")
}

// Type of an action.
type Type string

// ReadNode takes one of the four.
func (t *Type) ReadNode(n *source.Node) error {
	return word(t, n, "prevent", "mitigate", "process", "detect")
}

// The states of a phase and of an action.
const (
	Done       Reach = "done"
	InProgress Reach = "in progress"
	Planned    Reach = "planned"
)

// Reach is how far something is.
type Reach string

// ReadNode takes one of the three.
func (r *Reach) ReadNode(n *source.Node) error {
	return word(r, n, string(Done), string(InProgress), string(Planned))
}

// Verdict on an option or a decision.
type Verdict string

// ReadNode takes one of the four.
func (v *Verdict) ReadNode(n *source.Node) error {
	return word(v, n, "adopt", "plan", "defer", "reject")
}

// Severities, the worst first.
var Severities = []string{"critical", "high", "medium", "low"}

// Severity of an issue.
type Severity string

// ReadNode takes one of Severities.
func (s *Severity) ReadNode(n *source.Node) error { return word(s, n, Severities...) }

// ReviewState is what a review found in one dimension.
type ReviewState string

// ReadNode takes one of the three.
func (r *ReviewState) ReadNode(n *source.Node) error {
	return word(r, n, "pass", "attention", "blocked")
}

// Level of a callout.
type Level string

// ReadNode takes one of the three.
func (l *Level) ReadNode(n *source.Node) error { return word(l, n, "note", "warning", "danger") }
