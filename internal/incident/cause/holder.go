package cause

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// holder is a session at the root of lock waits: others waited for it, directly
// or behind one another, and it waited for nobody.
type holder struct {
	session  incident.Session
	held     pglock.Mode
	relation string
	lockType string
	incident.Window
	sinceErr, untilErr time.Duration // how much earlier it may have begun, later it may have ended
	open               bool          // still so at the last look
	idle               bool          // it was seen idle in transaction

	waits   []credit
	waiters int           // the most at one instant
	fullAt  time.Time     // when there were that many for the first time
	blocked time.Duration // summed over waiters: blocked-seconds
	longest time.Duration
	// inTheWay is the longest time in which somebody waited, if not always the same
	// one: those who give up after a second and come again never wait for long.
	inTheWay    time.Duration
	wanted      map[pglock.Mode]int // waiters by what they wanted
	queued      *incident.Episode   // a waiter that others queue behind although the holder would let them pass
	behindQueue int                 // how many do
	states      []incident.ID
}

// credit is a part of a wait that goes to one root.
type credit struct {
	incident.Window
	wait *incident.Episode
}

// holderKey tells transactions of one pid apart.
type holderKey struct {
	pid  int
	xact int64
}

// locks indexes the episodes of locks.
type locks struct {
	waits  map[int][]*incident.Episode // by leader pid, in order of time
	states map[int][]*incident.Episode
	roots  map[holderKey]*holder
}

// maxQueue bounds how many sessions a chain of waits is followed through.
const maxQueue = 50

// findHolders gives every part of every wait to the session at its root.
func (s *scene) findHolders() {
	l := &locks{waits: map[int][]*incident.Episode{}, states: map[int][]*incident.Episode{}, roots: map[holderKey]*holder{}}
	var all []*incident.Episode
	s.v.EachEpisode(func(e *incident.Episode) {
		pid := e.Session.Leader()
		if e.Kind == incident.SessionState {
			l.states[pid] = append(l.states[pid], e)
		}
		if e.Kind == incident.LockWait {
			l.waits[pid] = append(l.waits[pid], e)
			if e.From.Before(s.closeUp.To) && !e.To.Before(s.closeUp.From) {
				all = append(all, e)
			}
		}
	})
	for _, e := range all {
		l.follow(e, e, incident.Window{From: e.From, To: e.To}, nil)
	}
	s.waits = l.waits
	for _, h := range l.roots {
		h.sum()
		s.holders = append(s.holders, h)
	}
	slices.SortFunc(s.holders, func(a, b *holder) int {
		return cmp.Or(cmp.Compare(b.blocked, a.blocked), a.From.Compare(b.From), cmp.Compare(a.session.PID, b.session.PID))
	})
}

// follow gives window w of a wait to the roots behind at, the session it waits
// behind then.
func (l *locks) follow(wait, at *incident.Episode, w incident.Window, through []int) {
	if len(through) > maxQueue {
		return
	}
	from := w.From
	for i := 0; i <= len(at.Was) && !from.After(w.To); i++ {
		part := incident.Window{From: from, To: w.To}
		blockers := at.Blockers
		if i < len(at.Was) {
			blockers = at.Was[i].Blockers
			part.To = incident.EarlierOf(w.To, at.Was[i].Until)
			if at.Was[i].Until.Before(from) {
				continue
			}
		}
		l.behind(wait, at, blockers, part, through)
		from = part.To
		if !part.To.Before(w.To) {
			return
		}
	}
}

