package claims

import (
	"fmt"
	"math"
)

// checkDuration is rule 1: a duration is its end less its start, or its parts
// multiplied; an instant belongs to the day that is stated.
func checkDuration(s *scope) []finding {
	var found []finding
	o := s.claim.Operands
	stated, has := o.Number("stated_s")
	start, ok1 := o.At("start")
	end, ok2 := o.At("end")
	if has && ok1 && ok2 {
		found = append(found, s.stated(Interval{start, end}, stated))
	}
	if n, ok := o.Numbers("tries", "per_try_s", "stated_s"); ok {
		f := finding{Consistent, []string{fmt.Sprintf("%s * %s = %s s", plain(n[0]), plain(n[1]), plain(n[0]*n[1]))}, "the tries add up to it", nil}
		if !same(n[0]*n[1], n[2]) {
			f.verdict, f.why = Inconsistent, fmt.Sprintf("the tries take %s s and %s s are stated", plain(n[0]*n[1]), plain(n[2]))
		}
		found = append(found, f)
	}
	instant, ok1 := o.At("instant")
	begun, ok2 := o.At("incident_start")
	if ok1 && ok2 {
		found = append(found, s.sameDay(instant.UTC().Format("2006-01-02"), Interval{instant, begun}))
	}
	return found
}

// stated holds a duration against the one that is stated, rounded as is said.
func (s *scope) stated(i Interval, stated float64) finding {
	o := s.claim.Operands
	unit := o.Text("stated_unit")
	got, size := i.Seconds(), unitSize(unit)
	part := s.between(i)
	if size > 1 {
		part += " = " + minutes(got, unit)
	}
	f := finding{verdict: Consistent, parts: []string{part}}
	var want float64
	switch how := o.Text("rounding"); how {
	case "down":
		want, f.why = math.Floor(got/size)*size, "rounded down to whole units"
	case "up":
		want, f.why = math.Ceil(got/size)*size, "rounded up to whole units"
	case "nearest":
		want, f.why = math.Round(got/size)*size, "rounded to whole units"
	case "none":
		want, f.why = got, "exact to the second"
	default:
		want, f.why = stated, "within one unit"
		if math.Abs(got-stated) >= size {
			want = got
		}
	}
	if math.Abs(want-stated) >= 1 {
		f.verdict = Inconsistent
		f.why = fmt.Sprintf("the two ends are %s s apart, and %s s are stated", plain(got), plain(stated))
	}
	return f
}

// sameDay holds an instant against the day of the incident.
func (s *scope) sameDay(day string, i Interval) finding {
	f := finding{parts: []string{s.between(i)}}
	if i.Seconds() < 0 {
		f.parts = []string{s.between(Interval{i.End, i.Start})}
	}
	switch stated := s.claim.Operands.Text("incident_date"); stated {
	case "":
		f.verdict, f.why, f.needs = NeedsEvidence, "the document gives no date", []string{"the date of the incident"}
	case day:
		f.verdict, f.why = Consistent, "the same day"
	default:
		f.verdict, f.why = Inconsistent, fmt.Sprintf("the instant is of %s and the incident of %s", day, stated)
	}
	return f
}
