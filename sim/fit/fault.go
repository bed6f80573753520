package fit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// fault is what went wrong, as the analysis found it; of what nobody found, the
// window of the requests that failed.
type fault struct {
	incident.Window
	by      *incident.Finding // nil: nothing is known to have begun it
	table   string            // that was locked; empty: no lock
	locks   []heldLock        // the session's own, and of a queued request the holder's before it
	waiters int               // sessions that waited at once, at most
	wanted  []pglock.Mode     // by those who waited, the weakest first
	dead    *incident.Finding // a connection that nobody noticed was dead
	lost    bool              // it was lost at the beginning, and nothing else began the trouble
}

// heldLock is one session with a lock.
type heldLock struct {
	incident.Window
	mode pglock.Mode
	pid  int
	says string
}

// lockRules are the rules that name who held or queued for a table's lock.
var lockRules = []string{"lock_root", "idle_in_transaction", "queued_access_exclusive"}

// findFault takes what the analysis found to have begun it.
func (r *recording) findFault() (f fault, lacks []Reason) {
	for i := range r.a.Findings {
		x := &r.a.Findings[i]
		certain := x.Confidence > incident.NoClearCause
		switch {
		case certain && f.by == nil && (x.Role == incident.Trigger || x.Role == incident.FirstFailure):
			f.by = x
		case certain && f.dead == nil && x.Cause == "no_keepalive":
			f.dead = x
		}
	}
	full := slices.ContainsFunc(r.a.Findings, func(x incident.Finding) bool {
		return x.Cause == "pool_exhausted" && x.Confidence > incident.NoClearCause
	})
	switch {
	case f.by != nil && slices.Contains(lockRules, f.by.Cause):
		lacks = r.findLock(&f)
	case f.by != nil && full && (f.by.Cause == "pool_exhausted" || f.by.Cause == "traffic_step"):
		lacks = append(lacks, Reason{"a pool that the work itself fills", fmt.Sprintf("%s; how long a request holds a connection cannot be read off a gateway's log, and its time includes the wait for one", f.by.Claim)})
	case f.by == nil || f.by.Cause == "slow_dependency":
		r.findLost(&f)
	}
	switch {
	case f.by != nil && slices.Contains(lockRules, f.by.Cause), len(lacks) > 0:
	case r.mostWaiting() >= leastWaiters && !slices.ContainsFunc(r.a.Findings, func(x incident.Finding) bool { return slices.Contains(lockRules, x.Cause) }):
		lacks = append(lacks, Reason{"unknown lock holder", fmt.Sprintf("up to %d sessions waited for locks while requests failed, and no finding says who held what they waited for", r.mostWaiting())})
	}
	return f, lacks
}

// findLost takes a connection for lost on which no call ended until its caller was
// restarted.
func (r *recording) findLost(f *fault) {
	for i := range r.a.Findings {
		x := &r.a.Findings[i]
		caller, _, _ := strings.Cut(x.Subject.Edge, ".")
		long := 5*x.Window.Meet(r.a.Impact).Length() >= 4*r.a.Impact.Length()
		if x.Cause != "call_without_deadline" || x.Confidence == incident.NoClearCause || !long {
			continue
		}
		if _, restarted := r.restartOf(caller, x.Window.To); restarted {
			f.dead, f.lost = x, true
			return
		}
	}
}

// restartOf is the restart of a service around an instant.
func (r *recording) restartOf(service string, around time.Time) (time.Time, bool) {
	for _, c := range r.v.Changes() {
		if c.Kind == incident.Restart && plain(c.System) == plain(service) && c.At.Sub(around).Abs() < 30*time.Second {
			return c.At, true
		}
	}
	return time.Time{}, false
}

// leastWaiters are sessions whose waiting is no chance.
const leastWaiters = 5

// mostWaiting is how many sessions waited for a lock at once in the impact.
func (r *recording) mostWaiting() int {
	most := 0.0
	for _, n := range r.v.LockWaiters(r.a.Impact, time.Second) {
		if n > most { // not of a NaN
			most = n
		}
	}
	return int(most)
}

