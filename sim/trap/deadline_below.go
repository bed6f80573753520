package trap

import (
	"fmt"
	"time"

	"tripcurve/sim"
)

const (
	// leastBegun is how many checkouts must have begun for few served to mean anything.
	leastBegun = 10
	// fewServed: at most one in so many; times are drawn, and one may be short.
	fewServed = 50
)

// deadlineBelow is a time limit shorter than what a call takes while the callee is
// slow: each is ended shortly before its answer, nothing is served as long as that
// lasts, and a breaker's probes fail with the rest.
func deadlineBelow(n *night) *Trap {
	limit := n.limit(reserve)
	if limit == 0 {
		return nil
	}
	for _, slow := range n.badDays() {
		if slow.takes < limit {
			continue
		}
		w := n.whileSlow(slow, limit)
		if w.begun < leastBegun || fewServed*w.served > w.begun {
			continue
		}
		t := &Trap{
			ID: "deadline_below_service", Edge: reserve, At: n.Start.Add(slow.at),
			Text: fmt.Sprintf("a reservation took %s or more, and %s gives up after %s: of %s begun in the %s of it %s, though inventory answered all the while",
				whole(slow.takes), reserve, whole(limit), things(w.begun, "checkout"), whole(slow.to-slow.at), served(w.served)),
			Why:    "a limit set from healthy times turns slow into down; the work is done or cancelled for nothing, and no probe of a breaker can succeed",
			Change: reserve + ".deadline=" + (slow.takes * 2).Round(time.Second).String(),
			Way:    "set the limit from what the callee takes on a bad day, and shed load by a bound on calls in flight instead",
		}
		if again := n.reopened(n.Start.Add(slow.at), n.Start.Add(slow.to)); again > 0 {
			t.Text += fmt.Sprintf("; the breaker's probes failed %s", times(again))
		}
		return t
	}
	return nil
}

// badDay is a stretch of the run in which a reservation takes so long, as a rule.
type badDay struct{ at, to, takes time.Duration }

// statements is how many a reservation of one article has: a select, an update and
// the commit.
const statements = 3

// badDays are the stretches in which the scenario makes inventory slow and not dead.
func (n *night) badDays() (days []badDay) {
	for _, f := range n.sc.Faults {
		from, to := f.Span(n.sc.Length)
		switch f := f.(type) {
		case sim.SlowReserve:
			days = append(days, badDay{from, to, f.By})
		case sim.SlowService:
			if f.Service == "inventory" && f.Replica == 0 {
				days = append(days, badDay{from, to, time.Duration(f.Factor * statements * float64(n.sc.World.StatementTime))})
			}
		}
	}
	return days
}

// spanCounts are checkouts of a stretch of the run.
type spanCounts struct{ begun, served int }

// whileSlow counts the checkouts that began while the callee was slow and had time to
// be answered in it.
func (n *night) whileSlow(slow badDay, limit time.Duration) (w spanCounts) {
	from, to := n.Start.Add(slow.at+limit), n.Start.Add(slow.to)
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

func served(n int) string {
	if n == 0 {
		return "none was served"
	}
	return fmt.Sprint(n, " ", wasWere(n)) + " served"
}
