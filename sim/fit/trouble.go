package fit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// trouble is what the fault does to an endpoint.
type trouble uint8

const (
	unharmed trouble = iota
	locked           // it waits for the lock
	starved          // it has no connection, for others wait for the lock
	hanging          // its calls last until something ends them
	gated            // they last until the fault is over, or something ends them
	refused          // it is told at once
	slowed           // it takes longer, and does not fail
)

func (e *endpoint) failing() bool { return e.waits() || e.mode == refused }

// waits says that its requests waited until something ended them.
func (e *endpoint) waits() bool {
	return e.mode == locked || e.mode == starved || e.mode == hanging || e.mode == gated
}

// judge says of every endpoint what the fault did to it.
func (r *recording) judge(force bool) (lacks []Reason) {
	for i, e := range r.endpoints {
		r.findWrong(e)
		reason, ok := r.troubleOf(e)
		few := e.failing() && r.within(e.started, e.wrong) < leastFailing
		switch {
		case !ok:
			lacks = append(lacks, reason)
			continue
		case few && i > 0 && e.bad < leastFailing: // the first failed most: the fault is told by it
			e.mode = unharmed
			r.unknown = append(r.unknown, fmt.Sprintf("why %s failed from %s to %s", things(e.bad, "request of ", "requests of ")+e.Endpoint.String(), clock(e.wrong.From), clock(e.wrong.To)))
		case few && !force:
			lacks = append(lacks, Reason{"too few requests", fmt.Sprintf("%s came %s times between %s and %s, expected at least %d", e.Endpoint, whole(r.within(e.started, e.wrong)), clock(e.wrong.From), clock(e.wrong.To), leastFailing)})
		}
	}
	if len(lacks) > 0 {
		return lacks
	}
	if !slices.ContainsFunc(r.endpoints, (*endpoint).failing) {
		return append(lacks, Reason{"no fault", "none of the endpoints with enough requests failed"})
	}
	for _, e := range r.endpoints {
		if (e.mode == hanging || e.mode == refused) && e.share < all {
			r.widen(e)
		}
	}
	r.meetWrong()
	r.endLock()
	for _, e := range r.endpoints {
		if e.mode == hanging && r.overDead(e) < 0 && r.gated(e) {
			e.mode = gated
			e.wrong.To = r.opened(e)
		}
	}
	if d := r.fault.dead; r.fault.lost { // to the restart, not to the last that it came too late for
		r.fault.To = d.Window.To
		caller, _, _ := strings.Cut(d.Subject.Edge, ".")
		if at, ok := r.restartOf(caller, d.Window.To); ok {
			r.fault.To = at
		}
	}
	if r.fault.From.IsZero() { // nothing says when it began: those that failed do
		for _, e := range r.endpoints {
			if !e.failing() {
				continue
			}
			if r.fault.From.IsZero() || e.wrong.From.Before(r.fault.From) {
				r.fault.From = e.wrong.From
			}
			if e.wrong.To.After(r.fault.To) {
				r.fault.To = e.wrong.To
			}
		}
		for _, e := range r.endpoints {
			if !e.failing() {
				r.findSlower(e)
			}
		}
	}
	return nil
}

// findWrong is when the requests came that failed: from the first to the last second
// in which one began, within the impact.
func (r *recording) findWrong(e *endpoint) {
	bad := r.troubled()
	first, last := -1, -1
	for i, n := range e.failed {
		if at := r.at(i); n > 0 && bad.Has(at) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return
	}
	e.wrong = incident.Window{From: r.at(first), To: r.at(last + 1)}
	e.seen = e.wrong
	e.share = r.within(e.failed, e.wrong) / math.Max(1, r.within(e.started, e.wrong))
	// Nothing is known of the time between the last that went well and the first that
	// did not.
	e.begin, e.end = incident.Window{From: r.at(first), To: r.at(first)}, incident.Window{From: r.at(last + 1), To: r.at(last + 1)}
	for i := first - 1; i >= 0 && e.started[i] == 0; i-- {
		e.begin.From = r.at(i)
	}
	for i := last + 1; i < len(e.started) && e.started[i] == 0; i++ {
		e.end.To = r.at(i + 1)
	}
}

// at is the beginning of a second of the window.
func (r *recording) at(second int) time.Time {
	return r.window.From.Add(time.Duration(second) * time.Second)
}

// widen makes the window longer by the distance of failing requests, to either side: where
// only some fail, the first and the last of them lie that far within it on average.
func (r *recording) widen(e *endpoint) {
	gap := time.Duration(float64(e.seen.Length()) / math.Max(1, r.within(e.failed, e.seen))).Truncate(time.Millisecond)
	e.wrong = incident.Window{From: e.seen.From.Add(-gap), To: e.seen.To.Add(gap)}.Meet(r.window)
	e.share = r.within(e.failed, e.seen) / math.Max(1, r.cut(e.started, e.wrong))
}

// meetWrong gives the endpoints that failed altogether one beginning and one end, where
// what is known of each allows one: their fault is one, and the gaps between requests
// of each hide it at different instants.
func (r *recording) meetWrong() {
	begin, end := incident.Window{}, incident.Window{}
	together := func(a, b incident.Window) (incident.Window, bool) {
		if a.To.IsZero() {
			return b, true
		}
		m := incident.Window{From: incident.LaterOf(a.From, b.From), To: incident.EarlierOf(a.To, b.To)}
		return m, !m.To.Before(m.From)
	}
	var of []*endpoint
	for _, e := range r.endpoints {
		if e.mode != hanging && e.mode != refused || e.share < all {
			continue
		}
		b, ok := together(begin, e.begin)
		x, also := together(end, e.end)
		if !ok || !also {
			return // each its own, then
		}
		begin, end, of = b, x, append(of, e)
	}
	for _, e := range of {
		e.wrong = incident.Window{From: begin.From.Add(begin.Length() / 2).Truncate(time.Millisecond), To: end.From.Add(end.Length() / 2).Truncate(time.Millisecond)}
	}
}

