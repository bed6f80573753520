// Package sim runs pipelines in virtual time. This package holds what goes in
// (Scenario) and what comes out (Result); vtime is the kernel, world what the
// pipeline stands on, scenario the bundled runs.
package sim

import (
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/order"
)

// Scenario is one run to make. The same Scenario gives the same Result to the
// byte on every machine of one architecture.
type Scenario struct {
	Name   string
	Seed   uint64
	Start  time.Time // UTC instant of the run's beginning
	Length time.Duration
	// Arrivals per second of each kind of client, as straight lines from the
	// beginning to the end of the run; Poisson.
	Checkouts, InventoryReads, OrderReads Ramp
	Load                                  Load // in the place of these, and beside them
	// Arrivals, when there are any, come instead of those drawn from the rates: a
	// list that somebody else made or saw, in the order of time.
	Arrivals []Arrival
	// Patience: a checkout answered later than this counts as late.
	Patience time.Duration
	// Retries is what a customer does whose checkout was not accepted. Every try
	// counts as a checkout of its own.
	Retries CustomerRetries
	// Checkout is how the shop takes orders; empty is order.Sync. What is left to the
	// queue is worked on by the order service.
	Checkout order.Mode
	Faults   []Fault
	Edges    policy.Edges
	// Rollout is what only some replicas of the order service have.
	Rollout Rollout
	World   World
	// Assumed are the values that nobody measured or stated, in words, for
	// whoever shows what the run gave.
	Assumed []string
}

// Ramp is a rate that changes along a straight line.
type Ramp struct{ From, To float64 } // per second

// Arrival is one client.
type Arrival struct {
	At    time.Duration // from the run's beginning
	Route gateway.Route // PostOrder, GetStock or GetOrder
}

// Rollout is a change that has reached the first Replicas of World.OrderReplicas: on
// them the edges that leave the order service and are named in Edges have these
// policies; all other edges and replicas have those of Scenario.Edges. A breaker on
// one replica in four is Replicas 1 of 4.
type Rollout struct {
	Replicas int // 0 is none
	Edges    policy.Edges
}

// World is what the pipeline stands on.
type World struct {
	NetworkDelay     time.Duration // one way, each hop
	PoolSize         int           // Postgres connections of each inventory service
	StreamQuota      int           // concurrent streams of order -> inventory
	IdleDrop         time.Duration // the balancer on order -> inventory drops flows idle this long; 0 never
	MinPing          time.Duration // servers close a connection that pings more often than this (grpc-go's EnforcementPolicy.MinTime, there 5 min); 0 allows any
	StatementTime    time.Duration // mean of one healthy statement; exponential, unless Statements says another
	Statements       Dist          // time of one statement; the zero value leaves it to StatementTime
	PoolWait         time.Duration // for a free one of these; 0 waits as long as the call
	LockTimeout      time.Duration // of their sessions, lock_timeout; 0 is none
	StatementTimeout time.Duration // of their sessions, statement_timeout; 0 is none
	CancelTime       time.Duration // mean for which a cancelled transaction keeps its connection yet
	StockPerSKU      int
	SKUs             int
	ReservationTTL   time.Duration
	// Sweep is how often expired reservations are put back; 0 never. With it
	// inventory is told of what was shipped, which then is sold and does not expire.
	Sweep time.Duration
	// Processors are those of the services whose handlers take time of their own.
	Processors []Processor
	// OrderReplicas is how many order services stand behind the gateway; 0 is 1. Each
	// has breakers and connections of its own (so StreamQuota and IdleDrop hold for
	// each), and all have the one order database.
	OrderReplicas int
	OrderBalance  Balance // of the gateway among them: RoundRobin or LeastRequests
	// OrderAhead is how far the order services' clock is ahead of everybody else's;
	// negative is behind.
	OrderAhead time.Duration
	// InventoryReplicas is how many inventory services have the one database, each
	// through a pool of PoolSize; 0 is 1. Every caller has a connection to each.
	InventoryReplicas int
	// InventoryBalance is how callers choose among them: RoundRobin or LeastRequests. A
	// mesh proxy on the edge (a breaker of envoy, istio or linkerd) chooses itself, among
	// as many hosts as there are replicas, where InventoryReplicas or OrderReplicas says
	// how many that is; else among the hosts that its parameters say.
	InventoryBalance Balance
}

// Processor is what a service has to compute for each call, before its handler begins,
// and on how many cores each replica does that: its calls share them alike. 0 cores
// are as many as it takes.
type Processor struct {
	Service string
	Cores   int
	Work    Dist // of one core
}

