package pipeline

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/retry"
)

// shape is a policy and its library's pieces in the library's order, as
// services/host.Guard composes them; the test against the coded handlers holds the
// two together.
type shape struct {
	policy  policy.Policy
	plan    retry.Plan
	breaker policy.Breaker // nil where there is none
	outer   stage          // what a call passes
	inner   stage          // what each of its attempts passes
	max     int            // calls in flight; 0 is no bound
	retries bool           // there is a plan to ask

	call    time.Duration // of one attempt, the caller's own or the library's; 0 is none
	library bool          // it is the library's
	ending  library.Ending
	hard    time.Duration // the library's on one attempt, where it ends the call below; 0 is none
	total   time.Duration // over all attempts; 0 is none
	unseen  bool          // the breaker does not see total end an attempt
}

// stage is what stands on one side of the retries.
type stage struct {
	limit, breaker bool
	limitFirst     bool // the limit is outside the breaker, which does not see its rejections
}

func newShape(p policy.Policy, b library.Built) (*shape, error) {
	s := &shape{
		policy: p, plan: retry.PlanOf(p.Retry), breaker: b.Breaker, max: p.MaxConcurrent,
		call: p.Timeout, ending: b.Ending, total: b.TotalTimeout, unseen: b.TotalUnseen,
	}
	if b.Retry != nil && b.Retry.Attempts > 1 {
		if p.Retry.Attempts > 1 {
			return nil, fmt.Errorf("the edge makes %d attempts and its %s %d of each: say only one of the two", p.Retry.Attempts, p.Breaker.Library, b.Retry.Attempts)
		}
		s.plan = *b.Retry
	}
	s.retries = s.plan.Attempts > 1 || s.plan.Budget != nil
	if b.MaxConcurrent > 0 && (s.max == 0 || b.MaxConcurrent < s.max) {
		s.max = b.MaxConcurrent
	}
	if b.CallTimeout > 0 && (s.call == 0 || b.CallTimeout <= s.call) {
		s.call, s.library = b.CallTimeout, true
	}
	if s.ending != library.EndByPolicy {
		s.hard = b.CallTimeout
	}
	at := &s.outer
	for _, piece := range library.Complete(b.Order) {
		switch piece {
		case library.Retry:
			at = &s.inner
		case library.Limit:
			at.limit = s.max > 0
			at.limitFirst = !at.breaker
		case library.Breaker:
			at.breaker = s.breaker != nil
		default: // time limits are always where they are here
		}
	}
	return s, nil
}

// bounds are the time limits of one attempt, 0 being none.
type bounds struct {
	wait     time.Duration // the caller waits no longer
	total    bool          // wait is what is left of the total time limit
	ends     bool          // wait ends the call below, too
	deadline time.Duration // a deadline on the call below
}

// bounds of an attempt that begins now, to which a breaker allows so much and a call
// limit outside the retries so much; left is of the total time limit, if there is one.
func (s *shape) bounds(allowed, limit, left time.Duration) bounds {
	b := bounds{wait: policy.Shortest(s.call, limit, allowed), deadline: s.policy.Deadline}
	hard := s.hard
	if s.total > 0 {
		if b.wait == 0 || left <= b.wait {
			b.wait, b.total = left, true
		}
		if s.ending != library.EndByPolicy {
			hard = policy.Shortest(hard, left)
		}
	}
	switch {
	case hard == 0:
	case s.ending == library.EndDeadline:
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

// timedOut is the outcome of an attempt whose caller's own timer ran out.
func (s *shape) timedOut(total bool) outcome {
	o := outcome{code: unavailableCode, flags: ownTimer}
	if total {
		o.flags |= overall
	}
	return o
}

// tooLate is the outcome of a call whose total time limit ran out between two
// attempts.
func (s *shape) tooLate() outcome {
	if s.ending == library.EndDeadline {
		return outcome{code: deadlineCode}
	}
	return s.timedOut(true)
}

// record is what the breaker is told.
func (s *shape) record(o outcome, took time.Duration) policy.Outcome {
	switch {
	case o.flags&ownTimer == 0:
		return policy.Outcome{Code: o.recorded(), Took: took, Status: o.http()}
	case s.unseen && o.flags&overall != 0:
		return policy.Outcome{Code: policy.Unrecorded, Took: took}
	case s.library || o.flags&overall != 0:
		return policy.Outcome{Code: policy.Timeout, Took: took}
	default:
		return policy.Outcome{Code: policy.Failure, Took: took}
	}
}
