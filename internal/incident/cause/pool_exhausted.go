package cause

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

const (
	leastPool    = 5                // sessions: smaller ceilings are chance
	leastPlateau = 10 * time.Second // at the ceiling
	leastDemand  = 10               // requests that came meanwhile and would have raised it
)

// ceiling is a time in which as many sessions of one application waited as ever
// did: no more could.
type ceiling struct {
	incident.Window
	application string
	size        int
	support     []incident.ID
	err         time.Duration // From may be so much earlier
	measured    bool          // a source says that it is full; else it follows from the plateau
}

// poolRule names pools with no free place.
const poolRule = "pool_exhausted"

// poolsExhausted are pools with no free connection. They explain why reads hang
// that no lock blocks: a SELECT needs a connection before it can be free of it. One
// that filled before the first failure, when nothing else is known to have begun it,
// was too small for the work.
func (s *scene) poolsExhausted(triggers []incident.Finding) []incident.Finding {
	ceilings := slices.Clone(s.full)
	for _, h := range s.holders {
		if !s.material(h) || s.harmless(h) != "" || s.judge(h).refuted != "" {
			continue
		}
		c, ok := s.plateauOf(h)
		if !ok {
			continue
		}
		// The pool that reports itself full and the plateau behind it are one thing.
		i := slices.IndexFunc(ceilings, func(m ceiling) bool { return 2*m.Meet(c.Window).Length() > c.Length() })
		if i < 0 {
			ceilings = append(ceilings, c)
			continue
		}
		ceilings[i].support = append(ceilings[i].support, c.support...)
		ceilings[i].application = either(ceilings[i].application, c.application)
	}
	begun := slices.ContainsFunc(triggers, func(f incident.Finding) bool {
		return f.Role == incident.Trigger && f.Confidence > incident.NoClearCause
	})
	var findings []incident.Finding
	for _, c := range ceilings {
		f := s.poolExhausted(c)
		if c.measured && !begun {
			s.saturated(&f, c.err)
		}
		findings = append(findings, f)
	}
	return findings
}

// saturated makes a pool that filled before the first request failed, and was full
// for most of the impact, what began it.
func (s *scene) saturated(f *incident.Finding, err time.Duration) {
	if s.impact == (incident.Window{}) || f.Window.From.After(s.impact.From.Add(onset+err)) || 2*f.Window.Meet(s.impact).Length() < s.impact.Length() {
		return
	}
	if s.impact.From.Sub(f.Window.From) > mechanism {
		return // it had been full for long, and requests did not fail
	}
	f.Role = incident.Trigger
	f.Support = append(f.Support, s.worst().Support...)
	f.Detail = append([]string{"it was full before the first request failed, and no lock, change or step of the traffic is seen that would have filled it"}, f.Detail...)
	f.Action = "make the pool larger, or what holds its connections shorter; and give the wait for a connection a timeout"
	f.Confidence = s.word(f, basis{certain: true, first: s.before(f.Window.From, err, "grpc")})
}

// findFullPools finds those that a source says are full: an episode, or the gauges of
// a pool's own metrics.
func (s *scene) findFullPools() {
	s.v.EachEpisode(func(e *incident.Episode) {
		w := incident.Window{From: e.From, To: e.To}
		if e.Kind == incident.PoolFull && w.Meet(s.closeUp).Length() >= leastPlateau {
			s.full = append(s.full, ceiling{Window: w, application: e.Text, size: int(e.Value), support: []incident.ID{e.ID()}, measured: true})
		}
	})
	gauges := s.poolGauges()
	for _, g := range gauges {
		if c, ok := s.fullBy(g); ok {
			s.full = append(s.full, c)
		}
	}
	var support []incident.ID
	for _, g := range gauges {
		support = append(support, g.used.ID())
	}
	switch {
	case len(s.full) > 0:
	case len(gauges) == 0:
		s.undecided(poolRule, "no source shows how full a pool is")
	default:
		s.innocent(poolRule, fmt.Sprintf("%s, and none was full for %s", things(len(gauges), "pool is watched", "pools are watched"), whole(leastPlateau)), support...)
	}
}