// opened is when those were answered who waited until the fault was over, as a request
// kept whole has it; else as long after the last that failed as these wait.
func (r *recording) opened(e *endpoint) time.Time {
	about := e.wrong.To.Add(e.limit.took)
	best := about
	for _, x := range r.v.Exemplars() {
		late := x.Endpoint == e.Endpoint && x.Kind != incident.Unparsed && !x.Failed() && x.Took >= r.late(e)
		if late && x.End.Sub(about).Abs() < e.limit.took && (best.Equal(about) || x.End.Before(best)) {
			best = x.End
		}
	}
	return best.Truncate(time.Millisecond)
}

// late is how long a request takes that waited for something.
func (r *recording) late(e *endpoint) time.Duration {
	return max(e.limit.took/10, longer*middle(e.usual, 0.99))
}

// endLock moves the end of the lock to before the first request that came too late to
// fail: samples tell it to a second or worse, and who still waited then would have
// been given up.
func (r *recording) endLock() {
	if r.fault.table == "" {
		return
	}
	last := &r.fault.locks[len(r.fault.locks)-1]
	for _, e := range r.endpoints {
		latest := e.end.To.Add(e.limit.took)
		if (e.mode == locked || e.mode == starved) && latest.Before(last.To) && last.To.Sub(latest) <= sampling {
			for i := range r.fault.locks {
				r.fault.locks[i].To = incident.EarlierOf(r.fault.locks[i].To, latest)
			}
			r.fault.To = incident.EarlierOf(r.fault.To, latest)
		}
	}
}

// sampling is how far the samples of a database may be apart for endLock.
const sampling = 5 * time.Second

// leastGated is the share of the requests in the stretch after the last that failed
// which went well late, from which on their wait is said to have ended with the fault:
// of those that wait for its end nine in ten do, by the tenth of the limit that counts
// as late.
const leastGated = 0.4

// gated says that requests waited until the fault was over, and did not each take
// their own time: those that came so late that they could outlast it went well, and
// late.
func (r *recording) gated(e *endpoint) bool {
	if e.share < all { // who can go well meanwhile waits for nothing common
		return false
	}
	late := r.late(e)
	after := incident.Window{From: e.seen.To.Add(-settle), To: e.seen.To.Add(e.limit.took + settle)}
	n := 0.0
	if s := r.took(after, func(l *incident.Latency) bool { return l.Endpoint == e.Endpoint && !l.Failed() }); count(s) > 0 {
		const steps = 1000
		for i := range steps {
			if middle(s, (float64(i)+0.5)/steps) >= late {
				n += float64(count(s)) / steps
			}
		}
	}
	came := r.within(e.started, incident.Window{From: e.seen.To, To: e.seen.To.Add(e.limit.took)})
	return n >= 2 && n >= leastGated*came
}

// leastShare is the share of failing requests below which an endpoint is called
// unharmed.
const leastShare = 0.05

// troubleOf is what the fault does to an endpoint; not ok with the reason where that
// cannot be said.
func (r *recording) troubleOf(e *endpoint) (Reason, bool) {
	bad := r.within(e.failed, r.troubled()) / math.Max(1, r.within(e.started, r.troubled()))
	if e.wrong.Length() == 0 || bad < leastShare { // a few that a restart cut off are no trouble of its own
		e.mode = unharmed
		if r.fault.Length() > 0 && r.fault.table == "" {
			r.findSlower(e)
		}
		return Reason{}, true
	}
	hangs := e.limit.waits(e.usual)
	if r.fault.table == "" {
		e.mode = refused
		if hangs {
			e.mode = hanging
		}
		return Reason{}, true
	}
	e.mode = locked
	for _, h := range r.a.ReadHangs {
		if h.Endpoint != e.Endpoint {
			continue
		}
		switch h.Why {
		case incident.PoolStarved:
			e.mode = starved
		case incident.NotByTheLock:
			e.mode = refused
			if hangs {
				e.mode = hanging
			}
			r.unknown = append(r.unknown, fmt.Sprintf("why %s failed while the lock was held: %s", e.Endpoint, h.Text))
			return Reason{}, true
		default:
		}
	}
	if !hangs {
		return Reason{"no limit", fmt.Sprintf("%s waited for the lock, and what ended its requests cannot be read off how long they took (%s)", e.Endpoint, e.limit)}, false
	}
	return Reason{}, true
}

// findSlower is how many times as long requests took that did not fail.
func (r *recording) findSlower(e *endpoint) {
	now := r.took(r.fault.Window, func(l *incident.Latency) bool { return l.Endpoint == e.Endpoint && !l.Failed() })
	if count(now) < leastFailing {
		return
	}
	was, is := middle(e.usual, 0.5), middle(now, 0.5)
	if was > 0 && float64(is) >= leastSlower*float64(was) && is-was >= 10*time.Millisecond {
		e.mode, e.slower = slowed, float64(is)/float64(was)
	}
}

// leastSlower is how many times as long as usual is no chance.
const leastSlower = 1.5
