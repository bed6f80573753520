package policy

import (
	"errors"
	"time"
)

// Breaker is a breaker machine exactly as one real library has it. It owns no
// clock: every call brings the time, which never goes backwards. It is not safe
// for concurrent use; a host that is concurrent brings its own lock.
type Breaker interface {
	// Allow asks for one call at now. u in [0,1) is the library's own dice, for
	// those that reject at random or jitter their waits; others ignore it.
	// A call that was admitted must be recorded exactly once with its Ticket.
	Allow(now time.Time, u float64) (Ticket, Verdict)
	// Record tells how an admitted call ended. A call whose caller gave up on
	// the library's own time limit is recorded then, as Timeout, and its late
	// end is not recorded again.
	Record(now time.Time, t Ticket, o Outcome)
	// Advance does what the library's timers would have done up to now.
	Advance(now time.Time)
	// Due is when time alone will next change the state; lazy libraries, whose
	// next call does it, answer false.
	Due() (at time.Time, ok bool)
	// Take hands over the events since the last Take, oldest first. The slice
	// is valid until the next call of any method.
	Take() []Event
	// State is the state without advancing.
	State() State
	// Snapshot is the state and the library's own statistics, for display.
	Snapshot() Snapshot
	// Operate is a manual operation of the library. ErrUnsupported where the
	// library has none such, ErrIllegal where it refuses it in this state.
	Operate(now time.Time, op Operation) error
}

// Ticket says when and in which state an admitted call began, so that a machine
// can tell late results from its own probe's.
type Ticket struct {
	At    time.Time
	State State
	Era   uint64 // the library's generation, where it has one
	Probe bool   // admitted as a half-open probe
	Held  bool   // holds a place of the library's concurrency limit
}

// Verdict is the answer of Allow.
type Verdict struct {
	Admitted bool
	// Reason is the library's own code for a rejection (EOPENBREAKER,
	// ESEMLOCKED, CallNotPermittedException, ...); empty when admitted.
	Reason string
}

// Outcome is how an admitted call ended.
type Outcome struct {
	Code Code
	Took time.Duration
}

// Code classifies an outcome in the terms in which libraries differ.
type Code uint8

const (
	OK         Code = iota
	Failure         // an error the library counts
	Timeout         // the library's own time limit
	Ignored         // neither success nor failure (resilience4j ignoreExceptions, Semian unlisted)
	Unrecorded      // an error that counts as a success (opossum errorFilter, resilience4j recordException false)
	Busy            // the library's own concurrency limit raised inside the call (Semian's bulkhead)
)

// State of a breaker. Libraries without a state of that kind never show it.
type State uint8

const (
	Closed State = iota
	Open
	HalfOpen
	Disabled    // lets everything through
	ForcedOpen  // rejects everything until told otherwise
	MetricsOnly // counts, never trips
	ShutDown    // opossum's shutdown: rejects for good
)

// Operation is a manual operation.
type Operation uint8

const (
	OpOpen Operation = iota
	OpClose
	OpHalfOpen
	OpForceOpen
	OpDisable
	OpEnable
	OpMetricsOnly
	OpReset
	OpShutDown
)

// Event is something the library publishes, under the library's own name.
type Event struct {
	At   time.Time
	Name string
}

// Snapshot is what a breaker shows of itself.
type Snapshot struct {
	State State
	Share float64 // share of calls rejected at random, 0..1 (adaptive libraries; else 0, or 1 when open)
	Stats []Stat  // the library's own statistics in a fixed order
}

// Stat is one statistic under the library's own name. NaN where undefined.
type Stat struct {
	Name  string
	Value float64
}

var (
	// ErrOpen is wrapped by every rejection of a breaker.
	ErrOpen = errors.New("rejected by the breaker")
	// ErrUnsupported is a manual operation that the library does not have.
	ErrUnsupported = errors.New("the library has no such operation")
	// ErrIllegal is a manual operation that the library refuses in this state.
	ErrIllegal = errors.New("the library refuses this in its present state")
)
