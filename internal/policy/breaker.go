package policy

import (
	"errors"
	"time"
)

// Breaker is a breaker machine exactly as one real library has it. It owns no
// clock: every call brings the time; an earlier time than the last one counts as
// the last one. It is not safe for concurrent use; a host that is concurrent
// brings its own lock.
//
// One Breaker stands for what one caller holds against one dependency. Proxies
// that judge every host of a cluster for itself (Envoy, Linkerd) are one Breaker
// for the cluster: Allow chooses the host and says so in the Ticket.
type Breaker interface {
	// Allow asks for one call at now. u in [0,1) is the library's own dice, for
	// those that reject at random, choose a host or jitter their waits; others
	// ignore it. A wait that begins in Record or Advance is jittered with the
	// last u handed in, so those two need none.
	// A call that was admitted must be recorded exactly once with its Ticket.
	Allow(now time.Time, u float64) (Ticket, Verdict)
	// Record tells how an admitted call ended. A call whose caller gave up on
	// the library's own time limit is recorded then, as Timeout, and its late
	// end is not recorded again.
	Record(now time.Time, t Ticket, o Outcome)
	// Advance does what the library's timers would have done up to now.
	Advance(now time.Time)
	// Due is when time alone will next change the state or the share of calls
	// rejected (a reset timer, a sweep, a controller's tick); lazy libraries,
	// whose next call does it, answer false.
	Due() (at time.Time, ok bool)
	// Take hands over the events since the last Take, oldest first. The slice
	// is valid until the next call of any method. Events are kept until taken,
	// so a host takes after every call.
	Take() []Event
	// State is the state without advancing.
	State() State
	// Snapshot is the state and the library's own statistics, for display.
	Snapshot() Snapshot
	// Operate is a manual operation of the library. ErrUnsupported where the
	// library has none such, ErrIllegal where it refuses it in this state.
	Operate(now time.Time, op Operation) error
}

// Sharer is a Breaker that turns away a share of the calls or judges hosts one by
// one. The others turn away none or all.
type Sharer interface {
	// Share is the share of calls turned away now, 0..1; for a proxy the share of
	// the hosts that get none, whose calls the others take over.
	Share() float64
}

// Chooser is a Breaker that chooses the host that a call goes to (Ticket.Host), as a
// proxy does.
type Chooser interface {
	// Hosts is how many there are.
	Hosts() int
}

// Ticket says when and in which state an admitted call began, so that a machine
// can tell late results from its own probe's.
type Ticket struct {
	At    time.Time
	State State
	Era   uint64 // the library's generation, where it has one
	Probe bool   // admitted as a half-open probe
	Held  bool   // holds a place of the library's concurrency limit
	Host  int    // which host of the cluster the call goes to, from 0, where the library chooses one
}

// Verdict is the answer of Allow.
type Verdict struct {
	Admitted bool
	// Reason is the library's own code for a rejection (EOPENBREAKER,
	// ESEMLOCKED, CallNotPermittedException, ...); empty when admitted.
	Reason string
	// Wait: not admitted now, but to be asked again after the next change of
	// state instead of being rejected (cockatiel above its half-open quota).
	Wait bool
	// Limit shortens the call's own time limit for this call (Semian's
	// half_open_resource_timeout); 0 leaves it alone.
	Limit time.Duration
}

// Outcome is how an admitted call ended.
type Outcome struct {
	Code Code
	Took time.Duration
	// Status is the answer's HTTP status as a proxy sees it, for libraries that
	// tell statuses apart (Envoy, Linkerd, oxy); 0 when there was no answer.
	Status int
	// Local is a failure that arose on the caller's side of the wire: connecting,
	// a reset (Envoy's local origin failures).
	Local bool
}

// Code classifies an outcome in the terms in which libraries differ.
type Code uint8

const (
	OK         Code = iota // the callee answered and all is well
	Failure                // an error the library counts
	Timeout                // the library's own time limit
	Ignored                // neither success nor failure (resilience4j ignoreExceptions, Semian unlisted)
	Unrecorded             // an error that counts as a success (opossum errorFilter, resilience4j recordException false)
	Busy                   // the library's own concurrency limit raised inside the call (Semian's bulkhead)
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
