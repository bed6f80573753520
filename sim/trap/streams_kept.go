package trap

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
)

// leastSpell is for how long a breaker must be open before calls that are open all
// the while count as kept: what is only about to end is gone sooner.
const leastSpell = 5 * time.Second

// streamsKept is a breaker whose abandoned calls are not cancelled: it protects the
// caller, and they go on holding streams, sessions and locks of the callee; where they
// hold every stream, no probe gets through and the breaker never closes.
func streamsKept(n *night) *Trap {
	var tracks [][]spell
	for _, b := range n.Breakers {
		p := n.policyOf(b.Edge, b.Replica)
		if b.Edge != reserve {
			continue
		}
		if p.Cancel != policy.Detach || p.Deadline > 0 {
			return nil // on some replicas at least they are cancelled, and the series has all
		}
		tracks = append(tracks, spells(b))
	}
	if len(tracks) == 0 {
		return nil
	}
	kept, at := 0, time.Time{}
	for _, s := range tracks[0] {
		from, to := s.open, s.probe
		for _, others := range tracks[1:] { // all of them open at once
			from, to = overlap(from, to, others)
		}
		if to.Sub(from) < leastSpell {
			continue
		}
		least := n.StreamsInUse[n.second(from)+1]
		for _, v := range n.StreamsInUse[n.second(from)+1 : n.second(to)] {
			least = min(least, v)
		}
		if least > kept {
			kept, at = least, s.open
		}
	}
	if kept == 0 {
		return nil
	}
	w := n.sc.World
	text := fmt.Sprintf("the breaker of %s gave up %s, which went on all the while it was open (most of them from %s): each has a stream", reserve, things(kept, "call"), clock(at))
	all := w.StreamQuota * w.Replicas() * w.Inventories()
	switch {
	case all > 0 && kept >= all:
		text += fmt.Sprintf(", and those were all %d: a probe has none to go on, and fails", all)
	case all > 0:
		text += fmt.Sprintf(" of %d", all)
	}
	if n.Orphans > 0 {
		text += fmt.Sprintf("; %s that no order names %s left behind", things(n.Orphans, "reservation"), wasWere(n.Orphans))
	}
	return &Trap{
		ID: "streams_kept", Edge: reserve, At: at, Text: text,
		Why:    "a breaker's own time limit ends the caller's wait and not the call; every probe into a hang adds one more",
		Change: reserve + ".cancel=propagate",
		Way:    "cancel what is given up, or give every call a deadline, which also ends the work below it",
	}
}

// overlap is what an interval shares with the spell that shares most of it.
func overlap(from, to time.Time, list []spell) (time.Time, time.Time) {
	var a, b time.Time
	for _, s := range list {
		f, t := from, to
		if s.open.After(f) {
			f = s.open
		}
		if s.probe.Before(t) {
			t = s.probe
		}
		if t.Sub(f) > b.Sub(a) {
			a, b = f, t
		}
	}
	return a, b
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
