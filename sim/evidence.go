package sim

import (
	"time"

	"tripcurve/internal/pglock"
)

// PGSession is one session of the simulated database as a sample of
// pg_stat_activity and pg_locks would show it. Times are UTC; zero when unset.
type PGSession struct {
	PID                                int
	User, Database, Application        string
	BackendType, State, Query          string
	WaitEventType, WaitEvent           string // "Lock", "relation" while it waits for a table lock
	BackendStart                       time.Time
	XactStart, QueryStart, StateChange time.Time

	Relation  string      // it waits for; empty when it does not wait
	Wanted    pglock.Mode // None when it does not wait
	WaitStart time.Time
	Blockers  []PGBlocker
	Held      []PGLock // granted table locks
}

// PGLock is one granted table lock.
type PGLock struct {
	Relation string
	Mode     pglock.Mode
}

// PGBlocker is whom a session waits for.
type PGBlocker struct {
	PID  int
	Hard bool        // holds a conflicting lock; else it waits ahead in the queue
	Mode pglock.Mode // held (hard) or wanted (soft)
}

// MethodCounts are the counters of one method as a gRPC client exports them.
type MethodCounts struct {
	Service string    // whose metrics these are: the client
	Since   time.Time // its process began: counters count from there
	Method  string    // /package.Service/Method
	Started int64
	Handled []CodeCount // in the order of the codes; none when no call has ended
}

// CodeCount is how many calls ended with one gRPC status.
type CodeCount struct {
	Code  string // "OK", "Unavailable", ...
	Count int64
}
