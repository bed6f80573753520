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
	options  [2]grpc.CallOption
}

// Reset makes the trace ready for the next call. What Attempts held is overwritten.
func (t *Trace) Reset() { t.Attempts = nil }

// Options are those of a generated client's call and the trace. A generated client puts
// its own before what it is given, in a list that it makes for each call: a call with
// these is made on the guard itself.
func (t *Trace) Options() []grpc.CallOption {
	t.options = [...]grpc.CallOption{grpc.StaticMethod(), t}
	return t.options[:]
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
