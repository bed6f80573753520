package host

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/retry"
)

// stage is what stands on one side of the retries.
type stage struct {
	limit, breaker bool
	limitFirst     bool // the limit is outside the breaker, which does not see its rejections
}

// limits are the time limits of an edge.
type limits struct {
	call    time.Duration // of one attempt, the caller's own or the library's; 0 is none
	late    *TimeoutError // of that one
	library bool          // it is the library's
	ending  library.Ending
	hard    time.Duration // the library's on one attempt, where it ends the call below; 0 is none
	total   time.Duration // the library's over all attempts; 0 is none
	overall *TimeoutError // of that one
	unseen  bool          // the breaker does not see total end an attempt
}

// compose puts what the policy and its library say in the library's order.
func (g *Guard) compose(b library.Built) error {
	p := g.policy
	g.breaker = b.Breaker
	if g.breaker != nil {
		g.state = g.breaker.State()
	}
	g.plan = retry.PlanOf(p.Retry)
	if b.Retry != nil && b.Retry.Attempts > 1 {
		if p.Retry.Attempts > 1 {
			return fmt.Errorf("the edge makes %d attempts and its %s %d of each: say only one of the two", p.Retry.Attempts, p.Breaker.Library, b.Retry.Attempts)
		}
		g.plan = *b.Retry
	}
	g.max = p.MaxConcurrent
	if b.MaxConcurrent > 0 && (g.max == 0 || b.MaxConcurrent < g.max) {
		g.max = b.MaxConcurrent
	}
	l := limits{call: p.Timeout, total: b.TotalTimeout, ending: b.Ending, unseen: b.TotalUnseen}
	if b.CallTimeout > 0 && (l.call == 0 || b.CallTimeout <= l.call) {
		l.call, l.library = b.CallTimeout, true
	}
	if l.ending != library.EndByPolicy {
		l.hard = b.CallTimeout
	}
	l.late, l.overall = timeoutError(g.edge, l.call), timeoutError(g.edge, l.total)
	g.limits = l

	at := &g.outer
	for _, piece := range library.Complete(b.Order) {
		switch piece {
		case library.Retry:
			at = &g.inner
		case library.Limit:
			at.limit = g.max > 0
			at.limitFirst = !at.breaker
		case library.Breaker:
			at.breaker = g.breaker != nil
		default: // time limits are always where they are here
		}
	}
	g.bare = g.outer == stage{} && !g.inner.limit && !g.inner.breaker &&
		l.call == 0 && l.total == 0 && p.Deadline == 0 && g.plan.Attempts <= 1
	return nil
}

// pass is what a stage gave to a call or an attempt.
type pass struct {
	ticket policy.Ticket
	asked  bool          // the breaker gave the ticket
	at     time.Time     // when, in the outer stage
	limit  time.Duration // what the breaker allows an attempt; 0 is no limit
}

