package cause

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

const (
	slowRule = "slow_dependency" // a callee that takes longer itself
	pathRule = "path_delay"      // calls take longer, and their callee does not
)

const (
	slowFactor = 3.0                    // as long as before
	slowLeast  = 100 * time.Millisecond // longer than before
	slowCalls  = 5                      // begun in the impact
	ownShare   = 0.5                    // of the longest excess: the callees below explain the rest
	innerMost  = 0.2                    // of the excess within the callee: the time is lost on the way to it
	viewChunk  = 30 * time.Second
)

// view is how long one viewpoint says that calls took: the calls under way, summed
// over time, by the calls that ended (Little). Calls that hang count while they hang,
// which no histogram of ended calls does.
type view struct {
	before, during float64 // s per call
	excess         float64 // call-seconds of the impact beyond what is usual
	calls          float64 // begun in the impact
}

// slow says that it is much longer than before.
func (v view) slow() bool {
	return v.calls >= slowCalls && v.during >= slowFactor*v.before && v.during-v.before >= slowLeast.Seconds()
}

// edgeView is one flow as its caller sees it, and how much of that its callees below
// do not explain.
type edgeView struct {
	incident.Flow
	view
	own float64
}

// slowCallees are the calls that took much longer than before without hanging for
// good, where the callees below do not explain it. That is the first degraded call,
// and never a cause by itself. What the callee shows of itself tells apart whether it
// is slow, or the way to it.
func (s *scene) slowCallees() []incident.Finding {
	if s.impact == (incident.Window{}) {
		return nil
	}
	flows := s.v.Flows()
	if len(flows) == 0 {
		s.undecided(slowRule, "nothing counts started and finished calls")
		s.undecided(pathRule, "nothing counts started and finished calls")
		return nil
	}
	edges := s.edgeViews()
	top, most := -1, 0.0
	for i, e := range edges {
		most = max(most, e.excess)
		if e.slow() && (top < 0 || e.own > edges[top].own) {
			top = i
		}
	}
	if top < 0 || edges[top].own < ownShare*most {
		why := fmt.Sprintf("none of %s took much longer than before", things(len(flows), "method", "methods"))
		s.innocent(slowRule, why, s.flowsLookedAt()...)
		s.innocent(pathRule, why, s.flowsLookedAt()...)
		return nil
	}
	e := edges[top]
	took := fmt.Sprintf("calls %s -> %s took %s, %s before", e.Caller, e.Callee(), seconds(e.during), seconds(e.before))
	support := s.flowSupport(e.Flow)
	if s.explained {
		why := fmt.Sprintf("calls %s -> %s took longer than before, which the lock or limit explains", e.Caller, e.Callee())
		s.innocent(slowRule, why, support...)
		s.innocent(pathRule, why, support...)
		return nil
	}
	for _, h := range s.hangs {
		if h.flow.Edge() == e.Edge() {
			return nil // they did not end at all
		}
	}
	inner, seen, innerSupport := s.inside(e)
	share := inner / e.own
	pool := s.poolFullOf(e.Callee())
	switch {
	case seen && share < ownShare && pool:
		s.innocent(slowRule, took+fmt.Sprintf(", but %s itself did not: they waited for its pool", e.Callee()), append(support, innerSupport...)...)
		return nil
	case seen && share <= innerMost:
		return []incident.Finding{s.slowFinding(pathRule, e, took, append(support, innerSupport...),
			fmt.Sprintf("; %s was busy with each no longer than before: the time is lost on the way", e.Callee()),
			"look at the network and the queues between them: retransmissions, a proxy, connections per host")}
	case seen:
		return []incident.Finding{s.slowFinding(slowRule, e, took, append(support, innerSupport...),
			fmt.Sprintf("; %s itself was busy longer with each", e.Callee()), "look at what it waits for: its database, its own callees, its processor; a deadline bounds the harm")}
	}
	return []incident.Finding{s.slowFinding(slowRule, e, took, support,
		fmt.Sprintf(", as %s sees it", e.Caller), "look at it from its own side, to tell a slow callee from a slow way to it; a deadline bounds the harm")}
}

func (s *scene) slowFinding(rule string, e edgeView, took string, support []incident.ID, what, action string) incident.Finding {
	f := incident.Finding{
		ID: subject(rule, e.Edge(), e.Name()), Role: incident.FirstFailure, Cause: rule, Confidence: incident.Possible, Window: s.impact,
		Claim: took + what, Subject: incident.Subject{Edge: e.Edge()}, Support: append(support, s.worst().Support...), Action: action,
	}
	f.Detail = append(f.Detail,
		fmt.Sprintf("%s of calls beyond what is usual, of which the calls below explain %s", whole(dur(e.excess)), percent(1-e.own/e.excess)),
		"calls that take long are the first failure, not its cause: what made them slow is not known")
	if s.suspected {
		f.Detail[1] = "calls that take long are the first failure, not its cause; see the trigger"
	}
	return f
}

