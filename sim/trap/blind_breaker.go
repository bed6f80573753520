package trap

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

const (
	leastHung = 10          // calls at a time; fewer may be long by chance
	hungFor   = time.Minute // without a moment in which none was open
)

// blindBreaker is a breaker on calls that nothing ends: what hangs has no outcome, and
// a breaker that counts outcomes sees nothing.
func blindBreaker(n *night) *Trap {
	p := n.sc.Edges[reserve]
	built, err := library.New(p.Breaker, n.Start)
	if err != nil || built.Breaker == nil || policy.Shortest(n.limit(reserve), built.TotalTimeout) > 0 {
		return nil
	}
	for _, b := range n.Breakers {
		if b.Edge == reserve {
			return nil // it has seen something
		}
	}
	from, most := n.hung()
	if most == 0 {
		return nil
	}
	return &Trap{
		ID: "blind_breaker", Edge: reserve, At: n.Start.Add(time.Duration(from) * time.Second),
		Text: fmt.Sprintf("calls of %s hung from %s, %d at a time, and its breaker (%s) never opened: nothing ends a call, so that none failed",
			reserve, clock(n.Start.Add(time.Duration(from)*time.Second)), most, p.Breaker.Library),
		Why:    "this library keeps no time limit of its own, and the edge has none: a breaker counts what ended",
		Change: reserve + ".deadline=5s",
		Way:    "a deadline on every call under the breaker",
	}
}

// hung is the first stretch in which calls were open all the time for as long as
// hungFor and leastHung of them at once: its first second and the most.
func (n *night) hung() (from, most int) {
	start, high := -1, 0
	for i, open := range n.StreamsInUse {
		if open == 0 {
			if high >= leastHung && time.Duration(i-start)*time.Second >= hungFor {
				return start, high
			}
			start, high = -1, 0
			continue
		}
		if start < 0 {
			start = i
		}
		high = max(high, open)
	}
	if start >= 0 && high >= leastHung && time.Duration(len(n.StreamsInUse)-start)*time.Second >= hungFor {
		return start, high
	}
	return 0, 0
}
