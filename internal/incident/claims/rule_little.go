package claims

import (
	"fmt"
	"math"
	"strings"
)

// checkLittle is rule 4: in flight is the rate of arrivals times the time that
// each is held.
func checkLittle(s *scope) []finding {
	var found []finding
	for _, f := range []func(*scope) (finding, bool){inFlight, attempts, probes, exhausted, filled} {
		if r, ok := f(s); ok {
			found = append(found, r)
		}
	}
	return found
}

// inFlight holds rate times hold against the capacity.
func inFlight(s *scope) (finding, bool) {
	o := s.claim.Operands
	n, ok := o.Numbers("rate_per_s", "hold_s", "capacity")
	if !ok {
		return finding{}, false
	}
	rate, hold, capacity := n[0], n[1], n[2]
	factors := []string{plain(rate)}
	if tries, ok := o.Number("tries"); ok {
		rate *= tries
		factors = append(factors, plain(tries))
	}
	held := rate * hold
	f := finding{verdict: Consistent, parts: []string{strings.Join(append(factors, plain(hold)), " * ") + " = " + short(held)}}
	if fill, ok := o.Number("fill_s"); ok {
		switch {
		case hold >= fill && (same(capacity/rate, fill) || math.Abs(capacity/rate-fill) < 1):
			f.why = "no call ends before it is full"
		case held >= capacity:
			f.verdict = Inconsistent
			f.parts = append(f.parts, fmt.Sprintf("%s / %s = %s", plain(capacity), plain(rate), short(capacity/rate)))
			f.why = fmt.Sprintf("it is full after %s s, and %s s are stated", short(capacity/rate), plain(fill))
		default:
			f.verdict = Inconsistent
			f.parts = append(f.parts, fmt.Sprintf("%s / %s = %s", plain(capacity), plain(hold), short(capacity/hold)))
			f.why = fmt.Sprintf("%s in flight never fill %s; with %s/s it is full after %s s or never", short(held), plain(capacity), short(capacity/hold), plain(hold))
		}
		return f, true
	}
	f.parts = append(f.parts, compare(held, capacity))
	full := held >= capacity
	switch claimed := o.Text("claimed"); {
	case claimed == "not_full" && full:
		f.verdict, f.why = Inconsistent, "as many are in flight as there are places"
	case claimed == "full" && !full:
		f.verdict, f.why = Inconsistent, "fewer are in flight than there are places"
	case full:
		f.why = "the places are taken"
	default:
		f.why = "in flight stays below the places there are"
	}
	return f, true
}

// filled holds a capacity and the time in which it was filled against each other.
func filled(s *scope) (finding, bool) {
	o := s.claim.Operands
	n, ok := o.Numbers("capacity", "fill_s")
	if _, held := o.Number("hold_s"); !ok || held || n[1] == 0 {
		return finding{}, false
	}
	rate := n[0] / n[1]
	f := finding{verdict: Consistent, parts: []string{fmt.Sprintf("%s / %s = %s calls/s", plain(n[0]), plain(n[1]), short(rate))}}
	f.why = fmt.Sprintf("possible alone when no call ends in the first %s s", plain(n[1]))
	if implied, ok := o.Number("implied_rate_per_s"); ok && !same(rate, implied) {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("that is %s/s, and %s/s are stated", short(rate), plain(implied))
	}
	if least, ok := o.Number("needs_hold_at_least_s"); ok && least < n[1] {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("calls held for %s s are gone before it is full", plain(least))
	}
	return f, true
}

// attempts counts the tries of one stream that have begun by an instant.
func attempts(s *scope) (finding, bool) {
	o := s.claim.Operands
	n, ok := o.Numbers("rate_per_s", "at_s", "stated_calls")
	offsets := o.List("try_offsets_s")
	if !ok || len(offsets) == 0 {
		return finding{}, false
	}
	sum := 0.0
	var terms []string
	for _, v := range offsets {
		t := max(0, n[1]-v.Number)
		sum += t
		terms = append(terms, plain(t))
	}
	calls := n[0] * sum
	f := finding{
		Consistent,
		[]string{fmt.Sprintf("%s * (%s) = %s", plain(n[0]), strings.Join(terms, " + "), plain(math.Round(calls)))},
		"the tries of one stream give as many calls", nil,
	}
	if math.Abs(calls-n[2]) > max(1, n[2]/50) {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("%s calls have begun, and %s are stated", short(calls), plain(n[2]))
	}
	return f, true
}

// exhausted is when the tries of a linked claim fill a capacity, held against the
// instant that this one states for it.
func exhausted(s *scope) (finding, bool) {
	o := s.claim.Operands
	capacity, ok := o.Number("capacity")
	cause, ok1 := o.At("cause_at")
	effect, ok2 := o.At("effect_at")
	if !ok || !ok1 || !ok2 {
		return finding{}, false
	}
	for _, c := range s.linked() {
		rate, ok := c.Operands.Number("rate_per_s")
		offsets := c.Operands.List("try_offsets_s")
		if !ok || rate == 0 || len(offsets) == 0 {
			continue
		}
		sum := 0.0
		for _, v := range offsets {
			sum += v.Number
		}
		tries := float64(len(offsets))
		after := (capacity/rate + sum) / tries
		f := finding{
			Consistent,
			[]string{fmt.Sprintf("(%s / %s + %s) / %s = %s", plain(capacity), plain(rate), plain(sum), plain(tries), short(after))},
			"the tries fill it in that time when none ends", nil,
		}
		if stated := effect.Sub(cause).Seconds(); math.Abs(after-stated) > max(2, stated/20) {
			f.verdict, f.why = Inconsistent, fmt.Sprintf("the tries fill it after %s s, and %s s are stated", short(after), plain(stated))
		}
		return f, true
	}
	return finding{}, false
}

// probes counts the half-open probes of one breaker while a dependency hangs.
func probes(s *scope) (finding, bool) {
	o := s.claim.Operands
	n, ok := o.Numbers("timeout_s", "reset_s", "lock_s", "opens_at_s", "claimed_failed_probes")
	if !ok || n[0]+n[1] <= 0 {
		return finding{}, false
	}
	timeout, reset, lock, opens, claimed := n[0], n[1], n[2], n[3], n[4]
	cycle := reset + timeout
	f := finding{verdict: Consistent, parts: []string{
		fmt.Sprintf("%s + %s = %s s", plain(reset), plain(timeout), plain(cycle)),
		fmt.Sprintf("%s / %s = %s", plain(lock), plain(cycle), short(lock/cycle)),
	}}
	start := func(probe float64) float64 { return opens + reset + (probe-1)*cycle }
	for _, probe := range []float64{claimed, claimed + 1} {
		f.parts = append(f.parts, fmt.Sprintf("%s + %s + %s * %s = %s", plain(opens), plain(reset), plain(probe-1), plain(cycle), plain(start(probe))))
	}
	// A probe fails when it would still hang at its timeout.
	fails := func(probe float64) bool { return probe >= 1 && start(probe)+timeout <= lock }
	f.why = fmt.Sprintf("probe %s begins %s s into the lock, and the next one would begin after its end", plain(claimed), plain(start(claimed)))
	if claimed > 0 && !fails(claimed) || fails(claimed+1) {
		failing := max(0, math.Floor((lock-timeout-opens-reset)/cycle)+1)
		f.verdict, f.why = Inconsistent, fmt.Sprintf("%s probes fail, and %s are stated", plain(failing), plain(claimed))
	}
	if stated, ok := o.Number("cycle_s"); ok && !same(stated, cycle) {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("a cycle is %s s, and %s s are stated", plain(cycle), plain(stated))
	}
	return f, true
}
