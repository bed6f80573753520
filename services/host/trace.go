package host

import (
	"time"

	"google.golang.org/grpc"
)

// Trace is a call option that takes down every attempt of one guarded call, for
// an access log. It is read after the call; a Trace serves one call at a time.
type Trace struct {
	grpc.EmptyCallOption
	Attempts []Attempt
}

// Attempt is one try of a guarded call. One that a breaker rejected is none.
type Attempt struct {
	Start time.Time
	Took  time.Duration
	Err   error
}

func traceIn(opts []grpc.CallOption) *Trace {
	for _, o := range opts {
		if t, ok := o.(*Trace); ok {
			return t
		}
	}
	return nil
}
