package claims

import (
	"fmt"
	"slices"
	"strings"
)

// checkCoverage is rule 2: a cause covers its effect as far as its intervals meet
// it; what can only be seen while a cause lasts is seen within it.
func checkCoverage(s *scope) []finding {
	var found []finding
	o := s.claim.Operands
	if effect, ok := o.Span("effect"); ok {
		if f, ok := s.covers(effect); ok {
			found = append(found, f)
		}
	}
	if possible, ok := o.Span("possible"); ok {
		if w, ok := o.Window("window"); ok {
			found = append(found, s.seen(w, possible))
		}
	}
	if _, ok := o.Number("pid"); ok {
		found = append(found, finding{
			verdict: NeedsEvidence, why: "a process id names no program: the lock that it held and its statement would",
			needs: []string{"the granted lock of that backend and its statement"},
		})
	}
	return found
}

// covers holds the causes' intervals against the effect.
func (s *scope) covers(effect Interval) (finding, bool) {
	o := s.claim.Operands
	var causes []Interval
	for _, v := range o.List("cause_intervals") {
		causes = append(causes, v.Span)
	}
	covered, counted := union(causes, effect), len(causes) > 0
	if l, ok := o.Number("cause_length_s"); ok && (len(causes) == 0 || l < covered) {
		covered, counted = min(l, effect.Seconds()), true
	}
	whole := effect.Seconds()
	if !counted || whole <= 0 {
		return finding{}, false
	}
	rest := whole - covered
	f := finding{verdict: Consistent, parts: s.coverage(causes, effect, covered)}
	pct, hasShare := o.Number("claimed_coverage_pct")
	switch claimed := o.Text("claimed_coverage"); {
	case hasShare:
		f.why = "a partial cause, stated as partial"
		if got := 100 * covered / whole; got-pct > 0.1 || pct-got > 0.1 {
			f.verdict, f.why = Inconsistent, fmt.Sprintf("%s are covered and %s %% are stated", percent(covered/whole), plain(pct))
		}
	case claimed == "whole":
		f.why = "the causes cover the effect"
		if rest > max(1, whole/100) {
			f.verdict = Inconsistent
			f.parts = append(f.parts, fmt.Sprintf("%s - %s = %s s", plain(whole), plain(covered), plain(rest)))
			f.why = minutes(rest, "min") + " are left without a cause"
			if on, _ := o.On("cause_start_assumed"); on {
				f.why += ", wherever in the effect the cause lies"
			}
		}
	default:
		f.why = "a cause of a part of the effect"
		if covered == 0 {
			f.verdict, f.why = Inconsistent, "the cause does not meet the effect"
		}
	}
	return f, true
}

// coverage is the arithmetic of what is covered.
func (s *scope) coverage(causes []Interval, effect Interval, covered float64) []string {
	whole := effect.Seconds()
	switch {
	case covered < whole:
		return []string{fmt.Sprintf("%s / %s = %s", plain(covered), plain(whole), percent(covered/whole))}
	case len(causes) > 1:
		var lengths, shares []string
		sum, share := 0.0, 0.0
		for _, c := range causes {
			l := union([]Interval{c}, effect)
			sum += l
			share += l / whole
			lengths = append(lengths, plain(l))
			shares = append(shares, strings.TrimSuffix(percent(l/whole), " %"))
		}
		parts := []string{strings.Join(lengths, " + ") + " = " + plain(sum)}
		if sum == covered { // else they overlap
			parts = append(parts, strings.Join(shares, " + ")+" = "+percent(share))
		}
		return parts
	}
	parts := []string{s.between(effect)}
	for _, c := range s.linked() { // of a part that another claim has left
		if o, ok := c.Operands.Span("effect"); ok && o.Seconds() > whole && !effect.Start.Before(o.Start) && !effect.End.After(o.End) {
			parts = append(parts, fmt.Sprintf("%s / %s = %s", plain(covered), plain(o.Seconds()), percent(covered/o.Seconds())))
			break
		}
	}
	return parts
}

// seen holds when something is said to have been seen against when it could be.
func (s *scope) seen(w, possible Interval) finding {
	o := s.claim.Operands
	inside := union([]Interval{possible}, w)
	f := finding{verdict: NeedsEvidence, why: "it can be seen only while its cause lasts", needs: []string{"the times of the samples"}}
	if inside < w.Seconds() {
		f.parts = []string{fmt.Sprintf("%s / %s = %s", plain(inside), plain(w.Seconds()), percent(inside/w.Seconds()))}
	} else {
		f.parts = []string{s.between(w)}
	}
	quantifier := o.Text("quantifier")
	all := quantifier == "all" || quantifier == "throughout" || quantifier == "" && !o.Has("window")
	switch {
	case inside == 0:
		f.verdict, f.why, f.needs = Inconsistent, "the cause does not last then", nil
		return f
	case all && inside < w.Seconds():
		f.verdict, f.why, f.needs = Inconsistent, fmt.Sprintf("it cannot be seen during %s s of that time", plain(w.Seconds()-inside)), nil
		return f
	}
	if times := o.List("sample_times"); len(times) > 0 {
		outside := slices.IndexFunc(times, func(v Value) bool { return v.At.Before(possible.Start) || !v.At.Before(possible.End) })
		f.verdict, f.why, f.needs = Consistent, "every sample lies where it can", nil
		if outside >= 0 {
			f.verdict, f.why = Inconsistent, "the sample of "+s.clock(times[outside].At)+" lies where there is nothing to see"
		}
	}
	return f
}

// union is how many seconds of w the intervals cover together.
func union(list []Interval, w Interval) float64 {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Interval) int { return a.Start.Compare(b.Start) })
	covered, at := 0.0, w.Start
	for _, i := range sorted {
		if i.Start.Before(at) {
			i.Start = at
		}
		if i.End.After(w.End) {
			i.End = w.End
		}
		if i.End.After(i.Start) {
			covered += i.Seconds()
			at = i.End
		}
	}
	return covered
}
