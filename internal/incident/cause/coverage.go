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
		if f.Role != incident.Trigger {
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
			sum += w.To.Sub(later(from, w.From))
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
		s.deadConnection(&r, h, at)
		return r
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

// deadConnection words what calls in flight that never end show. That the
// connection was dead is only said when all else is ruled out: the callee
// answers others, nobody waits for a lock, and nothing but a restart of the
// caller helped.
func (s *scene) deadConnection(r *incident.Remainder, h *hang, inFlight float64) {
	r.Support = append(r.Support, h.flow.Started.ID())
	for _, done := range h.flow.Finished {
		r.Support = append(r.Support, done.ID())
	}
	free := s.noWaiters(r.Window)
	if free {
		r.Detail = append(r.Detail, "no session waited for a lock any more")
	}
	alive, id := s.answers(h.flow.Callee(), r.Window)
	if alive != "" {
		r.Detail = append(r.Detail, fmt.Sprintf("%s answered others (%s)", h.flow.Callee(), alive))
		r.Support = append(r.Support, id...)
	}
	restarted := h.endedBy == "restart"
	if restarted {
		r.Detail = append(r.Detail, fmt.Sprintf("only the restart of %s at %s ended it", h.flow.Caller, till(h.To)))
		for _, c := range s.v.Changes() {
			if c.Kind == incident.Restart && c.At.Equal(h.To) {
				r.Support = append(r.Support, c.ID())
			}
		}
	}
	head := "was calls in flight that nothing ended"
	if free && (alive != "" || restarted) {
		head = "began with a connection that nobody noticed was dead"
	}
	r.Explanation = fmt.Sprintf("%s: %s %s hung", head, things(int64(inFlight), "call", "calls"), h.edge())
	r.Detail = append(r.Detail, "no deadline and no keepalive noticed it")
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