// findLock reads the lock off its finding, with a request that queued behind it where
// others did so behind that, and the waits behind both.
func (r *recording) findLock(f *fault) (lacks []Reason) {
	unknown := func(why string, args ...any) []Reason {
		return append(lacks, Reason{"unknown lock holder", fmt.Sprintf(why, args...)})
	}
	x := f.by
	f.Window, f.table, f.waiters = x.Window, x.Subject.Relation, x.Subject.Waiters
	if f.table == "" {
		return unknown("%s; of which table is not known", x.Claim)
	}
	const queued = "queued_access_exclusive"
	of := []*incident.Finding{x}
	for i := range r.a.Findings {
		y := &r.a.Findings[i]
		other := y.Cause == queued
		if x.Cause == queued {
			other = y.Cause == "lock_root" || y.Cause == "idle_in_transaction"
		}
		if y != x && other && y.Subject.Relation == f.table && y.Confidence > incident.NoClearCause && y.Window.Meet(x.Window).Length() > 0 {
			of = append(of, y)
			break
		}
	}
	if x.Cause == queued && len(of) == 1 {
		return unknown("%s; the session before it is not known", x.Claim)
	}
	slices.SortStableFunc(of, func(a, b *incident.Finding) int { return a.Window.From.Compare(b.Window.From) })
	for _, y := range of {
		mode, ok := pglock.Parse(y.Subject.Mode)
		if !ok {
			return unknown("%s; in which mode is not known", y.Claim)
		}
		f.locks = append(f.locks, heldLock{y.Window, mode, y.Subject.PID, y.Claim})
		f.From, f.To = incident.EarlierOf(f.From, y.Window.From), incident.LaterOf(f.To, y.Window.To)
	}
	r.findQueued(f)
	f.wanted = r.wantedModes(f)
	if len(f.wanted) == 0 {
		return unknown("%s, and those who waited did so for a row or something else that is no table's lock", x.Claim)
	}
	return lacks
}

// findQueued adds the request that others queued behind although the holders would have
// let them pass: the one that most of them did, of a mode that no request's own work
// takes.
func (r *recording) findQueued(f *fault) {
	behind := map[int]int{}
	waits := map[int]*incident.Episode{}
	r.v.EachEpisode(func(e *incident.Episode) {
		if e.Kind != incident.LockWait || e.Relation != f.table || !e.From.Before(f.To) || e.To.Before(f.From) {
			return
		}
		if w := waits[e.Session.Leader()]; w == nil || e.To.Sub(e.From) > w.To.Sub(w.From) {
			one := *e
			waits[e.Session.Leader()] = &one
		}
		if slices.ContainsFunc(f.locks, func(l heldLock) bool { return pglock.Conflicts(l.mode, e.Wanted) }) {
			return
		}
		for _, b := range e.Blockers {
			if !b.Hard {
				behind[b.PID]++
			}
		}
	})
	best := 0
	for pid, n := range behind {
		w := waits[pid]
		if w == nil || w.Wanted < pglock.ShareUpdateExclusive || n < 2 {
			continue
		}
		if most := behind[best]; n > most || n == most && pid < best {
			best = pid
		}
	}
	if w := waits[best]; w != nil && best != 0 {
		held := f.locks[len(f.locks)-1]
		f.locks = append(f.locks, heldLock{
			incident.Window{From: w.From, To: held.To},
			w.Wanted, best,
			fmt.Sprintf("pid %d waited for %s on %s from %s; %s queued behind that request", best, w.Wanted, f.table, clock(w.From), things(float64(behind[best]), "wait", "waits")),
		})
	}
}

// wantedModes are the table lock modes that others waited for, which conflict with
// what was held or queued.
func (r *recording) wantedModes(f *fault) (modes []pglock.Mode) {
	r.v.EachEpisode(func(e *incident.Episode) {
		if e.Kind != incident.LockWait || e.Relation != f.table || !e.From.Before(f.To) || e.To.Before(f.From) {
			return
		}
		holds := func(l heldLock) bool { return l.pid == e.Session.Leader() }
		stops := func(l heldLock) bool { return pglock.Conflicts(l.mode, e.Wanted) }
		if slices.Contains(modes, e.Wanted) || slices.ContainsFunc(f.locks, holds) || !slices.ContainsFunc(f.locks, stops) {
			return
		}
		modes = append(modes, e.Wanted)
	})
	slices.Sort(modes)
	return modes
}

// waitsFor is the mode in which an endpoint wants the table: reads in the weakest that
// waited, others in the strongest.
func (f *fault) waitsFor(e incident.Endpoint) pglock.Mode {
	if reads(e) {
		return f.wanted[0]
	}
	return f.wanted[len(f.wanted)-1]
}

func reads(e incident.Endpoint) bool {
	return strings.EqualFold(e.Method, "GET") || strings.EqualFold(e.Method, "HEAD")
}
