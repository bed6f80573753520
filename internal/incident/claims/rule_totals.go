package claims

import (
	"fmt"
	"strings"
)

// checkTotals is rule 8: parts add up to what is stated of them.
func checkTotals(s *scope) []finding {
	var found []finding
	o := s.claim.Operands
	stated, ok := o.Number("stated")
	if parts := o.Objects("parts"); ok && len(parts) > 0 {
		sum := 0.0
		terms := make([]string, 0, len(parts))
		for _, p := range parts {
			n, has := p.Number("value")
			if impacted, told := p.On("impacted"); !has && (!told || impacted) {
				n = 1
			}
			sum += n
			terms = append(terms, plain(n))
		}
		f := finding{Consistent, []string{strings.Join(terms, " + ") + " = " + plain(sum)}, "the parts add up", nil}
		if !same(sum, stated) {
			f.verdict, f.why = Inconsistent, fmt.Sprintf("the parts add up to %s, and %s is stated", plain(sum), plain(stated))
		}
		found = append(found, f)
	}
	if n, ok := o.Numbers("phases", "current"); ok {
		f := finding{NotCheckable, []string{fmt.Sprintf("%s of %s", plain(n[1]), plain(n[0]))}, "the phases and their ends are not listed", nil}
		if n[1] > n[0] || n[1] < 1 {
			f.verdict, f.why = Inconsistent, "there is no such phase"
		}
		found = append(found, f)
	}
	return found
}
