package trap

import (
	"fmt"
	"time"

	"tripcurve/sim"
)

// leastBegun is how many checkouts must have begun for none served to mean anything.
const leastBegun = 10

// deadlineBelow is a time limit shorter than what a call takes while the callee is
// slow: each is ended shortly before its answer, nothing is served as long as that
// lasts, and a breaker's probes fail with the rest.
func deadlineBelow(n *night) *Trap {
	limit := n.limit(reserve)
	if limit == 0 {
		return nil
	}
	for _, f := range n.sc.Faults {
		slow, ok := f.(sim.SlowReserve)
		if !ok || slow.By < limit {
			continue
		}
		w := n.whileSlow(slow, limit)
		if w.served > 0 || w.begun < leastBegun {
			continue
		}
		t := &Trap{
			ID: "deadline_below_service", Edge: reserve, At: n.Start.Add(slow.At),
			Text: fmt.Sprintf("every reservation took at least %s, and %s gives up after %s: of %s begun in the %s of it none was served, though inventory answered all the while",
				whole(slow.By), reserve, whole(limit), things(w.begun, "checkout"), whole(slow.For)),
			Why:    "a limit set from healthy times turns slow into down; the work is done or cancelled for nothing, and no probe of a breaker can succeed",
			Change: reserve + ".deadline=" + (slow.By * 2).String(),
			Way:    "set the limit from what the callee takes on a bad day, and shed load by a bound on calls in flight instead",
		}
		if again := n.reopened(n.Start.Add(slow.At), n.Start.Add(slow.At+slow.For)); again > 0 {
			t.Text += fmt.Sprintf("; the breaker's probes failed %s", times(again))
		}
		return t
	}
	return nil
}

// spanCounts are checkouts of a stretch of the run.
type spanCounts struct{ begun, served int }

// whileSlow counts the checkouts that began while the callee was slow and had time to
// be answered in it.
func (n *night) whileSlow(slow sim.SlowReserve, limit time.Duration) (w spanCounts) {
	from, to := n.Start.Add(slow.At+limit), n.Start.Add(slow.At+slow.For)
	for i := n.second(from); i < n.second(to); i++ {
		w.begun += n.Started[i]
		w.served += n.Served[i] + n.Late[i]
	}
	return w
}

// reopened counts the probes that failed from one instant to another.
func (n *night) reopened(from, to time.Time) (failed int) {
	for _, b := range n.Breakers {
		if b.Edge != reserve {
			continue
		}
		for _, s := range spells(b) {
			if s.again && !s.probe.Before(from) && s.probe.Before(to) {
				failed++
			}
		}
	}
	return failed
}
