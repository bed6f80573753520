package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
)

// ErrBusy is wrapped by a rejection for too many calls in flight.
var ErrBusy = errors.New("too many calls in flight")

// TimeoutError is a call whose caller's own timer ran out. It wraps ErrTimeout.
// Where it leaves a handler unmapped it is UNAVAILABLE and not
// DEADLINE_EXCEEDED, for no deadline was ever set.
type TimeoutError struct {
	Edge  string
	After time.Duration

	status *status.Status // made once where a guard runs into the same limit again and again
}

// timeoutError is a TimeoutError that knows its status.
func timeoutError(edge string, after time.Duration) *TimeoutError {
	e := &TimeoutError{Edge: edge, After: after}
	e.status = e.GRPCStatus()
	return e
}

func (e *TimeoutError) Error() string {
	if e.status != nil {
		return e.status.Message()
	}
	return fmt.Sprintf("%s: no answer within %s", e.Edge, e.After)
}

func (e *TimeoutError) Unwrap() error { return ErrTimeout }

// GRPCStatus is the status that gRPC gives the error when it crosses a hop.
func (e *TimeoutError) GRPCStatus() *status.Status {
	if e.status != nil {
		return e.status
	}
	return status.New(codes.Unavailable, e.Error())
}

// Rejection is a call that the caller's own guard did not let through. It wraps
// policy.ErrOpen, or ErrBusy when the guard's MaxConcurrent was reached.
type Rejection struct {
	Edge string
	// Reason is the library's own code (EOPENBREAKER, CallNotPermittedException,
	// ...), or max_concurrent.
	Reason string
}

// rejectedBy begins the text of every rejection. It is looked for in status
// messages, so that a rejection is still known as one a hop later: a message
// crosses TCP and an in-process connection alike, a Go error value only the latter.
const rejectedBy = "rejected by "

// reasonBusy is the reason of a rejection by the guard itself and not by its breaker.
const reasonBusy = "max_concurrent"

func (e *Rejection) Error() string { return rejectedBy + e.Edge + ": " + e.Reason }

func (e *Rejection) Unwrap() error {
	if e.Reason == reasonBusy {
		return ErrBusy
	}
	return policy.ErrOpen
}

// GRPCStatus is the status that gRPC gives the error when it crosses a hop.
func (e *Rejection) GRPCStatus() *status.Status {
	return status.New(codes.Unavailable, e.Error())
}

// RejectionOf finds the rejection behind an error, whether this process's guard
// made it or one further down whose rejection came back as a status.
func RejectionOf(err error) (*Rejection, bool) {
	if err == nil {
		return nil, false
	}
	if own, ok := errors.AsType[*Rejection](err); ok {
		return own, true
	}
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.Unavailable {
		return nil, false
	}
	_, tail, found := strings.Cut(s.Message(), rejectedBy)
	if !found {
		return nil, false
	}
	edge, reason, found := strings.Cut(tail, ": ")
	if !found {
		return nil, false
	}
	return &Rejection{Edge: edge, Reason: reason}, true
}

// IsTimeout says whether a call ended because nobody answered in time: by the
// caller's own timer or by a deadline.
func IsTimeout(err error) bool {
	return errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		status.Code(err) == codes.DeadlineExceeded
}

// Word is the pipeline's own word in a status message (invalid_cart,
// out_of_stock, ...): what stands before the first colon.
func Word(err error) string {
	s, _ := status.FromError(err)
	word, _, _ := strings.Cut(s.Message(), ":")
	return word
}

// Retryable says whether another attempt may help: a timeout, a deadline or
// UNAVAILABLE. An answer of the business (INVALID_ARGUMENT, FAILED_PRECONDITION,
// NOT_FOUND, ...) stays the same however often it is asked for.
func Retryable(err error) bool {
	if errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}

// codeOf is what a breaker is told of a call that ended by itself. Business
// answers are Unrecorded, which libraries count as successes: in the original an
// out_of_stock came as a normal answer and not as an exception. A cancelled call
// is a failure, as every library here has it unless it is told otherwise.
func codeOf(err error) policy.Code {
	if err == nil {
		return policy.OK
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition,
		codes.OutOfRange, codes.PermissionDenied, codes.Unauthenticated:
		return policy.Unrecorded
	default:
		return policy.Failure
	}
}

// HTTPStatus is an answer of that code as a proxy between the two would see it; 0
// when none came.
func HTTPStatus(code codes.Code) int {
	switch code {
	case codes.OK:
		return 200
	case codes.InvalidArgument, codes.OutOfRange:
		return 400
	case codes.Unauthenticated:
		return 401
	case codes.PermissionDenied:
		return 403
	case codes.NotFound:
		return 404
	case codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted:
		return 409
	case codes.ResourceExhausted:
		return 429
	case codes.Canceled:
		return 0
	case codes.Unavailable:
		return 503
	case codes.DeadlineExceeded:
		return 504
	default:
		return 500
	}
}