func (l *locks) behind(wait, at *incident.Episode, blockers []incident.Blocker, w incident.Window, through []int) {
	b, ok := l.pick(blockers, at.Session.Leader(), w)
	if !ok || slices.Contains(through, b.PID) { // a cycle: nobody is the root
		return
	}
	through = append(slices.Clone(through), b.PID)
	rest := w.From
	for _, up := range l.waits[b.PID] {
		meet := w.Meet(incident.Window{From: up.From, To: up.To})
		if meet.Length() == 0 {
			continue
		}
		if rest.Before(meet.From) {
			l.credit(b, wait, incident.Window{From: rest, To: meet.From})
		}
		l.follow(wait, up, meet, through)
		rest = incident.LaterOf(rest, meet.To)
	}
	if rest.Before(w.To) || w.Length() == 0 {
		l.credit(b, wait, incident.Window{From: rest, To: w.To})
	}
}

// pick is the blocker to follow: a holder before a queued session, one that
// waits for nobody before one that does.
func (l *locks) pick(blockers []incident.Blocker, self int, w incident.Window) (best incident.Blocker, ok bool) {
	rank := func(b incident.Blocker) (r int) {
		if !b.Hard {
			r += 2
		}
		if slices.ContainsFunc(l.waits[b.PID], func(e *incident.Episode) bool { return e.From.Before(w.To) && e.To.After(w.From) }) {
			r++
		}
		return r
	}
	for _, b := range blockers {
		if b.PID == self {
			continue
		}
		if !ok || rank(b) < rank(best) || rank(b) == rank(best) && b.PID < best.PID {
			best, ok = b, true
		}
	}
	return best, ok
}

func (l *locks) credit(b incident.Blocker, wait *incident.Episode, w incident.Window) {
	state := l.stateOf(b.PID, w)
	key := holderKey{pid: b.PID}
	if state != nil {
		key.xact = state.From.UnixNano()
		if x := state.Session.XactStart; !x.IsZero() {
			key.xact = x.UnixNano()
		}
	}
	h := l.roots[key]
	if h == nil {
		h = &holder{session: incident.Session{PID: b.PID}, wanted: map[pglock.Mode]int{}}
		l.roots[key] = h
	}
	if state != nil {
		h.see(state)
	}
	if b.Hard {
		h.held = max(h.held, b.Mode)
	}
	if n := len(h.waits); n > 0 && h.waits[n-1].wait == wait && h.waits[n-1].To.Equal(w.From) {
		h.waits[n-1].To = w.To
	} else {
		h.waits = append(h.waits, credit{w, wait})
	}
	if first := wait.BlockersAt(w.From); slices.ContainsFunc(first, func(x incident.Blocker) bool { return x.PID == b.PID }) {
		h.relation, h.lockType = either(h.relation, wait.Relation), either(h.lockType, wait.LockType)
	} else if i := slices.IndexFunc(first, func(x incident.Blocker) bool { return !x.Hard }); i >= 0 {
		h.behindQueue++
		for _, q := range l.waits[first[i].PID] {
			if q.From.Before(w.To) && q.To.After(w.From) {
				h.queued = q
			}
		}
	}
}

func (l *locks) stateOf(pid int, w incident.Window) *incident.Episode {
	var best *incident.Episode
	for _, e := range l.states[pid] {
		slack := max(e.ToErr, e.FromErr, time.Second)
		if e.From.Add(-slack).Before(w.To.Add(time.Nanosecond)) && !e.To.Add(slack).Before(w.From) {
			if best == nil || e.Held > best.Held {
				best = e
			}
		}
	}
	return best
}

// see learns from a state of the holder.
func (h *holder) see(e *incident.Episode) {
	id := e.ID()
	if slices.Contains(h.states, id) {
		return
	}
	h.states = append(h.states, id)
	if h.session.Query == "" || !e.To.Before(h.To) {
		h.session = e.Session
		h.session.PID = e.Session.Leader()
	}
	h.held = max(h.held, e.Held)
	h.idle = h.idle || strings.HasPrefix(e.Session.State, "idle in transaction")
	if h.From.IsZero() || e.From.Before(h.From) {
		h.From, h.sinceErr = e.From, e.FromErr
	}
	if e.To.After(h.To) {
		h.To, h.untilErr, h.open = e.To, e.ToErr, e.Open
	}
	if e.Relation != "" {
		h.relation, h.lockType = e.Relation, either(e.LockType, h.lockType)
	}
}

