package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"tripcurve/internal/incident"
)

// edge is one kind of call in the window, with the flow that counts it.
type edge struct {
	incident.Edge
	flow incident.Flow
	ends []incident.Ending
	open int64 // had begun and not ended at the window's end
}

// edges is what became of each kind of call in the window.
func (s *scene) edges(w incident.Window) []edge {
	var out []edge
	before := incident.Window{From: w.From.Add(-w.Length()), To: w.From}
	for _, c := range s.flows {
		f := c.flow
		e := edge{flow: f, ends: f.Ends(w)}
		e.Caller, e.Callee, e.Method = f.Caller, f.Callee(), f.Method
		most, last := 0.0, 0.0
		for i, p := range c.points {
			if !p.At.Before(w.To) {
				break
			}
			if next := i+1 < len(c.points) && !c.points[i+1].At.After(w.From); next {
				continue // the one before the window holds until its first
			}
			if most = max(most, p.InFlight); !p.Restart {
				last = p.InFlight
			}
		}
		ended, failed := 0.0, 0.0
		for _, end := range e.ends {
			ended += end.Calls
			if end.Failed {
				failed += end.Calls
			}
		}
		e.Before, e.Begun, e.Ended, e.Failed, e.InFlight, e.open = whole64(f.Started.Rise(before, false)), whole64(f.Started.Rise(w, false)), whole64(ended), whole64(failed), whole64(most), whole64(last)
		e.Effect = s.edgeEffect(&e)
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.Callee, b.Callee), cmp.Compare(b.Begun, a.Begun), cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// whole64 is a counter's figure as a count; hostile ones are bounded.
func whole64(v float64) int64 { return int64(math.Round(min(max(v, 0), 1<<53))) }

func (s *scene) edgeEffect(e *edge) incident.Effect {
	hung := func(f incident.Flow) bool { return f.Started == e.flow.Started }
	for _, h := range s.hangs {
		if h.Meet(s.impact).Length() > 0 && (hung(h.flow) || slices.ContainsFunc(h.above, hung)) {
			return incident.Hung
		}
	}
	switch {
	case s.impact.Length() == 0:
		return incident.Unaffected
	case e.Failed >= leastFail && float64(e.Failed) >= nearlyAll*float64(e.Ended):
		return incident.Down
	case e.Failed >= leastFail && float64(e.Failed) >= badShare*float64(e.Ended):
		return incident.Failing
	case e.Before >= 10 && float64(e.Begun) < badShare*float64(e.Before):
		return incident.Starved
	}
	return incident.Unaffected
}

// callCounts is how the calls of each edge ended, and how many did not.
func callCounts(edges []edge) []incident.CallCount {
	var out []incident.CallCount
	for _, e := range edges {
		c := incident.CallCount{Caller: e.Caller, Callee: e.Callee, Method: e.Method}
		for _, end := range e.ends {
			c.Code, c.Calls, c.Support = end.Code, whole64(end.Calls), []incident.ID{end.Series.ID()}
			if c.Calls > 0 {
				out = append(out, c)
			}
		}
		if e.Effect == incident.Hung && e.open > 0 {
			c.Code, c.Calls, c.Open, c.Support = "", e.open, true, []incident.ID{e.flow.Started.ID()}
			out = append(out, c)
		}
	}
	return out
}

// severity orders effects.
func severity(e incident.Effect) int {
	return slices.Index([]incident.Effect{incident.Unaffected, incident.Slower, incident.Starved, incident.Failing, incident.Down, incident.Hung}, e)
}

// dependents are the services of the call graph. What became of one is the worst of
// the calls of it; of one that nobody in the evidence calls, of its own calls.
func (s *scene) dependents(edges []edge) []incident.Dependent {
	by := map[string]*incident.Dependent{}
	at := func(name string) *incident.Dependent {
		if by[name] == nil {
			by[name] = &incident.Dependent{Service: name}
		}
		return by[name]
	}
	for _, e := range edges {
		d := at(e.Callee)
		if !e.flow.Server {
			d.Callers = append(d.Callers, e.Caller)
			c := at(e.Caller)
			c.Callees = append(c.Callees, e.Callee)
		}
		d.Calls = append(d.Calls, e.Edge)
		d.Support = append(d.Support, e.flow.Started.ID())
		if severity(e.Effect) > severity(d.Effect) {
			d.Effect = e.Effect
		}
	}
	for _, e := range edges {
		if c := by[e.Caller]; c != nil && !e.flow.Server && len(c.Callers) == 0 {
			c.Support = append(c.Support, e.flow.Started.ID())
			if severity(e.Effect) > severity(c.Effect) {
				c.Effect = e.Effect
			}
		}
	}
	for _, d := range s.workers() {
		if by[d.Service] == nil {
			by[d.Service] = &d
		}
	}
	out := make([]incident.Dependent, 0, len(by))
	for _, d := range by {
		d.Callers, d.Callees = once(d.Callers), once(d.Callees)
		d.Support = distinct(d.Support)
		if d.Says == "" {
			d.Says = saysOf(d, edges)
		}
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b incident.Dependent) int {
		return cmp.Or(cmp.Compare(severity(b.Effect), severity(a.Effect)), cmp.Compare(a.Service, b.Service))
	})
	return out
}