// plateauOf finds the ceiling of the sessions of one application, the one with
// the most, that wait for one holder.
func (s *scene) plateauOf(h *holder) (ceiling, bool) {
	apps := map[string]int{}
	for _, w := range h.waits {
		apps[w.wait.Session.Application]++
	}
	var c ceiling
	for app, n := range apps {
		if most := apps[c.application]; n > most || n == most && app < c.application {
			c.application = app
		}
	}
	type turn struct {
		at   time.Time
		more int
		wait *incident.Episode
	}
	var turns []turn
	for _, w := range h.waits {
		if w.wait.Session.Application == c.application {
			turns = append(turns, turn{w.From, +1, w.wait}, turn{w.To, -1, w.wait})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(b.more, a.more), cmp.Compare(a.wait.Session.PID, b.wait.Session.PID))
	})
	n := 0
	for _, t := range turns {
		n += t.more
		switch {
		case n > c.size:
			c.size, c.From, c.To, c.support = n, t.at, t.at, []incident.ID{t.wait.ID()}
		case n == c.size-1 && t.more < 0:
			c.To = incident.EarlierOf(t.at.Add(t.wait.ToErr), h.end()) // the last time that it was full
		}
	}
	if c.size < leastPool {
		return ceiling{}, false
	}
	if h.open {
		c.To = h.To
	}
	c.To = incident.LaterOf(c.To, c.From)
	if c.Length() < leastPlateau || s.demand(c.Window) < leastDemand {
		return ceiling{}, false
	}
	c.support = append(c.support, h.states...)
	return c, true
}

// demand is how many requests of the endpoints that failed came in a window:
// with more coming and no more waiting, the number that waits is a limit.
func (s *scene) demand(w incident.Window) int64 {
	var n int64
	s.v.EachBucket(w, func(b *incident.Bucket) {
		if b.Failed() {
			n += s.counted(b)
		}
	})
	for _, h := range s.hangs {
		for _, p := range h.points {
			if w.Has(p.At) {
				n += int64(p.Started)
			}
		}
	}
	return n
}

func (s *scene) poolExhausted(c ceiling) incident.Finding {
	name := either(c.application, "the database")
	f := incident.Finding{
		ID: subject(poolRule, name), Role: incident.Amplifier, Cause: poolRule,
		Window: c.Window, Confidence: incident.Possible, Support: c.support,
		Subject: incident.Subject{Pool: name, Waiters: c.size},
	}
	if c.measured {
		f.Claim = fmt.Sprintf("the pool %s (%s) was full from %s to %s", name, count(c.size), clock(c.From), till(c.To))
		s.told[f.ID] = fmt.Sprintf("pool %s full: all %s connections taken", name, count(c.size))
	} else {
		f.Claim = fmt.Sprintf("%s sessions of %s waited at once from %s to %s and never more: a ceiling, such as its connection pool's",
			count(c.size), name, clock(c.From), till(c.To))
		s.told[f.ID] = fmt.Sprintf("%s sessions of %s wait and no more come: a ceiling, such as its pool's", count(c.size), name)
		f.Detail = append(f.Detail, fmt.Sprintf("requests kept coming (%s in that time) and the number that waits stayed at %s: a limit", count(s.demand(c.Window)), count(c.size)))
	}
	if root := s.trigger(); root != nil {
		if d := c.From.Sub(root.From); d > 0 {
			f.Detail = append(f.Detail, fmt.Sprintf("full %s after the lock began", whole(d)))
		}
		if s.hungReads(&f, root) && !c.measured {
			f.Claim = fmt.Sprintf("%s sessions of %s waited at once from %s to %s and never more: its pool had no connection left, for reads either",
				count(c.size), name, clock(c.From), till(c.To))
			s.told[f.ID] = fmt.Sprintf("pool of %s full: %s sessions wait, and reads have no connection", name, count(c.size))
		}
	}
	f.Detail = append(f.Detail, s.counterfactual(f.ID, "with a larger pool"))
	f.Action = "a deadline on every call gives connections back; a larger pool only fills later"
	return f
}

// hungReads says which reads failed, from while the pool was full, although no
// lock blocks a read.
func (s *scene) hungReads(f *incident.Finding, root *holder) (some bool) {
	if root.held == pglock.None || pglock.Conflicts(root.held, pglock.AccessShare) || root.wanted[pglock.AccessShare] > 0 {
		return false
	}
	for _, x := range s.endpoints {
		if x.FirstFailed.IsZero() || x.Endpoint.Method != "GET" && x.Endpoint.Method != "HEAD" {
			continue
		}
		if x.FirstFailed.Before(f.Window.From.Add(-onset)) || x.FirstFailed.After(f.Window.To.Add(onset)) {
			continue // it failed for another reason, such as the restart that ended it all
		}
		line := fmt.Sprintf("%s failed from %s", x.Endpoint, clock(x.FirstFailed))
		if !x.Recovered.IsZero() {
			line += " and recovered at " + clock(x.Recovered)
		}
		f.Detail = append(f.Detail, line+fmt.Sprintf(", though no SELECT waited: %s on %s does not block reads; they had no connection", root.held, root.relation))
		f.Support = append(f.Support, x.Support...)
		some = true
	}
	return some
}