// sum works out what the waits come to.
func (h *holder) sum() {
	slices.SortFunc(h.waits, func(a, b credit) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.wait.Session.PID, b.wait.Session.PID))
	})
	unseen := len(h.states) == 0
	type turn struct {
		at   time.Time
		pid  int
		more int
	}
	var turns []turn
	counted := map[*incident.Episode]bool{}
	for _, c := range h.waits {
		h.blocked += c.Length()
		h.longest = max(h.longest, c.Length())
		if !counted[c.wait] {
			counted[c.wait] = true
			h.wanted[c.wait.Wanted]++
		}
		if unseen {
			if h.From.IsZero() {
				h.From, h.sinceErr = c.From, c.wait.FromErr
			}
			if c.To.After(h.To) {
				h.To, h.untilErr, h.open = c.To, c.wait.ToErr, c.wait.Open
			}
		}
		turns = append(turns, turn{c.From, c.wait.Session.Leader(), +1}, turn{c.To, c.wait.Session.Leader(), -1})
	}
	// The lock cannot have come after the first who waited for it.
	if len(h.waits) > 0 && h.waits[0].From.Before(h.From) {
		h.From, h.sinceErr = h.waits[0].From, h.waits[0].wait.FromErr
	}
	h.From = h.From.Truncate(time.Millisecond)
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(b.more, a.more)) })
	under := map[int]int{}
	var since, until time.Time
	for _, t := range turns {
		if t.at.Sub(until) > onset && len(under) == 0 { // shorter gaps lie between two samples
			since = t.at
		}
		until = incident.LaterOf(until, t.at)
		h.inTheWay = max(h.inTheWay, until.Sub(since))
		if under[t.pid] += t.more; under[t.pid] == 0 {
			delete(under, t.pid)
		}
		if len(under) > h.waiters {
			h.waiters, h.fullAt = len(under), t.at
		}
	}
}

// end is the first full second at which it was gone, as far as is known; of one
// that goes on, the last look.
func (h *holder) end() time.Time {
	if h.open {
		return h.To
	}
	return up(h.To.Add(h.untilErr), time.Second)
}

// foreign says why the holder is no part of the usual work; empty when it is.
func (h *holder) foreign() string {
	switch {
	case h.idle:
		return idleWhy
	case isDDL(h.session.Query):
		return "it runs DDL"
	case h.lockType == "relation" && h.held >= pglock.Share:
		return h.held.String() + " on a whole table is not what requests take"
	case h.lockType == "relation" && h.held == pglock.None && h.keepsRowExclusive():
		return "what keeps ROW EXCLUSIVE waiting is a lock of a whole table, SHARE or stronger, which requests do not take"
	}
	apps := map[string]int{}
	for _, c := range h.waits {
		apps[c.wait.Session.Application+"\x00"+c.wait.Session.User]++
	}
	own := h.session.Application + "\x00" + h.session.User
	if h.session.User+h.session.Application != "" && apps[own] == 0 {
		return "none of the waiting sessions is of its user and application"
	}
	return ""
}

// keepsRowExclusive says that all who waited wanted what a write of a request wants, or
// less: of an unknown mode that is enough to say that it is no request's.
func (h *holder) keepsRowExclusive() bool {
	for wanted := range h.wanted {
		if wanted == pglock.None || wanted > pglock.RowExclusive {
			return false
		}
	}
	return len(h.wanted) > 0
}

// isDDL reads the first word of a statement.
func isDDL(query string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	switch strings.ToUpper(word) {
	case "CREATE", "ALTER", "DROP", "TRUNCATE", "VACUUM", "REINDEX", "CLUSTER", "LOCK", "REFRESH":
		return true
	}
	return false
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