// enter asks for a place and for the breaker's leave, in the stage's order.
func (g *Guard) enter(s stage) (pass, *Rejection) {
	if !s.limit && !s.breaker {
		return pass{}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var p pass
	full := s.limit && g.inFlight >= g.max
	if full && s.limitFirst {
		return p, g.reject(reasonBusy)
	}
	if s.breaker {
		now := g.advance()
		ticket, verdict := g.breaker.Allow(now, g.rand())
		g.settle(now)
		if !verdict.Admitted {
			return p, g.reject(verdict.Reason)
		}
		if full {
			g.breaker.Record(now, ticket, policy.Outcome{Code: policy.Busy})
			g.settle(now)
		}
		p = pass{ticket, true, now, verdict.Limit}
	}
	if full {
		return p, g.reject(reasonBusy)
	}
	if s.limit {
		g.inFlight++
	}
	return p, nil
}

// reject counts a rejection. The lock is held.
func (g *Guard) reject(reason string) *Rejection {
	g.meter.Count(g.counters.reject, 1)
	return &Rejection{Edge: g.edge, Reason: reason}
}

// release gives back the place of an attempt that has really ended, which may be
// long after its caller went on.
func (g *Guard) release() {
	if g.inner.limit {
		g.mu.Lock()
		g.inFlight--
		g.mu.Unlock()
	}
}

// leave ends a call that passed the outer stage. Its place is free when the caller
// has its answer: out there nobody knows of an attempt left running.
func (g *Guard) leave(p pass, err error) {
	if g.outer.limit {
		g.mu.Lock()
		g.inFlight--
		g.mu.Unlock()
	}
	if !p.asked {
		return
	}
	o := g.outcome(err, g.clock.Now().Sub(p.at))
	var own *Rejection // by a limit inside the retries
	if errors.As(err, &own) && own.Edge == g.edge {
		o.Code, o.Status = policy.Busy, 0
	}
	g.record(p.ticket, o)
}

// bounds are the time limits of one attempt, 0 being none.
type bounds struct {
	wait     time.Duration // the caller waits no longer
	total    bool          // wait is what is left of the total time limit
	ends     bool          // wait ends the call below, too
	deadline time.Duration // a deadline on the call below
}

// bounds of an attempt that begins now and to which a breaker allows so much.
func (g *Guard) bounds(c *call, allowed time.Duration) bounds {
	l := &g.limits
	b := bounds{wait: policy.Shortest(l.call, c.limit, allowed), deadline: g.policy.Deadline}
	hard := l.hard
	left, bounded := g.left(c)
	if bounded {
		if b.wait == 0 || left <= b.wait {
			b.wait, b.total = left, true
		}
		if l.ending != library.EndByPolicy {
			hard = policy.Shortest(hard, left)
		}
	}
	switch {
	case hard == 0:
	case l.ending == library.EndDeadline:
		b.deadline = policy.Shortest(b.deadline, hard)
		if b.deadline <= b.wait {
			b.wait, b.total = 0, false // the deadline's own status is the answer
		}
	case hard <= b.wait:
		b.ends = true
	default: // the caller goes on earlier, and the call ends later all the same
		b.deadline = policy.Shortest(b.deadline, hard)
	}
	return b
}

// findReplicas finds the connections that the breaker chooses among, where it is a
// proxy's and the edge has several.
func (g *Guard) findReplicas() error {
	chooser, chooses := g.breaker.(policy.Chooser)
	if chooses {
		g.events, _ = g.meter.(EventMeter)
	}
	several, has := g.conn.(Replicated)
	if !chooses || !has {
		return nil
	}
	g.replicas = several.Replicas()
	if n := chooser.Hosts(); n != len(g.replicas) {
		return fmt.Errorf("%s chooses among %d hosts, and the edge has %d replicas behind it", g.policy.Breaker.Library, n, len(g.replicas))
	}
	return nil
}

// to is the connection for an attempt that passed the inner stage.
func (g *Guard) to(p pass) grpc.ClientConnInterface {
	if g.replicas != nil && p.asked {
		return g.replicas[p.ticket.Host]
	}
	return g.conn
}

// left is what is left of a call's total time limit; false when there is none.
func (g *Guard) left(c *call) (time.Duration, bool) {
	if c.end.IsZero() {
		return 0, false
	}
	return c.end.Sub(g.clock.Now()), true
}

// timedOut is the error of a call whose caller's own timer ran out.
func (g *Guard) timedOut(b bounds) *TimeoutError {
	switch {
	case b.total:
		return g.limits.overall
	case b.wait == g.limits.call:
		return g.limits.late
	default:
		return timeoutError(g.edge, b.wait) // the library set one for this call
	}
}

// tooLate is the error of a call whose total time limit ran out between two
// attempts.
func (g *Guard) tooLate() error {
	if g.limits.ending == library.EndDeadline {
		return status.Errorf(codes.DeadlineExceeded, "%s: no answer within %s", g.edge, g.limits.total)
	}
	return g.limits.overall
}
