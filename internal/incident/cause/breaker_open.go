package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// breakerRule names breakers that stay open, or open and close again and again.
const breakerRule = "breaker_open"

const (
	stuckAfter  = time.Minute     // a breaker that is open so long after the trigger has gone
	stuckFor    = 5 * time.Minute // or so long where no trigger is known
	flaps       = 3               // openings, with a closing between any two
	circuitName = "circuit_"      // circuit.<edge>.open, or circuit_<edge>_open_total
)

// circuit is one breaker as its counters of transitions show it.
type circuit struct {
	edge    string
	support []incident.ID
	moves   []move // in order of time
	rejects *incident.Series
}

// move is an increase of one of the counters: how often it went to that state.
type move struct {
	at time.Time
	to string // open, half_open, close
	n  float64
}

// circuits are the breakers that the evidence has counters of.
func (s *scene) circuits() []*circuit {
	byKey := map[string]*circuit{}
	var all []*circuit
	for _, x := range s.v.AllSeries() {
		edge, what, ok := circuitOf(x.Name)
		if !ok || x.Kind != incident.Counter {
			continue
		}
		key := x.Origin.Key() + "\x00" + edge + "\x00" + fmt.Sprint(x.Labels) // fmt prints maps in order
		c := byKey[key]
		if c == nil {
			c = &circuit{edge: edge}
			byKey[key] = c
			all = append(all, c)
		}
		c.support = append(c.support, x.ID())
		if what == "reject" {
			c.rejects = x
			continue
		}
		for i, p := range x.Points {
			if i > 0 && p.V > x.Points[i-1].V {
				c.moves = append(c.moves, move{p.At, what, p.V - x.Points[i-1].V})
			}
		}
	}
	// In one scrape interval a breaker that was closed opens before it closes.
	order := map[string]int{"open": 0, "half_open": 1, "close": 2}
	for _, c := range all {
		slices.SortStableFunc(c.moves, func(a, b move) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(order[a.to], order[b.to])) })
	}
	return all
}

// circuitOf takes the name of a breaker's counter apart.
func circuitOf(name string) (edge, what string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(strings.ReplaceAll(name, ".", "_"), "_total"), circuitName)
	if !ok {
		return "", "", false
	}
	for _, what := range []string{"half_open", "open", "close", "reject"} {
		if edge, ok := strings.CutSuffix(rest, "_"+what); ok && edge != "" {
			return edge, what, true
		}
	}
	return "", "", false
}

// open are the times in which it was not closed, until the end of the evidence where
// it never closed.
func (c *circuit) open(end time.Time) (list []incident.Window) {
	var from time.Time
	for _, m := range c.moves {
		switch {
		case m.to == "open" && from.IsZero():
			from = m.at
		case m.to == "close" && !from.IsZero():
			list = append(list, incident.Window{From: from, To: m.at})
			from = time.Time{}
		}
	}
	if !from.IsZero() {
		list = append(list, incident.Window{From: from, To: end})
	}
	return list
}

// count is how often it went to a state in a window.
func (c *circuit) count(to string, w incident.Window) (n float64) {
	for _, m := range c.moves {
		if m.to == to && w.Has(m.at) {
			n += m.n
		}
	}
	return n
}

// rejected is how many calls it rejected in a window.
func (c *circuit) rejected(w incident.Window) float64 {
	if c.rejects == nil {
		return 0
	}
	var first, last float64
	for _, p := range c.rejects.Points {
		if !p.At.After(w.From) {
			first = p.V
		}
		if !p.At.After(w.To) {
			last = p.V
		}
	}
	return max(0, last-first)
}

// breakersOpen are the breakers that outlast what they guard against, or flap.
func (s *scene) breakersOpen() []incident.Finding {
	if s.impact == (incident.Window{}) {
		return nil
	}
	all := s.circuits()
	if len(all) == 0 {
		s.undecided(breakerRule, "no source counts what breakers do (circuit.<name>.open, half_open, close, reject)")
		return nil
	}
	var findings []incident.Finding
	var quiet []incident.ID
	for _, c := range all {
		if f, ok := s.breakerOpen(c); ok {
			findings = append(findings, f)
		} else {
			quiet = append(quiet, c.support...)
		}
	}
	if len(findings) == 0 {
		s.innocent(breakerRule, fmt.Sprintf("%s: none flapped or was open for long after the trigger", things(len(all), "breaker", "breakers")), quiet...)
	}
	return findings
}

func (s *scene) breakerOpen(c *circuit) (incident.Finding, bool) {
	f := incident.Finding{
		ID: subject(breakerRule, c.edge), Role: incident.Amplifier, Cause: breakerRule, Confidence: incident.Possible,
		Subject: incident.Subject{Edge: c.edge}, Support: c.support,
	}
	opens, closes := c.count("open", s.closeUp), c.count("close", s.closeUp)
	for _, w := range c.open(s.v.Window.To) {
		after, least, since := w, stuckFor, "it opened"
		if root := s.trigger(); root != nil && !root.open {
			after.From, least, since = incident.LaterOf(w.From, root.end()), stuckAfter, "the lock was gone"
		}
		if w.Meet(s.closeUp).Length() == 0 || after.Length() < least || c.rejected(after) == 0 {
			continue
		}
		f.Window = w
		f.Claim = fmt.Sprintf("the breaker of %s stayed open from %s to %s, %s after %s, and rejected %s then",
			c.edge, clock(w.From), till(w.To), whole(after.Length()), since, things(int64(c.rejected(after)), "call", "calls"))
		f.Detail = append(f.Detail, fmt.Sprintf("its probes went out %s and none closed it before", things(int64(c.count("half_open", w)), "time", "times")))
		f.Action = "look at what its probe meets (a dead connection, a timeout shorter than the callee takes), and close it by hand"
		f.Detail = append(f.Detail, s.counterfactual(f.ID, "without the breaker"))
		s.stuck = append(s.stuck, f)
		return f, true
	}
	if opens >= flaps && closes >= flaps-1 {
		list := c.open(s.v.Window.To)
		f.Window = incident.Window{From: list[0].From, To: list[len(list)-1].To}.Meet(s.closeUp)
		f.Claim = fmt.Sprintf("the breaker of %s flapped: it opened %s and closed %s around the impact", c.edge,
			things(int64(opens), "time", "times"), things(int64(closes), "time", "times"))
		f.Detail = append(f.Detail, fmt.Sprintf("it rejected %s meanwhile", things(int64(c.rejected(f.Window)), "call", "calls")), s.counterfactual(f.ID, "without the breaker"))
		f.Action = "let more calls decide (a larger window or volume threshold) and more probes close it: try both on the Tune screen"
		return f, true
	}
	return f, false
}
