// Package host is everything a handler may ask of the world: time, guarded
// connections, randomness, queues and measurements. The same handlers run on
// it over TCP with the wall clock and in the simulator with virtual time.
package host

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
)

// Clock is time as a handler sees it: wall time in production, virtual time in
// the simulator.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, whose error it then returns.
	Sleep(ctx context.Context, d time.Duration) error
	// WithTimeout derives a context that ends after d on this clock.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	// AfterFunc runs f as a process of its own after d.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Race runs f as a process of its own and returns f's error when it ends, or
	// ErrTimeout after d, or ctx's error, whichever is first. f then runs on: what
	// opossum does to a slow call. f's context keeps ctx's values but not its end.
	// d = 0 sets no time limit.
	Race(ctx context.Context, d time.Duration, f func(context.Context) error) error
}

// ErrTimeout is a caller's own timer that ran out before the answer came. It is
// not a gRPC deadline: nobody but the caller knows of it.
var ErrTimeout = errors.New("no answer in time")

// Rand is the only randomness a handler has: one uniform draw in [0,1).
type Rand func() float64

// Meter takes what a handler or a guard measures.
type Meter interface {
	// Count adds n to a counter; 0 says that there is one. name is a constant; labels
	// are key, value pairs.
	Count(name string, n int64, labels ...string)
	// Observe adds one duration to a distribution.
	Observe(name string, d time.Duration, labels ...string)
}

// EventMeter is a Meter that also hears what becomes of the single hosts that a
// proxy's breaker chooses among, under the library's own names ("ejected 0
// CONSECUTIVE_5XX").
type EventMeter interface {
	BreakerEvent(edge string, e policy.Event)
}

// Replicated is a connection to a service of several replicas. Left alone it
// balances over them itself; a breaker that is a proxy's chooses among them.
type Replicated interface {
	grpc.ClientConnInterface
	Replicas() []grpc.ClientConnInterface
}

// Queue is where handlers leave work for later. Both worlds pass the same suite
// (queuetest.Run).
type Queue interface {
	// Enqueue leaves a job: under the context of a transaction of the queue's own
	// database the job is there when that commits, and never when it does not.
	Enqueue(ctx context.Context, j Job) error
	// Counts says how many jobs of a kind there are.
	Counts(ctx context.Context, kind string) (JobCounts, error)
}

// Job is one piece of work for later.
type Job struct {
	Kind string
	Args []byte // a JSON object
	// Unique leaves the job only when no other of its kind with the same args
	// waits, runs, or was done within the last day.
	Unique bool
}

// JobHandler does one job. It is called at least once for every job, and may be
// called again for one that it has done already: a worker may die before that is
// written down. An error is a job to be tried again later.
type JobHandler func(ctx context.Context, args []byte) error

// JobCounts is how many jobs of one kind there are.
type JobCounts struct {
	Waiting int `json:"waiting"` // also for another try
	Running int `json:"running"` // also those whose worker has died, until somebody notices
	Done    int `json:"done"`    // within the last day
	Failed  int `json:"failed"`  // given up after the last try
}

// Left is how many are not over.
func (c JobCounts) Left() int { return c.Waiting + c.Running }

// Statement is one SQL statement of a service and its lock footprint, declared
// once: pgx runs SQL, the simulator takes Lock on Table.
type Statement struct {
	Name  string
	SQL   string
	Table string
	Lock  pglock.Mode
}
