package serverlog

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// lockEpisodes are the waits of the log and who was in their way.
func (b *memory) lockEpisodes() []incident.Episode {
	for _, w := range b.locks.open {
		if !w.instant { // the server would have logged that it got the lock, or was cancelled
			w.to = incident.LaterOf(w.to, b.last)
		}
	}
	names := b.relations()
	var all []incident.Episode
	for _, c := range b.locks.order {
		roots := b.rootsOf(c, names)
		for _, w := range c.waits {
			all = append(all, b.waitEpisode(w, roots, names))
		}
		all = append(all, b.holderEpisodes(c, roots, names)...)
	}
	slices.SortStableFunc(all, func(x, y incident.Episode) int {
		return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Session.PID, y.Session.PID))
	})
	return all
}

// root is who held an object in one reign.
type root struct {
	reign
	until   time.Time // when the next reign began, or the object was released; zero when it went on
	holders []incident.Blocker
	run     *run      // of the first holder: the statement that took the lock
	since   time.Time // when it got it after a wait of its own; zero when it is not known
}

// rootsOf finds out of the holders of each reign those that were in the way.
func (b *memory) rootsOf(c *contention, names map[relationKey]string) []root {
	roots := make([]root, 0, len(c.reigns))
	for i, r := range c.reigns {
		x := root{reign: r, until: r.released}
		if x.until.IsZero() && i+1 < len(c.reigns) {
			x.until = r.to
		}
		b.pick(c, &x, names)
		roots = append(roots, x)
	}
	return roots
}

// maxMet is how many waits of one reign tell which modes were in the way.
const maxMet = 1_000

// pick puts the holder that was most likely in the way first and leaves out those
// that were not: a known mode that lets the waiters pass, or a wait of their own.
func (b *memory) pick(c *contention, x *root, names map[relationKey]string) {
	type candidate struct {
		incident.Blocker
		run   *run
		since time.Time
		rank  int
	}
	var met []*wait
	for _, w := range c.waits {
		if len(met) < maxMet && x.meets(w) {
			met = append(met, w)
		}
	}
	var list []candidate
	for _, pid := range x.reign.holders {
		k := candidate{Blocker: incident.Blocker{PID: pid, Hard: true, Mode: heldOn(c.object)}}
		if k.Mode == pglock.None {
			k.Mode, k.since, k.run = b.modeOf(pid, c, x, names)
		}
		conflicts := slices.ContainsFunc(met, func(w *wait) bool { return w.session.PID != pid && pglock.Conflicts(k.Mode, w.mode) })
		waits := slices.ContainsFunc(c.byPID[pid], x.meets)
		switch {
		case k.Mode != pglock.None && !conflicts:
			continue
		case k.Mode != pglock.None:
		case waits:
			k.rank = 2
		default:
			k.rank = 1
		}
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.PID, b.PID)) })
	for _, k := range list {
		if k.rank > list[0].rank { // a better one explains it
			break
		}
		x.holders = append(x.holders, k.Blocker)
	}
	if len(list) > 0 {
		x.run, x.since = list[0].run, list[0].since
	}
}

// meets says that a wait was going on in the reign.
func (x *root) meets(w *wait) bool {
	if !x.until.IsZero() && !w.from.Before(x.until) {
		return false
	}
	return !w.to.Before(x.from)
}

// modeOf is the mode in which a process held a relation as far as the log tells:
// by a wait of its own that ended, or by the statement it ran.
func (b *memory) modeOf(pid int, c *contention, x *root, names map[relationKey]string) (mode pglock.Mode, since time.Time, by *run) {
	for _, g := range c.granted {
		if g.pid == pid && !g.at.After(x.to) && g.mode > mode {
			mode, since = g.mode, g.at
		}
	}
	p := b.procs[pid]
	if p == nil || c.lockType != "relation" {
		return mode, since, nil
	}
	name := c.nameOf(names)
	for i := range p.runs {
		r := &p.runs[i]
		// The statement began before the first wait, but for the stamp's precision.
		if r.head.Mode <= mode || r.start.After(x.from.Add(sameWait)) || unqualified(r.head.Relation) != unqualified(name) {
			continue
		}
		if since.IsZero() || r.start.Before(since) && r.start.Before(x.from) {
			since = r.start
		}
		mode, by = r.head.Mode, r
	}
	return mode, since, by
}