// edgeViews are the flows of callers with their own excess.
func (s *scene) edgeViews() []edgeView {
	var edges []edgeView
	for _, f := range s.flows {
		if !f.flow.Server {
			edges = append(edges, edgeView{Flow: f.flow, view: s.viewBy(cut(f.wide, s.around()), inFlight)})
		}
	}
	for i := range edges {
		edges[i].own = edges[i].excess
		for _, below := range edges {
			if below.Caller == edges[i].Callee() {
				edges[i].own -= below.excess
			}
		}
		edges[i].own = max(0, edges[i].own)
	}
	return edges
}

func inFlight(p *incident.FlowPoint) float64 { return p.InFlight }

// around is the healthy time that is compared with and the impact.
func (s *scene) around() incident.Window {
	return incident.Window{From: incident.LaterOf(s.v.Window.From, s.impact.From.Add(-recent)), To: s.impact.To}
}

// viewBy is how long calls took before and during the impact; it takes the calls under way at each point from a function of it.
func (s *scene) viewBy(points []incident.FlowPoint, under func(*incident.FlowPoint) float64) view {
	var v view
	var before, during []float64
	var area, ended, all float64
	// Plain numbers: a second costs less than a time.Time's.
	const chunk = int64(viewChunk)
	began := s.impact.From.UnixNano()
	var since, last int64
	flush := func(into *[]float64) {
		if area > 0 || ended > 0 {
			*into = append(*into, area/max(1, ended))
		}
		area, ended = 0, 0
	}
	healthy := true
	was := 0.0
	for i := range points {
		p := &points[i]
		at, is := p.At.UnixNano(), under(p)
		dt := time.Duration(at - last).Seconds()
		a := (was + is) / 2 * dt
		last, was = at, is
		if i == 0 {
			since = at
			continue
		}
		if healthy && at > began {
			flush(&before)
			healthy, since = false, at
		}
		area += a
		ended += p.Finished
		if !healthy {
			all += a
			v.calls += p.Started
		}
		if at-since >= chunk {
			if healthy {
				flush(&before)
			} else {
				flush(&during)
			}
			since = at
		}
	}
	flush(&during)
	if len(before) > 0 {
		v.before = middle(before)
	}
	if len(during) > 0 {
		v.during = middle(during)
	}
	v.excess = max(0, all-v.before*v.calls)
	return v
}

// inside is the excess that the callee shows of itself: by its own counters of calls,
// or by the connections that it holds; seen is false when neither is there.
func (s *scene) inside(e edgeView) (excess float64, seen bool, support []incident.ID) {
	for _, f := range s.v.ServerFlows() {
		if f.Name() == e.Name() {
			return s.viewBy(f.Points(s.around()), inFlight).excess, true, s.flowSupport(f)
		}
	}
	for _, g := range s.poolGauges() {
		if !strings.HasPrefix(g.name, e.Callee()) {
			continue
		}
		// The pool serves all calls of the callee: what counts is what it is busy beyond
		// what is usual.
		used := func(p *incident.FlowPoint) float64 {
			v, ok := mean(g.used, incident.Window{From: p.At.Add(-scrape), To: p.At.Add(time.Nanosecond)})
			if !ok {
				return 0
			}
			return v
		}
		return s.viewBy(e.Points(s.around()), used).excess, true, []incident.ID{g.used.ID()}
	}
	return 0, false, nil
}

// poolFullOf says that a pool of a service was full at most looks in the impact.
func (s *scene) poolFullOf(service string) bool {
	w := incident.Window{From: s.impact.From.Add(-scrape), To: s.impact.To}
	for _, g := range s.poolGauges() {
		if !strings.HasPrefix(g.name, service) {
			continue
		}
		most, ok := mean(g.most, w)
		full, all := 0, 0
		for _, p := range samples(g.used, w) {
			if all++; p.V >= most {
				full++
			}
		}
		if ok && 2*full > all {
			return true
		}
	}
	return slices.ContainsFunc(s.full, func(c ceiling) bool {
		return strings.HasPrefix(c.application, service) && 2*c.Meet(s.impact).Length() > s.impact.Length()
	})
}

func (s *scene) flowSupport(f incident.Flow) []incident.ID {
	ids := []incident.ID{f.Started.ID()}
	for _, done := range f.Finished {
		ids = append(ids, done.ID())
	}
	return ids
}

// seconds prints how long calls took: "4.1 s", "12 ms".
func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.0f ms", math.Round(1000*s))
	}
	return whole(dur(s))
}

func dur(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
