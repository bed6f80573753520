// Package postgres watches the sessions and lock queues of one PostgreSQL
// server: it samples pg_stat_activity and pg_locks about once a second and turns
// the samples into lock waits, blocking sessions, DDL and gauges. The Sampler is
// a pure function of samples; the Collector around it owns the connection.
package postgres

import (
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
)

// Sample is one look at the server.
type Sample struct {
	At    time.Time     // clock_timestamp() of the server, UTC
	Every time.Duration // planned distance to the next sample; a much longer one is a gap. 0 is 1 s
	Took  time.Duration // as the client saw it; 0 when simulated
	// ServerVersion is server_version_num, 150018 for 15.18. Below 140000 the
	// server cannot say since when a session waits.
	ServerVersion int
	ServerStart   time.Time // of the postmaster; zero when unknown
	Cluster       cluster
	Rows          []Row // all sessions but the collector's own

	derived bool // the waiters' blockers are left to be derived
}

// hidden counts the sessions of a sample, and those of which the server shows only
// the name.
func (s Sample) hidden() (sessions, hidden int) {
	for i := range s.Rows {
		if s.Rows[i].Hidden {
			hidden++
		}
	}
	return len(s.Rows), hidden
}

// Row is one session. A prepared transaction that holds awaited locks is a row
// with PID 0.
type Row struct {
	incident.Session
	StateChange time.Time
	// Hidden says that the server shows no more than the user's name, for want of
	// pg_read_all_stats: times, state and query are empty, locks are complete.
	Hidden bool
	Wait   *Wait  // nil when it waits for no lock
	Held   []Lock // granted locks on objects that somebody waits for
}

// Wait is the one lock a session waits for.
type Wait struct {
	Lock
	Since time.Time // pg_locks.waitstart; zero before PostgreSQL 14 and in the first instant of a wait
	// Blockers as pg_blocking_pids says: one level, leaders of parallel groups,
	// possibly repeated. Nil asks the Sampler to derive them from modes and times.
	Blockers []int
	// RowOf is the table of the row for whose sake it waits for a transaction;
	// empty when the server does not tell.
	RowOf string

	behind behind
}

// behind is what the server said of whom a session waits for, now or earlier in the
// same wait, to put a queue into order by. The zero value is the rule.
type behind struct {
	pids []int
	at   time.Time // of the sample
}

// table is what a wait is about, by name.
func (w *Wait) table() string {
	if w.Relation == "" {
		return w.RowOf
	}
	return w.Relation
}

// Lock is one lock, held or wanted.
type Lock struct {
	LockType string // relation, transactionid, tuple, virtualxid, ...
	Relation string // name; "oid 16384" of another database; empty where there is none
	Object   string // what else tells two objects of one type and relation apart; may be empty
	Mode     pglock.Mode
}

// object is what two locks share when they can conflict.
type object struct{ lockType, relation, object string }

func (l Lock) on() object { return object{l.LockType, l.Relation, l.Object} }

// waitStartKnown says whether the server has pg_locks.waitstart.
func (s Sample) waitStartKnown() bool { return s.ServerVersion == 0 || s.ServerVersion >= 140000 }