// waitEpisode is one wait as evidence.
func (b *memory) waitEpisode(w *wait, roots []root, names map[relationKey]string) incident.Episode {
	s := w.session
	if p := b.procs[s.PID]; p != nil && s.User == "" { // known from a deadlock alone
		s = p.session
		s.PID, s.Query = w.session.PID, w.session.Query
	}
	s.State, s.WaitEventType, s.WaitName = "active", "Lock", w.on.lockType
	e := incident.Episode{
		Kind: incident.LockWait, From: w.from, To: w.to, ToErr: w.toErr, Open: w.open, Session: s, Wanted: w.mode,
		LockType: w.on.lockType, Relation: either(w.relation, w.on.nameOf(names)), Origin: w.origin,
	}
	if w.instant {
		e.Open, e.ToErr = false, time.Millisecond
		e.Text = "part of a deadlock that was found then; since when it waited the log does not say"
	}
	if len(w.deadlocked) > 0 {
		e.ToErr = max(e.ToErr, time.Millisecond) // it waited when the deadlock was found, if within the same millisecond
		for _, d := range w.deadlocked {
			e.Blockers = append(e.Blockers, incident.Blocker{PID: d.pid, Hard: true, Mode: d.mode})
		}
		return e
	}
	for i := range roots {
		x := &roots[i]
		if !x.meets(w) {
			continue
		}
		by := b.blockers(w, x)
		if len(by) == 0 {
			continue
		}
		if slices.Equal(by, e.Blockers) {
			continue
		}
		if len(e.Blockers) > 0 {
			e.Was = append(e.Was, incident.Blocking{Until: incident.EarlierOf(w.to, x.from), Blockers: e.Blockers})
		}
		e.Blockers = by
	}
	const most = 16 // as many as evidence keeps
	e.Was = e.Was[max(0, len(e.Was)-most):]
	return e
}

// maxSoft bounds the sessions ahead in the queue that a wait names.
const maxSoft = 64

// blockers are the holders in the way of a wait, else those ahead of it in the
// queue that want what it cannot share.
func (b *memory) blockers(w *wait, x *root) []incident.Blocker {
	var by []incident.Blocker
	for _, h := range x.holders {
		if h.PID != w.session.PID && (h.Mode == pglock.None || pglock.Conflicts(h.Mode, w.mode)) {
			by = append(by, h)
		}
	}
	if len(by) > 0 {
		return by
	}
	for _, pid := range w.ahead {
		i := slices.IndexFunc(w.on.byPID[pid], func(q *wait) bool {
			return q.from.Before(w.to) && q.to.After(w.from) && pglock.Conflicts(q.mode, w.mode)
		})
		if i >= 0 && len(by) < maxSoft {
			by = append(by, incident.Blocker{PID: pid, Mode: w.on.byPID[pid][i].mode})
		}
	}
	return by
}

// holderEpisodes are the sessions at the root of an object's waits.
func (b *memory) holderEpisodes(c *contention, roots []root, names map[relationKey]string) []incident.Episode {
	var all []incident.Episode
	for i := range roots {
		x := &roots[i]
		if len(x.holders) == 0 {
			continue
		}
		e, first := b.holderEpisode(c, x, names)
		if first == nil {
			continue
		}
		if n := len(all); n > 0 && all[n-1].Session.PID == e.Session.PID && all[n-1].Held == e.Held && !e.From.After(all[n-1].To) {
			all[n-1].To, all[n-1].ToErr, all[n-1].Open = incident.LaterOf(all[n-1].To, e.To), e.ToErr, e.Open
			all[n-1].Value = max(all[n-1].Value, e.Value)
			continue
		}
		all = append(all, e)
	}
	return all
}

func (b *memory) holderEpisode(c *contention, x *root, names map[relationKey]string) (incident.Episode, *wait) {
	h := x.holders[0]
	e := incident.Episode{
		Kind: incident.SessionState, From: x.from, To: x.to, Session: incident.Session{PID: h.PID}, Held: h.Mode,
		LockType: c.lockType, Relation: c.nameOf(names), Text: "since somebody waits for it; the log does not say for how long it had the lock before",
	}
	var first *wait
	for _, w := range c.waits {
		if w.session.PID == h.PID || !x.meets(w) {
			continue
		}
		e.Value++
		e.Relation = either(e.Relation, w.relation)
		if first == nil {
			first, e.Origin = w, w.origin
		}
		e.Open = e.Open || w.open && !w.instant && x.until.IsZero()
		if x.until.IsZero() {
			e.To = incident.LaterOf(e.To, w.to)
		}
	}
	if !x.released.IsZero() {
		e.To, e.ToErr = incident.LaterOf(e.From, x.released), 0
	}
	if p := b.procs[h.PID]; p != nil {
		e.Session = p.session
		e.Session.PID = h.PID
		if r := p.ran(x.from, e.To); r != nil {
			e.Session.Query, e.Session.QueryStart = r.text, r.start
		}
	}
	switch {
	case x.run != nil:
		e.Session.Query, e.Session.QueryStart = x.run.text, x.run.start
		e.Text = "since its statement began, which takes this lock"
	case !x.since.IsZero():
		e.Text = "since it got the lock after a wait"
	}
	if !x.since.IsZero() && x.since.Before(e.From.Add(sameWait)) {
		e.From = x.since
	}
	if n := len(x.holders); n > 1 {
		e.Text += fmt.Sprintf("; one of %d that the server lists as holders, in any mode", n)
	}
	return e, first
}

// ran is the last statement that the process is known to have run in a time.
func (p *proc) ran(from, to time.Time) *run {
	for i := len(p.runs) - 1; i >= 0; i-- {
		r := &p.runs[i]
		if !r.start.After(to) && (r.end.IsZero() || r.end.After(from)) {
			return r
		}
	}
	return nil
}
