package claims

import (
	"fmt"
)

// checkRates is rule 5: one stream that is counted twice has one rate.
func checkRates(s *scope) []finding {
	var found []finding
	o := s.claim.Operands
	if f, ok := s.streams(); ok {
		found = append(found, f)
	}
	if n, ok := o.Numbers("count", "window_s", "stated_rate_per_s"); ok && n[1] > 0 {
		rate := n[0] / n[1]
		f := finding{Consistent, []string{fmt.Sprintf("%s / %s = %s", plain(n[0]), plain(n[1]), short(rate))}, "one stream, one rate", nil}
		if !same(rate, n[2]) {
			f.verdict, f.why = Inconsistent, fmt.Sprintf("that is %s/s, and %s/s are stated", short(rate), plain(n[2]))
		}
		found = append(found, f)
	}
	if least, ok := o.Number("stated_min"); ok {
		found = append(found, s.atLeast(least)...)
	}
	if n, ok := o.Numbers("rate_per_s", "window_s", "stated_max"); ok {
		count := n[0] * n[1]
		f := finding{
			NeedsEvidence,
			[]string{fmt.Sprintf("%s * %s = %s", plain(n[0]), plain(n[1]), short(count)), compare(count, n[2])},
			"an upper bound: the figure itself needs a run",
			[]string{"a simulation of the remedy, or a night with it"},
		}
		if count >= n[2] {
			f.verdict, f.why, f.needs = Inconsistent, "the rate alone gives as many", nil
		}
		found = append(found, f)
	}
	return found
}

type observation struct {
	count, window, rate float64
	counted             bool
}

func (s *scope) observations() []observation {
	var list []observation
	for _, o := range s.claim.Operands.Objects("observations") {
		x := observation{}
		if n, ok := o.Numbers("count", "window_s"); ok && n[1] > 0 {
			x = observation{n[0], n[1], n[0] / n[1], true}
		} else if x.rate, ok = o.Number("rate_per_s"); !ok {
			continue
		}
		if x.rate > 0 {
			list = append(list, x)
		}
	}
	return list
}

// streams compares the slowest and the fastest count of what is said to be one
// stream.
func (s *scope) streams() (finding, bool) {
	list := s.observations()
	if len(list) < 2 {
		return finding{}, false
	}
	f := finding{verdict: Consistent, why: "the counts agree"}
	slow, fast := list[0], list[0]
	for _, x := range list {
		if x.rate < slow.rate {
			slow = x
		}
		if x.rate > fast.rate {
			fast = x
		}
		if x.counted {
			f.parts = append(f.parts, fmt.Sprintf("%s / %s = %s", plain(x.count), plain(x.window), short(x.rate)))
		}
	}
	tolerance, ok := s.claim.Operands.Number("tolerance_ratio")
	if !ok || tolerance < 1 {
		tolerance = 1.1
	}
	ratio := fast.rate / slow.rate
	precision := 3
	if ratio < tolerance {
		precision = 4 // what is next to 1 has its difference in the last digits
	}
	f.parts = append(f.parts, fmt.Sprintf("%s / %s = %s", digits(fast.rate, 4), digits(slow.rate, 4), digits(ratio, precision)))
	if ratio <= tolerance {
		return f, true
	}
	f.verdict, f.why = Inconsistent, fmt.Sprintf("one stream counted twice differs by a factor of %s", digits(ratio, 3))
	if slow.counted { // what each rate would make of the other's count
		f.parts = append(f.parts, fmt.Sprintf("%s * %s = %s", digits(fast.rate, 5), plain(slow.window), short(fast.rate*slow.window)))
	}
	if fast.counted {
		f.parts = append(f.parts, fmt.Sprintf("%s / %s = %s", plain(fast.count), digits(slow.rate, 4), short(fast.count/slow.rate)))
	}
	return f, true
}

// atLeast holds a least count against a rate and how long it lasts.
func (s *scope) atLeast(least float64) []finding {
	o := s.claim.Operands
	rate, ok := o.Number("rate_per_s")
	if !ok || rate == 0 {
		return nil
	}
	f := finding{parts: []string{fmt.Sprintf("%s / %s = %s s", plain(least), plain(rate), short(least/rate))}}
	window, lasts := o.Number("window_s")
	switch forecast, _ := o.On("forecast"); {
	case lasts:
		f.verdict, f.why = Consistent, "the rate gives as many in that time"
		if rate*window < least {
			f.verdict, f.why = Inconsistent, fmt.Sprintf("in %s s the rate gives %s", plain(window), short(rate*window))
		}
	case forecast:
		f.verdict, f.why = NotCheckable, fmt.Sprintf("a forecast without a length; at that rate it takes %s min", short(least/rate/60))
	default:
		f.verdict, f.why, f.needs = NeedsEvidence, "how long it lasts is not stated", []string{"the count, or how long it lasts"}
	}
	return []finding{f}
}
