package fit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
)

// faults are what went wrong.
func (m *model) faults() {
	for _, l := range m.r.fault.locks {
		m.fault(l.Window, pipeline.Fault{What: pipeline.LockTable, Database: m.pool.service + "." + poolName, Table: m.r.fault.table, Mode: l.mode}, "%s", l.says)
	}
	closed := map[string]bool{} // gates
	for _, e := range m.r.endpoints {
		l := m.leafs[e]
		came := fmt.Sprintf("%s of %s begun from %s to %s failed", whole(m.r.within(e.failed, e.seen)), things(m.r.within(e.started, e.seen), "request", "requests"), clock(e.seen.From), clock(e.seen.To))
		switch e.mode {
		case hanging:
			if m.r.overDead(e) >= 0 { // the connection is what is wrong
				break
			}
			x := m.ending(e)
			share := math.Pow(e.share, 1/float64(x.tries))
			m.fault(e.wrong, pipeline.Fault{What: pipeline.Slow, Endpoint: l.service + "." + l.endpoint, Factor: beyond(x.each, share, distOf(e.usual))},
				"%s; so many times as long as usual is what makes that share of them outlast %s", came, duration(x.each))
			if e.share >= all {
				m.unknown = append(m.unknown, fmt.Sprintf("how slow %s was: all outlasted their limit, and the factor is the least that does it; calls that hang for ever would look the same", e.Endpoint))
			}
		case gated:
			if closed[l.service] {
				break
			}
			closed[l.service] = true
			m.fault(e.wrong, pipeline.Fault{What: pipeline.LockTable, Database: l.service + "." + GateName, Table: GateName, Mode: pglock.AccessExclusive},
				"%s, and of those that came within %s of the end some went well, late: they waited until it was over. No lock of yours: what they waited for is not known", came, duration(e.limit.took))
			m.unknown = append(m.unknown, fmt.Sprintf("what %s waited for: it hung until the fault was over, and a gate that is closed meanwhile stands for it", e.Endpoint))
		case refused:
			m.fault(e.wrong, pipeline.Fault{What: pipeline.FailCalls, Edge: l.edges[0], Share: math.Min(1, e.share)}, "%s, half of them within %s: at once", came, duration(e.limit.p50.Round(time.Millisecond)))
			if each := m.r.callsOf(e); each > leastRetried {
				m.unknown = append(m.unknown, fmt.Sprintf("how often %s is tried: it made %.1f calls for each request while it failed, and its retries are in the share of the failures", e.Endpoint, each))
			}
		case slowed:
			m.fault(m.r.fault.Window, pipeline.Fault{What: pipeline.Slow, Endpoint: l.service + "." + l.endpoint, Factor: significant(e.slower)}, "%s did not fail and took %.1f times as long at the median", e.Endpoint, e.slower)
		default:
		}
	}
	m.deadConnection()
}

// leastRetried is how many calls for each request are no chance.
const leastRetried = 1.1

// all of the requests failed, but for those at the edges of the window.
const all = 0.97

func (m *model) fault(w incident.Window, f pipeline.Fault, says string, args ...any) {
	w = w.Meet(m.r.window)
	f.At, f.For = w.From.Sub(m.r.window.From), w.Length()
	if f.What == pipeline.Drop {
		f.For = 0
	}
	m.note(fmt.Sprintf("faults.%d", len(m.p.Faults)), says, args...)
	m.p.Faults = append(m.p.Faults, f)
}

// beyond is how many times as long the times must be for that share of them to last
// longer than the limit.
func beyond(limit time.Duration, share float64, usual sim.Dist) float64 {
	q := usual.Draw(math.Max(0, 1-share))
	if share >= all {
		q = usual.Points[0].At // the quickest, too
		return significant(1.05 * float64(limit) / float64(q))
	}
	return significant(float64(limit) / float64(q))
}

// mostFactor is the largest that a description may have.
const mostFactor = 1e6

// significant has four digits: no evidence gives more.
func significant(factor float64) float64 { return math.Min(mostFactor, rounded(factor, 4)) }

