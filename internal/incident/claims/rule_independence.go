package claims

import (
	"fmt"
	"slices"
	"strings"
)

// checkIndependence is rule 12: sources that one system derives count once.
func checkIndependence(s *scope) []finding {
	o := s.claim.Operands
	stated, ok := o.Number("stated")
	sources := o.Objects("sources")
	if !ok || len(sources) == 0 {
		return nil
	}
	var groups, ones, causes []string
	for _, x := range sources {
		if g := x.Text("group"); !slices.Contains(groups, g) {
			groups, ones = append(groups, g), append(ones, "1")
		}
		if x.Text("shows") == "cause" {
			causes = append(causes, x.Text("name"))
		}
	}
	f := finding{Consistent, []string{fmt.Sprintf("%s = %d", strings.Join(ones, " + "), len(groups))}, "views of one system count once", nil}
	if float64(len(groups)) != stated {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("%d groups are independent, and %s are stated", len(groups), plain(stated))
		if len(causes) > 0 {
			f.why += "; only " + and(causes) + " speaks of the cause"
		}
	}
	return []finding{f}
}
