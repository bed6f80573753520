// Package policy is what a client does when calls go wrong: time limits,
// retries, breakers. Everything here is a function of time and data: no clock,
// no goroutine, no lock, no I/O. The host brings the time and the dice.
package policy

import "time"

// Policy is the neutral policy of one edge of the pipeline (one caller, one
// callee). The zero value is what the order service had on the night of
// INC-2847: wait for ever, try once, no breaker.
type Policy struct {
	// Timeout is the caller's own timer for one attempt; 0 waits for ever.
	// When it fires the caller goes on; what becomes of the call is Cancel's.
	Timeout time.Duration
	// Deadline is a gRPC deadline for one attempt, sent as grpc-timeout: it ends
	// the call on both sides with DEADLINE_EXCEEDED and cancels work below it,
	// whatever Cancel says. 0 is none.
	Deadline time.Duration
	// Cancel says what happens to a call whose caller has given up.
	Cancel Cancel
	// Keepalive is the HTTP/2 keepalive of the connection under this edge.
	Keepalive Keepalive
	// TCPKeepalive is the time and the interval of TCP keepalive on the connection
	// under this edge; 0 is none. (Go's own dialers and listeners would probe every
	// 15 s: package net, defaultTCPKeepAliveIdle.)
	TCPKeepalive time.Duration
	Retry        Retry
	Breaker      BreakerSpec
	// MaxConcurrent bounds the calls in flight on the caller's side; 0 is no bound.
	MaxConcurrent int
	// Fallback answers in place of a failed or rejected call (for Reserve:
	// inventory_unavailable, HTTP 503 with Retry-After) instead of an error.
	Fallback bool
}

// Shortest is the shortest of the time limits that are set; 0 is no limit.
func Shortest(limits ...time.Duration) time.Duration {
	var s time.Duration
	for _, d := range limits {
		if d > 0 && (s == 0 || d < s) {
			s = d
		}
	}
	return s
}

// Cancel says what happens to a call whose caller has given up.
type Cancel uint8

const (
	// Detach leaves the call running behind its caller, as opossum and the
	// pipeline of INC-2847 do.
	Detach Cancel = iota
	// Propagate cancels it, and all work below it: what idiomatic grpc-go and pgx do.
	Propagate
)

// Keepalive is HTTP/2 PING keepalive as a grpc client does it.
type Keepalive struct {
	Time    time.Duration // a ping after this long without a frame; 0 is no keepalive
	Timeout time.Duration // the connection is dead this long after an unanswered ping; 0 is grpc-go's 20 s
	// WithoutCalls pings also while no call is in flight (grpc-go PermitWithoutStream,
	// grpc-js grpc.keepalive_permit_without_calls).
	WithoutCalls bool
}

// Retry says how often and how soon a failed attempt is made again.
type Retry struct {
	Attempts   int           // all tries, the first included; 0 and 1 try once
	Base       time.Duration // wait before the second attempt; 0 retries at once
	Max        time.Duration // longest wait; 0 is no bound
	Multiplier float64       // growth from wait to wait; 0 is 2
	Jitter     float64       // 0..1: a wait is drawn from [1-Jitter, 1+Jitter] of its length
	Budget     float64       // retries allowed as a share of calls, 0..1; 0 is no budget
}

// BreakerSpec names a library and its own parameters, as the user wrote them.
type BreakerSpec struct {
	Library string            // "opossum", ...; empty is no breaker
	Params  map[string]string // the library's own names and units; an absent one has the library's own default
}
