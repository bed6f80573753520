package claims

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkStatus is rule 10: 502, 503, 504 and "timed out" say different things.
func checkStatus(s *scope) []finding {
	o := s.claim.Operands
	codes := map[int]bool{}
	for _, c := range o.Objects("claims") {
		if n, ok := c.Number("status"); ok {
			codes[int(n)] = true
		} else if code, ok := statusWords[strings.ToLower(c.Text("words"))]; ok {
			codes[code] = true
		}
	}
	if n, ok := o.Number("status"); ok {
		codes[int(n)] = true
	}
	switch len(codes) {
	case 0:
		return nil
	case 1:
		return []finding{{Consistent, []string{"1 status"}, "one answer has one status; its cause and its wording are named as such", nil}}
	}
	var words []string
	for _, c := range slices.Sorted(maps.Keys(codes)) {
		words = append(words, plain(float64(c)))
	}
	return []finding{{
		Inconsistent,
		[]string{fmt.Sprintf("%d statuses for 1 answer", len(codes))},
		and(words) + " say different things: the log must pick one", nil,
	}}
}

// statusWords is what words about an answer say of its status (RFC 9110, 15.6).
var statusWords = map[string]int{
	"timed out": 504, "gateway timeout": 504, "timeout": 504,
	"bad gateway": 502, "reset": 502,
	"temporarily unavailable": 503, "service unavailable": 503, "unavailable": 503,
}
