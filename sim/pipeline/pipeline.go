// Package pipeline runs pipelines that users describe: services with pools and
// workers, endpoints made of steps, the policy on every edge, clients and faults.
// A description is compiled to a program of steps, and requests run it as state
// machines on the kernel: no coroutines, no pointers, nothing allocated once the
// most requests at a time have been seen. Breakers and retries are the machines of
// internal/policy.
package pipeline

import (
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// Pipeline is a description. The zero value of what is not set is its default.
type Pipeline struct {
	Name     string
	Seed     uint64
	Start    time.Time // UTC instant of the run's beginning
	Length   time.Duration
	Network  sim.Dist // one way, of every edge that has none of its own
	Services []Service
	Edges    []Edge
	// Policies by edge; an edge without one has policy.Policy's zero value.
	Policies policy.Edges
	Clients  []Client
	Faults   []Fault
}

// Service is so many replicas of one program.
type Service struct {
	Name     string
	Replicas int // 0 is 1
	Balance  sim.Balance
	// Workers is how many requests a replica works on at once; 0 is no bound.
	Workers int
	// Backlog is how many more wait for a worker of a replica; further ones are
	// turned away with UNAVAILABLE. Unbounded is no bound.
	Backlog   int
	Pools     []Pool
	Queues    []Queue
	Endpoints []Endpoint
}

// Unbounded stands for a bound that there is not, where 0 means none at all.
const Unbounded = -1

// Pool is the connections that each replica of a service keeps to a database.
type Pool struct {
	Name string
	Size int // connections; Unbounded never runs out
	// Database names what the tables belong to; empty is "<service>.<pool>". Pools
	// with the same database share its tables and locks.
	Database         string
	MaxWait          time.Duration // for a connection; 0 waits as long as the request
	StatementTimeout time.Duration // of one statement, its lock wait included; 0 is none
	LockTimeout      time.Duration // of one lock wait; 0 is none
}

// Queue is work left for later: jobs that some of the service's own workers do.
type Queue struct {
	Name     string
	To       string   // <service>.<endpoint> that does a job; the queue's own service
	Workers  int      // jobs at once over all replicas
	Delay    sim.Dist // until a job that was left can be taken
	Attempts int      // of one job; 0 is 1
	Backoff  time.Duration
}

// Endpoint is what a service does for one kind of request.
type Endpoint struct {
	Name  string
	Steps []Step
}

// Kind of a Step.
type Kind uint8

const (
	Call    Kind = iota // ask another service, and wait for the answer
	Work                // take time
	Lock                // a transaction: locks what it says, runs Steps, gives all back
	Query               // one statement
	Enqueue             // leave a job
)

var kindNames = [...]string{"call", "work", "lock", "query", "enqueue"}

func (k Kind) String() string { return kindNames[k] }

// Step is one thing that an endpoint does.
type Step struct {
	Kind Kind

	// Share is the part of the requests that take the step, 0..1; the rest pass it
	// by.
	Share float64
	// When makes the step depend on how the last call before it ended, which can only
	// have failed where it was told to Continue.
	When When
	// Repeat is how often; 0 is once. BySize is as often as the request is large.
	Repeat int
	BySize bool

	// Of a Call.
	To      string // <service>.<endpoint>
	Edge    string // empty is "<service>.<service called>"
	FanOut  int    // so many calls at once; 0 is 1
	Need    int    // answers that are enough; 0 is all of them
	OnError OnError

	// Of Work and Query.
	Time sim.Dist

	// Of Lock and Query.
	Pool  string
	Table string // empty locks none
	Mode  pglock.Mode
	Rows  int    // one row of so many, all equally likely, is locked until the transaction ends; 0 locks none
	Steps []Step // inside a Lock

	Queue string // of an Enqueue
}

// When is a condition on the last call.
type When uint8

const (
	Always When = iota
	IfOK        // also where no call has been made
	IfFailed
)

// OnError is what becomes of a request whose call failed.
type OnError uint8

const (
	// Fail ends the endpoint with UNAVAILABLE, or with the callee's own answer where
	// that is one of the business.
	Fail OnError = iota
	// Continue goes on with the next step.
	Continue
)

// Edge is what lies between a caller and the service called.
type Edge struct {
	Name     string
	Network  *sim.Dist     // one way; nil is the pipeline's
	Streams  int           // calls open at once on one connection (HTTP/2's quota); 0 is no bound
	IdleDrop time.Duration // the balancer drops flows idle this long, telling neither end; 0 never
	MinPing  time.Duration // the server closes a connection that pings more often; 0 allows any
}

// Client is one kind of client: open, at a rate whatever becomes of the requests,
// or closed, so many users who wait for their answers.
type Client struct {
	Name string
	// Requests are <service>.<endpoint>; each but the first follows when the one
	// before was answered well.
	Requests []string
	Rate     sim.Rate
	Regular  bool // arrivals at even distances, not Poisson

	Users int // closed: so many; then Rate is not looked at
	Think sim.Dist

	// Patience: a later answer is late, and counts as failed; 0 waits for ever.
	Patience time.Duration
	// HangUp: the client gives up at the end of its patience, and its request is
	// cancelled.
	HangUp   bool
	Attempts int // of one request that fails; 0 is 1
	Backoff  time.Duration

	SizeMin, SizeMax int // of its requests, all sizes equally likely; 0 is 1
}

// Fault is something that goes wrong at a time from the run's beginning, for a
// while. 0 is for good, but for a Restart and a Drop.
type Fault struct {
	At, For time.Duration
	What    FaultKind

	Database string // LockTable
	Table    string
	Mode     pglock.Mode
	Endpoint string  // Slow: <service>.<endpoint>
	Edge     string  // Fail, BlackHole, Drop
	Service  string  // Restart
	Client   string  // Traffic
	Replica  int     // Slow, Restart: from 1; 0 is every one
	Factor   float64 // Slow: times take so many times as long; Traffic: so many times the rate
	Share    float64 // Fail: of the calls, 0..1
}

// FaultKind is what goes wrong.
type FaultKind uint8

const (
	LockTable FaultKind = iota // a session outside of the pools takes a table lock and holds it
	Slow                       // an endpoint's work and statements take longer
	FailCalls                  // a share of an edge's calls is answered UNAVAILABLE by the callee
	BlackHole                  // an edge carries nothing, and tells nobody
	Drop                       // the balancer forgets an edge's flows
	Restart                    // a service's processes end, and begin again after For
	Traffic                    // a client's rate is multiplied
)

var faultNames = [...]string{"lock_table", "slow", "fail", "black_hole", "drop", "restart", "traffic"}

func (k FaultKind) String() string { return faultNames[k] }

// FaultNames are the words for the kinds of faults, in order.
func FaultNames() []string { return faultNames[:] }
