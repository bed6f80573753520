package claims

import (
	"fmt"
	"math"

	"tripcurve/internal/redact"
)

// checkUniversal is rule 9: all, none and zero fall by one counterexample.
func checkUniversal(s *scope) []finding {
	o := s.claim.Operands
	quantifier := o.Text("quantifier")
	if quantifier != "all" && quantifier != "none" || o.Text("of")+o.Text("scope") == "" {
		return nil
	}
	if n := len(o.List("counterexamples")); n > 0 {
		words := "counterexamples"
		if n == 1 {
			words = "counterexample"
		}
		return []finding{{Inconsistent, []string{fmt.Sprintf("%d %s", n, words)}, "the document itself names " + and(o.Texts("counterexamples")), nil}}
	}
	of := o.Text("of")
	if quantifier == "none" && o.Text("cause") == "no_deadline_configured" && of == deadlineExceeded {
		return []finding{{Consistent, []string{"0 deadlines set", "0 expected"}, "without a client's deadline there is no such status from it; weak, for a server could set one", nil}}
	}
	f := finding{verdict: NeedsEvidence, why: "one counterexample in the data would refute it", needs: []string{s.dataOf()}}
	switch {
	case quantifier == "all" && of == "failed":
		failed, ok := s.countOfWindow()
		if share, has := o.Number("stated_share"); has && share < 1 {
			f.verdict, f.why, f.needs = Inconsistent, fmt.Sprintf("all are not %s", percent(share)), nil
		}
		switch by := o.Text("count_by"); {
		case ok && by != "":
			f.parts = []string{plain(failed) + " failed, 0 succeeded"}
		case ok:
			total := "not stated"
			if n, has := o.Number("total"); has {
				total = plain(n)
				if n != failed {
					f.verdict, f.why, f.needs = Inconsistent, "others did not fail", nil
				}
			}
			f.parts = []string{plain(failed) + " failed; total " + total}
		}
	case quantifier == "none":
		if w, ok := o.Window("window"); ok && w != s.doc.Window {
			hours := w.Seconds() / 3600
			if hours == math.Trunc(hours) && hours > 0 {
				f.parts = []string{fmt.Sprintf("%s * 3600 = %s s", plain(hours), plain(w.Seconds()))}
			} else {
				f.parts = []string{s.between(w)}
			}
			f.why = "silence counts only where the log was kept and traffic flowed"
		}
		if orphans, ok := o.Number("orphan_reservations"); ok {
			f = s.orphans(f, orphans)
		}
	}
	return []finding{f}
}

const deadlineExceeded = "DEADLINE_EXCEEDED"

// orphans holds reservations without an order against the calls that can have
// left them.
func (s *scope) orphans(f finding, orphans float64) finding {
	for _, c := range s.linked() {
		places, ok := c.Operands.Number("capacity")
		if !ok {
			continue
		}
		f.parts = append(f.parts, fmt.Sprintf("%s orphans of %s places", plain(orphans), plain(places)))
		if orphans > places {
			f.verdict, f.why = Inconsistent, "no more calls than there are places can have left one"
		}
	}
	return f
}

// dataOf is what evidence a universal asks for.
func (s *scope) dataOf() string {
	o := s.claim.Operands
	what, scope := o.Text("of"), o.Text("scope")
	if what == "" {
		what = "counterexamples"
	}
	if scope != "" {
		what += " of " + scope
	}
	return "all records of " + redact.Line(what)
}

// countOfWindow is how many failed in the whole impact, as a claim about the same
// thing counts it.
func (s *scope) countOfWindow() (float64, bool) {
	if n, ok := s.claim.Operands.Number("count"); ok {
		return n, true
	}
	for _, c := range s.near() {
		for _, o := range append([]Operands{c.Operands}, c.Operands.Objects("observations")...) {
			if n, ok := o.Numbers("count", "window_s"); ok && n[1] == s.length() {
				return n[0], true
			}
		}
	}
	return 0, false
}

// and is "a", "a and b", "a, b and c".
func and(list []string) string {
	text := ""
	for i, w := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			text += " and "
		default:
			text += ", "
		}
		text += w
	}
	return text
}