// once sorts names and drops repeats.
func once(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func saysOf(d *incident.Dependent, edges []edge) string {
	var parts []string
	for _, e := range edges {
		if e.Callee != d.Service && (len(d.Callers) > 0 || e.Caller != d.Service) {
			continue
		}
		name := e.Callee
		if e.Method != "" {
			name = e.Method
		}
		who := "calls of " + name
		if !e.flow.Server && e.Callee == d.Service {
			who += " by " + e.Caller
		}
		switch e.Effect {
		case incident.Hung:
			parts = append(parts, fmt.Sprintf("%s: %s begun, %s ended, up to %s in flight", who, count(e.Begun), count(e.Ended), count(e.InFlight)))
		case incident.Starved:
			parts = append(parts, fmt.Sprintf("%s: %s begun, %s before", who, count(e.Begun), count(e.Before)))
		case incident.Failing, incident.Down:
			parts = append(parts, fmt.Sprintf("%s: %s of %s failed", who, count(e.Failed), count(e.Ended)))
		default:
			parts = append(parts, fmt.Sprintf("%s: %s ended, %s failed", who, count(e.Ended), count(e.Failed)))
		}
	}
	return strings.Join(parts, "; ")
}

// workers are services behind a queue that count their jobs: NAME.failed beside
// another counter NAME.x.
func (s *scene) workers() []incident.Dependent {
	var out []incident.Dependent
	grown := func(x *incident.Series) int64 {
		n := 0.0
		for i, p := range x.Points {
			if i > 0 && p.V > x.Points[i-1].V {
				n += p.V - x.Points[i-1].V
			}
		}
		return whole64(n)
	}
	for _, x := range s.v.AllSeries() {
		name, ok := strings.CutSuffix(x.Name, ".failed")
		if !ok || x.Kind != incident.Counter || x.Origin.Group != "worker" || len(x.Points) < 2 {
			continue
		}
		d := incident.Dependent{Service: name, Support: []incident.ID{x.ID()}}
		failed, done := grown(x), int64(0)
		var what []string
		for _, other := range s.v.AllSeries() {
			if tail, ok := strings.CutPrefix(other.Name, name+"."); ok && tail != "failed" && other.Kind == incident.Counter && other.Origin.Key() == x.Origin.Key() {
				n := grown(other)
				done += n
				what = append(what, fmt.Sprintf("%s %s", count(n), tail))
				d.Support = append(d.Support, other.ID())
			}
		}
		switch {
		case failed >= leastFail && float64(failed) >= nearlyAll*float64(failed+done):
			d.Effect = incident.Down
		case failed >= leastFail && float64(failed) >= badShare*float64(failed+done):
			d.Effect = incident.Failing
		}
		d.Says = fmt.Sprintf("jobs from %s to %s: %s", clock(x.Points[0].At), clock(x.Points[len(x.Points)-1].At), strings.Join(append(what, count(failed)+" failed"), ", "))
		out = append(out, d)
	}
	return out
}
