package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// coverage is the share of the impact that triggers cover, and the windows that
// they leave, each with what is known about it. Nothing is left out: a window
// that nothing explains has no explanation.
func (s *scene) coverage(findings []incident.Finding) (float64, []incident.Remainder) {
	if s.impact.Length() == 0 {
		return 0, nil
	}
	var covered []incident.Window
	for _, f := range findings {
		if f.Role != incident.Trigger || f.Confidence == incident.NoClearCause {
			continue
		}
		if w := f.Window.Meet(s.impact); w.Length() > 0 {
			covered = append(covered, w)
		}
	}
	slices.SortFunc(covered, func(a, b incident.Window) int { return a.From.Compare(b.From) })
	var left []incident.Remainder
	from := s.impact.From
	gap := func(to time.Time) {
		if w := (incident.Window{From: from, To: to}); w.Length() >= onset { // shorter ones are within the error of the ends
			left = append(left, s.explain(w))
		}
	}
	var sum time.Duration
	for _, w := range covered {
		gap(w.From)
		if w.To.After(from) {
			sum += w.To.Sub(incident.LaterOf(from, w.From))
			from = w.To
		}
	}
	gap(s.impact.To)
	return share(sum, s.impact.Length()), left
}

// explain says what kept requests failing in a window that no trigger covers.
func (s *scene) explain(w incident.Window) incident.Remainder {
	r := incident.Remainder{Window: w}
	if s.drains(&r) {
		return r
	}
	for _, h := range s.hangs {
		if h.deadline > 0 || 10*h.Meet(w).Length() < 9*w.Length() {
			continue
		}
		at := h.inFlight(w.From)
		if !(at >= leastHung) {
			continue
		}
		s.hungCalls(&r, h, at)
		return r
	}
	for _, f := range s.stuck {
		if 10*f.Window.Meet(w).Length() >= 9*w.Length() {
			r.Explanation, r.Support = fmt.Sprintf("was the breaker of %s, which stayed open", f.Subject.Edge), f.Support
			break
		}
	}
	return r
}

// drains says that no request begun in the window failed: those that end in it
// had begun before.
func (s *scene) drains(r *incident.Remainder) bool {
	var begun, ended int64
	var last incident.ID
	s.v.EachBucket(incident.Window{From: r.Window.From, To: r.Window.To.Add(time.Nanosecond)}, func(b *incident.Bucket) {
		if b.Failed() {
			begun += s.counted(b)
			ended += b.Ended
			if b.Ended > 0 {
				last = b.ID()
			}
		}
	})
	if begun > 0 || ended == 0 {
		return false
	}
	r.Explanation = fmt.Sprintf("was the end of %s begun before: none begun after %s failed", things(ended, "request", "requests"), till(r.Window.From))
	r.Support = []incident.ID{last}
	return true
}

// hungCalls words what calls in flight that never end show. That the connection
// was dead is said when all else is ruled out and not before: the lock is gone
// and nobody waits for another, the callee answers others, and nothing but a
// restart of the caller, and with it of its connections, ended the calls.
// Otherwise handlers that are stuck in the callee would look the same.
func (s *scene) hungCalls(r *incident.Remainder, h *hang, inFlight float64) {
	r.Support = append(r.Support, h.flow.Started.ID())
	for _, done := range h.flow.Finished {
		r.Support = append(r.Support, done.ID())
	}
	var open []string // what else it may be
	caller, callee := h.flow.Caller, h.flow.Callee()
	switch root := s.trigger(); {
	case !s.noWaiters(r.Window):
		open = append(open, "that no session waited for a lock was not seen")
	case root == nil || root.open || root.end().After(r.Window.From.Add(onset)):
		open = append(open, "no session waited for a lock, and none was seen to go before")
	default:
		r.Detail = append(r.Detail, "no session waited for a lock any more")
	}
	if alive, id := s.answers(callee, r.Window); alive != "" {
		r.Detail = append(r.Detail, fmt.Sprintf("%s answered others (%s)", callee, alive))
		r.Support = append(r.Support, id...)
	} else {
		open = append(open, fmt.Sprintf("that %s answered others was not seen", callee))
	}
	for _, c := range h.restarts {
		r.Support = append(r.Support, c.ID())
	}
	long := "that never ended"
	switch h.endedBy {
	case callerRestart:
		long = fmt.Sprintf("that only the restart of %s ended", caller)
		r.Detail = append(r.Detail, fmt.Sprintf("only the restart of %s at %s ended it", caller, till(h.To)))
	case otherRestart:
		long = "that only a restart ended"
		open = append(open, fmt.Sprintf("the restart at %s was not of %s alone: %s", till(h.To), caller, h.restarted()))
	case callsEnded:
		long = "that did not end for long"
		open = append(open, fmt.Sprintf("calls ended again at %s, without a restart of %s", till(h.To), caller))
	case goesOn:
		open = append(open, fmt.Sprintf("no restart of %s shows whether that ends it", caller))
	}
	hung := fmt.Sprintf("%s %s hung", things(int64(inFlight), "call", "calls"), h.edge())
	if len(open) == 0 {
		r.Explanation = "began with a connection that nobody noticed was dead: " + hung
		r.Detail = append(r.Detail, "no deadline and no keepalive noticed it")
		s.dead = append(s.dead, deadCall{h, r.Window, int64(inFlight), slices.Clone(r.Support)})
	} else {
		r.Explanation = fmt.Sprintf("began with calls %s %s: a dead connection or stuck handlers, the evidence does not say which", h.edge(), long)
		r.Detail = append(append(r.Detail, hung+", and no deadline ended them"), open...)
	}
	r.Support = distinct(r.Support)
}

// noWaiters says that Postgres was looked at for nearly all of the window and
// nobody waited, but for the sampling error at the window's beginning.
func (s *scene) noWaiters(w incident.Window) bool {
	w.From = w.From.Add(onset)
	if !s.v.Sees("postgres") || w.Length() == 0 {
		return false
	}
	known := 0
	looks := s.v.LockWaiters(w, min(w.Length(), badStep))
	for _, n := range looks {
		switch {
		case n > 0:
			return false
		case n == 0: // else NaN: not looked at
			known++
		}
	}
	return 10*known >= 9*len(looks)
}

// answers names an endpoint of a service that was answered well in the window.
func (s *scene) answers(service string, w incident.Window) (endpoint string, ids []incident.ID) {
	for _, x := range s.endpoints {
		if !strings.Contains(x.Endpoint.Route, service) || !x.Recovered.IsZero() && x.Recovered.After(w.From.Add(quiet)) {
			continue
		}
		var good int64
		var first []incident.ID
		s.v.EachBucket(w, func(b *incident.Bucket) {
			if b.Endpoint == x.Endpoint && b.Outcome == incident.OK && b.Ended > 0 {
				good += b.Ended
				if len(first) == 0 {
					first = append(first, b.ID())
				}
			}
		})
		if good >= leastDemand {
			return fmt.Sprintf("%s: %s", x.Endpoint, things(good, "request", "requests")), first
		}
	}
	return "", nil
}
