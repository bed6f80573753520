package sim

import (
	"slices"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/services/order"
)

// Fault is something that goes wrong at a time from the run's beginning.
type Fault interface {
	// Span is from when to when in a run of that length.
	Span(length time.Duration) (from, to time.Duration)
}

// forGood is when something is over that lasts so long, 0 being for good.
func forGood(at, d, length time.Duration) time.Duration {
	if d == 0 || d > length-at { // and at+d may be more than there is
		return length
	}
	return at + d
}

// Lasting says that a fault is not over when the run ends: there is no end of it to
// recover after.
func (sc *Scenario) Lasting() bool {
	return slices.ContainsFunc(sc.Faults, func(f Fault) bool {
		from, to := f.Span(sc.Length)
		return from < to && to == sc.Length
	})
}

// LockTable is a session that takes a table lock and holds it.
type LockTable struct {
	At, Hold  time.Duration
	Table     string
	Mode      pglock.Mode
	PID       int
	User      string
	Statement string
	// Idle says that the session does nothing once it has the lock: it is idle in its
	// transaction.
	Idle bool
}

// RestartService kills a service's processes and connections and starts it again.
type RestartService struct {
	At      time.Duration
	Service string
	Replica int           // of order or inventory, from 1; 0 restarts every one
	Down    time.Duration // until it is started again; connecting is refused meanwhile
	WarmUp  WarmUp        // after its start
	// WhileFailing leaves the service alone when the last checkout was served: what
	// people do who restart what does not work.
	WhileFailing bool
}

// WarmUp is a process being slower after its start: at first Factor times, then less
// and less, in a straight line or exponentially (to 1 % of the excess).
type WarmUp struct {
	For         time.Duration // 0 is none
	Factor      float64
	Exponential bool
}

// CrashLoop is a service that dies, and dies again so long after each start (Up),
// until a time after the first death. As Kubernetes has it, it is started 10 s after
// its death and then twice as late each time, up to five minutes.
type CrashLoop struct {
	At, For time.Duration
	Service string
	Replica int // from 1; 0 is every one
	Up      time.Duration
}

// SlowService makes what a service begins take Factor times as long, in its
// statements and on its processors; For of 0 is for good.
type SlowService struct {
	At, For time.Duration
	Service string
	Replica int // from 1; 0 is every one
	Factor  float64
}

// FailCalls makes a share of the calls of a service be answered UNAVAILABLE as soon as
// they reach it; For of 0 is for good. A call's fate is its own, whatever the policies.
type FailCalls struct {
	At, For time.Duration
	Service string
	Share   float64 // of the calls, 0..1
}

// BlackHole is a path that from one instant on swallows every byte of an edge's
// connections and tells neither end. With For of 0 it is that of the connections as
// they are then, and the next ones are on another path. Else it is the edge's for so
// long, new connections fail too, and what is swallowed is sent again by TCP.
type BlackHole struct {
	At, For time.Duration
	Edge    string // empty is order.inventory
	Way     Way
}

// Way is the direction of what a BlackHole swallows.
type Way uint8

const (
	BothWays Way = iota
	ToServer
	ToClient
)

var wayNames = [...]string{"both ways", "to the server", "to the client"}

func (w Way) String() string { return wayNames[w] }

// BadNetwork makes an edge's messages be lost with a probability, and sent again by
// TCP, and adds a delay to each way; For of 0 is for good.
type BadNetwork struct {
	At, For time.Duration
	Edge    string  // empty is order.inventory
	Loss    float64 // share of the messages, 0..1
	Jitter  Dist    // added to World.NetworkDelay
}

// ResetConnections ends an edge's connections in a way that both ends hear of; they
// are made again.
type ResetConnections struct {
	At   time.Duration
	Edge string // empty is order.inventory
}

// SlowReserve makes the inventory database take so much longer over every article
// that a reservation takes, its session and row locks in hand. Reads are not slowed.
type SlowReserve struct{ At, For, By time.Duration }

// SwitchCheckout is somebody who switches how the shop takes orders. Back to
// order.Sync that is refused while accepted orders are in flight; with Drain the shop
// takes none until they are done, and then switches.
type SwitchCheckout struct {
	At    time.Duration
	To    order.Mode
	Drain bool
}

// Span is how long it is held once it is had.
func (f LockTable) Span(length time.Duration) (from, to time.Duration) {
	return f.At, min(f.At+f.Hold, length)
}

// Span is until the service is as it was.
func (f RestartService) Span(length time.Duration) (from, to time.Duration) {
	return f.At, min(f.At+f.Down+f.WarmUp.For, length)
}

// Span is until the last death.
func (f CrashLoop) Span(length time.Duration) (from, to time.Duration) {
	return f.At, min(f.At+f.For, length)
}

// Span is as long as it is slow.
func (f SlowService) Span(length time.Duration) (from, to time.Duration) {
	return f.At, forGood(f.At, f.For, length)
}

// Span is as long as they fail.
func (f FailCalls) Span(length time.Duration) (from, to time.Duration) {
	return f.At, forGood(f.At, f.For, length)
}

// Span is as long as they are slow.
func (f SlowReserve) Span(length time.Duration) (from, to time.Duration) {
	return f.At, min(f.At+f.For, length)
}

// Span is as long as nothing gets through; one of present connections is an instant.
func (f BlackHole) Span(length time.Duration) (from, to time.Duration) {
	return f.At, min(f.At+f.For, length)
}

// Span is as long as the network is bad.
func (f BadNetwork) Span(length time.Duration) (from, to time.Duration) {
	return f.At, forGood(f.At, f.For, length)
}

// Span is an instant.
func (f ResetConnections) Span(time.Duration) (from, to time.Duration) { return f.At, f.At }

// Span is an instant.
func (f SwitchCheckout) Span(time.Duration) (from, to time.Duration) { return f.At, f.At }