// Statement is the time of one.
func (w World) Statement() Dist {
	if w.Statements.A > 0 || w.Statements.Points != nil {
		return w.Statements
	}
	return Dist{Shape: Exponential, A: w.StatementTime}
}

// Replicas is how many order services there are, Inventories how many of inventory.
func (w World) Replicas() int    { return max(w.OrderReplicas, 1) }
func (w World) Inventories() int { return max(w.InventoryReplicas, 1) }

// Result is what a run gave. Series have one value per second of the run.
type Result struct {
	Scenario string
	Seed     uint64
	Start    time.Time
	Length   time.Duration

	// Checkouts by second: Started by their start; Served, Late, Failed (answered,
	// not accepted) and Rejected (failed because a breaker rejected) by their end.
	Started, Served, Late, Failed, Rejected []int
	Answered502                             []int // by end
	InFlight, PoolInUse, StreamsInUse       []int // at the end of each second
	LockWaiters                             []int
	// Backlog is the accepted orders that are left to the queue or in its hands, at the
	// end of each second; nil when the shop never checks out asynchronously.
	Backlog []int

	Orders     Orders
	Left       Left
	Fulfilment Fulfilment
	Waits      Waits
	Endpoints  []Endpoint

	PoolFullAfter   time.Duration // from the first fault to the first full pool; -1 when never full
	First502Started time.Time     // zero when none
	Last502Ended    time.Time
	LockWaitersMax  int
	LockFrom        time.Time
	LockTo          time.Time
	// DeadlineExceeded counts calls that ended with that status anywhere.
	DeadlineExceeded int
	// Orphans are reservations made that no stored order names: their caller never
	// learnt of them, had given up before they were made, or was a second try of a
	// checkout whose first one went through.
	Orphans int
	// OrphansSwept are those whose stock was put back by the end.
	OrphansSwept int
	// ReserveCalls is the load on inventory: Reserve calls that reached it;
	// ReserveCallsPerOrder is that per checkout started while something was wrong.
	ReserveCalls         int
	ReserveCallsPerOrder float64
	// RecoveredAt is when checkouts succeed again for good after the trigger
	// began; zero when they never failed or never recovered.
	RecoveredAt time.Time
	Lasting     bool // a fault is not over when the run ends
	Events      []Event
	Breakers    []BreakerTrack
	// KernelEvents counts what the kernel processed, for benchmarks.
	KernelEvents uint64
}

// Orders counts distinct checkouts by how they ended.
type Orders struct {
	Started      int
	Served       int // accepted within patience
	Late         int // accepted, but too late
	Failed       int // not accepted within patience, for any reason; Late counts
	Answered502  int
	Answered503  int
	Answered504  int
	Rejected     int // last answer was a breaker's rejection
	InFlightLeft int // unfinished at the end of the run
}

// Left is what became of the orders that were accepted and left to the queue.
type Left struct {
	Accepted int
	Declined int // their stock could not be had
	Failed   int // given up by the queue
	InFlight int // at the end of the run
	Most     int // the longest Backlog
	// DrainedAfter is how long after the first lock's end, or after the run's beginning
	// where there is none, the last of those that waited then was done, to the second;
	// -1 when some never were.
	DrainedAfter time.Duration
	// Switched is when the last switch that was asked for took place; zero when none
	// did, and Refused the in-flight count that the last one was refused for.
	Switched time.Time
	Refused  int
}

// Fulfilment is what became of the orders that were paid.
type Fulfilment struct {
	Paid    int // the shop knows of it
	Shipped int // with one parcel
	// Failed were paid before anything went wrong, or early enough before the end,
	// and are not shipped at the end, or with more than one parcel.
	Failed int
}

// Waits is how long customers waited for the answer to a checkout, over
// checkouts started between the trigger and the recovery (or the whole run).
type Waits struct{ P50, P99, Max time.Duration }

// Endpoint is what the gateway's clients saw of one route.
type Endpoint struct {
	Method, Route           string
	Requests, Failed        int
	FirstFailed, LastFailed time.Time // start of the first, end of the last
	P50, P99                time.Duration
}

// Event is one thing that happened in the world, for the timeline.
type Event struct {
	At   time.Time
	Kind string // checkout, lock_taken, pool_full, connection_dropped, connection_dead, slow, lock_released, restart, breaker, recovered
	Text string
}

// TooManyPings is in the text of connection_dead where the server would not have the
// client's keepalive.
const TooManyPings = "the server closed it for too many pings"

// BreakerTrack is the states one breaker went through.
type BreakerTrack struct {
	Edge    string
	Replica string // order-1, order-2, ... where there are several; else empty
	Changes []BreakerChange
}

// BreakerChange is one transition.
type BreakerChange struct {
	At    time.Time
	State policy.State
}
