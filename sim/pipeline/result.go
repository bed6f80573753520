package pipeline

import (
	"time"

	"tripcurve/sim"
)

// Result is what a run gave. Series have one value per second of the run.
type Result struct {
	Name       string
	Seed       uint64
	Start      time.Time
	Length     time.Duration
	Requests   []RequestResult
	Endpoints  []EndpointResult
	Edges      []EdgeResult
	Pools      []PoolResult
	Databases  []DatabaseResult
	Queues     []QueueResult
	Events     []sim.Event
	Breakers   []sim.BreakerTrack
	Disturbed  bool      // requests failed after the first fault began
	TriggerEnd time.Time // the last fault was over, or began that is for good; zero without faults
	Lasting    bool      // a fault is not over when the run ends
	// RecoveredAt is when requests succeed again for good after the first fault
	// began; zero when none failed or when they never recovered.
	RecoveredAt time.Time
	// KernelEvents counts what the kernel processed, for benchmarks.
	KernelEvents uint64
}

// RequestResult is what one kind of client saw of one of its requests. Started =
// OK + Failed + Rejected + InFlight.
type RequestResult struct {
	Client, Endpoint string
	Started          int
	OK               int // answered well, within the client's patience
	Failed           int // anything else, but for the rejected
	Rejected         int // the last answer was a breaker's, or a limit's, rejection
	InFlight         int // unfinished at the end of the run
	// Parts of Failed.
	Late     int // answered well, too late
	TimedOut int // nobody answered in time
	Degraded int // a fallback answered
	HungUp   int // the client gave up
	// How long clients waited for an answer, over all answers.
	Mean, P50, P99, Max time.Duration
	// By second: started by their start, the rest by their end.
	StartedAt, OKAt, FailedAt, RejectedAt []int32
	InFlightAt                            []int32 // at the end of each second
}

// EndpointResult is what one endpoint did, for whomever.
type EndpointResult struct {
	Name       string
	Calls      int
	OK, Failed int
	TurnedAway int // of Failed: there was neither a worker nor a place to wait for one
	Killed     int // ended with their process
	InFlight   int
	Mean       time.Duration
	P50, P99   time.Duration
}

// EdgeResult is the calls over one edge, all replicas together.
type EdgeResult struct {
	Name        string
	Calls       int
	Attempts    int // that were let through
	OK          int // calls
	Rejected    int // attempts, by the breaker or a limit
	TimedOut    int // attempts
	StreamWaits int // attempts that waited for a stream
	Streams     []int32
	StreamsMax  int32   // at any instant, which may lie between two of Streams
	Waiting     []int32 // for a stream
}

// PoolResult is one pool, all replicas together.
type PoolResult struct {
	Name     string
	Size     int // connections over all replicas; Unbounded never runs out
	Waited   int // requests that found none free
	TimedOut int // that waited, for a connection or a lock, as long as the pool allows
	FullAt   time.Time
	InUse    []int32
	Waiting  []int32
	// The most at any instant, which may lie between two of the series.
	InUseMax, WaitingMax int32
}

// DatabaseResult is the lock waits in one database.
type DatabaseResult struct {
	Name       string
	LockWaits  int
	Waiters    []int32
	WaitersMax int32
}

// QueueResult is one queue.
type QueueResult struct {
	Name                               string
	Enqueued, Done, Retried, Discarded int
	Depth                              []int32 // ready and not taken, at the end of each second
	DepthMax                           int32   // at any instant
}

// Recovery is how long after TriggerEnd requests succeeded again for good;
// failed is false when none failed, and recovered when the run ended before: took is
// then how long was watched.
func (r *Result) Recovery() (took time.Duration, recovered, failed bool) {
	switch {
	case !r.Disturbed:
		return 0, false, false
	case r.RecoveredAt.IsZero():
		return max(0, r.Start.Add(r.Length).Sub(r.TriggerEnd)), false, true
	default:
		return max(0, r.RecoveredAt.Sub(r.TriggerEnd)), true, true
	}
}
