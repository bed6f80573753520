package incident

import (
	"slices"
	"time"
)

func (ev *Evidence) addEpisode(added *Episode) {
	e := &ev.sought.episode
	*e = *added
	e.From, e.To = e.From.UTC(), e.To.UTC()
	if e.To.Before(e.From) {
		e.To = e.From
	}
	ev.cover(e.From, e.To)
	if e.Kind == LockWait || e.Kind == SessionState {
		ev.addSampled(e.To)
	}
	key := e.key()
	if have := ev.episodes.find(e); have != nil {
		*have = have.Continue(*e)
		return
	}
	if from, ok := ev.latest[key]; ok {
		probe := &ev.sought.earlier
		*probe = *e
		probe.From = from
		if have := ev.episodes.find(probe); have != nil && have.continues(*e) {
			whole := have.Continue(*e)
			if whole.From.Equal(have.From) {
				*have = whole
				return
			}
			ev.episodes.remove(probe)
			ev.episodes.insert(whole)
			ev.latest[key] = whole.From
			return
		}
	}
	if from, ok := ev.latest[key]; !ok || e.From.After(from) {
		ev.latest[key] = e.From
	}
	ev.episodes.insert(*e)
}

// continues says that next, of the same session and thing, is more of e and not
// another one: the two overlap but for the sampling interval, and no instant
// given by the source contradicts.
func (e *Episode) continues(next Episode) bool {
	if a, b := e.Session.XactStart, next.Session.XactStart; !a.IsZero() && !b.IsZero() && !a.Equal(b) {
		return false
	}
	if e.Kind == LockWait && e.FromErr == 0 && next.FromErr == 0 {
		return e.From.Equal(next.From)
	}
	slack := max(e.ToErr, next.FromErr, e.FromErr, next.ToErr)
	return !next.From.After(e.To.Add(slack)) && !e.From.After(next.To.Add(slack))
}

// maxBlocking bounds how many changes of the holder one wait remembers.
const maxBlocking = 16

// Continue is one episode out of two observations of it, in either order.
func (e Episode) Continue(next Episode) Episode {
	if next.To.Before(e.To) {
		e, next = next, e
	}
	whole := next
	if e.From.Before(next.From) || e.From.Equal(next.From) && e.FromErr < next.FromErr {
		whole.From, whole.FromErr = e.From, e.FromErr
	}
	whole.Held = max(e.Held, next.Held)
	if whole.Wanted == 0 {
		whole.Wanted = e.Wanted
	}
	whole.Relation = either(next.Relation, e.Relation)
	whole.LockType = either(next.LockType, e.LockType)
	whole.Text = either(next.Text, e.Text)
	whole.Session.Query = either(next.Session.Query, e.Session.Query)
	if whole.Session.XactStart.IsZero() {
		whole.Session.XactStart = e.Session.XactStart
	}
	whole.Value = max(e.Value, next.Value)
	whole.Was = next.Was
	switch {
	case len(next.Blockers) == 0:
		whole.Blockers = e.Blockers
		whole.Was = e.Was
	case len(e.Was) > len(next.Was):
		whole.Was = e.Was
		fallthrough
	default:
		known := len(whole.Was) > 0 && !e.To.After(whole.Was[len(whole.Was)-1].Until)
		if len(e.Blockers) > 0 && !known && !e.To.Equal(next.To) && !sameHolders(e.Blockers, next.Blockers) {
			whole.Was = append(slices.Clone(whole.Was), Blocking{Until: e.To, Blockers: e.Blockers})
			if len(whole.Was) > maxBlocking {
				whole.Was = whole.Was[1:]
			}
		}
	}
	return whole
}

// BlockersAt is who the session waited for at an instant.
func (e *Episode) BlockersAt(at time.Time) []Blocker {
	for _, was := range e.Was {
		if !at.After(was.Until) {
			return was.Blockers
		}
	}
	return e.Blockers
}

// Active says that the episode is going on at an instant. A sampled end is the
// last time it was seen, an exact one the first instant without it.
func (e *Episode) Active(at time.Time) bool {
	if at.Before(e.From) {
		return false
	}
	return at.Before(e.To) || at.Equal(e.To) && (e.Open || e.ToErr > 0 || e.From.Equal(e.To))
}

// sameHolders compares the hard blockers only: the queue ahead shrinks all the
// time and says nothing.
func sameHolders(a, b []Blocker) bool {
	holds := func(list []Blocker, pid int) bool {
		return slices.ContainsFunc(list, func(x Blocker) bool { return x.Hard && x.PID == pid })
	}
	for _, x := range a {
		if x.Hard && !holds(b, x.PID) {
			return false
		}
	}
	for _, x := range b {
		if x.Hard && !holds(a, x.PID) {
			return false
		}
	}
	return true
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
