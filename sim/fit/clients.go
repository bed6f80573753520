package fit

import (
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim/pipeline"
)

// clients are who comes.
func (m *model) clients() {
	follower, leader := m.r.follower()
	if follower != nil && !m.v.follow {
		m.unknown = append(m.unknown, fmt.Sprintf("whether %s follows each success of %s: it stopped with them, and is given the rate that it had", follower.Endpoint, leader.Endpoint))
	}
	for _, e := range m.r.endpoints {
		if m.v.follow && e == follower {
			continue
		}
		c := pipeline.Client{Name: e.Endpoint.String(), Requests: []string{m.root + "." + e.name}}
		at := "clients." + c.Name
		if m.v.follow && e == leader {
			c.Requests = append(c.Requests, m.root+"."+follower.name)
			m.note(at, "%s follows each of these that is answered well: it came %s times, after %s successes, and not at all while none succeeded",
				follower.Endpoint, whole(follower.total), whole(leader.total-leader.bad))
		}
		parts := segmentsOf(e.started, m.r.cuts(e))
		c.Rate = rateOf(parts)
		m.note(at+".rate", "%s in %s", things(e.total, "request", "requests"), things(float64(len(parts)), "stretch of one rate", "stretches of one rate each"))
		m.p.Clients = append(m.p.Clients, c)
	}
}

// cuts are the seconds at which the trouble begins and ends, none close to another: those
// of the requests that failed first, for how many these are is what must be right.
func (r *recording) cuts(e *endpoint) (cuts []int) {
	add := func(at time.Time) {
		s := r.second(at)
		if !slices.ContainsFunc(cuts, func(c int) bool { return max(c-s, s-c) < leastSegment/2 }) {
			cuts = append(cuts, s)
		}
	}
	for _, w := range []incident.Window{e.wrong, r.fault.Window, r.a.Impact} {
		if w.Length() > 0 {
			add(w.From)
			add(w.To)
		}
	}
	return cuts
}

func (r *recording) second(at time.Time) int {
	return min(max(0, int((at.Sub(r.window.From)+time.Second/2)/time.Second)), len(r.known))
}

// follower is an endpoint whose requests stopped with the successes of another, as
// many as these; nil where there is none.
func (r *recording) follower() (follower, leader *endpoint) {
	for _, e := range r.endpoints {
		if !e.Vanished && e.Effect != incident.Starved {
			continue
		}
		for _, of := range r.endpoints {
			well := of.total - of.bad
			if of != e && of.failing() && well > 0 && e.total >= 0.97*well && e.total <= 1.03*well {
				return e, of
			}
		}
	}
	return nil, nil
}
