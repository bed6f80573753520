package host

import (
	"slices"
	"time"

	"google.golang.org/grpc"
)

// Trace is a call option that takes down every attempt of one guarded call, for
// an access log. It is read after the call; a Trace serves one call at a time.
type Trace struct {
	grpc.EmptyCallOption
	Attempts []Attempt
	room     [3]Attempt // of Attempts, where there are no more
	self     [1]grpc.CallOption
}

// Reset makes the trace ready for the next call. What Attempts held is overwritten.
func (t *Trace) Reset() { t.Attempts = nil }

// Option is the trace as the options of the call that it takes down.
func (t *Trace) Option() []grpc.CallOption {
	t.self[0] = t
	return t.self[:]
}

func (t *Trace) add(a Attempt) {
	if t.Attempts == nil {
		t.Attempts = t.room[:0]
	}
	t.Attempts = append(t.Attempts, a)
}

// Attempt is one try of a guarded call. One that a breaker rejected is none.
type Attempt struct {
	Start time.Time
	Took  time.Duration
	Err   error
}

// takeTrace finds a trace among the options. It is not handed down, so that a
// guard behind this one does not write into it from an abandoned call.
func takeTrace(opts []grpc.CallOption) (*Trace, []grpc.CallOption) {
	for i, o := range opts {
		if t, ok := o.(*Trace); ok {
			if i == len(opts)-1 {
				return t, opts[:i:i]
			}
			return t, slices.Concat(opts[:i], opts[i+1:])
		}
	}
	return nil, opts
}
