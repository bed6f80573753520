package claims

import (
	"cmp"
	"fmt"
	"slices"
)

// checkBounds is rule 6: one call has one end, and what ended it has a name.
func checkBounds(s *scope) []finding {
	var found []finding
	o := s.claim.Operands
	if list := s.bounds(); len(list) > 1 {
		found = append(found, s.oneEnd(list))
	}
	if n, ok := o.Numbers("stated_max_s", "cause_length_s"); ok {
		uncapped, _ := o.On("uncapped")
		f := finding{verdict: Consistent, why: "no call is held longer than what holds it"}
		switch {
		case uncapped && n[1] > n[0]:
			f.verdict = Inconsistent
			f.parts = []string{fmt.Sprintf("%s - %s = %s s", plain(n[1]), plain(n[0]), plain(n[1]-n[0]))}
			f.why = fmt.Sprintf("a call without a limit would show up to %s s", plain(n[1]))
		default:
			f.parts = []string{compare(n[0], n[1])}
		}
		found = append(found, f)
	}
	return found
}

// bound is a time after which a call ends; unbounded is never.
type bound struct {
	never bool
	value float64
	layer string
}

func (b bound) String() string {
	if b.never {
		return "no end"
	}
	return plain(b.value) + " s"
}

func (s *scope) bounds() []bound {
	var list []bound
	for _, o := range s.claim.Operands.Objects("bounds") {
		b := bound{layer: o.Text("layer")}
		b.never, _ = o.On("unbounded")
		v, ok := o.Number("value_s")
		if b.value = v; !ok && !b.never {
			continue
		}
		list = append(list, b)
	}
	return list
}

func (s *scope) oneEnd(list []bound) finding {
	first, last := slices.MinFunc(list, compareBounds), slices.MaxFunc(list, compareBounds)
	layers := map[string]bool{}
	for _, b := range list {
		if b.layer != "" {
			layers[b.layer] = true
		}
	}
	apart := s.claim.Operands.Text("relation") == "different_layers" && len(layers) == len(list)
	f := finding{verdict: Consistent, parts: []string{first.String() + " < " + last.String()}}
	switch {
	case compareBounds(first, last) == 0:
		f.parts, f.why = []string{first.String() + " = " + last.String()}, "one end"
	case apart:
		f.why = "each layer has its own bound, and each is named"
		for _, c := range s.linked() {
			if n, ok := c.Operands.Numbers("tries", "per_try_s"); ok && n[1] == first.value {
				f.parts = []string{fmt.Sprintf("%s * %s = %s s", plain(n[0]), plain(n[1]), plain(n[0]*n[1]))}
			}
		}
	default:
		f.verdict, f.why = Inconsistent, "one call has one end; who closed it and with which status is not said"
	}
	return f
}

func compareBounds(a, b bound) int {
	switch {
	case a.never && b.never:
		return 0
	case a.never:
		return 1
	case b.never:
		return -1
	}
	return cmp.Compare(a.value, b.value)
}
