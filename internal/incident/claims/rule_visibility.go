package claims

import (
	"fmt"
	"time"
)

// checkVisibility is rule 14: a latency that is recorded when a call ends exists
// for no call that goes on.
func checkVisibility(s *scope) []finding {
	o := s.claim.Operands
	value, ok := o.Number("value_s")
	if !ok || !o.Has("recorded") {
		return nil
	}
	hang, ok := s.at("hang_began", s.doc.Window.Start)
	if !ok {
		return nil
	}
	if o.Text("recorded") == "at_start" {
		return []finding{{Inconsistent, nil, "a duration is not known when a call begins", nil}}
	}
	part, earliest := s.later(hang, value)
	f := finding{verdict: Consistent, parts: []string{part}, why: "values appear once something has ended"}
	for _, c := range s.linked() {
		if n, ok := c.Operands.Numbers("tries", "per_try_s"); ok && same(n[0]*n[1], value) {
			f.parts = append(f.parts, fmt.Sprintf("%s * %s = %s ms", plain(n[0]), plain(n[1]*1000), plain(value*1000)))
		}
	}
	first, told := o.At("first_possible_sample")
	switch {
	case told && first.Before(earliest.Truncate(time.Second)):
		f.verdict, f.why = Inconsistent, "before "+s.clock(earliest)+" no call can have taken as long"
	case o.Text("recorder") == "":
		f.verdict, f.why = NeedsEvidence, "a sample exists only for an ended call: who recorded it is not said"
		f.needs = []string{"the recorder, the status and the times of the samples"}
	}
	return []finding{f}
}