// deadConnection is the connection that nobody noticed was dead, found by a restart:
// lost for being idle while all that could be called waited for the lock, or just
// before the lock was released, which is the latest that explains it.
func (m *model) deadConnection() {
	dead := m.r.fault.dead
	if dead == nil {
		return
	}
	edge, of := "", (*endpoint)(nil)
	for _, e := range m.r.endpoints {
		if i := m.r.overDead(e); i >= 0 && edge == "" {
			edge, of = m.leafs[e].edges[i], e
		}
	}
	if edge == "" {
		m.unknown = append(m.unknown, "the dead connection "+dead.Subject.Edge+": it is not on the way of any endpoint that failed, and is left out")
		return
	}
	service, _, _ := strings.Cut(edge, ".")
	own := pipeline.Edge{Name: edge}
	if !m.r.fault.lost && m.pool.size != pipeline.Unbounded {
		own.Streams = m.pool.size
		m.note("edges."+edge+".streams", "not seen: as many as the pool has connections, for with more there would have been data under way, and TCP would have given up")
		m.unknown = append(m.unknown, "how many streams a connection of "+edge+" has: as many as the pool has connections are taken")
	}
	least, most, room := m.r.idle()
	switch {
	case m.r.fault.lost:
		m.fault(incident.Window{From: of.wrong.From, To: of.wrong.To}, pipeline.Fault{What: pipeline.Drop, Edge: edge},
			"%s; it is taken for lost when the first of these began", dead.Claim)
		m.unknown = append(m.unknown, "why no call over "+edge+" ended: that its connection was lost is taken, for its caller's restart ended it; calls that hang in the callee would look the same")
	case room && m.v.idle:
		own.IdleDrop = between(least, most)
		m.note("edges."+edge+".idle_drop", "%s; a limit on idle flows of whatever lies between would do that. It lies between %s, the longest pause in healthy times, and %s, for which the connection was silent",
			dead.Claim, duration(least), duration(most))
		m.unknown = append(m.unknown, fmt.Sprintf("why the connection of %s was lost: a limit of %s on idle flows is taken, any from %s to %s would look the same, and so would a path that swallows what is sent", edge, duration(own.IdleDrop), duration(least), duration(most)))
	default:
		m.fault(incident.Window{From: dead.Window.From.Add(-time.Second), To: dead.Window.From},
			pipeline.Fault{What: pipeline.Drop, Edge: edge}, "%s; when the connection was lost is not known: at the latest now, with the answers still to come", dead.Claim)
		m.unknown = append(m.unknown, "when and why the connection of "+edge+" was lost")
	}
	if own.Streams > 0 || own.IdleDrop > 0 {
		m.p.Edges = append(m.p.Edges, own)
	}
	at, says := dead.Window.To, "nobody recorded a restart; requests were answered again then"
	if told, ok := m.r.restartOf(service, at); ok {
		at, says = told, "a restart of "+service+" is in the recording"
	}
	restart := pipeline.Fault{What: pipeline.Restart, Service: service}
	if m.r.cutOff() { // it was up again at the instant that is told, or not earlier
		restart.For, at = down, at.Add(-down)
		says += fmt.Sprintf("; who was under way then failed at once, so that it was down for a moment: %s is taken", duration(down))
		m.unknown = append(m.unknown, "how long "+service+" was down when it was restarted: "+duration(down)+" is taken")
	}
	m.fault(incident.Window{From: at, To: at.Add(restart.For)}, restart, "%s", says)
}

// overDead is where on an endpoint's path the connection lies that was dead; -1 when it is
// not on it, or the endpoint did not fail by it.
func (r *recording) overDead(e *endpoint) int {
	by := e.mode == locked || e.mode == hanging && r.fault.lost
	if r.fault.dead == nil || !by {
		return -1
	}
	return slices.IndexFunc(e.path, func(c int) bool { return r.calls[c].Edge() == r.fault.dead.Subject.Edge })
}

// down is how long a process is away that is restarted, where only the requests that
// failed tell that it was.
const down = 500 * time.Millisecond

// cutOff says that requests that were under way at the end of the trouble failed before
// their limit, as many as may have been under way.
func (r *recording) cutOff() bool {
	for _, e := range r.endpoints {
		if e.mode != locked && r.overDead(e) < 0 || e.limit.took == 0 {
			continue
		}
		under := r.within(e.started, e.seen) / e.seen.Length().Seconds() * e.limit.took.Seconds()
		if early := (1 - e.limit.share) * float64(e.limit.n); early >= under/2 {
			return true
		}
	}
	return false
}

// idle is between what a limit on idle flows must lie: the longest pause between two
// requests that waited for the lock in healthy times, and the time for which all
// connections of the pool waited and nothing was said; not ok where there is no room.
func (r *recording) idle() (least, most time.Duration, ok bool) {
	for _, f := range r.a.Findings {
		if f.Cause == "pool_exhausted" && f.Confidence > incident.NoClearCause {
			most = max(most, f.Window.Meet(r.fault.Window).Length().Truncate(time.Second))
		}
	}
	least = time.Hour
	for _, e := range r.endpoints { // the busiest tells how often the connection spoke
		if e.mode == locked {
			least = min(least, r.longestPause(e))
		}
	}
	return least, most, 2*least <= most
}

// longestPause is the most seconds of healthy times in which no request came.
func (r *recording) longestPause(e *endpoint) (longest time.Duration) {
	pause := time.Duration(0)
	for i, n := range e.started {
		if at := r.at(i); n == 0 && r.isHealthy(incident.Window{From: at, To: at.Add(time.Second)}) {
			pause += time.Second
			longest = max(longest, pause)
			continue
		}
		pause = 0
	}
	return longest + time.Second
}

// between is a limit as people set them: a minute where that is possible, else the
// geometric middle in whole seconds.
func between(least, most time.Duration) time.Duration {
	if least < time.Minute && time.Minute < most {
		return time.Minute
	}
	return time.Duration(math.Sqrt(float64(least) * float64(most))).Round(time.Second)
}

// variants are those that the evidence leaves open.
func (r *recording) variants() []variant {
	cancels := []policy.Cancel{policy.Detach, policy.Propagate}
	timer := slices.ContainsFunc(r.endpoints, func(e *endpoint) bool {
		return e.waits() && !r.endingOf(e).deadline
	})
	if !timer { // deadlines cancel by themselves
		cancels = []policy.Cancel{policy.Propagate}
	}
	follows := []bool{false}
	if follower, _ := r.follower(); follower != nil {
		follows = []bool{true, false}
	}
	idles := []bool{false}
	if _, _, ok := r.idle(); ok && r.fault.dead != nil {
		idles = []bool{true, false}
	}
	others := []bool{false}
	if slices.ContainsFunc(r.endpoints, func(e *endpoint) bool { return e.waits() && r.endingOf(e).other > 0 }) {
		others = []bool{false, true}
	}
	var all []variant
	for _, f := range follows {
		for _, c := range cancels {
			for _, i := range idles {
				for _, o := range others {
					all = append(all, variant{c, f, i, o})
				}
			}
		}
	}
	return all
}
