package pipeline

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// shape is a policy and its library's pieces in the library's order, as
// services/host.Guard has them; the test against the coded handlers holds the two
// together.
type shape struct {
	library.Edge
	policy  policy.Policy
	retries bool // there is a plan to ask
}

func newShape(p policy.Policy, b library.Built) (*shape, error) {
	e, err := library.Compose(p, b)
	if err != nil {
		return nil, err
	}
	return &shape{Edge: e, policy: p, retries: e.Plan.Attempts > 1 || e.Plan.Budget != nil}, nil
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
	if s.Times.Ending == library.EndDeadline {
		return outcome{code: deadlineCode}
	}
	return s.timedOut(true)
}

// record is what the breaker is told.
func (s *shape) record(o outcome, took time.Duration) policy.Outcome {
	switch {
	case o.flags&ownTimer == 0:
		return policy.Outcome{Code: o.recorded(), Took: took, Status: o.http()}
	case s.Times.Unseen && o.flags&overall != 0:
		return policy.Outcome{Code: policy.Unrecorded, Took: took}
	case s.Times.Library || o.flags&overall != 0:
		return policy.Outcome{Code: policy.Timeout, Took: took}
	default:
		return policy.Outcome{Code: policy.Failure, Took: took}
	}
}
