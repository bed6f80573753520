package pipeline

import (
	"google.golang.org/grpc/codes"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
)

// outcome is how a call or a request ended, in one word: it crosses hops as a gRPC
// status does.
type outcome struct {
	code   uint8 // gRPC's
	flags  outcomeFlags
	reject uint16 // who turned it away: an index into the machine's rejections; 0 is nobody
}

type outcomeFlags uint8

const (
	ownTimer  outcomeFlags = 1 << iota // the caller's own timer ran out; no deadline was involved
	overall                            // it was the one over all attempts
	degraded                           // answered by a fallback: asking again is what that is there to prevent
	ofCall                             // the endpoint failed because a call of its did
	abandoned                          // its client hung up
)

const (
	okCode          = uint8(codes.OK)
	canceledCode    = uint8(codes.Canceled)
	deadlineCode    = uint8(codes.DeadlineExceeded)
	unavailableCode = uint8(codes.Unavailable)
)

var (
	answered    = outcome{code: okCode}
	unavailable = outcome{code: unavailableCode}
)

func (o outcome) ok() bool { return o.code == okCode }

// timedOut says whether nobody answered in time: by the caller's own timer or by a
// deadline.
func (o outcome) timedOut() bool { return o.flags&ownTimer != 0 || o.code == deadlineCode }

// business says whether the callee's answer stays the same however often it is
// asked for.
func (o outcome) business() bool {
	switch codes.Code(o.code) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition,
		codes.OutOfRange, codes.PermissionDenied, codes.Unauthenticated:
		return true
	default:
		return false
	}
}

// retryable is services/host.Retryable, and what a fallback answered is not.
func (o outcome) retryable() bool {
	return o.flags&degraded == 0 && (o.timedOut() || o.code == unavailableCode)
}

// onTheWire is what is left of an endpoint's failure at its caller: the callee's own
// business answers and the endpoint's own end as they are, a failed call as
// UNAVAILABLE with whoever turned it away.
func (o outcome) onTheWire() outcome {
	if o.ok() {
		return o
	}
	if o.flags&(ofCall|ownTimer) != 0 && !o.business() {
		o.code = unavailableCode
	}
	if o.code != unavailableCode {
		o.reject = 0
	}
	o.flags &= degraded
	return o
}

// recorded is what a breaker is told of a call that ended by itself.
func (o outcome) recorded() policy.Code {
	switch {
	case o.ok():
		return policy.OK
	case o.business():
		return policy.Unrecorded
	default:
		return policy.Failure
	}
}

// http is the answer as a proxy between the two would see it; 0 when none came.
func (o outcome) http() int { return host.HTTPStatus(codes.Code(o.code)) }
