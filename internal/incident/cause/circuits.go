package cause

import (
	"time"

	"tripcurve/internal/incident"
)

// Circuit is a breaker as its counters of transitions show it.
type Circuit struct {
	Edge    string
	Seen    incident.Window // from the first sample of its counters to the last
	Changes []CircuitChange // in order of time
	Support []incident.ID
}

// CircuitChange is a transition that was first seen at an instant.
type CircuitChange struct {
	At    time.Time
	State string // open, half_open, close
}

// Circuits are the breakers that the evidence has counters of.
func Circuits(v *incident.View) []Circuit {
	var out []Circuit
	for _, c := range (&scene{v: v}).circuits() {
		x := Circuit{Edge: c.edge, Support: c.support}
		for _, id := range c.support {
			f, _ := v.Get(id)
			s, ok := f.(incident.Series)
			if !ok || len(s.Points) == 0 {
				continue
			}
			if first := s.Points[0].At; x.Seen.From.IsZero() || first.Before(x.Seen.From) {
				x.Seen.From = first
			}
			x.Seen.To = incident.LaterOf(x.Seen.To, s.Points[len(s.Points)-1].At)
		}
		for _, m := range c.moves {
			x.Changes = append(x.Changes, CircuitChange{m.at, m.to})
		}
		out = append(out, x)
	}
	return out
}
