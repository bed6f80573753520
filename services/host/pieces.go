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
)

// limits are the time limits of an edge, and the errors of those who run into them.
type limits struct {
	library.Times
	late    *TimeoutError // of Call
	overall *TimeoutError // of Total
}

// compose puts what the policy and its library say in the library's order.
func (g *Guard) compose(b library.Built) error {
	e, err := library.Compose(g.policy, b)
	if err != nil {
		return err
	}
	if g.breaker = e.Breaker; g.breaker != nil {
		g.state = g.breaker.State()
	}
	g.plan, g.max, g.outer, g.inner = e.Plan, e.Max, e.Outer, e.Inner
	g.limits = limits{Times: e.Times, late: timeoutError(g.edge, e.Times.Call), overall: timeoutError(g.edge, e.Times.Total)}
	g.bare = g.outer == library.Stage{} && !g.inner.Limit && !g.inner.Breaker &&
		e.Times.Call == 0 && e.Times.Total == 0 && e.Times.Deadline == 0 && g.plan.Attempts <= 1
	return nil
}

// pass is what a stage gave to a call or an attempt.
type pass struct {
	ticket policy.Ticket
	asked  bool          // the breaker gave the ticket
	at     time.Time     // when, in the outer stage
	limit  time.Duration // what the breaker allows an attempt; 0 is no limit
}

// enter asks for a place and for the breaker's leave, in the stage's order, and fills
// p, which is empty, with what it gets.
func (g *Guard) enter(s library.Stage, p *pass) *Rejection {
	if !s.Limit && !s.Breaker {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	full := s.Limit && g.inFlight >= g.max
	if full && s.LimitFirst {
		return g.reject(reasonBusy)
	}
	if s.Breaker {
		now := g.advance()
		ticket, verdict := g.breaker.Allow(now, g.rand())
		g.settle(now)
		if !verdict.Admitted {
			return g.reject(verdict.Reason)
		}
		if full {
			g.breaker.Record(now, ticket, policy.Outcome{Code: policy.Busy})
			g.settle(now)
		}
		*p = pass{ticket, true, now, verdict.Limit}
	}
	if full {
		return g.reject(reasonBusy)
	}
	if s.Limit {
		g.inFlight++
	}
	return nil
}

// reject counts a rejection. The lock is held.
func (g *Guard) reject(reason string) *Rejection {
	g.meter.Count(g.counters.reject, 1)
	return &Rejection{Edge: g.edge, Reason: reason}
}

// release gives back the place of an attempt that has really ended, which may be
// long after its caller went on.
func (g *Guard) release() {
	if g.inner.Limit {
		g.mu.Lock()
		g.inFlight--
		g.mu.Unlock()
	}
}

// leave ends a call that passed the outer stage. Its place is free when the caller
// has its answer: out there nobody knows of an attempt left running.
func (g *Guard) leave(p *pass, err error) {
	if g.outer.Limit {
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
func (g *Guard) to(p *pass) grpc.ClientConnInterface {
	if g.replicas != nil && p.asked {
		return g.replicas[p.ticket.Host]
	}
	return g.conn
}

// bounds of an attempt that begins now and to which a breaker allows so much.
func (g *Guard) bounds(c *call, allowed time.Duration) library.Bounds {
	left, _ := g.left(c)
	return g.limits.Bounds(allowed, c.limit, left)
}

// left is what is left of a call's total time limit; false when there is none.
func (g *Guard) left(c *call) (time.Duration, bool) {
	if c.end.IsZero() {
		return 0, false
	}
	return c.end.Sub(g.clock.Now()), true
}

// timedOut is the error of a call whose caller's own timer ran out.
func (g *Guard) timedOut(b library.Bounds) *TimeoutError {
	switch {
	case b.Total:
		return g.limits.overall
	case b.Wait == g.limits.Call:
		return g.limits.late
	default:
		return timeoutError(g.edge, b.Wait) // the library set one for this call
	}
}

// tooLate is the error of a call whose total time limit ran out between two
// attempts.
func (g *Guard) tooLate() error {
	if g.limits.Ending == library.EndDeadline {
		return status.Errorf(codes.DeadlineExceeded, "%s: no answer within %s", g.edge, g.limits.Total)
	}
	return g.limits.overall
}
