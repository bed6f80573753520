package claims

import (
	"fmt"
	"slices"
)

// checkOrder is rule 3: an effect begins after its cause, by the least time that
// its mechanism takes.
func checkOrder(s *scope) []finding {
	var found []finding
	o := s.claim.Operands
	_, ok1 := o.At("cause_at")
	_, ok2 := o.At("effect_at")
	if ok1 && ok2 {
		found = append(found, s.follows())
	}
	if first, then := o.Text("first"), o.Text("then"); first != "" && then != "" {
		found = append(found, s.steps(first, then))
	}
	return found
}

func (s *scope) follows() finding {
	o := s.claim.Operands
	cause, _ := o.At("cause_at")
	effect, _ := o.At("effect_at")
	delay, hasDelay := o.Number("min_delay_s")
	f := finding{verdict: Consistent, why: "the effect comes when its mechanism lets it"}
	if !hasDelay {
		f.parts = []string{s.between(Interval{cause, effect})}
		f.why = "the effect follows the cause"
		if effect.Before(cause) {
			f.parts = []string{s.between(Interval{effect, cause})}
			f.verdict, f.why = Inconsistent, "the effect comes before its cause"
		}
		return f
	}
	part, earliest := s.later(cause, delay)
	f.parts = []string{part}
	if delay == 0 {
		f.parts = []string{s.between(Interval{cause, effect})}
	}
	if alternative, ok := o.Number("alternative_delay_s"); ok {
		part, other := s.later(cause, alternative)
		f.parts = append(f.parts, part)
		if other.Before(earliest) {
			earliest = other
		}
	}
	_, stampedApart := o.At("stamped_at")
	started := o.Text("stamp") == "start" && !stampedApart // effect_at is when it was asked for, not when it came
	before, bounded := o.At("before")
	if bounded {
		f.parts = append(f.parts, s.between(Interval{effect, before}))
	}
	switch {
	case started && !effect.Before(cause):
		f.why = "the log stamps when a request began, and its answer came later"
	case effect.Before(earliest):
		f.verdict, f.why = Inconsistent, fmt.Sprintf("before %s nothing can have given up", s.clock(earliest))
	case bounded && !effect.Before(before):
		f.verdict, f.why = Inconsistent, "it does not come before "+s.clock(before)
	case bounded:
		f.verdict, f.why, f.needs = NeedsEvidence, "the times fit; that it took place is not shown", []string{"a trace of the event itself"}
	case delay == 0 && cause.Equal(effect):
		f.verdict, f.why, f.needs = NeedsEvidence, "two things at one instant: that one made the other is not shown", []string{"the change and the first success after it"}
	}
	return f
}

// checkoutSteps are what the checkout of the bundled pipeline does, in order.
var checkoutSteps = []string{"cart.validate", "inventory.reserve", "payment.createIntent"}

// steps holds an order of two steps against the code's.
func (s *scope) steps(first, then string) finding {
	code := s.claim.Operands.Texts("steps")
	if len(code) == 0 {
		code = checkoutSteps
	}
	i, j := slices.Index(code, first)+1, slices.Index(code, then)+1
	switch {
	case i == 0 || j == 0:
		return finding{NeedsEvidence, nil, "the order of these steps in the code is not stated", []string{"the steps in their order"}}
	case i < j:
		return finding{Consistent, []string{fmt.Sprintf("step %d before step %d", i, j)}, "in the code the one follows the success of the other", nil}
	}
	return finding{Inconsistent, []string{fmt.Sprintf("step %d after step %d", i, j)}, "in the code it is the other way round", nil}
}
