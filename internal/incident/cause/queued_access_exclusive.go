package cause

import (
	"fmt"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// queueRule names requests for ACCESS EXCLUSIVE that wait: everybody who comes after
// queues behind them, also those whom the holder of the lock would let pass.
const queueRule = "queued_access_exclusive"

// queue is such a request and those behind it.
type queue struct {
	request *incident.Episode
	first   time.Time // somebody waited behind it
	last    time.Time
	blocked time.Duration // summed over those
	waiters map[int]bool  // by leader's pid
	support []incident.ID
}

// queueOf is the queue with the most blocked time among the waits for a holder; nil
// when the holder itself stopped them.
func (s *scene) queueOf(h *holder) *queue {
	queues := map[*incident.Episode]*queue{}
	var most *queue
	for _, c := range h.waits {
		if h.held != pglock.None && pglock.Conflicts(h.held, c.wait.Wanted) {
			continue
		}
		for _, b := range c.wait.BlockersAt(c.From) {
			request := s.requestOf(b, c)
			if request == nil {
				continue
			}
			q := queues[request]
			if q == nil {
				q = &queue{request: request, first: c.From, waiters: map[int]bool{}}
				queues[request] = q
			}
			q.blocked += c.Length()
			q.waiters[c.wait.Session.Leader()] = true
			q.last = incident.LaterOf(q.last, c.To.Add(c.wait.ToErr))
			if len(q.support) < 3 {
				q.support = append(q.support, c.wait.ID())
			}
			if most == nil || q.blocked > most.blocked {
				most = q
			}
			break
		}
	}
	return most
}

// requestOf is the wait for ACCESS EXCLUSIVE of a soft blocker meanwhile.
func (s *scene) requestOf(b incident.Blocker, c credit) *incident.Episode {
	if b.Hard {
		return nil
	}
	for _, e := range s.waits[b.PID] {
		if e.Wanted == pglock.AccessExclusive && e != c.wait && !e.From.After(c.To) && !e.To.Before(c.From) {
			return e
		}
	}
	return nil
}

// letsPass says that all who waited for a holder, but for the request itself, waited
// behind a request for ACCESS EXCLUSIVE, and that the holder is one of everyday: it
// made the queue long, and did not begin it.
func (h *holder) letsPass() bool {
	return !h.idle && h.held != pglock.None && h.held < pglock.Share && !isDDL(h.session.Query) &&
		h.queued != nil && h.queued.Wanted == pglock.AccessExclusive && h.behindQueue >= len(h.waits)-1
}

// queueBehind is the finding of a request that waits for a holder and stops those
// whom the holder would let pass.
func (s *scene) queueBehind(h *holder) (incident.Finding, bool) {
	q := s.queueOf(h)
	if q == nil || q.blocked < 5*time.Second {
		return incident.Finding{}, false
	}
	r := q.request
	name := who(r.Session.Leader(), r.Session.User, r.Session.Application)
	f := incident.Finding{
		ID: subject(queueRule, fmt.Sprint(r.Session.Leader()), r.Relation), Cause: queueRule, Role: incident.Trigger, Confidence: incident.Possible,
		Window:  incident.Window{From: r.From, To: up(incident.LaterOf(q.last, r.To.Add(r.ToErr)), time.Second)},
		Subject: incident.Subject{PID: r.Session.Leader(), Relation: r.Relation, Mode: r.Wanted.String(), Waiters: len(q.waiters)},
		Support: append([]incident.ID{r.ID()}, q.support...),
	}
	holder := fmt.Sprintf("%s, %s", who(h.session.PID, h.session.User, h.session.Application), h.mode())
	f.Claim = fmt.Sprintf("%s waited for %s on %s from %s to %s behind %s; %s behind that request, though the holder would let them pass",
		name, r.Wanted, r.Relation, clock(r.From), till(f.Window.To), holder, things(len(q.waiters), "session queued", "sessions queued"))
	f.Action = "set lock_timeout before DDL and try again: a request for ACCESS EXCLUSIVE that waits stops all who come after it"
	if r.Open {
		f.Claim = fmt.Sprintf("%s waits for %s on %s since %s behind %s; %s behind that request, though the holder would let them pass",
			name, r.Wanted, r.Relation, clock(r.From), holder, things(len(q.waiters), "session queues", "sessions queue"))
		f.Action = fmt.Sprintf("select pg_cancel_backend(%d);\n-- cancels the request that waits; those behind it go on at once, and pid %d goes on as well.", f.Subject.PID, h.session.PID)
	}
	if text := oneLine(r.Session.Query); text != "" {
		f.Detail = append(f.Detail, text)
	}
	f.Detail = append(f.Detail, fmt.Sprintf("%s blocked-seconds behind the request", count(int64(q.blocked.Seconds()))))
	f.Support = append(f.Support, h.states...)
	if s.impact == (incident.Window{}) {
		f.Detail = append(f.Detail, "no request is known to fail: one group of sources, so no more than Possible")
		return f, true
	}
	if why := s.refute(r.From, r.FromErr, q.first); why != "" {
		f.Role, f.Confidence, f.Against = incident.Symptom, incident.NoClearCause, s.worst().Support
		f.Detail = append(f.Detail, why+": it cannot have begun the failure")
		return f, true
	}
	f.Support = append(f.Support, s.worst().Support...)
	f.Against = s.firstFailedAfter(f.Window.To)
	f.Confidence = s.word(&f, basis{certain: true, first: s.before(r.From, r.FromErr, "postgres")})
	f.Detail = append(f.Detail, s.counterfactual(f.ID, "without the request"))
	return f, true
}
