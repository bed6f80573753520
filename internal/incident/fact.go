// Package incident holds what happened and why we believe it: evidence of one
// shape for live, recorded and simulated sources, findings that name their
// proof, and the timeline. It has no I/O (but for incident/file) and no clock.
package incident

import (
	"time"

	"tripcurve/internal/pglock"
)

// ID names one piece of evidence, stable across runs: "bucket/gateway/POST /api/orders/502/1768487011".
type ID string

// Fact is one piece of evidence. The shapes are Bucket, Latency, Upstream, Episode,
// Series, Histogram, Exemplar, Change and LogFile; there are no others.
type Fact interface {
	ID() ID
	Source() Origin
	fact()
}

// Origin is where a fact was read.
type Origin struct {
	Group string // independence group: "postgres", "gateway", "grpc", "datadog", "people": facts of one group count once
	Name  string // the source: "pg", "access.log"
	File  string // content-based identity of a file, empty for live sources
	From  int64  // byte range in the file, half open; both 0 when it was no file
	To    int64
}

// Endpoint is one method and route template.
type Endpoint struct {
	Method string // "POST"
	Route  string // "/api/inventory/:sku"
}

func (e Endpoint) String() string { return e.Method + " " + e.Route }

// Outcome says how a request ended, in terms that every gateway's log can be
// mapped to.
type Outcome uint8

const (
	OK Outcome = iota
	ClientError
	ClientAbort
	ServerError
	UpstreamTimeout
	UpstreamConnect
	UpstreamReset
	Overload // rejected by a breaker or a full queue
	NoHealthy
	NoRoute
	RateLimited
	LocalReply
)

// Bucket counts requests of one endpoint, status and outcome in one interval,
// by their start and by their end: a request of 30 s is in two buckets.
type Bucket struct {
	At       time.Time     // start of the interval, UTC
	Width    time.Duration // 1 s; 60 s outside incidents
	Endpoint Endpoint
	Status   int // as sent to the client; 0 when nothing was sent
	Outcome  Outcome
	Started  int64
	Ended    int64
	Origin   Origin
}

// Latency is the distribution of how long requests took that ENDED in one
// interval.
type Latency struct {
	At       time.Time
	Width    time.Duration // 10 s; 60 s outside incidents
	Endpoint Endpoint
	Outcome  Outcome
	Sketch   Sketch
	Origin   Origin
}

// Sketch is a mergeable distribution of durations.
type Sketch interface {
	Count() int64
	// Quantile is the interval that holds the q-quantile, q in 0..1. An empty
	// sketch answers the zero Quantile.
	Quantile(q float64) Quantile
	// Merge adds other, which must be of the same kind and accuracy.
	Merge(other Sketch) (Sketch, error)
	MarshalBinary() ([]byte, error)
	// Packed is the same distribution in little memory, to which nothing is added any more:
	// evidence keeps it so.
	Packed() Sketch
}

// Quantile is an interval [Lo, Hi] that holds the true value. Capped means open
// above: at least Lo, for the histogram ends there (Hi is then meaningless). The zero
// value is no data, which a duration of zero is not.
type Quantile struct {
	Lo, Hi time.Duration
	Capped bool
}

// Instantly is the quantile of durations of zero, which a log in whole milliseconds is full
// of: known as closely as a time.Duration tells.
var Instantly = Quantile{Hi: time.Nanosecond}

// EpisodeKind says what an Episode is an interval of.
type EpisodeKind uint8

const (
	// LockWait is one session waiting for a lock: Session, Wanted, Relation,
	// Blockers are set.
	LockWait EpisodeKind = iota
	// SessionState is a session that waits or blocks others, as it was seen:
	// Session is set; Held is the strongest mode by which it blocks somebody.
	SessionState
	// PoolFull is a pool or a stream quota with no free place: Text names it,
	// Value is its size.
	PoolFull
	// Gap is a source that gave no data: Text says why.
	Gap
)

// Episode is something that lasted.
type Episode struct {
	Kind EpisodeKind
	From time.Time
	To   time.Time // of the last observation when Open
	Open bool      // still so at the last observation
	// FromErr and ToErr bound how much earlier it may have begun and how much
	// later it may have ended than From and To say (the sampling interval; 0
	// when the source gave the instant).
	FromErr, ToErr time.Duration

	Session  Session
	Wanted   pglock.Mode
	Held     pglock.Mode
	LockType string // pg_locks.locktype: relation, transactionid, tuple, virtualxid, ...
	Relation string // "stock_reservations"; "oid 16384" when it could not be resolved
	Blockers []Blocker
	Was      []Blocking // who it waited for before the holder changed, oldest first
	Text     string
	Value    float64
	Origin   Origin
}

// Blocker is who a waiter waits for.
type Blocker struct {
	PID  int
	Hard bool        // holds a conflicting lock; else it only waits ahead in the queue (soft)
	Mode pglock.Mode // held (hard) or wanted (soft) mode; None when unknown
}

// Blocking is who a session waited for until an instant.
type Blocking struct {
	Until    time.Time
	Blockers []Blocker
}

// Session is one server session as pg_stat_activity shows it. Times are the
// server's; zero when hidden or unset.
type Session struct {
	PID, LeaderPID                              int
	User, Database, Application, Client         string
	BackendType, State, WaitEventType, WaitName string
	BackendStart, XactStart, QueryStart         time.Time
	Query                                       string // as collected: hostile text, sanitised when rendered
}

// SeriesKind says how a Series is to be read.
type SeriesKind uint8

const (
	Gauge SeriesKind = iota
	Counter
)

// Series is a run of raw samples of one counter or gauge. Facts with the same
// key are continued: the evidence keeps one series per key.
type Series struct {
	Name    string            // "grpc_client_in_flight", "circuit.inventory.open"
	Labels  map[string]string // {"method": "inventory.Inventory/Reserve"}
	Unit    string            // "1", "ms", "s", "bytes"
	Kind    SeriesKind
	Points  []Point // in time order
	Origin  Origin
	Caveat  string // what a reader must know: "recorded when a call ends"
	StartAt time.Time
}

// Point is one sample. A NaN is a sample that the source said it does not have.
type Point struct {
	At time.Time
	V  float64
}

// ExemplarKind says why a request was kept whole.
type ExemplarKind uint8

const (
	FirstFailing ExemplarKind = iota
	LastFailing
	Slowest
	Sampled
	Unparsed // a line that no format understood
)

// Exemplar is one request or line kept whole, with its Origin.
type Exemplar struct {
	Kind       ExemplarKind
	Start, End time.Time // zero when unknown
	Endpoint   Endpoint
	Status     int
	Outcome    Outcome
	Took       time.Duration
	Upstream   string // as Upstream.Name; empty when the log does not name it
	Raw        string // as collected: hostile text, sanitised when rendered
	Note       string // for Unparsed: what was expected where
	Origin     Origin
}

// ChangeKind says what somebody or something changed.
type ChangeKind uint8

const (
	Deploy ChangeKind = iota
	Restart
	DDL
	Config
)

// Change is a change of the system, the raw material of triggers.
type Change struct {
	At     time.Time
	Kind   ChangeKind
	System string // "order", "stock_reservations"
	Text   string
	Origin Origin
}
